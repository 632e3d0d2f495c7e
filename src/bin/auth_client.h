/*
 * auth_client: asking the auth process (auth_wire.h) whether somebody is who they say: one exchange of SASL, step by step,
 * over the link. For every process that lets people log in: edge, access, web.
 *
 *	struct auth_exchange x = {.link = auth_link};
 *	outcome = auth_client_start(&x, &request, a, &reply);
 *	while (outcome == AUTH_MORE) outcome = auth_client_step(&x, answer of the client, a, &reply);
 */
#pragma once
#include "bin/auth_wire.h"

struct link;
struct auth_exchange {
	struct link *link;
	uint64_t handle; /* of an unfinished exchange, or 0 */
};
/* In a coroutine. *ret is filled in always, its texts are in *a; an auth process that does not answer is AUTH_TEMP with
 * `why`. What was sent is wiped from memory; `q` is the caller's. `q->op` is set here. */
enum auth_outcome auth_client_start(struct auth_exchange *x, const struct auth_request *q,
	struct arena *a, struct auth_reply *ret);
enum auth_outcome auth_client_step(
	struct auth_exchange *x, slice response, struct arena *a, struct auth_reply *ret);
/* Left in the middle. Harmless when there is none. */
void auth_client_cancel(struct auth_exchange *x);
