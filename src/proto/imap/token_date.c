/* Dates as IMAP writes them (RFC 9051 section 9: date, date-time), read for the commands and written by out.c. */
#include "proto/imap/reader.h"

#include <time.h>

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct date {
	unsigned day, month, year;
};

/* Exactly n digits. */
static bool digits(slice *s, size_t n, unsigned *ret)
{
	uint64_t v;
	if (s->n < n || !slice_u64(slice_first(*s, n), &v))
		return false;
	*s = slice_skip(*s, n);
	*ret = (unsigned)v;
	return true;
}

static bool one(slice *s, char c)
{
	if (s->n == 0 || *s->p != c)
		return false;
	*s = slice_skip(*s, 1);
	return true;
}

static unsigned days_in(unsigned month, unsigned year)
{
	static const unsigned char n[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 1 && leap ? 29 : n[month];
}

static bool month_of(slice *s, unsigned *ret)
{
	for (unsigned m = 0; m < 12; m++)
		if (slice_istarts(*s, slice_of(months + 3 * m, 3))) {
			*s = slice_skip(*s, 3);
			*ret = m;
			return true;
		}
	return false;
}

/* "1-Feb-1994", "01-Feb-1994", " 1-Feb-1994". */
static bool date_of(slice *s, struct date *ret)
{
	struct date d;
	one(s, ' ');
	if (s->n < 2 || !digits(s, s->p[1] == '-' ? 1 : 2, &d.day) || !one(s, '-') ||
		!month_of(s, &d.month) || !one(s, '-') || !digits(s, 4, &d.year))
		return false;
	*ret = d;
	return d.year > 0 && d.day > 0 && d.day <= days_in(d.month, d.year);
}

static int64_t seconds_of(const struct date *d)
{
	struct tm tm = {
		.tm_mday = (int)d->day, .tm_mon = (int)d->month, .tm_year = (int)d->year - 1900};
	return (int64_t)timegm(&tm);
}

bool imap_date(struct imap_reader *r, int64_t *ret_seconds)
{
	slice s;
	struct date d;
	if (!imap_astring(r, &s))
		return false;
	if (!date_of(&s, &d) || s.n)
		return imap_wrong(r, "a date is expected, as 1-Feb-2026");
	*ret_seconds = seconds_of(&d);
	return true;
}

static bool zone_of(slice *s, int64_t *ret_seconds)
{
	unsigned h, m;
	int64_t sign = one(s, '-') ? -1 : one(s, '+') ? 1 : 0;
	if (!sign || !digits(s, 2, &h) || !digits(s, 2, &m) || h > 23 || m > 59)
		return false;
	*ret_seconds = sign * (int64_t)(h * 3600 + m * 60);
	return true;
}

bool imap_date_time(struct imap_reader *r, int64_t *ret_usec)
{
	slice s;
	struct date d;
	unsigned hour, minute, second;
	int64_t zone;
	if (imap_peek(r) != '"')
		return imap_wrong(r, "a date and time is expected in quotes");
	if (!imap_string(r, &s))
		return false;
	bool good = s.n == 26 && date_of(&s, &d) && one(&s, ' ') && digits(&s, 2, &hour) &&
		    one(&s, ':') && digits(&s, 2, &minute) && one(&s, ':') &&
		    digits(&s, 2, &second) && one(&s, ' ') && zone_of(&s, &zone);
	if (!good || hour > 23 || minute > 59 || second > 60)
		return imap_wrong(r, "a date and time is written \"01-Feb-2026 12:34:56 +0000\"");
	int64_t t = seconds_of(&d) + hour * 3600 + minute * 60 + second - zone;
	*ret_usec = t * 1000000;
	return true;
}
