/*
 * The datagram between edge and queue: a magic byte, then the fields of struct queue_msg in order,
 * in base/buf's fixed forms. Both ends are the same program, so there is one version; a datagram
 * from another one (a reload over an upgrade) does not begin with our magic and is dropped, which
 * is harmless: the sweep finds the message.
 */
#include "mail/handoff.h"

#include "base/cur.h"

enum { MAGIC_WHOLE = 0xa1, MAGIC_ID = 0xa2 };
/* Bytes of the smallest encoded recipient: bounds the count that a datagram may claim. */
enum { RCPT_MIN = 4 + 4 + 4 + 4 + 4 + 1 + 4 + 8 + 1 + 4 + 4 };

static void put_rcpt(struct buf *out, const struct queue_rcpt *r)
{
	buf_u32(out, (uint32_t)r->idx);
	buf_str(out, r->address);
	buf_str(out, r->orcpt);
	buf_u32(out, r->notify);
	buf_str(out, r->dest);
	buf_u8(out, (uint8_t)r->state);
	buf_u32(out, (uint32_t)r->attempts);
	buf_u64(out, (uint64_t)r->next_at);
	buf_u8(out, r->warned);
	buf_str(out, r->reason);
	buf_str(out, r->log);
}

static void put_msg(struct buf *out, const struct queue_msg *m)
{
	buf_u8(out, MAGIC_WHOLE);
	buf_u64(out, (uint64_t)m->id);
	buf_str(out, m->sender);
	buf_u64(out, m->blob);
	buf_u64(out, m->size);
	buf_str(out, m->prefix);
	buf_u32(out, m->flags);
	buf_u8(out, (uint8_t)m->priority);
	buf_u64(out, (uint64_t)m->arrived_at);
	buf_u64(out, (uint64_t)m->expires_at);
	buf_str(out, m->envid);
	buf_str(out, m->auth);
	buf_str(out, m->client);
	buf_str(out, m->log);
	buf_str(out, m->message_id);
	buf_str(out, m->subject);
	buf_str(out, m->summary);
	buf_u32(out, (uint32_t)m->nrcpts);
	for (size_t i = 0; i < m->nrcpts; i++)
		put_rcpt(out, &m->rcpts[i]);
}

void handoff_encode_id(struct buf *out, msg_id id)
{
	buf_u8(out, MAGIC_ID);
	buf_u64(out, (uint64_t)id);
}

/* What surely passes the limit is not even tried. */
static bool may_fit(const struct queue_msg *m)
{
	return m->nrcpts < HANDOFF_MAX / RCPT_MIN && m->prefix.n + m->log.n + m->summary.n < HANDOFF_MAX;
}

void handoff_encode(struct buf *out, const struct queue_msg *m)
{
	size_t start = out->n;
	if (may_fit(m)) {
		put_msg(out, m);
		if (buf_ok(out) && out->n - start <= HANDOFF_MAX)
			return;
		out->n = start;
		out->full = false;
	}
	handoff_encode_id(out, m->id);
}

static struct queue_rcpt get_rcpt(struct cur *c)
{
	struct queue_rcpt r = {0};
	r.idx = (int32_t)cur_u32(c);
	r.address = cur_str(c);
	r.orcpt = cur_str(c);
	r.notify = cur_u32(c);
	r.dest = cur_str(c);
	r.state = (enum rcpt_state)cur_u8(c);
	r.attempts = (int32_t)cur_u32(c);
	r.next_at = (int64_t)cur_u64(c);
	r.warned = cur_u8(c) != 0;
	r.reason = cur_str(c);
	r.log = cur_str(c);
	return r;
}

static void get_head(struct cur *c, struct queue_msg *m)
{
	m->id = (msg_id)cur_u64(c);
	m->sender = cur_str(c);
	m->blob = cur_u64(c);
	m->size = cur_u64(c);
	m->prefix = cur_str(c);
	m->flags = cur_u32(c);
	m->priority = (enum queue_priority)cur_u8(c);
	m->arrived_at = (int64_t)cur_u64(c);
	m->expires_at = (int64_t)cur_u64(c);
	m->envid = cur_str(c);
	m->auth = cur_str(c);
	m->client = cur_str(c);
	m->log = cur_str(c);
	m->message_id = cur_str(c);
	m->subject = cur_str(c);
	m->summary = cur_str(c);
}

bool handoff_decode(slice in, struct arena *a, struct queue_msg *ret, bool *ret_id_only)
{
	struct cur c = cur_of(in);
	struct queue_msg m = {0};
	uint8_t magic = cur_u8(&c);
	if (magic == MAGIC_ID) {
		m.id = (msg_id)cur_u64(&c);
	} else if (magic == MAGIC_WHOLE) {
		get_head(&c, &m);
		m.nrcpts = cur_u32(&c);
		if (!cur_ok(&c) || m.nrcpts > cur_rest(&c).n / RCPT_MIN ||
			m.priority >= QUEUE_PRIORITIES)
			return false;
		m.rcpts = ARENA_ARRAY(a, struct queue_rcpt, m.nrcpts);
		for (size_t i = 0; i < m.nrcpts; i++)
			m.rcpts[i] = get_rcpt(&c);
	} else {
		return false;
	}
	if (!cur_ok(&c) || !cur_at_end(&c))
		return false;
	*ret = m;
	*ret_id_only = magic == MAGIC_ID;
	return true;
}
