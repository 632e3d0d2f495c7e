/*
 * report: what is told to other domains about their mail (DMARC aggregate reports, TLS reports) and
 * what others told us. Database DIR/db/report.sqlite.
 *
 *	report_count.c	counting in memory, flushed every REPORT_FLUSH_S: called by edges and queue
 *	report_row.c	rows as bytes
 *	report.c	tables; counted rows into the database
 *	report_read.c	reading windows and rows
 *	report_due.c	closing, what is due, marking it sent, removing old ones
 *	report_received.h	received reports
 *
 * A window is what is reported at once: one UTC day (or a part of it, when somebody closes it
 * early) of one policy domain with one published record. While it is open counts are added; the
 * queue process closes it, builds the report and marks it.
 */
#pragma once
#include "base/buf.h"
#include "codec/authres.h"
#include "codec/dmarc_record.h"
#include "store/sql.h"

#define REPORT_DB "report"

enum {
	REPORT_FLUSH_S = 15,
	REPORT_GRACE_MIN = 10, /* counts of a day may come so late */
	REPORT_PENDING_MAX = 20000, /* distinct rows in memory; beyond that counts are dropped */
	REPORT_ROWS_MAX =
		20000, /* distinct rows of one window; the others are counted in `dropped` */
	REPORT_WINDOWS_MAX = 100000, /* of one kind a day */
	REPORT_POLICIES_MAX = 4, /* records of one domain a day that get a window of their own */
	REPORT_DKIM_MAX = 10, /* signatures kept of one message */
	REPORT_REASONS_MAX = 4,
	REPORT_TEXT_MAX = 255, /* domains, selectors, comments: longer ones are cut */
	REPORT_STRINGS_MAX = 20, /* policy strings and MX hosts of a TLS policy */
};

extern const struct sql_migration report_migrations[];
extern const size_t report_migrations_n;

/* ---- counting ---- */

enum report_override { /* why the owner's policy was not applied (RFC 9990) */
	REPORT_TRUSTED_FORWARDER,
	REPORT_MAILING_LIST,
	REPORT_LOCAL_POLICY,
	REPORT_POLICY_TEST_MODE,
	REPORT_SAMPLED_OUT,
	REPORT_OTHER,
};
const char *report_override_name(enum report_override o);

struct report_reason {
	enum report_override type;
	slice comment;
};
struct report_dkim {
	slice domain, selector;
	enum auth_result result;
};
/* One message whose From domain has a DMARC record. Domains are lower-case A-labels. */
struct dmarc_stat {
	int64_t at; /* wall */
	slice policy_domain; /* where the record stands; empty: there is none, nothing is counted */
	slice record; /* its text */
	bool by_suffix; /* found by the list of public suffixes, not by walking */
	slice client_ip; /* text */
	slice header_from, envelope_from, envelope_to; /* domains; envelope_from empty: null sender;
							   envelope_to of the first recipient */
	slice spf_domain;
	bool spf_helo; /* the identity was HELO */
	enum auth_result spf;
	struct report_dkim dkim[REPORT_DKIM_MAX];
	unsigned ndkim;
	bool spf_aligned, dkim_aligned;
	enum dmarc_policy disposition; /* what we did */
	struct report_reason reasons[REPORT_REASONS_MAX];
	unsigned nreasons;
};

/* One attempt to have a TLS session with a destination (RFC 8460 section 4.3). */
struct tls_stat {
	int64_t at;
	slice policy_domain; /* the recipient's domain */
	slice policy_type; /* "tlsa", "sts", "no-policy-found" */
	slice strings[REPORT_STRINGS_MAX]; /* the policy as published: lines of mta-sts.txt, TLSA
					      records */
	unsigned nstrings;
	slice mx[REPORT_STRINGS_MAX]; /* mx patterns of an sts policy */
	unsigned nmx;
	bool ok;
	/* Of a failure: */
	slice result_type; /* "starttls-not-supported", "certificate-expired" ... */
	slice sending_ip, receiving_mx, receiving_helo, receiving_ip;
	slice reason_code; /* free, short; may be empty */
};

struct report_counter;
/* In a process with a loop; starts its own coroutine. `dir` is the store. Opens the database when
 * there is something to write; a database that fails delays counting and never mail. */
struct report_counter *report_counter_new(slice dir);
/* Return at once; everything is copied. */
void report_count_dmarc(struct report_counter *c, const struct dmarc_stat *s);
void report_count_tls(struct report_counter *c, const struct tls_stat *s);
/* Writes what was counted. In a coroutine. 0, or -1 when it could not (it is kept for later). */
int report_counter_flush(struct report_counter *c, struct err *e);
/* Ends the coroutine and flushes: in a coroutine, while the process stops. NULL is fine. */
void report_counter_stop(struct report_counter *c);
void report_counter_free(struct report_counter *c); /* NULL is fine */

/* ---- windows ---- */

enum report_kind { REPORT_DMARC, REPORT_TLS };

struct report_window {
	int64_t id;
	enum report_kind kind;
	slice domain;
	slice policy; /* DMARC: the record; TLS: empty */
	bool by_suffix;
	int64_t day; /* days since 1970, UTC */
	int64_t begin_at, end_at; /* wall; end_at 0: still open */
	int64_t messages; /* counted: DMARC messages, TLS sessions */
	int64_t failed; /* of these */
	int64_t rows, dropped; /* distinct; counts that found no room */
	int64_t sent_at; /* 0: not yet */
	int64_t sent; /* reports queued so far */
	int64_t claim; /* id of the message that carries the next one, if it was made; 0 */
	slice outcome; /* of the last try, in words; may be empty */
};

/* The same as counting one (or several alike), at once: for tests and tools. */
int report_add_dmarc_tx(struct sql *db, const struct dmarc_stat *s, int64_t count, struct err *e);
int report_add_tls_tx(struct sql *db, const struct tls_stat *s, int64_t count, struct err *e);

struct report_filter {
	int kind; /* -1 all, else enum report_kind */
	slice domain; /* empty all; '*' is a wildcard */
	int64_t since, until; /* wall; 0 none */
	int sent; /* -1 all, 0 not yet, 1 sent */
	int64_t id; /* 0 all */
};
/* Newest first, at most `most`, until row says false. */
int report_windows(struct sql *db, const struct report_filter *f, uint64_t most,
	bool (*row)(void *arg, const struct report_window *w), void *arg, struct err *e);

/* The rows of a window as they were counted, in an order that never changes. */
struct dmarc_row {
	struct dmarc_stat stat; /* without policy_domain and record */
	int64_t count;
};
int report_dmarc_rows(struct sql *db, int64_t window,
	bool (*row)(void *arg, const struct dmarc_row *r), void *arg, struct err *e);
/* Each policy of a TLS window with its sums, followed by its failures. */
struct tls_row {
	struct tls_stat stat; /* of a policy's first row: ok, and no failure */
	bool policy; /* the head of a policy: the two sums are filled in */
	int64_t ok, failed;
	int64_t count; /* of a failure */
};
int report_tls_rows(struct sql *db, int64_t window, bool (*row)(void *arg, const struct tls_row *r),
	void *arg, struct err *e);

/* ---- sending, by the queue process ---- */

/* Windows of days that ended REPORT_GRACE_MIN before `wall` are closed; at most `most`. They become
 * due within `spread` (usec) after the end of their day, each domain at a time of its own. Returns
 * how many, -1. */
int64_t report_close_tx(struct sql *db, int64_t wall, int64_t spread, int64_t most, struct err *e);
/* Asked for on the command line: closes what the filter names (kind, domain, id) and is not sent,
 * and makes it due now. Returns how many. */
int64_t report_hurry_tx(struct sql *db, const struct report_filter *f, int64_t wall, struct err *e);
/* The next closed window that is due at `wall` and not sent; behind *cursor (an id, 0 at first).
 * ERR_NOTFOUND: none. Strings in *a. */
int report_due(struct sql *db, int64_t wall, int64_t cursor, struct arena *a,
	struct report_window *ret, struct err *e);
/* The next report of it will be this message: written before it is queued, so that after a crash
 * the queue and the trace can be asked whether it was. */
int report_claim_tx(struct sql *db, int64_t window, int64_t id, struct err *e);
/* `sent` reports of it are queued so far; done: nothing is left to do for it. */
int report_progress_tx(struct sql *db, int64_t window, int64_t sent, bool done, slice outcome,
	int64_t wall, struct err *e);
/* Not now: again at `wall`. */
int report_postpone_tx(struct sql *db, int64_t window, int64_t wall, slice outcome, struct err *e);

/* Windows that ended before `wall` and received reports that came before it; returns how many. */
int64_t report_expire_tx(struct sql *db, int64_t wall, int64_t most, struct err *e);
