/*
 * quarantine_walk: going through the rows of the quarantine that a filter may mean, by the index that narrows most, piece by piece
 * (quarantine_walk.c). For quarantine_list.c.
 */
#pragma once
#include "store/quarantine_impl.h"

enum { QUARANTINE_PIECE = 500 };
enum quarantine_way { BY_ID, BY_ORIGIN, BY_RCPT, BY_SENDER, BY_TERM, BY_STATE, BY_LIKELY, BY_ALL };

struct quarantine_spot { /* of a row in the order of the walk */
	int64_t ppm; /* BY_LIKELY */
	msg_id id;
	int64_t idx;
};

struct quarantine_walk {
	struct sql *db;
	const struct quarantine_filter *f;
	enum quarantine_way way;
	struct quarantine_spot at; /* rows behind this one are still to come */
	int64_t key; /* id, origin, term or state */
	slice from, to; /* BY_RCPT, BY_SENDER: [from, to) */
	int64_t hour;
	msg_id oldest;
	bool ended;
	int piece; /* keys at a time */
	struct arena a;
	struct quarantine_row rows[QUARANTINE_PIECE];
	struct quarantine_spot spots[QUARANTINE_PIECE];
	size_t n;
};

/* Zeroed before. */
void quarantine_walk_start(
	struct quarantine_walk *w, struct sql *db, const struct quarantine_filter *f);
/* By which index; borrows from *a. */
int quarantine_walk_choose(struct quarantine_walk *w, struct arena *a, struct err *e);
/* The next piece; of it only what matches, but for signals: w->rows, in w->a. */
int quarantine_walk_fill(struct quarantine_walk *w, struct err *e);
/* What lies beside a row: signals and text. False in *ret: it does not match after all, or has left. */
int quarantine_walk_complete(
	struct quarantine_walk *w, struct quarantine_row *r, bool *ret, struct err *e);
