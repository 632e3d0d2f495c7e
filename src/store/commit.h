/*
 * commit: group commit. Coroutines hand in work for one database; while one group is on its way to
 * the disk the next gathers. A group costs two syncs however many wait: the packs (blobs_sync, when
 * blobs is not NULL), then one transaction. Everyone is answered after that.
 */
#pragma once
#include "base/err.h"

struct blobs;
struct sql;
struct commit;

/* Work inside the transaction. Must only use db and *arg. On -1 this work alone is undone and fails
 * (the group is rolled back and the others run again without it). May be run more than once. */
typedef int (*commit_fn)(struct sql *db, void *arg, struct err *e);

enum { COMMIT_WAITING_MAX = 20000 }; /* then commit_run says ERR_TEMP at once */

/* db is the writer connection, used by this committer only. */
struct commit *commit_new(struct sql *db, struct blobs *blobs);
/* Waits until fn's work is durable: 0; or -1: nothing of it is. In a coroutine; not cancellable. */
int commit_run(struct commit *c, commit_fn fn, void *arg, struct err *e);
/* As commit_run, but nobody waits; done(arg, e or NULL) is called in the loop's thread. */
void commit_post(struct commit *c, commit_fn fn, void (*done)(void *arg, const struct err *e), void *arg);
/* Waits for all that was handed in. */
void commit_drain(struct commit *c);
void commit_free(struct commit *c);
