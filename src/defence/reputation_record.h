/*
 * The record of one subject, as it lies in the key-value store: counters that fade with a
 * half-life, two windows for words, two rates. Pure: time is given.
 */
#pragma once
#include "base/buf.h"
#include "defence/reputation.h"

enum {
	REP_WINDOW_DAYS = 30, /* for words: two halves, the older one fades out */
	REP_WEIGHT_MAX = 100, /* of one note */
};

struct rep_record {
	int64_t first, last; /* seconds since 1970 */
	double good, bad;
	double events[REP_EVENTS];
	int64_t window; /* when the younger half began */
	double n[2], nbad[2]; /* younger and older half */
	double fast, slow; /* messages, fading within an hour, a week */
};
/* False: not a record (or of another version); *ret is an empty one. */
bool rep_record_read(slice value, struct rep_record *ret);
void rep_record_write(struct buf *out, const struct rep_record *r);
/* Fades to `now`; a clock that went back changes nothing. */
void rep_record_fade(struct rep_record *r, int64_t now, double half_life);
void rep_record_note(
	struct rep_record *r, int64_t now, double half_life, enum rep_event event, double weight);
/* prior: what is believed before anything is known, -1 .. 1, as much as `doubt` observations. */
void rep_record_answer(const struct rep_record *r, int64_t now, double half_life, double doubt,
	double prior, struct rep_answer *ret);
