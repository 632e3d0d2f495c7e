/* cli_policy: what the files of `posthouse policy` share. */
#pragma once
#include "bin/cli_env.h"
#include "policy/policy.h"
#include "store/policies.h"

/* A document that belongs to who runs the command; - is standard input. 0 or an exit code. */
int policy_file_read(struct cli_env *env, slice path, struct buf *text);
/* Tells mistakes and warnings; CLI_OK and the set, or CLI_USAGE. `quiet`: no warnings. */
int policy_text_parse(
	slice text, slice name, bool quiet, struct arena *a, const struct policy_set **ret);
/* What is meant: a file, the number of a version, or, empty, what is in force (NULL: nothing is). */
int policy_document(struct cli_env *env, slice what, const struct policy_set **ret);

/* policy_facts.belonging_of, asking the directory (struct sql *) as it is now. */
slice policy_belonging(void *directory, slice address, struct arena *a);

/* cli_policy_diff.c: a line each, with its sign, and three lines around changes. */
void policy_diff(slice before, slice after, struct buf *out);

/* cli_policy_edit.c, cli_policy_try.c, cli_policy_dry.c: the verbs. */
struct cli_option;
int policy_put_text(struct cli_env *env, slice text, slice note, int64_t based_on);
int policy_edit(struct cli_call *c);
int policy_test(struct cli_call *c);
int policy_dry_run(struct cli_call *c);
extern const struct cli_option policy_test_options[], policy_dry_options[];
