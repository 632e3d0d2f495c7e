/* What the databases refer to (gc.h): by the indexes on their blob columns. */
#include "store/gc.h"

struct queries {
	const char *next, *each, *count;
};
/* Queue and quarantine in one statement: messages move between the two, both ways, and a statement
 * sees one moment. */
static const struct queries queue_queries = {
	"SELECT MIN(blob) FROM (SELECT MIN(blob) AS blob FROM msg WHERE blob >= $1"
	" UNION ALL SELECT MIN(blob) AS blob FROM held WHERE blob >= $1) AS both_tables",
	"SELECT blob, size FROM msg WHERE blob >= $1 AND blob < $2 UNION ALL"
	" SELECT blob, size FROM held WHERE blob >= $1 AND blob < $2 ORDER BY blob",
	"SELECT (SELECT COUNT(*) FROM msg) + (SELECT COUNT(*) FROM held)"};
static const struct queries mailbox_queries = {"SELECT MIN(blob) FROM email WHERE blob >= $1",
	"SELECT blob, size FROM email WHERE blob >= $1 AND blob < $2 ORDER BY blob",
	"SELECT COUNT(*) FROM email"};

static const struct queries *queries_of(int i)
{
	return i == 0 ? &queue_queries : &mailbox_queries;
}

const char *refs_table(int i)
{
	return i == 0 ? "queue" : mailbox_db_name(i - 1);
}

/* For writing, because of the fence; what was never made is not made here. */
static int open_existing(slice dir, const char *name, struct sql **ret, struct err *e)
{
	struct sql *db;
	if (sql_open_read(dir, name, &db, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	sql_close(db);
	return sql_open(dir, name, ret, e);
}

int refs_open(slice dir, struct refs *ret, struct err *e)
{
	struct refs r = {0};
	for (int i = 0; i < REFS_DBS; i++)
		if (open_existing(dir, refs_table(i), &r.db[i], e) < 0) {
			refs_close(&r);
			return -1;
		}
	*ret = r;
	return 0;
}

int refs_fence(struct refs *r, struct err *e)
{
	for (int i = 0; i < REFS_DBS; i++)
		if (r->db[i] && sql_fence(r->db[i], e) < 0)
			return -1;
	return 0;
}

void refs_close(struct refs *r)
{
	for (int i = 0; i < REFS_DBS; i++)
		sql_close(r->db[i]);
	*r = (struct refs){0};
}

int refs_next(struct refs *r, blob_id from, blob_id *ret, struct err *e)
{
	blob_id lowest = 0;
	for (int i = 0; i < REFS_DBS; i++) {
		if (!r->db[i])
			continue;
		struct sql_stmt *s = sql_prepare(r->db[i], queries_of(i)->next, e);
		if (!s)
			return -1;
		sql_bind_int(s, 1, (int64_t)from);
		int more = sql_step(s, e);
		if (more < 0)
			return -1;
		if (more && !sql_is_null(s, 0) && (!lowest || (blob_id)sql_int(s, 0) < lowest))
			lowest = (blob_id)sql_int(s, 0);
		if (more)
			sql_reset(s);
	}
	if (lowest)
		*ret = lowest;
	return lowest != 0;
}

static int each_in(struct refs *r, int i, blob_id from, blob_id until,
	int (*fn)(void *, int, blob_id, uint64_t, struct err *), void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(r->db[i], queries_of(i)->each, e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, (int64_t)from);
	sql_bind_int(s, 2, (int64_t)until);
	int more;
	while ((more = sql_step(s, e)) > 0)
		if (fn(arg, i, (blob_id)sql_int(s, 0), (uint64_t)sql_int(s, 1), e) < 0) {
			sql_reset(s);
			return -1;
		}
	return more;
}

int refs_each(struct refs *r, blob_id from, blob_id until,
	int (*fn)(void *, int, blob_id, uint64_t, struct err *), void *arg, struct err *e)
{
	for (int i = 0; i < REFS_DBS; i++)
		if (r->db[i] && each_in(r, i, from, until, fn, arg, e) < 0)
			return -1;
	return 0;
}

int refs_count(struct refs *r, uint64_t *ret, struct err *e)
{
	uint64_t sum = 0;
	for (int i = 0; i < REFS_DBS; i++) {
		if (!r->db[i])
			continue;
		struct sql_stmt *s = sql_prepare(r->db[i], queries_of(i)->count, e);
		if (!s || sql_step(s, e) < 0)
			return -1;
		sum += (uint64_t)sql_int(s, 0);
		sql_reset(s);
	}
	*ret = sum;
	return 0;
}
