/*
 * managesieve: one ManageSieve server session over a `struct io` (RFC 5804), by which people's programs put, check and choose their Sieve
 * scripts (mail/rules.h). The process is asked by struct session_ops (mail/login.h).
 */
#pragma once
#include "base/list.h"
#include "mail/login.h"
#include "run/io.h"

struct tls_ctx;
struct directory;

/* The process's connection to the scripts; its users take turns. */
struct managesieve_store;
int managesieve_store_open(slice data, struct managesieve_store **ret, struct err *e); /* blocks */
void managesieve_store_close(struct managesieve_store *st); /* nobody waits; NULL is fine */

struct managesieve_limits {
	int64_t login_time, idle_time /* RFC 5804 1.2: not below 30 minutes */;
	unsigned bad_commands, login_failures;
};
struct managesieve_service {
	enum session_tls tls_mode;
	struct tls_ctx *tls;
	bool auth_plaintext;
	slice version;
	struct managesieve_limits limits;
	const slice *mechs;
	size_t nmechs;
	struct managesieve_store *scripts;
	struct directory *directory;
};
struct managesieve_hub {
	struct list sessions;
	unsigned n;
	bool draining;
};
void managesieve_hub_init(struct managesieve_hub *h);
/* Sessions end between two commands. */
void managesieve_drain(struct managesieve_hub *h);
/* A whole session; closes io. In a coroutine. */
void managesieve_serve(struct managesieve_hub *hub, struct io *io,
	const struct managesieve_service *service, const struct session_ops *ops, void *arg);
