/*
 * Sending a post out (queue_maillist.h): the readers in the order of their addresses, a piece at a time. A piece is one transaction:
 * its messages and how far it came. So whatever is killed in between, each reader gets the post once: a piece that is not in the
 * queue is made again, one that is there is not. The members are read in pieces, too: a list of 100,000 costs the memory of one.
 *
 * Readers here and behind us share a message. Those elsewhere have one of their own: with an envelope sender by which their bounces
 * are told apart (VERP), and a link by which they leave with one click; the setting `personal` can have it otherwise. All of them are
 * of one stored blob; only the fields on top differ, which the list's domain signs.
 */
#include "base/mem.h"
#include "bin/queue_maillist.h"
#include "mail/sign.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "senderauth/bodyhash.h"
#include "senderauth/dkim.h"
#include "store/trace.h"

METRIC_COUNTER(sent, "posthouse_maillist_readers_total", "", "Members to whom posts were sent.");

struct piece {
	struct maillist_work *k;
	struct arena *a; /* of the piece */
	slice from, to; /* cursor */
	uint64_t made; /* readers so far */
	bool more, done;
	struct maillist_reader *v;
	size_t n;
	struct route_decision *d; /* of each */
	bool *own; /* has a message of his own */
	struct queue_msg *m;
	size_t nm;
};
/* Of the whole post: what is signed. */
struct body {
	struct maillist_work *k;
	struct buf header; /* as stored */
	struct arena mem;
	struct body_hashes *hashes;
	int want, status;
	struct err e;
};

/* ---- what is signed ---- */

static void hash_in_pool(void *arg)
{
	struct body *b = arg;
	struct blob_reader *r;
	slice piece;
	bool behind = false;
	b->status = blob_open(b->k->l->q->blobs, b->k->m->blob, &r, &b->e);
	if (b->status < 0)
		return;
	while ((b->status = blob_next(r, &piece, &b->e)) == 1) {
		if (behind) {
			body_hashes_add(b->hashes, piece);
			continue;
		}
		buf_put(&b->header, piece);
		size_t n = header_length(buf_slice(&b->header));
		behind = n < b->header.n || !buf_ok(&b->header);
		if (!behind)
			continue;
		body_hashes_add(b->hashes, slice_skip(buf_slice(&b->header), n));
		b->header.n = n;
	}
	blob_close(r);
	body_hashes_end(b->hashes);
}

static int read_body(struct maillist_work *k, struct body *b, struct err *e)
{
	b->k = k;
	b->header = BUF(FORWARD_HEADER_MAX);
	b->hashes = body_hashes_new(&b->mem);
	b->want = dkim_sign_want(b->hashes);
	pool_call(hash_in_pool, b);
	if (b->status < 0)
		*e = b->e;
	return b->status < 0 ? -1 : 0;
}

static void body_done(struct body *b)
{
	body_hashes_free(b->hashes);
	buf_done(&b->header);
	arena_done(&b->mem);
}

/* By the list's domain; and by the author's, whose post of ours it is. */
static int sign(struct body *b, slice before, struct arena *a, slice *ret, struct err *e)
{
	struct maillist_work *k = b->k;
	const struct signing *s = &k->s->settings->signing;
	AUTO(buf) struct buf out = BUF(SIGN_FIELDS_MAX);
	slice author, domain;
	struct sign_what w = {
		.domains = {slice_skip(k->list.address, slice_rindex(k->list.address, '@') + 1)},
		.ndomains = 1,
		.before = before,
		.header = buf_slice(&b->header),
		.digest = body_hashes_get(b->hashes, b->want),
		.wall = wall_now(),
	};
	*ret = S("");
	if (!s->conf->sign)
		return 0;
	if (k->m->flags & MSG_SUBMITTED && sign_author(w.header, a, &author, &domain))
		w.domains[w.ndomains++] = domain;
	if (sign_fields(s, &w, a, &out, e) < 0)
		return s->conf->if_unreachable == SIGNING_UNSIGNED ? 0 : -1;
	*ret = arena_dup(a, buf_slice(&out));
	return 0;
}

/* ---- one piece ---- */

static int read_piece(struct queue_maillists *m, void *arg, struct err *e)
{
	struct piece *p = arg;
	if (maillist_cursor(m->queue_read, p->k->m->id, p->a, &p->from, &p->made, &p->done, e) <
			0 ||
		p->done)
		return p->done ? 0 : -1;
	return maillist_readers(m->hands.lists, m->hands.directory, p->k->list.id, p->from,
		MAILLISTS_PIECE, p->a, &p->v, &p->n, &p->to, &p->more, e);
}

static bool wants_own(const struct maillist_work *k, const struct route_decision *d)
{
	switch ((enum maillist_auto)k->list.c.personal) {
	case MAILLIST_ALWAYS:
		return true;
	case MAILLIST_NEVER:
		return false;
	case MAILLIST_AUTO:
		break;
	}
	return !d->ours;
}

/* A post is for those who want no digests, an issue of the digest for those who do. */
static int route_all(struct piece *p, struct err *e)
{
	size_t n = 0;
	bool issue = slice_eq(p->k->s->name, S("issue"));
	p->d = ARENA_ARRAY(p->a, struct route_decision, p->n + 1);
	p->own = ARENA_ARRAY(p->a, bool, p->n + 1);
	for (size_t i = 0; i < p->n; i++) {
		if ((p->v[i].digest && p->k->list.c.digests) != issue)
			continue;
		p->v[n] = p->v[i];
		if (route_decide(&p->k->l->q->routes, p->v[n].address, false, p->a, &p->d[n], e) <
			0)
			return -1;
		p->own[n] = wants_own(p->k, &p->d[n]);
		n++;
	}
	p->n = n;
	return 0;
}

static int know_tx(struct sql *db, void *arg, struct err *e)
{
	struct piece *p = arg;
	for (size_t i = 0; i < p->n; i++)
		if (p->own[i] && !p->v[i].member_id &&
			maillist_known_tx(db, p->k->list.id, p->v[i].address, wall_now(),
				&p->v[i].member_id, e) < 0)
			return -1;
	return 0;
}

/* Whoever has a message of his own has a row, to which its tokens point. */
static int know_all(struct piece *p, struct err *e)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->own[i] && !p->v[i].member_id)
			return commit_run(p->k->l->bounces, know_tx, p, e);
	return 0;
}

static struct queue_rcpt rcpt_of(struct piece *p, size_t i, int32_t idx)
{
	const struct route_decision *d = &p->d[i];
	return (struct queue_rcpt){.idx = idx,
		.address = p->v[i].address,
		.orcpt = arena_printf(p->a, "rfc822;%.*s", SFMT(p->v[i].address)),
		.notify = NOTIFY_FAILURE,
		.dest = d->dest,
		.next_at = wall_now()};
}

static slice token(struct piece *p, enum maillist_token_kind kind, int64_t id)
{
	const struct maillist_token t = {kind, id, 0};
	return maillist_token_make(p->k->l->key[0], &t, p->a);
}

/* member 0: shared. */
static int make_message(
	struct piece *p, struct body *b, int64_t member, struct queue_msg *ret, struct err *e)
{
	struct maillist_work *k = p->k;
	AUTO(buf)
	struct buf fields = BUF(MAILLISTS_PREFIX_MAX),
		   whole = BUF(MAILLISTS_PREFIX_MAX + SIGN_FIELDS_MAX);
	char id[MSG_ID_TEXT];
	slice signature;
	*ret = *k->m;
	ret->id = msg_id_new();
	ret->sender = maillist_part_address(k->list.address, MAILLIST_BOUNCES,
		member ? token(p, MAILLIST_TOKEN_BOUNCE, member) : S(""), p->a);
	ret->priority = QUEUE_BULK;
	maillist_leave_fields(&k->list, queue_maillists_url(k->l),
		member ? token(p, MAILLIST_TOKEN_LEAVE, member) : S(""),
		token(p, MAILLIST_TOKEN_PAGE, k->list.id), p->a, &fields);
	buf_put(&fields, k->m->prefix);
	if (sign(b, buf_slice(&fields), p->a, &signature, e) < 0)
		return -1;
	buf_put(&whole, signature);
	buf_put(&whole, buf_slice(&fields));
	ret->prefix = arena_dup(p->a, buf_slice(&whole));
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	msg_id_print(k->m->id, id);
	buf_put(&log, k->m->log);
	trace_event(&log, wall_now(), "queued", "expanded_from", slice_z(id), NULL);
	ret->log = arena_dup(p->a, buf_slice(&log));
	ret->flags &= ~(unsigned)MSG_SUBMITTED;
	ret->nrcpts = 0;
	ret->rcpts = NULL;
	return 0;
}

static int make_shared(struct piece *p, struct body *b, struct err *e)
{
	struct queue_msg *m = &p->m[p->nm];
	size_t n = 0;
	for (size_t i = 0; i < p->n; i++)
		n += !p->own[i];
	if (!n)
		return 0;
	if (make_message(p, b, 0, m, e) < 0)
		return -1;
	m->rcpts = ARENA_ARRAY(p->a, struct queue_rcpt, n);
	for (size_t i = 0; i < p->n; i++)
		if (!p->own[i]) {
			m->rcpts[m->nrcpts] = rcpt_of(p, i, (int32_t)m->nrcpts);
			m->nrcpts++;
		}
	p->nm++;
	return 0;
}

static int make_messages(struct piece *p, struct body *b, struct err *e)
{
	p->m = ARENA_ARRAY(p->a, struct queue_msg, p->n + 1);
	if (make_shared(p, b, e) < 0)
		return -1;
	for (size_t i = 0; i < p->n; i++) {
		if (!p->own[i])
			continue;
		struct queue_msg *m = &p->m[p->nm];
		if (make_message(p, b, p->v[i].member_id, m, e) < 0)
			return -1;
		m->rcpts = ARENA_NEW(p->a, struct queue_rcpt);
		m->rcpts[0] = rcpt_of(p, i, 0);
		m->nrcpts = 1;
		p->nm++;
	}
	return 0;
}

static int piece_tx(struct sql *db, void *arg, struct err *e)
{
	struct piece *p = arg;
	if (maillist_cursor_tx(db, p->k->m->id, p->from, p->to, p->made + p->n, !p->more, e) < 0)
		return -1;
	for (size_t i = 0; i < p->nm; i++)
		if (queue_add_tx(db, &p->m[i], e) < 0)
			return -1;
	return 0;
}

/* 1: there is more; 0: all of it is on its way; -1. */
static int send_piece(
	struct maillist_work *k, struct body *b, struct arena *a, uint64_t *ret_made, struct err *e)
{
	struct piece p = {.k = k, .a = a};
	if (queue_maillists_call(k->l, read_piece, &p, e) < 0)
		return -1;
	*ret_made = p.made;
	if (p.done)
		return 0;
	if (route_all(&p, e) < 0 || know_all(&p, e) < 0 || make_messages(&p, b, e) < 0 ||
		commit_run(k->l->q->queue_commit, piece_tx, &p, e) < 0)
		return -1;
	metric_add(&sent, p.n);
	*ret_made += p.n;
	for (size_t i = 0; i < p.nm; i++)
		maillist_feed(k->l->q, &p.m[i]);
	return p.more;
}

struct result queue_maillist_out(struct maillist_work *k)
{
	struct body *b = NEW(struct body);
	struct result ret = maillist_outcome(RESULT_UNTRIED, STATUS(0, 0, 0), S(""));
	uint64_t made = 0;
	struct err e;
	int more = queue_maillists_keys(k->l, &e) < 0 || read_body(k, b, &e) < 0 ? -1 : 1;
	while (more == 1 && !k->l->q->stopping && !co_cancelled()) {
		AUTO(arena) struct arena a = {0};
		more = send_piece(k, b, &a, &made, &e);
		co_yield();
	}
	if (more < 0)
		ret = maillist_later(k, &e);
	else if (more == 0)
		ret = maillist_outcome(RESULT_DELIVERED, STATUS(2, 1, 5),
			arena_printf(k->a, "sent to %llu members", (unsigned long long)made));
	body_done(b);
	free(b);
	return ret;
}
