/*
 * cur: a cursor over a wire format with a sticky error: read ten fields, check cur_ok() once.
 * After an error every read yields zero or an empty slice and the position stays.
 */
#pragma once
#include "base/slice.h"

struct cur {
	const char *p, *end;
	bool bad;
};

static inline struct cur cur_of(slice s)
{
	return (struct cur){s.p, s.p ? s.p + s.n : NULL, false};
}

static inline bool cur_ok(const struct cur *c)
{
	return !c->bad;
}

static inline slice cur_rest(const struct cur *c)
{
	return (slice){c->p, (size_t)(c->end - c->p)};
}

static inline bool cur_at_end(const struct cur *c)
{
	return c->p == c->end;
}

uint8_t cur_u8(struct cur *c);
uint16_t cur_u16(struct cur *c); /* big endian */
uint32_t cur_u32(struct cur *c);
uint64_t cur_u64(struct cur *c);
float cur_f32(struct cur *c); /* any: also infinity and what is no number */
slice cur_bytes(struct cur *c, size_t n);
slice cur_str(struct cur *c); /* u32 length and the bytes (buf_str) */
