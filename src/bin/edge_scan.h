/*
 * edge_scan: what is in a message, found out by a scan process and judged here:
 *
 *	body	the message is copied into memory that a scan process can see, as it streams by
 *	verdict	after verification and the door: a scan process examines it (scans.h); what needs
 *		lookups is added; signals and models together give a probability. What follows
 *		from it is decided elsewhere (edge_policy.h); what is learnt from it, here
 *
 *	edge_scan.c		the above in order
 *	edge_scan_look.c	what needs lookups: lists of bad links
 *	edge_scan_prints.c	what is remembered of mail like it
 *	edge_scan_tell.c	fields of the message, events of the trace
 *
 * Where a caller's rules turn `content` off nothing is examined.
 */
#pragma once
#include "bin/edge.h"
#include "bin/engines.h"
#include "bin/filter_conf.h"
#include "bin/scans.h"
#include "content/report.h"

struct dnsbls;

enum edge_scan_verdict { /* what was made of it: for the trace and for counting */
	EDGE_SCAN_ACCEPT,
	EDGE_SCAN_MARK,
	EDGE_SCAN_REJECT,
	EDGE_SCAN_HOLD,
	EDGE_SCAN_DEFER,
	EDGE_SCAN_MIXED, /* it differs by recipient */
	EDGE_SCAN_OTHER, /* junk folder, forwarded, discarded ... */
};

/* Of one session; made with the first message that is examined. */
struct edge_scan {
	const struct filter_conf *conf;
	struct arena mem; /* of the message */
	struct scan_letter letter;
	bool active, headless;
	/* From the verdict on. */
	struct content_context context;
	struct signals *signals; /* all of the message */
	struct content_report *report; /* NULL: not examined */
	struct json_t *json; /* what it borrows from */
	double probability;
	double alone; /* by the content and what all share: without what is known of caller,
			 sender and mail alike, without the recipient's own layer */
	bool spam; /* by the limits for marking and above, if they apply to it */
	slice summary; /* of all of it: codec/summary.h; empty: it goes to no mailbox here, or was not seen whole */
	slice why; /* it was not examined, or not whole and that does not do */
	bool unavailable; /* nobody had time to examine it */
	int64_t took;
	struct engines_answer engines; /* what virus engines said */
	slice layer; /* whose own layer judges along; empty: nobody's */
};

/* At the beginning of a message: forgets the one before. */
void edge_scan_begin(struct edge_session *s);
/* Fields that strangers may not write are added to h->left_out. */
void edge_scan_header(struct edge_session *s, struct smtpd_header *h, struct arena *a);
void edge_scan_body(struct edge_session *s, slice bytes);
void edge_scan_verdict(struct edge_session *s, const struct smtpd_verdict *v);
/* It was decided what happens to it. */
void edge_scan_decided(struct edge_session *s, enum edge_scan_verdict what, struct buf *log);
/* What was found, if it was looked for. */
const struct edge_scan *edge_scan_found(const struct edge_session *s);
/* All signals of the message at hand, or NULL. */
struct signals *edge_scan_signals(const struct edge_session *s);
/* Complaints about a refusal must reach us. */
bool edge_scan_only_complaints(const struct queue_msg *m);
/* What counts against its sender and mail like it: likely enough to be marked or refused, and its content
 * alone would have done. Else what is held against them would confirm itself. What policies of the
 * organisation make of a message says nothing about this. */
bool edge_scan_is_spam(const struct edge_scan *x);
/* The probability from which on the thresholds of [filter] do something about it. */
double edge_scan_spam_from(const struct edge_scan *x);
void edge_scan_cancel(struct edge_session *s); /* the message is not stored */
void edge_scan_end(struct edge_session *s); /* of the session */

/* ---- edge_scan_look.c: adds signals. In a coroutine. ---- */
void edge_scan_look_up(struct edge_session *s, struct edge_scan *x);
void edge_scan_prints_look(struct edge_session *s, struct edge_scan *x);
void edge_scan_prints_note(struct edge_session *s, struct edge_scan *x, const struct queue_msg *m);

/* ---- edge_engines.c: virus engines look at it; adds signals. In a coroutine. ---- */
void edge_engines_look(struct edge_session *s, struct edge_scan *x);
unsigned edge_engines_wishes(const struct edge_session *s, const struct edge_scan *x);
/* When it was examined: also at what they could not see by themselves. */
void edge_engines_look_inside(struct edge_session *s, struct edge_scan *x);
void edge_engines_tell(const struct edge_scan *x, struct buf *log);

/* ---- edge_scan_tell.c ---- */
/* Of recipients for whom it is marked, or not. */
void edge_scan_fields(const struct edge_session *s, bool marked, struct buf *top);
void edge_scan_tell(const struct edge_scan *x, enum edge_scan_verdict what, struct buf *log);
/* Names of X-Spam and X-Posthouse fields that are in the block, for h->left_out. */
void edge_scan_strip(struct smtpd_header *h, struct arena *a);
