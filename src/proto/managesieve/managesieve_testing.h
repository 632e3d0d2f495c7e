/* ManageSieve sessions from memory, for the unit test and the fuzzer. */
#pragma once
#include "mail/session_transcript_testing.h"
#include "proto/managesieve/managesieve.h"

static inline void session_run(void *arg)
{
	struct session_run *r = arg;
	struct session_hub hub;
	struct managesieve_service service = {
		.session = session_test_service(r),
		.directory = r->w->directory,
	};
	struct err e;
	must(managesieve_store_open(testdir_slice(&r->w->dir), &service.scripts, &e) == 0);
	session_hub_init(&hub);
	managesieve_serve(&hub, r->io, &service, &world_ops, r->w);
	must(hub.n == 0);
	managesieve_store_close(service.scripts);
}
