/*
 * counts: how many letters of each kind had a feature, for learn/bayes.h: a table of fixed size
 * that is written once and then read by all processes from one mapped file.
 *
 * 2^bits buckets of one cache line, eight slots each: four bytes of the hash and two counts of two
 * bytes. Bucket and slot together tell TRAINING_HASH_BITS bits of the hash: of a million features a
 * pair or so shares a slot. In a full bucket a new feature takes the place of the one that was seen
 * least. Counts end at 65535.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "learn/bayes.h"

enum {
	TRAINING_BUCKET_SLOTS = 8,
	TRAINING_BUCKET = 64, /* bytes */
	TRAINING_BUCKETS_MIN_BITS = 8, /* fewer would not tell all bits of the hash */
	TRAINING_BUCKETS_MAX_BITS = 18, /* 16 MiB */
};

struct training_bucket { /* in the order of the machine, as in the file: see published.h */
	uint32_t check[TRAINING_BUCKET_SLOTS];
	uint16_t seen[TRAINING_BUCKET_SLOTS][2]; /* ham, spam; 0, 0: a free slot */
};

/* One that is being made. */
struct training_counts {
	unsigned bits, max_bits;
	struct training_bucket *v;
	size_t used; /* slots */
	uint64_t crowded; /* features that pushed out another */
	uint32_t messages[2]; /* ham, spam */
};
/* Grows by itself up to 2^max_bits buckets. */
void training_counts_init(struct training_counts *c, unsigned max_bits);
void training_counts_done(struct training_counts *c);
static inline void auto_training_counts(struct training_counts *c)
{
	training_counts_done(c);
}
void training_counts_add(struct training_counts *c, uint64_t hash, bool spam);

/* For scoring; borrows the buckets (64-byte aligned is faster). */
struct training_look {
	const struct training_bucket *v;
	unsigned bits;
};
struct learn_count training_look_one(const struct training_look *l, uint64_t hash);
/* *l outlives *ret. */
void training_look_counts(
	const struct training_look *l, const uint32_t messages[2], struct learn_counts *ret);
