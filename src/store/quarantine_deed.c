/*
 * Deeds with a number (quarantine.h): what was done to many messages at once, by whom, by which query, and
 * to exactly which recipients, so that it can be taken back.
 */
#include "base/mem.h"
#include "store/quarantine_impl.h"

int quarantine_deed_new_tx(
	struct sql *db, const struct quarantine_deed *d, int64_t *ret_no, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"INSERT INTO held_deed (at, undone_at, done_by, verb, query)"
		" VALUES ($1, 0, $2, $3, $4) RETURNING no",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, d->at);
	sql_bind_text(s, 2, d->by);
	sql_bind_text(s, 3, d->verb);
	sql_bind_text(s, 4, d->query);
	if (sql_step(s, e) < 0)
		return -1;
	*ret_no = sql_int(s, 0);
	sql_reset(s);
	return 0;
}

int quarantine_deed_item_tx(struct sql *db, int64_t no, msg_id id, int32_t idx,
	enum quarantine_state before, struct err *e)
{
	int64_t n = sql_run(db, e,
		"INSERT INTO held_deed_item (deed, msg, idx, before, undone_at)"
		" VALUES ($1, $2, $3, $4, 0) ON CONFLICT (deed, msg, idx) DO NOTHING",
		"iiii", no, id, (int64_t)idx, (int64_t)before);
	return n < 0 ? -1 : 0;
}

#define DEED                                                                                       \
	"SELECT d.no, d.at, d.undone_at, d.done_by, d.verb, d.query,"                              \
	" (SELECT COUNT(*) FROM held_deed_item i WHERE i.deed = d.no) FROM held_deed d "

static struct quarantine_deed read_deed(struct sql_stmt *s, struct arena *a)
{
	return (struct quarantine_deed){
		.no = sql_int(s, 0),
		.at = sql_int(s, 1),
		.undone_at = sql_int(s, 2),
		.by = arena_dup(a, sql_text(s, 3)),
		.verb = arena_dup(a, sql_text(s, 4)),
		.query = arena_dup(a, sql_text(s, 5)),
		.items = (uint64_t)sql_int(s, 6),
	};
}

int quarantine_deed_get(
	struct sql *db, int64_t no, struct arena *a, struct quarantine_deed *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, DEED "WHERE d.no = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, no);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1
			     : err_set(e, ERR_NOTFOUND, "no operation number %lld", (long long)no);
	*ret = read_deed(s, a);
	sql_reset(s);
	return 0;
}

int quarantine_deeds(struct sql *db, uint64_t most,
	bool (*fn)(void *arg, const struct quarantine_deed *d), void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, DEED "ORDER BY d.no DESC LIMIT $1", e);
	if (!s)
		return -1;
	AUTO(arena) struct arena a = {0};
	sql_bind_int(s, 1, (int64_t)(most < INT64_MAX ? most : INT64_MAX));
	int more;
	while ((more = sql_step(s, e)) == 1) {
		struct quarantine_deed d = read_deed(s, &a);
		if (!fn(arg, &d)) {
			sql_reset(s);
			return 0;
		}
	}
	return more;
}

int64_t quarantine_deed_items(struct sql *db, int64_t no, struct quarantine_deed_item *after,
	struct quarantine_deed_item *ret, uint64_t most, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT msg, idx, before FROM held_deed_item WHERE deed = $1 AND undone_at = 0"
		" AND (msg, idx) > ($2, $3) ORDER BY msg, idx LIMIT $4",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, no);
	sql_bind_int(s, 2, after->id);
	sql_bind_int(s, 3, after->id ? after->idx : -1);
	sql_bind_int(s, 4, (int64_t)most);
	int64_t n = 0;
	int more;
	while ((more = sql_step(s, e)) == 1)
		ret[n++] = (struct quarantine_deed_item){sql_int(s, 0), (int32_t)sql_int(s, 1),
			(enum quarantine_state)sql_int(s, 2)};
	if (more < 0)
		return -1;
	if (n)
		*after = ret[n - 1];
	return n;
}

int quarantine_deed_undone_tx(struct sql *db, int64_t no, const struct quarantine_deed_item *i,
	int64_t now, struct err *e)
{
	if (sql_run(db, e,
		    "UPDATE held_deed_item SET undone_at = $4 WHERE deed = $1 AND msg = $2"
		    " AND idx = $3",
		    "iiii", no, i->id, (int64_t)i->idx, now) < 0 ||
		sql_run(db, e, "UPDATE held_deed SET undone_at = $2 WHERE no = $1", "ii", no, now) <
			0)
		return -1;
	return 0;
}

int64_t quarantine_deeds_expire_tx(struct sql *db, int64_t wall, uint64_t most, struct err *e)
{
	int64_t n = sql_run(db, e,
		"DELETE FROM held_deed_item WHERE (deed, msg, idx) IN (SELECT i.deed, i.msg, i.idx"
		" FROM held_deed d CROSS JOIN held_deed_item i WHERE d.at < $1 AND i.deed = d.no"
		" LIMIT $2)",
		"ii", wall, (int64_t)most);
	if (n < 0 || sql_run(db, e,
			     "DELETE FROM held_deed WHERE at < $1 AND NOT EXISTS"
			     " (SELECT 1 FROM held_deed_item i WHERE i.deed = held_deed.no)",
			     "i", wall) < 0)
		return -1;
	return n;
}
