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

enum {
	UNTOLD_AT_ONCE = 100,
	PROBES_AT_ONCE = 200,
	SWEEP_EVERY_S = 3600,
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

/* ---- a look ---- */

static int send_digests(struct look *k, struct err *e)
{
	return queue_maillist_digests(k->l, k->a, k->now, e);
}

static int try_all(struct look *k, struct err *e)
{
	int more = 1;
	for (int i = 0; more == 1 && i < PROBES_AT_ONCE; i++)
		more = try_next(k, e);
	return more < 0 ? -1 : 0;
}

static int end_all_old(struct look *k, struct err *e)
{
	int r = queue_maillists_call(k->l, end_old, k, e);
	if (r == 0 && k->expired)
		queue_feed_sweep(k->l->q);
	return r;
}

static int tell_everyone(struct look *k, struct err *e)
{
	if (queue_maillists_keys(k->l, e) < 0)
		return -1;
	return queue_maillists_call(k->l, tell_all, k, e);
}

/* What fails in one part does not stop the others. */
static void work(struct queue_maillists *l)
{
	static int (*const parts[])(struct look * k, struct err * e) = {
		end_all_old, tell_everyone, tell_bounced, send_digests, try_all, sweep};
	AUTO(arena) struct arena a = {0};
	struct look k = {.l = l, .a = &a, .now = wall_now()};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		struct err e;
		if (parts[i](&k, &e) < 0 && e.kind != ERR_CLOSED)
			log_warn(NULL, "maillist.failed", F("error", &e));
	}
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
