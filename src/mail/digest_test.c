/* Digests: when they are due, what they say; letters of the server as messages. */
#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "codec/html_escape.h"
#include "codec/json_read.h"
#include "codec/mime.h"
#include "mail/digest.h"
#include "store/script.h"

#include <stdio.h>

static struct zone *zone_of(const char *name)
{
	struct zone *z = NEW(struct zone);
	char path[200];
	if (zone_offset_parse(slice_z(name), z))
		return z;
	snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
	char *file = mem_alloc(ZONE_FILE_MAX);
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(file, 1, ZONE_FILE_MAX, f) : 0;
	if (f)
		fclose(f);
	bool ok = zone_read(slice_of(file, n), z);
	free(file);
	if (ok)
		return z;
	free(z);
	return NULL;
}

/* "2026-03-28 08:00" in UTC */
static int64_t at(const char *text)
{
	int y, mo, d, h, mi;
	if (sscanf(text, "%d-%d-%d %d:%d", &y, &mo, &d, &h, &mi) != 5)
		test_fail(__FILE__, __LINE__, "%s", text);
	return zone_moment(NULL, y, mo, d, h, mi) * SECOND;
}

TEST(digests_are_due_by_the_readers_clock)
{
	static const struct {
		const char *zone;
		int64_t every;
		int hour, weekday;
		const char *since, *due; /* UTC */
	} rows[] = {
		{"UTC", DAY, 8, 1, "2026-06-01 07:59", "2026-06-01 08:00"},
		{"UTC", DAY, 8, 1, "2026-06-01 08:00", "2026-06-02 08:00"},
		{"+08:00", DAY, 8, 1, "2026-06-01 01:00", "2026-06-02 00:00"},
		{"+08:00", DAY, 8, 1, "2026-05-31 23:00", "2026-06-01 00:00"},
		{"UTC", HOUR, 8, 1, "2026-06-01 08:10", "2026-06-01 09:00"},
		{"UTC", HOUR, 8, 1, "2026-06-01 23:10", "2026-06-02 00:00"},
		{"UTC", 4 * HOUR, 8, 1, "2026-06-01 08:10", "2026-06-01 12:00"},
		{"UTC", 4 * HOUR, 9, 1, "2026-06-01 21:10", "2026-06-02 01:00"},
		{"UTC", 5 * HOUR, 8, 1, "2026-06-01 23:10", "2026-06-02 03:00"},
		{"UTC", 7 * DAY, 8, 1, "2026-06-01 07:00", "2026-06-01 08:00"}, /* a Monday */
		{"UTC", 7 * DAY, 8, 1, "2026-06-01 09:00", "2026-06-08 08:00"},
		{"UTC", 7 * DAY, 8, 0, "2026-06-01 09:00", "2026-06-07 08:00"},
		{"UTC", 2 * DAY, 8, 1, "2026-06-01 09:00", "2026-06-02 08:00"},
		{"UTC", 2 * DAY, 8, 1, "2026-06-02 09:00", "2026-06-04 08:00"},
		/* the clock goes forward in the night of 2026-03-29, back on 2026-10-25 */
		{"Europe/Berlin", DAY, 8, 1, "2026-03-28 12:00", "2026-03-29 06:00"},
		{"Europe/Berlin", DAY, 8, 1, "2026-03-27 12:00", "2026-03-28 07:00"},
		{"Europe/Berlin", DAY, 8, 1, "2026-10-24 12:00", "2026-10-25 07:00"},
		{"Europe/Berlin", DAY, 2, 1, "2026-03-28 12:00", "2026-03-29 01:00"},
		{"Europe/Berlin", DAY, 23, 1, "2026-03-28 22:30", "2026-03-29 21:00"},
		{"Asia/Shanghai", DAY, 8, 1, "2026-11-22 00:00", "2026-11-23 00:00"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct zone *z = zone_of(rows[i].zone);
		const struct digest_plan p = {
			.every = rows[i].every, .hour = rows[i].hour, .weekday = rows[i].weekday};
		int64_t due = z ? digest_next(&p, z, at(rows[i].since), S("a@b.test"), 0) : 0;
		if (z && due != at(rows[i].due))
			test_fail(__FILE__, __LINE__, "row %zu: %lld, not %lld", i,
				(long long)(due / SECOND), (long long)(at(rows[i].due) / SECOND));
		free(z);
	}
}

TEST(names_have_their_own_moments)
{
	struct zone *z = zone_of("UTC");
	const struct digest_plan p = {.every = DAY, .hour = 8};
	int64_t hour = at("2026-06-01 08:00"), first = 0;
	unsigned same = 0;
	for (int i = 0; i < 100; i++) {
		char name[20];
		snprintf(name, sizeof name, "u%d@b.test", i);
		int64_t due =
			digest_next(&p, z, at("2026-06-01 00:00"), slice_z(name), 10 * MINUTE);
		CHECK(due >= hour && due < hour + 10 * MINUTE);
		CHECK(due ==
			digest_next(&p, z, at("2026-06-01 00:00"), slice_z(name), 10 * MINUTE));
		/* the next one is on the next day, not a second one on this */
		CHECK(digest_next(&p, z, due, slice_z(name), 10 * MINUTE) == due + DAY);
		same += due == first;
		first = due;
	}
	CHECK(same < 10);
	free(z);
}

TEST(settings_of_a_name_come_before_those_of_its_domain)
{
	const struct digest_conf c = {.every = DAY, .hour = 8, .weekday = 1, .language = DIGEST_EN};
	struct digest_plan p = digest_plan_of(&c);
	struct digest_setting s = DIGEST_UNSET;
	CHECK(!p.on && !p.chinese);
	s.on = 1;
	s.language = S("zh");
	s.every = 4 * HOUR;
	digest_plan_apply(&p, &s);
	CHECK(p.on && p.chinese && p.every == 4 * HOUR && p.hour == 8);
	s = DIGEST_UNSET;
	s.on = 0;
	s.hour = 20;
	digest_plan_apply(&p, &s);
	CHECK(!p.on && p.chinese && p.every == 4 * HOUR && p.hour == 20);
	CHECK(digest_every_valid(HOUR) && digest_every_valid(7 * DAY) &&
		digest_every_valid(2 * DAY));
	CHECK(!digest_every_valid(30 * MINUTE) && !digest_every_valid(8 * DAY) &&
		!digest_every_valid(36 * HOUR));
}

TEST(strangers_texts_are_harmless)
{
	AUTO(arena) struct arena a = {0};
	static const struct {
		const char *text;
		size_t most;
		const char *want;
	} rows[] = {
		{"plain", 20, "plain"},
		{"a\r\nb\tc", 20, "a b c"},
		{"invoice\xe2\x80\xae"
		 "fdp.exe",
			40, "invoice▫fdp.exe"}, /* right to left override */
		{"pay\xe2\x80\x8bpal\xe2\x81\xa6x\xe2\x81\xa9", 40, "pay▫pal▫x▫"},
		{"\x01\x02\x1b[31m", 40, "▫[31m"},
		{"abcdefghij", 5, "abcd…"},
		{"中文主题很长", 7, "中文主…"},
		{"\xff\xfe", 10, "��"},
		{"", 10, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		CHECK_STR(notice_safe(slice_z(rows[i].text), rows[i].most, &a),
			slice_z(rows[i].want));
	CHECK_STR(notice_safe_address(S("a@пример.test"), 60, &a),
		S("a@пример.test [xn--e1afmkfd.test]"));
	CHECK_STR(notice_safe_address(S("a@example.test"), 60, &a), S("a@example.test"));
	AUTO(buf) struct buf out = BUF(200);
	html_escape(&out, S("<a href=\"x\" o='y'>&"));
	CHECK_STR(buf_slice(&out), S("&lt;a href=&quot;x&quot; o=&#39;y&#39;&gt;&amp;"));
}

static const struct digest_row evil = {.from = S_INIT("Bank <b@bank.test>"),
	.sender = S_INIT("x@evil.test"),
	.subject = S_INIT("<script>alert(1)</script> \xe2\x80\xae&\"'"),
	.size = 123456,
	.held_at = 1795312800LL * SECOND,
	.class_text = S_INIT("spam"),
	.reasons = {S_INIT("a <b>reason</b>")},
	.nreasons = 1,
	.release_url = S_INIT("https://m.test/d/AAA"),
	.delete_url = S_INIT("https://m.test/d/BBB")};

static struct notice_letter write_digest(bool chinese, size_t n, uint64_t total, struct arena *a)
{
	struct digest_row *rows = ARENA_ARRAY(a, struct digest_row, n);
	for (size_t i = 0; i < n; i++)
		rows[i] = evil;
	const struct digest_facts f = {.chinese = chinese,
		.hostname = S("mx.test"),
		.name = S("ann@home.test"),
		.rows = rows,
		.nrows = n,
		.total = total,
		.all_url = S("https://m.test/d/ALL")};
	struct notice_letter l;
	struct err e;
	CHECK(digest_write(&f, a, &l, &e) == 0);
	return l;
}

static bool has(slice s, const char *part)
{
	return slice_find(s, slice_z(part)) < s.n;
}

TEST(digests_say_the_same_in_text_and_html)
{
	AUTO(arena) struct arena a = {0};
	for (int chinese = 0; chinese < 2; chinese++) {
		struct notice_letter l = write_digest(chinese, 2, 5, &a);
		CHECK(!has(l.html, "<script") && has(l.html, "&lt;script&gt;"));
		CHECK(!has(l.html, "<b>reason") && !has(l.html, "\xe2\x80\xae"));
		CHECK(!has(l.text, "\xe2\x80\xae") && has(l.text, "<script>alert(1)</script>"));
		static const char *const both[] = {"https://m.test/d/AAA", "https://m.test/d/BBB",
			"https://m.test/d/ALL", "x@evil.test", "123 KB", "mx.test"};
		for (size_t i = 0; i < sizeof both / sizeof *both; i++)
			CHECK(has(l.html, both[i]) && has(l.text, both[i]));
		CHECK(has(l.text, chinese ? "放行" : "Release") &&
			!has(l.text, chinese ? "拒收" : "Block"));
		CHECK(has(l.text, chinese ? "共有 5 封" : "5 messages wait"));
		CHECK(!has(l.html, "<img") && !has(l.html, "src="));
	}
}

TEST(a_hundred_rows_fit)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(2 * NOTICE_TEXT_MAX);
	struct notice_letter l = write_digest(true, DIGEST_ROWS_MAX, 100000, &a);
	struct err e;
	l.to = S("ann@home.test");
	l.from = S("pm@home.test");
	CHECK(notice_build(&l, S("mx.test"), S("ID"), 0, &out, &e) == 0);
	CHECK(out.n < 400 * 1024);
}

/* The message as a reader sees it: two parts whose texts come back, 7-bit lines that are not long. */
TEST(letters_are_seven_bit_mime)
{
	AUTO(arena) struct arena a = {0};
	for (int chinese = 0; chinese < 2; chinese++) {
		AUTO(buf) struct buf out = BUF(NOTICE_TEXT_MAX), text = BUF(NOTICE_TEXT_MAX);
		struct notice_letter l = write_digest(chinese, 3, 3, &a);
		struct mime m;
		struct err e;
		size_t line = 0;
		l.to = S("ann@例子.test");
		l.from = S("pm@home.test");
		l.from_name = chinese ? S("邮件隔离区") : S("Mail quarantine");
		l.in_reply_to = S("<x@y>");
		CHECK(notice_build(&l, S("mx.test"), S("ID"), 0, &out, &e) == 0);
		for (size_t i = 0; i < out.n; i++) {
			CHECK(!(out.p[i] & 0x80));
			line = out.p[i] == '\n' ? 0 : line + 1;
			CHECK(line <= 200);
		}
		mime_parse(buf_slice(&out), &mime_limits_default, &a, &m);
		CHECK(m.n == 3 && m.defects == 0);
		CHECK(mime_is(&m.v[1], S("text"), S("plain")) &&
			mime_is(&m.v[2], S("text"), S("html")));
		CHECK(mime_decode(&m.v[1], &text));
		CHECK(has(buf_slice(&text), "https://m.test/d/AAA"));
		CHECK(has(buf_slice(&out), "Auto-Submitted: auto-generated\r\n"));
		CHECK(has(buf_slice(&out), "To: <ann@xn--fsqu00a.test>\r\n"));
		CHECK(has(buf_slice(&out), "In-Reply-To: <x@y>\r\n"));
		CHECK(has(buf_slice(&out), "X-Posthouse-Notice: digest\r\n"));
	}
}

TEST(every_notice_can_be_written_in_both_languages)
{
	AUTO(arena) struct arena a = {0};
	const struct notice_alarm alarm = {.what_en = S("an engine is down"),
		.what_zh = S("引擎故障"),
		.todo_en = S("start it"),
		.todo_zh = S("请启动"),
		.lines = (slice[]){S_INIT("clamd: connection refused")},
		.nlines = 1};
	slice data[NOTICE_KINDS] = {0};
	data[NOTICE_ALARM] = data[NOTICE_COLLECT] = data[NOTICE_LOGIN] = notice_alarm_data(&alarm, &a);
	const struct script_fault fault = {.script = S("rules"), .line = 3, .en = S("no"), .zh = S("否")};
	data[NOTICE_SCRIPT] = notice_script_data(&fault, &a);
	data[NOTICE_REPORT] = S("{\"spam\":true,\"letters\":[{\"subject\":\"s<\",\"from\":\"f\","
				"\"done\":\"learned\"}]}");
	data[NOTICE_FORWARD] = S("{\"by\":\"<b>hi\",\"targets\":[\"x@far.test\"],\"outside\":true,"
				 "\"enabled\":true}");
	for (int kind = NOTICE_APPROVE; kind < NOTICE_KINDS; kind++)
		for (int chinese = 0; chinese < 2 && kind != NOTICE_AUTOREPLY && kind != NOTICE_MAILLIST;
			chinese++) {
			struct notice_letter l = {0};
			const struct notice_facts f = {.kind = (enum notice_kind)kind,
				.data = data[kind],
				.chinese = chinese,
				.hostname = S("mx.test"),
				.about = 77,
				.subject = S("<b>hi"),
				.sender = S("a@b.test"),
				.to = S("c@d.test")};
			CHECK(notice_write(&f, &a, &l));
			CHECK(l.subject.n && l.text.n && l.html.n && l.kind &&
				l.chinese == chinese);
			CHECK(!has(l.html, "<b>hi"));
		}
}

TEST(alarms_tell_what_to_do)
{
	AUTO(arena) struct arena a = {0};
	const struct notice_alarm alarm = {
		.what_en = S("an engine is down"), .todo_en = S("start it")};
	struct notice_letter l = {0};
	const struct notice_facts f = {.kind = NOTICE_ALARM,
		.data = notice_alarm_data(&alarm, &a),
		.more = 3,
		.chinese = true,
		.hostname = S("mx.test")};
	CHECK(notice_write(&f, &a, &l));
	/* What is not there in Chinese is told in English. */
	CHECK(has(l.text, "an engine is down") && has(l.text, "start it") && has(l.text, "3 次"));
	CHECK(!l.automatic_reply);
}
