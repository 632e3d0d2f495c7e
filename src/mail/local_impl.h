/*
 * Inside local delivery (local.h): what the files share.
 *
 *	local.c		a group's recipients, one after another; what an account wants
 *	local_drop.c	into mailboxes
 *	local_expand.c	aliases and what accounts have passed on: new messages of the same blob
 *	local_scripts.c	what people's scripts want
 */
#pragma once
#include "base/map.h"
#include "mail/local.h"
#include "run/co.h"
#include "store/forward.h"

enum {
	LOCAL_HEADER_READ = 64 * 1024,
	LOCAL_PREFIX_MAX = 128 * 1024 + FORWARD_SEAL_MAX,
};

struct local {
	struct local_config c;
	unsigned posted; /* rows handed to the shards' committers, not yet answered */
	struct cond room;
};

/* Where targets of aliases are: in our own systems, or elsewhere. */
enum { HERE, AWAY };

/* A message made of the targets. */
struct expanding {
	const struct queue_msg *of; /* what is passed on */
	struct queue_msg m; /* id 0: none yet */
	size_t capacity; /* of m.rcpts */
	struct map targets; /* addresses that are in it */
	struct buf top; /* Delivered-To: of each recipient that it was made of */
	struct buf prefix; /* what stands below */
};

struct held {
	struct held *next;
	blob_id blob;
};

/* One group under way. */
struct job {
	struct local *l;
	struct letter *letter;
	const struct local_rules *rules; /* valid while recipients are being started */
	bool has_header;
	struct buf header; /* of the message, once somebody wanted to see it */
	void *token;
	struct arena mem;
	struct settle_rcpt *v;
	size_t n;
	unsigned pending; /* commits, and one while recipients are still being started */
	bool held; /* gc keeps away from the blob */
	struct expanding expanding[SETTLE_EXPANSIONS_MAX]; /* HERE, AWAY */
	struct held *helds; /* versions of the letter */
};

/* A blob that is held is settled when the job ends. */
void local_settle_at_end(struct job *j, blob_id id);
void local_finish(struct job *j); /* nothing is pending */
static inline void local_result(
	struct result *r, enum result_kind kind, struct status_code status, slice text)
{
	*r = (struct result){.kind = kind, .status = status, .text = text};
}
/* The header as it would be delivered, in j->header; read once for all recipients. */
int local_have_header(struct job *j, struct err *e);
/* Did this message pass this address before? 1, 0, -1. */
int local_came_back(struct job *j, slice address, struct err *e);
bool local_header_has(slice header, slice address);

/* ---- local_drop.c ---- */

enum { LOCAL_PLACES_MAX = 64 };

/* The letter with another header, or as rules have rewritten it. */
struct local_version {
	blob_id blob;
	uint64_t size;
	slice prefix, summary;
};
struct local_place {
	const struct local_version *version; /* NULL: as it came */
	bool home; /* where mail goes without rules */
	slice folder;
	int64_t folder_id; /* first of all by this; 0: no */
	enum mailbox_use use; /* then by this */
	bool create, others; /* others: the name is in another account */
	unsigned flags;
	slice keywords;
	struct settle_fault
		*fault; /* whose it is when the folder is not to be had; NULL: nobody's */
};
/* What people's rules want of the mailbox. */
struct local_places {
	struct local_place *v;
	size_t n; /* 0: nothing is kept */
	struct mailbox_seen *seen; /* to remember */
	int64_t *since; /* noted later than that by somebody else: the rules are to run again */
	size_t nseen;
	struct result then; /* when all of it is done */
	struct settle_extra *extra; /* faults are added to it; room for one more of each */
	/* Queued instead when the mailbox is full, so that what is sent does not wait for room; NULL: nothing is sent. */
	const struct queue_msg *waiting;
};
slice local_mailbox_prefix(struct job *j, const struct queue_rcpt *r, slice rest);
/* places NULL: one, home. Result later. */
void local_into_mailbox(struct job *j, const struct queue_rcpt *r, const struct rcpt_answer *answer,
	const struct delivery_wishes *w, const struct local_places *places,
	struct settle_rcpt *ret);
void local_into_sent(struct job *j, const struct queue_rcpt *r, const struct rcpt_answer *answer,
	struct settle_rcpt *ret);

/* ---- local_scripts.c ---- */

/* False: no script has a say; else the result is there, or comes later. */
bool local_by_scripts(struct job *j, const struct queue_rcpt *r, const struct rcpt_answer *answer,
	const struct delivery_wishes *w, struct settle_rcpt *v);

/* ---- local_expand.c ---- */

void local_expanding_done(struct expanding *x);
/* Targets that may be. None: n is 0. */
int local_redirect_targets(
	struct job *j, const slice *targets, size_t n, struct rcpt_answer *ret, struct err *e);
/* New messages for these targets of the letter, or (not NULL) of another version of it: at most two. -1: try again, nothing is made. */
int local_redirect(struct job *j, const struct queue_rcpt *r, const struct local_version *version,
	const struct rcpt_answer *to, struct queue_msg ret[SETTLE_EXPANSIONS_MAX], size_t *ret_n,
	struct err *e);
void local_through_alias(struct job *j, const struct queue_rcpt *r,
	const struct rcpt_answer *answer, struct result *ret);
/* 1: it was passed on, 0: it stays; -1. Junk is not spread, and what came back stays: so nothing can go round. */
int local_pass_on(struct job *j, const struct queue_rcpt *r, const struct delivery_wishes *w,
	struct result *ret, struct err *e);
