/*
 * edge_failure: DMARC failure reports ([reports] failure = yes): about single messages, to the
 * address that their domain's record names in ruf. They are made beside the session, which never
 * waits.
 */
#pragma once
#include "bin/edge.h"

enum {
	EDGE_FAILURES_AT_ONCE = 8, /* being made; further ones are not */
	EDGE_FAILURES_LOOKUP_S = 20,
};

struct edge_verified;
struct edge_failures;
struct edge_failures *edge_failures_new(struct edge *e);
/* Tells about the message if its domain wants to know. Returns at once. */
void edge_failure(struct edge_session *s, const struct queue_msg *m, const struct edge_verified *f,
	bool refused);
void edge_failures_stop(struct edge_failures *x); /* waits; in a coroutine; NULL is fine */
void edge_failures_free(struct edge_failures *x); /* NULL is fine */
