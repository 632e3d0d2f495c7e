/*
 * user: whose the files of the store are: the configured user's, never root's.
 */
#pragma once
#include "bin/config.h"

/* As root: makes DATA and RUN where they are missing, and gives them to the configured user with
 * all that is in DATA, when DATA is somebody else's (a restored backup). Not as root: makes them.
 */
int user_make_dirs(const struct config *c, struct err *e);
