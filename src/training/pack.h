/*
 * pack: the features of a message as few bytes: what the journal keeps of each lesson, so that it
 * can be learned again at any time, or never have been learned.
 *
 * Of a hash its first TRAINING_HASH_BITS bits are kept. Everything here (counts, linear layers)
 * uses no more of it, so that what is trained from packed features is exactly what fresh ones give.
 */
#pragma once
#include "base/buf.h"
#include "learn/features.h"

enum {
	TRAINING_HASH_BITS = 40,
	TRAINING_PACKED_MAX = 6 * LEARN_FEATURES_MAX + 64, /* bytes */
};

/* The hash as everything here sees it. */
static inline uint64_t training_hash(uint64_t hash)
{
	return hash >> (64 - TRAINING_HASH_BITS) << (64 - TRAINING_HASH_BITS);
}

/* The order of *v does not matter, and equal sets give equal bytes. */
void training_pack(const struct learn_feature *v, size_t n, struct buf *out);
/* Fills f anew (an object by learn_features_init, without texts). False: damaged, or made by
 * another version of the features; f is empty then. */
bool training_unpack(slice bytes, struct learn_features *f);
