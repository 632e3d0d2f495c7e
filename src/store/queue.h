/*
 * The queue: messages that we answered for, one row per recipient with its state. A row leaves the
 * queue only in a transaction that comes after its end was written to the trace.
 *
 * Writers: edge adds; the queue process changes and ends; the command line changes (hold, release,
 * retry, delete, bounce). Functions named *_tx run inside a transaction (commit_fn).
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "store/blob.h"
#include "store/sql.h"

/* Message ids sort by time: milliseconds since 2020 (42 bits), the writer (6 bits), then a sequence
 * that starts at random (15 bits). Printed as 13 characters of base32 (RFC 4648 "extended hex"
 * alphabet, upper case). */
typedef int64_t msg_id;
enum { MSG_ID_TEXT = 14, MSG_ID_WRITERS = 64 };
/* Each process that makes ids is given its own number at start (the edge's index): then two of them
 * never make the same id. Without it a random number is taken. */
void msg_id_set_writer(unsigned writer);
msg_id msg_id_new(void);
void msg_id_print(msg_id id, char out[MSG_ID_TEXT]);
bool msg_id_parse(slice s, msg_id *ret);
int64_t msg_id_wall(msg_id id); /* when it was made, to the millisecond */
msg_id msg_id_floor(int64_t wall); /* no id made at that time or later is smaller */

enum queue_priority { QUEUE_URGENT = 0, QUEUE_NORMAL = 1, QUEUE_BULK = 2, QUEUE_PRIORITIES = 3 };

enum msg_flags {
	MSG_8BIT = 1, /* BODY=8BITMIME was declared, or 8-bit content was seen */
	MSG_BINARY = 2, /* BODY=BINARYMIME */
	MSG_SMTPUTF8 = 4, /* RFC 6531 */
	MSG_REQUIRETLS = 8, /* RFC 8689 */
	MSG_RET_HDRS = 16, /* DSN RET=HDRS, else full or default */
	MSG_RET_FULL = 32,
	MSG_BOUNCE = 64, /* made by us: a bounce or a delay warning */
	MSG_SUBMITTED = 128, /* came from an authenticated user or a trusted network */
	MSG_VOUCHED = 256, /* to a trap, but somebody speaks for its sender: teaches nothing */
	MSG_JUNK = 512, /* mailboxes here file it as junk */
	MSG_STAYS = 1024, /* for the owner of the mailbox: not passed on by what the account has set */
	MSG_RULED = 2048, /* what its readers' rules send was sent: only a place for it is still to be found */
};

enum rcpt_notify { /* DSN NOTIFY (RFC 3461) */
	NOTIFY_DEFAULT = 0,
	NOTIFY_NEVER = 1,
	NOTIFY_SUCCESS = 2,
	NOTIFY_FAILURE = 4,
	NOTIFY_DELAY = 8,
};

enum rcpt_state { RCPT_WAITING = 0, RCPT_HELD = 1 };

/* A recipient with this destination is not to be delivered any more: the queue process fails it
 * with its `reason` and tells the sender. Set by `posthouse queue bounce`; never skipped by the
 * sweep. */
#define QUEUE_DEST_BOUNCE "bounce"

struct queue_rcpt {
	int32_t idx; /* 0 .. within the message */
	slice address; /* mailbox without <> */
	slice orcpt; /* "rfc822;a@b" xtext-decoded, or empty */
	unsigned notify;
	slice dest; /* route key: "smtp:example.com", "backend:NAME", "local" (mail/route.h) */
	enum rcpt_state state;
	int32_t attempts;
	int64_t next_at; /* wall time of the next attempt; equal for recipients that go together */
	bool warned; /* a delay warning was sent */
	slice reason; /* last failure, as the remote said it, or why it is held */
	slice log; /* timeline, store/trace.h */
};

struct queue_msg {
	msg_id id;
	slice sender; /* reverse-path without <>; empty is the null sender */
	blob_id blob;
	uint64_t size; /* of the blob */
	slice prefix; /* header lines that we put before the stored bytes (Received: ...), CRLF each
		       */
	unsigned flags;
	enum queue_priority priority;
	int64_t arrived_at, expires_at; /* wall */
	slice envid; /* DSN ENVID, xtext-decoded */
	slice auth; /* login that submitted it, or empty */
	slice client; /* "192.0.2.1 helo.example" for lists and traces */
	slice log; /* timeline of the reception, shared by the recipients */
	slice message_id, subject; /* from the header, decoded, shortened: for trace */
	slice summary; /* of the blob behind the prefix (codec/summary.h), for mailboxes; empty: not made */
	struct queue_rcpt *rcpts;
	size_t nrcpts;
};

extern const struct sql_migration queue_migrations[];
extern const size_t queue_migrations_n;

/* ERR_EXISTS: the id is taken; make a new one and try again. */
int queue_add_tx(struct sql *db, const struct queue_msg *m, struct err *e);

/* One message with all its recipients (NOTFOUND when it has left). Memory from *a. */
int queue_load(struct sql *db, msg_id id, struct arena *a, struct queue_msg *ret, struct err *e);

/* Recipients after an attempt: writes state, attempts, next_at, warned, reason, log and dest of
 * each given recipient that is still there. What an administrator did meanwhile wins: one that was
 * held stays held, one that is to bounce keeps that destination and its reason. */
int queue_update_tx(struct sql *db, msg_id id, const struct queue_rcpt *r, size_t n, struct err *e);

/* What an administrator asks for one recipient. 0, or -1: ERR_NOTFOUND when it has left. A line
 * about it (`by` is who) goes to its timeline. Deleting is trace_add_tx (trace_row_of) and then
 * queue_end_tx. */
enum queue_change { QUEUE_RETRY, QUEUE_HOLD, QUEUE_RELEASE, QUEUE_BOUNCE };
int queue_change_tx(struct sql *db, msg_id id, int32_t idx, enum queue_change change, slice by,
	slice reason, struct err *e);

/* A destination works again: up to `most` recipients that wait for it become due now. Returns how
 * many. */
int64_t queue_hasten_tx(struct sql *db, slice dest, int64_t now, int64_t most, struct err *e);

/* Is anything due only after `wall`? Walks the index of what waits: not for every day. */
int queue_dated_beyond(struct sql *db, int64_t wall, bool *ret, struct err *e);
/* The clock was set back: what was dated by the wrong one, beyond now + horizon, is due now, and
 * its messages count as arrived now. At most `most` of each; returns how many (less than `most`:
 * all). */
int64_t queue_clock_tx(struct sql *db, int64_t now, int64_t horizon, int64_t most, struct err *e);

/* Recipients that are finished; the message goes with its last one. */
int queue_end_tx(struct sql *db, msg_id id, const int32_t *idx, size_t n, struct err *e);

/*
 * The fair sweep: destinations in turn. Calls `found` for at most `most` groups (the waiting
 * recipients of one message at one destination) that are due, at most `per_dest` a destination, and
 * passes over destinations for which skip() says true (it may be NULL). It starts behind *cursor (a
 * destination, "" at first), moves it on, and leaves "" at the end of a round; a call that has made
 * QUEUE_SWEEP_STEPS steps returns early, the cursor says where. A row stays due until it is
 * changed: the caller knows which ones it has in hand.
 *
 * Inside a destination urgent mail goes first, but leaves an eighth of per_dest to each lower
 * priority; inside a priority the senders share by lane (a hash of login or sender), so one that
 * queued a million does not stand before the others.
 *
 * *ret_next_at is the earliest time at which anything seen but not yet due will be (INT64_MAX:
 * none).
 */
struct queue_due {
	msg_id id;
	slice dest, sender;
	enum queue_priority priority;
	int64_t next_at;
};
struct queue_sweep {
	int64_t now;
	unsigned most, per_dest;
	bool (*skip)(void *arg, slice dest);
	void (*found)(void *arg, const struct queue_due *due); /* must not use the same database */
	void *arg;
};
enum { QUEUE_SWEEP_STEPS = 20000, QUEUE_LANES = 16 };
int queue_sweep(struct sql *db, const struct queue_sweep *s, struct buf *cursor,
	int64_t *ret_next_at, struct err *e);

/* What the command line and the console ask. Empty slices and zeros match all. */
struct queue_filter {
	msg_id id;
	slice sender, rcpt,
		domain; /* domain of the recipient; '*' is a wildcard in sender and rcpt */
	slice dest, reason; /* part of the text */
	int64_t before, after; /* arrived_at */
	int state; /* -1 all, else enum rcpt_state */
	int priority; /* -1 all, else enum queue_priority */
};
struct queue_row {
	msg_id id;
	slice sender, rcpt, dest, reason, client;
	int32_t idx, attempts;
	uint64_t size;
	int64_t arrived_at, next_at, expires_at;
	enum rcpt_state state;
	enum queue_priority priority;
};
/* Calls row for each match, oldest first, until it returns false or `most` were seen. Reads in
 * short pieces: row may take its time, and may change the queue. */
int queue_list(struct sql *db, const struct queue_filter *f, uint64_t most,
	bool (*row)(void *arg, const struct queue_row *r), void *arg, struct err *e);
struct queue_totals {
	/* deferred: waiting after a failed attempt, or put off because the destination is down. */
	uint64_t messages, recipients, held, deferred, bytes;
	int64_t oldest_at;
};
int queue_totals(struct sql *db, struct queue_totals *ret, struct err *e);
