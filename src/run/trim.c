/*
 * When to give memory back (trim.h). malloc_trim(3) walks the free lists and takes a millisecond
 * for about 100 MiB, so a busy process is left alone, and one that has done nothing since the last
 * time has nothing to give.
 */
#include "run/trim.h"

#include "base/time.h"
#include <malloc.h>
#include <time.h>

enum {
	QUIET_SHARE = 10, /* quiet: it used less than 1/10 of a processor */
	WORTH_MSEC = 20, /* of processor time since the last trim */
};

static int64_t processor_time(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * SECOND + t.tv_nsec / 1000;
}

void trim_when_quiet(void)
{
	static int64_t used_before, used_at_trim;
	static instant before;
	int64_t used = processor_time();
	instant now = instant_now();
	bool quiet = used - used_before < (now - before) / QUIET_SHARE;
	if (quiet && used - used_at_trim > WORTH_MSEC * MSEC) {
		malloc_trim(0);
		used = used_at_trim = processor_time();
	}
	used_before = used;
	before = now;
}
