/* What a job of `posthouse migrate` and `posthouse collect` is made from: options, or the cells of a table (cli_collect_add.c). */
#pragma once
#include "bin/cli_collect.h"

enum {
	FIELD_COLUMN = 1,
	FIELD_OPTION = 2,
	FIELD_LIST = 4, /* a cell: several between semicolons */
	FIELD_SECRET = 8, /* a cell: taken as it is */
};
struct cli_collect_field {
	const char *name, *zh; /* of an option, of a column; NULL ends them */
	const char *(*set)(struct collect_job *j, slice v); /* NULL: fine, else what is wrong */
	unsigned is;
};
extern const struct cli_collect_field cli_collect_fields[];

/* Of options that only some of the verbs have: empty, false when this one does not. */
slice cli_collect_option(const struct cli_call *c, const char *name);
bool cli_collect_flag(const struct cli_call *c, const char *name);
/* A job as the options say, without address and password. An exit code. */
int cli_collect_from_options(struct cli_collect *x, struct collect_job *j);
