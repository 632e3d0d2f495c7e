/* Between the files of `posthouse encryption`: cli_encryption.c (keys), cli_encryption_convert.c (what is encrypted, converting it). */
#pragma once
#include "bin/cli_env.h"
#include "store/crypt_conf.h"

static inline slice cli_key_file(const struct cli_env *env)
{
	return ((const struct crypt_conf *)conf_get(env->config.conf, &crypt_section))->key_file;
}
/* A server that runs knows the keys it was started with: 0 none runs, -1. */
int cli_no_server(const struct cli_env *env, struct err *e);

int cli_encryption_status(struct cli_call *c);
int cli_encryption_convert(struct cli_call *c);
int cli_encryption_drop(struct cli_call *c);

/* Makes the key file, for the server's user when root asks. ERR_EXISTS: it is there, and stays as it is. */
int cli_key_make(const struct cli_env *env, slice path, struct err *e);
/* What nobody may forget. */
void cli_key_advice(slice path);
