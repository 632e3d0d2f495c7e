/*
 * collections: accounts elsewhere whose mail people have brought here (store/collect.h), as they set them up themselves: with all rights.
 * The command line acts for them (`posthouse collect --as-person`); pages and programs use the same functions. What an administrator sets
 * up goes past these.
 *
 * A person needs the service "collect" of his class or account. His servers are looked up when they are connected to: never inside
 * ([collect] allow_private); their certificates must verify, or be the one that he names; his mail goes through the filter.
 */
#pragma once
#include "store/collect.h"
#include "store/directory.h"

#define COLLECTIONS_EVERY (5 * MINUTE) /* at least between two passes */

/* Seals the password for the collect process; j->secret is that. The memory of `password` is the caller's, who wipes it. */
int collections_seal(
	struct sql *jobs, struct collect_job *j, slice password, struct arena *a, struct err *e);
/* The port that is usual for protocol and security. */
uint16_t collections_port(const struct collect_job *j);

/* j: what the person says; account, address, options and who made it are filled in. ERR_DENIED: he may not; ERR_PROTO: that cannot be;
 * ERR_EXISTS, ERR_LIMIT as collect_add_tx. */
int collections_add_tx(struct sql *jobs, struct sql *directory, slice login, struct collect_job *j,
	slice password, struct arena *a, int64_t *ret_id, struct err *e);
/* His own, by id. */
int collections_list(struct sql *jobs, struct sql *directory, slice login, struct arena *a,
	struct collect_job **ret, size_t *ret_n, struct err *e);
/* ERR_NOTFOUND: it is not his. Only what people say: pause, resume, now (COLLECT_AGAIN). */
int collections_order_tx(struct sql *jobs, struct sql *directory, slice login, int64_t id,
	enum collect_order o, int64_t now, struct err *e);
int collections_remove_tx(
	struct sql *jobs, struct sql *directory, slice login, int64_t id, struct err *e);
