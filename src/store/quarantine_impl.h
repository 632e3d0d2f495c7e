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
};
int quarantine_terms_enter(struct sql *db, const struct quarantine_terms *t, struct err *e);
int quarantine_terms_remove(struct sql *db, const struct quarantine_terms *t, struct err *e);
slice quarantine_term_class(enum quarantine_class c, char out[8]);
slice quarantine_term_kind(enum quarantine_kind k, char out[8]);

/* Counts by hour, kind and class: +1 or -1 message. */
int quarantine_count_one(struct sql *db, msg_id id, enum quarantine_kind kind,
	enum quarantine_class class, int sign, uint64_t size, struct err *e);

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
