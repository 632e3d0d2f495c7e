/*
 * way: how another mail system is spoken with: protocol, TLS, port, login. One rule for the queue
 * process that delivers and for the edge that asks about recipients (callout.h).
 */
#pragma once
#include "bin/config.h"
#include "mail/tls_policy.h"
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
/* What its hosts must offer, for tls_policy_host. To a domain the caller adds DANE and MTA-STS. */
struct tls_rules way_rules(const struct way *w, struct dns *d);
/* One connection under that policy. Timeouts are the caller's to fill in. */
struct smtpc_config way_config(
	const struct way *w, const struct host *h, const struct tls_policy *p);
