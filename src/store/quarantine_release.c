/*
 * From the quarantine to the queue and back (quarantine.h). Both are tables of one database: a message is
 * queued by the transaction that marks its recipient as released, so it is released once, whoever asks
 * at the same time and whoever is killed. In the queue its recipients have the same idx as here.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "store/quarantine_impl.h"
#include "store/trace.h"

static bool can_release(const struct quarantine_rcpt *r)
{
	return r->state == QUARANTINE_WAITS || r->state == QUARANTINE_ASKED ||
	       r->state == QUARANTINE_DISCARDED;
}

/* Why not: of the recipients meant, one that was released counts first. */
static int refuse(const struct quarantine_msg *m, int32_t idx, struct err *e)
{
	const struct quarantine_rcpt *found = NULL;
	for (size_t i = 0; i < m->nrcpts; i++) {
		const struct quarantine_rcpt *r = &m->rcpts[i];
		if ((idx < 0 || r->idx == idx) && (!found || r->state == QUARANTINE_RELEASED))
			found = r;
	}
	if (!found)
		return err_set(e, ERR_NOTFOUND, "no such recipient in quarantine");
	if (found->state == QUARANTINE_RELEASED)
		return err_set(e, ERR_EXISTS, "was released already");
	return err_set(e, ERR_PERM, "its state is \"%s\": it cannot be released",
		quarantine_state_name(found->state));
}

static struct queue_rcpt queued_rcpt(
	const struct quarantine_release *r, const struct quarantine_rcpt *from)
{
	bool other = r->to.n > 0;
	slice dest = other ? r->to_dest : from->dest;
	return (struct queue_rcpt){
		.idx = from->idx,
		.address = other ? r->to : from->address,
		.orcpt = other ? S("") : from->orcpt,
		.notify = other ? NOTIFY_NEVER : from->notify,
		.dest = dest.n ? dest : S("local"), /* the queue asks again before the attempt */
		.next_at = r->now,
	};
}

static slice join(slice front, slice back, struct arena *a)
{
	char *both = arena_alloc(a, front.n + back.n + 1);
	memcpy(both, front.p ? front.p : "", front.n);
	memcpy(both + front.n, back.p ? back.p : "", back.n);
	return slice_of(both, front.n + back.n);
}

/* The envelope of what goes out: new id, our field, a timeline that goes on where reception ended. */
static struct queue_msg queued_msg(
	const struct quarantine_release *r, const struct quarantine_msg *m, struct arena *a)
{
	char origin[MSG_ID_TEXT];
	msg_id_print(m->msg.id, origin);
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	buf_put(&log, m->msg.log);
	trace_event(&log, r->now, "released", "by", r->by, "from", slice_z(origin), NULL);
	struct queue_msg q = m->msg;
	q.id = r->as;
	q.prefix = join(r->field, m->msg.prefix, a);
	q.priority = QUEUE_NORMAL;
	/* The queue believes routes of fresh mail: these are from when it was held. */
	q.arrived_at = r->now - MINUTE;
	q.expires_at = r->now + r->lifetime;
	q.log = arena_dup(a, buf_slice(&log));
	q.nrcpts = 0;
	q.rcpts = ARENA_ARRAY(a, struct queue_rcpt, m->nrcpts);
	return q;
}

static int mark(struct sql *db, const struct quarantine_release *r, int32_t idx, struct err *e)
{
	char as[MSG_ID_TEXT];
	msg_id_print(r->as, as);
	struct quarantine_step s = {.id = r->id,
		.idx = idx,
		.to = QUARANTINE_RELEASED,
		.released_as = r->as,
		.by = r->by,
		.now = r->now,
		.event = r->copy ? "forwarded" : "released",
		.key = r->to.n ? "to" : "as",
		.value = r->to.n ? r->to : slice_z(as),
		.same_state = r->copy};
	return quarantine_step_tx(db, &s, e);
}

int quarantine_release_tx(struct sql *db, const struct quarantine_release *r, struct arena *a,
	struct queue_msg *ret, struct err *e)
{
	struct quarantine_msg m;
	if (quarantine_load(db, r->id, a, &m, e) < 0)
		return -1;
	if (m.kind == QUARANTINE_RECENT && !r->copy)
		return err_set(e, ERR_PERM, "it was delivered as it came");
	struct queue_msg q = queued_msg(r, &m, a);
	bool one_is_enough = r->to.n > 0;
	for (size_t i = 0; i < m.nrcpts; i++) {
		if ((r->idx >= 0 && m.rcpts[i].idx != r->idx) ||
			!(r->copy || can_release(&m.rcpts[i])))
			continue;
		if (mark(db, r, m.rcpts[i].idx, e) < 0)
			return -1;
		if (q.nrcpts == 0 || !one_is_enough)
			q.rcpts[q.nrcpts++] = queued_rcpt(r, &m.rcpts[i]);
	}
	if (q.nrcpts == 0)
		return refuse(&m, r->idx, e);
	if (queue_add_tx(db, &q, e) < 0)
		return e->kind == ERR_EXISTS ? err_set(e, ERR_TEMP, "the id is taken") : -1;
	*ret = q;
	return 0;
}

/* Is it in the queue, as it was put there? */
static int is_queued(struct sql *db, msg_id id, int32_t idx, bool *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT 1 FROM rcpt WHERE msg = $1 AND idx = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	sql_bind_int(s, 2, idx);
	int r = sql_step(s, e);
	if (r == 1)
		sql_reset(s);
	*ret = r == 1;
	return r < 0 ? -1 : 0;
}

static int recall_one(struct sql *db, const struct quarantine_msg *m,
	const struct quarantine_rcpt *r, enum quarantine_state to, slice by, int64_t now,
	struct err *e)
{
	struct quarantine_step s = {.id = m->msg.id,
		.idx = r->idx,
		.to = to,
		.by = by,
		.now = now,
		.event = "recalled"};
	if (queue_end_tx(db, r->released_as, &r->idx, 1, e) < 0)
		return -1;
	return quarantine_step_tx(db, &s, e);
}

int64_t quarantine_recall_tx(struct sql *db, msg_id id, int32_t idx, enum quarantine_state to,
	slice by, int64_t now, struct err *e)
{
	must(to == QUARANTINE_WAITS || to == QUARANTINE_ASKED || to == QUARANTINE_DISCARDED);
	AUTO(arena) struct arena a = {0};
	struct quarantine_msg m;
	int64_t back = 0, meant = 0;
	if (quarantine_load(db, id, &a, &m, e) < 0)
		return -1;
	for (size_t i = 0; i < m.nrcpts; i++) {
		const struct quarantine_rcpt *r = &m.rcpts[i];
		bool queued;
		if ((idx >= 0 && r->idx != idx) || r->state != QUARANTINE_RELEASED)
			continue;
		meant++;
		if (is_queued(db, r->released_as, r->idx, &queued, e) < 0 ||
			(queued && recall_one(db, &m, r, to, by, now, e) < 0))
			return -1;
		back += queued;
	}
	return meant ? back : err_set(e, ERR_PERM, "it is not released");
}
