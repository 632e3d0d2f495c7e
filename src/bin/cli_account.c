/* `posthouse account` and `posthouse alias`: who has a mailbox here, and other names for them. */
#include "bin/cli_tty.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "store/directory.h"
#include "store/mailbox.h"

#include <stdio.h>

/* Opens the directory, or complains: NULL, and *ret_code. */
static struct sql *open_directory(struct cli_call *c, struct cli_env *env, int *ret_code)
{
	struct err e;
	if (cli_env_open(c->cli, env, ret_code) < 0)
		return NULL;
	struct sql *db = cli_env_db(env, DB_DIRECTORY, &e);
	if (!db)
		*ret_code = out_fail(&e);
	return db;
}

static int account_add(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct account found;
	slice password, address = cli_arg(c, 0);
	int code;
	struct sql *db = open_directory(c, &env, &code);
	if (!db)
		return code;
	if (directory_account(db, address, &env.mem, &found, &e) ==
		0) { /* before anybody types a password */
		err_set(&e, ERR_EXISTS, "account %.*s exists already", SFMT(found.address));
		return out_fail(&e);
	}
	if (tty_new_password(cli_flag(c, "stdin"), &env.mem, &password, &e) < 0 ||
		directory_account_add(db, address, cli_option_text(c, "name"), password, &e) < 0)
		return out_fail(&e);
	printf(T("Account %.*s added.\n", "已添加帐号 %.*s。\n"), SFMT(address));
	return CLI_OK;
}

static int account_passwd(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct account found;
	slice password;
	int code;
	struct sql *db = open_directory(c, &env, &code);
	if (!db)
		return code;
	if (directory_account(db, cli_arg(c, 0), &env.mem, &found, &e) < 0 ||
		tty_new_password(cli_flag(c, "stdin"), &env.mem, &password, &e) < 0 ||
		directory_password(db, cli_arg(c, 0), password, &e) < 0)
		return out_fail(&e);
	printf(T("Password of %.*s changed.\n", "已修改 %.*s 的密码。\n"), SFMT(found.address));
	return CLI_OK;
}

static int set_disabled(struct cli_call *c, bool disabled)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	struct sql *db = open_directory(c, &env, &code);
	if (!db)
		return code;
	for (int i = 0; i < c->nargs; i++) {
		if (directory_account_disable(db, cli_arg(c, i), disabled, &e) < 0)
			return out_fail(&e);
		printf(disabled ? T("Account %.*s disabled.\n", "已停用帐号 %.*s。\n")
				: T("Account %.*s enabled.\n", "已启用帐号 %.*s。\n"),
			SFMT(cli_arg(c, i)));
	}
	return CLI_OK;
}

static int account_disable(struct cli_call *c)
{
	return set_disabled(c, true);
}

static int account_enable(struct cli_call *c)
{
	return set_disabled(c, false);
}

struct usage {
	struct cli_env *env;
	struct sql *shard[MAILBOX_SHARDS];
	bool wanted;
};

static int usage_of(
	struct usage *u, int64_t id, uint64_t *ret_bytes, uint64_t *ret_messages, struct err *e)
{
	struct sql **db = &u->shard[mailbox_shard(id)];
	*ret_bytes = *ret_messages = 0;
	if (!u->wanted)
		return 0;
	if (!*db && !(*db = cli_env_shard(u->env, id, e)))
		return -1;
	return mailbox_usage(*db, id, ret_bytes, ret_messages, e);
}

static int print_account(struct listing *l, struct usage *u, const struct account *a, struct err *e)
{
	char text[OUT_TEXT];
	uint64_t bytes, messages;
	if (usage_of(u, a->id, &bytes, &messages, e) < 0)
		return -1;
	if (l->json) {
		json_object(&l->j, NULL);
		json_int(&l->j, "id", a->id);
		json_text(&l->j, "address", a->address);
		json_text(&l->j, "name", a->name);
		json_bool(&l->j, "disabled", a->disabled);
		json_time(&l->j, "created_at", a->created_at);
		if (u->wanted) {
			json_int(&l->j, "messages", (int64_t)messages);
			json_int(&l->j, "bytes", (int64_t)bytes);
		}
		json_close(&l->j, '}');
		return 0;
	}
	table_cell(l->table, out_address(a->address, &u->env->mem));
	table_cell(l->table, a->name);
	table_cell(l->table, slice_z(a->disabled ? T("disabled", "停用") : T("active", "正常")));
	if (u->wanted) {
		table_cellf(l->table, "%llu", (unsigned long long)messages);
		table_cell(l->table, slice_z(out_size(bytes, text)));
	}
	table_cell(l->table, slice_z(out_time(a->created_at, text)));
	return 0;
}

static int account_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct account *v;
	struct listing l;
	struct usage u = {.env = &env, .wanted = cli_flag(c, "usage")};
	size_t n;
	int code, r = 0;
	struct sql *db = open_directory(c, &env, &code);
	if (!db)
		return code;
	if (directory_accounts(db, cli_arg(c, 0), &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("ADDRESS", "地址"), T("NAME", "姓名"), T("STATE", "状态"),
		T("CREATED", "创建时间")};
	const char *const wide[] = {heads[0], heads[1], heads[2], T(">MAILS", ">邮件数"),
		T(">SIZE", ">大小"), heads[3]};
	listing_begin(&l, c->cli->json, "accounts", u.wanted ? wide : heads, u.wanted ? 6 : 4);
	for (size_t i = 0; i < n && r == 0; i++)
		r = print_account(&l, &u, &v[i], &e);
	listing_end_rows(&l);
	listing_end(&l);
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		sql_close(u.shard[i]);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

/* ---- aliases ---- */

static int alias_add(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	struct sql *db = open_directory(c, &env, &code);
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
	struct sql *db = open_directory(c, &env, &code);
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
	struct sql *db = open_directory(c, &env, &code);
	if (!db)
		return code;
	if (directory_aliases(db, cli_arg(c, 0), &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("ALIAS", "别名"), T("TARGET", "目标")};
	listing_begin(&l, c->cli->json, "aliases", heads, 2);
	for (size_t i = 0; i < n; i++) {
		if (l.json) {
			json_object(&l.j, NULL);
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

/* ---- tables ---- */

static const struct cli_option add_options[] = {
	{"name", "TEXT", "the person's name", "姓名"},
	{"stdin", NULL, "read the password from the first line of stdin",
		"从标准输入的第一行读取密码"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option passwd_options[] = {
	{"stdin", NULL, "read the password from the first line of stdin",
		"从标准输入的第一行读取密码"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option list_options[] = {
	{"usage", NULL, "with messages and bytes of each mailbox",
		"同时显示每个邮箱的邮件数和大小"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb account_verbs[] = {
	{"add", account_add, "ADDRESS", 1, 1, false, add_options,
		"Makes a mailbox in a domain that is here.", "在本机的域中创建邮箱帐号。",
		"The password is asked on the terminal, or read from stdin; it is kept only as "
		"argon2id and\n"
		"SCRAM-SHA-256 verifiers.\n\n"
		"  posthouse account add alice@example.org --name \"Alice Wang\"\n"
		"  pwgen 16 1 | posthouse account add bob@example.org --stdin",
		"密码在终端上询问,或从标准输入读取;只保存 argon2id 和 SCRAM-SHA-256 校验值。\n\n"
		"  posthouse account add alice@example.org --name \"王小丽\"\n"
		"  pwgen 16 1 | posthouse account add bob@example.org --stdin"},
	{"list", account_list, "[DOMAIN]", 0, 1, true, list_options,
		"Lists the accounts, of one domain or all.", "列出帐号(某个域的或全部)。", NULL,
		NULL},
	{"passwd", account_passwd, "ADDRESS", 1, 1, false, passwd_options,
		"Changes an account's password.", "修改帐号密码。", NULL, NULL},
	{"disable", account_disable, "ADDRESS...", 1, -1, false, NULL,
		"Refuses the account's mail and logins; its messages stay.",
		"停用帐号:拒收其邮件和登录,已有邮件保留。", NULL, NULL},
	{"enable", account_enable, "ADDRESS...", 1, -1, false, NULL, "Undoes disable.",
		"重新启用帐号。", NULL, NULL},
	CLI_VERBS_END,
};

const struct cli_verb alias_verbs[] = {
	{"add", alias_add, "ADDRESS TARGET...", 2, -1, false, NULL,
		"Gives an address without mailbox one or more targets.",
		"为没有邮箱的地址设置一个或多个目标。",
		"Targets may be here or elsewhere, and may be aliases themselves. \"@domain\" "
		"stands for every\n"
		"address of the domain that does not exist.\n\n"
		"  posthouse alias add info@example.org alice@example.org bob@example.org\n"
		"  posthouse alias add @example.org alice@example.org",
		"目标可以在本机或别处,也可以是别名。\"@域名\" 代表该域中所有不存在的地址。\n\n"
		"  posthouse alias add info@example.org alice@example.org bob@example.org\n"
		"  posthouse alias add @example.org alice@example.org"},
	{"list", alias_list, "[DOMAIN]", 0, 1, true, NULL,
		"Lists the aliases, of one domain or all.", "列出别名(某个域的或全部)。", NULL,
		NULL},
	{"remove", alias_remove, "ADDRESS [TARGET]", 1, 2, false, NULL,
		"Removes one target, or the whole alias.", "删除别名的一个目标或整个别名。", NULL,
		NULL},
	CLI_VERBS_END,
};
