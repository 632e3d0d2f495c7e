/* `posthouse ldap`: takes people and groups of the directory servers over now, and tries whether the servers answer as configured. */
#include "bin/cli_tty.h"
#include "bin/cli_verbs.h"
#include "bin/identity.h"

#include "base/mem.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include <stdio.h>

/* The servers' names are looked up as the server does it. */
struct names {
	struct cli_env *env;
	struct ldap_client ldap;
	int result;
	struct err e;
};

static void look_up(void *arg)
{
	struct names *n = arg;
	struct dns *dns;
	n->result = dns_open(n->env->config.dns, &dns, &n->e);
	if (n->result == 0) {
		n->ldap =
			identity_ldap(&n->env->config, dns, instant_in(10 * SECOND), &n->env->mem);
		dns_close(dns);
	}
	loop_stop();
}

/* An exit code. */
static int open_ldap(struct cli_call *c, struct cli_env *env, struct ldap_client *ret)
{
	struct names n = {.env = env};
	int code;
	if (cli_env_open(c->cli, env, &code) < 0)
		return code;
	if (!ldap_wanted(conf_get(env->config.conf, &ldap_section)))
		return out_usage("%s", T("[ldap] names no servers", "[ldap] 未配置服务器"));
	loop_init();
	pool_init(2);
	co_go("cli.names", look_up, &n);
	loop_run();
	pool_done();
	loop_done();
	if (n.result < 0)
		return out_fail(&n.e);
	*ret = n.ldap;
	return CLI_OK;
}

static int ldap_sync_verb(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct ldap_client ldap;
	struct identity_sync s;
	struct err e;
	int code = open_ldap(c, &env, &ldap);
	if (code != CLI_OK)
		return code;
	if (identity_sync(&env.config, &ldap, &env.mem, &s, &e) < 0)
		return out_fail(&e);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_int(&j, "people", (int64_t)s.people);
		json_int(&j, "added", (int64_t)s.added);
		json_int(&j, "changed", (int64_t)s.changed);
		json_int(&j, "gone", (int64_t)s.gone);
		json_int(&j, "back", (int64_t)s.back);
		json_int(&j, "groups", (int64_t)s.groups);
		json_int(&j, "skipped", (int64_t)s.skipped);
		json_bool(&j, "braked", s.braked);
		json_text(&j, "notes", s.notes);
		json_end(&j);
	} else {
		out_safe(s.notes);
		printf(T("%zu people: %zu added, %zu changed, %zu gone, %zu back, %zu left out; "
			 "%zu groups\n",
			       "共 %zu 人：新增 %zu，变更 %zu，消失 %zu，恢复 %zu，略过 %zu；组 "
			       "%zu 个\n"),
			s.people, s.added, s.changed, s.gone, s.back, s.skipped, s.groups);
	}
	if (!s.braked)
		return CLI_OK;
	fprintf(stderr, "%s",
		T("posthouse: too many have vanished at once ([ldap] brake): no account was "
		  "disabled or deleted\n",
			"posthouse: 一次消失的人过多（[ldap] brake）：没有停用或删除任何帐号\n"));
	return CLI_FAILED;
}

static int try_login(struct cli_call *c, struct cli_env *env, const struct ldap_client *ldap)
{
	slice password;
	struct err e;
	if (tty_secret(T("Password: ", "密码："), cli_flag(c, "stdin"), &env->mem, &password, &e) <
			0 ||
		ldap_check(ldap, cli_arg(c, 0), S(""), password, &e) < 0)
		return out_fail(&e);
	printf("%s", T("The password is right.\n", "密码正确。\n"));
	return CLI_OK;
}

static int ldap_test(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct ldap_client ldap;
	struct err e;
	int code = open_ldap(c, &env, &ldap);
	if (code != CLI_OK)
		return code;
	for (size_t i = 0; i < ldap.n; i++) {
		size_t people;
		if (ldap_try(&ldap, i, &people, &e) < 0)
			code = out_fail(&e);
		else
			printf(T("%.*s: answers, %zu people\n", "%.*s：正常，共 %zu 人\n"),
				SFMT(ldap.servers[i].url), people);
	}
	return code == CLI_OK && c->nargs ? try_login(c, &env, &ldap) : code;
}

static const struct cli_option test_options[] = {
	{"stdin", NULL, "read the password from the first line of stdin",
		"从标准输入的第一行读取密码"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb ldap_verbs[] = {
	{"sync", ldap_sync_verb, "", 0, 0, true, NULL, "Takes people and groups over now.",
		"立即同步用户和组。",
		"The server does the same every [ldap] sync_every. Accounts that were made here "
		"stay as they are.",
		"服务器每隔 [ldap] sync_every 自动执行。在本系统创建的帐号保持不变。"},
	{"test", ldap_test, "[ADDRESS]", 0, 1, false, test_options,
		"Tries each server, and whether somebody can log in.",
		"逐台测试服务器，并可测试某人能否登录。", NULL, NULL},
	CLI_VERBS_END,
};
