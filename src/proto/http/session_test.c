/* Whole connections from memory: what a client says and what it hears, whole and byte by byte. */
#include "proto/http/http.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/test.h"
#include "run/co.h"
#include "run/loop.h"

static void hello(struct http *h)
{
	slice name = S("you");
	http_query(h, S("name"), &name);
	http_header(h, S("Content-Type"), S("text/plain"));
	http_header(h, S("X-Odd"), name); /* left out when it cannot be one */
	buf_printf(&h->out, "hello %.*s %s%s", SFMT(name), h->ip, h->secure ? " tls" : "");
}

static void echo(struct http *h)
{
	slice body;
	if (http_body(h, 20, &body) < 0)
		return;
	buf_printf(&h->out, "%.*s:%.*s", SFMT(http_part(h, 1)), SFMT(body));
}

static void ignore(struct http *h)
{
	h->status = 202;
}

static void pieces(struct http *h)
{
	if (http_begin(h, -1) < 0 || http_send(h, S("one,")) < 0 || http_send(h, S("two")) < 0)
		return;
}

static void broken(struct http *h)
{
	if (http_begin(h, 10) == 0)
		http_send(h, S("half"));
	http_fail(h, 500);
}

static void none(struct http *h)
{
	h->status = 204;
}

static const struct http_route routes[] = {{"/hello", HTTP_GET, hello},
	{"/echo/*", HTTP_POST | HTTP_PUT, echo}, {"/echo/*", HTTP_GET, hello},
	{"/ignore", HTTP_POST, ignore}, {"/pieces", HTTP_GET, pieces},
	{"/broken", HTTP_GET, broken}, {"/none", HTTP_GET, none}, {NULL, 0, NULL}};

static struct net_cidr proxy_nets[1];
static const struct conf_nets proxies = {proxy_nets, 1};

struct talk {
	slice in;
	const char *ip;
	struct buf out;
	size_t step;
	int64_t requests;
	struct io *far;
};

static void feed(void *arg)
{
	struct talk *t = arg;
	struct err e;
	for (slice in = t->in; in.n; in = slice_skip(in, t->step)) {
		if (io_write(t->far, slice_first(in, t->step), &e) < 0 || io_flush(t->far, &e) < 0)
			break;
		co_yield();
	}
}

static void collect(void *arg)
{
	struct talk *t = arg;
	struct err e;
	io_set_deadline(t->far, instant_in(300 * MSEC));
	do {
		slice in = io_peek(t->far);
		buf_put(&t->out, in);
		io_consume(t->far, in.n);
	} while (io_fill(t->far, 1 << 20, &e) == 1);
	loop_stop();
}

static void serve(void *arg)
{
	struct talk *t = arg;
	struct http_hub hub;
	struct http_service service = {.routes = routes,
		.proxies = &proxies,
		.headers = "X-All: yes\r\n",
		.limits = {50 * MSEC, 50 * MSEC, 50 * MSEC, SECOND, t->requests}};
	struct net_addr peer;
	struct err e;
	struct io *near;
	http_hub_init(&hub);
	must(net_cidr_parse(S("10.0.0.0/8"), &proxy_nets[0], &e) == 0);
	must(net_from_ip(slice_z(t->ip), 1234, &peer, &e) == 0);
	io_mem_pair(&near, &t->far);
	co_go("feed", feed, t);
	co_go("collect", collect, t);
	http_serve(&hub, near, &service, NULL, &peer);
}

/* What was heard, without the Date, which changes. */
static void talk(slice in, const char *ip, size_t step, int64_t requests, struct buf *ret)
{
	struct talk t = {
		.in = in, .ip = ip, .step = step, .requests = requests, .out = BUF(1 << 20)};
	loop_init();
	co_go("serve", serve, &t);
	loop_run();
	io_close(t.far);
	loop_done();
	slice all = buf_slice(&t.out);
	for (size_t at; (at = slice_find(all, S("Date: "))) < all.n;) {
		buf_put(ret, slice_first(all, at));
		all = slice_skip(all, at + 37);
	}
	buf_put(ret, all);
	buf_done(&t.out);
}

#define ALL "X-All: yes\r\n"
#define PLAIN "Content-Type: text/plain; charset=utf-8\r\n"
#define HELLO(who, n) ALL "Content-Type: text/plain\r\nX-Odd: " who "\r\nContent-Length: " n "\r\n"
#define REFUSED(line, n)                                                                           \
	"HTTP/1.1 " line "\r\n" ALL PLAIN "Content-Length: " n                                     \
	"\r\nConnection: close\r\n\r\n" line "\n"

struct said {
	const char *in, *out;
};

static void hear(const struct said *all, size_t n, const char *ip)
{
	static const size_t steps[] = {100000, 1, 7};
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < 3; k++) {
			AUTO(buf) struct buf got = BUF(1 << 20);
			talk(slice_z(all[i].in), ip, steps[k], 100, &got);
			CHECK_STR(buf_slice(&got), slice_z(all[i].out));
		}
}

TEST(http_sessions)
{
	static const struct said all[] = {
		{"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" HELLO("you", "19") "\r\nhello you 192.0.2.1"},
		/* Pipelined; the last one closes. */
		{"GET /hello?name=a HTTP/1.1\r\nHost: a\r\n\r\n\r\nPOST /echo/x HTTP/1.1\r\nHost: "
		 "a\r\nContent-Length: 3\r\n\r\nabcPOST /echo/y HTTP/1.1\r\nHost: "
		 "a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nab\r\n0\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" HELLO("a",
				"17") "\r\nhello a 192.0.2.1"
				      "HTTP/1.1 200 OK\r\n" ALL "Content-Length: 5\r\n\r\nx:abc"
				      "HTTP/1.1 200 OK\r\n" ALL
				      "Content-Length: 4\r\nConnection: close\r\n\r\ny:ab"},
		/* HEAD is GET without the body; no header comes from a name. */
		{"HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" HELLO("you", "19") "\r\n"},
		{"GET /hello?name=a%0d%0aB:c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" ALL "Content-Type: text/plain\r\nContent-Length: "
			"22\r\nConnection: close\r\n\r\nhello a\r\nB:c 192.0.2.1"},
		{"OPTIONS /echo/a HTTP/1.1\r\nHost: a\r\n\r\n",
			"HTTP/1.1 204 No Content\r\n" ALL
			"Allow: GET, HEAD, POST, PUT, OPTIONS\r\n\r\n"},
		{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
			"HTTP/1.1 204 No Content\r\n" ALL
			"Allow: GET, HEAD, POST, OPTIONS\r\n\r\n"},
		{"DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n",
			"HTTP/1.1 405 Method Not Allowed\r\n" ALL PLAIN
			"Allow: GET, HEAD, OPTIONS\r\nContent-Length: 23\r\n\r\n405 Method Not "
			"Allowed\n"},
		{"BREW /hello HTTP/1.1\r\nHost: a\r\n\r\n",
			"HTTP/1.1 501 Not Implemented\r\n" ALL PLAIN
			"Content-Length: 20\r\n\r\n501 Not Implemented\n"},
		{"GET /echo/ HTTP/1.1\r\nHost: a\r\n\r\n",
			"HTTP/1.1 404 Not Found\r\n" ALL PLAIN
			"Content-Length: 14\r\n\r\n404 Not Found\n"},
		/* Pieces, for both versions. */
		{"GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" ALL "Transfer-Encoding: "
			"chunked\r\n\r\n4\r\none,\r\n3\r\ntwo\r\n0\r\n\r\n"},
		{"GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /hello "
		 "HTTP/1.0\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" ALL "Connection: close\r\n\r\none,two"},
		/* What breaks off is followed by nothing. */
		{"GET /broken HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" ALL "Content-Length: 10\r\n\r\nhalf"},
		{"GET /none HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 204 No Content\r\n" ALL "\r\n"},
		/* A body that nobody reads is read over. */
		{"POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /none "
		 "HTTP/1.1\r\nHost: a\r\n\r\n",
			"HTTP/1.1 202 Accepted\r\n" ALL "Content-Length: 0\r\n\r\n"
			"HTTP/1.1 204 No Content\r\n" ALL "\r\n"},
		/* One that was announced and told no is not waited for. */
		{"POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: "
		 "100-continue\r\n\r\n",
			"HTTP/1.1 202 Accepted\r\n" ALL "Content-Length: 0\r\n\r\n"},
		/* Refused, and the connection is over. */
		{"POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 21\r\n\r\n"
		 "aaaaaaaaaaaaaaaaaaaaaGET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
			REFUSED("413 Content Too Large", "22")},
		{"POST /echo/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n15\r\naaaaaaaaaaaaaaaaaaaaa\r\n0\r\n\r\n",
			REFUSED("413 Content Too Large", "22")},
		{"POST /echo/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n",
			REFUSED("400 Bad Request", "16")},
		{"POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n0\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
			REFUSED("400 Bad Request", "16")},
		{"GET /../etc HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
			REFUSED("400 Bad Request", "16")},
		{"GET /hello HTTP/2.0\r\nHost: a\r\n\r\n",
			REFUSED("505 HTTP Version Not Supported", "31")},
		{"\x16\x03\x01\x02", REFUSED("400 Bad Request", "16")},
		/* Too slow: head, body. */
		{"GET /hello HTTP/1.1\r\nHost", REFUSED("408 Request Timeout", "20")},
		{"POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab",
			REFUSED("408 Request Timeout", "20")},
		{"", ""},
		/* Who asks: only what proxies of ours say counts, from the right. */
		{"GET /hello HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: "
		 "https\r\nConnection: close\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" HELLO("you", "19") "Connection: close\r\n\r\nhello "
								 "you 192.0.2.1"},
	};
	static const struct said proxied[] = {
		{"GET /hello HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 1.2.3.4, "
		 "10.1.1.1\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" HELLO("you", "21") "Connection: close\r\n\r\nhello "
								 "you 1.2.3.4 tls"},
		{"GET /hello HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: nonsense\r\nConnection: "
		 "close\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" HELLO("you", "18") "Connection: close\r\n\r\nhello "
								 "you 10.0.0.1"},
	};
	hear(all, sizeof all / sizeof *all, "192.0.2.1");
	hear(proxied, sizeof proxied / sizeof *proxied, "10.0.0.1");
}

TEST(http_sessions_end_after_so_many_requests)
{
	AUTO(buf) struct buf got = BUF(1 << 20);
	talk(S("GET /none HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\n"
	       "GET /none HTTP/1.1\r\nHost: a\r\n\r\n"),
		"192.0.2.1", 1000, 2, &got);
	CHECK_STR(
		buf_slice(&got), S("HTTP/1.1 204 No Content\r\n" ALL "\r\n"
				   "HTTP/1.1 204 No Content\r\n" ALL "Connection: close\r\n\r\n"));
}

TEST(http_goes_on_when_asked)
{
	AUTO(buf) struct buf got = BUF(1 << 20);
	talk(S("POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n"
	       "Connection: close\r\n\r\nz"),
		"192.0.2.1", 1, 9, &got);
	CHECK_STR(buf_slice(&got), S("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" ALL
				     "Content-Length: 3\r\nConnection: close\r\n\r\nx:z"));
}
