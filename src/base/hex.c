/* Hexadecimal digits. */
#include "base/hex.h"

void hex_encode(struct buf *out, slice in)
{
	static const char digits[] = "0123456789abcdef";
	char *to = buf_room(out, in.n * 2);
	if (!to)
		return;
	for (size_t i = 0; i < in.n; i++) {
		to[2 * i] = digits[(unsigned char)in.p[i] >> 4];
		to[2 * i + 1] = digits[(unsigned char)in.p[i] & 15];
	}
	buf_commit(out, in.n * 2);
}

bool hex_decode(struct buf *out, slice in)
{
	char *to = in.n % 2 ? NULL : buf_room(out, in.n / 2);
	if (!to && (in.n || !buf_ok(out)))
		return false;
	for (size_t i = 0; i < in.n; i += 2) {
		int hi = hex_digit(in.p[i]), lo = hex_digit(in.p[i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		to[i / 2] = (char)(hi << 4 | lo);
	}
	buf_commit(out, in.n / 2);
	return true;
}

bool hex_u64(slice s, uint64_t *ret)
{
	uint64_t v = 0;
	if (s.n == 0 || s.n > 16)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		int d = hex_digit(s.p[i]);
		if (d < 0)
			return false;
		v = v << 4 | (uint64_t)d;
	}
	*ret = v;
	return true;
}
