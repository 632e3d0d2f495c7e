/*
 * What comes into the window of the queue process: datagrams of the edges with whole messages, and
 * the sweep of the database for everything else (deferred, overflow, after a start). The rules of
 * entering are flow's.
 *
 * The same message may come on both ways. While it is in the window flow knows it. When a sweep was
 * faster and the message has left again, a late datagram would deliver it twice: ids that came from
 * the database and left are remembered for a while, and old datagrams are not believed but looked
 * up.
 */
#include "base/mem.h"
#include "bin/queue.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/queue.h"

METRIC_COUNTER(handed, "posthouse_queue_handed_over_total", "", "Messages that came by datagram.");
METRIC_COUNTER(swept, "posthouse_queue_swept_total", "", "Groups found by sweeping the database.");
METRIC_COUNTER(late, "posthouse_queue_late_datagrams_total", "",
	"Datagrams about messages that had left.");

static msg_id *recent_slot(struct queue *q, msg_id id)
{
	return &q->recent[((uint64_t)id * 0x9e3779b97f4a7c15ull) >> 48];
}

/* ---- entering ---- */

static bool enter(struct queue *q, const struct queue_msg *m, slice dest, struct letter *l)
{
	slice lane = m->auth.n ? m->auth : m->sender;
	return flow_add(q->flow, m->id, dest, lane, m->priority, l, instant_now()) != FLOW_FULL;
}

void queue_feed_letter(struct queue *q, struct letter *l)
{
	const struct queue_msg *m = &l->m;
	int64_t now = wall_now();
	slice last = {0};
	for (size_t i = 0; i < m->nrcpts; i++) {
		const struct queue_rcpt *r = &m->rcpts[i];
		if (r->state == RCPT_WAITING && r->next_at > now + SECOND)
			queue_feed_due(q, r->next_at); /* policy lets it wait */
		if (r->state != RCPT_WAITING || r->next_at > now + SECOND ||
			(last.p && slice_eq(last, r->dest)))
			continue;
		last = r->dest;
		enter(q, m, r->dest, l);
	}
}

/* Made so long ago, or before the last change from outside, that the database may know better. */
static bool may_be_stale(const struct queue *q, const struct queue_msg *m)
{
	int64_t age = wall_now() - m->arrived_at;
	return age > QUEUE_DATAGRAM_AGE_S * SECOND || age >= instant_now() - q->changed;
}

void queue_feed_changed(struct queue *q)
{
	q->changed = instant_now();
	flow_probe_now(q->flow, q->changed);
	flow_drop_waiting(q->flow);
	queue_feed_sweep(q);
}

static void on_datagram(void *arg, slice message)
{
	struct queue *q = arg;
	bool id_only;
	if (!q->ready || q->stopping)
		return; /* the first sweep, of this process or the next, finds it */
	struct letter *l = letter_from_handoff(message, &id_only);
	if (!l) {
		log_warn(NULL, "queue.bad_datagram", F("bytes", message.n));
		return;
	}
	metric_add(&handed, 1);
	if (*recent_slot(q, l->m.id) == l->m.id)
		metric_add(&late, 1);
	else if (id_only || may_be_stale(q, &l->m))
		queue_feed_sweep(q);
	else
		queue_feed_letter(q, l);
	letter_unref(l);
}

void queue_feed_release(struct queue *q, struct flow_item *it, bool from_db)
{
	if (from_db)
		*recent_slot(q, it->id) = it->id;
	flow_release(q->flow, it, instant_now());
}

/* ---- the edges' links ---- */

struct feed_link {
	struct queue *q;
	struct list node;
	struct link_server *server;
};

static void on_closed(void *arg)
{
	struct feed_link *l = arg;
	list_remove(&l->node);
	free(l);
}

static void on_link_datagram(void *arg, slice message)
{
	on_datagram(((struct feed_link *)arg)->q, message);
}

/* Datagrams alone: a request is a mistake of ours. */
static void on_request(void *arg, struct link_request *r, slice request)
{
	(void)arg, (void)request;
	struct err e;
	err_set(&e, ERR_BUG, "the queue process answers no requests");
	link_refuse(r, &e);
}

void queue_feed_link(struct queue *q, unsigned instance, int fd)
{
	struct feed_link *l = NEW(struct feed_link);
	l->q = q;
	list_append(&q->links, &l->node);
	const struct link_service service = {
		.message = on_link_datagram, .request = on_request, .closed = on_closed, .arg = l};
	l->server = link_serve("queue.feed", fd, &service);
	log_debug(NULL, "queue.link", F("edge", instance));
}

void queue_feed_close_links(struct queue *q)
{
	list_each(n, &q->links)
		link_server_close(list_entry(n, struct feed_link, node)->server);
}

/* ---- sweeping ---- */

/* What a pool job found; applied in the loop afterwards. */
struct sweep {
	struct queue *q;
	struct arena mem;
	struct map full; /* destinations that take no more */
	struct queue_due *found;
	size_t n;
	struct buf *cursor;
	unsigned per_dest;
	int64_t now, next_at;
	int status;
	struct err err;
};

static bool skip(void *arg, slice dest)
{
	return map_get(&((struct sweep *)arg)->full, dest) != NULL;
}

static void found(void *arg, const struct queue_due *due)
{
	struct sweep *s = arg;
	if (s->n == QUEUE_SWEEP_MOST)
		return;
	struct queue_due *d = &s->found[s->n++];
	*d = *due;
	d->dest = arena_dup(&s->mem, due->dest);
	d->sender = arena_dup(&s->mem, due->sender);
}

static void sweep_in_pool(void *arg)
{
	struct sweep *s = arg;
	const struct queue_sweep what = {
		.now = s->now,
		.most = QUEUE_SWEEP_MOST,
		.per_dest = s->per_dest,
		.skip = skip,
		.found = found,
		.arg = s,
	};
	s->status = queue_sweep(s->q->sweep_db, &what, s->cursor, &s->next_at, &s->err);
}

static void note_full(struct sweep *s)
{
	size_t i = 0;
	for (struct flow_dest *d; (d = flow_each(s->q->flow, &i));)
		if (flow_dest_full(s->q->flow, d))
			map_put(&s->full, flow_key(d), s);
}

/* One call of the store's sweep. Returns how many groups entered, or -1. */
static int sweep_once(struct queue *q, struct buf *cursor, int64_t *ret_next_at)
{
	struct sweep s = {.q = q, .cursor = cursor, .now = wall_now(), .next_at = INT64_MAX};
	s.per_dest = q->flow_config.per_dest + q->flow_config.uncommitted;
	s.found = ARENA_ARRAY(&s.mem, struct queue_due, QUEUE_SWEEP_MOST);
	note_full(&s);
	pool_call(sweep_in_pool, &s);
	int entered = 0;
	for (size_t i = 0; s.status == 0 && i < s.n && !q->stopping; i++) {
		const struct queue_due *d = &s.found[i];
		entered += flow_add(q->flow, d->id, d->dest, d->sender, d->priority, NULL,
				   instant_now()) == FLOW_ADDED;
	}
	if (s.status < 0)
		log_error(NULL, "queue.sweep", F("error", &s.err));
	metric_add(&swept, entered);
	*ret_next_at = s.next_at;
	map_done(&s.full);
	arena_done(&s.mem);
	return s.status < 0 ? -1 : entered;
}

/* All destinations once. Returns when something more is due, wall time. */
static int64_t sweep_round(struct queue *q)
{
	AUTO(buf) struct buf cursor = BUF(1024);
	int64_t next_at = INT64_MAX, at;
	q->sweep_now = false;
	do {
		int entered = sweep_once(q, &cursor, &at);
		if (at < next_at)
			next_at = at;
		if (entered < 0)
			return wall_now() + SECOND;
		co_yield();
	} while (cursor.n && !q->stopping && !co_cancelled());
	return next_at;
}

void queue_feed_sweep(struct queue *q)
{
	q->sweep_now = true;
	cond_wake_all(&q->sweep_wake);
}

void queue_feed_due(struct queue *q, int64_t at)
{
	if (at >= q->sweep_at)
		return;
	q->sweep_at = at;
	cond_wake_all(&q->sweep_wake);
}

/* Until somebody asks for a sweep, or it is time. False: the end. */
static bool wait_for_sweep(struct queue *q)
{
	struct err e;
	if (co_sleep(instant_in(QUEUE_SWEEP_PAUSE_MS * MSEC), &e) < 0)
		return false;
	while (!q->sweep_now && !q->stopping) {
		int64_t wait = q->sweep_at - wall_now();
		if (wait <= 0 || wait > QUEUE_SWEEP_EVERY_S * SECOND) /* the clock was set back */
			break;
		if (cond_wait(&q->sweep_wake, instant_in(wait), &e) < 0 && e.kind != ERR_TIMEOUT)
			return false;
	}
	return !q->stopping;
}

/* ---- a clock that was wrong ---- */

struct clock_job {
	struct queue *q;
	int64_t now, horizon, changed;
	bool beyond;
	int status;
	struct err err;
};

static void look_in_pool(void *arg)
{
	struct clock_job *j = arg;
	j->status = queue_dated_beyond(j->q->sweep_db, j->now + j->horizon, &j->beyond, &j->err);
}

static int clock_tx(struct sql *db, void *arg, struct err *e)
{
	struct clock_job *j = arg;
	j->changed = queue_clock_tx(db, j->now, j->horizon, QUEUE_HASTEN_BATCH, e);
	return j->changed < 0 ? -1 : 0;
}

/* What a clock that ran ahead dated would wait until the right one gets there. Looked for at the
 * start and when the clock was set back. */
static void mend_dates(struct queue *q)
{
	int64_t before = q->clock, margin = QUEUE_CLOCK_STEP_S * SECOND;
	struct clock_job j = {.q = q, .now = wall_now()};
	q->clock = j.now - instant_now();
	if (before && q->clock > before - margin)
		return;
	j.horizon = retry_longest(&q->settings->retry) + HOUR;
	pool_call(look_in_pool, &j);
	if (j.status == 0 && !j.beyond)
		return;
	do
		if (j.status == 0)
			j.status = commit_run(q->queue_commit, clock_tx, &j, &j.err);
	while (j.status == 0 && j.changed == QUEUE_HASTEN_BATCH && !q->stopping);
	if (j.status < 0) {
		log_error(NULL, "queue.clock", F("error", &j.err));
		q->clock = 0; /* again with the next sweep */
		return;
	}
	log_warn(NULL, "queue.clock_was_ahead");
	queue_feed_sweep(q);
}

void queue_feed_sweeper(void *arg)
{
	struct queue *q = arg;
	do {
		q->sweep_at = wall_now() + QUEUE_SWEEP_EVERY_S * SECOND;
		int64_t next_at = sweep_round(q);
		if (next_at < q->sweep_at)
			q->sweep_at = next_at;
		mend_dates(q);
	} while (wait_for_sweep(q));
}

/* ---- loading ---- */

struct load {
	struct list node;
	msg_id id;
	struct letter *letter;
	bool done, failed;
	struct err err;
	struct cond ready;
};

struct batch {
	struct sql *db;
	struct load *v[QUEUE_LOAD_BATCH];
	unsigned n;
};

static void load_in_pool(void *arg)
{
	struct batch *b = arg;
	for (unsigned i = 0; i < b->n; i++) {
		struct load *l = b->v[i];
		l->letter = letter_new();
		l->letter->from_db = true;
		l->failed = queue_load(b->db, l->id, &l->letter->mem, &l->letter->m, &l->err) < 0;
		l->letter->bytes = sizeof *l->letter + l->letter->mem.total;
	}
}

static void loader(void *arg)
{
	struct queue *q = arg;
	while (!list_empty(&q->loads)) {
		struct batch b = {.db = q->load_db};
		while (b.n < QUEUE_LOAD_BATCH && !list_empty(&q->loads))
			b.v[b.n++] = list_entry(list_shift(&q->loads), struct load, node);
		pool_call(load_in_pool, &b);
		for (unsigned i = 0; i < b.n; i++) {
			b.v[i]->done = true;
			cond_wake_all(&b.v[i]->ready);
		}
	}
	q->loading = false;
}

/* Sessions that ask at the same time share a job, whose answer they wait for also when cancelled.
 */
int queue_feed_load(struct queue *q, msg_id id, struct letter **ret, struct err *e)
{
	AUTO(free) struct load *l = NEW(struct load);
	l->id = id;
	cond_init(&l->ready);
	list_append(&q->loads, &l->node);
	if (!q->loading) {
		q->loading = true;
		co_go("queue.load", loader, q);
	}
	while (!l->done)
		cond_wait_firm(&l->ready);
	if (l->failed) {
		letter_unref(l->letter);
		*e = l->err;
		return -1;
	}
	*ret = l->letter;
	return 0;
}

/* ---- a destination that works again ---- */

struct hasten {
	struct queue *q;
	char *dest;
	size_t n;
	int64_t now, changed;
};

static int hasten_tx(struct sql *db, void *arg, struct err *e)
{
	struct hasten *h = arg;
	h->changed = queue_hasten_tx(db, slice_of(h->dest, h->n), h->now, QUEUE_HASTEN_BATCH, e);
	return h->changed < 0 ? -1 : 0;
}

static void hasten(void *arg)
{
	struct hasten *h = arg;
	struct err e;
	do {
		if (commit_run(h->q->queue_commit, hasten_tx, h, &e) < 0) {
			log_warn(NULL, "queue.hasten", F("error", &e));
			break;
		}
		queue_feed_sweep(h->q);
	} while (h->changed == QUEUE_HASTEN_BATCH && !h->q->stopping);
	free(h->dest);
	free(h);
}

void queue_feed_hasten(struct queue *q, slice dest)
{
	struct hasten *h = NEW(struct hasten);
	*h = (struct hasten){
		.q = q, .dest = mem_dup(dest.p, dest.n), .n = dest.n, .now = wall_now()};
	group_go(&q->workers, "queue.hasten", hasten, h);
}
