/* cli_sieve: what the files of `posthouse sieve` share. */
#pragma once
#include "bin/cli_env.h"
#include "mail/scripts_run.h"
#include "store/directory.h"

/* A file of who runs the command, or standard input ("-"). */
int cli_sieve_read(struct cli_env *env, slice path, size_t most, struct buf *out, struct err *e);

/* cli_sieve_try.c */
int cli_sieve_test(struct cli_call *c);
extern const struct cli_option cli_sieve_test_options[];
/* cli_sieve_show.c: what would happen. */
void cli_sieve_verdict(struct cli_call *c, const struct script_set *set,
	const struct scripts_verdict *v, bool whole);
