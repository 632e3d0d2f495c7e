/*
 * commit: group commit. Coroutines hand in work for one database; while one group is on its way to
 * the disk the next gathers. A group costs two syncs however many wait: the packs (where the work
 * refers to fresh messages), then one transaction. Everyone is answered after that.
 * See doc/notes/group-commit.md.
 */
#pragma once
#include "base/err.h"
#include "store/blob.h"

struct sql;
struct commit;

/* Work inside the transaction. Must only use db and *arg. On -1 this work alone is undone and fails
 * (the group is rolled back and the others run again without it). May be run more than once. */
typedef int (*commit_fn)(struct sql *db, void *arg, struct err *e);

enum {
	COMMIT_WAITING_MAX = 20000, /* then commit_run says ERR_TEMP at once */
	COMMIT_GROUP_MAX = 2000,
};

/* db is the writer connection, used by this committer only. blobs may be NULL. */
struct commit *commit_new(struct sql *db, struct blobs *blobs);
/* For work that nobody waits for: a group begins so long after its first item came (or the group before ended), which leaves
 * the disk to those who do wait. 0 by default: as soon as the disk is free. */
void commit_set_gather(struct commit *c, int64_t usec);
/* For a connection that commits without a sync: what was committed is synced so long after the first of it, also before
 * commit_drain returns. 0 by default: nobody does. */
void commit_set_sync(struct commit *c, int64_t usec);
/* Waits until fn's work is durable: 0; or -1: nothing of it is. In a coroutine (not cancellable),
 * or in a program without loop, where the group is this one item. */
int commit_run(struct commit *c, commit_fn fn, void *arg, struct err *e);
/* As commit_run where fn changes a few rows: on a connection that does not sync (commit_set_sync) a small group of such does not
 * go to the pool when it is nobody else's turn to write. */
int commit_run_brief(struct commit *c, commit_fn fn, void *arg, struct err *e);
/* The same where fn stores the id of a message that blob_finish just returned: the message is
 * synced before the transaction, and settled after it, also on failure. */
int commit_run_blob(struct commit *c, blob_id fresh, commit_fn fn, void *arg, struct err *e);
/* Where it is several, each from a blob_finish of its own; the array is the caller's. */
int commit_run_blobs(
	struct commit *c, const blob_id *fresh, size_t n, commit_fn fn, void *arg, struct err *e);
/* As commit_run, but nobody waits; done(arg, e or NULL) is called in the loop's thread. */
void commit_post(
	struct commit *c, commit_fn fn, void (*done)(void *arg, const struct err *e), void *arg);
/* Waits for all that was handed in. */
void commit_drain(struct commit *c);
void commit_free(struct commit *c); /* drained */
