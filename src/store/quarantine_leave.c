/*
 * Leaving the quarantine (quarantine.h): expiry, what is there in numbers, and making room. Called by the
 * keeper, in transactions of some hundred rows: mail that comes in waits for one of them at most.
 *
 * The order of an expiry is that of every end (doc/notes/two-databases.md): state EXPIRED in the queue's
 * database, so that nobody can release it any more; its row in the trace; then it goes. Killed in between,
 * the next call finds it as it was left and does the rest.
 */
#include "base/mem.h"
#include "store/quarantine_impl.h"
#include "store/trace.h"

struct ids {
	msg_id *v;
	size_t n;
};

/* Those whose time is up, longest first. */
static int due(
	struct sql *db, int64_t now, uint64_t most, struct arena *a, struct ids *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id FROM held WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, now);
	sql_bind_int(s, 2, (int64_t)most);
	*ret = (struct ids){.v = ARENA_ARRAY(a, msg_id, most)};
	int more;
	while ((more = sql_step(s, e)) == 1 && ret->n < most)
		ret->v[ret->n++] = sql_int(s, 0);
	if (more == 1)
		sql_reset(s);
	return more < 0 ? -1 : 0;
}

static bool waits(enum quarantine_state s)
{
	return s == QUARANTINE_WAITS || s == QUARANTINE_ASKED;
}

static int expire_one(struct sql *db, const struct quarantine_msg *m, int64_t now, struct err *e)
{
	for (size_t i = 0; i < m->nrcpts; i++) {
		struct quarantine_step s = {.id = m->msg.id,
			.idx = m->rcpts[i].idx,
			.to = QUARANTINE_EXPIRED,
			.now = now,
			.event = "expired"};
		if (waits(m->rcpts[i].state) && quarantine_step_tx(db, &s, e) < 0)
			return -1;
	}
	return 0;
}

static int mark_expired(struct sql *db, const struct ids *ids, int64_t now, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < ids->n; i++) {
		struct quarantine_msg m;
		arena_reset(&a);
		if (quarantine_load(db, ids->v[i], &a, &m, e) < 0) {
			if (e->kind == ERR_NOTFOUND)
				continue;
			return -1;
		}
		if (m.expires_at <= now && expire_one(db, &m, now, e) < 0)
			return -1;
	}
	return 0;
}

/* Held mail has its place in the trace; copies and originals belong to rows that are there already. */
static int trace_one(struct sql *trace, const struct quarantine_msg *m, int64_t now,
	struct arena *a, struct err *e)
{
	if (m->kind != QUARANTINE_HELD)
		return 0;
	for (size_t i = 0; i < m->nrcpts; i++) {
		const struct quarantine_rcpt *r = &m->rcpts[i];
		struct queue_rcpt end = {.idx = r->idx, .address = r->address, .log = r->log};
		struct trace_row row = trace_row_of(&m->msg, &end, TRACE_QUARANTINED, now, a);
		if (trace_add_tx(trace, &row, e) < 0)
			return -1;
	}
	return 0;
}

static int trace_all(
	struct sql *queue, struct sql *trace, const struct ids *ids, int64_t now, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < ids->n; i++) {
		struct quarantine_msg m;
		arena_reset(&a);
		if (quarantine_load(queue, ids->v[i], &a, &m, e) < 0) {
			if (e->kind == ERR_NOTFOUND)
				continue;
			return -1;
		}
		if (trace_one(trace, &m, now, &a, e) < 0)
			return -1;
	}
	return 0;
}

static int drop_rows(struct sql *db, msg_id id, struct err *e)
{
	if (sql_run(db, e, "DELETE FROM held_rcpt WHERE msg = $1", "i", id) < 0 ||
		sql_run(db, e, "DELETE FROM held_more WHERE id = $1", "i", id) < 0 ||
		sql_run(db, e, "DELETE FROM held WHERE id = $1", "i", id) < 0)
		return -1;
	return 0;
}

static int drop(struct sql *db, const struct quarantine_msg *m, struct err *e)
{
	msg_id id = m->msg.id;
	struct quarantine_terms t = {
		id, m->kind, m->class, m->policy, m->virus, m->signals, m->nrcpts};
	if (quarantine_terms_remove(db, &t, e) < 0 ||
		quarantine_count_one(db, &t, -1, m->msg.size, e) < 0)
		return -1;
	return drop_rows(db, id, e);
}

int quarantine_drop_tx(struct sql *db, msg_id id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct quarantine_msg m;
	if (quarantine_load(db, id, &a, &m, e) == 0)
		return drop(db, &m, e);
	return e->kind == ERR_NOTFOUND ? drop_rows(db, id, e) : -1;
}

static int remove_one(struct sql *db, msg_id id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct quarantine_msg m;
	if (quarantine_load(db, id, &a, &m, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	for (size_t i = 0; i < m.nrcpts; i++)
		if (waits(m.rcpts[i].state))
			return 0; /* somebody gave it more time, or took a deletion back */
	return drop(db, &m, e) < 0 ? -1 : 1;
}

static int64_t remove_all(struct sql *db, const struct ids *ids, struct err *e)
{
	int64_t gone = 0;
	for (size_t i = 0; i < ids->n; i++) {
		int r = remove_one(db, ids->v[i], e);
		if (r < 0)
			return -1;
		gone += r;
	}
	int64_t n = sql_run(db, e, "DELETE FROM held_total WHERE messages = 0", "");
	return n < 0 ? -1 : gone;
}

static int finish(struct sql *db, bool good, struct err *e)
{
	if (good)
		return sql_commit(db, e);
	sql_rollback(db);
	return -1;
}

int64_t quarantine_expire(
	struct sql *queue, struct sql *trace, int64_t now, uint64_t most, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct ids ids;
	if (due(queue, now, most, &a, &ids, e) < 0)
		return -1;
	if (ids.n == 0)
		return 0;
	if (sql_begin(queue, e) < 0 || finish(queue, mark_expired(queue, &ids, now, e) == 0, e) < 0)
		return -1;
	if (sql_begin(trace, e) < 0 ||
		finish(trace, trace_all(queue, trace, &ids, now, e) == 0, e) < 0)
		return -1;
	if (sql_begin(queue, e) < 0)
		return -1;
	int64_t gone = remove_all(queue, &ids, e);
	return finish(queue, gone >= 0, e) < 0 ? -1 : gone;
}

/* ---- numbers ---- */

int quarantine_totals(struct sql *db, struct quarantine_totals *ret, struct err *e)
{
	struct quarantine_totals t = {0};
	struct sql_stmt *s = sql_prepare(db,
		"SELECT kind, class, CAST(SUM(messages) AS BIGINT), CAST(SUM(bytes) AS BIGINT)"
		" FROM held_total GROUP BY kind, class",
		e);
	if (!s)
		return -1;
	int more;
	while ((more = sql_step(s, e)) == 1) {
		uint64_t kind = (uint64_t)sql_int(s, 0), class = (uint64_t)sql_int(s, 1);
		uint64_t messages = (uint64_t)sql_int(s, 2), bytes = (uint64_t)sql_int(s, 3);
		if (kind <= QUARANTINE_RECENT && class < QUARANTINE_CLASSES) {
			t.v[kind][class].messages = messages;
			t.v[kind][class].bytes = bytes;
		}
		t.messages += messages;
		t.bytes += bytes;
	}
	if (more < 0)
		return -1;
	*ret = t;
	return 0;
}

/* ---- making room ---- */

struct worth {
	enum quarantine_kind kind;
	int class; /* -1: all */
};
static const struct worth least_first[] = {
	{QUARANTINE_RECENT, -1},
	{QUARANTINE_ORIGINAL, -1},
	{QUARANTINE_REJECTED, -1},
	{QUARANTINE_HELD, QUARANTINE_BULK},
	{QUARANTINE_HELD, QUARANTINE_SPAM},
	{QUARANTINE_HELD, QUARANTINE_NONE},
	{QUARANTINE_HELD, QUARANTINE_SUSPICIOUS},
	{QUARANTINE_HELD, QUARANTINE_PHISHING},
	{QUARANTINE_HELD, QUARANTINE_PHISHING_SURE},
	{QUARANTINE_HELD, QUARANTINE_VIRUS},
	{QUARANTINE_HELD, QUARANTINE_UNEXAMINED},
	{QUARANTINE_HELD, QUARANTINE_POLICY},
};

static int64_t squeeze(
	struct sql *db, const struct worth *w, int64_t now, uint64_t most, struct err *e)
{
	char text[8];
	int64_t term;
	slice name = w->class < 0 ? quarantine_term_kind(w->kind, text)
				  : quarantine_term_class((enum quarantine_class)w->class, text);
	if (quarantine_term_find(db, name, &term, e) < 0)
		return -1;
	return sql_run(db, e,
		"UPDATE held SET expires_at = $1 WHERE id IN (SELECT h.id FROM held_by_term t"
		" CROSS JOIN held h WHERE t.term = $2 AND h.id = t.msg AND h.kind = $3"
		" AND h.expires_at > $1 ORDER BY t.msg LIMIT $4)",
		"iiii", now, term, (int64_t)w->kind, (int64_t)most);
}

int64_t quarantine_squeeze_tx(struct sql *db, int64_t now, uint64_t most, struct err *e)
{
	int64_t done = 0;
	for (size_t i = 0; i < sizeof least_first / sizeof least_first[0]; i++) {
		int64_t n = squeeze(db, &least_first[i], now, most - (uint64_t)done, e);
		if (n < 0)
			return -1;
		done += n;
		if ((uint64_t)done >= most)
			break;
	}
	return done;
}

/* ---- repair ---- */

int quarantine_rebuild_tx(struct sql *db, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct quarantine_msg m;
	if (sql_run(db, e, "DELETE FROM held_by_term", "") < 0 ||
		sql_run(db, e, "DELETE FROM held_total", "") < 0)
		return -1;
	msg_id id = 0;
	for (;;) {
		struct sql_stmt *s =
			sql_prepare(db, "SELECT id FROM held WHERE id > $1 ORDER BY id LIMIT 1", e);
		if (!s)
			return -1;
		sql_bind_int(s, 1, id);
		int r = sql_step(s, e);
		if (r <= 0)
			return r;
		id = sql_int(s, 0);
		sql_reset(s);
		arena_reset(&a);
		if (quarantine_load(db, id, &a, &m, e) < 0)
			return -1;
		struct quarantine_terms t = {
			id, m.kind, m.class, m.policy, m.virus, m.signals, m.nrcpts};
		if (quarantine_terms_enter(db, &t, e) < 0 ||
			quarantine_count_one(db, &t, 1, m.msg.size, e) < 0)
			return -1;
	}
}
