/*
 * Dates of header fields (date.h). The name of the day is not compared with the date: nobody does.
 * Used by the checks of Date:.
 */
#include "codec/date.h"

enum { SECONDS_MINUTE = 60, SECONDS_HOUR = 3600, SECONDS_DAY = 86400 };

struct reader {
	slice rest;
	bool bad;
};

/* White space, line ends and comments (nested ones, too). */
static void skip_blanks(slice *s)
{
	unsigned depth = 0;
	while (s->n) {
		char c = s->p[0];
		if (c == '(')
			depth++;
		else if (c == ')' && depth)
			depth--;
		else if (!depth && c != ' ' && c != '\t' && c != '\r' && c != '\n')
			return;
		*s = slice_skip(*s, 1);
	}
}

static unsigned number(struct reader *r, size_t least, size_t most)
{
	unsigned v = 0;
	size_t n = 0;
	skip_blanks(&r->rest);
	while (n < r->rest.n && n <= most && r->rest.p[n] >= '0' && r->rest.p[n] <= '9')
		v = 10 * v + (unsigned)(r->rest.p[n++] - '0');
	r->bad |= n < least || n > most;
	r->rest = slice_skip(r->rest, n);
	return v;
}

static slice letters(struct reader *r)
{
	size_t n = 0;
	skip_blanks(&r->rest);
	while (n < r->rest.n && ascii_lower(r->rest.p[n]) >= 'a' &&
		ascii_lower(r->rest.p[n]) <= 'z')
		n++;
	slice word = slice_first(r->rest, n);
	r->rest = slice_skip(r->rest, n);
	return word;
}

static bool sign(struct reader *r, char c)
{
	skip_blanks(&r->rest);
	if (!r->rest.n || r->rest.p[0] != c)
		return false;
	r->rest = slice_skip(r->rest, 1);
	return true;
}

static unsigned month(struct reader *r)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
	slice word = letters(r);
	for (unsigned i = 0; i < 12 && word.n >= 3; i++)
		if (slice_ieq(slice_first(word, 3), slice_of(names + 3 * i, 3)))
			return i + 1;
	r->bad = true;
	return 1;
}

static unsigned year(struct reader *r)
{
	skip_blanks(&r->rest);
	size_t before = r->rest.n;
	unsigned v = number(r, 2, 4);
	size_t digits = before - r->rest.n;
	if (digits == 2) /* RFC 5322 4.3 */
		v += v < 50 ? 2000 : 1900;
	else if (digits == 3)
		v += 1900;
	return v;
}

static int zone(struct reader *r)
{
	static const struct {
		slice name;
		int hours;
	} names[] = {{S_INIT("est"), -5}, {S_INIT("edt"), -4}, {S_INIT("cst"), -6},
		{S_INIT("cdt"), -5}, {S_INIT("mst"), -7}, {S_INIT("mdt"), -6}, {S_INIT("pst"), -8},
		{S_INIT("pdt"), -7}};
	bool plus = sign(r, '+');
	if (plus || sign(r, '-')) {
		unsigned v = number(r, 4, 4);
		int s = (int)(v / 100 * SECONDS_HOUR + v % 100 * SECONDS_MINUTE);
		r->bad |= v % 100 > 59 || v > 1500;
		return plus ? s : -s;
	}
	slice word = letters(r);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_ieq(word, names[i].name))
			return names[i].hours * SECONDS_HOUR;
	return 0; /* GMT, UT, Z, and what nobody knows: RFC 5322 4.3 says to take it as -0000 */
}

static int64_t days_since_1970(unsigned y, unsigned m, unsigned d)
{
	int64_t yy = (int64_t)y - (m <= 2), era = yy / 400;
	unsigned yoe = (unsigned)(yy - era * 400);
	unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + (int64_t)doe - 719468;
}

static unsigned month_days(unsigned y, unsigned m)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	return days[m - 1] + (m == 2 && leap);
}

bool date_parse(slice value, int64_t *ret_seconds)
{
	struct reader r = {value, false};
	letters(&r); /* the day's name */
	sign(&r, ',');
	unsigned d = number(&r, 1, 2), m = month(&r), y = year(&r);
	unsigned h = number(&r, 1, 2), min = 0, s = 0;
	r.bad |= !sign(&r, ':');
	min = number(&r, 1, 2);
	if (sign(&r, ':'))
		s = number(&r, 1, 2);
	int off = zone(&r);
	if (r.bad || y < 1900 || d < 1 || d > month_days(y, m) || h > 23 || min > 59 || s > 60)
		return false;
	*ret_seconds = days_since_1970(y, m, d) * SECONDS_DAY + h * SECONDS_HOUR +
		       min * SECONDS_MINUTE + s - off;
	return true;
}
