/* What the edges tell the features process of a letter that was judged twice (features.h). */
#include "base/cur.h"
#include "bin/features.h"

enum { BIT_FAILED = 1, BIT_SPAM = 2, BIT_SPAM_TRIAL = 4 };

void features_result_encode(struct buf *out, const struct features_result *r)
{
	buf_u64(out, r->id);
	buf_u8(out, (uint8_t)((r->failed ? BIT_FAILED : 0) | (r->spam ? BIT_SPAM : 0) |
			      (r->spam_trial ? BIT_SPAM_TRIAL : 0)));
	buf_f32(out, r->p);
	buf_f32(out, r->p_trial);
	buf_u32(out, r->took);
	buf_u32(out, r->took_trial);
	buf_str(out, slice_first(r->rules, FEATURES_RULES_MAX));
}

bool features_result_decode(slice in, struct features_result *ret)
{
	struct cur c = cur_of(in);
	struct features_result r = {.id = cur_u64(&c)};
	unsigned bits = cur_u8(&c);
	r.failed = bits & BIT_FAILED;
	r.spam = bits & BIT_SPAM;
	r.spam_trial = bits & BIT_SPAM_TRIAL;
	r.p = cur_f32(&c);
	r.p_trial = cur_f32(&c);
	r.took = cur_u32(&c);
	r.took_trial = cur_u32(&c);
	r.rules = cur_str(&c);
	/* Also what is no number. */
	if (!cur_ok(&c) || !cur_at_end(&c) || !(r.p >= 0 && r.p <= 1) ||
		!(r.p_trial >= 0 && r.p_trial <= 1) || r.rules.n > FEATURES_RULES_MAX)
		return false;
	*ret = r;
	return true;
}
