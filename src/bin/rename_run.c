/* Changed addresses reach the store's databases and the journal of lessons, then the directory says that nothing waits (rename_run.h). */
#include "bin/rename_run.h"

#include "base/mem.h"

#include "store/rename.h"
#include "training/journal.h"

/* A person more or less: twice changes nothing, since nobody has the former name any more. */
static int follow_lessons(struct sql *db, const struct rename_map *m, struct err *e)
{
	slice *v, to;
	size_t n;
	if (journal_people(db, m->a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!rename_address(m, v[i], &to))
			continue;
		if (sql_begin(db, e) < 0)
			return -1;
		if (journal_rename_tx(db, v[i], to, e) < 0) {
			sql_rollback(db);
			return -1;
		}
		if (sql_commit(db, e) < 0)
			return -1;
	}
	return 0;
}

static int follow_learned(slice data, const struct rename_map *m, struct err *e)
{
	struct sql *db;
	slice dir = journal_dir(data, m->a);
	if (sql_open_read(dir, JOURNAL_DB, &db, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	sql_close(db);
	if (sql_open(dir, JOURNAL_DB, &db, e) < 0)
		return -1;
	int r = follow_lessons(db, m, e);
	sql_close(db);
	return r;
}

int rename_run(slice data, struct sql *directory, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct rename_map m;
	struct rename *v;
	size_t n;
	if (rename_waiting(directory, &a, &v, &n, e) < 0)
		return -1;
	if (n == 0)
		return 0;
	rename_map_init(&m, v, n, &a);
	int r = rename_follow(data, &m, e);
	if (r == 0)
		r = follow_learned(data, &m, e);
	rename_map_done(&m);
	return r < 0 ? -1 : rename_done(directory, v[n - 1].id, e);
}
