/*
 * When digests are due, and the sections [digest] and [alarm] of the configuration (digest.h). Times are those of
 * the reader's clock: "every day at 8" is at 8 in summer, too.
 */
#include "mail/digest.h"

#include "base/hash.h"
#include "base/mem.h"
#include "codec/address.h"

enum { DAYS_AHEAD = 16 };

/* ---- configuration ---- */

static const char *const language_words[] = {"en", "zh", NULL};
static const char *const protected_words[] = {"list", "hide", NULL};
static const char *const weekday_words[] = {
	"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", NULL};
_Static_assert(DIGEST_EN == 0 && DIGEST_ZH == 1, "language_words");
_Static_assert(DIGEST_LIST == 0 && DIGEST_HIDE == 1, "protected_words");

bool digest_every_valid(int64_t usec)
{
	return usec >= HOUR && usec <= 7 * DAY && usec % (usec < DAY ? HOUR : DAY) == 0;
}

static void check_digest(const void *value, slice instance, struct conf_check *c)
{
	const struct digest_conf *v = value;
	struct address parsed;
	AUTO(free) struct zone *z = NEW(struct zone);
	(void)instance;
	if (!digest_every_valid(v->every))
		conf_complain(c, "every", "is whole hours, or whole days up to 7d",
			"应为整小时，或 7d 以内的整天数");
	if (v->zone.n && !zone_name_valid(v->zone) && !zone_offset_parse(v->zone, z))
		conf_complain(c, "zone", "is no time zone: Asia/Shanghai, or +08:00",
			"不是时区：应形如 Asia/Shanghai 或 +08:00");
	if (v->from.n && address_parse(v->from, false, &parsed) != ADDRESS_FINE)
		conf_complain(c, "from", "is no mail address", "不是邮件地址");
	if (v->url.n && !slice_starts(v->url, S("https://")) && !slice_starts(v->url, S("http://")))
		conf_complain(c, "url", "begins with https://", "应以 https:// 开头");
}

#define T struct digest_conf
static const struct conf_key digest_keys[] = {
	CONF_KEY_BOOL(T, enabled, "no",
		"Send each recipient a list of the mail that is held for him. `posthouse digest` "
		"sets it "
		"for domains, single recipients and groups.",
		"向每个收件人发送其被拦截邮件的清单。可用 posthouse digest "
		"按域、收件人和组分别设置。"),
	CONF_KEY_DURATION(T, every, "24h", HOUR, 7 * DAY,
		"How often, at most: 1h to 23h, or 1d to 7d. Nothing is sent when nothing is new.",
		"最多多久一次：1h 至 23h，或 1d 至 7d。没有新邮件时不发送。"),
	CONF_KEY_INT(T, hour, "8", 0, 23,
		"Hour of the day, by the reader's clock, from which times are counted.",
		"每天几点（收件人当地时间），各次时间以此为准。"),
	CONF_KEY_ENUM(T, weekday, "monday", weekday_words, "Day of weekly digests.",
		"每周一次时的星期几。"),
	CONF_KEY_DURATION(T, jitter, "10m", 0, HOUR,
		"Digests of the same hour leave spread over this time, each always at its own "
		"moment.",
		"同一小时的清单在这段时间内错开发出，各收件人的时刻固定。"),
	CONF_KEY_STRING(T, zone, "", "Time zone: Asia/Shanghai, or +08:00. Empty: the system's.",
		"时区：如 Asia/Shanghai 或 +08:00。空：系统时区。"),
	CONF_KEY_ENUM(T, language, "en", language_words,
		"Language of digests and of other letters to users, where nothing else is set.",
		"清单及其他通知的语言，未另行设置时使用。"),
	CONF_KEY_BOOL(T, only_new, "yes",
		"List only what came since the last digest; no: all that waits, whenever something "
		"is new.",
		"只列出上次清单之后的邮件；no：有新邮件时列出全部等待处理的邮件。"),
	CONF_KEY_INT(T, rows, "100", 1, DIGEST_ROWS_MAX,
		"Messages listed at most; likely mistakes come first.",
		"最多列出的邮件数，最可能误判的排在前面。"),
	CONF_KEY_ENUM(T, protected, "list", protected_words,
		"What readers may do nothing about (viruses): list it without links, or hide it.",
		"收件人不能自行处理的邮件（如病毒邮件）：list 列出但不带链接，hide 不列出。"),
	CONF_KEY_STRING(T, from, "",
		"Sender of digests and notices; should be of a domain whose mail is signed. Empty: "
		"the "
		"postmaster of [queue].",
		"清单和通知的发件人，其域的邮件应当有签名。空：[queue] 的 postmaster。"),
	CONF_KEY_STRING(T, from_name, "",
		"Name shown with it. Empty: \"Mail quarantine\" in the reader's language.",
		"显示的发件人名称。空：收件人语言的“邮件隔离区”。"),
	CONF_KEY_STRING(T, url, "",
		"Where readers reach the pages of links: https://mail.example.com. Empty: letters "
		"have no "
		"links.",
		"收件人打开链接的网址，如 https://mail.example.com。空：邮件中不带链接。"),
	CONF_END};
#undef T
const struct conf_section digest_section = {.name = "digest",
	.keys = digest_keys,
	.size = sizeof(struct digest_conf),
	.doc_en = "Lists of held mail for its recipients, and letters of the server to users.",
	.doc_zh = "发给收件人的隔离邮件清单，以及服务器发给用户的通知。",
	.check = check_digest};

static void check_alarm(const void *value, slice instance, struct conf_check *c)
{
	const struct alarm_conf *v = value;
	struct address parsed;
	(void)instance;
	for (size_t i = 0; i < v->to.n; i++)
		if (address_parse(v->to.v[i], true, &parsed) != ADDRESS_FINE)
			conf_complain(c, "to", "is a list of mail addresses", "应为邮件地址列表");
}

#define T struct alarm_conf
static const struct conf_key alarm_keys[] = {
	CONF_KEY_LIST(T, to, "",
		"Addresses that are told when something needs the administrator: an engine that is "
		"down, a "
		"suspended sender, a request for release. Empty: the postmaster of [queue].",
		"需要管理员处理时通知的地址：引擎故障、发件人被暂停、放行申请等。空：[queue] 的 "
		"postmaster。"),
	CONF_KEY_ENUM(T, language, "en", language_words, "Language of these letters.",
		"这些通知的语言。"),
	CONF_END};
#undef T
const struct conf_section alarm_section = {.name = "alarm",
	.keys = alarm_keys,
	.size = sizeof(struct alarm_conf),
	.doc_en = "Letters to the administrator.",
	.doc_zh = "发给管理员的通知。",
	.check = check_alarm};

/* ---- plans ---- */

struct digest_plan digest_plan_of(const struct digest_conf *c)
{
	return (struct digest_plan){.on = c->enabled,
		.chinese = c->language == DIGEST_ZH,
		.only_new = c->only_new,
		.every = c->every,
		.hour = (int)c->hour,
		.weekday = c->weekday,
		.zone = c->zone};
}

void digest_plan_apply(struct digest_plan *p, const struct digest_setting *s)
{
	if (s->on >= 0)
		p->on = s->on;
	if (s->only_new >= 0)
		p->only_new = s->only_new;
	if (digest_every_valid(s->every))
		p->every = s->every;
	if (s->hour >= 0 && s->hour < 24)
		p->hour = s->hour;
	if (s->weekday >= 0 && s->weekday < 7)
		p->weekday = s->weekday;
	if (s->zone.n)
		p->zone = s->zone;
	if (s->language.n)
		p->chinese = slice_istarts(s->language, S("zh"));
	if (s->to.n)
		p->to = s->to;
}

/* ---- the next one ---- */

/* May a digest leave on this local day (counted from 1970)? */
static bool is_day(const struct digest_plan *p, int64_t days, int weekday)
{
	if (p->every < 7 * DAY)
		return p->every <= DAY || days % (p->every / DAY) == 0;
	return weekday == p->weekday;
}

/* The first slot of this day behind `since`; 0: none. Hours are counted both ways from p->hour. */
static int64_t slot_of_day(const struct digest_plan *p, const struct zone *z,
	const struct zone_time *day, int64_t since, int64_t late)
{
	int step = p->every < DAY ? (int)(p->every / HOUR) : 24;
	for (int h = p->hour % step; h < 24; h += step) {
		int64_t at = zone_moment(z, day->year, day->month, day->day, h, 0) * SECOND + late;
		if (at > since)
			return at;
	}
	return 0;
}

int64_t digest_next(const struct digest_plan *p, const struct zone *z, int64_t since, slice name,
	int64_t jitter)
{
	int64_t late = jitter > 0 ? (int64_t)crc32c(0, name) * 1000 % jitter : 0;
	int64_t local = since / SECOND + zone_offset(z, since / SECOND);
	int64_t today = local / 86400;
	for (int64_t day = today - 1; day < today + DAYS_AHEAD; day++) {
		struct zone_time t;
		zone_local(NULL, day * 86400, &t);
		int64_t at = is_day(p, day, t.weekday) ? slot_of_day(p, z, &t, since, late) : 0;
		if (at)
			return at;
	}
	return since + p->every;
}
