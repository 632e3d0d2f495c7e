/*
 * The scheduler against a simulated world: a clock, destinations that are fast, slow, dead or
 * touchy, a database that keeps what the window refuses. Latencies are asserted, not looked at.
 */
#include "base/map.h"
#include "base/mem.h"
#include "base/test.h"
#include "mail/flow.h"
#include <stdio.h>

/* ---- the world ---- */

enum behaviour { FAST, SLOW, DEAD, TOUCHY }; /* TOUCHY: refuses more than 4 sessions at a time */

struct fake_dest {
	char key[32];
	enum behaviour how;
	int64_t takes; /* usec of one message */
	unsigned running, most_running, connected;
	uint64_t delivered, deferred, skipped;
	int64_t worst_wait; /* usec from arrival to delivery */
};

struct event {
	instant at;
	uint64_t order;
	enum { ASK, ATTEMPTED, COMMITTED } what;
	struct flow_session *session;
	struct flow_item *item;
	bool refused;
	int64_t took;
};

struct stored { /* a row of the fake database */
	msg_id id;
	unsigned dest, sender;
	enum queue_priority priority;
	instant due, arrived;
};

struct world {
	struct flow *s;
	struct event *heap;
	size_t nheap, capheap;
	uint64_t order;
	instant now;
	struct fake_dest *dests;
	unsigned ndests;
	struct map by_key;
	struct stored *rows; /* by id */
	size_t nrows, caprows;
	bool hungry, commits_stuck;
	unsigned recovered;
	size_t most_groups;
	uint64_t by_sender[8];
	int64_t worst_by_sender[8];
};

static bool earlier(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void push(struct world *w, struct event e)
{
	e.order = w->order++;
	if (w->nheap == w->capheap)
		w->heap = mem_grow(w->heap, (w->capheap = w->capheap * 2 + 64) * sizeof e);
	size_t i = w->nheap++;
	for (; i && earlier(&e, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = e;
}

static struct event pop(struct world *w)
{
	struct event top = w->heap[0], last = w->heap[--w->nheap];
	size_t i = 0;
	for (size_t kid; (kid = 2 * i + 1) < w->nheap; i = kid) {
		if (kid + 1 < w->nheap && earlier(&w->heap[kid + 1], &w->heap[kid]))
			kid++;
		if (!earlier(&w->heap[kid], &last))
			break;
		w->heap[i] = w->heap[kid];
	}
	w->heap[i] = last;
	return top;
}

static void on_start(void *arg, struct flow_session *s)
{
	struct world *w = arg;
	push(w, (struct event){.at = w->now, .what = ASK, .session = s});
}

static void on_hungry(void *arg)
{
	((struct world *)arg)->hungry = true;
}

static void on_recovered(void *arg, slice dest, int64_t down_for)
{
	(void)dest;
	CHECK(down_for > 0);
	((struct world *)arg)->recovered++;
}

static struct fake_dest *dest_of(struct world *w, const struct flow_dest *d)
{
	struct fake_dest *f = map_get(&w->by_key, flow_key(d));
	CHECK(f != NULL);
	return f;
}

static enum flow_added add_row(struct world *w, const struct stored *r)
{
	char sender[16];
	slice from = slice_of(sender, (size_t)snprintf(sender, sizeof sender, "s%u", r->sender));
	return flow_add(
		w->s, r->id, slice_z(w->dests[r->dest].key), from, r->priority, NULL, w->now);
}

/* A new message: into the database, and offered to the window as the edge's datagram would. */
static void arrive(struct world *w, unsigned dest, unsigned sender, enum queue_priority priority)
{
	if (w->nrows == w->caprows)
		w->rows = mem_grow(w->rows, (w->caprows = w->caprows * 2 + 1024) * sizeof *w->rows);
	w->rows[w->nrows] = (struct stored){.id = (msg_id)w->nrows,
		.dest = dest,
		.sender = sender,
		.priority = priority,
		.due = w->now,
		.arrived = w->now};
	add_row(w, &w->rows[w->nrows++]);
}

/* What queue_sweep does: due rows of destinations that are not full. */
static void sweep(struct world *w)
{
	w->hungry = false;
	AUTO(free) bool *full = mem_alloc(w->ndests);
	for (size_t i = 0; i < w->nrows; i++)
		if (w->rows[i].due <= w->now && !full[w->rows[i].dest])
			full[w->rows[i].dest] = add_row(w, &w->rows[i]) == FLOW_FULL;
}

static void commit(struct world *w, struct flow_item *it, instant due)
{
	w->rows[it->id].due = due;
	flow_settling(w->s, it);
	push(w, (struct event){.at = w->now + 5 * MSEC, .what = COMMITTED, .item = it});
}

static void ask(struct world *w, struct flow_session *s)
{
	struct flow_item *it = flow_next(w->s, s, w->now);
	if (!it) {
		if (s->must_end)
			flow_session_end(w->s, s, w->now);
		return; /* idle until woken */
	}
	struct fake_dest *d = dest_of(w, s->dest);
	struct event e = {.at = w->now, .what = ATTEMPTED, .session = s, .item = it};
	if (it->skip) {
		d->skipped++;
		commit(w, it, w->now + 5 * MINUTE);
		push(w, (struct event){.at = w->now + MSEC, .what = ASK, .session = s});
		return;
	}
	if (++d->running > d->most_running)
		d->most_running = d->running;
	e.refused = d->how == TOUCHY && d->running > 4;
	e.took = e.refused ? MSEC : d->takes;
	e.at += e.took;
	push(w, e);
}

static void delivered(struct world *w, struct fake_dest *d, struct flow_item *it)
{
	struct stored *r = &w->rows[it->id];
	int64_t wait = w->now - r->arrived;
	d->delivered++;
	if (wait > d->worst_wait)
		d->worst_wait = wait;
	w->by_sender[r->sender % 8]++;
	if (wait > w->worst_by_sender[r->sender % 8])
		w->worst_by_sender[r->sender % 8] = wait;
	commit(w, it, INSTANT_NEVER);
}

static void attempted(struct world *w, const struct event *e)
{
	struct fake_dest *d = dest_of(w, e->session->dest);
	d->running--;
	bool dead = d->how == DEAD || e->refused;
	bool alive = flow_report(w->s, e->session, dead ? FLOW_UNREACHABLE : FLOW_OK, e->took,
		S("connection timed out"), w->now);
	if (!dead) {
		delivered(w, d, e->item);
	} else if (!alive || !flow_putback(w->s, e->item, w->now)) {
		d->deferred++;
		commit(w, e->item, w->now + 5 * MINUTE);
	}
	if (dead)
		flow_session_end(w->s, e->session, w->now);
	else
		ask(w, e->session);
}

static void step(struct world *w, struct event e)
{
	w->now = e.at;
	if (e.what == ASK)
		ask(w, e.session);
	else if (e.what == ATTEMPTED)
		attempted(w, &e);
	else if (w->commits_stuck)
		push(w, (struct event){.at = w->now + SECOND, .what = COMMITTED, .item = e.item});
	else
		flow_release(w->s, e.item, w->now);
	size_t groups = flow_stats(w->s).groups;
	if (groups > w->most_groups)
		w->most_groups = groups;
	if (w->hungry)
		sweep(w);
}

static void run_until(struct world *w, instant until)
{
	while (w->nheap && w->heap[0].at <= until)
		step(w, pop(w));
	w->now = until;
}

static struct world *world_new(struct fake_dest *dests, unsigned n, const struct flow_config *c)
{
	struct world *w = NEW(struct world);
	struct flow_config defaults = flow_defaults();
	struct flow_ops ops = {.start = on_start,
		.wake = on_start,
		.hungry = on_hungry,
		.recovered = on_recovered,
		.arg = w};
	w->s = flow_new(c ? c : &defaults, &ops);
	w->dests = dests;
	w->ndests = n;
	for (unsigned i = 0; i < n; i++)
		map_put(&w->by_key, slice_z(dests[i].key), &dests[i]);
	w->now = HOUR;
	return w;
}

static void world_free(struct world *w)
{
	flow_stop(w->s);
	while (w->nheap)
		step(w, pop(w));
	CHECK_INT(flow_stats(w->s).sessions, 0);
	CHECK_INT(flow_stats(w->s).settling, 0);
	flow_free(w->s);
	map_done(&w->by_key);
	free(w->heap);
	free(w->rows);
	free(w);
}

/* ---- the claims ---- */

TEST(flow_dead_and_slow_destinations_do_not_delay_others)
{
	struct fake_dest dests[42] = {{.key = "smtp:dead", .how = DEAD, .takes = 30 * SECOND},
		{.key = "smtp:slow", .how = SLOW, .takes = 25 * SECOND}};
	for (int i = 2; i < 42; i++) {
		dests[i] = (struct fake_dest){.how = FAST, .takes = 20 * MSEC};
		snprintf(dests[i].key, sizeof dests[i].key, "smtp:fast%d", i);
	}
	struct world *w = world_new(dests, 42, NULL);
	for (int i = 0; i < 100000; i++)
		arrive(w, 0, 0, QUEUE_NORMAL);
	for (int i = 0; i < 3000; i++)
		arrive(w, 1, 1, QUEUE_NORMAL);
	instant start = w->now;
	for (int i = 0; i < 40 * 600;
		i++) { /* each fast one gets a message every 0.1 s, for a minute */
		run_until(w, start + i * (100 * MSEC / 40));
		arrive(w, 2 + (unsigned)i % 40, 2, QUEUE_NORMAL);
	}
	run_until(w, w->now + 10 * SECOND);
	for (int i = 2; i < 42; i++) {
		CHECK_INT(dests[i].delivered, 600);
		CHECK(dests[i].worst_wait < 200 * MSEC);
	}
	CHECK(dests[0].most_running <= 5); /* the dead one is probed, not stormed */
	CHECK(dests[0].skipped + dests[0].deferred > 1000);
	CHECK(dests[1].delivered > 10);
	CHECK(w->most_groups <= 20000);
	world_free(w);
}

TEST(flow_many_dead_destinations_leave_slots_for_proven_ones)
{
	enum { DEADS = 600 };
	struct fake_dest *dests = mem_alloc((DEADS + 2) * sizeof *dests);
	for (int i = 0; i < DEADS; i++) {
		dests[i] = (struct fake_dest){.how = DEAD, .takes = 60 * SECOND};
		snprintf(dests[i].key, sizeof dests[i].key, "smtp:dead%d", i);
	}
	dests[DEADS] = (struct fake_dest){.key = "smtp:known", .how = FAST, .takes = 20 * MSEC};
	dests[DEADS + 1] = (struct fake_dest){.key = "smtp:new", .how = FAST, .takes = 20 * MSEC};
	struct flow_config c = flow_defaults();
	c.sessions = 100;
	struct world *w = world_new(dests, DEADS + 2, &c);
	arrive(w, DEADS, 1, QUEUE_NORMAL);
	run_until(w, w->now + SECOND);
	for (unsigned i = 0; i < DEADS * 20; i++)
		arrive(w, i % DEADS, 2, QUEUE_NORMAL);
	instant start = w->now;
	for (int i = 0; i < 1000; i++) {
		run_until(w, start + i * 50 * MSEC);
		arrive(w, DEADS, 1, QUEUE_NORMAL);
	}
	CHECK(dests[DEADS].worst_wait < 100 * MSEC);
	arrive(w, DEADS + 1, 1, QUEUE_NORMAL);
	run_until(w, w->now + 12 * MINUTE); /* even a new one gets its turn among the dead */
	CHECK_INT(dests[DEADS + 1].delivered, 1);
	CHECK(flow_stats(w->s).sessions <= 100);
	world_free(w);
	free(dests);
}

TEST(flow_flooding_sender_does_not_delay_others)
{
	struct fake_dest dests[1] = {{.key = "backend:a", .how = FAST, .takes = 50 * MSEC}};
	struct world *w = world_new(dests, 1, NULL);
	for (int i = 0; i < 50000; i++)
		arrive(w, 0, 1, QUEUE_NORMAL);
	instant start = w->now;
	for (int i = 0; i < 300; i++) {
		run_until(w, start + i * 100 * MSEC);
		arrive(w, 0, 2, QUEUE_NORMAL);
	}
	run_until(w, w->now + 2 * SECOND);
	CHECK_INT(w->by_sender[2], 300);
	CHECK(w->worst_by_sender[2] < 400 * MSEC);
	CHECK(w->by_sender[1] > 1000);
	run_until(w, w->now + 10 * MINUTE); /* nothing of the flood is forgotten either */
	CHECK_INT(dests[0].delivered, 50300);
	world_free(w);
}

TEST(flow_priorities_are_weighted_and_none_starves)
{
	struct fake_dest dests[1] = {{.key = "backend:a", .how = FAST, .takes = 100 * MSEC}};
	struct world *w = world_new(dests, 1, NULL);
	for (int i = 0; i < 900; i++)
		arrive(w, 0, (unsigned)i % 3, (enum queue_priority)(i % 3));
	run_until(w, w->now + 2 * SECOND);
	uint64_t *n = w->by_sender;
	CHECK(n[0] + n[1] + n[2] > 100);
	CHECK(n[0] > 2 * n[1] && n[1] > 2 * n[2] && n[2] > 2);
	world_free(w);
}

TEST(flow_sessions_grow_with_success_and_shrink_with_refusal)
{
	struct fake_dest dests[2] = {{.key = "smtp:fast", .how = FAST, .takes = 100 * MSEC},
		{.key = "smtp:touchy", .how = TOUCHY, .takes = 100 * MSEC}};
	struct world *w = world_new(dests, 2, NULL);
	for (int i = 0; i < 4000; i++)
		arrive(w, (unsigned)i % 2, 0, QUEUE_NORMAL);
	run_until(w, w->now + 60 * SECOND);
	CHECK_INT(dests[0].most_running, 20);
	CHECK_INT(dests[0].delivered, 2000);
	CHECK(dests[1].delivered > 1000);
	CHECK_INT(dests[1].skipped, 0); /* never taken for dead */
	struct flow_dest_stats st;
	CHECK(flow_dest_stats(w->s, S("smtp:touchy"), &st) && !st.down);
	world_free(w);
}

TEST(flow_limits_change_while_it_runs)
{
	struct fake_dest dests[1] = {{.key = "smtp:fast", .how = FAST, .takes = 100 * MSEC}};
	struct world *w = world_new(dests, 1, NULL);
	for (int i = 0; i < 2000; i++)
		arrive(w, 0, (unsigned)i, QUEUE_NORMAL);
	run_until(w, w->now + 2 * SECOND);
	CHECK_INT(dests[0].most_running, 20);
	struct flow_config c = flow_defaults();
	c.start = c.most = 3;
	flow_configure(w->s, &c);
	run_until(w, w->now + SECOND);
	dests[0].most_running = 0;
	run_until(w, w->now + 5 * SECOND);
	CHECK_INT(dests[0].most_running, 3);
	world_free(w);
}

TEST(flow_dead_destination_comes_back)
{
	struct fake_dest dests[1] = {{.key = "backend:a", .how = DEAD, .takes = 5 * SECOND}};
	struct world *w = world_new(dests, 1, NULL);
	for (int i = 0; i < 100; i++)
		arrive(w, 0, 0, QUEUE_NORMAL);
	run_until(w, w->now + MINUTE);
	struct flow_dest_stats st;
	CHECK(flow_dest_stats(w->s, S("backend:a"), &st) && st.down);
	CHECK_INT(st.waiting, 0); /* all were deferred, five by attempts, the others without */
	CHECK(dests[0].skipped >= 90);
	/* An administrator's word: one real attempt at once, the others share its fate. */
	uint64_t before = dests[0].deferred;
	for (size_t i = 0; i < w->nrows; i++)
		w->rows[i].due = w->now;
	flow_probe_now(w->s, w->now);
	sweep(w);
	run_until(w, w->now + 10 * SECOND);
	CHECK_INT(dests[0].deferred, before + 1);
	dests[0].how = FAST;
	run_until(w, w->now + 5 * MINUTE);
	sweep(w);
	run_until(w, w->now + 2 * MINUTE);
	CHECK_INT(dests[0].delivered, 100);
	CHECK_INT(w->recovered, 1);
	world_free(w);
}

TEST(flow_waits_for_commits)
{
	struct fake_dest dests[1] = {{.key = "backend:a", .how = FAST, .takes = MSEC}};
	struct flow_config c = flow_defaults();
	c.uncommitted = 50;
	struct world *w = world_new(dests, 1, &c);
	w->commits_stuck = true;
	for (int i = 0; i < 500; i++)
		arrive(w, 0, 0, QUEUE_NORMAL);
	run_until(w, w->now + 10 * SECOND);
	CHECK(dests[0].delivered >= 50 && dests[0].delivered <= 50 + 20);
	w->commits_stuck = false;
	run_until(w, w->now + 10 * SECOND);
	CHECK_INT(dests[0].delivered, 500);
	world_free(w);
}

TEST(flow_knows_what_it_has)
{
	struct fake_dest dests[1] = {{.key = "backend:a", .how = FAST, .takes = SECOND}};
	struct world *w = world_new(dests, 1, NULL);
	arrive(w, 0, 0, QUEUE_NORMAL);
	CHECK_INT(add_row(w, &w->rows[0]), FLOW_KNOWN);
	run_until(w, w->now + 100 * MSEC);
	CHECK_INT(add_row(w, &w->rows[0]), FLOW_KNOWN); /* on its way */
	flow_drop_waiting(w->s);
	CHECK_INT(flow_stats(w->s).running, 1);
	run_until(w, w->now + 10 * SECOND);
	CHECK_INT(dests[0].delivered, 1);
	CHECK_INT(flow_stats(w->s).groups, 0);
	CHECK_INT(add_row(w, &w->rows[0]), FLOW_ADDED);
	flow_drop_waiting(w->s);
	CHECK_INT(flow_stats(w->s).waiting, 0);
	run_until(w, w->now + 10 * SECOND);
	CHECK_INT(dests[0].delivered, 1);
	world_free(w);
}

/* What goes back untried is loaded again; a bounce sees that another group is under way. */
TEST(flow_putback_forgets_the_letter)
{
	struct fake_dest dests[2] = {{.key = "x", .takes = SECOND}, {.key = "y", .takes = SECOND}};
	struct flow_config c = flow_defaults();
	c.start = c.most = 1;
	struct world *w = world_new(dests, 2, &c);
	struct letter *l = letter_new();
	l->bytes = 1000;
	CHECK_INT(flow_add(w->s, 1, S("x"), S("a"), QUEUE_NORMAL, l, w->now), FLOW_ADDED);
	CHECK_INT(flow_add(w->s, 1, S("y"), S("a"), QUEUE_NORMAL, NULL, w->now), FLOW_ADDED);
	letter_unref(l);
	struct flow_session *x = w->heap[0].session, *y = w->heap[1].session;
	struct flow_item *one = flow_next(w->s, x, w->now);
	CHECK(one && one->letter);
	CHECK(!flow_others_under_way(w->s, one));
	struct flow_item *two = flow_next(w->s, y, w->now);
	CHECK(two && flow_others_under_way(w->s, one));
	CHECK(flow_putback(w->s, one, w->now));
	CHECK(!one->letter);
	CHECK_INT(flow_stats(w->s).bytes, 0);
	CHECK(!flow_others_under_way(w->s, two));
	flow_release(w->s, two, w->now);
	flow_drop_waiting(w->s);
	world_free(w);
}

TEST(flow_letters_are_bounded_by_bytes)
{
	struct flow_config c = flow_defaults();
	c.bytes = 20000;
	c.start = c.most = 1;
	struct fake_dest dests[2] = {{.key = "x", .takes = SECOND}, {.key = "y", .takes = SECOND}};
	struct world *w = world_new(dests, 2, &c);
	for (int i = 0; i < 50; i++) {
		struct letter *l = letter_new();
		l->bytes = 1000;
		CHECK_INT(flow_add(w->s, 1000 + i, S("x"), S("a"), QUEUE_NORMAL, l, w->now),
			FLOW_ADDED);
		CHECK_INT(flow_add(w->s, 1000 + i, S("y"), S("a"), QUEUE_NORMAL, l, w->now),
			FLOW_ADDED);
		letter_unref(l);
	}
	CHECK_INT(flow_stats(w->s).bytes, 20000);
	flow_drop_waiting(w->s);
	CHECK_INT(flow_stats(w->s).bytes, 0);
	world_free(w);
}

TEST(flow_quiet_destinations_are_forgotten_at_last)
{
	struct fake_dest none[1] = {{.key = ""}};
	struct flow_config c = flow_defaults();
	c.sessions = 0; /* nothing ever starts */
	struct world *w = world_new(none, 1, &c);
	char key[32];
	for (int i = 0; i < FLOW_DESTS_MAX + 5000; i++) {
		snprintf(key, sizeof key, "smtp:d%d", i);
		CHECK_INT(flow_add(w->s, i, slice_z(key), S("a"), QUEUE_NORMAL, NULL, w->now),
			FLOW_ADDED);
	}
	CHECK_INT(flow_stats(w->s).dests, FLOW_DESTS_MAX + 5000);
	flow_drop_waiting(w->s);
	CHECK_INT(flow_stats(w->s).dests, FLOW_DESTS_MAX);
	world_free(w);
}
