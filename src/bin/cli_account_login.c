/*
 * `posthouse account passwd|suspend|resume`: passwords by the rules of section [password], accounts that may not log in until
 * somebody has looked. What programs use is in cli_app_password.c, codes in cli_second_factor.c.
 */
#include "bin/cli_account_login.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_tty.h"
#include "store/directory.h"
#include "store/password_rule.h"
#include <stdio.h>

const struct password_rule *cli_password_rule(const struct cli_env *env)
{
	return conf_get(env->config.conf, &password_section);
}

int cli_login_open(struct cli_call *c, struct cli_login_env *ret, slice address)
{
	struct err e;
	int code;
	struct sql *directory = cli_env_directory(c->cli, &ret->env, &code);
	if (!directory)
		return code;
	if (directory_account(directory, address, &ret->env.mem, &ret->account, &e) < 0 ||
		credential_open(ret->env.config.server->data, &ret->credentials, &e) < 0 ||
		credential_keys_read(ret->env.config.server->data, &ret->keys, &e) < 0)
		return out_fail(&e);
	return CLI_OK;
}

void cli_login_close(struct cli_login_env *l)
{
	sql_close(l->credentials);
	cli_env_close(&l->env);
}

int cli_account_passwd(struct cli_call *c)
{
	AUTO(cli_login) struct cli_login_env l = {0};
	struct err e;
	slice password;
	int code = cli_login_open(c, &l, cli_arg(c, 0));
	if (code != CLI_OK)
		return code;
	const struct credential_change change = {.account_id = l.account.id,
		.address = l.account.address,
		.name = l.account.name,
		.must_change = cli_flag(c, "must-change")};
	struct credential_change with = change;
	if (tty_new_password(cli_flag(c, "stdin"), &l.env.mem, &password, &e) < 0)
		return out_fail(&e);
	with.password = password;
	if (credential_change(l.credentials, &with, cli_password_rule(&l.env), &e) < 0)
		return out_fail(&e);
	printf(T("Password of %.*s changed.\n", "已修改 %.*s 的密码。\n"), SFMT(l.account.address));
	return CLI_OK;
}

int cli_account_suspend(struct cli_call *c)
{
	AUTO(cli_login) struct cli_login_env l = {0};
	struct err e;
	int code = cli_login_open(c, &l, cli_arg(c, 0));
	if (code != CLI_OK)
		return code;
	slice why = cli_option_text(c, "reason");
	const struct suspension s = {.account_id = l.account.id,
		.at = wall_now(),
		.by = cli_env_who(&l.env.mem),
		.why = why.n ? why : S("by the administrator")};
	if (suspension_put(l.credentials, &s, &e) < 0)
		return out_fail(&e);
	printf(T("Account %.*s is suspended: nobody logs in, sessions end, its mail still comes "
		 "in.\n",
		       "帐号 %.*s 已暂停：不能登录，现有会话结束，邮件照常接收。\n"),
		SFMT(l.account.address));
	return CLI_OK;
}

int cli_account_resume(struct cli_call *c)
{
	AUTO(cli_login) struct cli_login_env l = {0};
	struct err e;
	int code = cli_login_open(c, &l, cli_arg(c, 0));
	if (code != CLI_OK)
		return code;
	if (suspension_end(l.credentials, l.account.id, &e) < 0)
		return out_fail(&e);
	printf(T("Account %.*s may log in again. Change its password if it was stolen: posthouse "
		 "account passwd %.*s\n",
		       "帐号 %.*s 可以重新登录。如果密码已被盗，请修改：posthouse account passwd "
		       "%.*s\n"),
		SFMT(l.account.address), SFMT(l.account.address));
	return CLI_OK;
}

static void print_suspension(struct listing *l, const struct suspension *s, slice address)
{
	char text[OUT_TEXT];
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "address", address);
		json_time(&l->j, "at", s->at);
		json_text(&l->j, "by", s->by);
		json_text(&l->j, "reason", s->why);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, address);
	table_cell(l->table, slice_z(out_time(s->at, text)));
	table_cell(l->table, s->by);
	table_cell(l->table, s->why);
}

int cli_account_suspended(struct cli_call *c)
{
	AUTO(cli_login) struct cli_login_env l = {0};
	struct err e;
	struct listing list;
	struct suspension *v;
	size_t n;
	int code;
	struct sql *directory = cli_env_directory(c->cli, &l.env, &code);
	if (!directory)
		return code;
	if (credential_open(l.env.config.server->data, &l.credentials, &e) < 0 ||
		suspension_list(l.credentials, &l.env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {
		T("ADDRESS", "地址"), T("SINCE", "时间"), T("BY", "操作者"), T("REASON", "原因")};
	listing_begin(&list, c->cli->json, "suspended", heads, 4);
	for (size_t i = 0; i < n; i++) {
		struct account a;
		if (directory_account_by_id(directory, v[i].account_id, &l.env.mem, &a, &e) == 0)
			print_suspension(&list, &v[i], a.address);
	}
	listing_end_rows(&list);
	listing_end(&list);
	return CLI_OK;
}
