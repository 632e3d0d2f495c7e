/*
 * Telling senders. Called by settle, which commits what is made here together with the recipients'
 * ends. The rules: RFC 3461 section 4.1 (NOTIFY), 4.3 (RET), 5.2; RFC 5321 6.1 (null sender). The
 * report's text and structure are codec/dsn's.
 */
#include "mail/bounce.h"

#include "base/mem.h"
#include "mail/letter.h"
#include "store/trace.h"

enum { HEADER_READ = 64 * 1024 };

bool bounce_wanted(const struct queue_msg *m, const struct queue_rcpt *r, enum dsn_action action)
{
	if (m->sender.n == 0 || (r->notify & NOTIFY_NEVER))
		return false;
	switch (action) {
	case DSN_FAILED:
		return r->notify == NOTIFY_DEFAULT || (r->notify & NOTIFY_FAILURE);
	case DSN_DELAYED: /* without NOTIFY it is ours to decide (4.1) */
		if (r->notify == NOTIFY_DEFAULT)
			return m->priority != QUEUE_BULK;
		return r->notify & NOTIFY_DELAY;
	case DSN_DELIVERED:
	case DSN_RELAYED:
	case DSN_EXPANDED:
		return r->notify & NOTIFY_SUCCESS;
	}
	return false;
}

bool bounce_is_double(const struct queue_msg *m, const struct queue_rcpt *r)
{
	return m->sender.n == 0 && !(r->notify & NOTIFY_NEVER);
}

bool bounce_to_postmaster(
	const struct bounce_config *c, const struct queue_msg *m, const struct queue_rcpt *r)
{
	return c->doubles_to.n && (m->flags & MSG_BOUNCE) && bounce_is_double(m, r);
}

/* RFC 3461 4.3: RET is about failures; other reports carry the header only (6.2 of the same). What
 * was sent with REQUIRETLS never comes back whole (RFC 8689 section 5). */
bool bounce_returns_all(
	const struct bounce_config *c, const struct queue_msg *m, enum dsn_action action)
{
	return action == DSN_FAILED && !(m->flags & (MSG_RET_HDRS | MSG_REQUIRETLS)) &&
	       m->prefix.n + m->size <= c->size && m->prefix.n + m->size <= DSN_ORIGINAL_MAX;
}

/* ---- making the report ---- */

static enum dsn_action weightiest(const struct dsn_rcpt *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].action == DSN_FAILED)
			return DSN_FAILED;
	return v[0].action;
}

static int write_blob(struct blobs *blobs, slice text, struct queue_msg *m, struct err *e)
{
	struct blob_writer *w = blob_begin(blobs);
	if (blob_add(w, text, e) < 0) {
		blob_cancel(w);
		return -1;
	}
	return blob_finish(w, &m->blob, &m->size, e);
}

/* Where the report goes: a sender that we rewrote when forwarding stands for the true one. The null
 * decision (a sender that leads nowhere) is ERR_NOTFOUND. */
static int find_dest(const struct route_lookup *l, slice sender, struct arena *a,
	struct queue_rcpt *ret, struct err *e)
{
	struct route_decision d;
	if (route_decide(l, sender, false, a, &d, e) < 0)
		return -1;
	if (d.kind == ROUTE_ERROR)
		return err_set(e, d.status.cls == 4 ? ERR_TEMP : ERR_NOTFOUND, "sender: %.*s",
			SFMT(d.text));
	ret->address = arena_dup(a, d.stands_for.n ? d.stands_for : sender);
	ret->dest = d.dest;
	return 0;
}

/* To the sender; to the postmaster what has none, and failures whose sender leads nowhere. */
static int address_report(const struct bounce_config *c, const struct route_lookup *l, slice sender,
	bool failed, struct arena *a, struct queue_rcpt *ret, struct err *e)
{
	*ret = (struct queue_rcpt){0};
	if (sender.n && find_dest(l, sender, a, ret, e) == 0)
		return 0;
	if (sender.n && (e->kind != ERR_NOTFOUND || !failed || !c->doubles_to.n))
		return -1;
	ret->notify = NOTIFY_NEVER;
	return find_dest(l, c->doubles_to, a, ret, e);
}

static int build(const struct bounce_config *c, const struct queue_msg *m, const struct dsn_rcpt *v,
	size_t n, slice original, bool full, struct queue_msg *report, struct arena *a,
	struct buf *out, struct dsn_needs *ret, struct err *e)
{
	char id[MSG_ID_TEXT], dsn_id[MSG_ID_TEXT];
	msg_id_print(m->id, id);
	msg_id_print(report->id, dsn_id);
	struct dsn_facts f = {
		.reporting_mta = c->hostname,
		.from = c->from,
		.to = report->rcpts[0].address,
		.id = slice_z(id),
		.dsn_id = slice_z(dsn_id),
		.envid = m->envid,
		.subject = m->subject,
		.original_message_id = m->message_id,
		.arrived_at = m->arrived_at,
		.now = report->arrived_at,
		.rcpts = v,
		.nrcpts = n,
		.original = original,
		.full = full,
	};
	if (!dsn_build(out, &f, ret))
		return err_set(e, ERR_LIMIT, "report is larger than %d bytes", DSN_MESSAGE_MAX);
	AUTO(buf) struct buf subject = BUF(TRACE_VALUE_MAX);
	dsn_subject(&subject, &f);
	report->subject = arena_dup(a, buf_slice(&subject));
	report->message_id = arena_printf(a, "<%s@%.*s>", dsn_id, SFMT(c->hostname));
	return 0;
}

static slice first_log(struct arena *a, const struct queue_msg *m, int64_t now)
{
	char id[MSG_ID_TEXT];
	msg_id_print(m->id, id);
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	trace_event(&log, now, "queued", "report_on", slice_z(id), NULL);
	return arena_dup(a, buf_slice(&log));
}

int bounce_make(const struct bounce_config *c, const struct route_lookup *l, struct blobs *blobs,
	const struct queue_msg *m, const struct dsn_rcpt *v, size_t n, int64_t now, struct arena *a,
	struct queue_msg *ret, struct err *e)
{
	AUTO(buf)
	struct buf original = BUF(DSN_ORIGINAL_MAX + HEADER_READ), text = BUF(DSN_MESSAGE_MAX);
	enum dsn_action action = weightiest(v, n);
	bool full = bounce_returns_all(c, m, action);
	struct queue_rcpt *to = ARENA_NEW(a, struct queue_rcpt);
	if (address_report(c, l, m->sender, action == DSN_FAILED, a, to, e) < 0)
		return -1;
	to->next_at = now;
	/* A damaged original must not keep the sender from being told. */
	if (letter_read(blobs, m, full ? SIZE_MAX : HEADER_READ, true, &original, e) < 0)
		return -1;
	struct queue_msg r = {.id = ret->id ? ret->id : msg_id_new(),
		.arrived_at = now,
		.expires_at = now + c->lifetime,
		.priority = QUEUE_NORMAL,
		.nrcpts = 1,
		.rcpts = to};
	struct dsn_needs needs;
	if (build(c, m, v, n, buf_slice(&original), full, &r, a, &text, &needs, e) < 0)
		return -1;
	if (sign_text(c->signing, buf_slice(&text), now, a, &r.prefix, e) < 0 ||
		write_blob(blobs, buf_slice(&text), &r, e) < 0)
		return -1;
	r.flags = MSG_BOUNCE | (needs.eightbit ? MSG_8BIT : 0) |
		  (needs.smtputf8 ? MSG_SMTPUTF8 : 0) | (m->flags & MSG_REQUIRETLS);
	r.log = first_log(a, m, now);
	*ret = r;
	return 0;
}
