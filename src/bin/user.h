/*
 * user: whose the files of the store are: the configured user's, never root's.
 */
#pragma once
#include "bin/config.h"

enum { USER_DEPTH_MAX = 8 }; /* directories below DATA that are looked into */

/* As root: makes DATA and RUN where they are missing, and gives them to the configured user with
 * all that is in DATA (a restored backup is root's). Not as root: makes them. */
int user_make_dirs(const struct config *c, struct err *e);
/* As root: everything in `dir` that is not the user's becomes his. ERR_PERM: a file with further
 * names elsewhere is left alone, so that nothing outside can change hands. */
int user_give(const char *dir, unsigned uid, unsigned gid, struct err *e);
