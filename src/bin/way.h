/*
 * way: how another mail system is spoken with: protocol, TLS, port, login. One rule for the queue
 * process that delivers and for the edge that asks about recipients (callout.h).
 */
#pragma once
#include "bin/config.h"
#include "mail/hosts.h"
#include "proto/smtpc/smtpc.h"
#include "store/directory.h"

struct way {
	bool lmtp;
	enum smtpc_tls tls;
	uint16_t port; /* of hosts that name none: LMTP's 24, else [delivery] port */
	slice hosts; /* of a route; empty: the domain's MX */
	slice user;
	struct secret password;
};

/* The words of `[delivery] tls` and `route add --tls`, by enum smtpc_tls; ends with NULL. */
extern const char *const way_tls_words[];

struct way way_to_domain(const struct delivery_conf *c);
/* Borrows the route's strings. */
struct way way_by_route(const struct route *r, const struct delivery_conf *c);
/* One connection; `tls` is the way's, or NEVER after a handshake that failed. Timeouts are the
 * caller's to fill in. */
struct smtpc_config way_config(const struct way *w, const struct host *h, enum smtpc_tls tls);
