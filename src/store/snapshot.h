/* snapshot: how many of the copies that schema changes leave behind (sql_migrate.c) are kept. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum {
	SNAPSHOTS_KEPT = 5, /* the newest of each database, however old */
	SNAPSHOTS_DAYS = 90, /* the others stay for so long */
};

/* Removes what is over in DIR/snapshot. */
int snapshots_thin(slice dir, struct err *e);
