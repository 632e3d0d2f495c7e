/* Time zones: the system's files beside the C library, offsets, moments at changes of the clock. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"
#include "codec/zone.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static bool load(const char *name, struct zone *z)
{
	static char file[ZONE_FILE_MAX];
	char path[200];
	snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
	FILE *f = fopen(path, "rb");
	if (!f)
		return false;
	size_t n = fread(file, 1, sizeof file, f);
	fclose(f);
	return zone_read(slice_of(file, n), z);
}

TEST(zones_agree_with_the_c_library)
{
	static const char *const names[] = {"Asia/Shanghai", "Europe/Berlin", "America/New_York",
		"Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu", "Europe/Dublin",
		"Pacific/Apia", "UTC", "America/Nuuk", "Africa/Casablanca"};
	struct zone *z = malloc(sizeof *z);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!load(names[i], z))
			continue; /* not on this machine */
		setenv("TZ", names[i], 1);
		tzset();
		/* From 1950 to 2090, at steps that hit all hours. */
		for (int64_t at = -631152000; at < 3786912000; at += 86400 * 3 + 3607) {
			time_t t = (time_t)at;
			struct tm tm;
			struct zone_time got;
			localtime_r(&t, &tm);
			zone_local(z, at, &got);
			if (got.hour != tm.tm_hour || got.minute != tm.tm_min ||
				got.day != tm.tm_mday || got.month != tm.tm_mon + 1 ||
				got.year != tm.tm_year + 1900 || got.weekday != tm.tm_wday)
				test_fail(__FILE__, __LINE__, "%s at %lld: %d:%02d, not %d:%02d",
					names[i], (long long)at, got.hour, got.minute, tm.tm_hour,
					tm.tm_min);
		}
	}
	unsetenv("TZ");
	tzset();
	free(z);
}

TEST(moments_at_changes_of_the_clock)
{
	struct zone *z = malloc(sizeof *z);
	if (load("Europe/Berlin", z)) {
		/* 2026-03-29: 2:00 becomes 3:00; 2026-10-25: 3:00 becomes 2:00 */
		CHECK_INT(zone_moment(z, 2026, 3, 28, 8, 0), 1774681200);
		CHECK_INT(zone_moment(z, 2026, 3, 29, 8, 0), 1774681200 + 23 * 3600);
		CHECK_INT(zone_moment(z, 2026, 3, 29, 2, 30), 1774746000); /* the change */
		CHECK_INT(zone_moment(z, 2026, 10, 25, 2, 30), 1792888200); /* the first */
		CHECK_INT(zone_moment(z, 2026, 10, 25, 8, 0) - zone_moment(z, 2026, 10, 24, 8, 0),
			25 * 3600);
		CHECK_INT(zone_moment(z, 2026, 10, 32, 8, 0), zone_moment(z, 2026, 11, 1, 8, 0));
	}
	free(z);
}

TEST(offsets_are_zones)
{
	static const struct {
		const char *text;
		bool ok;
		int32_t offset;
	} rows[] = {{"UTC", true, 0}, {"+08:00", true, 28800}, {"-0330", true, -12600},
		{"UTC+8", true, 28800}, {"gmt-5", true, -18000}, {"+15", false, 0},
		{"Asia/Shanghai", false, 0}, {"", false, 0}, {"+08:60", false, 0},
		{"+8x", false, 0}, {"+08000", false, 0}};
	struct zone *z = malloc(sizeof *z);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool ok = zone_offset_parse(slice_z(rows[i].text), z);
		if (ok != rows[i].ok || (ok && zone_offset(z, 0) != rows[i].offset))
			test_fail(__FILE__, __LINE__, "%s", rows[i].text);
	}
	free(z);
}

TEST(names_of_zones)
{
	static const char *const good[] = {
		"UTC", "Asia/Shanghai", "Etc/GMT+8", "America/Port-au-Prince"};
	static const char *const bad[] = {
		"", "/etc/passwd", "../x", "Asia//X", "Asia/", "a\nb", "x/../y"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		CHECK(zone_name_valid(slice_z(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(!zone_name_valid(slice_z(bad[i])));
	CHECK(!zone_name_valid(S("a\0b")));
}

TEST(damaged_files_are_refused)
{
	struct zone *z = malloc(sizeof *z);
	CHECK(!zone_read(S(""), z));
	CHECK(!zone_read(S("TZif2"), z));
	char file[200] = "TZif";
	memset(file + 20, 0xff, 24); /* counts of 2^32 - 1 */
	CHECK(!zone_read(slice_of(file, sizeof file), z));
	free(z);
}
