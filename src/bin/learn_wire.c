/* What is said to the learn process over its links, as bytes (learn.h). */
#include "bin/learn.h"

#include "base/cur.h"

void learn_tell_encode(struct buf *out, const struct training_told *t, bool in_file)
{
	buf_u8(out, LEARN_TELL);
	buf_u8(out, (uint8_t)t->source);
	buf_u8(out, t->spam);
	buf_u8(out, t->vouched);
	buf_u8(out, in_file);
	buf_str(out, slice_first(t->who, TRAINING_WHO_MAX));
	if (!in_file)
		buf_str(out, t->message);
}

bool learn_tell_decode(slice in, struct training_told *ret, bool *ret_in_file)
{
	struct cur c = cur_of(in);
	struct training_told t = {0};
	if (cur_u8(&c) != LEARN_TELL)
		return false;
	t.source = (enum training_source)cur_u8(&c);
	t.spam = cur_u8(&c) != 0;
	t.vouched = cur_u8(&c) != 0;
	bool in_file = cur_u8(&c) != 0;
	t.who = cur_str(&c);
	if (!in_file)
		t.message = cur_str(&c);
	if (!cur_ok(&c) || !cur_at_end(&c) || t.source < TRAINING_ADMIN ||
		t.source >= TRAINING_SOURCES || t.who.n > TRAINING_WHO_MAX ||
		training_source_personal(t.source) != (t.who.n > 0))
		return false;
	*ret = t;
	*ret_in_file = in_file;
	return true;
}

void learn_sample_encode(struct buf *out, const struct journal_sample *s)
{
	buf_u8(out, LEARN_SAMPLE);
	for (unsigned i = 0; i < LEARN_INPUTS; i++)
		buf_f32(out, s->in[i]);
	buf_f32(out, (float)s->rules);
	buf_str(out, s->packed);
}

bool learn_sample_decode(slice in, struct journal_sample *ret)
{
	struct cur c = cur_of(in);
	struct journal_sample s = {0};
	if (cur_u8(&c) != LEARN_SAMPLE)
		return false;
	for (unsigned i = 0; i < LEARN_INPUTS; i++)
		s.in[i] = cur_f32(&c);
	s.rules = cur_f32(&c);
	s.packed = cur_str(&c);
	if (!cur_ok(&c) || !cur_at_end(&c))
		return false;
	*ret = s;
	return true;
}
