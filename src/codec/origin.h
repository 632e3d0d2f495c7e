/*
 * origin: where a message really comes from, read from its header: the Received: chain (RFC 5321
 * section 4.4) and what webmail systems add (X-Originating-IP: and the like). Such lines are only
 * worth what the host is worth that wrote them: the walk goes down the chain as long as each hop is
 * one that the caller trusts, and ends at the first that is not.
 */
#pragma once
#include "base/arena.h"
#include "base/slice.h"

enum {
	ORIGIN_HOPS_MAX = 50, /* Received: lines that are looked at */
	ORIGIN_VALUE_MAX = 4096, /* bytes of one line that are looked at */
};
struct origin_ip {
	uint8_t family; /* 4, 6; 0: none */
	uint8_t ip[16]; /* network order */
};
enum origin_source {
	ORIGIN_CLIENT, /* the client itself: it is not trusted, or told nothing */
	ORIGIN_RECEIVED, /* a Received: line of a trusted hop */
	ORIGIN_FIELD, /* X-Originating-IP: or similar, written by a trusted hop */
};
struct origin {
	struct origin_ip ip;
	enum origin_source source;
	unsigned hops; /* Received: lines that were believed */
};
/* header: as the client sent it, without our own Received:. Hosts of private networks count as
 * trusted behind a trusted hop. */
void origin_find(slice header, const struct origin_ip *client,
	bool (*trusted)(void *arg, const struct origin_ip *ip), void *arg, struct origin *ret);

/* The client's address in one Received: value (folded or not): in brackets or parentheses in the
 * from clause, "from [192.0.2.1]", "from x (y [192.0.2.1])", "from x (192.0.2.1)",
 * "from x (HELO y) (192.0.2.1)". False: none. */
bool origin_received(slice value, struct origin_ip *ret);
/* "192.0.2.1", "[192.0.2.1]", "IPv6:2001:db8::1", with port or zone or not. */
bool origin_ip_parse(slice s, struct origin_ip *ret);
bool origin_is_private(const struct origin_ip *ip); /* private, loopback, link-local ... */
