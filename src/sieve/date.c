/*
 * date and currentdate (RFC 5260 sections 4 and 5): a date field, or now, taken apart in some zone.
 */
#include "codec/date.h"
#include "base/time.h"
#include "sieve/impl.h"

enum { ZONE_MAX = 24 * 60 }; /* minutes */

struct moment {
	int64_t seconds; /* UTC */
	int zone; /* minutes east */
	int64_t days, of_day; /* local: since 1970, seconds of the day */
	int64_t year;
	unsigned month, day;
};

/* Days since 1970 to the proleptic Gregorian calendar. */
static void civil(struct moment *m)
{
	int64_t z = m->days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;
	m->day = doy - (153 * mp + 2) / 5 + 1;
	m->month = mp < 10 ? mp + 3 : mp - 9;
	m->year = (int64_t)yoe + era * 400 + (m->month <= 2);
}

static void set_moment(struct moment *m, int64_t seconds, int zone)
{
	int64_t local = seconds + zone * 60;
	*m = (struct moment){.seconds = seconds, .zone = zone};
	m->days = local / 86400 - (local % 86400 < 0);
	m->of_day = local - m->days * 86400;
	civil(m);
}

/* "+0800". */
static bool parse_zone(slice s, int *ret)
{
	uint64_t v;
	if (s.n != 5 || (s.p[0] != '+' && s.p[0] != '-') || !slice_u64(slice_skip(s, 1), &v) ||
		v % 100 > 59 || v / 100 > 23)
		return false;
	int minutes = (int)(v / 100 * 60 + v % 100);
	*ret = s.p[0] == '-' ? -minutes : minutes;
	return true;
}

/* The zone that a date field was written with: what stands behind the time. */
static int zone_written(slice value)
{
	static const struct {
		slice name;
		int minutes;
	} names[] = {{S_INIT("EST"), -300}, {S_INIT("EDT"), -240}, {S_INIT("CST"), -360},
		{S_INIT("CDT"), -300}, {S_INIT("MST"), -420}, {S_INIT("MDT"), -360},
		{S_INIT("PST"), -480}, {S_INIT("PDT"), -420}};
	size_t comment = slice_index(value, '(');
	slice s = slice_trim(slice_first(value, comment));
	size_t at = s.n;
	while (at && s.p[at - 1] != ' ' && s.p[at - 1] != '\t' && s.p[at - 1] != '\n')
		at--;
	slice last = slice_skip(s, at);
	int zone;
	if (parse_zone(last, &zone))
		return zone;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_ieq(last, names[i].name))
			return names[i].minutes;
	return 0;
}

/* ---- parts ---- */

static const slice parts[] = {S_INIT("year"), S_INIT("month"), S_INIT("day"), S_INIT("date"),
	S_INIT("julian"), S_INIT("hour"), S_INIT("minute"), S_INIT("second"), S_INIT("time"),
	S_INIT("iso8601"), S_INIT("std11"), S_INIT("zone"), S_INIT("weekday")};

static slice put_zone(struct run *r, const struct moment *m, const char *colon)
{
	int z = m->zone < 0 ? -m->zone : m->zone;
	return arena_printf(r->a, "%c%02d%s%02d", m->zone < 0 ? '-' : '+', z / 60, colon, z % 60);
}

static slice put_std11(struct run *r, const struct moment *m, int h, int min, int s)
{
	static const char days[] = "ThuFriSatSunMonTueWed",
			  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int weekday = (int)(((m->days % 7) + 7) % 7);
	slice zone = put_zone(r, m, "");
	return arena_printf(r->a, "%.3s, %02u %.3s %04lld %02d:%02d:%02d %.*s", days + 3 * weekday,
		m->day, months + 3 * (m->month - 1), (long long)m->year, h, min, s, SFMT(zone));
}

static slice date_part(struct run *r, const struct moment *m, slice part)
{
	int h = (int)(m->of_day / 3600), min = (int)(m->of_day / 60 % 60),
	    s = (int)(m->of_day % 60);
	slice zone;
	size_t i = 0;
	while (i < sizeof parts / sizeof *parts && !slice_ieq(part, parts[i]))
		i++;
	sieve_run_memory(r, 64);
	switch (i) {
	case 0:
		return arena_printf(r->a, "%04lld", (long long)m->year);
	case 1:
		return arena_printf(r->a, "%02u", m->month);
	case 2:
		return arena_printf(r->a, "%02u", m->day);
	case 3:
		return arena_printf(r->a, "%04lld-%02u-%02u", (long long)m->year, m->month, m->day);
	case 4:
		return arena_printf(
			r->a, "%lld", (long long)(m->days + 40587)); /* modified Julian day */
	case 5:
		return arena_printf(r->a, "%02d", h);
	case 6:
		return arena_printf(r->a, "%02d", min);
	case 7:
		return arena_printf(r->a, "%02d", s);
	case 8:
		return arena_printf(r->a, "%02d:%02d:%02d", h, min, s);
	case 9:
		zone = put_zone(r, m, ":");
		return arena_printf(r->a, "%04lld-%02u-%02uT%02d:%02d:%02d%.*s", (long long)m->year,
			m->month, m->day, h, min, s, SFMT(zone));
	case 10:
		return put_std11(r, m, h, min, s);
	case 11:
		return put_zone(r, m, "");
	case 12:
		return arena_printf(r->a, "%d", (int)(((m->days + 4) % 7 + 7) % 7)); /* 0: Sunday */
	default:
		return (slice){0};
	}
}

static bool known_part(slice s)
{
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (slice_ieq(s, parts[i]))
			return true;
	return false;
}

static bool check_part(struct check *c, const struct arg *a)
{
	if (a->v[0].n || known_part(a->v[0].plain))
		return true;
	sieve_mistake(c, a->at, SAY(c, "unknown date part '%.*s'", SFMT(a->v[0].plain)),
		SAY(c, "未知的日期部分“%.*s”", SFMT(a->v[0].plain)));
	return false;
}

static bool check_zone(struct check *c, const struct node *n)
{
	int zone;
	const struct arg *a = sieve_node_tag(n, TAG_ZONE, NULL);
	if (!a || a->v[0].n || parse_zone(a->v[0].plain, &zone))
		return true;
	sieve_mistake(c, a->at,
		SAY(c, "'%.*s' is no time zone: it must look like \"+0800\"", SFMT(a->v[0].plain)),
		SAY(c, "“%.*s”不是时区：应形如 \"+0800\"", SFMT(a->v[0].plain)));
	return false;
}

static bool check_date(struct check *c, struct node *n)
{
	const struct arg *name = n->pos[0];
	if (node_has(n, TAG_LAST) && !node_has(n, TAG_INDEX)) {
		sieve_mistake(c, n->at, S("the tagged argument ':last' needs ':index'"),
			S("标签“:last”需要与“:index”同时使用"));
		return false;
	}
	if (!name->v[0].n && !sieve_field_name(name->v[0].plain))
		sieve_warning(c, name->at,
			SAY(c, "no header field can have the name '%.*s'", SFMT(name->v[0].plain)),
			SAY(c, "信头字段不可能名为“%.*s”", SFMT(name->v[0].plain)));
	return check_zone(c, n) && check_part(c, n->pos[1]);
}

static bool check_currentdate(struct check *c, struct node *n)
{
	return check_zone(c, n) && check_part(c, n->pos[0]);
}

static int zone_of(struct run *r, const struct node *n, slice value)
{
	bool given;
	int zone;
	const struct arg *a = sieve_node_tag(n, TAG_ZONE, &given);
	if (given)
		return parse_zone(sieve_run_string(r, a), &zone) ? zone : 0;
	zone = node_has(n, TAG_ORIGINALZONE) ? zone_written(value) : r->in->zone;
	return zone < -ZONE_MAX || zone > ZONE_MAX ? 0 : zone;
}

static bool holds_date(struct run *r, const struct node *n)
{
	struct matching m;
	struct moment when;
	struct field *f;
	size_t i = 0;
	slice name = sieve_run_string(r, n->pos[0]), part = sieve_run_string(r, n->pos[1]);
	sieve_match_begin(&m, r, n, n->pos[2]);
	while ((f = sieve_fields_next(r, sieve_run_fields(r), name, n, &i))) {
		int64_t seconds;
		slice value = header_unfold(f->value, r->a);
		size_t at = slice_rindex(
			value, ';'); /* of trace fields: the date is behind it (section 4) */
		if (at < value.n)
			value = slice_skip(value, at + 1);
		if (!sieve_run_look(r, value.n) || !date_parse(value, &seconds))
			continue;
		set_moment(&when, seconds, zone_of(r, n, value));
		if (sieve_match_value(&m, date_part(r, &when, part)))
			break;
	}
	return sieve_match_end(&m);
}

static bool holds_currentdate(struct run *r, const struct node *n)
{
	struct matching m;
	struct moment when;
	set_moment(&when, r->in->now / SECOND, zone_of(r, n, (slice){0}));
	sieve_match_begin(&m, r, n, n->pos[1]);
	sieve_match_value(&m, date_part(r, &when, sieve_run_string(r, n->pos[0])));
	return sieve_match_end(&m);
}

static const struct tag date_tags[] = {
	{S_INIT("zone"), TAG_ZONE, EXT_DATE, 's', 1},
	{S_INIT("originalzone"), TAG_ORIGINALZONE, EXT_DATE, 0, 1},
	{{0}, 0, 0, 0, 0},
};
static const struct tag current_tags[] = {
	{S_INIT("zone"), TAG_ZONE, EXT_DATE, 's', 1},
	{{0}, 0, 0, 0, 0},
};

const struct word sieve_words_date[] = {
	{.name = S_INIT("date"),
		.ext = EXT_DATE,
		.test = true,
		.takes = TAKES_MATCH | TAKES_INDEX,
		.params = {{'s', false, "header name", "信头字段名"},
			{'s', false, "date part", "日期部分"},
			{'S', false, "key list", "关键字列表"}},
		.tags = date_tags,
		.check = check_date,
		.holds = holds_date},
	{.name = S_INIT("currentdate"),
		.ext = EXT_DATE,
		.test = true,
		.takes = TAKES_MATCH,
		.params = {{'s', false, "date part", "日期部分"},
			{'S', false, "key list", "关键字列表"}},
		.tags = current_tags,
		.check = check_currentdate,
		.holds = holds_currentdate},
	{.name = {0}},
};
