/* INTERNALDATE (RFC 9051 section 9, date-time) as servers write it: the day with a blank or a nought before it, or neither. Called by fetch.c. */
#include "proto/imapc/session.h"

static bool number(slice *s, size_t most, int64_t *ret)
{
	size_t n = 0;
	*ret = 0;
	while (n < most && n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
		*ret = *ret * 10 + (s->p[n++] - '0');
	*s = slice_skip(*s, n);
	return n > 0;
}

static bool sign(slice *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = slice_skip(*s, 1);
	return true;
}

static int month(slice *s)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	for (int m = 0; m < 12 && s->n >= 3; m++)
		if (slice_ieq(slice_first(*s, 3), slice_of(names + 3 * m, 3))) {
			*s = slice_skip(*s, 3);
			return m + 1;
		}
	return 0;
}

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t days(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool zone(slice *s, int64_t *ret_seconds)
{
	int64_t n;
	bool west = s->n && s->p[0] == '-';
	*s = slice_trim(*s);
	west = s->n && s->p[0] == '-';
	if (!s->n)
		return *ret_seconds = 0, true;
	if (!sign(s, '+') && !sign(s, '-'))
		return *ret_seconds = 0, true; /* "GMT" and the like */
	if (!number(s, 4, &n) || n > 2400)
		return false;
	*ret_seconds = (n / 100 * 3600 + n % 100 * 60) * (west ? -1 : 1);
	return true;
}

int64_t imapc_date(slice text)
{
	int64_t d, y, h, min, sec, offset;
	text = slice_trim(text);
	if (!number(&text, 2, &d) || !sign(&text, '-'))
		return 0;
	int m = month(&text);
	if (!m || !sign(&text, '-') || !number(&text, 4, &y) || !sign(&text, ' '))
		return 0;
	if (!number(&text, 2, &h) || !sign(&text, ':') || !number(&text, 2, &min) ||
		!sign(&text, ':') || !number(&text, 2, &sec) || !zone(&text, &offset))
		return 0;
	if (d < 1 || d > 31 || y < 1970 || y > 9999 || h > 24 || min > 59 || sec > 60)
		return 0;
	int64_t seconds = days(y, m, d) * 86400 + h * 3600 + min * 60 + sec - offset;
	return seconds > 0 ? seconds * SECOND : 0;
}
