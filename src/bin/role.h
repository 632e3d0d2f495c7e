/*
 * role: the frame around every process that the master starts: start message, configuration, log,
 * loop, sandbox, readiness, end. A role (edge, queue, auth ...) fills in a struct role; role.c has
 * the table of what each may do.
 */
#pragma once
#include "bin/config.h"
#include "run/proc.h"

struct role_env {
	struct proc_start start;
	struct config config;
	void *self; /* the role's own, set by prepare or open */
};

struct role {
	const char *name;
	/* Before the sandbox, maybe as root, no coroutine: reads keys and certificates. May be
	 * NULL. */
	int (*prepare)(struct role_env *env, struct err *e);
	/* In the sandbox, in a coroutine: opens the store, starts its coroutines. The process tells
	 * the master that it is ready when this has returned 0. */
	int (*open)(struct role_env *env, struct err *e);
	/* Orders of the master (run/proc.h); arg is the env. When a stop has been carried out the
	 * role calls loop_stop(). link and wake may come before open has returned. */
	struct proc_orders orders;
	/* After the loop has ended. May be NULL. */
	void (*close)(struct role_env *env);
};

extern const struct role collect_role, identity_role, edge_role, auth_role, keys_role, queue_role, scan_role, texts_role, indexer_role,
	keeper_role, learn_role, web_role, access_role, features_role, engine_role;

/* The secret that TLS session tickets of all processes are made with; empty: the master gave none. */
slice role_tls_tickets(struct role_env *env, struct arena *a);

/* Does this role open databases or packs? Then it gets the keys of an encrypted store. */
bool role_opens_store(const char *name);

/* Enters the sandbox that the table has for this role. */
int role_confine(const char *role, const struct config *c, struct err *e);

/* `posthouse role NAME INSTANCE`: never called by people. Returns the exit status. */
int role_main(int argc, char **argv);
