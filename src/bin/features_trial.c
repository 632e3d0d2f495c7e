/*
 * The trial's judgement (features.h): so many letters, of which so few may be judged otherwise. Pure; called by the
 * features process after each result and as time passes.
 */
#include "bin/features.h"

enum { FAILURES = 3 };
#define SLOW (200 * MSEC) /* a letter; below it nobody minds how much slower */

static bool too_many(const struct features_counts *k, uint64_t of, const struct features_conf *c)
{
	uint64_t differ = k->more_spam + k->less_spam;
	return differ * 100 > (uint64_t)c->canary_differ * of;
}

static const char *fault(const struct features_counts *k, const struct features_conf *c)
{
	uint64_t answered = k->letters ? k->letters : 1;
	/* What remains could not make up for it. */
	if (k->more_spam + k->less_spam > 1 && too_many(k, (uint64_t)c->canary_letters, c))
		return "too many letters are judged otherwise";
	if (k->failed > FAILURES && k->failed * 20 > k->letters)
		return "the scan process with it fails";
	if (k->letters >= FEATURES_FEW && k->took_trial / (int64_t)answered > SLOW &&
		k->took_trial > FEATURES_SLOWER * k->took)
		return "it takes far more time";
	return NULL;
}

enum features_judgement features_judge(const struct features_counts *k,
	const struct features_conf *c, int64_t elapsed, const char **ret_why)
{
	const char *why = fault(k, c);
	if (!why && k->letters >= (uint64_t)c->canary_letters)
		return FEATURES_TAKE; /* fault() would have seen too many */
	bool over = elapsed >= c->canary_time;
	if (!why && over && k->letters >= FEATURES_FEW) {
		if (!too_many(k, k->letters, c))
			return FEATURES_TAKE;
		why = "too many letters are judged otherwise";
	}
	if (!why && over && k->more_spam + k->less_spam > 1 && too_many(k, k->letters, c))
		why = "of the few letters that came too many are judged otherwise";
	if (why) {
		*ret_why = why;
		return FEATURES_REFUSE;
	}
	return over && c->canary_quiet == FEATURES_QUIET_INSTALL ? FEATURES_TAKE_QUIET
								 : FEATURES_GO_ON;
}
