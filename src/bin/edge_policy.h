/*
 * edge_policy: the verdict becomes what happens. Behind verification, door and examination:
 *
 *	edge_policy.c		each recipient's decision (policy/policy.h); recipients with the same one
 *				are a group; what all of them refuse is refused in the session
 *	edge_policy_facts.c	what is known of the message: struct policy_facts
 *	edge_policy_tell.c	what the timeline says about it
 *	edge_policy_rows.c	groups -> rows: queued messages, quarantined ones, notices; the commit
 *	edge_policy_hold.c	rows of the quarantine, and who is told about them
 *	edge_policy_copy.c	copies, supervision copies, forwards
 *	edge_policy_keep.c	facts of letters that came, for trying other policies on them
 *
 * The first group keeps the id that the sender is told, each other one gets its own; the timelines
 * name each other ("split"). Everything is in ONE transaction of the queue database: a process that
 * is killed leaves all of it or nothing.
 *
 * Refused by some of several recipients: there is one answer for all, so those are held, or, where
 * our own user sent it, bounced. To be tried later by one: by all.
 *
 * What is addressed to nobody's mailbox (traps, reports that we read) meets no policies. Mail that the
 * server makes itself never comes here.
 */
#pragma once
#include "bin/edge.h"
#include "policy/policy.h"
#include "store/notice.h"
#include "store/quarantine.h"
#include "store/trace.h"

enum {
	EDGE_GROUPS_MAX =
		100, /* different decisions for one message: then it has to come again with
				  fewer recipients */
	EDGE_POLICY_YIELD = 64, /* recipients decided on before others have their turn */
};

struct edge_scan;

struct edge_group {
	struct policy_decision d;
	enum policy_direction direction;
	uint32_t *at; /* recipients: positions in msg->rcpts */
	size_t n;
	bool taken_in; /* traps, reports: no policy was asked */
	bool turned; /* refused by these alone: held or bounced instead */
};

/* Of the message at hand. */
struct edge_plan {
	struct arena mem;
	slice header; /* as it came */
	size_t top; /* bytes of the fields above our Received: that tell what was verified */
	struct policy_facts facts;
	const struct policy_set *set; /* held */
	int64_t version; /* of the policies; 0: there are none */
	struct edge_group
		*groups; /* by the first of their recipients; empty: nothing was decided */
	size_t n, room;
	struct signals *signals; /* all of the message, maybe empty */
	struct map belonging; /* address -> slice *: what the directory says, when policies ask */
};

/* The header comes: begins a plan, forgets the one before. */
void edge_policy_header(struct edge_session *s, const struct smtpd_header *h);
/* Decides. -1: refused by all, or to be tried later. */
int edge_policy_verdict(struct edge_session *s, struct smtpd_verdict *v, struct smtpd_refusal *no);
/* The message, whole but for what accept() sets (its blob is there): everything that was decided becomes
 * durable, the queue process is told. -1: nothing of it is. */
int edge_policy_accept(struct edge_session *s, struct queue_msg *m, struct smtpd_refusal *no);
void edge_policy_end(struct edge_session *s); /* of the session */
/* Whether what was refused was refused for being unwanted mail (and not by a rule of the organisation that
 * has nothing to do with that). */
bool edge_policy_refused_bad(const struct edge_session *s);

/* ---- edge_policy_facts.c ---- */
/* What its people belong to, before anything is decided: the decision waits for nothing. */
int edge_policy_ask_directory(
	struct edge_session *s, struct edge_plan *p, const struct queue_msg *m, struct err *e);
void edge_policy_gather(struct edge_session *s, struct edge_plan *p, const struct smtpd_verdict *v);
enum policy_direction edge_policy_direction(
	const struct edge_session *s, const struct queue_msg *m, slice rcpt);

/* ---- edge_policy_tell.c ---- */
/* The event `policy` of a group. */
void edge_policy_event(const struct edge_plan *p, const struct edge_group *g,
	const struct queue_msg *m, struct buf *log);

/* ---- edge_policy_rows.c ---- */
struct edge_rows { /* of one commit; everything in *mem */
	struct arena *mem;
	struct queue_msg *queued;
	size_t nqueued, queued_cap;
	struct quarantine_msg *kept;
	size_t nkept, kept_cap;
	struct notice *notices;
	size_t nnotices, notices_cap;
	blob_id *fresh;
	size_t nfresh, fresh_cap;
	struct trace_row *ended; /* recipients that mail was forwarded from */
	size_t nended, ended_cap;
};
struct queue_msg *edge_rows_queue(struct edge_rows *r, const struct queue_msg *m);
struct quarantine_msg *edge_rows_keep(struct edge_rows *r);
void edge_rows_notice(struct edge_rows *r, const struct notice *n);
void edge_rows_ended(struct edge_rows *r, const struct trace_row *t);
void edge_rows_fresh(struct edge_rows *r, blob_id id);
int edge_rows_commit(struct edge_session *s, struct edge_rows *r, struct err *e);
/* It could not be made or stored: to be tried again later, whatever *e was. Returns -1. */
int edge_policy_put_off(struct err *e);

/* What of a message all rows of a group have in common. */
struct edge_part {
	struct edge_session *s;
	struct edge_plan *plan;
	struct edge_group *g;
	struct edge_rows *rows;
	const struct queue_msg *m; /* as it came */
	struct queue_msg own; /* of the group: its id, recipients, timeline; prefix with marks */
};
/* Group k: its id is that of *m for the first, else a new one. */
void edge_part_begin(struct edge_part *p, struct edge_session *s, struct edge_rows *rows,
	const struct queue_msg *m, size_t k);

/* ---- edge_policy_hold.c ---- */
void edge_policy_hold(struct edge_part *p, enum quarantine_kind kind, slice virus);
/* What goes to backends now is kept besides, for engines that may know more tomorrow, if that is wanted. */
void edge_policy_keep_recent(struct edge_part *p);
/* A copy that must not go out: held for whom it is. */
void edge_policy_hold_copy(
	struct edge_part *p, const struct queue_msg *c, enum quarantine_class class);
/* Before the refusal: the copy that policy wants of it. -1: it could not be kept. */
int edge_policy_keep_refused(struct edge_session *s, const struct smtpd_verdict *v, struct err *e);

/* ---- edge_policy_copy.c ---- */
/* -1: try again. In a coroutine. */
int edge_policy_copies(struct edge_part *p, struct err *e);
int edge_policy_forward(struct edge_part *p, struct err *e);
/* It has been forwarded from this recipient before. */
bool edge_policy_came_back(const struct edge_plan *p, slice rcpt);

/* ---- edge_policy_keep.c ---- */
void edge_policy_note(struct edge_session *s, const struct queue_msg *m);
