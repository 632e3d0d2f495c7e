/*
 * build: makes a version of the site's layer from the journal, judges it beside the one in service,
 * and publishes it unless it is worse. Blocks for seconds: in the pool, or on the command line.
 *
 * A version depends on the lessons in the journal alone, not on the order in which they came or on
 * versions before it: what was taken back has left no trace.
 */
#pragma once
#include "training/journal.h"
#include "training/versions.h"

enum {
	BUILD_BITS = 18, /* of the site's linear layer */
	BUILD_WITNESS = 5, /* every so manieth letter is a witness: the twin never learns it */
	BUILD_WITNESSES_MAX = 4000, /* that are looked at */
};

struct build_result {
	bool made, published;
	struct training_version version;
};
/* `threshold`: probability from which a letter counts as caught. *stop may become true meanwhile:
 * then ERR_CLOSED. Memory of ret->version.why from *a. */
int build_version(slice data, struct sql *db, const struct learning_conf *c, const bool *stop,
	struct arena *a, struct build_result *ret, struct err *e);
/* The layer of one user; removes it when he has taught nothing (any more). */
int build_user(slice data, struct sql *db, slice who, struct err *e);

/* How two versions (0: none) judge the witnesses and the sample. */
struct build_comparison {
	struct training_figures a, b;
	uint64_t sampled, changed, more_spam; /* changed: of the sample */
};
int build_compare(slice data, struct sql *db, uint64_t a, uint64_t b, struct build_comparison *ret,
	struct err *e);
