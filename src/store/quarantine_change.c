/*
 * States of quarantined recipients (quarantine.h): who waits, was asked for, deleted, refused. Each change is
 * one row with one line in its timeline. Going to the queue and back is quarantine_release.c.
 */
#include "base/mem.h"
#include "store/quarantine_impl.h"
#include "store/trace.h"

static int read_log(struct sql *db, msg_id id, int32_t idx, struct buf *log, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT log FROM held_rcpt WHERE msg = $1 AND idx = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	sql_bind_int(s, 2, idx);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such recipient in quarantine");
	buf_put(log, sql_text(s, 0));
	sql_reset(s);
	return 0;
}

int quarantine_step_tx(struct sql *db, const struct quarantine_step *s, struct err *e)
{
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	if (read_log(db, s->id, s->idx, &log, e) < 0)
		return -1;
	trace_event(&log, s->now, s->event, "by", s->by, s->key, s->value, NULL);
	int64_t n = s->same_state
			    ? sql_run(db, e,
				      "UPDATE held_rcpt SET log = $3 WHERE msg = $1 AND idx = $2",
				      "iit", s->id, (int64_t)s->idx, buf_slice(&log))
			    : sql_run(db, e,
				      "UPDATE held_rcpt SET state = $3, changed_at = $4,"
				      " changed_by = $5, released_as = $6, log = $7"
				      " WHERE msg = $1 AND idx = $2",
				      "iiiitit", s->id, (int64_t)s->idx, (int64_t)s->to, s->now,
				      s->by, s->released_as, buf_slice(&log));
	return n < 0 ? -1 : 0;
}

/* Which states may become which. */
static bool may_become(enum quarantine_state from, enum quarantine_state to)
{
	switch (to) {
	case QUARANTINE_ASKED:
		return from == QUARANTINE_WAITS;
	case QUARANTINE_DELETED:
	case QUARANTINE_REFUSED:
		return from == QUARANTINE_WAITS || from == QUARANTINE_ASKED ||
		       from == QUARANTINE_DISCARDED;
	case QUARANTINE_WAITS:
		return from == QUARANTINE_ASKED || from == QUARANTINE_DELETED ||
		       from == QUARANTINE_REFUSED;
	case QUARANTINE_DISCARDED: /* taking a deletion back */
		return from == QUARANTINE_DELETED || from == QUARANTINE_REFUSED;
	case QUARANTINE_RELEASED: /* quarantine_release_tx */
	case QUARANTINE_EXPIRED: /* quarantine_expire */
		return false;
	}
	return false;
}

static const char *event_of(enum quarantine_state to)
{
	switch (to) {
	case QUARANTINE_ASKED:
		return "asked";
	case QUARANTINE_DELETED:
		return "deleted";
	case QUARANTINE_REFUSED:
		return "refused";
	default:
		return "restored";
	}
}

int64_t quarantine_change_tx(struct sql *db, msg_id id, int32_t idx, enum quarantine_state to,
	slice by, int64_t now, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct quarantine_msg m;
	if (quarantine_load(db, id, &a, &m, e) < 0)
		return -1;
	int64_t changed = 0, same = 0, others = 0;
	const char *present = "";
	for (size_t i = 0; i < m.nrcpts; i++) {
		const struct quarantine_rcpt *r = &m.rcpts[i];
		if (idx >= 0 && r->idx != idx)
			continue;
		same += r->state == to;
		others += r->state != to && !may_become(r->state, to);
		if (r->state != to && !may_become(r->state, to))
			present = quarantine_state_name(r->state);
		if (r->state == to || !may_become(r->state, to))
			continue;
		struct quarantine_step s = {
			.id = id, .idx = r->idx, .to = to, .by = by, .now = now};
		s.event = event_of(to);
		if (quarantine_step_tx(db, &s, e) < 0)
			return -1;
		changed++;
	}
	if (changed + same + others == 0)
		return err_set(e, ERR_NOTFOUND, "no such recipient in quarantine");
	if (changed + same == 0)
		return err_set(e, ERR_PERM, "its state is \"%s\": it cannot become \"%s\"", present,
			quarantine_state_name(to));
	return changed;
}

int quarantine_note_tx(struct sql *db, msg_id id, int32_t idx, const char *event, slice by,
	slice detail, int64_t now, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct quarantine_msg m;
	if (quarantine_load(db, id, &a, &m, e) < 0)
		return -1;
	for (size_t i = 0; i < m.nrcpts; i++) {
		struct quarantine_step s = {.id = id,
			.idx = m.rcpts[i].idx,
			.by = by,
			.now = now,
			.event = event,
			.key = "detail",
			.value = detail,
			.same_state = true};
		if ((idx < 0 || idx == s.idx) && quarantine_step_tx(db, &s, e) < 0)
			return -1;
	}
	return 0;
}

static int write_class(struct sql *db, const struct quarantine_terms *was,
	const struct quarantine_terms *is, uint64_t size, struct err *e)
{
	int64_t n = sql_run(db, e, "UPDATE held SET class = $2, virus = $3 WHERE id = $1", "iit",
		is->id, (int64_t)is->class, is->virus);
	if (n < 0 || quarantine_count_one(db, was, -1, size, e) < 0)
		return -1;
	return quarantine_count_one(db, is, 1, size, e);
}

int quarantine_reclass_tx(struct sql *db, msg_id id, enum quarantine_class class, slice virus,
	slice by, int64_t now, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct quarantine_msg m;
	if (quarantine_load(db, id, &a, &m, e) < 0)
		return -1;
	virus = virus.n ? virus : m.virus;
	struct quarantine_terms was = {id, m.kind, m.class, m.policy, m.virus, m.signals, m.nrcpts};
	struct quarantine_terms is = {id, m.kind, class, m.policy, virus, m.signals, m.nrcpts};
	if (quarantine_terms_remove(db, &was, e) < 0 || quarantine_terms_enter(db, &is, e) < 0 ||
		write_class(db, &was, &is, m.msg.size, e) < 0)
		return -1;
	slice what = arena_printf(
		&a, "%s%s%.*s", quarantine_class_name(class), virus.n ? " " : "", SFMT(virus));
	return quarantine_note_tx(db, id, -1, "reclassed", by, what, now, e);
}
