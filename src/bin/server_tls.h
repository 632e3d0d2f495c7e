/* Certificates of all listeners: the one of [tls], and more of [tls "NAME"] for clients that ask for the names in these. */
#pragma once
#include "bin/role.h"
#include "run/tls.h"

struct tls_cert_conf {
	slice certificate, key;
};
extern const struct conf_section tls_cert_section;

/* Before the sandbox: the files may be for root alone. *mem keeps what the context is made from. */
int server_tls_open(struct role_env *env, struct arena *mem, struct tls_ctx **ret, struct err *e);
/* Could it be opened? For the master, before a reload starts any process. */
int server_tls_check(const struct config *c, struct err *e);
