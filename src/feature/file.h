/* file: what the files of this folder share about files; feature_write and feature_read_file are in
 * feature.h. */
#pragma once
#include "feature/feature.h"

int feature_sync_dir(const char *path, struct err *e);
/* Written and synced under its own name. */
int feature_put_file(const char *path, slice bytes, struct err *e);
/* DATA/features */
static inline slice feature_dir(slice data, struct arena *a)
{
	return arena_printf(a, "%.*s/features", SFMT(data));
}
/* DATA/features/NNNNNN */
slice feature_version_dir(slice data, uint64_t number, struct arena *a);
