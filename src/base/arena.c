/* Blocks of growing size, bump allocation. */
#include "base/arena.h"

#include "base/mem.h"
#include "base/must.h"
#include <stdarg.h>
#include <stdio.h>

enum { ARENA_FIRST = 1024, ARENA_LARGEST = 64 * 1024, ARENA_ALIGN = 16 };

struct arena_block {
	struct arena_block *next;
	size_t size;
	_Alignas(ARENA_ALIGN) char data[];
};

static void add_block(struct arena *a, size_t need)
{
	size_t size = a->head ? a->head->size * 2 : ARENA_FIRST;
	if (size > ARENA_LARGEST)
		size = ARENA_LARGEST;
	if (size < need)
		size = need;
	struct arena_block *b = malloc(sizeof *b + size);
	must(b != NULL);
	b->next = a->head;
	b->size = size;
	a->head = b;
	a->p = b->data;
	a->end = b->data + size;
	a->total += size;
}

void *arena_alloc(struct arena *a, size_t n)
{
	must(n < SIZE_MAX / 2);
	n = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (!a->p || (size_t)(a->end - a->p) < n)
		add_block(a, n);
	void *r = a->p;
	a->p += n;
	memset(r, 0, n);
	return r;
}

char *arena_strz(struct arena *a, slice s)
{
	char *z = arena_alloc(a, s.n + 1);
	if (s.n)
		memcpy(z, s.p, s.n);
	return z;
}

slice arena_dup(struct arena *a, slice s)
{
	return (slice){arena_strz(a, s), s.n};
}

slice arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	must(n >= 0);
	char *z = arena_alloc(a, (size_t)n + 1);
	vsnprintf(z, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return (slice){z, (size_t)n};
}

static void free_from(struct arena_block *b)
{
	while (b) {
		struct arena_block *next = b->next;
		free(b);
		b = next;
	}
}

void arena_reset(struct arena *a)
{
	struct arena_block *keep = a->head;
	if (!keep)
		return;
	if (keep->size > ARENA_LARGEST) { /* a giant allocation must not live on in an idle session */
		arena_done(a);
		return;
	}
	free_from(keep->next);
	keep->next = NULL;
	a->p = keep->data;
	a->end = keep->data + keep->size;
	a->total = keep->size;
}

void arena_done(struct arena *a)
{
	free_from(a->head);
	*a = (struct arena){0};
}
