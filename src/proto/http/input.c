/*
 * What the client says: heads within their time and size, bodies as the handler asks for them (RFC 9112 6, 7; 100-continue
 * RFC 9110 10.1.1). Slow clients have a time for the head as a whole, and for bodies a rate.
 */
#include "proto/http/session.h"

#include "base/mem.h"

static unsigned status_of(enum http1_result r)
{
	switch (r) {
	case HTTP1_LONG_TARGET:
		return 414;
	case HTTP1_LARGE:
		return 431;
	case HTTP1_CODING:
		return 501;
	case HTTP1_VERSION:
		return 505;
	default:
		return 400;
	}
}

/* ---- heads ---- */

/* Waits for the first byte: as long as a connection may be idle. 1, 0 or -1. */
static int wait_first(struct http_session *s, bool first)
{
	const struct http_limits *l = &s->service->limits;
	struct err e;
	int r = 1;
	io_set_deadline(s->io, instant_in(first ? l->time_head : l->time_idle));
	s->waiting = true;
	if (io_peek(s->io).n == 0)
		r = io_fill(s->io, HTTP1_HEAD_MAX, &e);
	s->waiting = false;
	if (r < 0 && first && s->service->lost)
		s->service->lost(s->arg, &s->peer, &e);
	return r;
}

/* One empty line before a request is forgiven (RFC 9112 2.2). */
static size_t blank(slice in)
{
	return slice_starts(in, S("\r\n")) ? 2 : 0;
}

/* The head's size in *ret_n, behind `blank` bytes. 1, 0 the end, -1 with a status. */
static int find_head(struct http_session *s, size_t *ret_n, unsigned *ret_status)
{
	size_t from = 0;
	struct err e;
	for (;;) {
		slice in = io_peek(s->io);
		bool unsure = in.n == 1 && in.p[0] == '\r';
		enum http1_result r =
			unsure ? HTTP1_MORE
			       : http1_head_end(slice_skip(in, blank(in)), &from, ret_n);
		if (r == HTTP1_FINE)
			return 1;
		if (r != HTTP1_MORE) {
			*ret_status = status_of(r);
			return -1;
		}
		int got = io_fill(s->io, HTTP1_HEAD_MAX + 4, &e);
		if (got == 1)
			continue;
		if (got < 0 && (e.kind == ERR_TIMEOUT || e.kind == ERR_LIMIT))
			*ret_status = e.kind == ERR_TIMEOUT ? 408 : 431;
		return got;
	}
}

int http_input_head(struct http_session *s, bool first, unsigned *ret_status)
{
	size_t n = 0;
	int r = wait_first(s, first);
	if (r <= 0)
		return r;
	s->began = instant_now();
	io_set_deadline(s->io, instant_in(s->service->limits.time_head));
	if ((r = find_head(s, &n, ret_status)) <= 0)
		return r;
	size_t before = blank(io_peek(s->io));
	slice head = arena_dup(&s->mem, slice_first(slice_skip(io_peek(s->io), before), n));
	io_consume(s->io, before + n);
	enum http1_result got = http1_read_request(head, s->head);
	if (got != HTTP1_FINE || !http1_target_read(s->head->target, &s->mem, &s->h.target)) {
		*ret_status = got != HTTP1_FINE ? status_of(got) : 400;
		return -1;
	}
	s->body = s->head->body;
	s->left = s->head->length;
	s->chunks = (struct http1_chunks){0};
	s->given = 0;
	s->received = 0;
	s->continued = s->broken = false;
	s->keep = s->keep && s->head->keep_alive;
	return 1;
}

/* ---- bodies ---- */

static int ask_to_go_on(struct http_session *s)
{
	struct err e;
	if (!s->head->expects || s->continued || io_peek(s->io).n)
		return 0;
	s->continued = true;
	return io_write(s->io, S("HTTP/1.1 100 Continue\r\n\r\n"), &e) < 0 ? -1
									   : io_flush(s->io, &e);
}

/* Says no; what comes behind is not to be understood any more. */
static int spoil(struct http_session *s, unsigned status)
{
	s->broken = true;
	s->keep = false;
	s->body = HTTP1_NO_BODY;
	http_fail(&s->h, status);
	return -1;
}

/* At least a byte of input, or -1. */
static int more(struct http_session *s)
{
	struct err e;
	int64_t earned = (int64_t)(s->received / HTTP_BODY_RATE) * SECOND;
	if (io_peek(s->io).n)
		return 0;
	if (ask_to_go_on(s) < 0)
		return spoil(s, 408);
	io_set_deadline(s->io, s->began + s->service->limits.time_body + earned);
	int r = io_fill(s->io, HTTP1_HEAD_MAX, &e);
	if (r == 1)
		return 0;
	return spoil(s, r < 0 && e.kind == ERR_TIMEOUT ? 408 : 400);
}

/* A piece of what is there: 1, 0 the end of the body, 2 nothing yet, -1. */
static int take_piece(struct http_session *s, slice *ret)
{
	slice in = io_peek(s->io), rest = in;
	if (s->body == HTTP1_LENGTH) {
		*ret = slice_first(in, in.n < s->left ? in.n : (size_t)s->left);
		s->left -= ret->n;
		s->given = ret->n;
		if (s->left == 0)
			s->body = HTTP1_NO_BODY;
		return 1;
	}
	enum http1_chunk r = http1_chunk_next(&s->chunks, &rest, ret);
	s->given = in.n - rest.n;
	if (r == HTTP1_CHUNK_BAD)
		return spoil(s, 400);
	if (r == HTTP1_CHUNK_END)
		s->body = HTTP1_NO_BODY;
	return r == HTTP1_CHUNK_DATA ? 1 : r == HTTP1_CHUNK_END ? 0 : 2;
}

int http_read(struct http *h, slice *ret)
{
	struct http_session *s = h->session;
	int r = 2;
	io_consume(s->io, s->given);
	s->given = 0;
	while (r == 2 && s->body != HTTP1_NO_BODY) {
		if (more(s) < 0)
			return -1;
		r = take_piece(s, ret);
		if (r == 1)
			s->received += ret->n;
		if (r != 1) {
			io_consume(s->io, s->given);
			s->given = 0;
		}
	}
	return s->broken ? -1 : r == 1;
}

int http_body(struct http *h, size_t max, slice *ret)
{
	struct http_session *s = h->session;
	AUTO(buf) struct buf all = BUF(max);
	slice piece;
	int r;
	if (s->body == HTTP1_LENGTH && s->left > max)
		return spoil(s, 413);
	while ((r = http_read(h, &piece)) == 1) {
		buf_put(&all, piece);
		if (!buf_ok(&all))
			return spoil(s, 413);
	}
	if (r < 0)
		return -1;
	*ret = arena_dup(h->a, buf_slice(&all));
	return 0;
}

bool http_input_rest(struct http_session *s)
{
	slice piece;
	uint64_t before = s->received;
	int r = 0;
	if (s->body != HTTP1_NO_BODY && s->head->expects && !s->continued && !io_peek(s->io).n)
		return false; /* it was told no, and may or may not send it: nobody could tell */
	s->continued = true;
	while (s->received - before < HTTP_DRAIN_MAX && (r = http_read(&s->h, &piece)) == 1)
		;
	return r == 0 && !s->broken;
}
