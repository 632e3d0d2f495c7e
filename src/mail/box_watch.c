/*
 * Waiting for changes (box.h): one coroutine of the process, while anybody waits, looks at the counters that all processes share. Most
 * of its looks are one number. What these miss (a writer killed between its commit and its word) is found once a minute by the
 * modseq in the database, read for all that are waited for in a few jobs of the pool.
 *
 * `wake` may do what it likes with watches: those that are due are moved to a list first.
 */
#include "base/mem.h"
#include "base/must.h"
#include "mail/box_impl.h"
#include "run/loop.h"

#define LOOK_EVERY (170 * MSEC)

struct watched {
	int64_t account_id;
	uint64_t seen, modseq; /* modseq 0: not asked yet */
};

struct box_watch {
	struct list in; /* boxes.watches, or those that are due */
	struct boxes *b;
	void (*wake)(void *arg);
	void *arg;
	size_t n;
	struct watched v[];
};

static bool moved(const struct boxes *b, struct box_watch *w)
{
	bool any = false;
	for (size_t i = 0; i < w->n; i++) {
		uint64_t seen = changes_seen(b->changes, w->v[i].account_id);
		any |= seen != w->v[i].seen;
		w->v[i].seen = seen;
	}
	return any;
}

static void wake_due(struct boxes *b, struct list *due)
{
	for (struct list *it; (it = list_shift(due));) {
		struct box_watch *w = list_entry(it, struct box_watch, in);
		list_append(&b->watches, &w->in);
		w->wake(w->arg);
	}
}

static void look(struct boxes *b)
{
	uint64_t any = changes_any(b->changes);
	struct list due;
	if (any == b->watched_any)
		return;
	b->watched_any = any;
	list_init(&due);
	list_each(it, &b->watches) {
		struct box_watch *w = list_entry(it, struct box_watch, in);
		if (!moved(b, w))
			continue;
		list_remove(&w->in);
		list_append(&due, &w->in);
	}
	wake_due(b, &due);
}

/* ---- the slow look ---- */

struct slow {
	int64_t *accounts;
	uint64_t *modseqs;
	size_t n;
	int shard;
};

static int slow_job(struct sql *db, void *arg, struct err *e)
{
	struct slow *s = arg;
	for (size_t i = 0; i < s->n; i++)
		if (mailbox_shard(s->accounts[i]) == s->shard &&
			mailbox_modseq(db, s->accounts[i], &s->modseqs[i], e) < 0)
			return -1;
	return 0;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

/* Each account once, in order. */
static void gather(struct boxes *b, struct arena *a, struct slow *s)
{
	size_t n = 0;
	list_each(it, &b->watches)
		n += list_entry(it, struct box_watch, in)->n;
	s->accounts = ARENA_ARRAY(a, int64_t, n + 1);
	list_each(it, &b->watches) {
		const struct box_watch *w = list_entry(it, struct box_watch, in);
		for (size_t i = 0; i < w->n; i++)
			s->accounts[s->n++] = w->v[i].account_id;
	}
	qsort(s->accounts, s->n, sizeof *s->accounts, compare);
	n = s->n;
	s->n = 0;
	for (size_t i = 0; i < n; i++)
		if (!s->n || s->accounts[s->n - 1] != s->accounts[i])
			s->accounts[s->n++] = s->accounts[i];
	s->modseqs = ARENA_ARRAY(a, uint64_t, s->n + 1);
}

static bool moved_slowly(const struct slow *s, struct box_watch *w)
{
	bool any = false;
	for (size_t i = 0; i < w->n; i++) {
		const int64_t *at =
			bsearch(&w->v[i].account_id, s->accounts, s->n, sizeof *at, compare);
		if (!at)
			continue; /* came meanwhile */
		uint64_t modseq = s->modseqs[at - s->accounts];
		any |= modseq != w->v[i].modseq;
		w->v[i].modseq = modseq;
	}
	return any;
}

static void look_slowly(struct boxes *b)
{
	AUTO(arena) struct arena a = {0};
	struct slow s = {.n = 0};
	struct list due;
	gather(b, &a, &s);
	for (s.shard = 0; s.shard < MAILBOX_SHARDS; s.shard++) {
		struct err e;
		if (box_read(b, s.shard, slow_job, &s, &e) < 0)
			return; /* in a minute again */
	}
	list_init(&due);
	list_each(it, &b->watches) {
		struct box_watch *w = list_entry(it, struct box_watch, in);
		if (!moved_slowly(&s, w))
			continue;
		list_remove(&w->in);
		list_append(&due, &w->in);
	}
	wake_due(b, &due);
}

static void run(void *arg)
{
	struct boxes *b = arg;
	struct err e;
	instant slow_at = instant_in(b->slow_every);
	while (!list_empty(&b->watches) && co_sleep(instant_in(LOOK_EVERY), &e) == 0) {
		look(b);
		if (loop_now() < slow_at)
			continue;
		look_slowly(b);
		slow_at = instant_in(b->slow_every);
	}
	b->watching = false;
	cond_wake_all(&b->watch_end);
}

/* ---- */

struct box_watch *box_watch(
	struct boxes *b, const int64_t *accounts, size_t n, void (*wake)(void *arg), void *arg)
{
	struct box_watch *w = mem_alloc(sizeof *w + n * sizeof w->v[0]);
	w->b = b;
	w->wake = wake;
	w->arg = arg;
	w->n = n;
	for (size_t i = 0; i < n; i++) {
		w->v[i].account_id = accounts[i];
		w->v[i].seen = changes_seen(b->changes, accounts[i]);
	}
	list_append(&b->watches, &w->in);
	if (!b->watching) {
		b->watching = true;
		b->watched_any = changes_any(b->changes);
		co_go("box.watch", run, b);
	}
	return w;
}

void box_unwatch(struct box_watch *w)
{
	if (!w)
		return;
	list_remove(&w->in);
	free(w);
}
