/* cli_explain: what the files of `posthouse explain` share. */
#pragma once
#include "bin/cli_env.h"
#include "content/report.h"

struct json_t;

/* What is to be explained. */
struct explained {
	slice name; /* a file, or a message's id */
	slice message;
	struct content_context context;
};

/* cli_explain_child.c: examines it in a process of its own, confined like a scan process. A new
 * reference. ERR_PROTO: rules with mistakes; ERR_TIMEOUT; ERR_BUG: it crashed. */
int explain_in_child(
	struct cli_env *env, const struct explained *x, struct json_t **ret, struct err *e);

/* cli_explain_show.c: the report for people. */
void explain_show(
	const struct explained *x, const struct content_report *r, const struct json_t *details);
