/*
 * map: byte string -> pointer, open hashing with a per-process random seed (hostile keys do not
 * collide on purpose). Keys are copied; values are the caller's.
 */
#pragma once
#include "base/slice.h"

struct map_slot;
struct map {
	struct map_slot *slots;
	size_t cap, n, dead;
};

void *map_get(const struct map *m, slice key);             /* NULL when absent */
void *map_put(struct map *m, slice key, void *value);      /* returns the value replaced, or NULL */
void *map_remove(struct map *m, slice key);                /* returns the value, or NULL */
void map_done(struct map *m);

/* for (size_t i = 0; map_next(m, &i, &key, &value);)  - no put or remove meanwhile */
bool map_next(const struct map *m, size_t *i, slice *ret_key, void **ret_value);
