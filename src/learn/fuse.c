/*
 * Several opinions, one probability. Called by the scanner (margin, probability) and by whatever
 * trains (fit). The curve is isotonic regression (pool adjacent violators: Ayer et al. 1955) over
 * the margin, thinned to a few knots and joined by lines.
 */
#include "learn/fuse.h"

#include "base/cur.h"
#include "base/mem.h"
#include <math.h>

enum { ROUNDS = 300, WRITTEN_VERSION = 1, KNOT_WEIGHT = 30 };

const struct learn_fuse learn_fuse_default = {
	.bias = 0,
	.w = {[LEARN_BASE] = 1,
		[LEARN_SITE] = 1,
		[LEARN_USER] = 1,
		[LEARN_BAYES_SITE] = 0.2f,
		[LEARN_BAYES_USER] = 0.2f,
		[LEARN_RULES] = 0.5f,
		[LEARN_BULK] = 2},
};

static const char *const names[LEARN_INPUTS][2] = {
	[LEARN_BASE] = {"shipped model", "出厂模型"},
	[LEARN_SITE] = {"this site's model", "本站模型"},
	[LEARN_USER] = {"the recipient's model", "收件人模型"},
	[LEARN_BAYES_SITE] = {"this site's word statistics", "本站词频统计"},
	[LEARN_BAYES_USER] = {"the recipient's word statistics", "收件人词频统计"},
	[LEARN_RULES] = {"rules", "规则"},
	[LEARN_BULK] = {"bulk mail", "批量邮件"},
};

const char *learn_input_name(enum learn_input i, bool chinese)
{
	return i < LEARN_INPUTS ? names[i][chinese] : "";
}

static double bounded(double x)
{
	return isfinite(x) ? fmax(-LEARN_INPUT_MAX, fmin(LEARN_INPUT_MAX, x)) : 0;
}

static double logistic(double x)
{
	return 1 / (1 + exp(-x));
}

double learn_fuse_margin(
	const struct learn_fuse *f, const float in[LEARN_INPUTS], float ret_parts[LEARN_INPUTS])
{
	double sum = f->bias;
	for (unsigned i = 0; i < LEARN_INPUTS; i++) {
		double part = f->w[i] * bounded(in[i]);
		sum += part;
		if (ret_parts)
			ret_parts[i] = (float)part;
	}
	return sum;
}

/* Outside the knots the curve goes on as the plain one, shifted to where the last knot stands. */
static double on_curve(const struct learn_fuse *f, double margin)
{
	unsigned hi = 0, last = f->knots - 1;
	while (hi < f->knots && f->at[hi] < margin)
		hi++;
	if (hi == 0 || hi == f->knots) {
		unsigned end = hi ? last : 0;
		double odds = log(f->p[end] / (1 - (double)f->p[end]));
		return logistic(odds + margin - f->at[end]);
	}
	double width = f->at[hi] - f->at[hi - 1];
	double share = width > 0 ? (margin - f->at[hi - 1]) / width : 1;
	return f->p[hi - 1] + share * (f->p[hi] - f->p[hi - 1]);
}

double learn_fuse_probability(const struct learn_fuse *f, const float in[LEARN_INPUTS])
{
	double margin = learn_fuse_margin(f, in, NULL);
	return f->knots ? on_curve(f, margin) : logistic(margin);
}

/* ---- fitting: weights ---- */

struct slope {
	double first[LEARN_INPUTS + 1], second[LEARN_INPUTS + 1]; /* the bias comes last */
};

static void add_slope(struct slope *s, const struct learn_fuse *f, const struct learn_judged *j)
{
	double p = logistic(learn_fuse_margin(f, j->in, NULL));
	double g = j->weight * (p - j->spam), h = j->weight * p * (1 - p);
	for (unsigned i = 0; i < LEARN_INPUTS; i++) {
		double x = bounded(j->in[i]);
		s->first[i] += g * x;
		s->second[i] += h * x * x;
	}
	s->first[LEARN_INPUTS] += g;
	s->second[LEARN_INPUTS] += h;
}

/* A damped Newton step along each axis; weights stay at zero or above. */
static void round_of_fitting(struct learn_fuse *f, const struct learn_judged *v, size_t n,
	const struct learn_fuse *start, double damping)
{
	struct slope s = {0};
	const double ridge = 1;
	for (size_t i = 0; i < n; i++)
		add_slope(&s, f, &v[i]);
	for (unsigned i = 0; i < LEARN_INPUTS; i++) {
		if (s.second[i] == 0 && s.first[i] == 0)
			continue;
		s.first[i] += ridge * (f->w[i] - start->w[i]);
		f->w[i] = (float)fmax(0, f->w[i] - damping * s.first[i] / (s.second[i] + ridge));
	}
	f->bias -= (float)(damping * s.first[LEARN_INPUTS] / (s.second[LEARN_INPUTS] + ridge));
}

/* ---- fitting: the curve ---- */

struct point {
	double margin, spam, weight;
};

static int by_margin(const void *a, const void *b)
{
	const struct point *x = a, *y = b;
	return (x->margin > y->margin) - (x->margin < y->margin);
}

/* Neighbours whose shares of spam fall are put together, until shares only rise and each pool has
 * its weight. */
static size_t pool(struct point *v, size_t n)
{
	size_t top = 0;
	for (size_t i = 0; i < n; i++) {
		v[top++] = v[i];
		while (top > 1) {
			struct point *a = &v[top - 2], *b = &v[top - 1];
			if (a->weight >= KNOT_WEIGHT && b->weight >= KNOT_WEIGHT &&
				a->spam / a->weight < b->spam / b->weight)
				break;
			if (a->weight >= KNOT_WEIGHT && b->weight < KNOT_WEIGHT && i + 1 < n)
				break;
			double both = a->weight + b->weight;
			a->margin = (a->margin * a->weight + b->margin * b->weight) / both;
			a->spam += b->spam;
			a->weight = both;
			top--;
		}
	}
	return top;
}

static void put_knot(struct learn_fuse *f, const struct point *p)
{
	/* half a message of each kind: nothing is certain */
	float share = (float)((p->spam + 0.5) / (p->weight + 1));
	if (f->knots == LEARN_KNOTS)
		return;
	if (f->knots && (share <= f->p[f->knots - 1] || p->margin <= f->at[f->knots - 1]))
		return;
	f->at[f->knots] = (float)p->margin;
	f->p[f->knots++] = share;
}

static void fit_curve(struct learn_fuse *f, const struct learn_judged *v, size_t n)
{
	AUTO(free) struct point *points = mem_alloc(n * sizeof *points);
	for (size_t i = 0; i < n; i++)
		points[i] = (struct point){learn_fuse_margin(f, v[i].in, NULL),
			v[i].spam ? v[i].weight : 0, v[i].weight};
	qsort(points, n, sizeof *points, by_margin);
	size_t pools = pool(points, n);
	f->knots = 0;
	size_t each = pools > LEARN_KNOTS ? (pools + LEARN_KNOTS - 1) / LEARN_KNOTS : 1;
	for (size_t i = 0; i < pools; i += each)
		put_knot(f, &points[i]);
	if (f->knots < 2)
		f->knots = 0;
}

bool learn_fuse_fit(const struct learn_judged *v, size_t n, const struct learn_fuse *start,
	struct learn_fuse *ret)
{
	size_t spam = 0;
	for (size_t i = 0; i < n; i++)
		spam += v[i].spam;
	*ret = *start;
	if (spam < LEARN_FIT_MIN || n - spam < LEARN_FIT_MIN)
		return false;
	ret->knots = 0;
	for (unsigned i = 0; i < ROUNDS; i++)
		round_of_fitting(ret, v, n, start, i < ROUNDS / 2 ? 0.3 : 0.1);
	fit_curve(ret, v, n);
	return true;
}

/* ---- bytes ---- */

void learn_fuse_write(const struct learn_fuse *f, struct buf *out)
{
	buf_u8(out, WRITTEN_VERSION);
	buf_u8(out, LEARN_INPUTS);
	buf_f32(out, f->bias);
	for (unsigned i = 0; i < LEARN_INPUTS; i++)
		buf_f32(out, f->w[i]);
	buf_u8(out, (uint8_t)f->knots);
	for (unsigned i = 0; i < f->knots; i++) {
		buf_f32(out, f->at[i]);
		buf_f32(out, f->p[i]);
	}
}

static bool sound(const struct learn_fuse *f)
{
	if (!isfinite(f->bias))
		return false;
	for (unsigned i = 0; i < LEARN_INPUTS; i++)
		if (!isfinite(f->w[i]) || f->w[i] < 0)
			return false;
	for (unsigned i = 0; i < f->knots; i++) {
		if (!isfinite(f->at[i]) || !(f->p[i] > 0 && f->p[i] < 1))
			return false;
		if (i && !(f->at[i] > f->at[i - 1] && f->p[i] > f->p[i - 1]))
			return false;
	}
	return true;
}

int learn_fuse_read(slice s, struct learn_fuse *ret, struct err *e)
{
	struct cur c = cur_of(s);
	struct learn_fuse f = {0};
	unsigned version = cur_u8(&c), inputs = cur_u8(&c);
	if (version != WRITTEN_VERSION || inputs == 0 || inputs > LEARN_INPUTS)
		return err_set(e, ERR_PROTO, "weights of the opinions: another version");
	f.bias = cur_f32(&c);
	for (unsigned i = 0; i < inputs; i++)
		f.w[i] = cur_f32(&c);
	f.knots = cur_u8(&c);
	if (f.knots > LEARN_KNOTS)
		return err_set(e, ERR_PROTO, "weights of the opinions: %u knots", f.knots);
	for (unsigned i = 0; i < f.knots; i++) {
		f.at[i] = cur_f32(&c);
		f.p[i] = cur_f32(&c);
	}
	if (!cur_ok(&c) || !cur_at_end(&c) || !sound(&f))
		return err_set(e, ERR_PROTO, "weights of the opinions are damaged");
	*ret = f;
	return 0;
}
