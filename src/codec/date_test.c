#include "base/test.h"
#include "codec/date.h"

TEST(dates_are_read)
{
	static const struct {
		slice in;
		int64_t want;
	} v[] = {
		{S_INIT("Thu, 01 Jan 1970 00:00:00 +0000"), 0},
		{S_INIT("Sun, 22 Nov 2026 09:11:10 +0800"), 1795309870},
		{S_INIT("22 Nov 2026 01:11:10 GMT"), 1795309870},
		{S_INIT(" Sun , 22 Nov\r\n 2026 01:11:10 (now) +0000 (UTC)"), 1795309870},
		{S_INIT("29 Feb 2024 23:59:60 -0000"), 1709251200},
		{S_INIT("Tue, 1 Jan 02 03:04 EST"), 1009872240},
		{S_INIT("Tue, 1 January 102 03:04 -0500"), 1009872240},
		{S_INIT("31 Dec 1969 23:59:59 +0000"), -1},
		{S_INIT("1 Jan 2030 0:00:00"), 1893456000},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		int64_t got = 7;
		CHECK(date_parse(v[i].in, &got));
		CHECK_INT(got, v[i].want);
	}
}

TEST(what_is_no_date_is_refused)
{
	static const slice v[] = {S_INIT(""), S_INIT("yesterday"), S_INIT("2026-11-22 09:11:10"),
		S_INIT("Sun, 30 Feb 2026 09:11:10 +0800"), S_INIT("22 Nov 2026 24:00:00 +0000"),
		S_INIT("22 Nov 2026 09:60:00 +0000"), S_INIT("22 Foo 2026 09:11:10 +0000"),
		S_INIT("22 Nov 2026"), S_INIT("22 Nov 2026 09:11:10 +9900"),
		S_INIT("29 Feb 2023 09:11:10 +0000"), S_INIT("0 Nov 2026 09:11:10 +0000"),
		S_INIT("%DATE%"), S_INIT("22 Nov 20266 09:11:10 +0000")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		int64_t got = 7;
		if (date_parse(v[i], &got))
			test_fail(__FILE__, __LINE__, "%.*s", SFMT(v[i]));
		CHECK_INT(got, 7);
	}
}
