/*
 * What time brings to mailing lists (queue_maillist.h): every some seconds, and when something waits. Moderators are told once of all
 * that waits; what nobody decided about ends; digests leave at their hour; members whose mail bounced are tried again. Each deed is a
 * transaction of its own; what fails waits for the next look.
 */
#include "base/mem.h"
#include "bin/queue_maillist.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/trace.h"
#include <time.h>

METRIC_COUNTER(issues, "posthouse_maillist_digests_total", "",
	"Digests of mailing lists that were sent out.");

enum {
	UNTOLD_AT_ONCE = 100,
	PROBES_AT_ONCE = 200,
	SWEEP_EVERY_S = 3600,
	DIGEST_ITEM_MAX = 8 << 20
};

/* ---- moderators, requests, posts nobody decided about ---- */

struct look {
	struct queue_maillists *l;
	struct arena *a;
	int64_t now;
	uint64_t expired;
};

static int told(struct queue_maillists *m, int64_t list_id, int64_t now, struct err *e)
{
	if (sql_begin(m->hands.queue, e) < 0)
		return -1;
	if (maillist_told_tx(m->hands.queue, list_id, now, e) == 0)
		return sql_commit(m->hands.queue, e);
	sql_rollback(m->hands.queue);
	return -1;
}

static int tell_all(struct queue_maillists *m, void *arg, struct err *e)
{
	struct look *k = arg;
	int64_t ids[UNTOLD_AT_ONCE];
	size_t n;
	struct maillist l;
	if (maillist_untold(m->queue_read, k->now, MAILLISTS_TELL_S * SECOND, ids, UNTOLD_AT_ONCE,
		    &n, e) < 0)
		return -1;
	m->hands.url = queue_maillists_url(m);
	for (size_t i = 0; i < n; i++) {
		int r = maillist_by_id(m->hands.directory, ids[i], k->a, &l, e);
		if (r == 0)
			r = maillist_act_tell_moderators(&m->hands, &l, k->a, e);
		if ((r < 0 && e->kind != ERR_NOTFOUND) || told(m, ids[i], k->now, e) < 0)
			return -1;
	}
	return 0;
}

static int end_old(struct queue_maillists *m, void *arg, struct err *e)
{
	struct look *k = arg;
	struct maillist_held *v;
	size_t n, old = 0;
	if (maillist_held(m->queue_read, 0, k->a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		old += v[i].until <= k->now;
	if (!old)
		return 0;
	if (sql_begin(m->hands.queue, e) < 0)
		return -1;
	if (maillist_held_expire_tx(m->hands.queue, k->now, &k->expired, e) == 0)
		return sql_commit(m->hands.queue, e);
	sql_rollback(m->hands.queue);
	return -1;
}

static int sweep_queue(struct sql *db, void *arg, struct err *e)
{
	(void)arg;
	return maillist_sweep_tx(db, e);
}

static int sweep_requests(struct sql *db, void *arg, struct err *e)
{
	return maillist_requests_expire_tx(db, *(int64_t *)arg, e);
}

static int sweep(struct look *k, struct err *e)
{
	struct queue_maillists *l = k->l;
	if (k->now >= l->swept_at && k->now - l->swept_at < SWEEP_EVERY_S * SECOND)
		return 0;
	l->swept_at = k->now;
	if (commit_run(l->q->queue_commit, sweep_queue, NULL, e) < 0)
		return -1;
	return commit_run(l->bounces, sweep_requests, &k->now, e);
}

/* ---- bounces ---- */

struct owners {
	struct look *k;
	int64_t list_id;
	const char *what;
	const struct maillist_member *one; /* NULL: those who were disabled within the hour */
};

static int tell_owners(struct queue_maillists *m, void *arg, struct err *e)
{
	struct owners *o = arg;
	struct arena *a = o->k->a;
	struct maillist l;
	struct maillist_member *v = NULL;
	slice *to, lines[20];
	size_t nto, n = 0, k = 0;
	if (maillist_by_id(m->hands.directory, o->list_id, a, &l, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (maillist_owners(m->hands.directory, l.id, a, &to, &nto, e) < 0 ||
		(!o->one && maillist_members(m->hands.lists, l.id, S(""), MAILLIST_BOUNCED, 0, a,
				    &v, &n, e) < 0))
		return -1;
	for (size_t i = 0; i < n && k < sizeof lines / sizeof *lines; i++)
		if (o->k->now - v[i].disabled_at < HOUR)
			lines[k++] = arena_printf(
				a, "%.*s: %.*s", SFMT(v[i].address), SFMT(v[i].bounce));
	if (o->one)
		lines[k++] =
			arena_printf(a, "%.*s: %.*s", SFMT(o->one->address), SFMT(o->one->bounce));
	for (size_t i = 0; k && i < nto; i++) {
		const struct maillist_letter letter = {
			.what = o->what, .list = &l, .to = to[i], .lines = lines, .nlines = k};
		if (maillist_act_tell(&m->hands, &letter, a, e) < 0)
			return -1;
	}
	return 0;
}

static int tell_bounced(struct look *k, struct err *e)
{
	struct queue_maillists *l = k->l;
	while (l->nbounced) {
		struct owners o = {
			.k = k, .list_id = l->bounced[l->nbounced - 1], .what = "disabled"};
		if (queue_maillists_call(l, tell_owners, &o, e) < 0)
			return -1;
		l->nbounced--;
	}
	return 0;
}

struct trying {
	struct look *k;
	struct maillist_member m;
	enum maillist_deed deed;
	int found;
	struct maillist list;
	bool gone; /* the list */
	struct queue_msg msg;
	bool has_msg;
};

static int find_bounced(struct queue_maillists *m, void *arg, struct err *e)
{
	struct trying *t = arg;
	t->found = maillist_bounced_next(m->hands.lists, t->k->now, t->k->a, &t->m, &t->deed, e);
	if (t->found <= 0)
		return t->found;
	t->gone = maillist_by_id(m->hands.directory, t->m.list_id, t->k->a, &t->list, e) < 0;
	return t->gone && e->kind != ERR_NOTFOUND ? -1 : 0;
}

static int try_tx(struct sql *db, void *arg, struct err *e)
{
	struct trying *t = arg;
	if (t->gone)
		return maillist_forget_tx(db, t->m.list_id, e);
	if (t->deed == MAILLIST_DO_ENABLE)
		return maillist_enable_tx(db, t->m.id, e);
	if (t->deed == MAILLIST_DO_PROBE)
		return maillist_probed_tx(db, t->m.id, t->k->now, e);
	return maillist_leave_tx(db, t->m.list_id, t->m.address, !t->m.own, t->k->now, e);
}

static int add_probe(struct sql *db, void *arg, struct err *e)
{
	return queue_add_tx(db, arg, e);
}

/* A letter of the list itself, with an envelope sender that tells whose probe came back. */
static int send_probe(struct trying *t, struct err *e)
{
	struct queue_maillists *l = t->k->l;
	struct queue *q = l->q;
	struct arena *a = t->k->a;
	const struct maillist_token probe = {MAILLIST_TOKEN_PROBE, t->m.id, 0},
				    leave = {MAILLIST_TOKEN_LEAVE, t->m.id, 0};
	const struct maillist_letter letter = {.what = "probe",
		.list = &t->list,
		.to = t->m.address,
		.url = maillist_url(
			queue_maillists_url(l), maillist_token_make(l->key[0], &leave, a), a)};
	const struct notice n = maillist_notice(&letter, t->k->now, a);
	const struct notice_facts f = {
		.kind = NOTICE_MAILLIST, .data = n.data, .hostname = q->settings->config.hostname};
	struct notice_letter text;
	if (!notice_write(&f, a, &text))
		return err_set(e, ERR_LIMIT, "the letter is too long");
	text.to = t->m.address;
	text.lifetime = 3 * DAY;
	if (notice_make(&text, q->settings->config.hostname, &q->settings->signing, &q->routes,
		    q->blobs, t->k->now, a, &t->msg, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	t->msg.sender = maillist_part_address(
		t->list.address, MAILLIST_BOUNCES, maillist_token_make(l->key[0], &probe, a), a);
	t->msg.flags &= ~(unsigned)MSG_BOUNCE;
	if (commit_run_blob(q->queue_commit, t->msg.blob, add_probe, &t->msg, e) < 0)
		return -1;
	maillist_feed(q, &t->msg);
	return 0;
}

/* 1: one was handled; 0: none; -1. */
static int try_next(struct look *k, struct err *e)
{
	struct trying *t = ARENA_NEW(k->a, struct trying);
	t->k = k;
	if (queue_maillists_call(k->l, find_bounced, t, e) < 0 || t->found <= 0)
		return t->found <= 0 ? t->found : -1;
	if (!t->gone && t->deed == MAILLIST_DO_PROBE &&
		(queue_maillists_keys(k->l, e) < 0 || send_probe(t, e) < 0))
		return -1;
	if (commit_run(k->l->bounces, try_tx, t, e) < 0)
		return -1;
	struct owners o = {.k = k, .list_id = t->m.list_id, .what = "removed", .one = &t->m};
	if (!t->gone && t->deed == MAILLIST_DO_REMOVE &&
		queue_maillists_call(k->l, tell_owners, &o, e) < 0)
		return -1;
	return 1;
}

/* ---- digests ---- */

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

struct issue {
	struct look *k;
	struct maillist_digest_due due;
	struct maillist list;
	bool gone;
	struct maillist_item *items;
	size_t nitems, used;
	struct queue_msg *m; /* of each */
	struct maillist_digest_post *posts;
	struct buf text;
	struct queue_msg msg;
	int status;
	struct err e;
	uint64_t bytes;
};

static int read_items(struct queue_maillists *m, void *arg, struct err *e)
{
	struct issue *x = arg;
	x->gone = maillist_by_id(m->hands.directory, x->due.list_id, x->k->a, &x->list, e) < 0;
	if (x->gone && e->kind != ERR_NOTFOUND)
		return -1;
	if (maillist_digest_items(
		    m->queue_read, x->due.list_id, x->k->a, &x->items, &x->nitems, e) < 0)
		return -1;
	x->m = ARENA_ARRAY(x->k->a, struct queue_msg, x->nitems + 1);
	for (size_t i = 0; i < x->nitems; i++)
		if (queue_load(m->queue_read, x->items[i].id, x->k->a, &x->m[i], e) < 0 &&
			e->kind != ERR_NOTFOUND)
			return -1;
	return 0;
}

/* The posts as they were stored; up to what one letter may hold. */
static int read_posts(struct issue *x, struct err *e)
{
	struct arena *a = x->k->a;
	x->posts = ARENA_ARRAY(a, struct maillist_digest_post, x->nitems + 1);
	size_t n = 0;
	for (size_t i = 0; i < x->nitems && (!x->bytes || x->bytes < MAILLIST_DIGEST_MAX / 2);
		i++) {
		AUTO(buf) struct buf text = BUF(DIGEST_ITEM_MAX);
		struct queue_msg m = x->m[i];
		struct header_field f;
		x->used = i + 1;
		if (!m.id)
			continue; /* somebody deleted it */
		m.prefix = S("");
		if (letter_read(x->k->l->q->blobs, &m, SIZE_MAX, true, &text, e) < 0)
			return -1;
		slice whole = arena_dup(a, buf_slice(&text));
		x->bytes += whole.n;
		x->posts[n++] = (struct maillist_digest_post){
			.from = header_find(whole, S("From"), 0, &f) ? header_text(f.value, a)
								     : S(""),
			.subject = m.subject,
			.message = whole,
			.at = x->items[i].at};
		x->msg.flags |= m.flags & (MSG_8BIT | MSG_BINARY | MSG_SMTPUTF8);
	}
	return (int)n;
}

static int end_trace(struct sql *db, void *arg, struct err *e)
{
	struct issue *x = arg;
	for (size_t i = 0; i < x->used; i++) {
		if (!x->m[i].id || !x->m[i].nrcpts)
			continue;
		struct trace_row row = trace_row_of(
			&x->m[i], &x->m[i].rcpts[0], TRACE_DELIVERED, x->k->now, x->k->a);
		if (trace_add_tx(db, &row, e) < 0)
			return -1;
	}
	return 0;
}

static int end_items(struct sql *db, void *arg, struct err *e)
{
	struct issue *x = arg;
	const int32_t idx = 0;
	if (x->msg.id && queue_add_tx(db, &x->msg, e) < 0)
		return -1;
	for (size_t i = 0; i < x->used; i++)
		if (x->m[i].id && queue_end_tx(db, x->m[i].id, &idx, 1, e) < 0)
			return -1;
	return maillist_digest_sent_tx(db, x->due.list_id, x->items, x->used, x->k->now, e);
}

static int make_issue(struct issue *x, size_t n, struct err *e)
{
	struct queue *q = x->k->l->q;
	char id[MSG_ID_TEXT];
	struct queue_rcpt *r = ARENA_NEW(x->k->a, struct queue_rcpt);
	x->msg.id = msg_id_new();
	msg_id_print(x->msg.id, id);
	x->text = BUF(MAILLIST_DIGEST_MAX);
	if (maillist_digest_build(&x->list, (uint64_t)x->due.issue + 1, x->posts, n, slice_z(id),
		    q->settings->config.hostname, x->k->now, &x->text, e) < 0)
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

static int send_issue(struct issue *x, struct err *e)
{
	struct queue *q = x->k->l->q;
	if (queue_maillists_call(x->k->l, read_items, x, e) < 0)
		return -1;
	int n = x->gone ? 0 : read_posts(x, e);
	if (n < 0 || (n > 0 && make_issue(x, (size_t)n, e) < 0))
		return -1;
	if (x->gone || !n)
		x->used = x->nitems;
	int r = commit_run(q->trace_commit, end_trace, x, e);
	if (r == 0)
		r = x->msg.blob ? commit_run_blob(q->queue_commit, x->msg.blob, end_items, x, e)
				: commit_run(q->queue_commit, end_items, x, e);
	else if (x->msg.blob)
		blob_settle(q->blobs, x->msg.blob);
	if (r == 0 && x->msg.blob) {
		metric_add(&issues, 1);
		maillist_feed(q, &x->msg);
	}
	return r;
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
		if (v[i].first_at < slot && v[i].sent_at < slot) {
			x->due = v[i];
			x->status = 1;
			return 0;
		}
	}
	return 0;
}

static int send_issues(struct look *k, struct err *e)
{
	for (int i = 0; i < MAILLIST_PAGE_MAX && !k->l->q->stopping; i++) {
		struct issue *x = ARENA_NEW(k->a, struct issue);
		x->k = k;
		if (queue_maillists_call(k->l, read_dues, x, e) < 0)
			return -1;
		if (!x->status)
			return 0;
		int r = send_issue(x, e);
		buf_done(&x->text);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* ---- a look ---- */

static void work(struct queue_maillists *l)
{
	AUTO(arena) struct arena a = {0};
	struct look k = {.l = l, .a = &a, .now = wall_now()};
	struct err e;
	int r = queue_maillists_call(l, end_old, &k, &e);
	if (r == 0 && k.expired)
		queue_feed_sweep(l->q);
	if (r == 0)
		r = queue_maillists_keys(l, &e);
	if (r == 0)
		r = queue_maillists_call(l, tell_all, &k, &e);
	if (r == 0)
		r = tell_bounced(&k, &e);
	if (r == 0)
		r = send_issues(&k, &e);
	for (int i = 0, more = 1; r == 0 && more == 1 && i < PROBES_AT_ONCE; i++)
		if ((more = try_next(&k, &e)) < 0)
			r = -1;
	if (r == 0)
		r = sweep(&k, &e);
	if (r < 0 && e.kind != ERR_CLOSED)
		log_warn(NULL, "maillist.failed", F("error", &e));
}

void queue_maillists_run(void *arg)
{
	struct queue_maillists *l = arg;
	struct err e;
	for (;;) {
		if (!l->asked &&
			cond_wait(&l->wake, instant_in(MAILLISTS_EVERY_S * SECOND), &e) < 0 &&
			e.kind != ERR_TIMEOUT)
			return;
		l->asked = false;
		work(l);
	}
}

void queue_maillists_wake(struct queue_maillists *l)
{
	l->asked = true;
	cond_wake_all(&l->wake);
}

int queue_maillists_open(struct queue *q, struct queue_maillists **ret, struct err *e)
{
	slice data = q->settings->config.server->data;
	struct queue_maillists *l = NEW(struct queue_maillists);
	l->q = q;
	cond_init(&l->wake);
	pthread_mutex_init(&l->lock, NULL);
	*ret = l;
	if (maillist_hands_open(&l->hands, data, e) < 0 ||
		sql_open_read(data, "queue", &l->queue_read, e) < 0 ||
		sql_open(data, MAILLIST_DB, &l->bounces_db, e) < 0)
		return -1;
	l->bounces = commit_new(l->bounces_db, NULL);
	return 0;
}

void queue_maillists_close(struct queue_maillists *l)
{
	if (!l)
		return;
	if (l->bounces)
		commit_drain(l->bounces);
	commit_free(l->bounces);
	sql_close(l->bounces_db);
	sql_close(l->queue_read);
	maillist_hands_close(&l->hands);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
