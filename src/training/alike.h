/*
 * alike: which letters are nearly the same, by their features alone: for counting how many people
 * say the same of one mailing whose copies differ by a name or a number.
 */
#pragma once
#include "learn/features.h"
#include "training/lesson.h"

/* The minima of TRAINING_KIN hash functions over the features of what a reader sees (pairs of
 * words: single ones are shared by all letters): two letters
 * share each with the probability of what they have in common (Broder 1997). False: it has too
 * little to be told apart; ret is random-like then, and like no other's. */
bool training_kin(const struct learn_features *f, const uint8_t digest[TRAINING_DIGEST],
	uint64_t ret[TRAINING_KIN]);
/* Of packed features. */
void training_digest(slice packed, uint8_t ret[TRAINING_DIGEST]);
