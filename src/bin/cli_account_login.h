/* cli_account_login: what commands about logins share, and the verbs of `account` that are about them (cli_account.c has the table). */
#pragma once
#include "bin/cli_verbs.h"
#include "store/credential.h"
#include "store/directory.h"

struct password_rule;
const struct password_rule *cli_password_rule(const struct cli_env *env);

/* The account, and the databases that are about its logins. */
struct cli_login_env {
	struct cli_env env;
	struct account account;
	struct sql *credentials;
	struct credential_keys keys;
};
/* An exit code, after a complaint. */
int cli_login_open(struct cli_call *c, struct cli_login_env *ret, slice address);
void cli_login_close(struct cli_login_env *l);
static inline void auto_cli_login(struct cli_login_env *l)
{
	cli_login_close(l);
}

int cli_account_passwd(struct cli_call *c);
int cli_account_suspend(struct cli_call *c);
int cli_account_resume(struct cli_call *c);
int cli_account_suspended(struct cli_call *c);

/* "imap,smtp" to bits of enum service; "all". 0: a word that is no service. And back. */
unsigned cli_services_parse(slice words);
slice cli_services_print(unsigned services, struct arena *a);
