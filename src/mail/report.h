/*
 * report: what is sent to other domains about their mail: DMARC aggregate reports (RFC 9990, RFC
 * 7489 section 7.2), TLS reports (RFC 8460) and DMARC failure reports (RFC 9991, RFC 6591). Built
 * here from what store/report.h counted; the queue process (bin/queue_reports.c) decides when, and
 * queues them.
 *
 *	report_mail.c	a message with one compressed file; the message as a row of the queue
 *	report_dmarc.c	aggregate reports: XML
 *	report_tls.c	TLS reports: JSON
 *	report_to.c	where they go
 *	report_failure.c one message that failed
 */
#pragma once
#include "mail/route.h"
#include "senderauth/dmarc.h"
#include "store/blob.h"
#include "store/queue.h"
#include "store/report.h"

enum {
	REPORT_MAIL_MAX = 10 * 1024 * 1024, /* a larger report is sent in parts */
	REPORT_TO_MAX = DMARC_URIS_MAX, /* addresses of one report */
	REPORT_XML_MAX = 64 * 1024 * 1024, /* all rows of a window */
	REPORT_PARTS_MAX = 100, /* of one window to one address */
	REPORT_LIFETIME_S = 2 * 86400, /* a report is tried to be delivered so long */
	REPORT_HEADERS_MAX = 32 * 1024, /* of a message that failed */
};

struct report_sender {
	slice hostname; /* the receiver, as reports call us */
	slice org_name;
	slice from; /* address: author and envelope sender */
	slice contact; /* e-mail address or URL for questions; may be empty */
	int64_t lifetime; /* usec it is tried */
};

struct reports_conf;
/* By the configuration; strings of `c` and hostname are borrowed. */
void report_sender_of(
	const struct reports_conf *c, slice hostname, struct arena *a, struct report_sender *ret);

/* ---- where to (report_to.c) ---- */

struct report_to {
	slice address;
	uint64_t size; /* largest message it takes; 0 any */
};
enum report_to_status {
	REPORT_TO_FOUND,
	REPORT_TO_NOBODY, /* *ret_why says why */
	REPORT_TO_LATER, /* the DNS does not answer now */
};
/* Of a DMARC record found at `domain`, rua (or ruf): mailto alone; addresses elsewhere only when
 * their domain agrees. Waits. */
enum report_to_status report_to_dmarc(const struct lookup *l, slice domain, slice record,
	bool failure, enum dmarc_method method, instant deadline, struct arena *a,
	struct report_to ret[REPORT_TO_MAX], unsigned *ret_n, slice *ret_why);
/* Of _smtp._tls (RFC 8460 section 3). */
enum report_to_status report_to_tls(const struct lookup *l, slice domain, instant deadline,
	struct arena *a, struct report_to ret[REPORT_TO_MAX], unsigned *ret_n, slice *ret_why);

/* ---- building ---- */

/* A report in parts, each a whole message that fits `to`. Rows are read when it is made. */
struct report_parts;
/* -1: ERR_TEMP (database), ERR_NOTFOUND (no rows), ERR_LIMIT (one row alone does not fit). Blocks.
 */
int report_parts_new(struct sql *db, const struct report_window *w, const struct report_sender *s,
	const struct report_to *to, struct report_parts **ret, struct err *e);
unsigned report_parts_count(const struct report_parts *p);
/* The i-th message, CRLF lines, and what stands in the queue about it. */
int report_parts_build(const struct report_parts *p, unsigned i, int64_t now, struct buf *out,
	struct arena *a, slice *ret_subject, slice *ret_message_id, struct err *e);
void report_parts_free(struct report_parts *p); /* NULL is fine */

/* For tests: the uncompressed file of part i. */
int report_parts_file(const struct report_parts *p, unsigned i, struct buf *out, struct err *e);

/* ---- one message that failed (report_failure.c) ---- */

struct report_failure {
	slice header; /* of the message, as received: a part of it is told */
	slice client_ip;
	slice sender; /* of the envelope; empty: null */
	slice id; /* ours, of the message: makes Message-ID and boundary */
	int64_t arrived_at;
	slice authserv_id; /* ours */
	struct dmarc_result *result;
	slice spf_domain;
	enum auth_result spf;
	const struct dmarc_dkim *dkim;
	size_t ndkim;
	bool refused;
};
/* Do the record's fo and ruf ask for one (RFC 9991, RFC 7489 section 7.3)? */
bool report_failure_wanted(const struct report_failure *f);
/* The message: ARF (RFC 5965) of an authentication failure (RFC 6591). */
int report_failure_build(const struct report_sender *s, const struct report_failure *f, slice to,
	int64_t now, struct buf *out, struct arena *a, slice *ret_subject, slice *ret_message_id,
	struct err *e);

/* ---- into the queue (report_mail.c) ---- */

/* Stores the text and fills a message of one recipient, to be added by queue_add_tx with
 * commit_run_blob; `prefix` (a signature) stands before it. In a coroutine. ERR_NOTFOUND: the
 * address leads nowhere. */
int report_queue(const struct report_sender *s, const struct route_lookup *l, struct blobs *blobs,
	slice to, slice text, slice prefix, slice subject, slice message_id, int64_t now,
	struct arena *a, struct queue_msg *ret, struct err *e);
