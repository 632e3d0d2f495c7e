/* The end of a process that found a bug in itself. */
#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

void (*must_panic_hook)(void);

void must_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "level=panic event=assertion expr=\"%s\" file=%s line=%d\n", expr, file, line);
	void (*hook)(void) = must_panic_hook;
	must_panic_hook = NULL; /* a bug in the hook must not come back here */
	if (hook)
		hook();
	abort();
}
