/*
 * The cut-point scanner (see the header). One pass, memchr between lines, constant state. The only
 * bytes ever held back are one or two dashes at the start of a line, until the byte after them
 * tells whether they begin a delimiter: so the events do not depend on how the input was chunked.
 */
#include "codec/mime_cut.h"

static const char dashes[] = "--";

/* bcharsnospace of RFC 2046: what a boundary can begin with. */
static bool begins_boundary(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("'()+_,-./:=?", c));
}

static enum mime_event give(slice *in, const char *until, slice *ret_bytes)
{
	*ret_bytes = slice_of(in->p, (size_t)(until - in->p));
	*in = slice_skip(*in, ret_bytes->n);
	return MIME_BYTES;
}

static enum mime_event give_dashes(uint8_t *count, slice *ret_bytes)
{
	*ret_bytes = slice_of(dashes, *count);
	*count = 0;
	return MIME_BYTES;
}

/* Moves over bytes until the state needs a decision: at a delimiter's third byte, behind a blank
 * line, or where carried dashes turn out to be text. Returns where it stands; *ret_lead is how many
 * dashes of a possible delimiter lie directly before that in this input. */
static const char *scan(struct mime_cut *m, const char *p, const char *end, uint8_t *ret_lead)
{
	uint8_t lead = 0;
	while (p < end) {
		bool dash = *p == '-', lf = *p == '\n';
		switch (m->state) {
		case MIME_IN_LINE:
			lead = 0;
			p = memchr(p, '\n', (size_t)(end - p));
			if (!p) {
				*ret_lead = 0;
				return end;
			}
			m->state = MIME_LINE_START;
			p++;
			break;
		case MIME_LINE_START:
		case MIME_CR:
			if (m->in_header && lf) {
				m->state = MIME_LINE_START;
				m->in_header = false;
				m->content_next = true;
				*ret_lead = 0;
				return p + 1;
			}
			if (m->state == MIME_LINE_START && (dash || (m->in_header && *p == '\r'))) {
				m->state = dash ? MIME_DASH : MIME_CR;
				lead = dash;
				p++;
			} else {
				m->state = MIME_IN_LINE;
			}
			break;
		case MIME_DASH:
			if (!dash)
				goto decide;
			m->state = MIME_DASHES;
			lead++;
			p++;
			break;
		case MIME_DASHES:
			goto decide;
		}
	}
decide:
	*ret_lead = lead;
	return p;
}

enum mime_event mime_cut_next(struct mime_cut *m, slice *in, slice *ret_bytes)
{
	if (m->owed)
		return give_dashes(&m->owed, ret_bytes);
	if (m->content_next) {
		m->content_next = false;
		return MIME_CONTENT;
	}
	if (!in->n)
		return MIME_MORE;
	const char *end = in->p + in->n;
	uint8_t lead;
	const char *p = scan(m, in->p, end, &lead);
	if (m->content_next)
		return give(in, p, ret_bytes);
	if (p == end) {
		enum mime_event ev = MIME_MORE;
		if (p - lead > in->p)
			ev = give(in, p - lead, ret_bytes);
		m->carried = (uint8_t)(m->carried + lead);
		*in = slice_skip(*in, lead);
		return ev;
	}
	/* p is behind one or two dashes that begin a line. */
	if (m->state != MIME_DASHES || !begins_boundary(*p)) {
		m->state = MIME_IN_LINE;
		return m->carried ? give_dashes(&m->carried, ret_bytes) : give(in, p, ret_bytes);
	}
	if (p - lead > in->p) {
		m->state = MIME_LINE_START; /* comes here again with nothing before the dashes */
		return give(in, p - lead, ret_bytes);
	}
	m->state = MIME_IN_LINE;
	m->in_header = true;
	m->owed = m->carried;
	m->carried = 0;
	return MIME_PART;
}

slice mime_cut_end(struct mime_cut *m)
{
	slice last = slice_of(dashes, (size_t)m->carried + m->owed);
	m->carried = m->owed = 0;
	return last;
}
