/*
 * What the client hears: status, headers, and a body that was made in memory or comes in pieces (RFC 9112 6, 7.1). The
 * response to HEAD has the head that GET would have. An error throws away what a handler had made before, as long as
 * nothing has left.
 */
#include "proto/http/session.h"

#include "base/mem.h"

void http_output_start(struct http_session *s)
{
	buf_reset(&s->headers);
	s->begun = s->chunked = false;
	s->promised = -1;
}

void http_header(struct http *h, slice name, slice value)
{
	http1_put_field(&h->session->headers, name, value);
}

void http_fail(struct http *h, unsigned status)
{
	struct http_session *s = h->session;
	h->status = status;
	if (s->begun) {
		s->gone = true; /* what has begun must not look whole */
		return;
	}
	buf_reset(&h->out);
	buf_reset(&s->headers);
	if (h->service->fail) {
		h->service->fail(h);
		return;
	}
	http_header(h, S("Content-Type"), S("text/plain; charset=utf-8"));
	buf_printf(&h->out, "%u %s\n", status, http1_reason(status));
}

void http_redirect(struct http *h, slice target)
{
	h->status = 303;
	buf_reset(&h->out);
	http_header(h, S("Location"), target);
}

/* ---- the head ---- */

static bool bodiless(unsigned status)
{
	return status == 204 || status == 304 || status < 200;
}

static void put_framing(struct http_session *s, int64_t length, struct buf *out)
{
	struct http *h = &s->h;
	bool old = s->head->minor == 0;
	if (length >= 0 && !bodiless(h->status))
		buf_printf(out, "Content-Length: %lld\r\n", (long long)length);
	if (length < 0 && !old) {
		s->chunked = !h->only_head;
		buf_put(out, S("Transfer-Encoding: chunked\r\n"));
	} else if (length < 0) {
		s->keep = false;
	}
	if (!s->keep)
		buf_put(out, S("Connection: close\r\n"));
	else if (old)
		buf_put(out, S("Connection: keep-alive\r\n"));
}

static int put_head(struct http_session *s, int64_t length)
{
	AUTO(buf) struct buf out = BUF(2 * HTTP_HEADERS_MAX);
	char date[HTTP1_DATE_MAX];
	struct err e;
	if (s->hub->draining)
		s->keep = false;
	s->begun = true;
	http1_put_status(&out, s->h.status);
	http1_put_field(&out, S("Date"), slice_of(date, http1_date(wall_now(), date)));
	if (s->service->headers)
		buf_put(&out, slice_z(s->service->headers));
	buf_put(&out, buf_slice(&s->headers));
	put_framing(s, length, &out);
	buf_put(&out, S("\r\n"));
	io_set_deadline(s->io, instant_in(s->service->limits.time_write));
	if (!buf_ok(&out) || !buf_ok(&s->headers) || io_write(s->io, buf_slice(&out), &e) < 0)
		s->gone = true;
	return s->gone ? -1 : 0;
}

/* ---- the body ---- */

static int put(struct http_session *s, slice piece)
{
	enum { AT_ONCE = 32 * 1024 };
	struct err e;
	while (piece.n && !s->gone) {
		io_set_deadline(s->io, instant_in(s->service->limits.time_write));
		if (io_write(s->io, slice_first(piece, AT_ONCE), &e) < 0)
			s->gone = true;
		piece = slice_skip(piece, AT_ONCE);
	}
	return s->gone ? -1 : 0;
}

int http_begin(struct http *h, int64_t length)
{
	h->session->promised = length;
	return put_head(h->session, length);
}

int http_send(struct http *h, slice piece)
{
	struct http_session *s = h->session;
	h->sent += piece.n;
	if (h->only_head || !piece.n)
		return s->gone ? -1 : 0;
	if (s->chunked) {
		slice size = arena_printf(h->a, "%zx\r\n", piece.n);
		return put(s, size) < 0 || put(s, piece) < 0 ? -1 : put(s, S("\r\n"));
	}
	return put(s, piece);
}

/* Pieces that are fewer than was promised must not be followed by anything. */
static void end_pieces(struct http_session *s)
{
	if (s->chunked)
		put(s, S("0\r\n\r\n"));
	else if (s->promised >= 0 && !s->h.only_head && s->h.sent != (uint64_t)s->promised)
		s->gone = true;
}

void http_output_end(struct http_session *s)
{
	struct http *h = &s->h;
	struct err e;
	if (s->begun) {
		end_pieces(s);
	} else {
		if (!buf_ok(&h->out))
			http_fail(h, 500);
		if (put_head(s, (int64_t)h->out.n) == 0 && !bodiless(h->status))
			http_send(h, buf_slice(&h->out));
	}
	if (s->gone || io_flush(s->io, &e) < 0)
		s->gone = true;
}
