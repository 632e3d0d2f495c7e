/*
 * user: whose the files of the store are. As root the server, `init` and every command that opens the
 * store work as the configured user, so that nothing in there ever belongs to root.
 */
#pragma once
#include "bin/config.h"

/* As root: makes DATA and RUN where they are missing, and gives them to the configured user with all
 * that is in DATA, when DATA is somebody else's (a restored backup). Not as root: makes them. */
int user_make_dirs(const struct config *c, struct err *e);

/* user_make_dirs; then, as root, becomes that user for good. For the command line, before it opens the
 * store. */
int user_become(const struct config *c, struct err *e);
