/* `posthouse second-factor`: codes of a telephone (RFC 6238) as a second factor: set up, confirmed, taken away. */
#include "bin/cli_account_login.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_tty.h"
#include "codec/totp.h"
#include <stdio.h>

static int factor_setup(struct cli_call *c)
{
	AUTO(cli_login) struct cli_login_env l = {0};
	struct err e;
	slice secret;
	int code = cli_login_open(c, &l, cli_arg(c, 0));
	if (code != CLI_OK)
		return code;
	if (factor_begin(l.credentials, &l.keys, l.account.id, &l.env.mem, &secret, &e) < 0)
		return out_fail(&e);
	slice uri = totp_uri(l.env.config.hostname, l.account.address, secret, &l.env.mem);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_text(&j, "secret", secret);
		json_text(&j, "uri", uri);
		json_end(&j);
		return CLI_OK;
	}
	printf("%.*s\n", SFMT(uri));
	printf(T("Enter this address or the secret %.*s into the telephone's program, then:\n",
		       "将上面的地址或密钥 %.*s 输入手机上的验证器，然后：\n"),
		SFMT(secret));
	printf("  posthouse second-factor confirm %.*s\n", SFMT(l.account.address));
	return CLI_OK;
}

static int factor_confirm_verb(struct cli_call *c)
{
	AUTO(cli_login) struct cli_login_env l = {0};
	struct err e;
	slice codes[FACTOR_CODES], typed;
	int code = cli_login_open(c, &l, cli_arg(c, 0));
	if (code != CLI_OK)
		return code;
	if (tty_secret(T("Code: ", "验证码："), cli_flag(c, "stdin"), &l.env.mem, &typed, &e) < 0 ||
		factor_confirm(l.credentials, &l.keys, l.account.id, slice_trim(typed), wall_now(),
			&l.env.mem, codes, &e) < 0)
		return out_fail(&e);
	printf(T("The second factor of %.*s is on. Mail programs now need application passwords "
		 "(posthouse app-password).\n"
		 "Recovery codes, each good once, shown only now:\n",
		       "%.*s 的双因素已启用。邮件程序从现在起需使用应用专用密码（posthouse "
		       "app-password）。\n"
		       "恢复码，每个可用一次，仅显示这一次：\n"),
		SFMT(l.account.address));
	for (int i = 0; i < FACTOR_CODES; i++)
		printf("  %.*s\n", SFMT(codes[i]));
	return CLI_OK;
}

static int factor_remove_verb(struct cli_call *c)
{
	AUTO(cli_login) struct cli_login_env l = {0};
	struct err e;
	int code = cli_login_open(c, &l, cli_arg(c, 0));
	if (code != CLI_OK)
		return code;
	if (factor_remove(l.credentials, l.account.id, &e) < 0)
		return out_fail(&e);
	printf(T("%.*s has no second factor any more.\n", "%.*s 不再有双因素。\n"),
		SFMT(l.account.address));
	return CLI_OK;
}

static int factor_show(struct cli_call *c)
{
	AUTO(cli_login) struct cli_login_env l = {0};
	struct err e;
	struct credential cr;
	int64_t left;
	int code = cli_login_open(c, &l, cli_arg(c, 0));
	if (code != CLI_OK)
		return code;
	if (credential_get(l.credentials, l.account.id, &l.env.mem, &cr, &e) < 0 ||
		factor_codes_left(l.credentials, l.account.id, &left, &e) < 0)
		return out_fail(&e);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_bool(&j, "second_factor", cr.factor);
		json_int(&j, "recovery_codes", left);
		json_end(&j);
	} else if (cr.factor) {
		printf(T("on, %lld recovery codes left\n", "已启用，剩余恢复码 %lld 个\n"),
			(long long)left);
	} else {
		printf("%s", T("off\n", "未启用\n"));
	}
	return CLI_OK;
}

static const struct cli_option confirm_options[] = {
	{"stdin", NULL, "read the code from stdin", "从标准输入读取验证码"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb second_factor_verbs[] = {
	{"setup", factor_setup, "ADDRESS", 1, 1, true, NULL,
		"Makes a secret for a program that shows codes.", "为验证器生成密钥。",
		"It counts from `confirm` on; an earlier one stays in force until then.",
		"从 confirm 起生效；此前原有的继续有效。"},
	{"confirm", factor_confirm_verb, "ADDRESS", 1, 1, false, confirm_options,
		"Switches it on, with a code that the program shows, and gives recovery codes.",
		"用验证器显示的验证码启用，并给出恢复码。", NULL, NULL},
	{"show", factor_show, "ADDRESS", 1, 1, true, NULL,
		"Whether it is on, and how many recovery codes are left.",
		"是否启用，剩余多少恢复码。", NULL, NULL},
	{"remove", factor_remove_verb, "ADDRESS", 1, 1, false, NULL,
		"Takes it away: for who has lost the telephone.",
		"取消双因素：用于手机丢失的情况。", NULL, NULL},
	CLI_VERBS_END,
};
