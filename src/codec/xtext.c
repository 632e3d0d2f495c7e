/*
 * The two ways in which DSN parameters carry what a command line could not: xtext (RFC 3461 section
 * 4) and the UTF-8 forms of RFC 6533 section 3.
 */
#include "base/hex.h"
#include "base/utf8.h"
#include "codec/smtp.h"

/* What stands for itself in xtext. */
static bool is_xchar(char c)
{
	return c > ' ' && c < 0x7f && c != '+' && c != '=';
}

static int upper_hex(char c)
{
	return c >= 'a' && c <= 'f' ? -1 : hex_digit(c); /* hexchar is upper-case */
}

bool xtext_decode(slice in, struct arena *a, slice *ret)
{
	char *text = arena_alloc(a, in.n + 1), *to = text;
	for (size_t i = 0; i < in.n; i++) {
		if (is_xchar(in.p[i])) {
			*to++ = in.p[i];
			continue;
		}
		if (in.p[i] != '+' || i + 2 >= in.n)
			return false;
		int high = upper_hex(in.p[i + 1]), low = upper_hex(in.p[i + 2]);
		if (high < 0 || low < 0)
			return false;
		*to++ = (char)(high << 4 | low);
		i += 2;
	}
	*ret = slice_of(text, (size_t)(to - text));
	return true;
}

void xtext_encode(struct buf *out, slice in)
{
	for (size_t i = 0; i < in.n; i++) {
		if (is_xchar(in.p[i]))
			buf_byte(out, in.p[i]);
		else
			buf_printf(out, "+%02X", (unsigned char)in.p[i]);
	}
}

/* "\x{HEXPOINT}" at the front. */
static bool take_embedded(slice *in, uint32_t *ret)
{
	uint64_t v;
	slice s = *in;
	if (!slice_starts(s, S("\\x{")))
		return false;
	s = slice_skip(s, 3);
	size_t n = slice_index(s, '}');
	if (n < 2 || n > 6 || n == s.n || !hex_u64(slice_first(s, n), &v))
		return false;
	if (v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff) || v < 0x20 || v == 0x7f)
		return false;
	*ret = (uint32_t)v;
	*in = slice_skip(s, n + 1);
	return true;
}

bool utf8_addr_decode(slice in, struct arena *a, slice *ret)
{
	char *text = arena_alloc(a, in.n + 1), *to = text;
	if (!utf8_valid(in))
		return false;
	while (in.n) {
		uint32_t cp;
		char c = in.p[0];
		if (c == '\\') {
			if (!take_embedded(&in, &cp))
				return false;
			to += utf8_write(to, cp);
			continue;
		}
		if (!is_xchar(c) && !(c & 0x80))
			return false;
		*to++ = c;
		in = slice_skip(in, 1);
	}
	*ret = slice_of(text, (size_t)(to - text));
	return true;
}

void utf8_addr_encode_xtext(struct buf *out, slice in)
{
	for (uint32_t cp; utf8_next(&in, &cp);) {
		if (cp < 0x7f && is_xchar((char)cp) && cp != '\\')
			buf_byte(out, (char)cp);
		else
			buf_printf(out, "\\x{%02X}", cp);
	}
}
