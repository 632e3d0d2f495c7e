/*
 * forward: what an account wants done with mail that comes to it, besides keeping it: passed on to other addresses,
 * answered while its owner is away (RFC 3834). Tables `forward` and `autoreply` of the directory's database, so that servers
 * read them from memory (directory_get_delivery); whom an answer was sent to is in the queue's database
 * (autoreply_sent), because it is written with the delivery.
 *
 * Nobody but the owner and administrators may change these; callers check that. Whoever passes mail on to outside is told
 * so by a letter: callers add the notice (mail/notice.h, NOTICE_FORWARD).
 *
 *	forward.c	both tables	forward_sent.c	whom was answered when
 */
#pragma once
#include "base/arena.h"
#include "store/sql.h"

enum {
	FORWARD_TARGETS_MAX = 10, /* of one account */
	AUTOREPLY_SUBJECT_MAX = 200, /* bytes */
	AUTOREPLY_TEXT_MAX = 8 * 1024,
	AUTOREPLY_DAYS_MAX = 90,
	AUTOREPLY_DAYS = 7, /* when it is not said: one sender is answered once in this time */
};

struct forwarding {
	int64_t account_id;
	bool enabled, keep; /* a copy stays in the mailbox */
	slice *targets; /* canonical */
	size_t ntargets;
	slice set_by; /* login of the owner, or "administrator NAME" */
	int64_t set_at; /* wall */
};
struct autoreply {
	int64_t account_id;
	bool enabled;
	slice subject; /* UTF-8, one line; empty: "Re: " and the letter's */
	slice text; /* UTF-8, LF lines */
	int64_t from_at, until_at; /* wall; 0: open */
	int64_t days; /* one sender is answered once in so many days */
	slice set_by;
	int64_t set_at;
};

extern const char forward_schema_up[], forward_schema_down[];

/* What is wrong with it: ERR_PROTO (no address, to itself, none), ERR_LIMIT (too many). *ret: with canonical targets. */
int forwarding_check(struct sql *db, const struct forwarding *f, struct arena *a,
	struct forwarding *ret, struct err *e);
/* Replaces; in a transaction of its own. */
int forwarding_set(struct sql *db, const struct forwarding *f, struct err *e);
int forwarding_get(struct sql *db, int64_t account_id, struct arena *a, struct forwarding *ret,
	struct err *e); /* ERR_NOTFOUND */
int forwarding_remove(struct sql *db, int64_t account_id, struct err *e); /* ERR_NOTFOUND */
struct forwarding_row {
	slice address; /* of the account */
	struct forwarding f;
	bool outside; /* a target is in no domain of ours */
};
/* By address; `domain` empty: of all. */
int forwarding_list(struct sql *db, slice domain, struct arena *a, struct forwarding_row **ret,
	size_t *ret_n, struct err *e);
/* Is this target in no domain of the directory? */
int forwarding_leaves(struct sql *db, slice target, bool *ret, struct err *e);

int autoreply_set(
	struct sql *db, const struct autoreply *r, struct err *e); /* ERR_PROTO, ERR_LIMIT */
int autoreply_get(
	struct sql *db, int64_t account_id, struct arena *a, struct autoreply *ret, struct err *e);
int autoreply_remove(struct sql *db, int64_t account_id, struct err *e);
bool autoreply_is_due(const struct autoreply *r, int64_t now);

/* What delivery asks for each letter; none of both: NULL. */
struct delivery_wishes {
	slice address, name; /* of the account */
	const struct forwarding *forwarding; /* enabled */
	const struct autoreply *autoreply; /* enabled */
	bool scripts; /* rules have a say: store/script.h */
};
int forward_wishes(struct sql *db, int64_t account_id, struct arena *a, struct delivery_wishes *ret,
	struct err *e);
struct delivery_wishes forward_copy_wishes(const struct delivery_wishes *from, struct arena *a);
/* The same from memory; in a coroutine (directory_cache.c). */
struct directory;
int directory_get_wishes(struct directory *d, int64_t account_id, struct arena *a,
	struct delivery_wishes *ret, struct err *e);

/* ---- the queue's database ---- */

extern const char autoreply_sent_up[], autoreply_sent_down[];
/* Is this sender to be answered now? 1: yes, and it is noted; 0: it was answered less than `quiet` usec ago; -1. */
int autoreply_note_tx(struct sql *db, int64_t account_id, slice sender, int64_t now, int64_t quiet,
	struct err *e);
