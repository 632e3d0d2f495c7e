/*
 * `posthouse account rename` and `posthouse domain rename` (store/rename.h). The change itself is one transaction; what follows in other
 * databases is done at once, and by the keeper if we are killed. What people wrote themselves is not touched: they are told where
 * the former name stands.
 */
#include "bin/cli_rename.h"

#include "base/mem.h"
#include "bin/cli_dkim.h"
#include "bin/cli_env.h"
#include "bin/cli_out.h"
#include "bin/rename_run.h"
#include "store/rename.h"

#include <stdio.h>

const struct cli_option rename_options[] = {
	{"no-alias", NULL, "mail to the former address does not arrive any more",
		"不再接收发往原地址的邮件"},
	{NULL, NULL, NULL, NULL},
};

static bool in_configuration(const struct config *c, slice what)
{
	AUTO(buf) struct buf text = BUF(4 << 20);
	conf_print(c->conf, CONF_SHOW_CHANGED, &text);
	slice all = buf_slice(&text);
	return memmem(all.p, all.n, what.p, what.n) != NULL;
}

/* Where people wrote the former name themselves. */
static int tell_mentions(struct cli_env *env, struct sql *db, slice what, struct err *e)
{
	struct rename_mentions m;
	if (rename_mentioned(db, what, &m, e) < 0)
		return -1;
	if (m.policies)
		printf(T("The policies name %.*s: posthouse policy edit\n",
			       "策略中写有 %.*s：posthouse policy edit\n"),
			SFMT(what));
	if (m.scripts)
		printf(T("%llu scripts of rules name %.*s.\n", "%llu 个规则脚本中写有 %.*s。\n"),
			(unsigned long long)m.scripts, SFMT(what));
	if (m.senders)
		printf(T("%llu entries of sender lists name %.*s: posthouse list\n",
			       "发件人名单中有 %llu 条写有 %.*s：posthouse list\n"),
			(unsigned long long)m.senders, SFMT(what));
	if (in_configuration(&env->config, what))
		printf(T("The configuration names %.*s.\n", "配置文件中写有 %.*s。\n"), SFMT(what));
	return 0;
}

/* What another change left to follow (whoever made it was killed) goes first: an address that is given again must not be taken for its former owner's. */
static int follow_earlier(struct cli_env *env, struct sql *db, struct err *e)
{
	return rename_run(env->config.server->data, db, e);
}

static int follow(struct cli_env *env, struct sql *db, slice former, struct err *e)
{
	if (rename_run(env->config.server->data, db, e) < 0 ||
		tell_mentions(env, db, former, e) < 0)
		return out_fail(e);
	return CLI_OK;
}

int account_rename(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct account v;
	slice to;
	int code;
	bool keep = !cli_flag(c, "no-alias");
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (follow_earlier(&env, db, &e) < 0 ||
		directory_account(db, cli_arg(c, 0), &env.mem, &v, &e) < 0 ||
		directory_account_rename(
			db, v.address, cli_arg(c, 1), keep, cli_env_administrator(&env), &e) < 0)
		return out_fail(&e);
	if (!directory_canonical(cli_arg(c, 1), &env.mem, &to))
		to = cli_arg(c, 1);
	printf(keep ? T("%.*s is %.*s now; mail to the former address still arrives.\n",
			      "%.*s 现为 %.*s；发往原地址的邮件照常送达。\n")
		    : T("%.*s is %.*s now.\n", "%.*s 现为 %.*s。\n"),
		SFMT(v.address), SFMT(to));
	return follow(&env, db, v.address, &e);
}

/* Mail in the new name is signed; keys of the former stay while it stands for the new one. */
static int change_keys(struct cli_env *env, slice from, slice to, bool keep, struct err *e)
{
	struct keyring_key keys[2];
	int n = dkim_make_usual(env->config.server->data, to, &env->mem, keys, e);
	if (n < 0)
		return -1;
	printf(T("Records to publish: posthouse domain dns %.*s\n",
		       "应发布的记录见：posthouse domain dns %.*s\n"),
		SFMT(to));
	return keep ? 0 : dkim_retire_all(env->config.server->data, from, &env->mem, e);
}

int domain_rename(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct domain from, to;
	int code;
	bool keep = !cli_flag(c, "no-alias");
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (follow_earlier(&env, db, &e) < 0 ||
		directory_domain(db, cli_arg(c, 0), &env.mem, &from, &e) < 0 ||
		directory_domain_rename(
			db, from.name, cli_arg(c, 1), keep, cli_env_administrator(&env), &e) < 0 ||
		directory_domain(db, cli_arg(c, 1), &env.mem, &to, &e) < 0)
		return out_fail(&e);
	printf(keep ? T("Domain %.*s is %.*s now; the former name stands for it.\n",
			      "域 %.*s 现为 %.*s；原域名是其别名域。\n")
		    : T("Domain %.*s is %.*s now.\n", "域 %.*s 现为 %.*s。\n"),
		SFMT(from.name), SFMT(to.name));
	if (change_keys(&env, from.name, to.name, keep, &e) < 0)
		return out_fail(&e);
	return follow(&env, db, arena_printf(&env.mem, "@%.*s", SFMT(from.name)), &e);
}
