/*
 * zone: local times of other places: time zones as the system's files have them (TZif, RFC 8536), or as an
 * offset. For digests, whose readers live elsewhere than the server; reading is pure, whoever calls has the file.
 */
#pragma once
#include "base/slice.h"
#include <stdint.h>

enum { ZONE_FILE_MAX = 64 * 1024, ZONE_CHANGES_MAX = 1200, ZONE_TYPES_MAX = 256 };

/* One day and time in a year at which the clock is changed (RFC 8536 3.3.1: POSIX TZ with extension). */
struct zone_rule {
	char kind; /* 'M' month.week.day, 'J' day 1..365 without leap days, '0' day 0..365 */
	int month, week, day;
	int32_t time; /* seconds from local midnight */
};
struct zone {
	unsigned n;
	int64_t at[ZONE_CHANGES_MAX]; /* seconds since 1970 */
	int32_t offset[ZONE_CHANGES_MAX]; /* seconds east of Greenwich, from then on */
	int32_t first; /* before them all */
	/* behind the last one */
	bool ruled, summer;
	int32_t std, dst;
	struct zone_rule begin, end; /* of summer time */
};

/* The bytes of a TZif file. False: it is none. */
bool zone_read(slice file, struct zone *ret);
/* "UTC", "+08:00", "-0330", "UTC+8". False: something else (the name of a file). */
bool zone_offset_parse(slice name, struct zone *ret);
/* May this be the name of a file below /usr/share/zoneinfo: "Asia/Shanghai"? */
bool zone_name_valid(slice name);

/* Seconds east of Greenwich at that time (seconds since 1970). */
int32_t zone_offset(const struct zone *z, int64_t at);
struct zone_time {
	int year, month, day; /* month 1..12 */
	int hour, minute, second;
	int weekday; /* 0 Sunday */
};
void zone_local(const struct zone *z, int64_t at, struct zone_time *ret); /* z NULL: UTC */
/* The first moment at or after which the local clock shows that time of that day. An hour that is skipped
 * in spring: the moment of the change; one that comes twice: the first. day may be out of its month. */
int64_t zone_moment(const struct zone *z, int year, int month, int day, int hour, int minute);
