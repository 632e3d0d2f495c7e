/*
 * retry: when a deferred recipient is tried again, when we give up, when the sender is warned.
 * Pure: times and randomness come from the caller. RFC 5321 4.5.4.1.
 */
#pragma once
#include "codec/status.h"
#include "store/queue.h"

enum { RETRY_WAITS_MAX = 64 };
#define RETRY_LIFETIME (5 * DAY)
#define RETRY_BOUNCE_LIFETIME (2 * DAY)

struct retry_config {
	const int64_t
		*waits; /* usec between attempts; the last one repeats. NULL: the default list */
	size_t nwaits;
	int64_t warn_after; /* usec after arrival; 0: never */
};

/*
 * Wall time of the next attempt after the attempts-th one (1 ..) was deferred with `status`: the
 * wait of the schedule, made longer or shorter where the status tells more (full mailbox,
 * greylisting, too many recipients ...), spread by a tenth with `random`, and never beyond
 * expires_at: the last attempt is made when time is up.
 */
int64_t retry_next(const struct retry_config *c, int32_t attempts, int64_t now, int64_t expires_at,
	struct status_code status, uint64_t random);

/* The same for one that was deferred without an attempt, because its destination is down: the wait
 * after `attempts` real ones, or longer for older messages (a quarter of their age, RETRY_SKIP_MOST
 * at most), so that a long outage does not rewrite its queue all the time. When the destination
 * answers again, everything that waits for it is due at once (queue_hasten_tx). */
#define RETRY_SKIP_MOST (1 * HOUR)
int64_t retry_next_skipped(const struct retry_config *c, int32_t attempts, int64_t now,
	const struct queue_msg *m, uint64_t random);

/* No wait of this schedule is longer. */
int64_t retry_longest(const struct retry_config *c);

/* A recipient deferred now: has its time run out? */
static inline bool retry_expired(const struct queue_msg *m, int64_t now)
{
	return now >= m->expires_at;
}

/* Is a warning about the delay due? (Whether the sender wants one: bounce_wanted.) Once a
 * recipient. */
bool retry_warning_due(const struct retry_config *c, const struct queue_msg *m,
	const struct queue_rcpt *r, int64_t now);
