/*
 * Chunked bodies (RFC 9112 7.1), byte for byte as the grammar has them: hexadecimal size, extensions that are read
 * over, CRLF and nothing else at each line's end, a trailer that is dropped (7.1.2). Called by proto/http.
 */
#include "codec/http1.h"

#include "base/hex.h"

enum state {
	SIZE, /* 0: the start */
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_START,
	TRAILER,
	TRAILER_LF,
	LAST_LF,
	END,
};
enum { DIGITS_MAX = 15 };

/* One character of the line with the size. False: none that may stand there. */
static bool size_char(struct http1_chunks *c, char ch)
{
	int digit = hex_digit(ch);
	if (++c->line > HTTP1_CHUNK_LINE_MAX)
		return false;
	if (ch == '\r') {
		c->state = SIZE_LF;
		return c->digits > 0;
	}
	if (c->state == EXTENSION)
		return ch == '\t' || ((unsigned char)ch >= 0x20 && ch != 0x7f);
	if (digit >= 0 && c->digits < DIGITS_MAX) {
		c->left = c->left << 4 | (uint64_t)digit;
		c->digits++;
		return true;
	}
	c->state = EXTENSION;
	return c->digits > 0 && (ch == ';' || ch == ' ' || ch == '\t');
}

static bool trailer_char(struct http1_chunks *c, char ch)
{
	bool start = c->state == TRAILER_START;
	if (++c->line > HTTP1_TRAILER_MAX)
		return false;
	if (ch == '\r') {
		c->state = start ? LAST_LF : TRAILER_LF;
		return true;
	}
	c->state = TRAILER;
	if (start && (ch == ' ' || ch == '\t' || ch == ':'))
		return false;
	return ch == '\t' || ((unsigned char)ch >= 0x20 && ch != 0x7f);
}

static void line_ended(struct http1_chunks *c)
{
	switch (c->state) {
	case SIZE_LF:
		c->state = c->left ? DATA : TRAILER_START;
		c->line = 0;
		break;
	case DATA_LF:
		*c = (struct http1_chunks){0};
		break;
	case TRAILER_LF:
		c->state = TRAILER_START;
		break;
	default:
		c->state = END;
	}
}

/* One character outside of data. */
static bool step(struct http1_chunks *c, char ch)
{
	switch (c->state) {
	case SIZE:
	case EXTENSION:
		return size_char(c, ch);
	case TRAILER_START:
	case TRAILER:
		return trailer_char(c, ch);
	case DATA_CR:
		c->state = DATA_LF;
		return ch == '\r';
	default:
		line_ended(c);
		return ch == '\n';
	}
}

enum http1_chunk http1_chunk_next(struct http1_chunks *c, slice *in, slice *ret)
{
	while (c->state != END && in->n) {
		if (c->state == DATA) {
			size_t n = in->n < c->left ? in->n : (size_t)c->left;
			*ret = slice_first(*in, n);
			*in = slice_skip(*in, n);
			c->left -= n;
			c->state = c->left ? DATA : DATA_CR;
			return HTTP1_CHUNK_DATA;
		}
		if (!step(c, in->p[0]))
			return HTTP1_CHUNK_BAD;
		*in = slice_skip(*in, 1);
	}
	return c->state == END ? HTTP1_CHUNK_END : HTTP1_CHUNK_MORE;
}
