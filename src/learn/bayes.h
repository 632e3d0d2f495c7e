/*
 * bayes: how often each feature was seen in spam and in ham, and what that says about a message
 * (Robinson 2003: a token's probability with a prior; Fisher's method for all of them together).
 *
 * Only arithmetic: counts come from a table of the caller's (memory, the key-value store, a site's
 * and a user's together), which also says how many messages were learned.
 */
#pragma once
#include "learn/features.h"

struct learn_count {
	uint32_t spam, ham;
};

/* Where counts are. */
struct learn_counts {
	void *ctx;
	/* Fills ret[0..n) for the n hashes; what is unknown is 0, 0. */
	void (*look)(void *ctx, const uint64_t *hashes, size_t n, struct learn_count *ret);
	uint32_t spam, ham; /* messages learned */
};

struct learn_bayes_conf {
	unsigned groups; /* bits: which groups of features count */
	float strength; /* of the belief that a token says nothing */
	float least; /* distance from 1/2 below which a token is left out */
	unsigned most; /* tokens that are taken, the most telling first */
	unsigned messages; /* of each kind, below which nothing is said */
};
extern const struct learn_bayes_conf learn_bayes_default;

struct learn_bayes {
	bool known; /* enough was learned, and enough of this message's features */
	double p; /* 0 ham .. 1 spam */
	double margin; /* unbounded form of p, for fuse.h */
	unsigned used; /* tokens */
};
void learn_bayes_score(const struct learn_counts *c, const struct learn_features *f,
	const struct learn_bayes_conf *conf, struct learn_bayes *ret);

/* The probability that one token's counts stand for. */
double learn_bayes_token(
	const struct learn_counts *c, struct learn_count n, const struct learn_bayes_conf *conf);

/* Which features the counts are kept of: calls put(hash) for each. The store adds 1 to (or takes it
 * from) each of them and the number of messages. */
void learn_bayes_each(const struct learn_features *f, const struct learn_bayes_conf *conf,
	void (*put)(void *ctx, uint64_t hash), void *ctx);
