/*
 * The scheduler's sessions: which destination gets a slot, which session goes on, idles or ends.
 *
 * A destination is "ready" while it has more waiting groups than sessions about to fetch one, none
 * of its sessions is idle, and it may have one more. Ready ones stand in rings by class and by
 * their most urgent priority; whoever gets a session goes to the end of its ring. Slots in all are
 * shared so that neither slow destinations (at most a quarter) nor slow and unproven ones together
 * (at most four fifths) take the last.
 */
#include "base/mem.h"
#include "base/must.h"
#include "mail/flow_impl.h"

static int top_priority(const struct flow_dest *d)
{
	for (int p = 0; p < QUEUE_PRIORITIES; p++)
		if (!list_empty(&d->senders[p]))
			return p;
	return -1;
}

static bool needs_session(const struct flow_dest *d)
{
	return d->waiting > d->pending && !d->nidle && d->sessions < flow_dest_limit(d);
}

static void leave_idle(struct flow *s, struct flow_session *ss)
{
	if (!ss->idle)
		return;
	ss->idle = false;
	list_remove(&ss->idle_node);
	list_remove(&ss->dest_idle_node);
	ss->dest->nidle--;
	s->st.idle--;
}

static void become_idle(struct flow *s, struct flow_session *ss)
{
	ss->idle = true;
	list_append(&s->idle, &ss->idle_node);
	list_prepend(&ss->dest->idle, &ss->dest_idle_node);
	ss->dest->nidle++;
	s->st.idle++;
}

static void set_pending(struct flow_session *ss, bool pending)
{
	if (ss->pending != pending)
		ss->dest->pending += pending ? 1 : -1u;
	ss->pending = pending;
}

static void wake(struct flow *s, struct flow_session *ss)
{
	leave_idle(s, ss);
	set_pending(ss, true);
	s->ops.wake(s->ops.arg, ss);
}

/* Into the ring it belongs to, or out; keeps its place while it is in the right one. */
static void update_ready(struct flow *s, struct flow_dest *d, instant now)
{
	if (!needs_session(d)) {
		list_remove(&d->ready);
		return;
	}
	int p = top_priority(d);
	if (!list_empty(&d->ready) && d->ready_in <= p)
		return;
	list_remove(&d->ready);
	d->ready_in = p;
	list_append(&s->ready[flow_dest_class(s, d, now)][p], &d->ready);
}

void flow_feed(struct flow *s, struct flow_dest *d, instant now)
{
	while (d->waiting > d->pending && d->nidle && !s->blocked)
		wake(s, list_entry(d->idle.next, struct flow_session, dest_idle_node));
	update_ready(s, d, now);
}

/* Does the class have a share left, were there a free slot? */
static bool class_may(const struct flow *s, enum flow_class k)
{
	unsigned all = s->c.sessions;
	unsigned slow = s->class_sessions[CLASS_SLOW];
	if (k == CLASS_SLOW && slow >= (all + 3) / 4)
		return false;
	return k == CLASS_PROVEN || slow + s->class_sessions[CLASS_FRESH] < all - all / 5;
}

/* The destination whose turn it is, out of its ring; NULL when none may start. */
static struct flow_dest *pick_dest(struct flow *s)
{
	if (s->st.sessions >= s->c.sessions)
		return NULL;
	for (unsigned i = 0; i < CLASSES; i++) {
		unsigned k = (s->turn + i) % CLASSES;
		if (!class_may(s, k))
			continue;
		bool has[QUEUE_PRIORITIES];
		for (int p = 0; p < QUEUE_PRIORITIES; p++)
			has[p] = !list_empty(&s->ready[k][p]);
		int p = flow_pick_priority(s->credit, has);
		if (p < 0)
			continue;
		s->turn++;
		return list_entry(list_shift(&s->ready[k][p]), struct flow_dest, ready);
	}
	return NULL;
}

/* Would somebody take a slot if one came free? */
static bool anybody_waits(const struct flow *s)
{
	for (unsigned k = 0; k < CLASSES; k++)
		for (int p = 0; class_may(s, k) && p < QUEUE_PRIORITIES; p++)
			if (!list_empty(&s->ready[k][p]))
				return true;
	return false;
}

static void start_session(struct flow *s, struct flow_dest *d, instant now)
{
	struct flow_session *ss = NEW(struct flow_session);
	*ss = (struct flow_session){.dest = d, .counted_as = (uint8_t)flow_dest_class(s, d, now)};
	list_init(&ss->idle_node);
	list_init(&ss->dest_idle_node);
	d->sessions++;
	s->st.sessions++;
	s->st.started++;
	s->class_sessions[ss->counted_as]++;
	set_pending(ss, true);
	flow_dest_touch(s, d);
	s->ops.start(s->ops.arg, ss);
}

/* The session that idles longest gives its slot to somebody who has work. */
static void evict_idle(struct flow *s)
{
	if (list_empty(&s->idle) || s->st.sessions < s->c.sessions)
		return;
	struct flow_session *ss = list_entry(s->idle.next, struct flow_session, idle_node);
	leave_idle(s, ss);
	ss->must_end = true;
	s->ops.wake(s->ops.arg, ss);
}

void flow_run(struct flow *s, instant now)
{
	if (s->stopping || s->blocked)
		return;
	for (struct flow_dest *d; (d = pick_dest(s));) {
		must(needs_session(d));
		start_session(s, d, now);
		update_ready(s, d, now);
	}
	if (anybody_waits(s))
		evict_idle(s);
}

/* Too much was uncommitted, no longer so: sessions that stopped for it go on. */
void flow_unblock(struct flow *s, instant now)
{
	s->blocked = false;
	for (unsigned n = s->st.idle; n > 0 && !list_empty(&s->idle); n--) {
		struct flow_session *ss = list_entry(s->idle.next, struct flow_session, idle_node);
		list_remove(&ss->idle_node);
		list_append(&s->idle, &ss->idle_node);
		flow_feed(s, ss->dest, now);
	}
	flow_run(s, now);
}

/* Others wait for a slot and this one had its turn, or its destination has too many. */
static bool must_give_way(const struct flow *s, const struct flow_session *ss)
{
	if (ss->dest->sessions > flow_dest_limit(ss->dest))
		return true;
	return ss->count >= FLOW_TURN && s->st.sessions >= s->c.sessions && anybody_waits(s);
}

/* The class that counts is what the destination is now, not what it was when the session began. */
static void recount(struct flow *s, struct flow_session *ss, instant now)
{
	s->class_sessions[ss->counted_as]--;
	ss->counted_as = (uint8_t)flow_dest_class(s, ss->dest, now);
	s->class_sessions[ss->counted_as]++;
}

struct flow_item *flow_next(struct flow *s, struct flow_session *ss, instant now)
{
	struct flow_dest *d = ss->dest;
	leave_idle(s, ss);
	set_pending(ss, false);
	if (ss->must_end || s->stopping || must_give_way(s, ss)) {
		ss->must_end = true;
		return NULL;
	}
	struct flow_item *it = s->blocked ? NULL : flow_take_item(s, d);
	if (!it) {
		become_idle(s, ss);
		list_remove(&d->ready);
		return NULL;
	}
	recount(s, ss, now);
	it->skip = flow_dest_is_down(d) && now < d->probe_at;
	s->st.skipped += it->skip;
	ss->count++;
	update_ready(s, d, now);
	return it;
}

bool flow_report(struct flow *s, struct flow_session *ss, enum flow_verdict v, int64_t took,
	slice reason, instant now)
{
	struct flow_dest *d = ss->dest;
	bool alive = true;
	if (v == FLOW_UNREACHABLE)
		alive = flow_dest_unreachable(s, d, reason, now);
	else
		flow_dest_ok(s, d, took, now);
	if (v == FLOW_THROTTLED)
		flow_dest_throttle(d, now);
	recount(s, ss, now);
	list_remove(&d->ready); /* its class may have changed */
	update_ready(s, d, now);
	flow_run(s, now);
	return alive;
}

void flow_session_end(struct flow *s, struct flow_session *ss, instant now)
{
	struct flow_dest *d = ss->dest;
	leave_idle(s, ss);
	set_pending(ss, false);
	s->class_sessions[ss->counted_as]--;
	s->st.sessions--;
	d->sessions--;
	free(ss);
	flow_feed(s, d, now);
	flow_dest_touch(s, d);
	flow_run(s, now);
}

void flow_stop(struct flow *s)
{
	s->stopping = true;
	while (!list_empty(&s->idle)) {
		struct flow_session *ss = list_entry(s->idle.next, struct flow_session, idle_node);
		leave_idle(s, ss);
		ss->must_end = true;
		s->ops.wake(s->ops.arg, ss);
	}
}
