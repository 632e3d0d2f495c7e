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
	BUILD_BUCKET_BITS = 17, /* of its counts: a million features, 8 MiB */
	BUILD_WITNESS = 5, /* every so manieth letter is a witness: the twin never learns it */
	BUILD_WITNESSES_MAX = 8000, /* that are looked at */
	BUILD_SAMPLE_LEAST = 100, /* recent letters, fewer prove nothing */
	BUILD_WORSE_LEAST = 3, /* letters: what chance can do */
};

struct build {
	slice data;
	struct sql *db; /* of the journal: this one's alone */
	const struct learning_conf *conf;
	const struct learn_fuse *fuse; /* of the shipped model: until the site has its own */
	const bool *stop; /* may become true meanwhile; NULL: never */
};

struct build_result {
	bool published;
	struct training_version version;
};
/* ERR_CLOSED: stopped. The text of ret->version.why is from *a. */
int build_version(const struct build *b, struct arena *a, struct build_result *ret, struct err *e);

/* The layer of one user; removes it when he has taught nothing (any more). */
int build_user(slice data, struct sql *db, slice who, struct err *e);

/* How two versions (0: none) judge the witnesses and the sample. */
struct build_comparison {
	struct training_figures a, b;
	uint64_t sampled, changed, more_spam; /* changed: of the sample; to spam */
};
int build_compare(const struct build *b, uint64_t one, uint64_t other, struct build_comparison *ret,
	struct err *e);
