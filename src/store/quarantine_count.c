/*
 * Counting in the quarantine without looking at each row: from the totals of hours, kinds and classes, from
 * terms, from the index of states. For quarantine_list.c, which counts the rest by walking.
 *
 * A span of time is whole hours of ids in between, whose rows were held inside the span whatever their
 * minute, and two ends that must be looked at.
 */
#include "base/time.h"
#include "store/quarantine_impl.h"
#include "store/trace_rows.h"

static bool names_something(const struct quarantine_filter *f)
{
	return f->id || f->origin || f->rcpt.n || f->sender.n || f->subject.n || f->signal.n ||
	       f->policy.n || f->virus.n || f->direction >= 0 || f->probability_from > 0 ||
	       f->probability_to > 0 || f->expires_before;
}

static bool is_wanted(const struct quarantine_filter *f, int64_t kind, int64_t class)
{
	return (f->kind < 0 || f->kind == kind) && (f->class < 0 || f->class == class) &&
	       (!f->classes ||
		       (class >= 0 && class < QUARANTINE_CLASSES && (f->classes & 1u << class)));
}

/* Of ids made in [from, to), hours. */
static int sum_totals(struct sql *db, const struct quarantine_filter *f, int64_t from, int64_t to,
	uint64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT kind, class, CAST(SUM(rcpts) AS BIGINT) FROM held_total"
		" WHERE hour >= $1 AND hour < $2 GROUP BY kind, class",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, from);
	sql_bind_int(s, 2, to);
	uint64_t n = 0;
	int more;
	while ((more = sql_step(s, e)) == 1)
		if (is_wanted(f, sql_int(s, 0), sql_int(s, 1)))
			n += (uint64_t)sql_int(s, 2);
	*ret = n;
	return more;
}

static int ask_number(struct sql_stmt *s, uint64_t *ret, struct err *e)
{
	if (sql_step(s, e) < 0)
		return -1;
	*ret = (uint64_t)sql_int(s, 0);
	sql_reset(s);
	return 0;
}

int quarantine_count_term(struct sql *db, int64_t term, uint64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT CAST(COALESCE(SUM(rcpts), 0) AS BIGINT) FROM held_by_term"
		" WHERE term = $1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, term);
	return ask_number(s, ret, e);
}

/* Those that are not in the first state have an index, the others are all but these. */
static int count_state(struct sql *db, int state, uint64_t all, uint64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		state == QUARANTINE_WAITS
			? "SELECT COUNT(*) FROM held_rcpt WHERE state <> 0 AND state <> $1"
			: "SELECT COUNT(*) FROM held_rcpt WHERE state <> 0 AND state = $1",
		e);
	uint64_t n;
	if (!s)
		return -1;
	sql_bind_int(s, 1, state);
	if (ask_number(s, &n, e) < 0)
		return -1;
	*ret = state == QUARANTINE_WAITS ? all - n : n;
	return 0;
}

int quarantine_count_quick(struct sql *db, const struct quarantine_filter *f, uint64_t *ret,
	msg_id *ret_from, msg_id *ret_to, struct err *e)
{
	*ret_from = *ret_to = 0;
	*ret = 0;
	bool everything = f->kind < 0 && f->class < 0 && !f->classes && !f->after && !f->before;
	if (names_something(f) || (f->state >= 0 && !everything))
		return 0;
	int64_t from = f->after ? (f->after + QUARANTINE_SLACK) / HOUR + 1 : 0;
	int64_t to = f->before ? (f->before - QUARANTINE_SLACK) / HOUR : INT64_MAX;
	if (from >= to)
		return 0;
	if (sum_totals(db, f, from, to, ret, e) < 0)
		return -1;
	if (f->state >= 0)
		return count_state(db, f->state, *ret, ret, e) < 0 ? -1 : 1;
	*ret_from = f->after ? msg_id_floor(from * HOUR) : 0;
	*ret_to = f->before ? msg_id_floor(to * HOUR) : INT64_MAX;
	return !f->after && !f->before;
}
