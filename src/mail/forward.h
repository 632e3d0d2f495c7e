/*
 * forward: what mail gets that an alias passes on to other systems, so that they believe it: an
 * envelope sender of ours (SRS, srs.h) and an ARC seal over what was verified here (RFC 8617).
 * Called by local delivery when it expands an alias.
 */
#pragma once
#include "mail/route.h"
#include "mail/sign.h"
#include "mail/srs.h"
#include "store/blob.h"
#include "store/queue.h"

enum {
	FORWARD_HEADER_MAX = 1 << 20, /* bytes of a stored header that can be sealed */
	FORWARD_SEAL_MAX = 32 * 1024, /* of the fields that make a seal */
};

struct forward {
	const struct srs *srs; /* NULL: senders stay as they are */
	const struct signing *signing; /* its conf says whether to seal */
	const struct route_lookup *routes;
	struct blobs *blobs;
	slice authserv_id; /* of our Authentication-Results fields */
};

/* Is a target with this decision another system's? Backends are ours. */
bool forward_leaves(const struct route_decision *d);

/* The sender for what leaves through the alias: of ours, and the null sender: as it is. -1: try
 * again. In a coroutine. */
int forward_sender(const struct forward *f, slice sender, slice alias, int64_t now, struct arena *a,
	slice *ret, struct err *e);

/* The fields of the seal to put on top of prefix and stored message, by the keys of the alias's
 * domain; empty, and why, when there is none to be had: the mail goes without. In a coroutine. */
slice forward_seal(const struct forward *f, const struct queue_msg *m, slice prefix, slice alias,
	int64_t now, struct arena *a, slice *ret_why);
