/*
 * handoff: a message on its way from the process that accepted (or made) it to the queue process,
 * as one datagram of a link. Losing one is harmless: the queue process also sweeps its database.
 */
#pragma once
#include "base/buf.h"
#include "store/queue.h"

enum {
	HANDOFF_MAX = 48 * 1024, /* a larger one is sent as its id alone */
};

/* Appends the datagram to *out, whose limit must be at least HANDOFF_MAX. */
void handoff_encode(struct buf *out, const struct queue_msg *m);
/* Appends "look into the database for this one". */
void handoff_encode_id(struct buf *out, msg_id id);

/* The message; its slices point into `in`, rcpts come from *a. With *ret_id_only only ret->id is
 * set. False: not one of ours. */
bool handoff_decode(slice in, struct arena *a, struct queue_msg *ret, bool *ret_id_only);
