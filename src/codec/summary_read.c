/*
 * A summary's record read in place (summary_impl.h). summary_open walks all of it once; every later call relies on
 * that. Used by whoever lists or shows mail.
 */
#include "codec/summary_impl.h"

#include "base/must.h"

struct at {
	const uint8_t *p, *end;
	const uint8_t *base; /* of the record; NULL: it was checked */
	bool bad;
};

/* ---- primitives ---- */

static uint64_t take_number(struct at *c)
{
	uint64_t v = 0;
	for (unsigned shift = 0; c->p < c->end && shift < 64; shift += 7) {
		uint8_t b = *c->p++;
		v |= (uint64_t)(b & 127) << shift;
		if (b < 128)
			return v;
	}
	c->bad = true;
	return 0;
}

static uint64_t take_fixed(struct at *c, size_t n)
{
	uint64_t v = 0;
	if (n > (size_t)(c->end - c->p)) {
		c->bad = true;
		return 0;
	}
	while (n--)
		v = v << 8 | *c->p++;
	return v;
}

static slice take_text(struct at *c)
{
	const uint8_t *start = c->p;
	uint64_t tag = take_number(c), n = (tag >> 1) - 1;
	if (!tag || c->bad)
		return (slice){0};
	if (tag & 1) {
		uint64_t back = take_number(c);
		if (c->bad || (c->base && (back > (uint64_t)(start - c->base) || n > back)))
			goto bad;
		return slice_of(start - back, n);
	}
	if (n > (uint64_t)(c->end - c->p))
		goto bad;
	slice s = slice_of(c->p, n);
	c->p += n;
	return s;
bad:
	c->bad = true;
	return (slice){0};
}

/* A list of texts up to its end; `of`: how many belong together. */
static slice take_list(struct at *c, unsigned of)
{
	const uint8_t *start = c->p;
	while (take_text(c).p)
		for (unsigned i = 1; i < of; i++)
			c->bad |= !take_text(c).p;
	return slice_of(start, (size_t)(c->p - start));
}

static bool take_address(struct at *c, struct summary_address *ret)
{
	unsigned what = (unsigned)take_fixed(c, 1);
	slice *to[] = {&ret->name, &ret->route, &ret->mailbox, &ret->host};
	if (!what)
		return false;
	*ret = (struct summary_address){0};
	c->bad |= !(what & ADDRESS_IS);
	for (unsigned i = 0; i < 4 && !c->bad; i++) {
		if (!(what & 1u << i))
			continue;
		*to[i] = take_text(c);
		c->bad |= !to[i]->p;
	}
	return !c->bad;
}

/* ---- checking ---- */

static void check_envelope(struct at *c)
{
	struct summary_address ignored;
	for (int i = 0; i < SUMMARY_TEXTS; i++)
		take_text(c);
	for (int i = 0; i < SUMMARY_WHOS; i++)
		while (take_address(c, &ignored))
			;
}

static void take_part(struct at *c, struct summary_part *p)
{
	unsigned bits = (unsigned)take_fixed(c, 2);
	slice *optional[] = {&p->id, &p->description, &p->encoding_text, &p->md5};
	*p = (struct summary_part){
		.multipart = bits & PART_MULTIPART, .message = bits & PART_MESSAGE, .envelope = -1};
	p->encoding = bits >> PART_ENCODING_SHIFT;
	p->parent = (int)(take_number(c) & INT32_MAX) - 1;
	p->depth = (unsigned)take_number(c);
	p->header_at = take_number(c);
	p->header_n = take_number(c);
	p->body_at = take_number(c);
	p->body_n = take_number(c);
	p->lines = bits & PART_LINES ? take_number(c) : 0;
	p->decoded_n = bits & PART_DECODED ? take_number(c) - 1 : p->body_n;
	p->envelope = bits & PART_ENVELOPE ? (int)(take_number(c) & INT32_MAX) : -1;
	p->type = take_text(c);
	p->subtype = take_text(c);
	p->params = take_list(c, 2);
	for (unsigned i = 0; i < 4; i++)
		if (bits & PART_ID << i)
			*optional[i] = take_text(c);
	if (bits & PART_DISPOSITION) {
		p->disposition = take_text(c);
		p->disposition_params = take_list(c, 2);
	}
	if (bits & PART_LANGUAGE)
		p->language = take_list(c, 1);
	if (bits & PART_LOCATION)
		p->location = take_text(c);
}

static bool inside(uint64_t at, uint64_t n, uint64_t size)
{
	return at <= size && n <= size - at;
}

static bool part_is_good(const struct summary *s, size_t i, const struct summary_part *p)
{
	return p->parent < (int)i && (p->parent >= 0) == (i > 0) && p->encoding <= MIME_UNKNOWN &&
	       p->type.p && p->subtype.p && inside(p->header_at, p->header_n, s->size) &&
	       inside(p->body_at, p->body_n, s->size) && p->envelope < (int)s->nenvelopes &&
	       !(p->multipart && p->message);
}

/* Where envelope or part `i` of the table begins. */
static uint32_t table(const struct summary *s, size_t i)
{
	const uint8_t *p = (const uint8_t *)s->record.p + SUMMARY_FIXED + 4 * i;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static struct at at(const struct summary *s, size_t where)
{
	const uint8_t *base = (const uint8_t *)s->record.p;
	return (struct at){.p = base + where, .end = base + s->record.n};
}

static uint32_t references_at(const struct summary *s)
{
	struct at c = at(s, 7);
	return (uint32_t)take_fixed(&c, 4);
}

static bool check(struct summary *s)
{
	struct at c = at(s, SUMMARY_FIXED + 4 * (s->nenvelopes + s->nparts));
	struct summary_part p;
	size_t here;
	c.base = (const uint8_t *)s->record.p;
	for (size_t i = 0; i < s->nenvelopes + s->nparts && !c.bad; i++) {
		here = (size_t)(c.p - c.base);
		c.bad |= table(s, i) != here;
		if (i < s->nenvelopes) {
			check_envelope(&c);
			continue;
		}
		take_part(&c, &p);
		c.bad |= !part_is_good(s, i - s->nenvelopes, &p);
		if (i == s->nenvelopes)
			s->header_n = p.header_n;
	}
	c.bad |= references_at(s) != (size_t)(c.p - c.base);
	take_list(&c, 1);
	if (s->flags & SUMMARY_LINES)
		s->line_octets = take_number(&c);
	return !c.bad && c.p == c.end;
}

bool summary_open(slice record, struct summary *ret)
{
	struct summary s = {.record = record};
	struct at c = at(&s, 0);
	if (record.n < SUMMARY_FIXED || take_fixed(&c, 1) != SUMMARY_VERSION)
		return false;
	s.flags = (unsigned)take_fixed(&c, 2);
	s.nparts = take_fixed(&c, 2);
	s.nenvelopes = take_fixed(&c, 2);
	take_fixed(&c, 4);
	s.size = take_fixed(&c, 8);
	s.sent_at = (int64_t)take_fixed(&c, 8);
	if (!s.nparts || !s.nenvelopes ||
		(record.n - SUMMARY_FIXED) / 4 < s.nparts + s.nenvelopes || !check(&s))
		return false;
	*ret = s;
	return true;
}

/* ---- asking ---- */

slice summary_text(const struct summary *s, int envelope, enum summary_text t)
{
	must(envelope >= 0 && (size_t)envelope < s->nenvelopes && t < SUMMARY_TEXTS);
	struct at c = at(s, table(s, (size_t)envelope));
	for (unsigned i = 0; i < t; i++)
		take_text(&c);
	return take_text(&c);
}

static size_t find_who(const struct summary *s, int envelope, enum summary_who w)
{
	struct summary_address ignored;
	struct at c = at(s, table(s, (size_t)envelope));
	for (int i = 0; i < SUMMARY_TEXTS; i++)
		take_text(&c);
	for (unsigned i = 0; i < w; i++)
		while (take_address(&c, &ignored))
			;
	return (size_t)(c.p - (const uint8_t *)s->record.p);
}

bool summary_next_address(const struct summary *s, int envelope, enum summary_who w, unsigned *it,
	struct summary_address *ret)
{
	must(envelope >= 0 && (size_t)envelope < s->nenvelopes && w < SUMMARY_WHOS);
	bool first = !*it;
	size_t where = first ? find_who(s, envelope, w) : *it;
	struct at c = at(s, where);
	if (take_address(&c, ret)) {
		*it = (unsigned)(c.p - (const uint8_t *)s->record.p);
		return true;
	}
	if (first && (w == SUMMARY_SENDER || w == SUMMARY_REPLY_TO))
		return summary_next_address(s, envelope, SUMMARY_FROM, it, ret);
	return false;
}

bool summary_next_reference(const struct summary *s, unsigned *it, slice *ret)
{
	struct at c = at(s, *it ? *it : references_at(s));
	slice id = take_text(&c);
	if (!id.p)
		return false;
	*ret = id;
	*it = (unsigned)(c.p - (const uint8_t *)s->record.p);
	return true;
}

void summary_part(const struct summary *s, size_t i, struct summary_part *ret)
{
	must(i < s->nparts);
	struct at c = at(s, table(s, s->nenvelopes + i));
	take_part(&c, ret);
}

static bool next_text(slice *list, slice *ret)
{
	struct at c = {.p = (const uint8_t *)list->p, .end = (const uint8_t *)list->p + list->n};
	if (!list->n)
		return false;
	slice s = take_text(&c);
	*list = slice_of(c.p, (size_t)(c.end - c.p));
	if (!s.p)
		return false;
	*ret = s;
	return true;
}

bool summary_next_pair(slice *params, slice *ret_name, slice *ret_value)
{
	return next_text(params, ret_name) && next_text(params, ret_value);
}

bool summary_next_text(slice *list, slice *ret)
{
	return next_text(list, ret);
}

/* The k-th (1 ..) part inside `parent`, or -1. */
static int find_child(const struct summary *s, int parent, unsigned k)
{
	for (size_t i = (size_t)parent + 1; i < s->nparts; i++) {
		struct at c = at(s, table(s, s->nenvelopes + i) + 2);
		if ((int)take_number(&c) - 1 == parent && --k == 0)
			return (int)i;
	}
	return -1;
}

int summary_find_part(const struct summary *s, const unsigned *path, size_t n)
{
	struct summary_part p;
	int at_part = 0;
	for (size_t i = 0; i < n; i++) {
		summary_part(s, (size_t)at_part, &p);
		if (i && p.message) { /* the message inside: its parts, or its only one */
			at_part = find_child(s, at_part, 1);
			if (at_part < 0)
				return -1;
			summary_part(s, (size_t)at_part, &p);
		} else if (i && !p.multipart) {
			return -1;
		}
		if (p.multipart)
			at_part = find_child(s, at_part, path[i]);
		else if (path[i] != 1)
			return -1;
		if (at_part < 0)
			return -1;
	}
	return at_part;
}
