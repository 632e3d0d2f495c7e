/*
 * The sending end of DATA (RFC 5321 4.5.2, 2.3.8). The SMTP client feeds what it reads from the
 * store and writes the runs that come back; they point into its chunk or to constant bytes.
 */
#include "codec/smtp_data.h"

enum state {
	LINE_START,
	MIDDLE,
	AFTER_CR, /* a CR at the end of a chunk, held back until its LF is seen */
	OWE_SPACE, /* in place of a bare CR */
	OWE_CRLF, /* in place of a bare LF */
};

enum {
	WINDOW = 4096
}; /* bounds the search for a line end, so that odd input costs no more than this */

void smtp_stuff_init(struct smtp_stuff *s)
{
	*s = (struct smtp_stuff){.state = LINE_START};
}

/* What is due before anything of the chunk: a mended line end or the second dot. */
static bool give_debt(struct smtp_stuff *s, slice *in, slice *ret_run)
{
	if (s->state == AFTER_CR && in->n) {
		bool whole = in->p[0] == '\n';
		*in = slice_skip(*in, whole);
		s->mended += !whole;
		s->state = whole ? OWE_CRLF : OWE_SPACE;
	}
	switch (s->state) {
	case OWE_SPACE:
		*ret_run = S(" ");
		s->state = MIDDLE;
		return true;
	case OWE_CRLF:
		*ret_run = S("\r\n");
		s->state = LINE_START;
		return true;
	case LINE_START:
		if (in->n == 0 || in->p[0] != '.')
			return false;
		*ret_run = S(".");
		s->state = MIDDLE;
		return true;
	default:
		return false;
	}
}

/* How much can be sent as it is. What must not be is skipped (*ret_skip) and leaves a debt. */
static size_t clean_length(struct smtp_stuff *s, slice in, size_t *ret_skip)
{
	const char *p = in.p, *end = in.p + in.n;
	while (p < end) {
		if (s->state == LINE_START && *p == '.')
			return (size_t)(p - in.p);
		s->state = MIDDLE;
		size_t window = (size_t)(end - p) < WINDOW ? (size_t)(end - p) : WINDOW;
		const char *lf = memchr(p, '\n', window), *stop = lf ? lf : p + window;
		const char *cr = memchr(p, '\r', (size_t)(stop - p));
		if (cr && cr + 1 == end) {
			s->state = AFTER_CR;
		} else if (cr && cr + 1 == lf) {
			s->state = LINE_START;
			p = lf + 1;
			continue;
		} else if (cr && cr[1] == '\n') { /* the pair lies across the window's end */
			s->state = LINE_START;
			p = cr + 2;
			continue;
		} else if (cr || lf) {
			s->state = cr ? OWE_SPACE : OWE_CRLF;
			s->mended++;
		} else {
			p = stop;
			continue;
		}
		*ret_skip = 1;
		return (size_t)((cr ? cr : lf) - in.p);
	}
	return in.n;
}

bool smtp_stuff_next(struct smtp_stuff *s, slice *in, slice *ret_run)
{
	for (;;) {
		size_t skip = 0;
		if (give_debt(s, in, ret_run))
			return true;
		if (in->n == 0)
			return false;
		size_t n = clean_length(s, *in, &skip);
		*ret_run = slice_first(*in, n);
		*in = slice_skip(*in, n + skip);
		if (n)
			return true;
	}
}

slice smtp_stuff_end(struct smtp_stuff *s)
{
	bool held_cr = s->state == AFTER_CR, at_start = s->state == LINE_START;
	s->mended += held_cr;
	s->state = LINE_START;
	return at_start ? S(".\r\n") : held_cr ? S(" \r\n.\r\n") : S("\r\n.\r\n");
}
