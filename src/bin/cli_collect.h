/*
 * cli_collect: what `posthouse migrate` (mail that moves here, once) and `posthouse collect` (accounts elsewhere that are looked into again and again)
 * share. Both are rows for the collect process (store/collect.h); nothing is fetched by the command itself.
 *
 *	cli_collect.c	tables of verbs, the database, orders	cli_collect_add.c	one, or a table of them
 *	cli_collect_list.c	lists, one job, watching	cli_collect_report.c	what came of it
 */
#pragma once
#include "bin/cli_env.h"
#include "store/collect.h"

struct cli_collect {
	struct cli_call *call;
	struct cli_env env;
	struct sql *db; /* of jobs */
	bool repeated; /* `collect` */
};
int cli_collect_open(struct cli_call *c, struct cli_collect *ret); /* an exit code, after a complaint */
void cli_collect_close(struct cli_collect *x);
static inline void auto_cli_collect(struct cli_collect *x)
{
	cli_collect_close(x);
}
/* The process looks now; without a server it is no error: *ret_running false. */
void cli_collect_wake(const struct cli_env *env, bool *ret_running);
/* IDs, --batch, --all of an order or a list; positional arguments from `from` on. */
int cli_collect_each(struct cli_collect *x, int from, int (*fn)(struct cli_collect *x, const struct collect_query *q, void *arg), void *arg);
/* "50m", "64k" to bytes. */
bool cli_collect_size(slice s, int64_t *ret);

int cli_collect_add(struct cli_call *c);
int cli_collect_import(struct cli_call *c);
int cli_collect_list(struct cli_call *c);
int cli_collect_show(struct cli_call *c);
int cli_collect_watch(struct cli_call *c);
int cli_collect_report(struct cli_call *c);
int cli_collect_forget(struct cli_call *c);
/* Until all that the query names have ended; CLI_OK: well, all of them. */
int cli_collect_wait(struct cli_collect *x, const struct collect_query *q, bool quiet);

const char *cli_collect_state(enum collect_state s); /* in the chosen language */

extern const struct cli_option cli_migrate_add_options[], cli_migrate_import_options[], cli_collect_add_options[];
