/* The scheduler's inside, shared by flow.c (window), flow_run.c (sessions) and flow_dest.c. */
#pragma once
#include "base/map.h"
#include "mail/flow.h"

/* How much a destination is trusted to give its slots back soon. */
enum flow_class { CLASS_PROVEN, CLASS_FRESH, CLASS_SLOW, CLASSES };

/* One sender's groups inside one destination and priority. */
struct flow_sender {
	struct list ring; /* in dest->senders[priority] */
	struct list items; /* flow_item.node, oldest first */
	struct list chain; /* in flow.senders */
	struct flow_dest *dest;
	uint64_t hash;
	unsigned n;
	enum queue_priority priority;
};

struct flow_dest {
	char *key;
	size_t key_n;
	struct list ready; /* in flow.ready[class][ready_in], while it needs one more session and
			      may have it */
	int ready_in;
	struct list quiet; /* in flow.quiet, while nothing of it is in memory */
	struct list senders[QUEUE_PRIORITIES];
	int8_t credit[QUEUE_PRIORITIES];
	unsigned waiting, known; /* groups waiting; all in memory */
	unsigned sessions;
	unsigned pending; /* sessions started or woken that have not asked for a group yet */
	struct list idle; /* its idle sessions, last used first */
	unsigned nidle;

	/* Concurrency: limit and threshold in sixteenths of a session. */
	unsigned start, most;
	unsigned limit16, threshold16;
	instant halved_at;

	/* Health. */
	unsigned strikes; /* in a row, at connection level, while it seemed alive */
	unsigned failures; /* probes in a row */
	instant down_since, probe_at; /* 0: not down */
	instant ok_at;
	int64_t average; /* usec a message */
	bool overflow; /* it has groups that are only in the database */
	char reason[FLOW_REASON_MAX];
	size_t reason_n;
};

enum { TABLE_SIZE = 1 << 14 };

struct flow {
	struct flow_config c;
	struct flow_ops ops;
	struct map dests;
	struct list quiet; /* longest quiet first */
	unsigned nquiet;
	struct list ready[CLASSES][QUEUE_PRIORITIES];
	int8_t credit[QUEUE_PRIORITIES];
	struct list *items; /* chains by id and destination */
	struct list *senders; /* chains by destination, priority and sender */
	struct list idle; /* all idle sessions, longest idle first */
	unsigned class_sessions[CLASSES];
	struct flow_stats st;
	unsigned turn;
	bool stopping, blocked; /* blocked: too much is uncommitted */
};

/* flow_dest.c */
struct flow_dest *flow_dest_get(struct flow *s, slice key);
void flow_dest_touch(
	struct flow *s, struct flow_dest *d); /* known, sessions changed: quiet or not */
enum flow_class flow_dest_class(const struct flow *s, const struct flow_dest *d, instant now);
static inline bool flow_dest_is_down(const struct flow_dest *d)
{
	return d->down_since != 0;
}
unsigned flow_dest_limit(const struct flow_dest *d);
void flow_dest_ok(struct flow *s, struct flow_dest *d, int64_t took, instant now);
void flow_dest_throttle(struct flow_dest *d, instant now);
/* True: believed to be alive nevertheless. */
bool flow_dest_unreachable(struct flow *s, struct flow_dest *d, slice reason, instant now);
void flow_dest_free(struct flow *s, struct flow_dest *d);

/* flow_run.c */
/* Work came in or a session went: wakes idle sessions, makes the destination ready or not. */
void flow_feed(struct flow *s, struct flow_dest *d, instant now);
/* Starts what can be started. */
void flow_run(struct flow *s, instant now);
void flow_unblock(struct flow *s, instant now);

/* flow.c */
struct flow_item *flow_take_item(struct flow *s, struct flow_dest *d);
/* Weighted choice among priorities: the first with credit among those for which has[p]. */
int flow_pick_priority(int8_t credit[QUEUE_PRIORITIES], const bool has[QUEUE_PRIORITIES]);
