/* What the files of `posthouse features` share. */
#pragma once
#include "bin/cli_env.h"
#include "bin/features.h"

/* cli_features_child.c: reads a pack in a process that is confined like a scan process, checks what it holds, rules
 * ready to run included, and verifies here what came back. */
int cli_features_read(const struct config *c, slice archive, const struct feature_keys *trusted,
	struct arena *a, struct feature_pack *ret, struct err *e);
/* A file of the caller's, whole. */
int cli_features_load(const char *path, size_t most, struct buf *out, struct err *e);
/* The configured and introduced keys, and those of the option --trust. An exit code. */
int cli_features_trusted(struct cli_call *c, const struct config *conf, struct feature_keys *ret);
/* The manifest in words. */
void cli_features_tell(const struct feature_manifest *m, bool json, struct json *j);

/* cli_features_install.c */
int cli_features_install(struct cli_call *c);
int cli_features_check(struct cli_call *c);
int cli_features_use(struct cli_call *c);
int cli_features_rollback(struct cli_call *c);
int cli_features_remove(struct cli_call *c);
/* cli_features_make.c */
int cli_features_keygen(struct cli_call *c);
int cli_features_build(struct cli_call *c);
int cli_features_sign(struct cli_call *c);
int cli_features_index(struct cli_call *c);
