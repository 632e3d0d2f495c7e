/*
 * The life of one connection: TLS where configured, requests one after another until the client closes, an error, a
 * limit or a drain (RFC 9112 9). Called by bin/web in a coroutine of its own for every connection; whole sessions also
 * run from memory in tests and in the fuzzer.
 */
#include "proto/http/session.h"

#include "base/mem.h"
#include "run/co.h"
#include "run/metrics.h"
#include "run/tls.h"
#include <stdio.h>
#include <sys/socket.h>

METRIC_COUNTER(requests, "posthouse_http_requests_total", "", "HTTP requests answered.");
METRIC_GAUGE(sessions_open, "posthouse_http_sessions", "", "HTTP connections open now.");
METRIC_DURATION(request_seconds, "posthouse_http_request_seconds", "",
	"Time from a request's head to the end of its response.");

enum { LINGER_MAX = 256 * 1024, LINGER_SECONDS = 1 };

void http_hub_init(struct http_hub *h)
{
	*h = (struct http_hub){0};
	list_init(&h->sessions);
}

void http_drain(struct http_hub *h)
{
	h->draining = true;
	list_each(node, &h->sessions) {
		struct http_session *s = list_entry(node, struct http_session, node);
		if (s->waiting && s->co)
			co_cancel(s->co);
	}
}

/* ---- who asks ---- */

static bool is_proxy(const struct http_session *s, const struct net_addr *a)
{
	const struct conf_nets *nets = s->service->proxies;
	for (size_t i = 0; nets && i < nets->n; i++)
		if (net_cidr_match(&nets->v[i], a))
			return true;
	return nets && nets->n && a->ss.ss_family == AF_UNIX;
}

/* From the right: each proxy of ours adds who spoke to it; what lies behind the first stranger is only said. */
static void look_behind(struct http_session *s)
{
	struct http *h = &s->h;
	slice all = http1_field(s->head, S("x-forwarded-for"));
	if (http1_count(s->head, S("x-forwarded-for")) != 1)
		return;
	for (int i = 0; i < HTTP_FORWARDED_MAX && all.n && is_proxy(s, &h->client); i++) {
		size_t comma = slice_rindex(all, ',');
		slice ip = slice_trim(slice_skip(all, comma < all.n ? comma + 1 : 0));
		struct net_addr a;
		struct err e;
		if (net_from_ip(ip, 0, &a, &e) < 0)
			return;
		net_unmap(&a);
		h->client = a;
		all = slice_first(all, comma < all.n ? comma : 0);
	}
}

static void meet(struct http_session *s)
{
	struct http *h = &s->h;
	h->client = s->peer;
	h->secure = s->service->tls != NULL;
	if (is_proxy(s, &s->peer)) {
		look_behind(s);
		h->secure |= slice_ieq(http1_field(s->head, S("x-forwarded-proto")), S("https"));
	}
	net_print_ip(&h->client, h->ip);
}

/* ---- one request ---- */

static void start(struct http_session *s)
{
	arena_reset(&s->mem);
	*s->head = (struct http1_head){0}; /* borrowed from there */
	buf_reset(&s->h.out);
	struct buf out = s->h.out;
	s->h = (struct http){
		.service = s->service,
		.arg = s->arg,
		.a = &s->mem,
		.head = s->head,
		.client = s->peer,
		.status = 200,
		.out = out,
		.session = s,
	};
	net_print_ip(&s->peer, s->h.ip);
	http_output_start(s);
}

static void finish(struct http_session *s)
{
	http_output_end(s);
	metric_add(&requests, 1);
	metric_observe(&request_seconds, (uint64_t)(instant_now() - s->began));
	if (s->service->done)
		s->service->done(&s->h, instant_now() - s->began);
}

/* What was no request we understand: an answer, and then nothing more from this connection. */
static void refuse(struct http_session *s, unsigned status)
{
	s->keep = false;
	s->body = HTTP1_NO_BODY;
	s->began = instant_now();
	http_fail(&s->h, status);
	finish(s);
}

/* False: the connection is over. */
static bool one_request(struct http_session *s, bool first)
{
	unsigned status = 0;
	start(s);
	int r = http_input_head(s, first, &status);
	if (r <= 0) {
		if (status)
			refuse(s, status);
		return false;
	}
	meet(s);
	http_route(&s->h);
	finish(s);
	return s->keep && !s->gone && http_input_rest(s) && !s->hub->draining;
}

/* ---- the connection ---- */

/* A client that still sends shall hear what we said: closing at once would take it away from him. */
static void linger(struct http_session *s)
{
	struct err e;
	size_t seen = 0;
	int fd = io_fd(s->io);
	if (s->gone || io_flush(s->io, &e) < 0)
		return;
	if (fd >= 0 && !tls_active(s->io))
		shutdown(fd, SHUT_WR);
	io_set_deadline(s->io, instant_in(LINGER_SECONDS * SECOND));
	do {
		slice in = io_peek(s->io);
		seen += in.n;
		io_consume(s->io, in.n);
	} while (seen < LINGER_MAX && io_fill(s->io, LINGER_MAX, &e) == 1);
}

static bool start_tls(struct http_session *s)
{
	struct err e;
	io_set_deadline(s->io, instant_in(s->service->limits.time_head));
	if (!s->service->tls || tls_accept(s->io, s->service->tls, &e) == 0)
		return true;
	if (s->service->lost)
		s->service->lost(s->arg, &s->peer, &e);
	return false;
}

static void print_card(void *arg, void *file)
{
	const struct http_session *s = arg;
	fprintf(file, "http client=%s route=%s status=%u\n", s->h.ip, s->h.route ? s->h.route : "-",
		s->h.status);
}

static void talk(struct http_session *s)
{
	for (int64_t n = 1; n <= s->service->limits.requests; n++) {
		/* The last one is told so. */
		s->keep = n < s->service->limits.requests && !s->hub->draining;
		if (!one_request(s, n == 1))
			break;
	}
	linger(s);
}

void http_serve(struct http_hub *hub, struct io *io, const struct http_service *service, void *arg,
	const struct net_addr *peer)
{
	struct http_session *s = NEW(struct http_session);
	s->hub = hub;
	s->io = io;
	s->service = service;
	s->arg = arg;
	s->peer = *peer;
	s->co = co_self();
	s->head = NEW(struct http1_head);
	s->h.out = BUF(HTTP_OUT_MAX);
	s->headers = BUF(HTTP_HEADERS_MAX);
	list_append(&hub->sessions, &s->node);
	hub->n++;
	metric_add(&sessions_open, 1);
	co_set_card((struct co_card){print_card, s});
	if (start_tls(s))
		talk(s);
	co_set_card((struct co_card){0});
	metric_add(&sessions_open, -1);
	hub->n--;
	list_remove(&s->node);
	io_close(s->io);
	buf_done(&s->h.out);
	buf_done(&s->headers);
	arena_done(&s->mem);
	free(s->head);
	free(s);
}
