/*
 * Old generations go (backup.h). An object was used by a run of generations, from the first to the last that needed it; it goes when none
 * of that run is left. That may keep an object longer than needed, never too short: whether a generation in between used it is not asked. What the
 * newest generation uses little of is stored again by the next run (backup_state_tired), so that the rest of it ends here.
 *
 * In this order: the list of the generation goes from the repository, then its row; chunks of an object leave the state, then the object the
 * repository, then its row. A run that breaks off leaves nothing that is believed and not there.
 */
#include "base/mem.h"
#include "store/backup_state.h"
#include "store/backup_target.h"

#include <time.h>

enum { BATCH = 500, DYING = 2 /* state of an object */ };

/* ---- which ---- */

/* Day, week or month in local time. */
static int64_t period_of(int64_t at, int which)
{
	time_t t = (time_t)(at / SECOND);
	struct tm tm;
	localtime_r(&t, &tm);
	switch (which) {
	case 0:
		return tm.tm_year * 400 + tm.tm_yday;
	case 1: /* weeks begin on Monday */
		return (t + tm.tm_gmtoff + 3 * 86400) / (7 * 86400);
	default:
		return tm.tm_year * 12 + tm.tm_mon;
	}
}

/* The newest of each of the last `most` periods. */
static void keep_by(int which, int64_t most, const int64_t *at, size_t n, bool *keep)
{
	int64_t last = -1;
	for (size_t i = 0; i < n && most > 0; i++) {
		int64_t period = period_of(at[i], which);
		if (period == last)
			continue;
		last = period;
		keep[i] = true;
		most--;
	}
}

void backup_prune_plan(const struct backup_keep *k, const int64_t *started_at, size_t n, bool *keep)
{
	for (size_t i = 0; i < n; i++)
		keep[i] = (int64_t)i < k->last || i == 0;
	keep_by(0, k->daily, started_at, n, keep);
	keep_by(1, k->weekly, started_at, n, keep);
	keep_by(2, k->monthly, started_at, n, keep);
}

/* ---- generations ---- */

static int end_generation(
	struct sql *db, struct backup_target *t, const struct backup_generation *g, struct err *e)
{
	char name[BACKUP_NAME_MAX];
	backup_object_name(BACKUP_MANIFEST, g->name, name);
	if (t->ops->remove(t, name, e) < 0)
		return -1;
	if (sql_begin(db, e) < 0)
		return -1;
	if (sql_run(db, e, "DELETE FROM generation WHERE id = $1", "i", g->id) < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

static int end_generations(slice data, struct sql *db, struct backup_target *t,
	const struct backup_keep *k, bool dry_run, struct backup_pruned *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct backup_generation *v;
	size_t n;
	if (backup_generations(data, &a, &v, &n, e) < 0)
		return -1;
	bool *keep = ARENA_ARRAY(&a, bool, n + 1);
	int64_t *at = ARENA_ARRAY(&a, int64_t, n + 1);
	for (size_t i = 0; i < n; i++)
		at[i] = v[i].started_at;
	backup_prune_plan(k, at, n, keep);
	for (size_t i = n; i-- > 0;) {
		if (keep[i])
			continue;
		if (!dry_run && end_generation(db, t, &v[i], e) < 0)
			return -1;
		ret->generations++;
	}
	return 0;
}

/* ---- objects ---- */

struct dying {
	int64_t n;
	unsigned char id[BACKUP_ID];
	uint64_t size;
};

/* Those that no generation needs; what a run sent that came to no end stays until a later one did. */
static int find_dying(struct sql *db, int64_t after, struct dying *v, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT n, id, size FROM object o WHERE n > $1 AND"
		" last_gen <= (SELECT COALESCE(MAX(id), 0) FROM generation WHERE finished_at > 0)"
		" AND (state <> 1 OR NOT EXISTS (SELECT 1 FROM generation g WHERE g.finished_at > "
		"0 AND"
		" g.id BETWEEN o.first_gen AND o.last_gen)) ORDER BY n",
		e);
	size_t n = 0;
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, after);
	while ((r = sql_step(s, e)) == 1) {
		slice id = sql_text(s, 1);
		if (id.n == BACKUP_ID) {
			v[n].n = sql_int(s, 0);
			v[n].size = (uint64_t)sql_int(s, 2);
			memcpy(v[n++].id, id.p, BACKUP_ID);
		}
		if (n == BATCH) {
			sql_reset(s);
			break;
		}
	}
	*ret_n = n;
	return r < 0 ? -1 : 0;
}

static int in_transaction(
	struct sql *db, const struct dying *v, size_t n, const char *text, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (sql_run(db, e, text, "i", v[i].n) < 0) {
			sql_rollback(db);
			return -1;
		}
	return sql_commit(db, e);
}

static int end_objects(
	struct sql *db, struct backup_target *t, const struct dying *v, size_t n, struct err *e)
{
	char name[BACKUP_NAME_MAX];
	if (in_transaction(db, v, n, "UPDATE object SET state = 2 WHERE n = $1", e) < 0 ||
		in_transaction(db, v, n, "DELETE FROM chunk WHERE object = $1", e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		backup_object_name(BACKUP_DATA, v[i].id, name);
		if (t->ops->remove(t, name, e) < 0)
			return -1;
	}
	return in_transaction(db, v, n, "DELETE FROM object WHERE n = $1", e);
}

static int end_unused(
	struct sql *db, struct backup_target *t, struct backup_pruned *ret, struct err *e)
{
	_Static_assert(DYING == 2, "in the statement above");
	AUTO(free) struct dying *v = mem_alloc(BATCH * sizeof *v);
	int64_t after = 0;
	size_t n;
	do {
		if (find_dying(db, after, v, &n, e) < 0)
			return -1;
		if (n && end_objects(db, t, v, n, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++) {
			ret->objects++;
			ret->bytes += v[i].size;
			after = v[i].n;
		}
	} while (n == BATCH);
	return 0;
}

int backup_prune(slice data, struct backup_target *t, const struct backup_keep *k, bool dry_run,
	struct backup_pruned *ret, struct err *e)
{
	struct backup_local l;
	struct backup_state s = {.lock = -1};
	struct backup_pruned p = {0};
	if (backup_local_read(data, &l, e) < 0 || backup_state_open(data, &s, e) < 0)
		return -1;
	int r = backup_owner_check(t, &l, e);
	if (r == 0)
		r = end_generations(data, s.db, t, k, dry_run, &p, e);
	if (r == 0 && !dry_run)
		r = end_unused(s.db, t, &p, e);
	backup_state_close(&s);
	if (r == 0)
		*ret = p;
	return r;
}
