/*
 * Bayesian statistics of tokens. Called by the scanner with counts of the site and of the
 * recipient. Storing counts is not its business.
 */
#include "learn/bayes.h"

#include "base/mem.h"
#include <math.h>

enum { BATCH = 128, MARGIN_MAX = 30 };

const struct learn_bayes_conf learn_bayes_default = {
	.groups = 1u << LEARN_WORDS | 1u << LEARN_PAIRS | 1u << LEARN_SUBJECT | 1u << LEARN_CJK |
		  1u << LEARN_SENDER | 1u << LEARN_HEADER | 1u << LEARN_URL | 1u << LEARN_PARTS |
		  1u << LEARN_HTML | 1u << LEARN_SHAPE | 1u << LEARN_HIDDEN,
	.strength = 1.0f,
	.least = 0.1f,
	.most = 500,
	.messages = 20,
};

struct clue {
	float p, telling;
};

double learn_bayes_token(
	const struct learn_counts *c, struct learn_count n, const struct learn_bayes_conf *conf)
{
	double spam = (double)n.spam / (c->spam ? c->spam : 1);
	double ham = (double)n.ham / (c->ham ? c->ham : 1);
	double seen = (double)n.spam + n.ham;
	double p = seen > 0 ? spam / (spam + ham) : 0.5;
	return (conf->strength * 0.5 + seen * p) / (conf->strength + seen);
}

/* A heap of the most telling clues; the least telling of them on top. */
static void sift(struct clue *heap, size_t n, size_t at)
{
	for (;;) {
		size_t least = at, l = 2 * at + 1;
		for (size_t c = l; c < l + 2 && c < n; c++)
			if (heap[c].telling < heap[least].telling)
				least = c;
		if (least == at)
			return;
		struct clue swap = heap[at];
		heap[at] = heap[least];
		heap[least] = swap;
		at = least;
	}
}

static void keep(struct clue *heap, size_t *n, size_t most, struct clue c)
{
	if (*n == most) {
		if (c.telling <= heap[0].telling)
			return;
		heap[0] = c;
		sift(heap, *n, 0);
		return;
	}
	size_t at = (*n)++;
	for (; at && heap[(at - 1) / 2].telling > c.telling; at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = c;
}

/* log of the probability that chi-squared with 2n degrees of freedom is above 2x: log of
 * exp(-x) * sum of x^i/i!, i < n. */
static double log_above(double x, size_t n)
{
	double log_term = -x, sum = -x;
	for (size_t i = 1; i < n; i++) {
		log_term += log(x) - log((double)i);
		double hi = fmax(sum, log_term), lo = fmin(sum, log_term);
		sum = hi + log1p(exp(lo - hi));
	}
	return fmin(0, sum);
}

static void combine(const struct clue *v, size_t n, struct learn_bayes *ret)
{
	double for_spam = 0, for_ham = 0;
	for (size_t i = 0; i < n; i++) {
		for_ham -= log(v[i].p);
		for_spam -= log1p(-(double)v[i].p);
	}
	double ham = log_above(for_ham, n), spam = log_above(for_spam, n);
	ret->margin = fmax(-MARGIN_MAX, fmin(MARGIN_MAX, (ham - spam) / 8));
	ret->p = (1 + exp(ham) - exp(spam)) / 2;
	ret->used = (unsigned)n;
}

static void collect(const struct learn_counts *c, const uint64_t *hashes, size_t n,
	const struct learn_bayes_conf *conf, struct clue *heap, size_t *ret_n)
{
	struct learn_count counts[BATCH];
	c->look(c->ctx, hashes, n, counts);
	for (size_t i = 0; i < n; i++) {
		double p = learn_bayes_token(c, counts[i], conf);
		double telling = fabs(p - 0.5);
		if (telling >= conf->least)
			keep(heap, ret_n, conf->most, (struct clue){(float)p, (float)telling});
	}
}

void learn_bayes_score(const struct learn_counts *c, const struct learn_features *f,
	const struct learn_bayes_conf *conf, struct learn_bayes *ret)
{
	uint64_t hashes[BATCH];
	size_t n = 0, clues = 0;
	*ret = (struct learn_bayes){.p = 0.5};
	if (c->spam < conf->messages || c->ham < conf->messages)
		return;
	AUTO(free) struct clue *heap = mem_alloc(sizeof *heap * (conf->most + 1));
	for (size_t i = 0; i < f->n; i++) {
		if (conf->groups >> f->v[i].group & 1)
			hashes[n++] = f->v[i].hash;
		if (n == BATCH || i + 1 == f->n) {
			collect(c, hashes, n, conf, heap, &clues);
			n = 0;
		}
	}
	if (!clues)
		return;
	combine(heap, clues, ret);
	ret->known = true;
}

void learn_bayes_each(const struct learn_features *f, const struct learn_bayes_conf *conf,
	void (*put)(void *ctx, uint64_t hash), void *ctx)
{
	for (size_t i = 0; i < f->n; i++)
		if (conf->groups >> f->v[i].group & 1)
			put(ctx, f->v[i].hash);
}
