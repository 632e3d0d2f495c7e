/*
 * autoreply: whether a letter gets the automatic answer of its reader (RFC 3834), and what that says. Asked by local
 * delivery (local.h) for accounts that have one (store/forward.h). The answer becomes a row of the outbox
 * (store/notice.h, NOTICE_AUTOREPLY) in the transaction that ends the delivery, and a letter when the outbox is read.
 */
#pragma once
#include "store/forward.h"
#include "store/queue.h"

enum {
	AUTOREPLY_RCPTS_MAX = 500, /* addresses of To, Cc ... in which the own one is looked for */
	AUTOREPLY_REFERENCES_MAX = 4000, /* bytes of References that are kept */
	AUTOREPLY_ID_MAX = 900, /* of one message id: it stands on one line */
};

struct autoreply_ask {
	slice header; /* of the letter, with what delivery put before it */
	const struct queue_msg *m;
	const struct delivery_wishes *wishes; /* with an autoreply */
	/* Is this one of the account's addresses? 1, 0, -1 (nobody can say now). */
	int (*is_own)(void *arg, slice address);
	void *arg;
	int64_t now;
};
/* Why it gets none (a word for logs), or NULL: it gets one. */
const char *autoreply_why_not(const struct autoreply_ask *q, struct arena *a);
/* The part of it that is about the letter alone: no bounce, no list, no machine, nobody asked not to be answered. */
const char *autoreply_is_machines(const struct queue_msg *m, slice header);
/* Message-ID and References for what answers this letter; empty: none. */
void autoreply_thread(slice header, struct arena *a, slice *ret_id, slice *ret_references);
/* What the outbox's row carries. */
slice autoreply_data(const struct autoreply_ask *q, struct arena *a);
