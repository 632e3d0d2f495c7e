/*
 * Questions to an ICAP server (icap.h): OPTIONS (RFC 3507 section 4.10), RESPMOD (4.9), REQMOD (4.8), with a
 * preview when the server offers one (4.5). Called by bin/engine_net.c.
 */
#include "proto/icap/icap.h"

#include "base/buf.h"
#include "base/mem.h"
#include "proto/icap/icap_impl.h"

enum {
	CHUNK = 64 * 1024,
	EARLY_MAX = 512 * 1024, /* of an answer that begins before the end of the question */
	OK = 200,
	CONTINUE = 100,
	NO_CONTENT = 204,
	NOT_FOUND = 404,
	HTTP_ERROR = 400
};

static int unexpected(const struct icap_head *h, struct err *e)
{
	return err_set(e, h->status == NOT_FOUND ? ERR_NOTFOUND : ERR_TEMP, "ICAP: %u %.*s",
		h->status, SFMT(slice_first(h->reason, 100)));
}

/* ---- OPTIONS ---- */

int icap_options(struct io *io, const struct icap_target *t, struct arena *a,
	struct icap_options *ret, struct err *e)
{
	struct icap_head h;
	if (io_printf(io, e,
		    "OPTIONS icap://%.*s%.*s ICAP/1.0\r\nHost: %.*s\r\nUser-Agent: Posthouse\r\n"
		    "Encapsulated: null-body=0\r\n\r\n",
		    SFMT(t->host), SFMT(t->service), SFMT(t->host)) < 0 ||
		icap_head_read(io, a, &h, e) < 0)
		return -1;
	if (h.status != OK)
		return unexpected(&h, e);
	*ret = (struct icap_options){.version = h.istag,
		.server = h.service,
		.preview = h.preview,
		.respmod = h.respmod,
		.reqmod = h.reqmod};
	return 0;
}

/* ---- the request ---- */

/* A name in a URL, of what every engine takes. */
static void put_name(struct buf *out, slice name)
{
	slice s = slice_first(name.n ? name : S("message.eml"), ICAP_NAME_MAX);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
		if (plain)
			buf_byte(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* The HTTP exchange that the message pretends to be. */
static void put_http(struct buf *http, const struct icap_question *q, size_t *ret_second)
{
	buf_printf(http, "%s http://mail.invalid/", q->reqmod ? "POST" : "GET");
	put_name(http, q->name);
	buf_put(http, S(" HTTP/1.1\r\nHost: mail.invalid\r\n"));
	if (!q->reqmod) {
		buf_put(http, S("\r\n"));
		*ret_second = http->n;
		buf_put(http, S("HTTP/1.1 200 OK\r\n"));
	}
	buf_printf(http, "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n",
		q->bytes.n);
}

static int send_head(
	struct io *io, const struct icap_target *t, const struct icap_question *q, struct err *e)
{
	AUTO(buf) struct buf http = BUF(4096);
	AUTO(buf) struct buf head = BUF(4096);
	size_t second = 0;
	put_http(&http, q, &second);
	buf_printf(&head,
		"%s icap://%.*s%.*s ICAP/1.0\r\nHost: %.*s\r\nUser-Agent: Posthouse\r\n"
		"Allow: 204\r\n",
		q->reqmod ? "REQMOD" : "RESPMOD", SFMT(t->host), SFMT(t->service), SFMT(t->host));
	if (q->preview >= 0)
		buf_printf(&head, "Preview: %lld\r\n", (long long)q->preview);
	if (q->reqmod)
		buf_printf(&head, "Encapsulated: req-hdr=0, req-body=%zu\r\n\r\n", http.n);
	else
		buf_printf(&head, "Encapsulated: req-hdr=0, res-hdr=%zu, res-body=%zu\r\n\r\n",
			second, http.n);
	if (!buf_ok(&head) || !buf_ok(&http))
		return err_set(e, ERR_LIMIT, "the ICAP service's name is too long");
	return io_write(io, buf_slice(&head), e) < 0 ? -1 : io_write(io, buf_slice(&http), e);
}

/* A server may begin its answer while it is still being sent to, and goes on only when somebody reads; that
 * it begins says nothing yet, unless it is an error. False: enough is known. */
static int listen_meanwhile(struct io *io, bool *ret_go_on, struct err *e)
{
	*ret_go_on = true;
	if (!io_ready(io) || io_peek(io).n >= EARLY_MAX)
		return 0;
	if (io_fill(io, EARLY_MAX, e) < 0)
		return -1;
	slice said = io_peek(io);
	*ret_go_on = said.n < 10 || !slice_starts(said, S("ICAP/1.0 ")) || said.p[9] < '4';
	return 0;
}

static int send_bytes(struct io *io, slice bytes, bool *ret_all, struct err *e)
{
	bool go_on = true;
	while (bytes.n && go_on) {
		slice piece = slice_first(bytes, CHUNK);
		if (icap_send_chunk(io, piece, e) < 0 || io_flush(io, e) < 0 ||
			listen_meanwhile(io, &go_on, e) < 0)
			return -1;
		bytes = slice_skip(bytes, piece.n);
	}
	*ret_all = bytes.n == 0;
	return 0;
}

static int send_rest(struct io *io, slice bytes, struct err *e)
{
	bool all;
	if (send_bytes(io, bytes, &all, e) < 0)
		return -1;
	return all ? io_write(io, S("0\r\n\r\n"), e) : 0;
}

/* RFC 3507 section 4.5: "ieof" when the preview is everything. */
static int send_preview(struct io *io, const struct icap_question *q, struct err *e)
{
	slice first = slice_first(q->bytes, (size_t)q->preview);
	bool all = first.n == q->bytes.n;
	if (first.n && icap_send_chunk(io, first, e) < 0)
		return -1;
	return io_write(io, all ? S("0; ieof\r\n\r\n") : S("0\r\n\r\n"), e);
}

/* ---- the answer ---- */

static int read_http(struct io *io, size_t n, slice *ret, struct err *e)
{
	while (io_peek(io).n < n) {
		int r = io_fill(io, ICAP_HTTP_MAX, e);
		if (r <= 0)
			return r < 0 ? -1 : err_set(e, ERR_CLOSED, "the ICAP server broke off");
	}
	*ret = slice_first(io_peek(io), n);
	return 0;
}

/* 200: something is to take the message's place, or it comes back as it was. */
static int judge_content(struct io *io, const struct icap_head *h, const struct icap_question *q,
	struct icap_answer *ret, struct err *e)
{
	slice http;
	bool same = false;
	if (read_http(io, h->http, &http, e) < 0)
		return -1;
	unsigned status = icap_http_status(http);
	bool page = h->response && (q->reqmod || status >= HTTP_ERROR);
	io_consume(io, h->http);
	if (!page && h->body && icap_body_compare(io, q->bytes, &same, e) < 0)
		return -1;
	ret->infected = page || !same;
	if (ret->infected)
		ret->virus = page ? S("blocked") : S("changed-by-the-server");
	return 0;
}

static int judge(struct io *io, const struct icap_head *h, const struct icap_question *q,
	struct icap_answer *ret, struct err *e)
{
	*ret = (struct icap_answer){0};
	if (h->status != OK && h->status != NO_CONTENT)
		return unexpected(h, e);
	if (h->threat.n) {
		*ret = (struct icap_answer){true, h->threat};
		return 0;
	}
	return h->status == NO_CONTENT ? 0 : judge_content(io, h, q, ret, e);
}

static int send_all(struct io *io, const struct icap_target *t, const struct icap_question *q,
	struct arena *a, struct icap_head *h, struct err *e)
{
	if (send_head(io, t, q, e) < 0)
		return -1;
	if (q->preview < 0)
		return send_rest(io, q->bytes, e) < 0 ? -1 : icap_head_read(io, a, h, e);
	if (send_preview(io, q, e) < 0 || icap_head_read(io, a, h, e) < 0)
		return -1;
	if (h->status != CONTINUE)
		return 0;
	if (send_rest(io, slice_skip(q->bytes, (size_t)q->preview), e) < 0)
		return -1;
	return icap_head_read(io, a, h, e);
}

int icap_ask(struct io *io, const struct icap_target *t, const struct icap_question *q,
	struct arena *a, struct icap_answer *ret, struct err *e)
{
	struct icap_head h;
	if (send_all(io, t, q, a, &h, e) < 0)
		return -1;
	return judge(io, &h, q, ret, e);
}
