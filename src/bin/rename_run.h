/* rename_run: whatever was renamed in the directory (store/rename.h) is followed in all other databases. Used by the command line, and by the keeper
 * for one that was killed. Blocks. */
#pragma once
#include "store/sql.h"

/* All that waits; nothing is done when nothing does. May be repeated after a crash at any point. */
int rename_run(slice data, struct sql *directory, struct err *e);
