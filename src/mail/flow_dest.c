/*
 * The scheduler's destinations: finding and forgetting them, how many sessions each may have,
 * whether it can be reached. Called by flow.c and flow_run.c.
 *
 * Sessions grow as TCP's congestion window does: one more for each success until trouble was met
 * (slow start), then one more for each round of successes; trouble halves, at most once a second
 * because one cause fails many sessions at a time.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/rand.h"
#include "mail/flow_impl.h"

enum { OK_FRESH_S = 60, OK_PROVEN_S = 600, STRIKES_MAX = 5, SIXTEENTH = 16 };

static void set_limits(struct flow *s, struct flow_dest *d)
{
	d->start = s->c.start;
	d->most = s->c.most;
	if (s->ops.limits)
		s->ops.limits(s->ops.arg, flow_key(d), &d->start, &d->most);
}

void flow_configure(struct flow *s, const struct flow_config *c)
{
	size_t i = 0;
	s->c = *c;
	for (struct flow_dest *d; (d = flow_each(s, &i));) {
		set_limits(s, d);
		if (d->limit16 > d->most * SIXTEENTH)
			d->limit16 = d->most * SIXTEENTH;
		if (d->threshold16 > d->most * SIXTEENTH)
			d->threshold16 = d->most * SIXTEENTH;
	}
}

static void forget_longest_quiet(struct flow *s)
{
	flow_dest_free(s, list_entry(s->quiet.next, struct flow_dest, quiet));
}

struct flow_dest *flow_dest_get(struct flow *s, slice key)
{
	struct flow_dest *d = map_get(&s->dests, key);
	if (d)
		return d;
	if (s->nquiet >= FLOW_DESTS_MAX)
		forget_longest_quiet(s);
	d = NEW(struct flow_dest);
	d->key = mem_dup(key.p, key.n);
	d->key_n = key.n;
	set_limits(s, d);
	d->limit16 = d->start * SIXTEENTH;
	d->threshold16 = d->most * SIXTEENTH;
	list_init(&d->ready);
	list_init(&d->idle);
	for (int p = 0; p < QUEUE_PRIORITIES; p++)
		list_init(&d->senders[p]);
	map_put(&s->dests, key, d);
	list_init(&d->quiet);
	list_append(&s->quiet, &d->quiet);
	s->nquiet++;
	return d;
}

void flow_dest_free(struct flow *s, struct flow_dest *d)
{
	must(d->known == 0 && d->sessions == 0);
	list_remove(&d->quiet);
	list_remove(&d->ready);
	s->nquiet--;
	map_remove(&s->dests, slice_of(d->key, d->key_n));
	free(d->key);
	free(d);
}

/* Quiet ones are remembered for their health, up to a number: the longest quiet goes first. */
void flow_dest_touch(struct flow *s, struct flow_dest *d)
{
	bool quiet = d->known == 0 && d->sessions == 0;
	if (quiet == !list_empty(&d->quiet))
		return;
	if (!quiet) {
		list_remove(&d->quiet);
		s->nquiet--;
		return;
	}
	list_append(&s->quiet, &d->quiet);
	if (++s->nquiet > FLOW_DESTS_MAX)
		forget_longest_quiet(s);
}

enum flow_class flow_dest_class(const struct flow *s, const struct flow_dest *d, instant now)
{
	if (flow_dest_is_down(d) || d->average > s->c.slow)
		return CLASS_SLOW;
	return d->ok_at && now - d->ok_at < OK_PROVEN_S * SECOND ? CLASS_PROVEN : CLASS_FRESH;
}

unsigned flow_dest_limit(const struct flow_dest *d)
{
	if (flow_dest_is_down(d))
		return 1;
	unsigned n = d->limit16 / SIXTEENTH;
	return n ? n : 1;
}

static void grow(struct flow_dest *d)
{
	unsigned step = d->limit16 < d->threshold16 ? SIXTEENTH
						    : SIXTEENTH * SIXTEENTH / (d->limit16 + 1) + 1;
	d->limit16 += step;
	if (d->limit16 > d->most * SIXTEENTH)
		d->limit16 = d->most * SIXTEENTH;
}

void flow_dest_ok(struct flow *s, struct flow_dest *d, int64_t took, instant now)
{
	d->ok_at = now;
	d->average = d->average ? d->average - d->average / 8 + took / 8 : took;
	d->failures = d->strikes = 0;
	if (!flow_dest_is_down(d)) {
		grow(d);
		return;
	}
	int64_t down_for = now - d->down_since;
	d->down_since = d->probe_at = 0;
	d->limit16 = d->start * SIXTEENTH;
	d->reason_n = 0;
	if (s->ops.recovered)
		s->ops.recovered(s->ops.arg, flow_key(d), down_for);
}

void flow_dest_throttle(struct flow_dest *d, instant now)
{
	if (now - d->halved_at < SECOND)
		return;
	d->halved_at = now;
	/* What was in use was too much, not what was allowed. */
	unsigned used16 = d->sessions * SIXTEENTH;
	unsigned base = used16 < d->limit16 ? used16 : d->limit16;
	d->limit16 = base / 2 > SIXTEENTH ? base / 2 : SIXTEENTH;
	d->threshold16 = d->limit16;
}

static int64_t backoff(const struct flow *s, unsigned failures)
{
	int64_t wait = s->c.backoff_first;
	for (unsigned i = 1; i < failures && wait < s->c.backoff_most; i++)
		wait *= 2;
	if (wait > s->c.backoff_most)
		wait = s->c.backoff_most;
	return wait + (int64_t)rand_below((uint64_t)wait / 5 + 1);
}

/* A few refusals between successes mean that we are too many; it is down when it goes on. Of the
 * many sessions that fail together, one counts. */
bool flow_dest_unreachable(struct flow *s, struct flow_dest *d, slice reason, instant now)
{
	bool lately = d->ok_at && now - d->ok_at < OK_FRESH_S * SECOND;
	if (!flow_dest_is_down(d) && lately && ++d->strikes <= STRIKES_MAX) {
		flow_dest_throttle(d, now);
		return true;
	}
	d->reason_n = reason.n < sizeof d->reason ? reason.n : sizeof d->reason;
	memcpy(d->reason, reason.p ? reason.p : "", d->reason_n);
	if (flow_dest_is_down(d) && now < d->probe_at)
		return false;
	if (!flow_dest_is_down(d))
		d->down_since = now;
	d->probe_at = now + backoff(s, ++d->failures);
	d->limit16 = d->threshold16 = d->start * SIXTEENTH;
	return false;
}

void flow_probe_now(struct flow *s, instant now)
{
	size_t i = 0;
	for (struct flow_dest *d; (d = flow_each(s, &i));)
		if (flow_dest_is_down(d) && d->probe_at > now)
			d->probe_at = now;
}

slice flow_key(const struct flow_dest *d)
{
	return slice_of(d->key, d->key_n);
}

slice flow_reason(const struct flow_dest *d)
{
	return slice_of(d->reason, d->reason_n);
}

struct flow_dest *flow_each(const struct flow *s, size_t *i)
{
	slice key;
	void *d;
	return map_next(&s->dests, i, &key, &d) ? d : NULL;
}

bool flow_dest_stats(const struct flow *s, slice dest, struct flow_dest_stats *ret)
{
	const struct flow_dest *d = map_get(&s->dests, dest);
	if (!d)
		return false;
	*ret = (struct flow_dest_stats){
		.waiting = d->waiting,
		.sessions = d->sessions,
		.limit = flow_dest_limit(d),
		.down = flow_dest_is_down(d),
		.slow = d->average > s->c.slow,
	};
	return true;
}
