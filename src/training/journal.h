/*
 * journal: everything that was ever told to the site's own layers, in DATA/learn/db/learn.sqlite:
 * letters that wait to be read, lessons with their features, a sample of recent mail. All models
 * are made from it and can be made anew; nothing else has to be kept.
 *
 *	journal.c	the tables; what waits
 *	journal_lesson.c	lessons: adding, taking back, who agrees with whom
 *	journal_read.c	lists and numbers for people; what training reads
 *	journal_person.c	addresses of people that change
 *
 * Functions named *_tx run inside a transaction. Written by the learn process and the command line,
 * in turns.
 */
#pragma once
#include "base/arena.h"
#include "codec/fingerprint.h"
#include "store/sql.h"
#include "training/conf.h"
#include "training/lesson.h"

#define JOURNAL_DB "learn"

enum {
	JOURNAL_WAITING_MAX = 100000, /* letters that wait; more are refused */
	JOURNAL_TRAPPED_MAX = 2000, /* letters to honeypots are refused when so many wait */
	JOURNAL_TRAPPED_SHARE = 4, /* part of c->keep that they may be */
	JOURNAL_LIST_MAX = 100000,
};

/* Makes DATA/learn and the tables: for store preparation. */
int journal_prepare(slice data, struct err *e);
/* Where it lies: for sql_open. From *a. */
slice journal_dir(slice data, struct arena *a);

/* ---- what waits ---- */

/* ERR_LIMIT: too much waits. */
int journal_tell_tx(struct sql *db, const struct training_told *t, int64_t now, size_t max_size,
	int64_t *ret_id, struct err *e);
/* The oldest one; 0: nothing waits. Memory from *a. */
struct journal_waiting {
	int64_t id, told_at;
	struct training_told told;
	unsigned tries;
};
int journal_next(struct sql *db, int64_t after, struct arena *a, struct journal_waiting *ret,
	struct err *e); /* 1, 0, -1 */
int journal_tried_tx(struct sql *db, int64_t id, struct err *e);

/* ---- lessons ---- */

/* What was read in a letter. */
struct journal_read {
	float in[LEARN_INPUTS]; /* before it was learned */
	double probability; /* likewise */
	slice packed; /* features */
	uint8_t digest[TRAINING_DIGEST];
	uint64_t kin[TRAINING_KIN];
	slice subject, sender; /* shortened */
};
/* The waiting one becomes a lesson, in one transaction with its going. *ret_id: the lesson (also an
 * older one that it repeats; 0: none, enough letters to honeypots were learned today). */
int journal_learn_tx(struct sql *db, const struct journal_waiting *w, const struct journal_read *r,
	const struct learning_conf *c, int64_t now, int64_t *ret_id, struct err *e);
/* It cannot be read, or may not be learned: a lesson without features that says why. */
int journal_reject_tx(
	struct sql *db, const struct journal_waiting *w, slice reason, int64_t now, struct err *e);
/* ERR_NOTFOUND. */
int journal_forget_tx(
	struct sql *db, int64_t id, const struct learning_conf *c, int64_t now, struct err *e);
/* All of one user (who), or all lessons. Returns how many. */
int64_t journal_forget_all_tx(struct sql *db, slice who, bool everybody,
	const struct learning_conf *c, int64_t now, struct err *e);
/* Fingerprints (codec/fingerprint.h) of a lesson were noted elsewhere: kept, so that they can be taken
 * back when it is. */
int journal_noted_tx(struct sql *db, int64_t id, bool spam, const struct fingerprint *v, size_t n,
	struct err *e);
struct journal_noted {
	int64_t lesson;
	bool spam;
	struct fingerprint v[FINGERPRINTS_MAX];
	size_t n;
};
/* One whose lesson was taken back. 1, 0: there is none, -1. */
int journal_noted_next(struct sql *db, struct journal_noted *ret, struct err *e);
int journal_noted_done_tx(struct sql *db, int64_t id, struct err *e);
/* Drops the features of all but the newest c->keep lessons, and lessons that are long over. */
int journal_trim_tx(struct sql *db, const struct learning_conf *c, struct err *e);

/* Everybody who ever taught, or whose letters wait. */
int journal_people(struct sql *db, struct arena *a, slice **ret, size_t *ret_n, struct err *e);
/* Somebody's address changed: lessons and standing go with it; of what both were told the former lesson goes. */
int journal_rename_tx(struct sql *db, slice from, slice to, struct err *e);

/* ---- for training ---- */

struct journal_lesson {
	int64_t id, learned_at, told_at;
	enum training_source source;
	enum training_state state;
	slice who, reason, subject, sender;
	bool spam, vouched, site; /* site: it teaches the site's layer */
	float weight; /* in the site's layer */
	float in[LEARN_INPUTS];
	double probability;
	uint8_t digest[TRAINING_DIGEST];
	slice packed; /* empty: not kept any more, or not asked for */
};
/* Those that teach the site's layer, in an order that has nothing to do with time (by digest); of
 * equal letters one. False from `each` ends it. */
int journal_each_site(struct sql *db, bool (*each)(void *arg, const struct journal_lesson *l),
	void *arg, struct err *e);
/* Those of one user, oldest first. */
int journal_each_user(struct sql *db, slice who,
	bool (*each)(void *arg, const struct journal_lesson *l), void *arg, struct err *e);
/* Users whose lessons changed after revision `after`; a number to remember in *ret_revision. */
int journal_changed_users(struct sql *db, int64_t after, struct arena *a, slice **ret,
	size_t *ret_n, int64_t *ret_revision, struct err *e);
/* That revision, of which all users' layers are made: remembered. */
int journal_users_built(struct sql *db, int64_t *ret, struct err *e);
int journal_users_built_tx(struct sql *db, int64_t revision, struct err *e);
/* Changes with every change of what the site's layer is made from. */
int journal_revision(struct sql *db, int64_t *ret, struct err *e);

/* ---- a sample of recent mail ---- */

struct journal_sample {
	int64_t at;
	float in[LEARN_INPUTS];
	double rules; /* sum of scores */
	slice packed;
};
int journal_sample_tx(struct sql *db, const struct journal_sample *s, int64_t most, struct err *e);
int journal_each_sample(struct sql *db, bool (*each)(void *arg, const struct journal_sample *s),
	void *arg, struct err *e);

/* ---- for people ---- */

/* Newest first. who empty: all; state 0: all. Without features. */
int journal_list(struct sql *db, slice who, int state, uint64_t most,
	bool (*each)(void *arg, const struct journal_lesson *l), void *arg, struct err *e);
struct journal_totals {
	uint64_t waiting, learned[2], site[2], unlearned, rejected, users, samples;
	int64_t newest_at;
};
int journal_totals(struct sql *db, struct journal_totals *ret, struct err *e);
struct journal_user {
	slice who;
	uint64_t spam, ham, rejected;
	float trust;
	int64_t last_at;
};
int journal_users(struct sql *db, bool (*each)(void *arg, const struct journal_user *u), void *arg,
	struct err *e);
