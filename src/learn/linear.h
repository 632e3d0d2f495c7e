/*
 * linear: logistic regression over hashed features, trained one message at a time (FTRL-proximal:
 * McMahan et al. 2013, "Ad Click Prediction: a View from the Trenches").
 *
 * Layers add up: the margin of the base model that is shipped, of the site's and of a user's. Each
 * layer learns only what those below it get wrong, because their margin is given as `offset`.
 *
 * margin = log(p / (1-p)) as this model alone sees it, uncalibrated; fuse.h makes a probability.
 */
#pragma once
#include "base/err.h"
#include "learn/features.h"

/* ---- what scores: one byte a weight ---- */

struct learn_weights {
	unsigned bits; /* 2^bits weights */
	float scale, bias;
	float gain[LEARN_GROUPS]; /* how loud each group is; 0: not used */
	int8_t *w;
};
void learn_weights_done(struct learn_weights *w);
static inline void auto_learn_weights(struct learn_weights *w)
{
	learn_weights_done(w);
}
double learn_weights_margin(const struct learn_weights *w, const struct learn_features *f);

/* How much each group contributes to the margin. */
void learn_weights_explain(const struct learn_weights *w, const struct learn_features *f,
	float ret_by_group[LEARN_GROUPS]);
/* The n features that move the margin most, strongest first; returns how many there are. */
struct learn_reason {
	size_t feature; /* index */
	float margin;
};
size_t learn_weights_reasons(const struct learn_weights *w, const struct learn_features *f,
	struct learn_reason *ret, size_t n);

enum { LEARN_BITS_MIN = 10, LEARN_BITS_MAX = 22, LEARN_GAIN_MAX = 100 };

/* ---- what learns: eight bytes a weight ---- */

struct learn_linear_conf {
	unsigned bits;
	float rate; /* how far one message moves a weight */
	float beta; /* the larger, the slower the first steps */
	float l1; /* what has less evidence stays zero */
	float l2;
	float gain[LEARN_GROUPS]; /* as in struct learn_weights */
};
/* Of a site's and a user's layer. */
extern const struct learn_linear_conf learn_linear_default;

struct learn_linear {
	struct learn_linear_conf conf;
	float *z, *n; /* 2^bits and one for the bias */
	uint64_t messages[2]; /* learned: ham, spam */
};
void learn_linear_init(struct learn_linear *l, const struct learn_linear_conf *conf);
void learn_linear_done(struct learn_linear *l);
static inline void auto_learn_linear(struct learn_linear *l)
{
	learn_linear_done(l);
}
double learn_linear_margin(const struct learn_linear *l, const struct learn_features *f);
/*
 * One step. weight: 1 for what a person said; less for what is only likely. offset: the margin of
 * the layers below. Returns the margin before the step: an honest guess, because the message was
 * not known yet (unless it is learned twice).
 */
double learn_linear_train(struct learn_linear *l, const struct learn_features *f, bool spam,
	double weight, double offset);
/* Weights for scoring. Those below `least` (of the largest) are dropped: 0 keeps what one byte can
 * tell. */
void learn_linear_weights(const struct learn_linear *l, float least, struct learn_weights *ret);
