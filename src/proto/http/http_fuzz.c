/*
 * Whole connections from memory: whatever comes, the session ends, answers with heads that are well formed, and a handler
 * that reads a body gets no more bytes than its limit.
 */
#include "proto/http/http.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/co.h"
#include "run/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { BODY_MAX = 100 };

static void echo(struct http *h)
{
	slice body, q;
	if (http_body(h, BODY_MAX, &body) < 0)
		return;
	must(body.n <= BODY_MAX);
	if (http_query(h, S("q"), &q))
		http_header(h, S("X-Q"), q);
	buf_put(&h->out, body);
}

static void stream(struct http *h)
{
	slice piece;
	if (http_begin(h, -1) < 0)
		return;
	while (http_read(h, &piece) == 1)
		if (http_send(h, piece) < 0)
			return;
}

static const struct http_route routes[] = {
	{"/", HTTP_GET | HTTP_POST, echo}, {"/s/*", HTTP_PUT | HTTP_POST, stream}, {NULL, 0, NULL}};

static void serve(void *arg)
{
	static const struct http_service service = {
		.routes = routes, .limits = {SECOND, SECOND, SECOND, SECOND, 50}};
	struct http_hub hub;
	struct net_addr peer;
	struct err e;
	http_hub_init(&hub);
	must(net_from_ip(S("192.0.2.1"), 1, &peer, &e) == 0);
	http_serve(&hub, arg, &service, NULL, &peer);
	must(hub.n == 0);
}

/* The first response's head is one that a client understands. */
static void check(slice out)
{
	struct http1_head *h = NEW(struct http1_head);
	size_t from = 0, n = 0;
	if (out.n) {
		must(http1_head_end(out, &from, &n) == HTTP1_FINE);
		must(http1_read_response(slice_first(out, n), false, h) == HTTP1_FINE);
	}
	free(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static bool ready;
	AUTO(buf) struct buf out = BUF(1 << 22);
	if (n > 20000)
		return 0;
	if (!ready)
		loop_init();
	ready = true;
	loop_main(serve, io_mem(slice_of(data, n), &out));
	check(buf_slice(&out));
	return 0;
}
