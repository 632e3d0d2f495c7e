/* What the files of `posthouse digest` share. */
#pragma once
#include "bin/cli_env.h"
#include "bin/zones.h"
#include "mail/digest.h"

/* "ann@example.com", "@example.com", "group:it" as digests are named. CLI_OK, or an exit code after a complaint. */
int digest_cli_name(struct arena *a, slice given, slice *ret);
/* What holds for it. */
int digest_cli_plan(struct cli_env *env, slice name, struct digest_plan *ret, struct err *e);

/* cli_digest_preview.c */
extern const struct cli_option digest_preview_options[];
int digest_cli_preview(struct cli_call *c);
