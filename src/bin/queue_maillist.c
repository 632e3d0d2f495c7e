/*
 * Posts to mailing lists (queue_maillist.h). A post is judged (mail/maillist_judge.c); one that waits for a moderator is held in the
 * queue itself, where it is safe and seen. One that may go becomes, in one transaction with the mark that it was done, a message to
 * "list:out" that knows what all readers get, one for the archive and one for the next digest: all of the same blob, which is a new
 * one only where the post had to be changed. A crash finds it either still to be judged or already on its way.
 */
#include "bin/queue_maillist.h"

#include "base/mem.h"
#include "bin/keys_client.h"
#include "bin/token.h"
#include "codec/header.h"
#include "codec/summary.h"
#include "mail/box.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/trace.h"

METRIC_COUNTER(
	posted, "posthouse_maillist_posts_total", "", "Posts to mailing lists that were sent out.");
METRIC_COUNTER(held, "posthouse_maillist_held_total", "", "Posts that wait for a moderator.");
METRIC_COUNTER(dropped, "posthouse_maillist_dropped_total", "",
	"Letters to lists that nobody gets: loops, machines, strangers.");

struct result maillist_outcome(enum result_kind kind, struct status_code status, slice text)
{
	return (struct result){.kind = kind, .status = status, .text = text};
}

struct result maillist_later(const struct maillist_work *k, const struct err *e)
{
	return maillist_outcome(
		RESULT_DEFERRED, STATUS(4, 3, 0), arena_dup(k->a, slice_z(e->text)));
}

static struct result dropped_for(struct maillist_work *k, const char *why)
{
	metric_add(&dropped, 1);
	return maillist_outcome(
		RESULT_DELIVERED, STATUS(2, 0, 0), arena_printf(k->a, "discarded: %s", why));
}

void maillist_feed(struct queue *q, const struct queue_msg *m)
{
	struct letter *l = letter_copy(m);
	queue_feed_letter(q, l);
	letter_unref(l);
}

/* ---- the pool ---- */

struct call {
	struct queue_maillists *m;
	maillists_fn fn;
	void *arg;
	int status;
	struct err e;
};

static void call_in_pool(void *arg)
{
	struct call *c = arg;
	pthread_mutex_lock(&c->m->lock);
	c->status = c->fn(c->m, c->arg, &c->e);
	pthread_mutex_unlock(&c->m->lock);
}

int queue_maillists_call(struct queue_maillists *m, maillists_fn fn, void *arg, struct err *e)
{
	struct call c = {.m = m, .fn = fn, .arg = arg};
	pool_call(call_in_pool, &c);
	if (c.status < 0)
		*e = c.e;
	return c.status;
}

/* ---- tokens ---- */

int queue_maillists_keys(struct queue_maillists *m, struct err *e)
{
	unsigned char key[MAILLIST_KEY];
	if (m->nkeys && instant_now() - m->key_at < MAILLISTS_KEY_S * SECOND)
		return 0;
	if (keys_client_hmac(m->q->keys, S(TOKEN_SECRET), false, S(MAILLIST_KEY_TEXT), key, e) < 0)
		return m->nkeys ? 0 : -1;
	memcpy(m->key[0], key, sizeof key);
	m->nkeys = 1;
	if (keys_client_hmac(
		    m->q->keys, S(TOKEN_SECRET), true, S(MAILLIST_KEY_TEXT), m->key[1], e) == 0)
		m->nkeys = 2;
	m->key_at = instant_now();
	m->hands.key = m->key[0];
	return 0;
}

int queue_maillists_token(
	struct queue_maillists *m, slice text, struct maillist_token *ret, struct err *e)
{
	int r = -1;
	if (queue_maillists_keys(m, e) < 0)
		return -1;
	for (int i = 0; i < m->nkeys; i++) {
		r = maillist_token_read(m->key[i], text, wall_now(), ret, e);
		if (r == 0 || e->kind != ERR_PROTO)
			return r;
	}
	return r;
}

slice queue_maillists_url(const struct queue_maillists *m)
{
	return m->q->settings->config.digest->url;
}

/* ---- facts of one recipient ---- */

struct facts {
	struct maillist_work *k;
	bool found, done;
	struct maillist_held held;
	bool is_held;
	slice author;
	bool member;
	unsigned roles;
	uint64_t by_author, by_all;
};

static int read_list(struct queue_maillists *m, void *arg, struct err *e)
{
	struct facts *f = arg;
	struct maillist_work *k = f->k;
	int64_t id;
	slice key;
	if (!directory_canonical(k->r->address, k->a, &key))
		return 0;
	int r = maillist_find(m->hands.directory, key, &id, &k->part, e);
	if (r <= 0)
		return r;
	if (maillist_by_id(m->hands.directory, id, k->a, &k->list, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	f->found = true;
	int done = maillist_done(m->queue_read, k->m->id, k->r->idx, e);
	f->done = done == 1;
	f->is_held = maillist_held_get(m->queue_read, k->m->id, k->r->idx, k->a, &f->held, e) == 0;
	return done < 0 || (!f->is_held && e->kind != ERR_NOTFOUND && e->kind != ERR_NONE) ? -1 : 0;
}

static int read_author(struct queue_maillists *m, void *arg, struct err *e)
{
	struct facts *f = arg;
	int64_t id = f->k->list.id;
	if (maillist_posts(m->queue_read, id, f->author, wall_now(), &f->by_author, &f->by_all, e) <
		0)
		return -1;
	if (!f->author.n)
		return 0;
	return maillist_has(m->hands.lists, m->hands.directory, id, f->author, &f->member, e) < 0 ||
			       maillist_roles_of(m->hands.directory, id, f->author, &f->roles, e) <
				       0
		       ? -1
		       : 0;
}

int maillist_is_proven(struct maillist_work *k, slice author, slice *ret_policy, struct err *e)
{
	bool may = false;
	bool results = maillist_proven(k->m->prefix, author, k->a, ret_policy);
	if (results || !k->m->auth.n || !(k->m->flags & MSG_SUBMITTED))
		return results;
	if (directory_may_send_as(k->l->q->directory, k->m->auth, author, &may, e) < 0)
		return -1;
	return may;
}

/* ---- what readers get ---- */

struct publishing {
	struct maillist_work *k;
	const struct facts *f;
	slice header;
	slice policy;
	bool proven, altered;
	struct maillist_change change;
	/* edited, in the pool */
	struct buf whole, edited, summary;
	int status;
	struct err err;
	struct queue_msg made[3]; /* out, archive, digest */
	size_t nmade;
	blob_id fresh;
	uint64_t size;
	bool again; /* a duplicate */
	bool digests;
};

/* Would the author's domain have others refuse it, now that its signature breaks? What our own users wrote is signed by their domain
 * again, where it has keys. */
static int must_rewrite(struct publishing *p, bool *ret, struct err *e)
{
	struct maillist_work *k = p->k;
	slice author = p->f->author, domain = slice_skip(author, slice_rindex(author, '@') + 1);
	enum maillist_auto mode = (enum maillist_auto)k->list.c.rewrite_from;
	*ret = mode == MAILLIST_ALWAYS;
	if (mode != MAILLIST_AUTO || !p->altered || !author.n || slice_eq(p->policy, S("none")))
		return 0;
	if (p->proven && k->m->flags & MSG_SUBMITTED) {
		int keys = sign_has_keys(&k->s->settings->signing, domain, k->a, e);
		if (keys < 0)
			return -1;
		*ret = keys == 0;
		return 0;
	}
	*ret = true; /* reject, quarantine, or not known */
	return 0;
}

static int plan_change(struct publishing *p, struct err *e)
{
	struct maillist_work *k = p->k;
	const struct maillist_conf *c = &k->list.c;
	struct maillist_change *x = &p->change;
	struct header_field f;
	bool rewrite;
	slice stored = slice_skip(p->header, k->m->prefix.n);
	*x = (struct maillist_change){
		.strip = maillist_has_list_fields(stored), .footer = c->footer};
	if (c->subject_tag.n)
		x->tag = arena_printf(k->a, "%.*s ", SFMT(slice_trim(c->subject_tag)));
	if (c->reply_to == MAILLIST_REPLY_LIST)
		x->reply_to = k->list.address;
	p->altered = x->strip || x->footer.n || x->tag.n || x->reply_to.n;
	if (must_rewrite(p, &rewrite, e) < 0)
		return -1;
	if (rewrite && p->f->author.n) {
		p->altered = true;
		x->from = maillist_from(stored, p->f->author, &k->list, k->a);
		if (!x->reply_to.n && !header_find(stored, S("Reply-To"), 0, &f))
			x->reply_to = p->f->author;
		x->sender = maillist_part_address(k->list.address, MAILLIST_BOUNCES, S(""), k->a);
	}
	return 0;
}

static void edit_in_pool(void *arg)
{
	struct publishing *p = arg;
	struct arena a = {0};
	struct mime m;
	slice message = slice_skip(buf_slice(&p->whole), p->k->m->prefix.n);
	p->edited = BUF(edit_limit(2 * message.n));
	p->summary = BUF(SUMMARY_MAX);
	p->status = maillist_edit(message, &p->change, &a, &p->edited, &p->err);
	if (p->status == 0) {
		mime_parse(buf_slice(&p->edited), &mime_limits_default, &a, &m);
		summary_build(buf_slice(&p->edited), 0, &m, false, &p->summary);
	}
	arena_done(&a);
}

static int write_blob(struct publishing *p, struct err *e)
{
	struct blob_writer *w = blob_begin(p->k->l->q->blobs);
	if (blob_add(w, buf_slice(&p->edited), e) < 0) {
		blob_cancel(w);
		return -1;
	}
	return blob_finish(w, &p->fresh, &p->size, e);
}

/* ERR_LIMIT: cannot be changed. */
static int make_altered(struct publishing *p, struct err *e)
{
	struct maillist_work *k = p->k;
	p->whole = BUF(k->m->size + k->m->prefix.n + 1);
	if (letter_read(k->l->q->blobs, k->m, SIZE_MAX, false, &p->whole, e) < 0)
		return -1;
	pool_call(edit_in_pool, p);
	if (p->status < 0) {
		*e = p->err;
		return -1;
	}
	return write_blob(p, e);
}

static slice archive_url(struct publishing *p)
{
	const struct maillist *l = &p->k->list;
	if (!l->c.archive.n)
		return S("");
	slice folder = l->c.archive_folder.n ? l->c.archive_folder : S("INBOX");
	AUTO(buf) struct buf path = BUF(4000);
	for (size_t i = 0; i < folder.n; i++)
		if ((unsigned char)folder.p[i] <= ' ' || (unsigned char)folder.p[i] > '~' ||
			strchr("<>\"%?#;", folder.p[i]))
			buf_printf(&path, "%%%02X", (unsigned char)folder.p[i]);
		else
			buf_byte(&path, folder.p[i]);
	return arena_printf(p->k->a, "imap://%.*s/" BOX_SHARED "%.*s/%.*s",
		SFMT(p->k->s->settings->config.hostname), SFMT(l->c.archive),
		SFMT(buf_slice(&path)));
}

/* Fields of the list, then the seal, then what stood there. */
static slice make_prefix(struct publishing *p, struct queue_msg *m)
{
	struct maillist_work *k = p->k;
	AUTO(buf) struct buf out = BUF(MAILLISTS_PREFIX_MAX);
	slice why;
	maillist_fields(&k->list, slice_skip(p->header, k->m->prefix.n), archive_url(p), &out);
	m->prefix = k->m->prefix;
	buf_put(&out, forward_seal(&k->s->settings->forward, m, k->m->prefix, k->list.address,
			      wall_now(), k->a, &why));
	buf_put(&out, k->m->prefix);
	return arena_dup(k->a, buf_slice(&out));
}

static struct queue_msg *add_message(
	struct publishing *p, const struct queue_msg *of, const char *dest, bool waits)
{
	struct maillist_work *k = p->k;
	char id[MSG_ID_TEXT];
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	struct queue_msg *m = &p->made[p->nmade++];
	struct queue_rcpt *r = ARENA_NEW(k->a, struct queue_rcpt);
	msg_id_print(k->m->id, id);
	buf_put(&log, k->m->log);
	trace_event(&log, wall_now(), "queued", "expanded_from", slice_z(id), NULL);
	*m = *of;
	m->id = msg_id_new();
	m->log = arena_dup(k->a, buf_slice(&log));
	*r = (struct queue_rcpt){.address = k->list.address,
		.notify = NOTIFY_NEVER,
		.dest = slice_z(dest),
		.state = waits ? RCPT_HELD : RCPT_WAITING,
		.reason = waits ? S("waits for the list's next digest") : S(""),
		.next_at = wall_now()};
	m->rcpts = r;
	m->nrcpts = 1;
	return m;
}

static void make_messages(struct publishing *p)
{
	struct maillist_work *k = p->k;
	int64_t now = wall_now();
	struct queue_msg base = *k->m;
	base.sender = S("");
	base.envid = S("");
	if (p->fresh) {
		base.blob = p->fresh;
		base.size = p->size;
		base.summary = buf_ok(&p->summary) ? buf_slice(&p->summary) : S("");
	}
	base.flags &= MSG_8BIT | MSG_BINARY | MSG_SMTPUTF8 | MSG_REQUIRETLS;
	if (p->proven && k->m->flags & MSG_SUBMITTED)
		base.flags |= MSG_SUBMITTED;
	else
		base.auth = S("");
	base.arrived_at = now;
	base.expires_at = now + k->s->settings->config.queue->lifetime;
	base.priority = QUEUE_NORMAL;
	base.prefix = make_prefix(p, &base);
	add_message(p, &base, ROUTE_LIST_OUT, false);
	if (k->list.c.archive.n)
		add_message(p, &base, ROUTE_LIST_ARCHIVE, false);
	if (p->digests)
		add_message(p, &base, ROUTE_LIST_DIGEST, true);
}

static int publish_tx(struct sql *db, void *arg, struct err *e)
{
	struct publishing *p = arg;
	struct maillist_work *k = p->k;
	int64_t now = wall_now();
	slice id = k->m->message_id.n ? k->m->message_id
				      : arena_printf(k->a, "%lld", (long long)k->m->id);
	int seen = maillist_seen_tx(db, k->list.id, id, p->f->author, k->m->id, now, e);
	p->again = seen == 1;
	if (seen < 0 || maillist_held_end_tx(db, k->m->id, k->r->idx, e) < 0)
		return -1;
	if (p->again)
		return 0;
	for (size_t i = 0; i < p->nmade; i++)
		if (queue_add_tx(db, &p->made[i], e) < 0)
			return -1;
	if (p->digests &&
		maillist_digest_add_tx(db, k->list.id, p->made[p->nmade - 1].id, now, e) < 0)
		return -1;
	return maillist_done_tx(db, k->m->id, k->r->idx, e);
}

static int read_digests(struct queue_maillists *m, void *arg, struct err *e)
{
	struct publishing *p = arg;
	int r = p->k->list.c.digests ? maillist_has_digests(m->hands.lists, p->k->list.id, e) : 0;
	p->digests = r == 1;
	return r < 0 ? -1 : 0;
}

static struct result publish(struct publishing *p)
{
	struct maillist_work *k = p->k;
	struct queue *q = k->l->q;
	struct err e;
	if (plan_change(p, &e) < 0 || queue_maillists_call(k->l, read_digests, p, &e) < 0)
		return maillist_later(k, &e);
	if (p->altered && make_altered(p, &e) < 0) {
		if (e.kind == ERR_LIMIT)
			return maillist_outcome(
				RESULT_FAILED, STATUS(5, 3, 4), arena_dup(k->a, slice_z(e.text)));
		return maillist_later(k, &e);
	}
	make_messages(p);
	int r = p->fresh ? commit_run_blob(q->queue_commit, p->fresh, publish_tx, p, &e)
			 : commit_run(q->queue_commit, publish_tx, p, &e);
	if (r < 0)
		return maillist_later(k, &e);
	if (p->again)
		return dropped_for(k, "the same message was posted before");
	metric_add(&posted, 1);
	for (size_t i = 0; i < p->nmade; i++)
		if (p->made[i].rcpts->state == RCPT_WAITING)
			maillist_feed(q, &p->made[i]);
	return maillist_outcome(RESULT_EXPANDED, STATUS(2, 1, 5), S("posted to the list"));
}

static struct result publish_post(
	struct maillist_work *k, const struct facts *f, slice header, slice policy, bool proven)
{
	struct publishing *p = NEW(struct publishing);
	p->k = k;
	p->f = f;
	p->header = header;
	p->policy = policy;
	p->proven = proven;
	struct result r = publish(p);
	buf_done(&p->whole);
	buf_done(&p->edited);
	buf_done(&p->summary);
	free(p);
	return r;
}

/* ---- a post ---- */

static int hold_tx(struct sql *db, void *arg, struct err *e)
{
	return maillist_hold_tx(db, arg, e);
}

static struct result hold(
	struct maillist_work *k, const struct facts *f, bool proven, const char *why)
{
	int64_t now = wall_now();
	struct maillist_held h = {.id = k->m->id,
		.idx = k->r->idx,
		.list_id = k->list.id,
		.author = f->author.n ? f->author : k->m->sender,
		.subject = k->m->subject,
		.reason = slice_z(why),
		.proven = proven,
		.at = now,
		.until = now + k->list.c.hold_days * DAY};
	struct err e;
	if (!f->is_held && commit_run(k->l->q->queue_commit, hold_tx, &h, &e) < 0)
		return e.kind == ERR_LIMIT
			       ? maillist_outcome(proven ? RESULT_FAILED : RESULT_DELIVERED,
					 STATUS(5, 7, 2), arena_dup(k->a, slice_z(e.text)))
			       : maillist_later(k, &e);
	metric_add(&held, 1);
	queue_maillists_wake(k->l);
	return maillist_outcome(RESULT_HELD, STATUS(4, 7, 2),
		arena_printf(k->a, "waits for a moderator of the list: %s", why));
}

static int end_held_tx(struct sql *db, void *arg, struct err *e)
{
	const struct maillist_held *h = arg;
	return maillist_held_end_tx(db, h->id, h->idx, e) < 0
		       ? -1
		       : maillist_done_tx(db, h->id, h->idx, e);
}

/* Decided against it. An author who is not proven may be somebody else. */
static struct result decided(struct maillist_work *k, const struct facts *f)
{
	struct maillist_held h = f->held;
	struct err e;
	if (commit_run(k->l->q->queue_commit, end_held_tx, &h, &e) < 0)
		return maillist_later(k, &e);
	if (h.verdict == MAILLIST_REJECTED && maillist_may_refuse(k->m, h.author, h.proven))
		return maillist_outcome(RESULT_FAILED, STATUS(5, 7, 2),
			S("a moderator of the list has refused it"));
	return dropped_for(k, h.verdict == MAILLIST_EXPIRED
				      ? "no moderator decided about it in time"
				      : "by a moderator");
}

static struct result by_verdict(struct maillist_work *k, const struct facts *f, slice header,
	slice policy, const struct maillist_case *c)
{
	const char *why;
	enum maillist_say say = maillist_judge(c, &why);
	bool approved = f->is_held && f->held.verdict == MAILLIST_APPROVED;
	if (approved && say != MAILLIST_SAY_LATER)
		return publish_post(k, f, header, policy, c->proven);
	switch (say) {
	case MAILLIST_SAY_POST:
		return publish_post(k, f, header, policy, c->proven);
	case MAILLIST_SAY_HOLD:
		return hold(k, f, c->proven, why);
	case MAILLIST_SAY_REFUSE:
		return maillist_outcome(RESULT_FAILED, STATUS(5, 7, 2), slice_z(why));
	case MAILLIST_SAY_LATER:
		return maillist_outcome(RESULT_DEFERRED, STATUS(4, 7, 2), slice_z(why));
	case MAILLIST_SAY_DROP:
		break;
	}
	return dropped_for(k, why);
}

static struct result post(struct maillist_work *k, struct facts *f)
{
	AUTO(buf) struct buf header = BUF(MAILLISTS_HEADER_READ + MAILLISTS_PREFIX_MAX);
	slice policy = S("");
	struct err e;
	if (f->done)
		return maillist_outcome(RESULT_EXPANDED, STATUS(2, 1, 5), S("posted to the list"));
	if (f->is_held && f->held.verdict > MAILLIST_APPROVED)
		return decided(k, f);
	if (letter_read(k->l->q->blobs, k->m, MAILLISTS_HEADER_READ, false, &header, &e) < 0)
		return maillist_later(k, &e);
	slice all = slice_first(buf_slice(&header),
		k->m->prefix.n + header_length(slice_skip(buf_slice(&header), k->m->prefix.n)));
	if (!maillist_author(slice_skip(all, k->m->prefix.n), k->a, &f->author))
		f->author = S("");
	int proven = f->author.n ? maillist_is_proven(k, f->author, &policy, &e) : 0;
	if (proven < 0 || queue_maillists_call(k->l, read_author, f, &e) < 0)
		return maillist_later(k, &e);
	const struct maillist_case c = {.list = &k->list,
		.m = k->m,
		.header = all,
		.author = f->author,
		.proven = proven == 1,
		.member = f->member,
		.roles = f->roles,
		.posts_author = f->by_author,
		.posts_all = f->by_all};
	return by_verdict(k, f, all, policy, &c);
}

/* ---- the archive ---- */

static int archive_tx(struct sql *db, void *arg, struct err *e)
{
	struct mailbox_delivery *d = arg;
	struct mailbox_place place;
	return mailbox_deliver_tx(db, d, &place, e);
}

static struct result keep(struct maillist_work *k)
{
	struct queue *q = k->l->q;
	struct rcpt_answer to;
	struct err e;
	const struct maillist_conf *c = &k->list.c;
	if (!c->archive.n)
		return maillist_outcome(
			RESULT_DELIVERED, STATUS(2, 0, 0), S("the list has no archive any more"));
	if (directory_rcpt(q->directory, c->archive, k->a, &to, &e) < 0)
		return maillist_later(k, &e);
	if (to.kind != RCPT_LOCAL || !to.account_id) {
		log_warn(NULL, "maillist.archive", F("list", k->list.address),
			F("archive", c->archive), F("error", "no mailbox"));
		return maillist_outcome(
			RESULT_DEFERRED, STATUS(4, 2, 1), S("the archive is no mailbox here"));
	}
	struct mailbox_delivery d = {.account_id = to.account_id,
		.queue_id = k->m->id,
		.rcpt_idx = k->r->idx,
		.folder = c->archive_folder.n ? c->archive_folder : S("INBOX"),
		.blob = k->m->blob,
		.size = k->m->size,
		.prefix = k->m->prefix,
		.summary = k->m->summary,
		.received_at = wall_now()};
	if (blob_hold(q->blobs, k->m->blob, &e) < 0)
		return maillist_later(k, &e);
	int r = commit_run(q->shard_commit[mailbox_shard(to.account_id)], archive_tx, &d, &e);
	blob_settle(q->blobs, k->m->blob);
	if (r < 0)
		return maillist_later(k, &e);
	changes_tell(q->changes, to.account_id);
	return maillist_outcome(RESULT_DELIVERED, STATUS(2, 1, 5), S("kept in the list's archive"));
}

/* ---- one group ---- */

static struct result not_a_list(struct maillist_work *k)
{
	struct route_decision d;
	struct err e;
	if (route_decide(&k->l->q->routes, k->r->address, false, k->a, &d, &e) < 0)
		return maillist_later(k, &e);
	if (k->s->name.n || d.kind == ROUTE_LIST)
		return maillist_outcome(
			RESULT_DELIVERED, STATUS(2, 0, 0), S("the list does not exist any more"));
	if (d.kind == ROUTE_ERROR)
		return maillist_outcome(
			d.status.cls == 4 ? RESULT_DEFERRED : RESULT_FAILED, d.status, d.text);
	struct result r = maillist_outcome(RESULT_REROUTED, STATUS(0, 0, 0), S(""));
	r.dest = d.dest;
	return r;
}

static struct result one(struct maillist_work *k)
{
	struct facts f = {.k = k};
	struct err e = {0};
	if (queue_maillists_call(k->l, read_list, &f, &e) < 0)
		return maillist_later(k, &e);
	if (!f.found)
		return not_a_list(k);
	if (slice_eq(k->s->name, S("out")) || slice_eq(k->s->name, S("issue")))
		return queue_maillist_out(k);
	if (slice_eq(k->s->name, S("archive")))
		return keep(k);
	if (slice_eq(k->s->name, S("digest")))
		return maillist_outcome(
			RESULT_HELD, STATUS(4, 0, 0), S("waits for the list's next digest"));
	return k->part == MAILLIST_POST ? post(k, &f) : queue_maillist_mail(k);
}

void queue_maillist_deliver(struct queue_session *s)
{
	struct maillist_work *k = ARENA_NEW(&s->mem, struct maillist_work);
	for (size_t i = 0; i < s->n; i++) {
		*k = (struct maillist_work){.l = s->q->maillists,
			.s = s,
			.m = &s->letter->m,
			.r = &s->letter->m.rcpts[s->v[i].at],
			.a = &s->mem};
		s->v[i].result = one(k);
	}
}
