/*
 * turn: writers of one database, in any process, one after the other. The lock is an open file
 * description lock, so that it ends with its holder however that ends.
 */
#pragma once
#include "base/err.h"
#include "base/time.h"

struct turn;
int turn_open(const char *path, struct turn **ret, struct err *e);
void turn_close(struct turn *t);
/* 0, or -1: ERR_TEMP when the turn did not come within max_wait. */
int turn_take(struct turn *t, int64_t max_wait, struct err *e);
/* Takes it if nobody has it; never waits. */
bool turn_try(struct turn *t);
void turn_give(struct turn *t);
