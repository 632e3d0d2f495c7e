/*
 * The life of windows after their day (report.h): closing, what is due, what was sent, removing.
 * Used by the queue process (bin/queue_reports.c) and the command line; all inside transactions of
 * theirs.
 */
#include "store/report_int.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"

struct open_window {
	int64_t id, day;
	uint32_t hash; /* of its domain: stable, so that a domain has its time of the day */
};

/* Open windows of days before `day`. */
static int64_t find_old(
	struct sql *db, int64_t day, int64_t most, struct open_window *v, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id, day, domain FROM report_window WHERE end_at = 0 AND day < $1 LIMIT $2",
		e);
	int64_t n = 0;
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, day);
	sql_bind_int(s, 2, most);
	while ((r = sql_step(s, e)) == 1)
		v[n++] = (struct open_window){
			sql_int(s, 0), sql_int(s, 1), crc32c(0, sql_text(s, 2))};
	return r < 0 ? -1 : n;
}

int64_t report_close_tx(struct sql *db, int64_t wall, int64_t spread, int64_t most, struct err *e)
{
	AUTO(free) struct open_window *v = mem_alloc((size_t)most * sizeof *v);
	int64_t n = find_old(db, (wall - REPORT_GRACE_MIN * MINUTE) / DAY, most, v, e);
	for (int64_t i = 0; i < n; i++) {
		int64_t end = (v[i].day + 1) * DAY;
		int64_t due = end + (spread > 0 ? (int64_t)v[i].hash * 1000 % spread : 0);
		if (sql_run(db, e,
			    "UPDATE report_window SET end_at = $2, due_at = $3 WHERE id = $1",
			    "iii", v[i].id, end, due) < 0)
			return -1;
	}
	return n;
}

/* ---- by command ---- */

struct ids {
	int64_t *v;
	size_t n, cap;
};

static bool collect(void *arg, const struct report_window *w)
{
	struct ids *c = arg;
	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 64;
		c->v = mem_grow(c->v, c->cap * sizeof *c->v);
	}
	c->v[c->n++] = w->id;
	return true;
}

int64_t report_hurry_tx(struct sql *db, const struct report_filter *f, int64_t wall, struct err *e)
{
	struct ids c = {0};
	struct report_filter unsent = *f;
	unsent.sent = 0;
	int r = report_windows(db, &unsent, REPORT_WINDOWS_MAX, collect, &c, e);
	AUTO(free) int64_t *ids = c.v;
	for (size_t i = 0; r == 0 && i < c.n; i++)
		/* A window's end is never behind its day's. */
		if (sql_run(db, e,
			    "UPDATE report_window SET due_at = $2, end_at = CASE WHEN end_at > 0"
			    " THEN end_at WHEN $2 < (day + 1) * $3 THEN $2 ELSE (day + 1) * $3 END"
			    " WHERE id = $1",
			    "iii", ids[i], wall, (int64_t)DAY) < 0)
			r = -1;
	return r < 0 ? -1 : (int64_t)c.n;
}

/* ---- sending ---- */

int report_due(struct sql *db, int64_t wall, int64_t cursor, struct arena *a,
	struct report_window *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " REPORT_WINDOW_COLUMNS " FROM report_window WHERE end_at > 0"
		" AND sent_at = 0 AND due_at <= $1 AND id > $2 ORDER BY id LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, wall);
	sql_bind_int(s, 2, cursor);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no report is due");
	struct report_window w = report_read_window(s);
	w.domain = arena_dup(a, w.domain);
	w.policy = arena_dup(a, w.policy);
	w.outcome = arena_dup(a, w.outcome);
	sql_reset(s);
	*ret = w;
	return 0;
}

int report_progress_tx(struct sql *db, int64_t window, int64_t sent, bool done, slice outcome,
	int64_t wall, struct err *e)
{
	return sql_run(db, e,
		       "UPDATE report_window SET sent = $2, claim = 0, sent_at = $3, outcome = $4 "
		       "WHERE id = "
		       "$1",
		       "iiit", window, sent, done ? wall : 0, outcome) < 0
		       ? -1
		       : 0;
}

int report_claim_tx(struct sql *db, int64_t window, int64_t id, struct err *e)
{
	return sql_run(db, e, "UPDATE report_window SET claim = $2 WHERE id = $1", "ii", window,
		       id) < 0
		       ? -1
		       : 0;
}

int report_postpone_tx(struct sql *db, int64_t window, int64_t wall, slice outcome, struct err *e)
{
	return sql_run(db, e, "UPDATE report_window SET due_at = $2, outcome = $3 WHERE id = $1",
		       "iit", window, wall, outcome) < 0
		       ? -1
		       : 0;
}

/* ---- removing ---- */

#define OLD                                                                                        \
	"(SELECT id FROM report_window WHERE end_at > 0 AND end_at < $1 ORDER BY end_at LIMIT $2)"

int64_t report_expire_tx(struct sql *db, int64_t wall, int64_t most, struct err *e)
{
	if (sql_run(db, e, "DELETE FROM report_dmarc WHERE report IN " OLD, "ii", wall, most) < 0 ||
		sql_run(db, e, "DELETE FROM report_tls WHERE report IN " OLD, "ii", wall, most) <
			0 ||
		sql_run(db, e, "DELETE FROM report_day WHERE day < $1", "i", wall / DAY - 1) < 0)
		return -1;
	int64_t n = sql_run(db, e, "DELETE FROM report_window WHERE id IN " OLD, "ii", wall, most);
	int64_t m = n < 0 ? -1
			  : sql_run(db, e,
				    "DELETE FROM received WHERE id IN (SELECT id FROM received"
				    " WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
				    "ii", wall, most);
	return m < 0 ? -1 : n + m;
}
