/*
 * Modified UTF-7 (mutf7.h), RFC 3501 section 5.1.3. Called by the reader and the writers of proto/imap. Knows nothing
 * of levels or of INBOX; NUL and other controls pass (they are refused by whoever judges names).
 */
#include "codec/mutf7.h"

#include "base/utf8.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == ',' ? 63 : -1;
}

static bool is_direct(uint32_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

/* UTF-16 units become characters; a half one waits in *high. */
static bool take_unit(uint32_t unit, uint32_t *high, struct buf *out)
{
	if (unit >= 0xdc00 && unit <= 0xdfff) {
		if (!*high)
			return false;
		utf8_put(out, 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00));
		*high = 0;
		return true;
	}
	if (*high || is_direct(unit))
		return false;
	if (unit >= 0xd800 && unit <= 0xdbff)
		*high = unit;
	else
		utf8_put(out, unit);
	return true;
}

/* The base64 between & and -: at least one character, nothing left over. */
static bool decode_shifted(slice in, struct buf *out)
{
	uint32_t bits = 0, high = 0;
	unsigned nbits = 0;
	for (size_t i = 0; i < in.n; i++) {
		int v = value_of(in.p[i]);
		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		nbits += 6;
		if (nbits < 16)
			continue;
		nbits -= 16;
		if (!take_unit(bits >> nbits & 0xffff, &high, out))
			return false;
		bits &= (1u << nbits) - 1;
	}
	return in.n >= 3 && nbits < 6 && bits == 0 && !high;
}

static bool decode(slice in, struct buf *out)
{
	bool shifted_before = false; /* "&...-&...-" is one run written as two */
	while (in.n > 0) {
		if (*in.p != '&') {
			if (!is_direct((unsigned char)*in.p))
				return false;
			buf_byte(out, *in.p);
			in = slice_skip(in, 1);
			shifted_before = false;
			continue;
		}
		size_t end = slice_index(in, '-');
		if (end == in.n)
			return false;
		slice inner = slice_of(in.p + 1, end - 1);
		if (inner.n == 0)
			buf_byte(out, '&');
		else if (shifted_before || !decode_shifted(inner, out))
			return false;
		shifted_before = inner.n > 0;
		in = slice_skip(in, end + 1);
	}
	return true;
}

bool mutf7_decode(slice in, struct buf *out)
{
	size_t n = out->n;
	if (decode(in, out) && buf_ok(out))
		return true;
	out->n = n;
	return false;
}

/* ---- the other way */

struct shift {
	struct buf *out;
	uint32_t bits;
	unsigned nbits;
	bool on;
};

static void put_unit(struct shift *s, uint32_t unit)
{
	if (!s->on)
		buf_byte(s->out, '&');
	s->on = true;
	s->bits = s->bits << 16 | unit;
	s->nbits += 16;
	while (s->nbits >= 6) {
		s->nbits -= 6;
		buf_byte(s->out, alphabet[s->bits >> s->nbits & 63]);
	}
	s->bits &= (1u << s->nbits) - 1;
}

static void end_shift(struct shift *s)
{
	if (!s->on)
		return;
	if (s->nbits > 0)
		buf_byte(s->out, alphabet[s->bits << (6 - s->nbits) & 63]);
	buf_byte(s->out, '-');
	*s = (struct shift){.out = s->out};
}

void mutf7_encode(slice utf8, struct buf *out)
{
	struct shift s = {.out = out};
	uint32_t c;
	while (utf8_next(&utf8, &c)) {
		if (is_direct(c)) {
			end_shift(&s);
			buf_byte(out, (char)c);
			if (c == '&')
				buf_byte(out, '-');
		} else if (c >= 0x10000) {
			put_unit(&s, 0xd800 + ((c - 0x10000) >> 10));
			put_unit(&s, 0xdc00 + ((c - 0x10000) & 0x3ff));
		} else {
			put_unit(&s, c);
		}
	}
	end_shift(&s);
}
