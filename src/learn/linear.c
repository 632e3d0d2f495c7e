/*
 * The linear model: scoring with weights of one byte, and learning. Every feature of a message
 * counts with gain/sqrt of how many its group has, so that a long text does not drown five facts
 * about its sender. Called by the scanner (scoring) and by whatever trains.
 */
#include "learn/linear.h"

#include "base/mem.h"
#include "base/must.h"
#include <math.h>

/* Gains: found by trying a few on several collections. Text of Chinese letters has few features
 * besides its characters; who writes says more at one site than it does anywhere else. */
const struct learn_linear_conf learn_linear_default = {.bits = 20,
	.rate = 0.5f,
	.beta = 0.05f,
	.l1 = 0.003f,
	.gain = {[LEARN_WORDS] = 0.7f,
		[LEARN_PAIRS] = 1,
		[LEARN_SUBJECT] = 1,
		[LEARN_CJK] = 2,
		[LEARN_GRAMS] = 0.75f,
		[LEARN_HIDDEN] = 1,
		[LEARN_SENDER] = 2,
		[LEARN_HEADER] = 1,
		[LEARN_URL] = 1,
		[LEARN_HTML] = 1,
		[LEARN_PARTS] = 1,
		[LEARN_SHAPE] = 1,
		[LEARN_SIGNALS] = 0.3f,
		[LEARN_LAYOUT] = 1}};

enum { MARGIN_MAX = 30 };

static size_t place(uint64_t hash, unsigned bits)
{
	return hash >> (64 - bits);
}

/* ---- scoring ---- */

void learn_weights_done(struct learn_weights *w)
{
	free(w->w);
	*w = (struct learn_weights){0};
}

void learn_weights_explain(
	const struct learn_weights *w, const struct learn_features *f, float ret[LEARN_GROUPS])
{
	float values[LEARN_GROUPS];
	int sums[LEARN_GROUPS] = {0};
	learn_group_values(f, w->gain, values);
	for (size_t i = 0; i < f->n; i++)
		sums[f->v[i].group] += w->w[place(f->v[i].hash, w->bits)];
	for (unsigned g = 0; g < LEARN_GROUPS; g++)
		ret[g] = (float)sums[g] * w->scale * values[g];
}

double learn_weights_margin(const struct learn_weights *w, const struct learn_features *f)
{
	float by_group[LEARN_GROUPS];
	double sum = w->bias;
	if (!w->w)
		return 0;
	learn_weights_explain(w, f, by_group);
	for (unsigned g = 0; g < LEARN_GROUPS; g++)
		sum += by_group[g];
	return fmax(-MARGIN_MAX, fmin(MARGIN_MAX, sum));
}

size_t learn_weights_reasons(const struct learn_weights *w, const struct learn_features *f,
	struct learn_reason *ret, size_t max)
{
	float values[LEARN_GROUPS];
	size_t n = 0;
	learn_group_values(f, w->gain, values);
	for (size_t i = 0; i < f->n && max; i++) {
		float m = (float)w->w[place(f->v[i].hash, w->bits)] * w->scale *
			  values[f->v[i].group];
		if (m == 0 || (n == max && fabsf(m) <= fabsf(ret[n - 1].margin)))
			continue;
		size_t at = n < max ? n++ : n - 1;
		for (; at > 0 && fabsf(ret[at - 1].margin) < fabsf(m); at--)
			ret[at] = ret[at - 1];
		ret[at] = (struct learn_reason){i, m};
	}
	return n;
}

/* ---- learning ---- */

static size_t size_of(const struct learn_linear *l)
{
	return ((size_t)1 << l->conf.bits) + 1;
}

void learn_linear_init(struct learn_linear *l, const struct learn_linear_conf *conf)
{
	must(conf->bits >= LEARN_BITS_MIN && conf->bits <= LEARN_BITS_MAX);
	*l = (struct learn_linear){.conf = *conf};
	l->z = mem_alloc(size_of(l) * sizeof *l->z);
	l->n = mem_alloc(size_of(l) * sizeof *l->n);
}

void learn_linear_done(struct learn_linear *l)
{
	free(l->z);
	free(l->n);
	*l = (struct learn_linear){0};
}

static float weight_at(const struct learn_linear *l, size_t i)
{
	float z = l->z[i];
	if (fabsf(z) <= l->conf.l1)
		return 0;
	return (copysignf(l->conf.l1, z) - z) /
	       ((l->conf.beta + sqrtf(l->n[i])) / l->conf.rate + l->conf.l2);
}

static size_t bias_of(const struct learn_linear *l)
{
	return (size_t)1 << l->conf.bits;
}

double learn_linear_margin(const struct learn_linear *l, const struct learn_features *f)
{
	float values[LEARN_GROUPS];
	double sum = weight_at(l, bias_of(l));
	learn_group_values(f, l->conf.gain, values);
	for (size_t i = 0; i < f->n; i++)
		sum += (double)values[f->v[i].group] *
		       weight_at(l, place(f->v[i].hash, l->conf.bits));
	return fmax(-MARGIN_MAX, fmin(MARGIN_MAX, sum));
}

static void move(struct learn_linear *l, size_t i, float gradient)
{
	float n = l->n[i] + gradient * gradient;
	float sigma = (sqrtf(n) - sqrtf(l->n[i])) / l->conf.rate;
	l->z[i] += gradient - sigma * weight_at(l, i);
	l->n[i] = n;
}

static void step(struct learn_linear *l, const struct learn_features *f, double gradient)
{
	float values[LEARN_GROUPS];
	learn_group_values(f, l->conf.gain, values);
	for (size_t i = 0; i < f->n; i++)
		move(l, place(f->v[i].hash, l->conf.bits), (float)gradient * values[f->v[i].group]);
	move(l, bias_of(l), (float)gradient * 0.1f);
}

double learn_linear_train(struct learn_linear *l, const struct learn_features *f, bool spam,
	double weight, double offset)
{
	double margin = learn_linear_margin(l, f);
	double p = 1 / (1 + exp(-(margin + offset)));
	step(l, f, weight * (p - (spam ? 1 : 0)));
	l->messages[spam]++;
	return margin;
}

void learn_linear_weights(const struct learn_linear *l, float least, struct learn_weights *ret)
{
	float top = 0;
	size_t n = (size_t)1 << l->conf.bits;
	*ret = (struct learn_weights){.bits = l->conf.bits, .bias = weight_at(l, n)};
	memcpy(ret->gain, l->conf.gain, sizeof ret->gain);
	ret->w = mem_alloc(n);
	for (size_t i = 0; i < n; i++)
		top = fmaxf(top, fabsf(weight_at(l, i)));
	ret->scale = top > 0 ? top / 127 : 1;
	for (size_t i = 0; i < n; i++) {
		float w = weight_at(l, i);
		if (fabsf(w) > least * top)
			ret->w[i] = (int8_t)lrintf(w / ret->scale);
	}
}
