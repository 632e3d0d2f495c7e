/*
 * UTF-8 by the book (RFC 3629 section 4): checking, stepping, writing, cutting. How wide it stands
 * on a terminal: utf8_width.c.
 */
#include "base/utf8.h"

/* Length of the well-formed sequence at the front, or 0; *ret_bad is then how many bytes to skip.
 */
static size_t sequence(slice s, uint32_t *ret_cp, size_t *ret_bad)
{
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned lead = p[0], low = 0x80, high = 0xbf;
	*ret_bad = 1;
	if (lead < 0x80) {
		*ret_cp = lead;
		return 1;
	}
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	size_t n = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	uint32_t cp = lead & (0x7f >> n);
	if (lead == 0xe0)
		low = 0xa0; /* overlong */
	else if (lead == 0xed)
		high = 0x9f; /* surrogates */
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f; /* above U+10FFFF */
	for (size_t i = 1; i < n; i++, low = 0x80, high = 0xbf) {
		if (i >= s.n || p[i] < low || p[i] > high) {
			*ret_bad = i;
			return 0;
		}
		cp = cp << 6 | (p[i] & 0x3f);
	}
	*ret_cp = cp;
	return n;
}

/* How many bytes at the front are ASCII, eight at a time. */
static size_t ascii_run(slice s)
{
	size_t i = 0;
	for (; i + 8 <= s.n; i += 8) {
		uint64_t v;
		memcpy(&v, s.p + i, 8);
		if (v & 0x8080808080808080u)
			break;
	}
	while (i < s.n && !(s.p[i] & 0x80))
		i++;
	return i;
}

bool utf8_is_ascii(slice s)
{
	return ascii_run(s) == s.n;
}

bool utf8_valid(slice s)
{
	uint32_t cp;
	size_t bad;
	for (s = slice_skip(s, ascii_run(s)); s.n; s = slice_skip(s, ascii_run(s))) {
		size_t n = sequence(s, &cp, &bad);
		if (n == 0)
			return false;
		s = slice_skip(s, n);
	}
	return true;
}

bool utf8_next(slice *s, uint32_t *ret_cp)
{
	size_t bad;
	if (s->n == 0)
		return false;
	size_t n = sequence(*s, ret_cp, &bad);
	if (n == 0) {
		*ret_cp = UTF8_REPLACEMENT;
		n = bad;
	}
	*s = slice_skip(*s, n);
	return true;
}

size_t utf8_write(char out[UTF8_MAX], uint32_t cp)
{
	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		cp = UTF8_REPLACEMENT;
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i; i--, cp >>= 6)
		out[i] = (char)(0x80 | (cp & 0x3f));
	out[0] = (char)((0xf00 >> n) | cp);
	return n;
}

void utf8_put(struct buf *out, uint32_t cp)
{
	char bytes[UTF8_MAX];
	buf_put(out, slice_of(bytes, utf8_write(bytes, cp)));
}

void utf8_scrub(struct buf *out, slice s)
{
	uint32_t cp;
	size_t bad;
	while (s.n) {
		size_t good = ascii_run(s);
		for (size_t n = 1; n && good < s.n;) {
			n = sequence(slice_skip(s, good), &cp, &bad);
			good += n;
		}
		buf_put(out, slice_first(s, good));
		s = slice_skip(s, good);
		if (s.n) {
			utf8_put(out, UTF8_REPLACEMENT);
			s = slice_skip(s, bad);
		}
	}
}

slice utf8_first(slice s, size_t n)
{
	if (s.n <= n)
		return s;
	size_t back = 0;
	while (back < 3 && back < n && ((unsigned char)s.p[n - back] & 0xc0) == 0x80)
		back++;
	/* Only a lead byte that reaches over the cut is a reason to step back. */
	unsigned lead = (unsigned char)s.p[n - back];
	size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	return slice_first(s, need > back ? n - back : n);
}
