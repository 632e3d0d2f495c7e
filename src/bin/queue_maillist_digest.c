/*
 * Digests of mailing lists (queue_maillist.h), at each list's hour: the posts that wait become one message (mail/maillist_digest.c) to
 * those who read digests, in one transaction with their end. A post that is too large for a digest goes to the same readers by itself,
 * and is named in it; one that cannot be read now waits for the next issue. Lists do not wait for each other.
 */
#include "base/mem.h"
#include "bin/queue_maillist.h"
#include "codec/header.h"
#include "run/log.h"
#include "run/metrics.h"
#include "store/trace.h"
#include <time.h>

METRIC_COUNTER(issues, "posthouse_maillist_digests_total", "",
	"Digests of mailing lists that were sent out.");

enum { DIGEST_ITEM_MAX = 8 << 20 /* bytes of a post in a digest */ };

struct look {
	struct queue_maillists *l;
	struct arena *a;
	int64_t now;
	int64_t *failed; /* lists whose digest cannot be made now */
	size_t nfailed;
};

/* The last time of that hour, in the server's zone. */
static int64_t last_slot(int64_t now, int64_t hour)
{
	time_t t = (time_t)(now / SECOND);
	struct tm tm;
	localtime_r(&t, &tm);
	tm.tm_hour = (int)hour;
	tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	int64_t slot = (int64_t)mktime(&tm) * SECOND;
	return slot > now ? slot - DAY : slot;
}

/* A post that waits for a digest. */
struct item {
	struct maillist_item of;
	struct queue_msg m; /* id 0: somebody deleted it */
	bool ends; /* it is in this issue, or goes by itself */
	struct queue_msg apart; /* id 0: it does not go by itself */
};
struct issue {
	struct look *k;
	struct maillist_digest_due due;
	struct maillist list;
	bool gone, found;
	struct item *items;
	size_t nitems;
	struct maillist_digest_post *posts;
	size_t nposts;
	unsigned whole; /* posts that are in it */
	struct buf text;
	struct queue_msg msg;
	uint64_t bytes;
};

static int read_items(struct queue_maillists *m, void *arg, struct err *e)
{
	struct issue *x = arg;
	struct maillist_item *v;
	x->gone = maillist_by_id(m->hands.directory, x->due.list_id, x->k->a, &x->list, e) < 0;
	if (x->gone && e->kind != ERR_NOTFOUND)
		return -1;
	if (maillist_digest_items(m->queue_read, x->due.list_id, x->k->a, &v, &x->nitems, e) < 0)
		return -1;
	x->items = ARENA_ARRAY(x->k->a, struct item, x->nitems + 1);
	for (size_t i = 0; i < x->nitems; i++) {
		x->items[i].of = v[i];
		if (queue_load(m->queue_read, v[i].id, x->k->a, &x->items[i].m, e) < 0 &&
			e->kind != ERR_NOTFOUND)
			return -1;
	}
	return 0;
}

/* To those who read digests, by itself: too large to stand in one. */
static void send_apart(struct issue *x, struct item *it)
{
	struct queue_rcpt *r = ARENA_NEW(x->k->a, struct queue_rcpt);
	it->apart = it->m;
	it->apart.id = msg_id_new();
	it->apart.priority = QUEUE_BULK;
	it->apart.expires_at = x->k->now + x->k->l->q->settings->config.queue->lifetime;
	*r = (struct queue_rcpt){.address = x->list.address,
		.notify = NOTIFY_NEVER,
		.dest = S(ROUTE_LIST_ISSUE),
		.next_at = x->k->now};
	it->apart.rcpts = r;
	it->apart.nrcpts = 1;
}

static slice author_of(const struct item *it, slice text, struct arena *a)
{
	struct header_field f;
	slice header = text.n ? text : it->m.prefix;
	return header_find(header, S("From"), 0, &f) ? header_text(f.value, a) : S("");
}

/* One post as it was stored. What cannot be read just now waits for the next issue; what cannot be read any more is named in this one. */
static void read_post(struct issue *x, struct item *it)
{
	struct arena *a = x->k->a;
	bool large = it->m.size > DIGEST_ITEM_MAX;
	AUTO(buf) struct buf text = BUF(DIGEST_ITEM_MAX + MAILLISTS_HEADER_READ);
	struct queue_msg m = it->m;
	struct err e = {0};
	m.prefix = S("");
	int r = letter_read(
		x->k->l->q->blobs, &m, large ? MAILLISTS_HEADER_READ : SIZE_MAX, false, &text, &e);
	if (r < 0) {
		log_warn(NULL, "maillist.digest_post", F("list", x->list.address), F("error", &e));
		if (e.kind != ERR_PERM && e.kind != ERR_NOTFOUND)
			return;
		text.n = 0;
	}
	slice whole = r < 0 ? S("") : arena_dup(a, buf_slice(&text));
	x->posts[x->nposts++] = (struct maillist_digest_post){.from = author_of(it, whole, a),
		.subject = it->m.subject,
		.message = large ? S("") : whole,
		.apart = large && r == 0,
		.size = it->m.size,
		.at = it->of.at};
	it->ends = true;
	if (large && r == 0) {
		send_apart(x, it);
		return;
	}
	x->whole += whole.n > 0;
	x->bytes += whole.n;
	x->msg.flags |= m.flags & (MSG_8BIT | MSG_BINARY | MSG_SMTPUTF8);
}

/* Up to what one letter may hold. */
static void read_posts(struct issue *x)
{
	x->posts = ARENA_ARRAY(x->k->a, struct maillist_digest_post, x->nitems + 1);
	for (size_t i = 0; i < x->nitems && x->bytes < MAILLIST_DIGEST_MAX / 2; i++)
		if (x->items[i].m.id)
			read_post(x, &x->items[i]);
		else
			x->items[i].ends = true;
}

static int end_trace(struct sql *db, void *arg, struct err *e)
{
	struct issue *x = arg;
	for (size_t i = 0; i < x->nitems; i++) {
		const struct queue_msg *m = &x->items[i].m;
		if (!x->items[i].ends || !m->id || !m->nrcpts)
			continue;
		struct trace_row row =
			trace_row_of(m, &m->rcpts[0], TRACE_DELIVERED, x->k->now, x->k->a);
		if (trace_add_tx(db, &row, e) < 0)
			return -1;
	}
	return 0;
}

static int end_item(struct sql *db, const struct item *it, struct err *e)
{
	const int32_t idx = 0;
	if (it->apart.id && queue_add_tx(db, &it->apart, e) < 0)
		return -1;
	return it->m.id ? queue_end_tx(db, it->m.id, &idx, 1, e) : 0;
}

static int end_items(struct sql *db, void *arg, struct err *e)
{
	struct issue *x = arg;
	struct maillist_item *v = ARENA_ARRAY(x->k->a, struct maillist_item, x->nitems + 1);
	size_t n = 0;
	if (x->msg.id && queue_add_tx(db, &x->msg, e) < 0)
		return -1;
	for (size_t i = 0; i < x->nitems; i++) {
		if (!x->items[i].ends)
			continue;
		if (end_item(db, &x->items[i], e) < 0)
			return -1;
		v[n++] = x->items[i].of;
	}
	return maillist_digest_sent_tx(db, x->due.list_id, v, n, x->k->now, e);
}

static int make_issue(struct issue *x, struct err *e)
{
	struct queue *q = x->k->l->q;
	char id[MSG_ID_TEXT];
	struct queue_rcpt *r = ARENA_NEW(x->k->a, struct queue_rcpt);
	x->msg.id = msg_id_new();
	msg_id_print(x->msg.id, id);
	x->text = BUF(MAILLIST_DIGEST_MAX);
	if (maillist_digest_build(&x->list, (uint64_t)x->due.issue + 1, x->posts, x->nposts,
		    slice_z(id), q->settings->config.hostname, x->k->now, &x->text, e) < 0)
		return -1;
	struct blob_writer *w = blob_begin(q->blobs);
	if (blob_add(w, buf_slice(&x->text), e) < 0) {
		blob_cancel(w);
		return -1;
	}
	if (blob_finish(w, &x->msg.blob, &x->msg.size, e) < 0)
		return -1;
	AUTO(buf) struct buf prefix = BUF(MAILLISTS_PREFIX_MAX);
	maillist_fields(&x->list, S(""), S(""), &prefix);
	x->msg.prefix = arena_dup(x->k->a, buf_slice(&prefix));
	x->msg.flags |= MSG_8BIT;
	x->msg.arrived_at = x->k->now;
	x->msg.expires_at = x->k->now + q->settings->config.queue->lifetime;
	x->msg.priority = QUEUE_BULK;
	x->msg.subject = S("digest");
	*r = (struct queue_rcpt){.address = x->list.address,
		.notify = NOTIFY_NEVER,
		.dest = S(ROUTE_LIST_ISSUE),
		.next_at = x->k->now};
	x->msg.rcpts = r;
	x->msg.nrcpts = 1;
	return 0;
}

static void feed_issue(struct issue *x)
{
	struct queue *q = x->k->l->q;
	if (x->msg.blob) {
		metric_add(&issues, 1);
		maillist_feed(q, &x->msg);
	}
	for (size_t i = 0; i < x->nitems; i++)
		if (x->items[i].apart.id)
			maillist_feed(q, &x->items[i].apart);
}

static int send_issue(struct issue *x, struct err *e)
{
	struct queue *q = x->k->l->q;
	if (queue_maillists_call(x->k->l, read_items, x, e) < 0)
		return -1;
	if (!x->gone)
		read_posts(x);
	for (size_t i = 0; x->gone && i < x->nitems; i++)
		x->items[i].ends = true;
	if (!x->gone && x->nitems && !x->items[0].ends && !x->nposts)
		return err_set(e, ERR_TEMP, "no post of the digest of %.*s can be read",
			SFMT(x->list.address));
	if (x->nposts && make_issue(x, e) < 0)
		return -1;
	int r = commit_run(q->trace_commit, end_trace, x, e);
	if (r == 0)
		r = x->msg.blob ? commit_run_blob(q->queue_commit, x->msg.blob, end_items, x, e)
				: commit_run(q->queue_commit, end_items, x, e);
	else if (x->msg.blob)
		blob_settle(q->blobs, x->msg.blob);
	if (r == 0)
		feed_issue(x);
	return r;
}

static bool has_failed(const struct look *k, int64_t list_id)
{
	for (size_t i = 0; i < k->nfailed; i++)
		if (k->failed[i] == list_id)
			return true;
	return false;
}

static int read_dues(struct queue_maillists *m, void *arg, struct err *e)
{
	struct issue *x = arg;
	struct maillist_digest_due *v;
	size_t n;
	struct maillist l;
	if (maillist_digests(m->queue_read, x->k->a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		bool gone = maillist_by_id(m->hands.directory, v[i].list_id, x->k->a, &l, e) < 0;
		if (gone && e->kind != ERR_NOTFOUND)
			return -1;
		int64_t slot = gone ? INT64_MAX : last_slot(x->k->now, l.c.digest_hour);
		if (v[i].first_at < slot && v[i].sent_at < slot &&
			!has_failed(x->k, v[i].list_id)) {
			x->due = v[i];
			x->found = true;
			return 0;
		}
	}
	return 0;
}

/* One that cannot be made now is tried again at the next look; the others go. */
int queue_maillist_digests(struct queue_maillists *l, struct arena *a, int64_t now, struct err *e)
{
	struct look look = {.l = l, .a = a, .now = now}, *k = &look;
	k->failed = ARENA_ARRAY(k->a, int64_t, MAILLIST_PAGE_MAX);
	for (int i = 0; i < MAILLIST_PAGE_MAX && !k->l->q->stopping; i++) {
		struct issue *x = ARENA_NEW(k->a, struct issue);
		x->k = k;
		if (queue_maillists_call(k->l, read_dues, x, e) < 0)
			return -1;
		if (!x->found)
			return 0;
		if (send_issue(x, e) < 0) {
			if (e->kind == ERR_CLOSED)
				return -1;
			log_warn(
				NULL, "maillist.digest", F("list", x->list.address), F("error", e));
			k->failed[k->nfailed++] = x->due.list_id;
		}
		buf_done(&x->text);
	}
	return 0;
}
