/*
 * letter: a queued message in the memory of the queue process, shared by its groups (one group is
 * the recipients of one message that have one destination). Counted references, used by the loop's
 * thread only; a letter may be made in another thread and handed over.
 */
#pragma once
#include "store/queue.h"

struct letter {
	unsigned refs;
	unsigned held; /* by groups in the scheduler's window, which counts the bytes once */
	bool from_db; /* read back from the queue, so possibly old and cold; else just handed over
		       */
	size_t bytes; /* of memory */
	struct arena mem;
	struct queue_msg m; /* everything in mem */
};

/* An empty one with one reference. */
struct letter *letter_new(void);
struct letter *letter_ref(struct letter *l);
void letter_unref(struct letter *l); /* NULL is fine */

/* From a datagram (which is copied). NULL: damaged. With *ret_id_only the letter holds nothing but
 * the id: "look into the database". */
struct letter *letter_from_handoff(slice datagram, bool *ret_id_only);
struct queue_msg letter_copy_msg(const struct queue_msg *m, struct arena *a);
/* A deep copy of a message made here (a bounce, an expansion). */
struct letter *letter_copy(const struct queue_msg *m);

/* Reads m as it would be delivered, its prefix and then the stored bytes, up to `enough` of the
 * latter, into *out (whose limit must suffice). In a coroutine. What is damaged or gone is left out
 * silently when `tolerant`. ERR_TEMP, ERR_NOTFOUND, ERR_PERM. */
int letter_read(struct blobs *blobs, const struct queue_msg *m, size_t enough, bool tolerant,
	struct buf *out, struct err *e);
