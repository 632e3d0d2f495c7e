/*
 * What is noted of one subject and what follows from it (reputation_record.h). The score is that of
 * a Bayesian with a prior: (good - bad + doubt * prior) / (good + bad + doubt), so a few messages
 * say little and many say much. Used by reputation.c, in the writing thread of the store, too.
 */
#include "defence/reputation_record.h"

#include "base/cur.h"
#include "base/time.h"

#include <math.h>

enum { FORMAT = 1, FAST_HALF = 3600, SLOW_HALF = 7 * 86400, HALF_WINDOW = REP_WINDOW_DAYS * 43200 };
#define LN2 0.69314718

/* What an event says; whether it is an attempt of its own (or about an earlier one). */
static const struct {
	float good, bad;
	bool attempt;
} says[REP_EVENTS] = {
	[REP_ACCEPTED] = {1, 0, true},
	[REP_GOOD] = {4, 0, false},
	[REP_SPAM] = {0, 2, true},
	[REP_PHISHING] = {0, 4, true},
	[REP_VIRUS] = {0, 4, true},
	[REP_UNKNOWN_USER] = {0, 0.3F, true},
	[REP_HARVEST] = {0, 5, false},
	[REP_REFUSED] = {0, 1, true},
	[REP_ABUSE] = {0, 1, false},
	[REP_REPORTED] = {0, 3, false},
};

static double get_real(struct cur *c)
{
	double v = (double)cur_f32(c);
	return isfinite(v) && v > 0 ? v : 0;
}

bool rep_record_read(slice value, struct rep_record *ret)
{
	struct cur c = cur_of(value);
	struct rep_record r = {0};
	*ret = r;
	if (cur_u8(&c) != FORMAT)
		return false;
	r.first = cur_u32(&c);
	r.last = cur_u32(&c);
	r.window = cur_u32(&c);
	double *const reals[] = {
		&r.good, &r.bad, &r.n[0], &r.n[1], &r.nbad[0], &r.nbad[1], &r.fast, &r.slow};
	for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
		*reals[i] = get_real(&c);
	for (int i = 0; i < REP_EVENTS; i++)
		r.events[i] = get_real(&c);
	if (!cur_ok(&c))
		return false;
	*ret = r;
	return true;
}

void rep_record_write(struct buf *out, const struct rep_record *r)
{
	buf_u8(out, FORMAT);
	buf_u32(out, (uint32_t)r->first);
	buf_u32(out, (uint32_t)r->last);
	buf_u32(out, (uint32_t)r->window);
	const double reals[] = {
		r->good, r->bad, r->n[0], r->n[1], r->nbad[0], r->nbad[1], r->fast, r->slow};
	for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
		buf_f32(out, (float)reals[i]);
	for (int i = 0; i < REP_EVENTS; i++)
		buf_f32(out, (float)r->events[i]);
}

static void turn_window(struct rep_record *r, int64_t now)
{
	if (now - r->window < HALF_WINDOW)
		return;
	bool next = now - r->window < 2 * HALF_WINDOW;
	r->n[1] = next ? r->n[0] : 0;
	r->nbad[1] = next ? r->nbad[0] : 0;
	r->n[0] = r->nbad[0] = 0;
	r->window = next ? r->window + HALF_WINDOW : now;
}

void rep_record_fade(struct rep_record *r, int64_t now, double half_life)
{
	double age = (double)(now - r->last);
	if (r->first == 0 || age <= 0)
		return;
	double f = exp2(-age / half_life);
	r->good *= f;
	r->bad *= f;
	for (int i = 0; i < REP_EVENTS; i++)
		r->events[i] *= f;
	r->fast *= exp2(-age / FAST_HALF);
	r->slow *= exp2(-age / SLOW_HALF);
	turn_window(r, now);
	r->last = now;
}

void rep_record_note(
	struct rep_record *r, int64_t now, double half_life, enum rep_event event, double weight)
{
	if (!(weight > 0))
		return;
	weight = fmin(weight, REP_WEIGHT_MAX);
	if (r->first == 0)
		*r = (struct rep_record){.first = now, .last = now, .window = now};
	rep_record_fade(r, now, half_life);
	r->good += weight * says[event].good;
	r->bad += weight * says[event].bad;
	r->events[event] += weight;
	if (event == REP_REPORTED && r->good >= weight) /* it had been taken for good */
		r->good -= weight;
	if (!says[event].attempt) {
		r->nbad[0] = fmin(r->n[0], r->nbad[0] + (says[event].bad > 0 ? weight : 0));
		return;
	}
	r->n[0] += weight;
	r->nbad[0] += says[event].bad > 0 ? weight : 0;
	r->fast += weight;
	r->slow += weight;
}

void rep_record_answer(const struct rep_record *record, int64_t now, double half_life, double doubt,
	double prior, struct rep_answer *ret)
{
	struct rep_record r = *record;
	rep_record_fade(&r, now, half_life);
	double sum = r.good + r.bad, left = 1 - (double)(now - r.window) / HALF_WINDOW;
	left = fmin(1, fmax(0, left));
	double n = r.n[0] + r.n[1] * left, nbad = r.nbad[0] + r.nbad[1] * left;
	*ret = (struct rep_answer){
		.score = (r.good - r.bad + doubt * prior) / (sum + doubt),
		.confidence = sum / (sum + doubt),
		.messages = n,
		.bad_share = n > 0       ? nbad / n
			     : r.bad > 0 ? 1
					 : 0,
		.window_days = REP_WINDOW_DAYS,
		.first_at = record->first,
		.last_at = record->last,
		.rate = r.fast * LN2 * 3600 / FAST_HALF,
		.baseline = r.slow * LN2 * 3600 / SLOW_HALF,
	};
	memcpy(ret->events, r.events, sizeof r.events);
}
