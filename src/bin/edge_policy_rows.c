/*
 * From a plan to rows (edge_policy.h): each group becomes a queued message or a quarantined one, with
 * what goes along; one commit for all of it; then the queue process is told. Called by edge_session.c
 * in accept().
 */
#include "bin/edge_policy.h"

#include "base/mem.h"
#include "base/must.h"
#include "bin/edge_edit.h"
#include "bin/edge_scan.h"
#include "codec/summary.h"
#include "codec/words.h"
#include "run/pool.h"
#include "store/trace.h"

enum {
	PREFIX_MAX = 256 * 1024,
	EDITING_MAX = 256 << 20, /* bytes of messages that are being changed at once by a process */
};

/* ---- rows ---- */

/* Room for one more in an array of the arena. */
static void *one_more(struct arena *a, void *v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	*cap = *cap ? 4 * *cap : 2;
	void *grown = arena_alloc(a, *cap * size);
	if (n)
		memcpy(grown, v, n * size);
	return grown;
}
#define MORE(r, v, n)                                                                              \
	((r)->v = one_more((r)->mem, (r)->v, (r)->n, &(r)->v##_cap, sizeof *(r)->v),               \
		&(r)->v[(r)->n++])

struct queue_msg *edge_rows_queue(struct edge_rows *r, const struct queue_msg *m)
{
	struct queue_msg *q = MORE(r, queued, nqueued);
	*q = *m;
	return q;
}

struct quarantine_msg *edge_rows_keep(struct edge_rows *r)
{
	struct quarantine_msg *q = MORE(r, kept, nkept);
	*q = (struct quarantine_msg){0};
	return q;
}

void edge_rows_notice(struct edge_rows *r, const struct notice *n)
{
	*MORE(r, notices, nnotices) = *n;
}

void edge_rows_ended(struct edge_rows *r, const struct trace_row *t)
{
	*MORE(r, ended, nended) = *t;
}

void edge_rows_fresh(struct edge_rows *r, blob_id id)
{
	*MORE(r, fresh, nfresh) = id;
}

static int write_rows(struct sql *db, void *arg, struct err *e)
{
	const struct edge_rows *r = arg;
	for (size_t i = 0; i < r->nqueued; i++)
		if (queue_add_tx(db, &r->queued[i], e) < 0)
			return -1;
	for (size_t i = 0; i < r->nkept; i++)
		if (quarantine_add_tx(db, &r->kept[i], e) < 0)
			return -1;
	for (size_t i = 0; i < r->nnotices; i++)
		if (notice_add_tx(db, &r->notices[i], e) < 0)
			return -1;
	return 0;
}

int edge_rows_commit(struct edge_session *s, struct edge_rows *r, struct err *e)
{
	int done = commit_run_blobs(s->edge->queue, r->fresh, r->nfresh, write_rows, r, e);
	r->nfresh = 0; /* settled, whatever came of it */
	return done;
}

/* Nothing was committed: gc may have them. */
static void drop_fresh(struct edge_session *s, struct edge_rows *r)
{
	for (size_t i = 0; i < r->nfresh; i++)
		blob_settle(s->edge->blobs, r->fresh[i]);
	r->nfresh = 0;
}

/* ---- a group's message ---- */

static struct queue_rcpt *pick_rcpts(const struct edge_part *p, struct arena *a)
{
	struct queue_rcpt *v = ARENA_ARRAY(a, struct queue_rcpt, p->g->n);
	for (size_t i = 0; i < p->g->n; i++) {
		v[i] = p->m->rcpts[p->g->at[i]];
		v[i].idx = (int32_t)i;
	}
	return v;
}

/* "Name: value", UTF-8. What would end the field is no part of it. */
static void put_field(struct buf *out, slice field)
{
	size_t colon = slice_index(field, ':');
	slice name = slice_first(field, colon), value = slice_trim(slice_skip(field, colon + 1));
	if (!name.n || colon == field.n)
		return;
	buf_printf(out, "%.*s: ", SFMT(name));
	words_encode(out, value, name.n + 2);
	buf_put(out, S("\r\n"));
}

/* Fields that policy sets may be some that mail programs show in lists. */
static bool changes_envelope(const struct policy_decision *d)
{
	for (size_t i = 0; i < d->nfields; i++)
		if (summary_shows(slice_first(d->fields[i], slice_index(d->fields[i], ':'))))
			return true;
	return false;
}

/* Below what was verified, above our signatures. */
static slice marked_prefix(const struct edge_part *p)
{
	const struct policy_decision *d = &p->g->d;
	AUTO(buf) struct buf b = BUF(PREFIX_MAX);
	bool junk = d->end == POLICY_JUNK;
	bool mark = junk || d->mark || (p->s->visit && p->s->message.marked);
	for (size_t i = 0; i < d->nfields; i++)
		put_field(&b, d->fields[i]);
	if (junk)
		buf_put(&b, S("X-Posthouse-Junk: yes\r\n"));
	edge_scan_fields(p->s, mark, &b);
	if (!b.n)
		return p->m->prefix;
	slice marks = arena_dup(p->rows->mem, buf_slice(&b));
	buf_reset(&b);
	buf_put(&b, slice_first(p->m->prefix, p->plan->top));
	buf_put(&b, marks);
	buf_put(&b, slice_skip(p->m->prefix, p->plan->top));
	return buf_ok(&b) ? arena_dup(p->rows->mem, buf_slice(&b)) : p->m->prefix;
}

/* Groups name each other. The first one's event is in its timeline already when it is alone. */
static slice timeline(const struct edge_part *p, const struct edge_part *all, size_t n)
{
	struct arena *a = p->rows->mem;
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	char id[MSG_ID_TEXT];
	if (n == 1)
		return p->m->log;
	buf_put(&log, p->m->log);
	if (p->own.id == p->m->id) {
		AUTO(buf) struct buf others = BUF(TRACE_VALUE_MAX);
		for (size_t i = 1; i < n && buf_ok(&others); i++) {
			msg_id_print(all[i].own.id, id);
			buf_printf(&others, "%s%s", i > 1 ? " " : "", id);
		}
		trace_event(&log, wall_now(), "split", "into", slice_of(others.p, others.n), NULL);
	} else {
		msg_id_print(p->m->id, id);
		trace_event(&log, wall_now(), "split", "of", slice_z(id), NULL);
	}
	edge_policy_event(p->plan, p->g, p->m, &log);
	return arena_dup(a, buf_slice(&log));
}

void edge_part_begin(struct edge_part *p, struct edge_session *s, struct edge_rows *rows,
	const struct queue_msg *m, size_t k)
{
	*p = (struct edge_part){
		.s = s, .plan = s->plan, .g = &s->plan->groups[k], .rows = rows, .m = m, .own = *m};
	p->own.id = k == 0 ? m->id : msg_id_new();
	p->own.rcpts = pick_rcpts(p, rows->mem);
	p->own.nrcpts = p->g->n;
}

/* ---- changed content ---- */

static slice log_add(slice log, slice more, struct arena *a)
{
	AUTO(buf) struct buf b = BUF(TRACE_LOG_MAX);
	buf_put(&b, log);
	buf_put(&b, more);
	return buf_ok(&b) ? arena_dup(a, buf_slice(&b)) : log;
}

struct reading {
	struct blobs *blobs;
	blob_id id;
	struct buf *out;
	int status;
	struct err e;
};

static void read_it(void *arg)
{
	struct reading *r = arg;
	r->status = blob_read(r->blobs, r->id, r->out, &r->e);
}

/* It cannot be made what policy wants it to be, so nobody gets it as it is. */
static void hold_instead(struct edge_part *p, bool infected, slice why)
{
	struct policy_decision *d = &p->g->d;
	d->end = POLICY_QUARANTINE;
	if (infected)
		d->class = QUARANTINE_VIRUS;
	else if (d->class == QUARANTINE_NONE)
		d->class = QUARANTINE_POLICY;
	p->own.prefix = p->m->prefix;
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	trace_event(&log, wall_now(), "unchanged", "why", why, NULL);
	p->own.log = log_add(p->own.log, buf_slice(&log), p->rows->mem);
	edge_policy_hold(p, QUARANTINE_HELD, infected ? why : S(""));
}

static void take_edited(struct edge_part *p, const struct edge_edited *done)
{
	edge_rows_fresh(p->rows, done->blob);
	p->own.log = log_add(p->own.log, done->log, p->rows->mem);
	edge_policy_hold(p, QUARANTINE_ORIGINAL, S(""));
	p->own.blob = done->blob;
	p->own.size = done->size;
	p->own.prefix = done->prefix;
	p->own.flags = done->flags;
	p->own.summary = S(""); /* of other bytes */
}

/* 1: edited or as it was; 0: held now; -1. */
static int edit_message_of(struct edge_part *p, slice message, struct err *e)
{
	struct edge_edited done = {0};
	const struct edge_edit_ask ask = {.message = message,
		.headless = !p->plan->header.n,
		.decision = &p->g->d,
		.facts = &p->plan->facts,
		.m = &p->own};
	enum edge_edit_result what = edge_edit(p->s, &ask, p->rows->mem, &done, e);
	switch (what) {
	case EDGE_EDIT_SAME:
		return 1;
	case EDGE_EDIT_DONE:
		take_edited(p, &done);
		return 1;
	case EDGE_EDIT_INFECTED:
	case EDGE_EDIT_CANNOT:
		hold_instead(p, what == EDGE_EDIT_INFECTED, done.virus);
		return 0;
	case EDGE_EDIT_FAILED:
		break;
	}
	return -1;
}

static int edit(struct edge_part *p, struct err *e)
{
	struct edge *edge = p->s->edge;
	struct reading r = {.blobs = edge->blobs, .id = p->m->blob};
	uint64_t most = 2 * p->m->size;
	while (edge->editing && edge->editing + most > EDITING_MAX)
		cond_wait_firm(&edge->edited);
	edge->editing += most;
	AUTO(buf) struct buf message = BUF(p->m->size + 1);
	r.out = &message;
	pool_call(read_it, &r);
	int done = r.status;
	if (done < 0)
		*e = r.e;
	else
		done = edit_message_of(p, buf_slice(&message), e);
	edge->editing -= most;
	cond_wake_all(&edge->edited);
	return done;
}

/* ---- what becomes of it ---- */

static void set_delay(struct edge_part *p)
{
	int64_t delay = p->g->d.delay;
	if (!delay)
		return;
	p->own.expires_at += delay;
	for (size_t i = 0; i < p->own.nrcpts; i++) {
		p->own.rcpts[i].next_at = wall_now() + delay;
		p->own.rcpts[i].reason = S("policy lets it wait");
	}
}

/* Its sender is told, and gets the header alone: who knows what is in the rest. */
static void set_bounce(struct edge_part *p)
{
	const struct policy_decision *d = &p->g->d;
	struct arena *a = p->rows->mem;
	slice text = d->reply.n ? d->reply : S("Message not accepted by policy");
	slice reason = arena_printf(
		a, "%.*s %.*s", SFMT(d->status.n ? d->status : S("5.7.1")), SFMT(text));
	p->own.flags = (p->own.flags & ~(unsigned)MSG_RET_FULL) | MSG_RET_HDRS;
	for (size_t i = 0; i < p->own.nrcpts; i++) {
		p->own.rcpts[i].dest = S(QUEUE_DEST_BOUNCE);
		p->own.rcpts[i].reason = reason;
	}
}

static int deliver(struct edge_part *p, struct err *e)
{
	p->own.prefix = marked_prefix(p);
	if (changes_envelope(&p->g->d))
		p->own.summary = S("");
	if (edge_edit_wanted(&p->g->d)) {
		int r = edit(p, e);
		if (r <= 0)
			return r;
	}
	if (p->g->d.end == POLICY_JUNK)
		p->own.flags |= MSG_JUNK;
	set_delay(p);
	if (p->g->d.end == POLICY_FORWARD)
		return edge_policy_forward(p, e);
	edge_rows_queue(p->rows, &p->own);
	edge_policy_keep_recent(p);
	return 0;
}

static int carry_out(struct edge_part *p, struct err *e)
{
	switch (p->g->d.end) {
	case POLICY_DELIVER:
	case POLICY_JUNK:
	case POLICY_FORWARD:
		if (deliver(p, e) < 0)
			return -1;
		break;
	case POLICY_QUARANTINE:
	case POLICY_APPROVE:
	case POLICY_DISCARD:
		edge_policy_hold(p, QUARANTINE_HELD, S(""));
		break;
	case POLICY_BOUNCE:
		set_bounce(p);
		edge_rows_queue(p->rows, &p->own);
		break;
	case POLICY_REJECT:
	case POLICY_DEFER:
		must(!"answered in the session");
	}
	return edge_policy_copies(p, e);
}

static int make_rows(
	struct edge_session *s, const struct queue_msg *m, struct edge_rows *rows, struct err *e)
{
	size_t n = s->plan->n;
	struct edge_part *v = ARENA_ARRAY(rows->mem, struct edge_part, n);
	for (size_t k = 0; k < n; k++)
		edge_part_begin(&v[k], s, rows, m, k);
	for (size_t k = 0; k < n; k++) {
		v[k].own.log = timeline(&v[k], v, n);
		if (carry_out(&v[k], e) < 0)
			return -1;
	}
	return 0;
}

/* ---- recipients that ended here ---- */

struct ended {
	struct arena mem;
	struct trace_row *v;
	size_t n;
};

static int write_ended(struct sql *db, void *arg, struct err *e)
{
	const struct ended *x = arg;
	for (size_t i = 0; i < x->n; i++)
		if (trace_add_tx(db, &x->v[i], e) < 0)
			return -1;
	return 0;
}

static void ended_written(void *arg, const struct err *e)
{
	struct ended *x = arg;
	if (e)
		log_warn(NULL, "smtp.trace", F("error", e));
	struct arena mem = x->mem;
	arena_done(&mem);
}

/* Mail that was forwarded is queued under other ids; that it came is told besides. */
static void trace_ended(struct edge_session *s, const struct edge_rows *rows)
{
	struct arena mem = {0};
	if (!rows->nended)
		return;
	struct ended *x = ARENA_NEW(&mem, struct ended);
	x->n = rows->nended;
	x->v = ARENA_ARRAY(&mem, struct trace_row, x->n);
	for (size_t i = 0; i < x->n; i++) {
		const struct trace_row *r = &rows->ended[i];
		x->v[i] = *r;
		x->v[i].sender = arena_dup(&mem, r->sender);
		x->v[i].rcpt = arena_dup(&mem, r->rcpt);
		x->v[i].client = arena_dup(&mem, r->client);
		x->v[i].message_id = arena_dup(&mem, r->message_id);
		x->v[i].subject = arena_dup(&mem, r->subject);
		x->v[i].log = arena_dup(&mem, r->log);
	}
	x->mem = mem;
	commit_post(s->edge->trace, write_ended, ended_written, x);
}

/* ---- all of it ---- */

/* Nothing of it was the message's fault: whatever went wrong here, its sender comes again. */
int edge_policy_put_off(struct err *e)
{
	if (e->kind != ERR_LIMIT && e->kind != ERR_TIMEOUT)
		e->kind = ERR_TEMP;
	return -1;
}

int edge_policy_accept(struct edge_session *s, struct queue_msg *m, struct smtpd_refusal *no)
{
	struct edge_rows rows = {.mem = &s->plan->mem};
	edge_rows_fresh(&rows, m->blob);
	if (make_rows(s, m, &rows, &no->err) < 0) {
		drop_fresh(s, &rows);
		return edge_policy_put_off(&no->err);
	}
	if (edge_rows_commit(s, &rows, &no->err) < 0)
		return edge_policy_put_off(&no->err);
	for (size_t i = 0; i < rows.nqueued; i++)
		edge_hand_off(s->edge, &rows.queued[i]);
	trace_ended(s, &rows);
	return 0;
}
