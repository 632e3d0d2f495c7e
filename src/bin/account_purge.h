/*
 * account_purge: a deleted account goes for good: its mail and what is indexed of it, what others granted it on their folders, its
 * jobs of collection, its rows in the queue's database and the directory. Used by the keeper, when its time is over, and by the command line. Blocks.
 */
#pragma once
#include "store/directory.h"

/* password: also its password, which only the command line and the auth process may write. May be repeated
 * after a crash at any point: the directory's rows go last. */
int account_purge(
	slice data, struct sql *directory, const struct account *v, bool password, struct err *e);
/* One of those deleted before `before`: 1 gone, 0 none, -1. */
int account_purge_next(slice data, struct sql *directory, int64_t before, struct err *e);
