/*
 * The trace: one row per recipient of every message that ended (delivered, bounced, refused ...),
 * with the whole timeline. While a message is queued its timeline is in the queue; `posthouse
 * trace` reads both. What was refused before DATA is traced too, best effort.
 *
 * A timeline is text, one event a line, oldest first:
 *	<wall microseconds> <event> key=value key="value with spaces" ...
 * Events: connect tls auth envelope data queued route attempt delivered deferred failed bounced
 * expired held released retry deleted refused omitted
 * quarantined asked restored recalled reclassed viewed downloaded forwarded infected. Keys are listed in doc/en/trace.md.
 */
#pragma once
#include "store/queue.h"

enum trace_status { /* how it ended */
	TRACE_DELIVERED = 1, /* remote or mailbox took it */
	TRACE_BOUNCED = 2, /* failed for good; the sender was told (or may not be) */
	TRACE_EXPIRED = 3,
	TRACE_DELETED = 4, /* by an administrator */
	TRACE_REFUSED = 5, /* we never accepted it */
	TRACE_RELAYED_DSN = 6, /* handed on, and success will be reported by the next hop */
	TRACE_QUARANTINED =
		7, /* held, and what became of that is in its timeline; here also while it is held */
};

/* Appends one event line to a timeline. Values are quoted where needed, control characters made
 * spaces, broken UTF-8 mended, long values cut at TRACE_VALUE_MAX, empty ones left out. When the
 * timeline is at its limit, events in the middle give way to one "omitted events=N". Usage:
 * trace_event(&log, wall, "attempt", "host", host, ..., NULL) with const char * keys and slice
 * values. */
enum { TRACE_VALUE_MAX = 500, TRACE_LOG_MAX = 16 * 1024 };
const char *trace_status_name(int status); /* "queued" for 0 */
bool trace_status_parse(slice s, int *ret);
void trace_event(struct buf *log, int64_t wall, const char *event, ...);
/* Appends events of another timeline but for those that are here already, whenever that was. */
void trace_append(struct buf *log, slice more);
/* Cuts one event off the front of a timeline; its fields by trace_field. */
bool trace_next_event(slice *log, int64_t *ret_wall, slice *ret_event, slice *ret_fields);
bool trace_field(slice *fields, struct arena *a, slice *ret_key, slice *ret_value);

extern const struct sql_migration trace_migrations[];
extern const size_t trace_migrations_n;

struct trace_row {
	msg_id id;
	int32_t idx;
	int64_t arrived_at, ended_at; /* ended_at 0: still queued */
	slice sender, rcpt, client, message_id, subject;
	uint64_t size;
	int status; /* enum trace_status; 0: still queued */
	slice log;
};
/* The row of a recipient that ends now; log is the message's timeline and then the recipient's. */
struct trace_row trace_row_of(const struct queue_msg *m, const struct queue_rcpt *r, int status,
	int64_t ended_at, struct arena *a);
/* A row with the same id and idx is replaced (a crash between the trace and the queue repeats it).
 */
int trace_add_tx(struct sql *db, const struct trace_row *r, struct err *e);
/* What became known of it after its end: appends to the timeline of the row (trace_append), so that it can be
 * said twice. ERR_NOTFOUND: it has not ended yet, or so long ago that its row has left. */
int trace_note_tx(struct sql *db, msg_id id, int32_t idx, slice more, struct err *e);

struct trace_filter {
	msg_id id;
	slice from, to, client, message_id,
		subject; /* '*' is a wildcard; a bare domain matches its addresses */
	int64_t since, until;
	int status; /* -1 all; 0 only what is queued, else enum trace_status */
};
/* Newest first, what is queued and what has ended together; a recipient that is in both (its end is
 * being written) is shown once, as ended. Reads in short pieces. queue may be NULL. ERR_LIMIT is
 * not an error here: stops after `most`. */
int trace_find(struct sql *trace, struct sql *queue, const struct trace_filter *f, uint64_t most,
	bool (*row)(void *arg, const struct trace_row *r), void *arg, struct err *e);
/* Deletes what ended before `wall`, at most `most` rows; returns how many. */
int64_t trace_expire_tx(struct sql *db, int64_t wall, uint64_t most, struct err *e);
