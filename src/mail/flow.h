/*
 * flow: which message goes next, and how many at once to each destination. No sockets, no clock
 * and no waiting in here: transports are callbacks, time is handed in, so the tests simulate days.
 *
 * The unit is a group: the recipients of one message that share a destination key. A bounded window
 * of groups is in memory; the rest waits in the database. Rules (doc/notes/queue.md tells why):
 *
 *   - New groups come in as long as their destination, and their sender within it, use no more than
 *     their share of what is still free in the window. Others are refused (FLOW_FULL) and are
 *     found again by the sweep of the database.
 *   - Destinations take turns; within one, the priorities by weight, then the senders in turn.
 *   - A destination's sessions grow like TCP's window: from `start` by one for each success, later
 *     slower, halved by trouble. One that cannot be reached at all is left alone for a while; then
 * a single group probes it. Meanwhile its groups are handed out with `skip` set: they are to be
 *     deferred for the destination's reason without an attempt.
 *   - Destinations without a recent success may use only a part of all sessions, slow ones a
 * smaller part, so that they never take the last place from one that works.
 */
#pragma once
#include "base/list.h"
#include "base/time.h"
#include "mail/letter.h"

struct flow;
struct flow_dest;
struct flow_sender;

enum {
	FLOW_DESTS_MAX = 10000, /* quiet destinations that are remembered */
	FLOW_PUTBACKS_MAX = 3, /* times a group goes back untried, then it is deferred */
	FLOW_TURN = 20, /* messages after which a session gives way when others wait for a slot */
	FLOW_REASON_MAX = 200,
};

struct flow_config {
	unsigned window; /* groups in memory */
	unsigned per_dest; /* of them waiting for one destination, at most */
	size_t bytes; /* of letters held in memory; beyond it groups are kept as ids */
	unsigned sessions; /* in all */
	unsigned uncommitted; /* groups attempted whose result is not yet on disk; then nothing
				 starts */
	unsigned start, most; /* sessions of one destination: at first, at most */
	int64_t backoff_first, backoff_most; /* usec between probes of an unreachable destination */
	int64_t slow; /* usec a message: slower destinations are slow */
};
/* Defaults: window 20000, per_dest 2000, 32 MiB, sessions 500, uncommitted 500, 5 .. 20, 20 s ..
 * 15 minutes, 10 s. */
struct flow_config flow_defaults(void);

enum flow_state { FLOW_WAITING, FLOW_RUNNING, FLOW_SETTLING };

/* A group in memory. */
struct flow_item {
	msg_id id;
	struct flow_dest *dest;
	struct letter *letter; /* NULL: to be loaded */
	enum queue_priority priority;
	enum flow_state state;
	bool skip; /* do not attempt: defer with flow_reason() */
	uint8_t putbacks;
	int64_t waiting_since; /* instant */
	/* private */
	struct list node, chain;
	struct flow_sender *sender;
};

/* A session of a transport, working for one destination. */
struct flow_session {
	struct flow_dest *dest;
	void *user; /* the transport's */
	bool must_end; /* no more work: close and flow_session_end() */
	unsigned count; /* groups taken */
	/* private */
	bool idle, pending;
	uint8_t counted_as;
	struct list idle_node, dest_idle_node;
};

struct flow_ops {
	/* Begin a session: soon, not inside this call, it asks flow_next(). */
	void (*start)(void *arg, struct flow_session *s);
	/* An idle session shall ask flow_next() again (and end if must_end). */
	void (*wake)(void *arg, struct flow_session *s);
	/* There is room again for groups that are only in the database: sweep soon. */
	void (*hungry)(void *arg);
	/* A destination answers again after `down_for` usec. May be NULL. */
	void (*recovered)(void *arg, slice dest, int64_t down_for);
	/* Sessions for this destination; untouched: the configuration's. May be NULL. */
	void (*limits)(void *arg, slice dest, unsigned *start, unsigned *most);
	void *arg;
};

struct flow *flow_new(const struct flow_config *c, const struct flow_ops *ops);
void flow_free(struct flow *s); /* no session may be left */
/* New limits after a reload; what is beyond them goes in its own time. */
void flow_configure(struct flow *s, const struct flow_config *c);

enum flow_added { FLOW_ADDED, FLOW_KNOWN, FLOW_FULL };
/* Takes a group in. The letter (may be NULL) is referenced, not taken over. KNOWN: it is in memory
 * already, waiting or on its way. */
enum flow_added flow_add(struct flow *s, msg_id id, slice dest, slice sender,
	enum queue_priority priority, struct letter *letter, instant now);
/* Forgets every waiting group (the database knows them). Those on their way stay. */
void flow_drop_waiting(struct flow *s);
/* Destinations that cannot be reached are probed with their next group, not skipped. */
void flow_probe_now(struct flow *s, instant now);
/* Takes no more work: idle sessions end, others after their present group. */
void flow_stop(struct flow *s);

/* The next group for this session, now FLOW_RUNNING; or NULL: then the session is idle until
 * woken, or shall end (must_end). */
struct flow_item *flow_next(struct flow *s, struct flow_session *session, instant now);

/* How it went with a group taken, as far as the destination is concerned. */
enum flow_verdict {
	FLOW_OK, /* it answered, whatever it thought of the message */
	FLOW_THROTTLED, /* it answered that we are too many or too fast (421, 4.7.x rate ...) */
	FLOW_UNREACHABLE, /* no host could be talked to */
};
/* `took` is the duration of this group's transaction with connecting. Returns true when the
 * destination is believed to be alive: a group that was not attempted may be put back. */
bool flow_report(struct flow *s, struct flow_session *session, enum flow_verdict v, int64_t took,
	slice reason, instant now);

/* RUNNING -> waiting again at the head of its queue, untried. False: it was too often; defer it. */
bool flow_putback(struct flow *s, struct flow_item *item, instant now);
/* Is another group of the same message running or settling? */
bool flow_others_under_way(const struct flow *s, const struct flow_item *item);
/* RUNNING -> SETTLING: the attempt is over, its result not yet on disk. */
void flow_settling(struct flow *s, struct flow_item *item);
/* RUNNING or SETTLING -> gone: its result is on disk (or nothing needs to be written). Frees. */
void flow_release(struct flow *s, struct flow_item *item, instant now);
/* Frees the session. Its group must be put back, settling or released. */
void flow_session_end(struct flow *s, struct flow_session *session, instant now);

slice flow_key(const struct flow_dest *d);
slice flow_reason(const struct flow_dest
		*d); /* why it cannot be reached: as was reported, with its status in front */
/* Takes this destination no more groups for now? For the sweep's skip list. */
bool flow_dest_full(const struct flow *s, const struct flow_dest *d);
/* Each destination in memory; *i starts at 0. No additions meanwhile. */
struct flow_dest *flow_each(const struct flow *s, size_t *i);

struct flow_stats {
	unsigned groups, waiting, running, settling, sessions, idle, dests, down;
	size_t bytes;
	uint64_t started, taken, full, putbacks, skipped;
};
struct flow_stats flow_stats(const struct flow *s);
struct flow_dest_stats {
	unsigned waiting, sessions, limit;
	bool down, slow;
};
bool flow_dest_stats(const struct flow *s, slice dest, struct flow_dest_stats *ret);
