/* Inside the lists: what list*.c share. */
#pragma once
#include "store/list.h"

/* The number that every change of the lists raises. */
int lists_version(struct sql *db, uint64_t *ret, struct err *e);
/* A copy whose strings are in *a. */
struct lists_entry lists_copy(const struct lists_entry *entry, struct arena *a);
