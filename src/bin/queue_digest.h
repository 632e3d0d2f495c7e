/*
 * queue_digest: digests (mail/digest.h) leave from the queue process.
 *
 *	queue_digest.c		who has something new, when his digest is due
 *	queue_digest_make.c	one digest: its rows, their links, into the queue
 */
#pragma once
#include "bin/queue_letters.h"
#include "run/co.h"

enum {
	DIGESTS_EVERY_S = 15, /* how often it is looked whether something is new or due */
	DIGESTS_SETTLE_S =
		5, /* younger held mail is for the next look: its commit may be under way */
	DIGESTS_AGAIN_S =
		120, /* held mail is read again from so long before the last look, likewise */
	DIGESTS_AGAIN_SET_S =
		86400, /* and after settings have changed: who was off may be on now */
	DIGESTS_BATCH = 500, /* rows of the quarantine, names: read at once */
	DIGESTS_LATER_S = 600, /* one that could not be made now is tried again after this */
	DIGESTS_FORGET_S = 400 * 86400, /* when one was last sent to somebody */
	DIGESTS_ALL_LINK_S = 7 * 86400, /* "see all" works so long */
};

struct queue_digests {
	struct queue_letters *letters;
	struct sql *db; /* reader: of long lists */
	struct cond wake;
	bool asked;
	int64_t expired_at;
};
int queue_digests_open(struct queue_letters *l, struct queue_digests **ret, struct err *e);
/* Coroutine: until cancelled. arg: struct queue_digests. */
void queue_digests_run(void *arg);
void queue_digests_wake(struct queue_digests *d);
void queue_digests_close(struct queue_digests *d); /* NULL is fine */

/* ---- queue_digest_make.c ---- */
/* Makes the digest that is due, or finds that there is nothing to send; in both cases it is not due any more.
 * -1: try again later. */
int queue_digest_make(struct queue_digests *d, struct queue_settings *set,
	const struct digest_due *due, struct err *e);
