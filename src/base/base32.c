/* Base32 with the extended hex alphabet; message ids and file names are written in it. */
#include "base/base32.h"

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";

static int value_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'v' ? c - 'a' + 10 : -1;
}

void base32hex_encode(struct buf *out, slice in)
{
	size_t n = (in.n * 8 + 4) / 5, made = 0;
	char *to = buf_room(out, n);
	if (!to)
		return;
	unsigned v = 0, bits = 0;
	for (size_t i = 0; i < in.n; i++) {
		v = (v << 8 | (unsigned char)in.p[i]) & 0xfff;
		for (bits += 8; bits >= 5; bits -= 5)
			to[made++] = alphabet[v >> (bits - 5) & 31];
	}
	if (bits)
		to[made++] = alphabet[v << (5 - bits) & 31];
	buf_commit(out, made);
}

bool base32hex_decode(struct buf *out, slice in)
{
	size_t tail = in.n % 8, made = 0;
	if (tail == 1 || tail == 3 || tail == 6)
		return false;
	char *to = buf_room(out, in.n * 5 / 8);
	if (!to)
		return in.n == 0 && buf_ok(out);
	unsigned v = 0, bits = 0;
	for (size_t i = 0; i < in.n; i++) {
		int d = value_of(in.p[i]);
		if (d < 0)
			return false;
		v = (v << 5 | (unsigned)d) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			to[made++] = (char)(v >> bits);
		}
	}
	if (v & ((1u << bits) - 1))
		return false;
	buf_commit(out, made);
	return true;
}

void base32hex_put_u64(uint64_t v, char out[BASE32HEX_U64])
{
	for (int i = BASE32HEX_U64 - 1; i >= 0; i--, v >>= 5)
		out[i] = alphabet[v & 31];
}

bool base32hex_u64(slice s, uint64_t *ret)
{
	uint64_t v = 0;
	if (s.n != BASE32HEX_U64 || value_of(s.p[0]) > 15) /* 13 * 5 bits are one too many */
		return false;
	for (size_t i = 0; i < s.n; i++) {
		int d = value_of(s.p[i]);
		if (d < 0)
			return false;
		v = v << 5 | (uint64_t)d;
	}
	*ret = v;
	return true;
}
