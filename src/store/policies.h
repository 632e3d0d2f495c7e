/*
 * policies: the versions of the organisation's policy document (policy/policy.h), in the directory's
 * database: nothing is overwritten, every change says who and why, any version can be taken back into
 * force. And the facts of recent letters, in the trace's database, on which a new document is tried.
 */
#pragma once
#include "base/arena.h"
#include "store/queue.h"
#include "store/sql.h"

struct policies_version {
	int64_t version; /* 1 ... */
	int64_t at; /* wall */
	slice by, note, text;
	bool current;
};
/* A new version, in force from now on. ERR_EXISTS: `based_on` (0: any) is not the current one. */
int policies_put(struct sql *db, const struct policies_version *v, int64_t based_on,
	int64_t *ret_version, struct err *e);
/* 0: there is none. */
int policies_current_version(struct sql *db, int64_t *ret, struct err *e);
/* version 0: the current one. ERR_NOTFOUND. */
int policies_get(struct sql *db, int64_t version, struct arena *a, struct policies_version *ret,
	struct err *e);
/* Newest first, without texts. */
int policies_history(struct sql *db, uint64_t most,
	bool (*fn)(void *arg, const struct policies_version *v), void *arg, struct err *e);

/* ---- facts of recent letters (trace database) ---- */
struct policies_fact {
	msg_id id;
	int64_t at;
	slice facts; /* policy_facts_print */
	slice decided; /* policy_decided_add */
};
int policies_fact_add_tx(struct sql *db, const struct policies_fact *f, struct err *e);
int policies_facts_each(struct sql *db, int64_t since, uint64_t most,
	bool (*fn)(void *arg, const struct policies_fact *f), void *arg, struct err *e);
int64_t policies_facts_expire_tx(struct sql *db, int64_t before, uint64_t most, struct err *e);
