/*
 * Heap memory and ownership. Out of memory aborts: limits are checked before memory is asked for.
 */
#pragma once
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull, warn_unused_result)); /* zeroed */
void *mem_grow(void *p, size_t n) __attribute__((returns_nonnull, warn_unused_result));
char *mem_dup(const void *p, size_t n) __attribute__((returns_nonnull)); /* adds a NUL */

#define NEW(type) ((type *)mem_alloc(sizeof(type)))

/* AUTO(fd) int fd = -1;  closes itself at the end of the block; return take_fd(&fd) gives it away. */
#define AUTO(how) __attribute__((cleanup(auto_##how)))

static inline void auto_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void auto_free(void *p)
{
	free(*(void **)p);
}

static inline int take_fd(int *fd)
{
	int r = *fd;
	*fd = -1;
	return r;
}

/* Moves a pointer out of its variable. */
#define take(pp)                                                                                   \
	({                                                                                         \
		__auto_type take_p = (pp);                                                         \
		__auto_type take_v = *take_p;                                                      \
		*take_p = NULL;                                                                    \
		take_v;                                                                            \
	})
