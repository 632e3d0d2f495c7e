/*
 * The scheduler's window: which groups are in memory, in which order those of one destination
 * leave. See flow.h. Sessions are in flow_run.c, health and concurrency of destinations in
 * flow_dest.c.
 *
 * Sharing the window: a destination may hold as many waiting groups as half of what is free in all
 * (dynamic thresholds, as switches share packet memory), a sender as many as are free below its
 * destination's threshold. So whoever comes in greedy leaves room for the next one, without a fixed
 * division.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "mail/flow_impl.h"

static const int8_t weights[QUEUE_PRIORITIES] = {16, 6, 2};

struct flow_config flow_defaults(void)
{
	return (struct flow_config){
		.window = 20000,
		.per_dest = 2000,
		.bytes = 32 << 20,
		.sessions = 500,
		.uncommitted = 500,
		.start = 5,
		.most = 20,
		.backoff_first = 20 * SECOND,
		.backoff_most = 15 * MINUTE,
		.slow = 10 * SECOND,
	};
}

static struct list *new_table(void)
{
	struct list *t = mem_alloc(TABLE_SIZE * sizeof *t);
	for (size_t i = 0; i < TABLE_SIZE; i++)
		list_init(&t[i]);
	return t;
}

struct flow *flow_new(const struct flow_config *c, const struct flow_ops *ops)
{
	struct flow *s = NEW(struct flow);
	s->c = *c;
	s->ops = *ops;
	list_init(&s->quiet);
	list_init(&s->idle);
	for (int k = 0; k < CLASSES; k++)
		for (int p = 0; p < QUEUE_PRIORITIES; p++)
			list_init(&s->ready[k][p]);
	s->items = new_table();
	s->senders = new_table();
	return s;
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdull;
	h ^= h >> 33;
	return h;
}

/* All groups of a message are in one chain. */
static struct list *item_chain(const struct flow *s, msg_id id)
{
	return &s->items[mix((uint64_t)id) % TABLE_SIZE];
}

static struct flow_item *find_item(struct flow *s, msg_id id, const struct flow_dest *d)
{
	struct list *chain = item_chain(s, id);
	list_each(n, chain) {
		struct flow_item *it = list_entry(n, struct flow_item, chain);
		if (it->id == id && it->dest == d)
			return it;
	}
	return NULL;
}

bool flow_others_under_way(const struct flow *s, const struct flow_item *it)
{
	struct list *chain = item_chain(s, it->id);
	list_each(n, chain) {
		const struct flow_item *other = list_entry(n, struct flow_item, chain);
		if (other->id == it->id && other != it && other->state != FLOW_WAITING)
			return true;
	}
	return false;
}

static struct flow_sender *get_sender(
	struct flow *s, struct flow_dest *d, enum queue_priority priority, uint64_t hash, bool make)
{
	struct list *chain =
		&s->senders[mix(hash ^ (uintptr_t)d ^ (unsigned)priority) % TABLE_SIZE];
	list_each(n, chain) {
		struct flow_sender *q = list_entry(n, struct flow_sender, chain);
		if (q->hash == hash && q->dest == d && q->priority == priority)
			return q;
	}
	if (!make)
		return NULL;
	struct flow_sender *q = NEW(struct flow_sender);
	*q = (struct flow_sender){.dest = d, .hash = hash, .priority = priority};
	list_init(&q->items);
	list_append(&d->senders[priority], &q->ring);
	list_append(chain, &q->chain);
	return q;
}

static void free_sender(struct flow_sender *q)
{
	list_remove(&q->ring);
	list_remove(&q->chain);
	free(q);
}

static void drop_letter(struct flow *s, struct flow_item *it)
{
	struct letter *l = take(&it->letter);
	if (l && --l->held == 0)
		s->st.bytes -= l->bytes;
	letter_unref(l);
}

static void free_item(struct flow *s, struct flow_item *it)
{
	struct flow_dest *d = it->dest;
	list_remove(&it->chain);
	drop_letter(s, it);
	free(it);
	s->st.groups--;
	d->known--;
	flow_dest_touch(s, d);
}

/* How many groups this destination may have waiting, given what is free. */
static unsigned dest_share(const struct flow *s)
{
	unsigned free_now = s->st.groups < s->c.window ? s->c.window - s->st.groups : 0;
	unsigned share = free_now / 2;
	return share < s->c.per_dest ? share : s->c.per_dest;
}

bool flow_dest_full(const struct flow *s, const struct flow_dest *d)
{
	return d->waiting >= dest_share(s);
}

/* A destination with nothing in memory may always have one group, even when the window is full: at
 * most FLOW_DESTS_MAX beyond it. */
static bool may_enter(const struct flow *s, const struct flow_dest *d, const struct flow_sender *q)
{
	if (d->known == 0)
		return s->st.groups < s->c.window + s->c.window / 4;
	unsigned share = dest_share(s);
	return d->waiting < share && (!q || q->n < share - d->waiting);
}

static void enqueue(struct flow *s, struct flow_item *it, struct flow_sender *q, bool front)
{
	it->sender = q;
	it->state = FLOW_WAITING;
	if (front)
		list_prepend(&q->items, &it->node);
	else
		list_append(&q->items, &it->node);
	q->n++;
	it->dest->waiting++;
	s->st.waiting++;
}

/* Memory for letters is bounded: beyond it the group is kept as an id and loaded later. */
static struct letter *keep_letter(struct flow *s, struct letter *l)
{
	if (!l || (!l->held && s->st.bytes + l->bytes > s->c.bytes))
		return NULL;
	if (l->held++ == 0)
		s->st.bytes += l->bytes;
	return letter_ref(l);
}

enum flow_added flow_add(struct flow *s, msg_id id, slice dest, slice sender,
	enum queue_priority priority, struct letter *letter, instant now)
{
	must(priority < QUEUE_PRIORITIES);
	struct flow_dest *d = flow_dest_get(s, dest);
	if (find_item(s, id, d))
		return FLOW_KNOWN;
	uint64_t hash = hash_keyed(sender);
	if (s->stopping || !may_enter(s, d, get_sender(s, d, priority, hash, false))) {
		d->overflow = true;
		s->st.full++;
		return FLOW_FULL;
	}
	struct flow_item *it = NEW(struct flow_item);
	*it = (struct flow_item){.id = id,
		.dest = d,
		.priority = priority,
		.letter = keep_letter(s, letter),
		.waiting_since = now};
	list_init(&it->node);
	list_append(item_chain(s, id), &it->chain);
	s->st.groups++;
	d->known++;
	enqueue(s, it, get_sender(s, d, priority, hash, true), false);
	flow_dest_touch(s, d);
	flow_feed(s, d, now);
	flow_run(s, now);
	return FLOW_ADDED;
}

int flow_pick_priority(int8_t credit[QUEUE_PRIORITIES], const bool has[QUEUE_PRIORITIES])
{
	for (int round = 0; round < 2; round++) {
		for (int p = 0; p < QUEUE_PRIORITIES; p++)
			if (has[p] && credit[p] > 0) {
				credit[p]--;
				return p;
			}
		memcpy(credit, weights, sizeof weights);
	}
	return -1;
}

static void dequeue(struct flow *s, struct flow_item *it)
{
	struct flow_sender *q = it->sender;
	list_remove(&it->node);
	it->sender = NULL;
	it->dest->waiting--;
	s->st.waiting--;
	if (--q->n == 0)
		free_sender(q);
}

struct flow_item *flow_take_item(struct flow *s, struct flow_dest *d)
{
	bool has[QUEUE_PRIORITIES];
	for (int p = 0; p < QUEUE_PRIORITIES; p++)
		has[p] = !list_empty(&d->senders[p]);
	int p = flow_pick_priority(d->credit, has);
	if (p < 0)
		return NULL;
	struct flow_sender *q = list_entry(list_shift(&d->senders[p]), struct flow_sender, ring);
	list_append(&d->senders[p], &q->ring); /* the next sender's turn is next */
	struct flow_item *it = list_entry(q->items.next, struct flow_item, node);
	dequeue(s, it);
	it->state = FLOW_RUNNING;
	s->st.running++;
	s->st.taken++;
	return it;
}

bool flow_putback(struct flow *s, struct flow_item *it, instant now)
{
	must(it->state == FLOW_RUNNING);
	if (it->putbacks >= FLOW_PUTBACKS_MAX || s->stopping)
		return false;
	it->putbacks++;
	s->st.putbacks++;
	s->st.running--;
	drop_letter(s, it); /* an administrator may have changed it meanwhile: it is loaded again */
	/* Its sender is not known any more; a queue of its own at the head of the ring is as good.
	 */
	struct flow_dest *d = it->dest;
	struct flow_sender *q = get_sender(s, d, it->priority, (uint64_t)it->id, true);
	list_remove(&q->ring);
	list_prepend(&d->senders[it->priority], &q->ring);
	enqueue(s, it, q, true);
	flow_feed(s, d, now);
	flow_run(s, now);
	return true;
}

void flow_settling(struct flow *s, struct flow_item *it)
{
	must(it->state == FLOW_RUNNING);
	it->state = FLOW_SETTLING;
	s->st.running--;
	s->st.settling++;
	if (s->st.settling >= s->c.uncommitted)
		s->blocked = true;
}

/* Of what may wait (one sender alone: half the share) half has drained: the sweep may bring more.
 */
static void feel_hunger(struct flow *s, struct flow_dest *d)
{
	if (!d->overflow || d->waiting > dest_share(s) / 4)
		return;
	d->overflow = false;
	s->ops.hungry(s->ops.arg);
}

void flow_release(struct flow *s, struct flow_item *it, instant now)
{
	must(it->state != FLOW_WAITING);
	struct flow_dest *d = it->dest;
	if (it->state == FLOW_RUNNING)
		s->st.running--;
	else
		s->st.settling--;
	feel_hunger(s, d);
	free_item(s, it);
	if (s->blocked && s->st.settling < s->c.uncommitted - s->c.uncommitted / 8)
		flow_unblock(s, now);
}

static void drop_sender(struct flow *s, struct flow_sender *q)
{
	while (q->n > 1) {
		struct flow_item *it = list_entry(q->items.next, struct flow_item, node);
		dequeue(s, it);
		free_item(s, it);
	}
	struct flow_item *last = list_entry(q->items.next, struct flow_item, node);
	dequeue(s, last); /* frees q */
	free_item(s, last);
}

static void drop_dest(struct flow *s, struct flow_dest *d)
{
	for (int p = 0; p < QUEUE_PRIORITIES; p++)
		while (!list_empty(&d->senders[p]))
			drop_sender(s, list_entry(d->senders[p].next, struct flow_sender, ring));
	list_remove(&d->ready);
	d->overflow = false;
}

/* Dropping may forget quiet destinations, so those with work are collected first. */
void flow_drop_waiting(struct flow *s)
{
	AUTO(free) struct flow_dest **v = mem_alloc((s->dests.n + 1) * sizeof *v);
	size_t n = 0, i = 0;
	for (struct flow_dest *d; (d = flow_each(s, &i));)
		if (d->waiting)
			v[n++] = d;
	for (i = 0; i < n; i++)
		drop_dest(s, v[i]);
}

void flow_free(struct flow *s)
{
	must(s->st.sessions == 0);
	flow_drop_waiting(s);
	for (size_t i = 0; i < TABLE_SIZE; i++)
		while (!list_empty(&s->items[i]))
			free_item(s, list_entry(s->items[i].next, struct flow_item, chain));
	while (!list_empty(&s->quiet))
		flow_dest_free(s, list_entry(s->quiet.next, struct flow_dest, quiet));
	map_done(&s->dests);
	free(s->items);
	free(s->senders);
	free(s);
}

struct flow_stats flow_stats(const struct flow *s)
{
	struct flow_stats st = s->st;
	st.dests = (unsigned)s->dests.n;
	st.down = 0;
	size_t i = 0;
	for (struct flow_dest *d; (d = flow_each(s, &i));)
		st.down += flow_dest_is_down(d);
	return st;
}
