/*
 * What deletions left in a database's file goes back to the file system (sql_give_back). Called by the indexer, whose merges replace most of what there is
 * again and again. The file becomes shorter when the log is folded.
 */
#include "store/sql_driver.h"

#include <stdio.h>

enum {
	STEP_PAGES = 1024, /* 4 MiB a call */
	KEPT_SHARE = 8, /* so much of the file may be free: the next change uses it again */
};

static int number(struct sql *db, const char *text, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, text, e);
	int r = s ? sql_step(s, e) : -1;
	*ret = 0;
	if (r != 1)
		return r;
	*ret = sql_int(s, 0);
	sql_reset(s);
	return 0;
}

/* Sources: https://sqlite.org/pragma.html#pragma_incremental_vacuum */
int sql_give_back(struct sql *db, struct err *e)
{
	int64_t made_for_it, pages, unused;
	if (number(db, "PRAGMA auto_vacuum", &made_for_it, e) < 0 ||
		number(db, "PRAGMA page_count", &pages, e) < 0 ||
		number(db, "PRAGMA freelist_count", &unused, e) < 0)
		return -1;
	if (!made_for_it || unused <= STEP_PAGES || unused <= pages / KEPT_SHARE)
		return 0;
	if (sql_begin(db, e) < 0)
		return -1;
	char step[64];
	snprintf(step, sizeof step, "PRAGMA incremental_vacuum(%d)", STEP_PAGES);
	if (db->driver->script(db, step, e) < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e) < 0 ? -1 : 1;
}
