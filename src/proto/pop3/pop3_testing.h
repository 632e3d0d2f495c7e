/* POP3 sessions from memory, for the unit test and the fuzzer. */
#pragma once
#include "mail/session_testing.h"
#include "proto/pop3/pop3.h"

static inline void session_run(void *arg)
{
	struct session_run *r = arg;
	const struct pop3_service service = {
		.tls = r->w->tls,
		.tls_mode = r->offer_tls ? SESSION_TLS_OFFER : SESSION_TLS_NO,
		.auth_plaintext = !r->offer_tls,
		.hostname = S("mx.post.test"),
		.version = S("1"),
		.limits = {MINUTE, 10 * MINUTE, 5, 3},
		.mechs = test_mechs,
		.nmechs = TEST_MECHS,
		.boxes = r->w->boxes,
	};
	struct net_addr peer = {0};
	struct pop3_hub hub;
	pop3_hub_init(&hub);
	pop3_serve(&hub, r->io, &service, &test_ops, r->w, &peer);
	must(hub.n == 0);
	boxes_drain(r->w->boxes);
}
