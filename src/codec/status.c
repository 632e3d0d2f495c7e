/* Enhanced status codes: reading and writing (RFC 3463 section 2). Their meaning: status_text.c. */
#include "codec/status.h"

/* 1 to 3 digits, no leading zero but "0" itself (RFC 2034 section 4 is as strict). */
static bool take_number(slice *in, uint16_t *ret)
{
	size_t n = 0;
	unsigned v = 0;
	for (; n < 3 && n < in->n && in->p[n] >= '0' && in->p[n] <= '9'; n++)
		v = v * 10 + (unsigned)(in->p[n] - '0');
	if (n == 0 || (n > 1 && in->p[0] == '0'))
		return false;
	*in = slice_skip(*in, n);
	*ret = (uint16_t)v;
	return true;
}

static bool take_dot(slice *in)
{
	if (in->n == 0 || in->p[0] != '.')
		return false;
	*in = slice_skip(*in, 1);
	return true;
}

bool status_parse(slice *in, struct status_code *ret)
{
	slice s = *in;
	struct status_code c = {0};
	if (!take_number(&s, &c.cls) || (c.cls != 2 && c.cls != 4 && c.cls != 5))
		return false;
	if (!take_dot(&s) || !take_number(&s, &c.subject) || !take_dot(&s) ||
		!take_number(&s, &c.detail))
		return false;
	if (s.n && s.p[0] != ' ')
		return false;
	*in = slice_skip(s, 1);
	*ret = c;
	return true;
}

void status_print(struct buf *out, struct status_code s)
{
	buf_printf(out, "%u.%u.%u", s.cls, s.subject, s.detail);
}

struct status_code status_of_reply(unsigned code)
{
	static const struct {
		uint16_t code;
		struct status_code status;
	} known[] = {
		/* RFC 5321 4.2.3 says what these mean; nothing else has a sure meaning. */
		{421, {4, 3, 2}},
		{452, {4, 3, 1}},
		{500, {5, 5, 2}},
		{501, {5, 5, 4}},
		{502, {5, 5, 1}},
		{503, {5, 5, 1}},
		{504, {5, 5, 4}},
		{521, {5, 3, 2}},
		{530, {5, 7, 0}},
		{535, {5, 7, 8}},
		{552, {5, 2, 2}},
		{553, {5, 1, 0}},
		{555, {5, 5, 4}},
		{556, {5, 1, 10}},
	};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].code == code)
			return known[i].status;
	unsigned cls = code / 100;
	return cls == 2 || cls == 4 || cls == 5 ? STATUS((uint16_t)cls, 0, 0) : STATUS(4, 0, 0);
}
