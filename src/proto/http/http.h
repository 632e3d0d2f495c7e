/*
 * http: server sessions of HTTP/1.1 over a `struct io` (RFC 9110, 9112): keep-alive, pipelining, limits, timeouts against
 * slow clients, HEAD and OPTIONS. What is served is a table of routes with handlers that read straight down, run in
 * the session's coroutine and may wait:
 *
 *	static void show(struct http *h)
 *	{
 *		slice name = http_part(h, 1);
 *		if (!known(name)) {
 *			http_fail(h, 404);
 *			return;
 *		}
 *		http_header(h, S("Content-Type"), S("text/plain; charset=utf-8"));
 *		buf_printf(&h->out, "Hello %.*s\n", SFMT(name));
 *	}
 *	static const struct http_route routes[] = {{"/hello/" "*", HTTP_GET, show}, {NULL, 0, NULL}};
 *
 * bin/web, for each connection it has accepted:	http_serve(&hub, io, &service, arg, &peer);
 */
#pragma once
#include "base/list.h"
#include "codec/http1.h"
#include "run/conf.h"
#include "run/io.h"
#include "run/net.h"

struct co;
struct tls_ctx;
struct http;

enum http_method { /* bits, for routes */
	HTTP_GET = 1, /* and HEAD */
	HTTP_POST = 2,
	HTTP_PUT = 4,
	HTTP_DELETE = 8,
	HTTP_HEAD = 16, /* never in a route */
	HTTP_OPTIONS = 32, /* likewise, unless a handler wants to answer it */
};

struct http_route {
	const char *path; /* segments; "*" stands for any one. NULL: the end of the table */
	unsigned methods;
	void (*handler)(struct http *h);
};

enum {
	HTTP_OUT_MAX = 4 << 20, /* of a response that is made in memory */
	HTTP_HEADERS_MAX = 16 * 1024, /* of its head */
	HTTP_DRAIN_MAX = 64 * 1024, /* of a body that nobody read: then the connection is closed */
	HTTP_BODY_RATE = 8 * 1024, /* bytes a second at least, beyond time_body */
	HTTP_FORWARDED_MAX = 50, /* addresses in X-Forwarded-For that are looked at */
};

struct http_limits { /* usec */
	int64_t time_idle; /* between requests */
	int64_t time_head; /* from the first byte of a request to the end of its head; TLS handshake */
	int64_t time_body; /* and a second for each HTTP_BODY_RATE bytes */
	int64_t time_write; /* for each 32 KiB */
	int64_t requests; /* over one connection */
};

struct http_service {
	const struct http_route *routes;
	struct tls_ctx *tls; /* NULL: plain */
	const struct conf_nets
		*proxies; /* who may say for whom he asks: X-Forwarded-For, -Proto; may be NULL */
	struct http_limits limits;
	const char *headers; /* lines with CRLF that every response begins with; or NULL */
	/* Before a handler: false when it has answered instead (too many requests ...). May be NULL. */
	bool (*admit)(struct http *h);
	/* Makes the page of an error; h->status is set. NULL: a line of text. */
	void (*fail)(struct http *h);
	/* After each response, also those to what was no request. May be NULL. */
	void (*done)(const struct http *h, int64_t took);
	/* Tells of a connection that spoke no HTTP or TLS, or was too slow. May be NULL. */
	void (*lost)(void *arg, const struct net_addr *peer, const struct err *e);
};

/* One request and its response. */
struct http {
	const struct http_service *service;
	void *arg; /* of http_serve */
	struct arena *a; /* until the response is sent */
	const struct http1_head *head;
	struct http1_target target;
	enum http_method method; /* HEAD counts as GET: see only_head */
	bool only_head;
	struct net_addr client; /* as a trusted proxy told */
	char ip[NET_TEXT_MAX];
	bool secure; /* the client speaks TLS, with us or with the proxy */
	unsigned status; /* 200 at first */
	struct buf out; /* the body of the response */
	uint64_t sent; /* bytes of it */
	const char *route; /* its path, for logs; NULL: none fits */
	struct http_session *session;
};

/* ---- for handlers ---- */

slice http_part(const struct http *h, size_t i); /* segment of the path; empty: none */
bool http_query(struct http *h, slice name, slice *ret); /* of the query, decoded */
/* The whole body. -1: the response says why already (400, 408, 413); return. */
int http_body(struct http *h, size_t max, slice *ret);
/* The next piece (1), the end (0), or -1 as above; valid until the next call. */
int http_read(struct http *h, slice *ret);

/* A header of the response; what cannot stand in one is left out. */
void http_header(struct http *h, slice name, slice value);
/* Throws away what was made so far (also headers) and answers with an error. */
void http_fail(struct http *h, unsigned status);
/* 303: go there by GET. */
void http_redirect(struct http *h, slice target);

/* A response that is not made in memory: the head goes out now, then pieces. length -1: not known. -1: the client is
 * gone; return. */
int http_begin(struct http *h, int64_t length);
int http_send(struct http *h, slice piece);

/* ---- for who accepts connections ---- */

struct http_hub {
	struct list sessions;
	unsigned n;
	bool draining;
};
void http_hub_init(struct http_hub *h);
/* From now on: idle connections are closed, the others after their response. */
void http_drain(struct http_hub *h);
/* Takes io over; returns when the connection is closed. In a coroutine. */
void http_serve(struct http_hub *hub, struct io *io, const struct http_service *service, void *arg,
	const struct net_addr *peer);
