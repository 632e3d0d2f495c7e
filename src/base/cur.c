/* The reading half of buf's fixed-width records; also used for binary wire formats. */
#include "base/cur.h"

slice cur_bytes(struct cur *c, size_t n)
{
	if (c->bad || n > (size_t)(c->end - c->p)) {
		c->bad = true;
		return (slice){0};
	}
	slice s = {c->p, n};
	if (n)
		c->p += n;
	return s;
}

static uint64_t get_be(struct cur *c, size_t bytes)
{
	slice s = cur_bytes(c, bytes);
	uint64_t v = 0;
	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | (unsigned char)s.p[i];
	return v;
}

uint8_t cur_u8(struct cur *c)
{
	return (uint8_t)get_be(c, 1);
}

uint16_t cur_u16(struct cur *c)
{
	return (uint16_t)get_be(c, 2);
}

uint32_t cur_u32(struct cur *c)
{
	return (uint32_t)get_be(c, 4);
}

uint64_t cur_u64(struct cur *c)
{
	return get_be(c, 8);
}

float cur_f32(struct cur *c)
{
	uint32_t bits = cur_u32(c);
	float v;
	memcpy(&v, &bits, sizeof v);
	return v;
}

slice cur_str(struct cur *c)
{
	return cur_bytes(c, cur_u32(c));
}
