/*
 * managesieve: one ManageSieve server session over a `struct io` (RFC 5804), by which people's programs put, check and choose their Sieve
 * scripts (mail/scripts.h). The process is asked by struct session_ops (mail/login.h).
 */
#pragma once
#include "mail/session.h"

struct directory;

/* The process's connection to the scripts; its users take turns. */
struct managesieve_store;
int managesieve_store_open(slice data, struct managesieve_store **ret, struct err *e); /* blocks */
void managesieve_store_close(struct managesieve_store *st); /* nobody waits; NULL is fine */

struct managesieve_service {
	struct session_service session;
	struct managesieve_store *scripts;
	struct directory *directory;
};
/* A whole session; closes io. In a coroutine. RFC 5804 1.2: idle_time is not below 30 minutes. */
void managesieve_serve(struct session_hub *hub, struct io *io,
	const struct managesieve_service *service, const struct session_ops *ops, void *arg);
