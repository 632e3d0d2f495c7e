/* malloc that cannot fail: a mail server without memory must stop, not guess. */
#include "base/mem.h"

#include "base/must.h"
#include <string.h>

void *mem_alloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);
	must(p != NULL);
	return p;
}

void *mem_grow(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	must(p != NULL);
	return p;
}

char *mem_dup(const void *p, size_t n)
{
	char *d = malloc(n + 1);
	must(d != NULL);
	if (n)
		memcpy(d, p, n);
	d[n] = 0;
	return d;
}
