/* file: what the files of this folder share about files; feature_read_file is in feature.h. */
#pragma once
#include "feature/feature.h"

/* DATA/features */
static inline slice feature_dir(slice data, struct arena *a)
{
	return arena_printf(a, "%.*s/features", SFMT(data));
}
/* DATA/features/NNNNNN */
slice feature_version_dir(slice data, uint64_t number, struct arena *a);
