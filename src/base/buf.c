/* Growing bytes with a limit and a sticky error. */
#include "base/buf.h"

#include "base/mem.h"
#include <stdio.h>

void buf_done(struct buf *b)
{
	free(b->p);
	*b = (struct buf){.limit = b->limit};
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->full = false;
}

char *buf_room(struct buf *b, size_t n)
{
	if (b->full || n > b->limit || b->n > b->limit - n) {
		b->full = true;
		return NULL;
	}
	if (b->n + n > b->cap) {
		size_t cap = b->cap ? b->cap : 64;
		while (cap < b->n + n)
			cap *= 2;
		b->p = mem_grow(b->p, cap);
		b->cap = cap;
	}
	return b->p + b->n;
}

void buf_put(struct buf *b, slice s)
{
	if (s.n == 0)
		return; /* no room is asked for: an untouched buf has no memory to point into */
	char *to = buf_room(b, s.n);
	if (to) {
		memcpy(to, s.p, s.n);
		b->n += s.n;
	}
}

void buf_byte(struct buf *b, char c)
{
	buf_put(b, (slice){&c, 1});
}

void buf_fill(struct buf *b, char c, size_t n)
{
	char *to = buf_room(b, n);
	if (to && n) {
		memset(to, c, n);
		b->n += n;
	}
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	size_t spare = b->p && !b->full ? b->cap - b->n : 0;
	int n = vsnprintf(spare ? b->p + b->n : NULL, spare, fmt, ap);
	char *to = n >= 0 ? buf_room(b, (size_t)n + 1) : NULL;
	if (to && (size_t)n < spare) {
		b->n += (size_t)n;
	} else if (to) {
		vsnprintf(to, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void buf_drop_front(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

static void put_be(struct buf *b, uint64_t v, size_t bytes)
{
	char *to = buf_room(b, bytes);
	if (!to)
		return;
	for (size_t i = 0; i < bytes; i++)
		to[i] = (char)(v >> (8 * (bytes - 1 - i)));
	b->n += bytes;
}

void buf_u8(struct buf *b, uint8_t v)
{
	put_be(b, v, 1);
}

void buf_u16(struct buf *b, uint16_t v)
{
	put_be(b, v, 2);
}

void buf_u32(struct buf *b, uint32_t v)
{
	put_be(b, v, 4);
}

void buf_u64(struct buf *b, uint64_t v)
{
	put_be(b, v, 8);
}

void buf_f32(struct buf *b, float v)
{
	uint32_t bits;
	memcpy(&bits, &v, sizeof bits);
	buf_u32(b, bits);
}

void buf_str(struct buf *b, slice s)
{
	buf_u32(b, (uint32_t)s.n);
	buf_put(b, s);
}
