/* prepare: the short-lived role that runs before all others: directories, schemas, certificate. */
#pragma once
#include "bin/role.h"

extern const struct role prepare_role;

/* The work itself, also for `posthouse init`: makes and migrates the store, and a self-signed
 * certificate when the configured default one is missing. */
int prepare_store(const struct config *c, struct err *e);
