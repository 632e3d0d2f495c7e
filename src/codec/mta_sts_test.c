/* MTA-STS records, policies and host patterns. */
#include "codec/mta_sts.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"

static const struct {
	const char *txt, *id; /* NULL: no record */
} records[] = {
	{"v=STSv1; id=20160831085700Z;", "20160831085700Z"},
	{"v=STSv1;id=1", "1"},
	{"v=STSv1 ;\tid = a1 ; x-more.y=2", "a1"},
	{"v=STSv1; 9x=1; id=7;", "7"},
	{"v=STSv1; id=12345678901234567890123456789012;", "12345678901234567890123456789012"},
	{"v=STSv1; id=123456789012345678901234567890123;", NULL},
	{"v=STSv1; id=;", NULL},
	{"v=STSv1; id=a-b;", NULL},
	{"v=STSv1;", NULL},
	{"v=STSv2; id=1;", NULL},
	{"v=stsv1; id=1;", NULL},
	{" v=STSv10; id=1;", NULL},
	{"id=1; v=STSv1", NULL},
	{"", NULL},
};

TEST(mta_sts_records)
{
	for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
		slice id = S("?");
		bool ok = mta_sts_record_parse(slice_z(records[i].txt), &id);
		if (ok != (records[i].id != NULL))
			test_fail(__FILE__, __LINE__, "\"%s\" gave %d", records[i].txt, ok);
		if (ok)
			CHECK_STR(id, slice_z(records[i].id));
	}
}

TEST(mta_sts_one_record_among_texts)
{
	const slice spf = S("v=spf1 -all"), one = S("v=STSv1; id=1;"), two = S("v=STSv1; id=2;");
	const slice broken = S("v=STSv1; id=%;");
	slice id;
	CHECK_INT(mta_sts_record_find(&spf, 1, &id), MTA_STS_NONE);
	CHECK_INT(mta_sts_record_find(NULL, 0, &id), MTA_STS_NONE);
	CHECK_INT(mta_sts_record_find((slice[]){spf, two}, 2, &id), MTA_STS_FOUND);
	CHECK_STR(id, S("2"));
	CHECK_INT(mta_sts_record_find((slice[]){one, two}, 2, &id), MTA_STS_BAD);
	CHECK_INT(mta_sts_record_find(&broken, 1, &id), MTA_STS_BAD);
}

static const struct {
	const char *text, *why; /* why NULL: a policy */
	enum mta_sts_mode mode;
	int64_t age;
	size_t nmx;
} policies[] = {
	{"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n"
	 "max_age: 604800\r\n",
		NULL, MTA_STS_ENFORCE, 604800, 2},
	{"version:STSv1\nmode:testing\nmx:a.b\nmax_age:0", NULL, MTA_STS_TESTING, 0, 1},
	{"max_age: 86400\n\nmode: none\nversion: STSv1\n", NULL, MTA_STS_MODE_NONE, 86400, 0},
	{"version: STSv1\nmode: enforce\nmode: none\nmx: a.b\nx-y: \xe4\xbd\xa0\nmax_age: 1\n"
	 "max_age: x\n",
		NULL, MTA_STS_ENFORCE, 1, 1},
	{"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 9999999999\n", NULL, MTA_STS_ENFORCE,
		MTA_STS_AGE_MAX, 1},
	{"version: STSv2\nmode: enforce\nmx: a.b\nmax_age: 1\n", "unknown version", 0, 0, 0},
	{"mode: enforce\nmx: a.b\nmax_age: 1\n", "no version", 0, 0, 0},
	{"version: STSv1\nmx: a.b\nmax_age: 1\n", "no mode", 0, 0, 0},
	{"version: STSv1\nmode: Enforce\nmx: a.b\nmax_age: 1\n", "unknown mode", 0, 0, 0},
	{"version: STSv1\nmode: enforce\nmx: a.b\n", "no max_age", 0, 0, 0},
	{"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: -1\n", "bad max_age", 0, 0, 0},
	{"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 99999999999\n", "bad max_age", 0, 0, 0},
	{"version: STSv1\nmode: enforce\nmax_age: 1\n", "no mx", 0, 0, 0},
	{"version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n", "bad mx pattern", 0, 0, 0},
	{"version: STSv1\nmode: enforce\nmx: *.*.b\nmax_age: 1\n", "bad mx pattern", 0, 0, 0},
	{"version: STSv1\nmode: enforce\nmx: a..b\nmax_age: 1\n", "bad mx pattern", 0, 0, 0},
	{"version: STSv1\nmode: enforce\nmx: \nmax_age: 1\n", "bad mx pattern", 0, 0, 0},
	{"<html>\n<title>Not found</title>\n", "a line without \":\"", 0, 0, 0},
	{"", "no version", 0, 0, 0},
};

TEST(mta_sts_policies)
{
	for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
		struct mta_sts_policy p;
		const char *why = NULL;
		bool ok = mta_sts_policy_parse(slice_z(policies[i].text), &p, &why);
		if (ok != !policies[i].why)
			test_fail(__FILE__, __LINE__, "policy %zu: %s", i, ok ? "accepted" : why);
		if (!ok) {
			CHECK_STR(slice_z(why), slice_z(policies[i].why));
			continue;
		}
		CHECK_INT(p.mode, policies[i].mode);
		CHECK_INT(p.max_age, policies[i].age);
		CHECK_INT(p.nmx, policies[i].nmx);
	}
}

TEST(mta_sts_policy_limits)
{
	struct mta_sts_policy p;
	const char *why;
	AUTO(buf) struct buf text = BUF(1 << 20);
	buf_put(&text, S("version: STSv1\nmode: enforce\nmax_age: 1\n"));
	for (int i = 0; i < MTA_STS_MX_MAX; i++)
		buf_printf(&text, "mx: mx%d.example\n", i);
	CHECK(mta_sts_policy_parse(buf_slice(&text), &p, &why));
	buf_put(&text, S("mx: one.more\n"));
	CHECK(!mta_sts_policy_parse(buf_slice(&text), &p, &why));
	CHECK_STR(slice_z(why), S("too many mx patterns"));
	buf_reset(&text);
	buf_put(&text, S("version: STSv1\nmode: none\nmax_age: 1\nx: "));
	buf_fill(&text, 'x', MTA_STS_POLICY_MAX);
	CHECK(!mta_sts_policy_parse(buf_slice(&text), &p, &why));
	CHECK_STR(slice_z(why), S("too long"));
}

static const struct {
	const char *mx, *host;
	bool match;
} hosts[] = {
	{"mail.example.com", "mail.example.com", true},
	{"mail.example.com", "MAIL.Example.com.", true},
	{"mail.example.com", "mail2.example.com", false},
	{"mail.example.com", "a.mail.example.com", false},
	{"*.example.net", "mx.example.net", true},
	{"*.example.net", "MX.EXAMPLE.NET", true},
	{"*.example.net", "a.mx.example.net", false},
	{"*.example.net", "example.net", false},
	{"*.example.net", ".example.net", false},
	{"*.net", "example.net", true},
	{"example.net", "", false},
};

TEST(mta_sts_hosts)
{
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		const struct mta_sts_policy p = {.nmx = 1, .mx = {slice_z(hosts[i].mx)}};
		if (mta_sts_mx_matches(&p, slice_z(hosts[i].host)) != hosts[i].match)
			test_fail(__FILE__, __LINE__, "%s and %s", hosts[i].mx, hosts[i].host);
	}
}
