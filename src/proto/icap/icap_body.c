/*
 * Chunked bodies of ICAP (RFC 3507 section 4.4, RFC 9112 section 7.1), sent, and read back to see whether they
 * are still the same.
 */
#include "proto/icap/icap_impl.h"

enum { CHUNK_LINE_MAX = 256, FILL_MAX = 64 * 1024, TRAILER_LINES_MAX = 20 };
#define CHUNK_MAX (1ULL << 40)

int icap_send_chunk(struct io *io, slice bytes, struct err *e)
{
	if (io_printf(io, e, "%zx\r\n", bytes.n) < 0 || io_write(io, bytes, e) < 0)
		return -1;
	return io_write(io, S("\r\n"), e);
}

static int bad(struct err *e)
{
	return err_set(e, ERR_PROTO, "a damaged body from the ICAP server");
}

static int line(struct io *io, slice *ret, struct err *e)
{
	int r = io_line(io, CHUNK_LINE_MAX, ret, e);
	return r > 0 ? 0 : r == 0 ? err_set(e, ERR_CLOSED, "the ICAP server broke off") : -1;
}

static int chunk_size(struct io *io, uint64_t *ret, struct err *e)
{
	slice text;
	uint64_t n = 0;
	size_t i = 0;
	if (line(io, &text, e) < 0)
		return -1;
	for (; i < text.n && n < CHUNK_MAX; i++) {
		char c = ascii_lower(text.p[i]);
		if (c >= '0' && c <= '9')
			n = n * 16 + (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n * 16 + (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	if (i == 0 || n >= CHUNK_MAX)
		return bad(e);
	*ret = n;
	return 0;
}

/* What is left of `sent` loses what came; once they differ it only reads on. */
static int read_chunk(struct io *io, uint64_t n, slice *sent, bool *same, struct err *e)
{
	while (n) {
		slice have = io_peek(io);
		if (!have.n) {
			int r = io_fill(io, FILL_MAX, e);
			if (r <= 0)
				return r < 0 ? -1
					     : err_set(e, ERR_CLOSED, "the ICAP server broke off");
			continue;
		}
		have = slice_first(have, have.n < n ? have.n : (size_t)n);
		*same = *same && have.n <= sent->n && memcmp(have.p, sent->p, have.n) == 0;
		*sent = slice_skip(*sent, have.n);
		n -= have.n;
		io_consume(io, have.n);
	}
	return 0;
}

int icap_body_compare(struct io *io, slice sent, bool *ret_same, struct err *e)
{
	bool same = true;
	slice end;
	for (;;) {
		uint64_t n = 0;
		if (chunk_size(io, &n, e) < 0)
			return -1;
		if (n == 0)
			break;
		if (read_chunk(io, n, &sent, &same, e) < 0 || line(io, &end, e) < 0)
			return -1;
		if (!same)
			break; /* known enough */
	}
	*ret_same = same && sent.n == 0;
	return 0;
}
