/*
 * Messages that break whoever reads them, for tests: preloaded (LD_PRELOAD) into the server. A
 * report that the scan process is about to print and that holds one of the words below crashes it,
 * takes half a second longer, or never gets done.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct json_t;
char *json_dumps(const struct json_t *j, size_t flags);

char *json_dumps(const struct json_t *j, size_t flags)
{
	char *(*real)(const struct json_t *, size_t) =
		(char *(*)(const struct json_t *, size_t))dlsym(RTLD_NEXT, "json_dumps");
	char *text = real(j, flags);
	if (text && strstr(text, "this-one-crashes"))
		__builtin_trap();
	if (text && strstr(text, "this-one-is-slow"))
		nanosleep(&(struct timespec){0, 500000000}, NULL);
	while (text && strstr(text, "this-one-hangs"))
		nanosleep(&(struct timespec){1, 0}, NULL);
	return text;
}
