/* Base64, four characters at a time. The tolerant decoder is for bodies that people send. */
#include "base/b64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* 0 .. 63, or 64 and above: not of the alphabet. */
static unsigned value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0') + 52;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

static char *encode_run(char *to, slice in)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t left = in.n;
	for (; left >= 3; left -= 3, p += 3) {
		unsigned v = (unsigned)p[0] << 16 | (unsigned)p[1] << 8 | p[2];
		*to++ = alphabet[v >> 18];
		*to++ = alphabet[v >> 12 & 63];
		*to++ = alphabet[v >> 6 & 63];
		*to++ = alphabet[v & 63];
	}
	if (left) {
		unsigned v = (unsigned)p[0] << 16 | (left == 2 ? (unsigned)p[1] << 8 : 0);
		*to++ = alphabet[v >> 18];
		*to++ = alphabet[v >> 12 & 63];
		*to++ = left == 2 ? alphabet[v >> 6 & 63] : '=';
		*to++ = '=';
	}
	return to;
}

void b64_encode(struct buf *out, slice in)
{
	char *to = buf_room(out, b64_size(in.n));
	if (to)
		buf_commit(out, (size_t)(encode_run(to, in) - to));
}

void b64_encode_lines(struct buf *out, slice in)
{
	enum { LINE_BYTES = B64_LINE / 4 * 3 };
	size_t lines = (in.n + LINE_BYTES - 1) / LINE_BYTES;
	char *start = buf_room(out, b64_size(in.n) + 2 * lines), *to = start;
	if (!to)
		return;
	for (; in.n; in = slice_skip(in, LINE_BYTES)) {
		to = encode_run(to, slice_first(in, LINE_BYTES));
		*to++ = '\r';
		*to++ = '\n';
	}
	buf_commit(out, (size_t)(to - start));
}

bool b64_decode(struct buf *out, slice in)
{
	if (in.n % 4)
		return false;
	size_t pad = 0;
	while (pad < 2 && in.n && in.p[in.n - 1] == '=')
		in.n--, pad++;
	char *start = buf_room(out, in.n * 3 / 4), *to = start;
	if (!buf_ok(out))
		return false;
	unsigned v = 0;
	for (size_t i = 0; i < in.n; i++) {
		unsigned d = value_of(in.p[i]);
		if (d > 63)
			return false;
		v = v << 6 | d;
		if (i % 4 == 3) {
			*to++ = (char)(v >> 16);
			*to++ = (char)(v >> 8);
			*to++ = (char)v;
		}
	}
	if (pad && (v & ((1u << 2 * pad) - 1)))
		return false; /* unused bits set: not canonical */
	if (pad == 1)
		*to++ = (char)(v >> 10);
	if (pad)
		*to++ = (char)(pad == 1 ? v >> 2 : v >> 4);
	buf_commit(out, (size_t)(to - start));
	return true;
}

/* The bytes of a group that was cut short: 2 characters hold one byte, 3 hold two. */
static char *flush_partial(char *to, unsigned v, unsigned have)
{
	if (have == 3)
		*to++ = (char)(v >> 10);
	if (have >= 2)
		*to++ = (char)(have == 3 ? v >> 2 : v >> 4);
	return to;
}

bool b64_decode_tolerant(struct buf *out, slice in)
{
	char nothing[1], *start = in.n > 1 ? buf_room(out, in.n * 3 / 4) : nothing, *to = start;
	if (!buf_ok(out))
		return false;
	unsigned v = 0, have = 0, pads = 0;
	bool clean = true;
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];
		unsigned d = value_of(c);
		if (d <= 63) {
			clean &= pads == 0; /* text behind padding */
			v = v << 6 | d;
			if (++have == 4) {
				*to++ = (char)(v >> 16);
				*to++ = (char)(v >> 8);
				*to++ = (char)v;
				have = 0;
			}
		} else if (c == '=') {
			pads++;
			if (have) {
				clean &= have >= 2;
				to = flush_partial(to, v, have);
				pads += have == 3; /* "xxx=" is as whole as "xx==" */
				have = 0;
			}
		} else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
			clean = false;
		}
	}
	clean &= have == 0 && (pads == 0 || pads == 2);
	to = flush_partial(to, v, have);
	buf_commit(out, (size_t)(to - start));
	return clean;
}
