/*
 * Time zones (zone.h): TZif files of versions 1 to 4 (RFC 8536, RFC 9636) and the rule in their footer for
 * what lies behind the last change. Leap seconds are not counted. Called where digests are scheduled and dated.
 */
#include "codec/zone.h"

#include "base/cur.h"

enum { HEADER = 44, DAY_S = 86400, OFFSET_MOST = 26 * 3600 };

/* ---- the calendar: days since 1970-01-01, proleptic Gregorian ---- */

static int64_t days_of(int64_t y, int m, int d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void date_of(int64_t days, struct zone_time *t)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	t->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	t->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	t->year = (int)(yoe + era * 400 + (t->month <= 2));
}

static int64_t floor_div(int64_t v, int64_t by)
{
	return v >= 0 ? v / by : -((-v + by - 1) / by);
}

static bool is_leap(int y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

/* ---- the footer: "CST-8", "CET-1CEST,M3.5.0,M10.5.0/3" ---- */

static bool cut_digits(slice *s, int most, int *ret)
{
	int v = 0;
	size_t n = 0;
	while (n < s->n && n < 3 && s->p[n] >= '0' && s->p[n] <= '9')
		v = v * 10 + (s->p[n++] - '0');
	*s = slice_skip(*s, n);
	*ret = v;
	return n > 0 && v <= most;
}

static bool cut_char(slice *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = slice_skip(*s, 1);
	return true;
}

/* "[+-]hh[:mm[:ss]]" */
static bool cut_time(slice *s, int32_t *ret)
{
	int h, m = 0, sec = 0;
	bool minus = cut_char(s, '-');
	if (!minus)
		cut_char(s, '+');
	if (!cut_digits(s, 167, &h) || (cut_char(s, ':') && !cut_digits(s, 59, &m)) ||
		(cut_char(s, ':') && !cut_digits(s, 59, &sec)))
		return false;
	*ret = (minus ? -1 : 1) * (h * 3600 + m * 60 + sec);
	return true;
}

static bool cut_name(slice *s)
{
	size_t n = 0;
	if (cut_char(s, '<')) {
		n = slice_index(*s, '>');
		if (n == s->n)
			return false;
		*s = slice_skip(*s, n + 1);
		return n > 0;
	}
	while (n < s->n &&
		((s->p[n] >= 'A' && s->p[n] <= 'Z') || (s->p[n] >= 'a' && s->p[n] <= 'z')))
		n++;
	*s = slice_skip(*s, n);
	return n >= 3;
}

static bool cut_rule(slice *s, struct zone_rule *ret)
{
	struct zone_rule r = {.time = 2 * 3600};
	if (!cut_char(s, ','))
		return false;
	if (cut_char(s, 'M')) {
		r.kind = 'M';
		if (!cut_digits(s, 12, &r.month) || !cut_char(s, '.') ||
			!cut_digits(s, 5, &r.week) || !cut_char(s, '.') ||
			!cut_digits(s, 6, &r.day) || r.month == 0 || r.week == 0)
			return false;
	} else {
		r.kind = cut_char(s, 'J') ? 'J' : '0';
		if (!cut_digits(s, 365, &r.day) || (r.kind == 'J' && r.day == 0))
			return false;
	}
	if (cut_char(s, '/') && !cut_time(s, &r.time))
		return false;
	*ret = r;
	return true;
}

static bool read_footer(slice s, struct zone *z)
{
	int32_t off;
	if (s.n == 0)
		return true; /* no rule: the last change lasts */
	if (!cut_name(&s) || !cut_time(&s, &off))
		return false;
	z->std = -off; /* POSIX counts westwards */
	z->dst = z->std + 3600;
	z->ruled = true;
	if (s.n == 0)
		return true;
	z->summer = true;
	if (!cut_name(&s))
		return false;
	if (s.n && s.p[0] != ',') {
		if (!cut_time(&s, &off))
			return false;
		z->dst = -off;
	}
	return cut_rule(&s, &z->begin) && cut_rule(&s, &z->end) && s.n == 0;
}

/* Seconds of local standard or summer time since 1970 at which the rule's moment lies in year y. */
static int64_t rule_at(const struct zone_rule *r, int y)
{
	int64_t day;
	if (r->kind == 'M') {
		int64_t first = days_of(y, r->month, 1);
		int64_t next = r->month == 12 ? days_of(y + 1, 1, 1) : days_of(y, r->month + 1, 1);
		int weekday = (int)(((first + 4) % 7 + 7) % 7);
		day = first + (r->day - weekday + 7) % 7 + (r->week - 1) * 7;
		while (day >= next)
			day -= 7;
	} else {
		day = days_of(y, 1, 1) + r->day - (r->kind == 'J');
		if (r->kind == 'J' && is_leap(y) && r->day >= 60)
			day++;
	}
	return day * DAY_S + r->time;
}

static int32_t offset_by_rule(const struct zone *z, int64_t at)
{
	struct zone_time t;
	if (!z->summer)
		return z->std;
	date_of(floor_div(at + z->std, DAY_S), &t);
	int64_t begin = rule_at(&z->begin, t.year) - z->std;
	int64_t end = rule_at(&z->end, t.year) - z->dst;
	bool in = begin < end ? at >= begin && at < end : at >= begin || at < end;
	return in ? z->dst : z->std;
}

/* ---- the file ---- */

struct counts {
	uint32_t isut, isstd, leap, time, type, chars;
};

static bool read_header(struct cur *c, char *ret_version, struct counts *n)
{
	slice magic = cur_bytes(c, 4);
	*ret_version = (char)cur_u8(c);
	cur_bytes(c, 15);
	n->isut = cur_u32(c);
	n->isstd = cur_u32(c);
	n->leap = cur_u32(c);
	n->time = cur_u32(c);
	n->type = cur_u32(c);
	n->chars = cur_u32(c);
	return cur_ok(c) && slice_eq(magic, S("TZif")) && n->type > 0 &&
	       n->type <= ZONE_TYPES_MAX && n->time < ZONE_FILE_MAX && n->leap < ZONE_FILE_MAX &&
	       n->chars < ZONE_FILE_MAX && n->isut < ZONE_FILE_MAX && n->isstd < ZONE_FILE_MAX;
}

static bool read_body(struct cur *c, const struct counts *n, unsigned width, struct zone *z)
{
	slice at = cur_bytes(c, n->time * width), index = cur_bytes(c, n->time);
	slice types = cur_bytes(c, n->type * 6);
	cur_bytes(c, n->chars + n->leap * (width + 4) + n->isstd + n->isut);
	if (!cur_ok(c) || n->time > ZONE_CHANGES_MAX)
		return false;
	struct cur ca = cur_of(at), ct = cur_of(types);
	int32_t offset[ZONE_TYPES_MAX];
	for (uint32_t i = 0; i < n->type; i++) {
		offset[i] = (int32_t)cur_u32(&ct);
		cur_bytes(&ct, 2);
		if (offset[i] > OFFSET_MOST || offset[i] < -OFFSET_MOST)
			return false;
	}
	z->first = offset[0];
	for (uint32_t i = 0; i < n->time; i++) {
		uint8_t k = (uint8_t)index.p[i];
		z->at[i] = width == 8 ? (int64_t)cur_u64(&ca) : (int32_t)cur_u32(&ca);
		if (k >= n->type || (i > 0 && z->at[i] <= z->at[i - 1]))
			return false;
		z->offset[i] = offset[k];
	}
	z->n = n->time;
	return true;
}

bool zone_read(slice file, struct zone *ret)
{
	struct cur c = cur_of(file);
	struct counts n;
	char version;
	memset(ret, 0, sizeof *ret);
	if (!read_header(&c, &version, &n))
		return false;
	if (version == 0)
		return read_body(&c, &n, 4, ret);
	/* The first block is for old readers. */
	cur_bytes(&c, n.time * 5 + n.type * 6 + n.chars + n.leap * 8 + n.isstd + n.isut);
	if (!cur_ok(&c) || !read_header(&c, &version, &n) || !read_body(&c, &n, 8, ret))
		return false;
	slice footer = cur_rest(&c), line;
	if (!cut_char(&footer, '\n') || !slice_cut(&footer, '\n', &line))
		return false;
	return read_footer(line, ret);
}

bool zone_offset_parse(slice name, struct zone *ret)
{
	int h, m = 0;
	slice s = name;
	memset(ret, 0, sizeof *ret);
	bool utc = slice_istarts(s, S("UTC")) || slice_istarts(s, S("GMT"));
	if (utc)
		s = slice_skip(s, 3);
	if (utc && s.n == 0)
		return true;
	bool minus = cut_char(&s, '-');
	if (!minus && !cut_char(&s, '+'))
		return false;
	if (s.n == 4 && slice_index(s, ':') == 4) {
		slice hours = slice_first(s, 2), minutes = slice_skip(s, 2);
		if (!cut_digits(&hours, 14, &h) || !cut_digits(&minutes, 59, &m) || hours.n ||
			minutes.n)
			return false;
	} else if (!cut_digits(&s, 14, &h) || (cut_char(&s, ':') && !cut_digits(&s, 59, &m)) ||
		   s.n) {
		return false;
	}
	ret->first = (minus ? -1 : 1) * (h * 3600 + m * 60);
	return true;
}

bool zone_name_valid(slice name)
{
	if (name.n == 0 || name.n > 60)
		return false;
	slice part;
	while (slice_cut(&name, '/', &part)) {
		if (part.n == 0)
			return false;
		for (size_t i = 0; i < part.n; i++) {
			char c = part.p[i], l = ascii_lower(c);
			if (!((l >= 'a' && l <= 'z') || (i && c >= '0' && c <= '9') ||
				    (i && c && strchr("_+-", c))))
				return false;
		}
	}
	return true;
}

/* ---- asking ---- */

int32_t zone_offset(const struct zone *z, int64_t at)
{
	if (!z)
		return 0;
	if (z->n == 0 && !z->ruled)
		return z->first;
	if (z->n == 0 || at >= z->at[z->n - 1])
		return z->ruled ? offset_by_rule(z, at) : z->offset[z->n - 1];
	if (at < z->at[0])
		return z->first;
	unsigned lo = 0, hi = z->n - 1; /* at[lo] <= at < at[hi] */
	while (hi - lo > 1) {
		unsigned mid = (lo + hi) / 2;
		if (z->at[mid] <= at)
			lo = mid;
		else
			hi = mid;
	}
	return z->offset[lo];
}

void zone_local(const struct zone *z, int64_t at, struct zone_time *ret)
{
	int64_t local = at + zone_offset(z, at);
	int64_t days = floor_div(local, DAY_S);
	int rest = (int)(local - days * DAY_S);
	date_of(days, ret);
	ret->hour = rest / 3600;
	ret->minute = rest / 60 % 60;
	ret->second = rest % 60;
	ret->weekday = (int)(((days + 4) % 7 + 7) % 7);
}

/* The offsets on both sides of a change lead to two candidates; the right one shows that time. */
int64_t zone_moment(const struct zone *z, int year, int month, int day, int hour, int minute)
{
	int64_t local = days_of(year, month, 1) * DAY_S + (int64_t)(day - 1) * DAY_S + hour * 3600 +
			minute * 60;
	int32_t before = zone_offset(z, local - DAY_S), after = zone_offset(z, local + DAY_S);
	int64_t a = local - before, b = local - after;
	if (zone_offset(z, a) == before)
		return a; /* twice: the first, which is by the offset before */
	if (zone_offset(z, b) == after)
		return b;
	/* Skipped: the change lies between b and a. */
	int64_t lo = a < b ? a : b, hi = a < b ? b : a;
	while (lo < hi) {
		int64_t mid = floor_div(lo + hi, 2);
		if (zone_offset(z, mid) == after)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}
