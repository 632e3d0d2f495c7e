/*
 * When digests leave (queue_digest.h). Every some seconds: held mail that came since the last look is read, and each
 * recipient (and each group that covers him) gets a row in digest_due with the time that his settings say; then what is
 * due is made, one after the other. So a look costs what is new, not what is held, and memory is that of one
 * batch and one letter, however many recipients there are.
 *
 * How far was read is remembered in the database; after a crash some mail is read twice, which changes nothing: a name
 * is due once, and a digest without anything new is not sent. When settings change, the times of all that are due are
 * made anew.
 */
#include "bin/queue_digest.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "bin/queue.h"
#include "codec/address.h"
#include "run/log.h"
#include "run/pool.h"
#include "store/quarantine.h"
#include "store/wildcard.h"
#include <stdio.h>

/* A group and whom it covers. */
struct covering {
	slice name, covers;
};
/* One look. */
struct look {
	struct queue_digests *d;
	struct queue_settings *set;
	struct arena *a; /* of the look */
	struct digest_mark mark;
	slice settings; /* version of all that times depend on */
	int64_t now;
	struct covering *groups;
	size_t ngroups, groups_cap;
	struct buf cursor;
};
/* Names of one batch, with their times. */
struct name {
	slice name;
	int64_t since;
};
struct batch {
	struct look *k;
	struct arena *a;
	struct map seen;
	struct name *v;
	size_t n, cap;
	unsigned rows;
	bool whole; /* nothing is left behind it */
	int64_t *due;
	slice cursor; /* replanning: the last name */
};

/* ---- what is read in the pool ---- */

static bool add_group(void *arg, const struct digest_setting *s)
{
	struct look *k = arg;
	if (k->ngroups == k->groups_cap) {
		k->groups_cap = k->groups_cap ? 2 * k->groups_cap : 16;
		k->groups = mem_grow(k->groups, k->groups_cap * sizeof *k->groups);
	}
	k->groups[k->ngroups++] =
		(struct covering){arena_dup(k->a, s->name), arena_dup(k->a, s->covers)};
	return true;
}

/* The configuration's part of what times depend on. */
static uint32_t configured(const struct queue_settings *set)
{
	const struct digest_conf *c = set->config.digest;
	char text[200];
	int n = snprintf(text, sizeof text, "%d %lld %lld %d %lld %.*s", c->enabled,
		(long long)c->every, (long long)c->hour, c->weekday, (long long)c->jitter,
		SFMT(slice_first(c->zone, 60)));
	return crc32c(0, slice_of(text, (size_t)n < sizeof text ? (size_t)n : sizeof text));
}

static int read_look(struct sql *queue, struct sql *directory, void *arg, struct err *e)
{
	struct look *k = arg;
	slice version;
	if (digest_mark_get(queue, k->a, &k->mark, e) < 0 ||
		digest_settings_version(directory, k->a, &version, e) < 0)
		return -1;
	k->settings = arena_printf(k->a, "%.*s/%08x", SFMT(version), configured(k->set));
	return digest_settings_each(directory, true, add_group, k, e);
}

/* ---- names ---- */

static void add_name(struct batch *b, slice name, int64_t since)
{
	if (map_get(&b->seen, name))
		return;
	name = arena_dup(b->a, name);
	map_put(&b->seen, name, b);
	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 64;
		b->v = mem_grow(b->v, b->cap * sizeof *b->v);
	}
	b->v[b->n++] = (struct name){name, since};
}

/* "*", "@domain", addresses with '*'. */
static bool covers(slice list, slice address)
{
	slice word;
	while (slice_cut(&list, ' ', &word)) {
		if (word.n == 0)
			continue;
		bool domain = word.p[0] == '@';
		if (domain ? slice_iends(address, word) : wildcard_match(word, address))
			return true;
	}
	return false;
}

static bool take_row(void *arg, const struct quarantine_row *r)
{
	struct batch *b = arg;
	slice name;
	b->rows++;
	if (!directory_canonical(r->rcpt, b->a, &name))
		return true;
	add_name(b, name, r->held_at);
	for (size_t i = 0; i < b->k->ngroups; i++)
		if (covers(b->k->groups[i].covers, name))
			add_name(b, b->k->groups[i].name, r->held_at);
	return true;
}

/* ---- their times ---- */

static int64_t due_of(struct look *k, slice name, int64_t since, struct arena *a)
{
	struct digest_plan p = queue_letters_plan(k->d->letters, k->set, name, a);
	const struct zone *z = zones_get(&k->d->letters->zones, p.zone, NULL);
	return p.on ? digest_next(&p, z, since, name, k->set->config.digest->jitter) : 0;
}

static int add_due(struct sql *db, void *arg, struct err *e)
{
	struct batch *b = arg;
	for (size_t i = 0; i < b->n; i++) {
		const struct digest_due d = {b->v[i].name, b->v[i].since, b->due[i]};
		if (b->due[i] && digest_due_add_tx(db, &d, e) < 0)
			return -1;
	}
	return 0;
}

static int move_due(struct sql *db, void *arg, struct err *e)
{
	struct batch *b = arg;
	for (size_t i = 0; i < b->n; i++) {
		int r = b->due[i] ? digest_due_move_tx(db, b->v[i].name, b->due[i], e)
				  : digest_due_drop_tx(db, b->v[i].name, e);
		if (r < 0)
			return -1;
	}
	return 0;
}

static int plan_all(struct batch *b, commit_fn fn, struct err *e)
{
	b->due = ARENA_ARRAY(b->a, int64_t, b->n);
	for (size_t i = 0; i < b->n; i++)
		b->due[i] = due_of(b->k, b->v[i].name, b->v[i].since, b->a);
	return b->n ? commit_run(b->k->d->letters->q->queue_commit, fn, b, e) : 0;
}

/* ---- held mail that is new ---- */

struct listing {
	struct batch *b;
	int status;
	struct err e;
};

static void list_in_pool(void *arg)
{
	struct listing *l = arg;
	struct look *k = l->b->k;
	const struct quarantine_filter f = {.kind = QUARANTINE_HELD,
		.class = -1,
		.state = QUARANTINE_WAITS,
		.direction = -1,
		.after = k->mark.read_at - DIGESTS_AGAIN_S * SECOND,
		.before = k->now - DIGESTS_SETTLE_S * SECOND};
	const struct quarantine_order o = {.cursor = &k->cursor};
	l->status = quarantine_list(k->d->db, &f, &o, DIGESTS_BATCH, take_row, l->b, &l->e);
}

static int read_batch(struct look *k, bool *ret_whole, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct batch b = {.k = k, .a = &a};
	struct listing l = {.b = &b};
	pool_call(list_in_pool, &l);
	if (l.status < 0)
		*e = l.e;
	int r = l.status < 0 ? -1 : plan_all(&b, add_due, e);
	*ret_whole = b.rows < DIGESTS_BATCH;
	map_done(&b.seen);
	free(b.v);
	return r;
}

static int put_mark(struct sql *db, void *arg, struct err *e)
{
	return digest_mark_put_tx(db, arg, e);
}

static int read_new(struct look *k, struct err *e)
{
	bool whole = false;
	k->cursor = BUF(4096);
	int r = 0;
	while (r == 0 && !whole && !k->d->letters->q->stopping)
		r = read_batch(k, &whole, e);
	buf_done(&k->cursor);
	struct digest_mark m = {k->now - DIGESTS_SETTLE_S * SECOND, k->settings};
	if (r == 0 && whole)
		r = commit_run(k->d->letters->q->queue_commit, put_mark, &m, e);
	return r;
}

/* ---- settings have changed ---- */

static bool take_due(void *arg, const struct digest_due *d)
{
	struct batch *b = arg;
	b->cursor = arena_dup(b->a, d->name);
	b->rows++;
	if (d->since != DIGEST_ASKED)
		add_name(b, d->name, d->since);
	return true;
}

static int read_due(struct sql *queue, struct sql *directory, void *arg, struct err *e)
{
	struct batch *b = arg;
	(void)directory;
	return digest_due_each(queue, b->cursor, DIGESTS_BATCH, take_due, b, e);
}

/* The name behind which the next batch begins lives in the look's arena. */
static int plan_again(struct look *k, struct err *e)
{
	slice cursor = S("");
	bool whole = false;
	while (!whole) {
		AUTO(arena) struct arena a = {0};
		struct batch b = {.k = k, .a = &a, .cursor = cursor};
		int r = queue_letters_read(k->d->letters, read_due, &b, e);
		if (r == 0)
			r = plan_all(&b, move_due, e);
		whole = b.rows < DIGESTS_BATCH;
		cursor = arena_dup(k->a, b.cursor);
		map_done(&b.seen);
		free(b.v);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* ---- what is due ---- */

struct finding {
	int64_t now;
	struct arena *a;
	struct digest_due due;
};

static int find_due(struct sql *queue, struct sql *directory, void *arg, struct err *e)
{
	struct finding *f = arg;
	(void)directory;
	return digest_due_next(queue, f->now, f->a, &f->due, e);
}

static int postpone(struct sql *db, void *arg, struct err *e)
{
	const struct digest_due *d = arg;
	return digest_due_move_tx(db, d->name, d->due_at, e);
}

/* 1: one was handled; 0: none is due; -1. */
static int send_next(struct look *k, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct finding f = {.now = k->now, .a = &a};
	struct err why;
	if (queue_letters_read(k->d->letters, find_due, &f, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (queue_digest_make(k->d, k->set, &f.due, &why) == 0)
		return 1;
	log_warn(NULL, "digest.failed", F("name", f.due.name), F("error", &why));
	f.due.due_at = wall_now() + DIGESTS_LATER_S * SECOND;
	return commit_run(k->d->letters->q->queue_commit, postpone, &f.due, e) < 0 ? -1 : 1;
}

/* ---- a look ---- */

static int expire(struct sql *db, void *arg, struct err *e)
{
	return digest_last_expire_tx(db, *(int64_t *)arg, DIGESTS_BATCH, e) < 0 ? -1 : 0;
}

static int forget(struct look *k, struct err *e)
{
	int64_t before = k->now - DIGESTS_FORGET_S * SECOND;
	if (k->now >= k->d->expired_at && k->now - k->d->expired_at < DAY)
		return 0;
	k->d->expired_at = k->now;
	return commit_run(k->d->letters->q->queue_commit, expire, &before, e);
}

static int look(struct look *k, struct err *e)
{
	int status = 1;
	if (queue_letters_read(k->d->letters, read_look, k, e) < 0)
		return -1;
	/* A clock that was set back: nothing is read twice, but nothing is passed over. */
	if (k->mark.read_at > k->now)
		k->mark.read_at = k->now - HOUR;
	if (!slice_eq(k->mark.settings, k->settings)) {
		if (plan_again(k, e) < 0)
			return -1;
		k->mark.read_at -= DIGESTS_AGAIN_SET_S * SECOND;
	}
	if (read_new(k, e) < 0)
		return -1;
	while (status == 1 && !k->d->letters->q->stopping)
		status = send_next(k, e);
	return status < 0 ? -1 : forget(k, e);
}

static void work(struct queue_digests *d)
{
	AUTO(arena) struct arena a = {0};
	struct queue_settings *set = d->letters->q->settings;
	struct look k = {.d = d, .set = set, .a = &a, .now = wall_now()};
	struct err e;
	set->refs++; /* through a reload */
	if (look(&k, &e) < 0 && e.kind != ERR_CLOSED)
		log_warn(NULL, "digest.failed", F("error", &e));
	free(k.groups);
	queue_settings_unref(set);
}

void queue_digests_run(void *arg)
{
	struct queue_digests *d = arg;
	struct err e;
	for (;;) {
		if (!d->asked &&
			cond_wait(&d->wake, instant_in(DIGESTS_EVERY_S * SECOND), &e) < 0 &&
			e.kind != ERR_TIMEOUT)
			return;
		d->asked = false;
		work(d);
	}
}

void queue_digests_wake(struct queue_digests *d)
{
	d->asked = true;
	cond_wake_all(&d->wake);
}

int queue_digests_open(struct queue_letters *l, struct queue_digests **ret, struct err *e)
{
	struct sql *db;
	if (sql_open_read(l->q->settings->config.server->data, "queue", &db, e) < 0)
		return -1;
	struct queue_digests *d = NEW(struct queue_digests);
	d->letters = l;
	d->db = db;
	cond_init(&d->wake);
	*ret = d;
	return 0;
}

void queue_digests_close(struct queue_digests *d)
{
	if (!d)
		return;
	sql_close(d->db);
	free(d);
}
