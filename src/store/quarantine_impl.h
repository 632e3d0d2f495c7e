/*
 * Inside the quarantine: quarantine.c (tables, adding), quarantine_load.c (one message),
 * quarantine_change.c (states), quarantine_release.c (to the queue and back), quarantine_list.c
 * (searching), quarantine_leave.c (expiry, space), quarantine_deed.c (numbered deeds).
 * Callers see quarantine.h.
 */
#pragma once
#include "store/quarantine.h"

/*
 * Terms: short names by which messages are found, newest first: "s:spf-fail" (a signal), "p:NAME" (the
 * policy that decided), "v" (engines found something), "c4" (class), "k1" (kind). Each has a number.
 */
enum { QUARANTINE_TERM_MAX = 200 };
/* -1: nothing has it, *e untouched when so (*ret 0). */
int quarantine_term_find(struct sql *db, slice name, int64_t *ret, struct err *e);
/* Enters or removes all terms of a message, from what its row says. */
struct quarantine_terms {
	msg_id id;
	enum quarantine_kind kind;
	enum quarantine_class class;
	slice policy, virus, signals;
	size_t rcpts; /* how many it has: counts need not look at each */
};
int quarantine_terms_enter(struct sql *db, const struct quarantine_terms *t, struct err *e);
int quarantine_terms_remove(struct sql *db, const struct quarantine_terms *t, struct err *e);
slice quarantine_term_class(enum quarantine_class c, char out[8]);
slice quarantine_term_kind(enum quarantine_kind k, char out[8]);

/* Counts by hour, kind and class: +1 or -1 message of this size. */
int quarantine_count_one(
	struct sql *db, const struct quarantine_terms *t, int sign, uint64_t size, struct err *e);

/* Addresses are found by the part of a day that their message's id is of; its first hour since 1970. */
enum { QUARANTINE_PART = 6 };
int64_t quarantine_part(msg_id id);

/*
 * Counting without looking at rows (quarantine_count.c). 1: *ret is the number; 0: rows must be looked
 * at, but for those whose ids are in [*ret_from, *ret_to), of which *ret have been counted.
 */
int quarantine_count_quick(struct sql *db, const struct quarantine_filter *f, uint64_t *ret,
	msg_id *ret_from, msg_id *ret_to, struct err *e);
/* Recipients of all messages that have the term. */
int quarantine_count_term(struct sql *db, int64_t term, uint64_t *ret, struct err *e);
#define QUARANTINE_SLACK HOUR /* between making an id and holding */

/* Millionths and thousandths: the database has no fractions. */
int64_t quarantine_ppm(double probability);

/* A recipient's new state with its line in the timeline; key value pairs as trace_event, at most two. */
struct quarantine_step {
	msg_id id;
	int32_t idx;
	enum quarantine_state to;
	msg_id released_as;
	slice by;
	int64_t now;
	const char *event, *key;
	slice value;
	bool same_state; /* only the timeline grows */
};
int quarantine_step_tx(struct sql *db, const struct quarantine_step *s, struct err *e);

/* Makes terms and counts anew from the messages: for repair. */
int quarantine_rebuild_tx(struct sql *db, struct err *e);
/* Everything of it goes, with or without its main row. */
int quarantine_drop_tx(struct sql *db, msg_id id, struct err *e);
