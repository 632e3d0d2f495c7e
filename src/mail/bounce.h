/*
 * bounce: when and whom to tell about a message's fate (RFC 3461, RFC 3464, RFC 5321 6.1), and
 * making the message that tells. The null sender is never told, so a bounce never causes a bounce.
 */
#pragma once
#include "codec/dsn.h"
#include "mail/route.h"
#include "mail/sign.h"
#include "store/blob.h"
#include "store/queue.h"

struct bounce_config {
	slice hostname; /* reporting MTA */
	slice doubles_to; /* address that gets our reports which cannot be delivered; empty: nobody
			   */
	slice from; /* "mailer-daemon@example.com", shown; the envelope sender is <> */
	uint64_t size; /* largest original that is returned whole */
	int64_t lifetime; /* usec a bounce is tried */
	const struct signing *signing; /* NULL: unsigned */
};

/* Is the sender to be told this about this recipient? NOTIFY rules; DELAYED never for bulk mail. */
bool bounce_wanted(const struct queue_msg *m, const struct queue_rcpt *r, enum dsn_action action);
/* A recipient failed and nobody may be told: a bounce that bounces. */
bool bounce_is_double(const struct queue_msg *m, const struct queue_rcpt *r);
/* It is one of our own reports, and doubles_to wants to see it. What goes there has NOTIFY=NEVER,
 * so it happens once. */
bool bounce_to_postmaster(
	const struct bounce_config *c, const struct queue_msg *m, const struct queue_rcpt *r);
/* Is the whole original to be returned in a report with this action? RET, size. */
bool bounce_returns_all(
	const struct bounce_config *c, const struct queue_msg *m, enum dsn_action action);

/*
 * Makes the report about m's recipients `v` (all with bounce_wanted, or all with
 * bounce_to_postmaster): builds it, writes the blob,
 * fills *ret with a message of one recipient, to be added with queue_add_tx in the transaction that
 * ends (or updates) the recipients. In a coroutine. Strings in *a. -1: ERR_TEMP try again;
 * ERR_NOTFOUND: the sender's address leads nowhere (and doubles_to, if there is one), nothing to
 * send. ret->id is 0, or the id to use.
 */
int bounce_make(const struct bounce_config *c, const struct route_lookup *l, struct blobs *blobs,
	const struct queue_msg *m, const struct dsn_rcpt *v, size_t n, int64_t now, struct arena *a,
	struct queue_msg *ret, struct err *e);
