/*
 * Small files that must survive a crash: written, synced, and there whole or not at all.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

/* Written and synced under its own name. flags: O_TRUNC, O_EXCL, O_NOFOLLOW ... */
int file_put(const char *path, slice bytes, int flags, unsigned mode, struct err *e);
int file_sync_dir(const char *path, struct err *e);
/* Written aside, synced, renamed: readers see the old file or the new one. Mode 0600. */
int file_replace(slice dir, slice name, slice bytes, struct err *e);
