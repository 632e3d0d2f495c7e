/*
 * buf: bytes that grow up to a limit it was born with. Reaching the limit sets a sticky error;
 * later appends are dropped, so build a whole thing and ask buf_ok() once.
 */
#pragma once
#include "base/slice.h"
#include <stdarg.h>

struct buf {
	char *p;
	size_t n, cap, limit;
	bool full; /* the limit was reached: the content is incomplete */
};

#define BUF(lim) ((struct buf){.limit = (lim)})

void buf_done(struct buf *b); /* frees; the buf is empty and usable again */
static inline void auto_buf(struct buf *b)
{
	buf_done(b);
}

static inline bool buf_ok(const struct buf *b)
{
	return !b->full;
}

static inline slice buf_slice(const struct buf *b)
{
	return (slice){b->p, b->n};
}

void buf_reset(struct buf *b); /* empty, error cleared, memory kept */
void buf_put(struct buf *b, slice s);
void buf_byte(struct buf *b, char c);
void buf_fill(struct buf *b, char c, size_t n);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Room for n more bytes at the end, or NULL (limit; sticky). Then buf_commit what was written. */
char *buf_room(struct buf *b, size_t n);
static inline void buf_commit(struct buf *b, size_t n)
{
	b->n += n;
}

void buf_drop_front(struct buf *b, size_t n); /* removes the first n bytes, moves the rest down */

/* Fixed width, big endian: for our own records. */
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_f32(struct buf *b, float v); /* IEEE 754; any value */
/* u32 length and the bytes; read back by cur_str(). */
void buf_str(struct buf *b, slice s);
