/* ManageSieve sessions from memory, for the unit test and the fuzzer. */
#pragma once
#include "mail/session_testing.h"
#include "proto/managesieve/managesieve.h"

static inline void session_run(void *arg)
{
	struct session_run *r = arg;
	struct managesieve_hub hub;
	struct managesieve_service service = {
		.tls = r->w->tls,
		.tls_mode = r->offer_tls ? SESSION_TLS_OFFER : SESSION_TLS_NO,
		.auth_plaintext = !r->offer_tls,
		.version = S("1"),
		.limits = {MINUTE, 30 * MINUTE, 5, 3},
		.mechs = test_mechs,
		.nmechs = TEST_MECHS,
		.directory = r->w->directory,
	};
	struct err e;
	must(managesieve_store_open(slice_z(r->w->dir), &service.scripts, &e) == 0);
	managesieve_hub_init(&hub);
	managesieve_serve(&hub, r->io, &service, &test_ops, r->w);
	must(hub.n == 0);
	managesieve_store_close(service.scripts);
}
