/*
 * policies: the policy document that is in force, as a running process sees it: the newest version of
 * the directory database that can be read, noticed within a second or two, kept compiled. A version
 * that cannot be read any more (damage, made for another version of the program) is told loudly, and
 * the last good one stays; after a start the newest good one of the history. When versions exist and
 * none can be read, asking fails: mail waits then and is never let through unfiltered.
 */
#pragma once
#include "policy/policy.h"

struct policies;
int policies_open(slice dir, struct policies **ret, struct err *e);
void policies_close(struct policies *p); /* NULL is fine */

/* *ret_set is held for the caller (policy_release) and does not change across waits; NULL: there
 * is no document, the thresholds alone decide. *ret_version 0 then. In a coroutine. ERR_TEMP. */
int policies_current(
	struct policies *p, const struct policy_set **ret_set, int64_t *ret_version, struct err *e);
/* The newest version in the history that can be read, once, by this thread: for the command line. */
struct sql;
int policies_newest(
	struct sql *db, const struct policy_set **ret_set, int64_t *ret_version, struct err *e);
