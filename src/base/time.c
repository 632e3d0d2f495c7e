/* Clocks and the two written forms of a time. */
#include "base/time.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec / 1000;
}

instant instant_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t wall_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

static time_t whole_seconds(int64_t wall)
{
	return (time_t)(wall / SECOND - (wall % SECOND < 0));
}

size_t time_rfc5322(int64_t wall, char out[TIME_RFC5322_MAX])
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t sec = whole_seconds(wall);
	struct tm t;
	localtime_r(&sec, &t);
	long off = t.tm_gmtoff / 60, mag = off < 0 ? -off : off;
	int n = snprintf(out, TIME_RFC5322_MAX, "%.3s, %02d %.3s %04d %02d:%02d:%02d %c%02ld%02ld",
		days + 3 * t.tm_wday, t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min,
		t.tm_sec, off < 0 ? '-' : '+', mag / 60 % 100, mag % 60);
	return (size_t)n;
}

size_t time_iso(int64_t wall, char out[TIME_ISO_MAX])
{
	time_t sec = whole_seconds(wall);
	struct tm t;
	gmtime_r(&sec, &t);
	size_t n = strftime(out, TIME_ISO_MAX, "%Y-%m-%dT%H:%M:%S", &t);
	int ms = (int)((wall - (int64_t)sec * SECOND) / MSEC);
	return n + (size_t)snprintf(out + n, TIME_ISO_MAX - n, ".%03dZ", ms);
}

static bool parse_calendar(slice s, int64_t *ret_wall)
{
	char z[TIME_ISO_MAX];
	if (s.n >= sizeof z)
		return false;
	memcpy(z, s.p, s.n);
	z[s.n] = 0;
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct tm t = {0};
		const char *end = strptime(z, forms[i], &t);
		if (!end)
			continue;
		int64_t frac = 0, unit = SECOND / 10;
		if (*end == '.')
			for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
				frac += (*end - '0') * unit;
		bool utc = *end == 'Z';
		if (end[utc] != 0)
			return false;
		time_t sec = utc ? timegm(&t) : (t.tm_isdst = -1, mktime(&t));
		*ret_wall = (int64_t)sec * SECOND + frac;
		return true;
	}
	return false;
}

bool time_parse(slice s, int64_t now, int64_t *ret_wall)
{
	int64_t age;
	if (s.n && s.p[s.n - 1] >= 'a' && duration_parse(s, &age)) {
		*ret_wall = now - age;
		return true;
	}
	return parse_calendar(s, ret_wall);
}

static const struct unit {
	slice name;
	int64_t usec;
} units[] = {
	{S_INIT("w"), 7 * DAY},
	{S_INIT("d"), DAY},
	{S_INIT("h"), HOUR},
	{S_INIT("m"), MINUTE},
	{S_INIT("s"), SECOND},
	{S_INIT("ms"), MSEC},
	{S_INIT("us"), USEC},
};

bool duration_parse(slice s, int64_t *ret_usec)
{
	size_t digits = 0;
	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	uint64_t v;
	slice unit = slice_skip(s, digits);
	if (!slice_u64(slice_first(s, digits), &v))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (!slice_eq(unit.n ? unit : S("s"), units[i].name))
			continue;
		if (v > (uint64_t)(INT64_MAX / units[i].usec))
			return false;
		*ret_usec = (int64_t)v * units[i].usec;
		return true;
	}
	return false;
}

size_t duration_print(int64_t usec, char out[24])
{
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (usec && usec % units[i].usec == 0)
			return (size_t)snprintf(out, 24, "%lld%.*s", (long long)(usec / units[i].usec), SFMT(units[i].name));
	return (size_t)snprintf(out, 24, "0s");
}
