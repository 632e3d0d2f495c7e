/*
 * settle: what follows from an attempt. Takes the results of a group, decides per recipient
 * (delivered, deferred until when, failed, expired; who is told), and brings it to disk by group
 * commit in this order: report blobs, trace rows, then one queue transaction with the reports'
 * rows, the ends and the updates. A crash in between repeats work, never loses it.
 *
 * Nobody waits: the next message is sent while earlier results are on their way to the disk
 * (bounded by flow's `uncommitted`). When a commit fails, the results stay in memory and are
 * committed again and again until it works; the message is not delivered again meanwhile.
 */
#pragma once
#include "base/time.h"
#include "mail/bounce.h"
#include "mail/letter.h"
#include "mail/result.h"
#include "mail/retry.h"
#include "store/commit.h"
#include "store/script.h"
#include "store/webhook.h"

enum {
	SETTLE_BOUNCES_AT_ONCE = 16, /* reports being built */
	SETTLE_RETRY_FIRST_MS = 500, /* after a failed commit; doubles */
	SETTLE_RETRY_MOST_MS = 30000,
	SETTLE_EXPANSIONS_MAX = 2,
};

struct settle_config {
	struct commit *queue, *trace;
	struct blobs *blobs;
	const struct route_lookup *routes;
	const struct bounce_config *bounce; /* these two are copied */
	const struct retry_config *retry;
	/* The group is settled for good: `token` of settle_group. Never inside settle_group. */
	void (*settled)(void *arg, void *token);
	/* A message that we made (a report, an expansion) is in the queue now. */
	void (*made)(void *arg, struct letter *l);
	/* Recipients that were given another destination are due in the queue: sweep. */
	void (*rerouted)(void *arg);
	/* Recipients were deferred; the earliest is due at this wall time. May be NULL. */
	void (*deferred)(void *arg, int64_t next_at);
	void *arg;
};

struct settle;
struct settle *settle_new(const struct settle_config *c);
void settle_free(struct settle *s); /* after settle_drain */
/* After a reload; copied, with their strings. */
void settle_configure(
	struct settle *s, const struct bounce_config *bounce, const struct retry_config *retry);

/* An automatic answer that its reader gives (autoreply.h): handed to the outbox in the transaction that ends the recipient,
 * once its sender was not answered for `quiet`. */
struct settle_answer {
	int64_t account_id, quiet; /* usec; 0: whenever */
	slice key; /* what is remembered instead of the sender's address; empty: that */
	slice data; /* of the notice */
};
struct settle_fault { /* of a script: told to whoever wrote it, once (store/script.h) */
	struct script_fault fault;
	slice owner; /* address; empty: the administrator's */
};
/* What people's scripts want besides: done in the transaction that ends the recipient, if it ends now. */
struct settle_extra {
	struct queue_msg *
		made; /* new messages; their blobs are durable and held: settle settles those that it takes */
	size_t nmade;
	struct settle_answer *answers;
	size_t nanswers;
	struct webhook *hooks;
	size_t nhooks;
	struct settle_fault *faults;
	size_t nfaults;
};
static inline bool settle_takes(enum result_kind kind)
{
	return kind == RESULT_DELIVERED || kind == RESULT_EXPANDED || kind == RESULT_FAILED;
}
/* The recipients of one group, by position in letter->m.rcpts, each with its result. */
struct settle_rcpt {
	uint32_t at;
	struct result result;
	const struct settle_answer *answer; /* if it is delivered; NULL: none */
	const struct settle_extra *extra; /* if settle_takes; NULL: none */
	slice events; /* for the timeline, before its end */
};
/* New messages of the same blob that take the place of recipients that are RESULT_EXPANDED. */
struct expansions {
	struct queue_msg v[SETTLE_EXPANSIONS_MAX];
	size_t n;
};
/*
 * Everything given is copied; the letter is referenced. Expansions (may be NULL) are added in the
 * transaction that ends the recipients.
 */
void settle_group(struct settle *s, struct letter *l, const struct settle_rcpt *v, size_t n,
	const struct attempt *attempt, const struct expansions *expansions, void *token);

/* Waits until everything is on disk, or the deadline: returns how many groups are not. */
unsigned settle_drain(struct settle *s, instant deadline);
unsigned settle_pending(const struct settle *s);
