/*
 * arena: memory with one lifetime (a session, a command, a message). Nothing in it is freed alone.
 */
#pragma once
#include "base/slice.h"

struct arena_block;
struct arena {
	struct arena_block *head;
	char *p, *end;
	size_t total; /* bytes asked from the heap */
};

void *arena_alloc(struct arena *a, size_t n) __attribute__((malloc, returns_nonnull)); /* zeroed, aligned */
char *arena_strz(struct arena *a, slice s) __attribute__((returns_nonnull)); /* NUL-terminated copy */
slice arena_dup(struct arena *a, slice s);
slice arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_reset(struct arena *a); /* forgets all, keeps one block */
void arena_done(struct arena *a);
static inline void auto_arena(struct arena *a)
{
	arena_done(a);
}

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (n)))
