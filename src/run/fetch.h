/*
 * fetch: one HTTPS request (GET, or POST of a report) by libcurl in the blocking pool. Made for
 * small documents of strangers: the address comes from our own resolver (libcurl looks nothing up);
 * no redirects, no proxy, no cookies, no other protocol; limits on time, size and type. The
 * server's certificate must verify for the URL's host name.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/time.h"
#include "run/net.h"

struct dns;

enum {
	FETCH_URL_MAX = 2000,
	FETCH_AT_ONCE = 4, /* requests of a process under way; the others wait their turn */
	FETCH_BODY_MAX = 64 << 20, /* whatever the caller allows */
};

enum fetch_failure {
	FETCH_OK,
	FETCH_BAD_URL, /* not https://HOST[:PORT]/PATH */
	FETCH_NO_ADDRESS, /* the host's name gave none, or none that may be connected to */
	FETCH_NO_CONNECTION,
	FETCH_TLS, /* handshake or certificate */
	FETCH_STATUS, /* answered with something else than 2xx: also a redirect */
	FETCH_TYPE, /* not the media type wanted */
	FETCH_SIZE,
	FETCH_TIME,
	FETCH_OTHER, /* broken HTTP, stopped */
};

struct fetch_want {
	slice url;
	slice ca_file; /* empty: the system's store */
	slice type; /* "text/plain": wanted of the answer, parameters left aside; empty: any */
	size_t max; /* bytes of the answer's body */
	int64_t timeout; /* of everything together, the name's lookup and the turn included */
	slice etag; /* of the document that the caller has: then status 304 (FETCH_STATUS) says that it is
			still that one; empty: none */
	bool outside; /* not to this machine nor to networks of somebody's own (net_is_inside) */
	/* POST instead of GET, when `post_type` is not empty. */
	slice post, post_type;
	slice authorization; /* "Basic ..."; empty: none */
};
struct fetch_answer {
	enum fetch_failure failure; /* set in every case */
	int status; /* of HTTP; 0: none came */
	slice body, type, etag; /* in the caller's arena; etag also with 304 */
};
/* In a coroutine. 0, or -1 with ret->failure and the reason in words. When the coroutine is
 * cancelled the transfer ends within a second. */
int fetch(struct dns *d, const struct fetch_want *w, struct arena *a, struct fetch_answer *ret,
	struct err *e);

/* Takes https://HOST[:PORT][/PATH] apart; the host a domain name or an IPv4 address. */
bool fetch_url_parse(slice url, slice *ret_host, uint16_t *ret_port);
