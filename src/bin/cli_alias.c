/* `posthouse alias`: other names for mailboxes, and addresses that stand for several. */
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "store/directory.h"

#include <stdio.h>

static int alias_add(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	for (int i = 1; i < c->nargs; i++) {
		if (directory_alias_add(db, cli_arg(c, 0), cli_arg(c, i), &e) < 0)
			return out_fail(&e);
		printf(T("Mail for %.*s also goes to %.*s.\n", "发往 %.*s 的邮件将投递给 %.*s。\n"),
			SFMT(cli_arg(c, 0)), SFMT(cli_arg(c, i)));
	}
	return CLI_OK;
}

static int alias_remove(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_alias_remove(db, cli_arg(c, 0), cli_arg(c, 1), &e) < 0)
		return out_fail(&e);
	printf(T("Alias %.*s removed.\n", "已删除别名 %.*s。\n"), SFMT(cli_arg(c, 0)));
	return CLI_OK;
}

static int alias_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct alias *v;
	struct listing l;
	size_t n;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_aliases(db, cli_arg(c, 0), &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("ALIAS", "别名"), T("TARGET", "目标")};
	listing_begin(&l, c->cli->json, "aliases", heads, 2);
	for (size_t i = 0; i < n; i++) {
		if (l.json) {
			json_open_object(&l.j, NULL);
			json_text(&l.j, "address", v[i].address);
			json_text(&l.j, "target", v[i].target);
			json_close(&l.j, '}');
			continue;
		}
		table_cell(l.table, out_address(v[i].address, &env.mem));
		table_cell(l.table, out_address(v[i].target, &env.mem));
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

const struct cli_verb alias_verbs[] = {
	{"add", alias_add, "ADDRESS TARGET...", 2, -1, false, NULL,
		"Gives an address without mailbox one or more targets.",
		"为没有邮箱的地址设置一个或多个目标。",
		"Targets may be here or elsewhere, and may be aliases themselves. \"@domain\" "
		"stands for every\n"
		"address of the domain that does not exist.\n\n"
		"  posthouse alias add info@example.org alice@example.org bob@example.org\n"
		"  posthouse alias add @example.org alice@example.org",
		"目标可以在本机或别处，也可以是别名。\"@域名\" 代表该域中所有不存在的地址。\n\n"
		"  posthouse alias add info@example.org alice@example.org bob@example.org\n"
		"  posthouse alias add @example.org alice@example.org"},
	{"list", alias_list, "[DOMAIN]", 0, 1, true, NULL,
		"Lists the aliases, of one domain or all.", "列出别名（某个域的或全部）。", NULL,
		NULL},
	{"remove", alias_remove, "ADDRESS [TARGET]", 1, 2, false, NULL,
		"Removes one target, or the whole alias.", "删除别名的一个目标或整个别名。", NULL,
		NULL},
	CLI_VERBS_END,
};
