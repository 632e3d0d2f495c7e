/*
 * Copies, supervision copies and forwards (edge_policy.h). Called by edge_policy_rows.c.
 *
 * Copies are messages of their own: as the mail came, with the null sender, so that nothing about them ever
 * reaches its author. A copy of what has a virus, or was not examined, is held as the mail itself is: unless
 * policy lets that pass as it came. Supervision copies say on top whose mail it is. Each copy carries a field with
 * an HMAC of its own address: mail that comes back with it is not copied there again. Nobody
 * can write that field who has not seen a copy, and from a login it counts for nothing, so it is no way
 * around supervision.
 *
 * A forward replaces the recipient, as an alias does (mail/local.h): what leaves our systems gets a sender of
 * ours (SRS) and an ARC seal, and Delivered-To: names the recipient, which stops loops.
 */
#include "bin/edge_policy.h"

#include "base/b64.h"
#include "base/mem.h"
#include "base/must.h"
#include "bin/filter_conf.h"
#include "bin/keys_client.h"
#include "bin/token.h"
#include "codec/words.h"
#include "mail/forward.h"
#include "store/trace.h"

enum { PREFIX_MAX = 256 * 1024 + FORWARD_SEAL_MAX, NAMED_MAX = 20, MAC_BYTES = 15 };
#define MARK_FIELD "X-Posthouse-Copy"

enum { HERE, AWAY, WHERES };

static struct forward forward_of(const struct edge_session *s, struct signing *signing)
{
	const struct edge *e = s->edge;
	*signing = (struct signing){e->config->signing, keys_client_signer(e->keys)};
	return (struct forward){.srs = &e->srs,
		.signing = signing,
		.routes = &e->routes,
		.blobs = e->blobs,
		.authserv_id = e->authserv_id};
}

/* A recipient of ours that was not in the envelope. */
static int route(
	struct edge_part *p, slice address, struct queue_rcpt *ret, bool *ret_leaves, struct err *e)
{
	struct route_decision d;
	if (route_decide(&p->s->edge->routes, address, false, p->rows->mem, &d, e) < 0)
		return -1;
	*ret = (struct queue_rcpt){.address = d.stands_for.n ? d.stands_for : address,
		.dest = d.dest,
		.next_at = wall_now()};
	*ret_leaves = forward_leaves(&d);
	return 0;
}

/* ---- the same mail again ---- */

static bool has_field(slice header, slice name, slice value)
{
	struct header_field f;
	while (header_next(&header, &f))
		if (slice_ieq(f.name, name) && slice_ieq(slice_trim(f.value), value))
			return true;
	return false;
}

bool edge_policy_came_back(const struct edge_plan *p, slice rcpt)
{
	return has_field(p->header, S("Delivered-To"), rcpt);
}

/* What stands in the field of copies that go to this address. */
static int mark_of(struct edge_part *p, slice address, slice *ret, struct err *e)
{
	unsigned char mac[32];
	AUTO(buf) struct buf text = BUF(100);
	AUTO(buf) struct buf lower = BUF(1000);
	buf_put(&lower, S("copy to "));
	for (size_t i = 0; i < address.n; i++)
		buf_byte(&lower, ascii_lower(address.p[i]));
	if (keys_client_hmac(p->s->edge->keys, S(TOKEN_SECRET), false, buf_slice(&lower), mac, e) <
		0)
		return -1;
	b64_encode(&text, slice_of((const char *)mac, MAC_BYTES));
	*ret = arena_dup(p->rows->mem, buf_slice(&text));
	return 0;
}

/* ---- copies ---- */

/* Whoever gets the message itself needs no plain copy. */
static bool gets_it(const struct edge_part *p, slice address)
{
	for (size_t k = 0; k < p->plan->n; k++) {
		const struct edge_group *g = &p->plan->groups[k];
		if (g->d.end != POLICY_DELIVER && g->d.end != POLICY_JUNK)
			continue;
		for (size_t i = 0; i < g->n; i++)
			if (slice_ieq(p->m->rcpts[g->at[i]].address, address))
				return true;
	}
	return false;
}

/* Groups before this one have seen to it. */
static bool was_copied(const struct edge_part *p, slice address)
{
	for (const struct edge_group *g = p->plan->groups; g < p->g; g++)
		for (size_t i = 0; i < g->d.ncopies; i++)
			if (slice_ieq(g->d.copies[i], address))
				return true;
	return false;
}

static slice rcpts_named(const struct edge_part *p)
{
	AUTO(buf) struct buf b = BUF(8 * 1024);
	for (size_t i = 0; i < p->own.nrcpts && i < NAMED_MAX && buf_ok(&b); i++)
		buf_printf(&b, "%s<%.*s>", i ? ", " : "", SFMT(p->own.rcpts[i].address));
	if (p->own.nrcpts > NAMED_MAX)
		buf_printf(&b, " and %zu more", p->own.nrcpts - NAMED_MAX);
	return arena_dup(p->rows->mem, slice_of(b.p, b.n));
}

static void put_field(struct buf *out, const char *name, slice value)
{
	if (!value.n)
		return;
	buf_printf(out, "%s: ", name);
	words_encode(out, value, strlen(name) + 2);
	buf_put(out, S("\r\n"));
}

/* For whoever supervises: whose mail it is, and why it is here. */
static void put_supervision(struct buf *b, const struct edge_part *p)
{
	static const char *const ways[] = {
		[POLICY_IN] = "in", [POLICY_OUT] = "out", [POLICY_INTERNAL] = "internal"};
	const struct policy_decision *d = &p->g->d;
	char id[MSG_ID_TEXT];
	msg_id_print(p->own.id, id);
	put_field(b, "X-Posthouse-Supervised", slice_z(id));
	put_field(b, "X-Posthouse-Supervised-From",
		arena_printf(p->rows->mem, "<%.*s>", SFMT(p->m->sender)));
	put_field(b, "X-Posthouse-Supervised-To", rcpts_named(p));
	put_field(b, "X-Posthouse-Supervised-Login", p->s->client->login);
	put_field(b, "X-Posthouse-Supervised-Direction", slice_z(ways[p->g->direction]));
	put_field(b, "X-Posthouse-Supervised-Policy", d->nwhy ? d->why[0] : d->policy);
	put_field(b, "X-Posthouse-Supervised-Disposition", slice_z(policy_end_name(d->end)));
}

static slice copy_log(const struct edge_part *p, bool supervision, slice to)
{
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	char id[MSG_ID_TEXT];
	msg_id_print(p->own.id, id);
	buf_put(&log, p->own.log);
	trace_event(&log, wall_now(), "copied", "of", slice_z(id), "kind",
		supervision ? S("supervision") : S("copy"), "to", to, NULL);
	return arena_dup(p->rows->mem, buf_slice(&log));
}

/* Of what nobody may get as it came; else QUARANTINE_NONE. */
static enum quarantine_class held_as(const struct edge_part *p)
{
	const struct policy_decision *d = &p->g->d;
	struct policy_thresholds t = filter_thresholds(p->s->edge->config->filter);
	enum quarantine_class c = policy_classify(&p->plan->facts, &t);
	bool passes = d->end == POLICY_DELIVER || d->end == POLICY_JUNK || d->end == POLICY_FORWARD;
	if (c == QUARANTINE_VIRUS ? passes && !d->clean : passes || c != QUARANTINE_UNEXAMINED)
		return QUARANTINE_NONE;
	return c;
}

static int copy_to(struct edge_part *p, slice address, bool supervision, struct err *e)
{
	struct arena *a = p->rows->mem;
	AUTO(buf) struct buf prefix = BUF(PREFIX_MAX);
	struct signing signing;
	struct forward f = forward_of(p->s, &signing);
	struct queue_rcpt *r = ARENA_NEW(a, struct queue_rcpt);
	bool leaves;
	slice mark, why;
	if (mark_of(p, address, &mark, e) < 0)
		return -1;
	if (!p->s->client->login.n && has_field(p->plan->header, S(MARK_FIELD), mark))
		return 0;
	if (route(p, address, r, &leaves, e) < 0)
		return -1;
	r->notify = NOTIFY_NEVER;
	if (leaves && p->g->direction == POLICY_IN)
		buf_put(&prefix, forward_seal(&f, p->m, p->m->prefix, p->own.rcpts[0].address,
					 wall_now(), a, &why));
	put_field(&prefix, MARK_FIELD, mark);
	if (supervision)
		put_supervision(&prefix, p);
	buf_put(&prefix, p->m->prefix);
	if (!buf_ok(&prefix))
		return err_set(e, ERR_LIMIT, "the header of a copy is too large");
	struct queue_msg c = *p->m;
	c.id = msg_id_new();
	c.sender = c.auth = c.envid = S("");
	c.prefix = arena_dup(a, buf_slice(&prefix));
	c.flags &= MSG_8BIT | MSG_BINARY | MSG_SMTPUTF8 | MSG_REQUIRETLS;
	c.log = copy_log(p, supervision, address);
	c.rcpts = r;
	c.nrcpts = 1;
	enum quarantine_class held = held_as(p);
	if (held)
		edge_policy_hold_copy(p, &c, held);
	else
		edge_rows_queue(p->rows, &c);
	return 0;
}

int edge_policy_copies(struct edge_part *p, struct err *e)
{
	const struct policy_decision *d = &p->g->d;
	for (size_t i = 0; i < d->ncopies; i++)
		if (!gets_it(p, d->copies[i]) && !was_copied(p, d->copies[i]) &&
			copy_to(p, d->copies[i], false, e) < 0)
			return -1;
	for (size_t i = 0; i < d->nsupervisors; i++)
		if (copy_to(p, d->supervisors[i], true, e) < 0)
			return -1;
	return 0;
}

/* ---- forwards ---- */

struct forwarding {
	struct queue_rcpt *v[WHERES];
	size_t n[WHERES];
};

static bool has_rcpt(const struct queue_rcpt *v, size_t n, slice address)
{
	for (size_t i = 0; i < n; i++)
		if (slice_ieq(v[i].address, address))
			return true;
	return false;
}

/* One message for all of them: what is to be told about one of them is told. */
static unsigned notify_of(const struct edge_part *p)
{
	unsigned all = 0;
	bool never = true;
	for (size_t i = 0; i < p->own.nrcpts; i++) {
		unsigned one = p->own.rcpts[i].notify;
		if (one & NOTIFY_NEVER)
			continue;
		never = false;
		all |= one ? one : NOTIFY_FAILURE | NOTIFY_DELAY;
	}
	if (never)
		return NOTIFY_NEVER;
	return p->own.nrcpts > 1 ? all : p->own.rcpts[0].notify;
}

static int find_targets(struct edge_part *p, struct forwarding *x, struct err *e)
{
	const struct policy_decision *d = &p->g->d;
	const struct queue_rcpt *from = &p->own.rcpts[0];
	for (int w = 0; w < WHERES; w++)
		x->v[w] = ARENA_ARRAY(p->rows->mem, struct queue_rcpt, d->nforwards + 1);
	for (size_t i = 0; i < d->nforwards; i++) {
		struct queue_rcpt r;
		bool leaves;
		if (route(p, d->forwards[i], &r, &leaves, e) < 0)
			return -1;
		int w = leaves ? AWAY : HERE;
		if (has_rcpt(x->v[w], x->n[w], r.address))
			continue;
		r.idx = (int32_t)x->n[w];
		r.next_at = from->next_at;
		r.reason = from->reason;
		r.notify = notify_of(p);
		r.orcpt = p->own.nrcpts > 1 ? S("")
			  : from->orcpt.n
				  ? from->orcpt
				  : arena_printf(p->rows->mem, "rfc822;%.*s", SFMT(from->address));
		x->v[w][x->n[w]++] = r;
	}
	return 0;
}

static int forward_one(struct edge_part *p, struct queue_rcpt *v, size_t n, bool leaves,
	msg_id *ret, struct err *e)
{
	struct arena *a = p->rows->mem;
	struct signing signing;
	struct forward f = forward_of(p->s, &signing);
	AUTO(buf) struct buf prefix = BUF(PREFIX_MAX), log = BUF(TRACE_LOG_MAX);
	struct queue_msg m = p->own;
	slice alias = p->own.rcpts[0].address, seal = {0}, why = {0};
	char id[MSG_ID_TEXT];
	msg_id_print(p->own.id, id);
	if (leaves && forward_sender(&f, p->own.sender, alias, wall_now(), a, &m.sender, e) < 0)
		return -1;
	if (leaves)
		seal = forward_seal(&f, &p->own, p->own.prefix, alias, wall_now(), a, &why);
	buf_put(&prefix, seal);
	for (size_t i = 0; i < p->own.nrcpts && i < NAMED_MAX; i++)
		buf_printf(&prefix, "Delivered-To: %.*s\r\n", SFMT(p->own.rcpts[i].address));
	buf_put(&prefix, p->own.prefix);
	if (!buf_ok(&prefix))
		return err_set(e, ERR_LIMIT, "the header of a forward is too large");
	buf_put(&log, p->own.log);
	trace_event(&log, wall_now(), "forwarded", "of", slice_z(id), "from",
		slice_eq(m.sender, p->own.sender) ? S("") : m.sender, "arc",
		!leaves  ? S("")
		: seal.n ? S("sealed")
			 : why,
		NULL);
	m.id = *ret = msg_id_new();
	m.prefix = arena_dup(a, buf_slice(&prefix));
	m.log = arena_dup(a, buf_slice(&log));
	m.rcpts = v;
	m.nrcpts = n;
	edge_rows_queue(p->rows, &m);
	return 0;
}

/* Those it was for: their mail has ended here, and the trace says where it went. */
static void end_rcpts(struct edge_part *p, const msg_id *as)
{
	struct arena *a = p->rows->mem;
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX), ids = BUF(100);
	for (int w = 0; w < WHERES; w++) {
		char id[MSG_ID_TEXT];
		if (!as[w])
			continue;
		msg_id_print(as[w], id);
		buf_printf(&ids, "%s%s", ids.n ? " " : "", id);
	}
	trace_event(&log, wall_now(), "forwarded", "as", buf_slice(&ids), NULL);
	for (size_t i = 0; i < p->own.nrcpts; i++) {
		struct queue_rcpt r = p->own.rcpts[i];
		r.log = arena_dup(a, buf_slice(&log));
		struct trace_row row = trace_row_of(&p->own, &r, TRACE_DELIVERED, wall_now(), a);
		edge_rows_ended(p->rows, &row);
	}
}

int edge_policy_forward(struct edge_part *p, struct err *e)
{
	struct forwarding x = {0};
	msg_id as[WHERES] = {0};
	if (find_targets(p, &x, e) < 0)
		return -1;
	must(x.n[HERE] + x.n[AWAY] > 0);
	for (int w = 0; w < WHERES; w++)
		if (x.n[w] && forward_one(p, x.v[w], x.n[w], w == AWAY, &as[w], e) < 0)
			return -1;
	end_rcpts(p, as);
	return 0;
}
