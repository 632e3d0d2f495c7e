/* `posthouse account delete`, `recover`, `remove`: accounts that go, for a time or for good. */
#include "bin/cli_account.h"

#include "base/mem.h"
#include "bin/account_purge.h"
#include "bin/cli_tty.h"
#include "store/mailbox.h"

#include <stdio.h>
#include <unistd.h>

enum { NOTICED_USEC = 1200 * 1000 }; /* servers see changes of the directory within a second */

int account_delete(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	char text[OUT_TEXT];
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	const struct directory_conf *conf = conf_get(env.config.conf, &directory_section);
	for (int i = 0; i < c->nargs; i++) {
		if (directory_account_delete(db, cli_arg(c, i), &e) < 0)
			return out_fail(&e);
		printf(T("Account %.*s deleted; it can be recovered for %s.\n",
			       "已删除帐号 %.*s；%s内可以恢复。\n"),
			SFMT(cli_arg(c, i)), out_age(conf->keep_deleted, text));
	}
	return CLI_OK;
}

int account_recover(struct cli_call *c)
{
	return cli_directory_each(c, directory_account_recover,
		T("Account %.*s is back, with its mail and password.\n",
			"已恢复帐号 %.*s 及其邮件和密码。\n"));
}

/* ---- for good ---- */

/* An exit code: may it go, with what is in it? */
static int check_mail(struct cli_call *c, struct cli_env *env, const struct account *a)
{
	uint64_t bytes, messages;
	struct err e;
	char text[OUT_TEXT];
	struct sql *shard = cli_env_shard(env, a->id, &e);
	if (!shard)
		return out_fail(&e);
	int r = mailbox_usage(shard, a->id, &bytes, &messages, &e);
	sql_close(shard);
	if (r < 0)
		return out_fail(&e);
	if (messages == 0 || cli_flag(c, "with-mail"))
		return CLI_OK;
	fprintf(stderr,
		T("posthouse: the mailbox holds %llu messages (%s): export saves them, "
		  "--with-mail deletes them\n",
			"posthouse: 邮箱中有 %llu 封邮件（%s）：可用 export 保存，"
			"或以 --with-mail 一并删除\n"),
		(unsigned long long)messages, out_size(bytes, text));
	return CLI_FAILED;
}

/* Nothing comes in any more before the last look. An exit code. */
static int close_and_remove(
	struct cli_call *c, struct cli_env *env, struct sql *db, const struct account *a)
{
	struct err e;
	if (!a->deleted_at) {
		if (directory_account_delete(db, a->address, &e) < 0)
			return out_fail(&e);
		usleep(NOTICED_USEC);
	}
	int code = check_mail(c, env, a);
	if (code == CLI_OK && account_purge(env->config.server->data, db, a, true, &e) < 0)
		code = out_fail(&e);
	if (code == CLI_OK)
		printf(T("Account %.*s removed.\n", "已删除帐号 %.*s。\n"), SFMT(a->address));
	else if (!a->deleted_at && directory_account_recover(db, a->address, &e) < 0)
		out_fail(&e);
	return code;
}

static int find(struct sql *db, slice address, struct arena *a, struct account *ret, struct err *e)
{
	if (directory_account(db, address, a, ret, e) == 0)
		return directory_account_may_go(db, ret->address, e);
	struct err other;
	return e->kind == ERR_NOTFOUND ? directory_deleted(db, address, a, ret, &other) : -1;
}

int account_remove(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct account a;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (find(db, cli_arg(c, 0), &env.mem, &a, &e) < 0)
		return out_fail(&e);
	code = check_mail(c, &env, &a);
	if (code == CLI_OK && cli_flag(c, "with-mail") && !cli_flag(c, "yes") &&
		!tty_confirm(T("Delete the account and all its mail for good?",
			"永久删除此帐号及其全部邮件？")))
		code = out_usage(T("nothing was changed; --yes does it without asking",
			"未作任何更改；--yes 可不经询问直接执行"));
	return code == CLI_OK ? close_and_remove(c, &env, db, &a) : code;
}
