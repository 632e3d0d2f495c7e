/*
 * versions: the versions of the site's layer: files DATA/learn/versions/NNNNNN.site (published.h),
 * beside each NNNNNN.twin, made in the same way but without the witnesses, by which versions are
 * compared; what is known of each in the table `version`; DATA/learn/current says which one is in
 * service and whether it stays so.
 *
 * Files appear whole under their name (written aside, synced, renamed), and only then `current`
 * changes, in the same way. Killed anywhere, the version in service is one that is whole.
 */
#pragma once
#include "base/arena.h"
#include "store/sql.h"
#include "training/published.h"

struct training_figures { /* on the witnesses */
	uint64_t spam, ham; /* how many */
	uint64_t caught, accused; /* of spam, of ham: held for spam */
	double log_loss;
};

struct training_version {
	uint64_t number;
	int64_t revision; /* of the journal that it was made from */
	int64_t made_at, used_at; /* used_at 0: never in service */
	uint64_t lessons[2];
	struct training_figures figures, before; /* this one's; those of the one in service then */
	uint64_t sampled, changed; /* recent letters; of these, judged otherwise than before */
	bool refused; /* worse than its predecessor: not put into service by itself */
	slice why; /* in words, when refused */
	uint64_t bytes;
};

/* 0: none. *ret_pinned: an administrator chose it, newer ones do not replace it. */
int versions_current(slice data, uint64_t *ret, bool *ret_pinned, struct err *e);
/* ERR_NOTFOUND: there is no such version, or it is damaged. */
int versions_use(slice data, uint64_t number, bool pinned, struct err *e);
/* No version: fresh as installed. */
int versions_use_none(slice data, bool pinned, struct err *e);
/* Stores one of its files durably; the twin goes first. */
int versions_put(slice data, uint64_t number, bool twin, slice bytes, struct err *e);
int versions_open(
	slice data, uint64_t number, bool twin, struct training_published *ret, struct err *e);
/* Removes what is neither among the newest `keep` nor in service, and left-overs of a crash. */
int versions_trim(slice data, int64_t keep, struct err *e);

int versions_add_tx(struct sql *db, const struct training_version *v, struct err *e);
/* Of those whose files are there: newest first. */
int versions_list(slice data, struct sql *db, struct arena *a, struct training_version **ret,
	size_t *ret_n, struct err *e);
/* The number after the highest there ever was. */
int versions_next(struct sql *db, slice data, uint64_t *ret, struct err *e);
/* The latest revision of the journal that a version was made from; 0: none was made. */
int versions_built(struct sql *db, int64_t *ret_revision, struct err *e);
