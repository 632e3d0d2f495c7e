/*
 * Time. `instant` is monotonic microseconds: deadlines and durations. Wall time is microseconds
 * since 1970 UTC in an int64_t named `..._at` or `wall`: what is stored and shown.
 */
#pragma once
#include "base/slice.h"
#include <stdint.h>

typedef int64_t instant;

#define USEC 1
#define MSEC 1000
#define SECOND 1000000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define INSTANT_NEVER INT64_MAX

instant instant_now(void);
static inline instant instant_in(int64_t usec)
{
	instant now = instant_now();
	return usec > INT64_MAX - now ? INSTANT_NEVER : now + usec;
}

int64_t wall_now(void);

enum { TIME_RFC5322_MAX = 40, TIME_ISO_MAX = 32 };
/* "Sun, 22 Nov 2026 09:11:10 +0800" (RFC 5322 3.3) in local time; returns the length. */
size_t time_rfc5322(int64_t wall, char out[TIME_RFC5322_MAX]);
/* "2026-11-22T01:11:10.123Z" */
size_t time_iso(int64_t wall, char out[TIME_ISO_MAX]);
/* Accepts "2026-11-22", "2026-11-22T01:11[:10[.123]][Z]", and ages "90s", "15m", "2h", "3d" (ago). */
bool time_parse(slice s, int64_t now, int64_t *ret_wall);
/* "500ms", "90s", "15m", "2h", "3d", "1w"; a bare number is seconds. Microseconds. */
bool duration_parse(slice s, int64_t *ret_usec);
/* The shortest exact form that duration_parse reads: "90s" and "2h" for 5400 s -> "90m". */
size_t duration_print(int64_t usec, char out[24]);
