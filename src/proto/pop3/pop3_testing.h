/* POP3 sessions from memory, for the unit test and the fuzzer. */
#pragma once
#include "mail/session_transcript_testing.h"
#include "proto/pop3/pop3.h"

static inline void session_run(void *arg)
{
	struct session_run *r = arg;
	const struct pop3_service service = {
		.session = session_test_service(r),
		.boxes = r->w->boxes,
	};
	struct session_hub hub;
	session_hub_init(&hub);
	pop3_serve(&hub, r->io, &service, &world_ops, r->w);
	must(hub.n == 0);
	boxes_drain(r->w->boxes);
}
