/*
 * fuse: what the models and the rules say about a message, made into one calibrated probability:
 * of the messages that get 0.9, nine of ten are spam.
 *
 * A logistic regression whose weights are never negative (more evidence for spam in any input never
 * makes a message less likely to be spam), and on top of it a monotone curve where enough messages
 * were judged to draw one.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

enum learn_input { /* each 0 when there is none */
	LEARN_BASE, /* margin of the shipped model */
	LEARN_SITE, /* what the site's own model adds */
	LEARN_USER, /* what the recipient's model adds */
	LEARN_BAYES_SITE, /* learn_bayes.margin */
	LEARN_BAYES_USER,
	LEARN_RULES, /* sum of the signals' scores */
	LEARN_BULK, /* below zero: openly bulk mail, -1 at the most; that is a kind, not a fault */
	LEARN_INPUTS
};
/* "shipped model", "rules" ... */
const char *learn_input_name(enum learn_input i, bool chinese);

enum {
	LEARN_KNOTS = 24,
	LEARN_FIT_MIN = 200, /* messages of each kind; fewer leave everything as it was */
	LEARN_INPUT_MAX = 40, /* larger values count as this */
};

struct learn_fuse {
	float bias, w[LEARN_INPUTS];
	unsigned knots; /* 0: the plain logistic curve */
	float at[LEARN_KNOTS], p[LEARN_KNOTS]; /* both rise */
};
/* Before anything was fitted: the shipped model and the rules count. */
extern const struct learn_fuse learn_fuse_default;

/* log odds before the curve; ret_parts (may be NULL): what each input contributes. */
double learn_fuse_margin(
	const struct learn_fuse *f, const float in[LEARN_INPUTS], float ret_parts[LEARN_INPUTS]);
double learn_fuse_probability(const struct learn_fuse *f, const float in[LEARN_INPUTS]);

struct learn_judged {
	float in[LEARN_INPUTS]; /* as they were before the message was learned */
	bool spam;
	float weight;
};
/* Fits to messages whose truth is known. Inputs that are 0 in all of them keep *start's weight.
 * False: too few of a kind; *ret is *start. */
bool learn_fuse_fit(const struct learn_judged *v, size_t n, const struct learn_fuse *start,
	struct learn_fuse *ret);

/* As bytes; the reader checks that curve and weights are what they must be. Inputs that were not
 * known when it was written weigh nothing. */
void learn_fuse_write(const struct learn_fuse *f, struct buf *out);
int learn_fuse_read(slice s, struct learn_fuse *ret, struct err *e);
