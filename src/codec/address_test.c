/* Envelope addresses, domains, literals, and the addresses of header fields. */
#include "base/mem.h"
#include "base/test.h"
#include "codec/address.h"

#define L10 "abcdefghij"
#define L60 L10 L10 L10 L10 L10 L10
#define D60 "." L10 "." L10 "." L10 "." L10 "." L10 ".abcd"

static const struct {
	slice s;
	enum address_fault ascii, utf8;
} mailboxes[] = {
	{S_INIT("user@example.com"), ADDRESS_FINE, ADDRESS_FINE},
	{S_INIT("a.b+c=d/e!#$%&'*?^_`{|}~-@x"), ADDRESS_FINE, ADDRESS_FINE},
	{S_INIT("\"john smith\"@example.com"), ADDRESS_FINE, ADDRESS_FINE},
	{S_INIT("\"a\\\"b\\\\c\"@example.com"), ADDRESS_FINE, ADDRESS_FINE},
	{S_INIT("\"\"@example.com"), ADDRESS_FINE, ADDRESS_FINE},
	{S_INIT("\"<>@,;:\"@example.com"), ADDRESS_FINE, ADDRESS_FINE},
	{S_INIT("u@[192.0.2.1]"), ADDRESS_FINE, ADDRESS_FINE},
	{S_INIT("u@[IPv6:2001:db8::1]"), ADDRESS_FINE, ADDRESS_FINE},
	{S_INIT("u@xn--fiq228c.xn--fiqs8s"), ADDRESS_FINE, ADDRESS_FINE},
	{S_INIT(""), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT("user"), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT("@example.com"), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT("user@"), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT(".user@example.com"), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT("user.@example.com"), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT("us..er@example.com"), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT("us er@example.com"), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT("a@b@example.com"), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT("\"unclosed@example.com"), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT("\"a\rb\"@example.com"), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT("a\0b@example.com"), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT("user@example.com\0"), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT("user@example.com "), ADDRESS_SYNTAX, ADDRESS_SYNTAX},
	{S_INIT("user@example..com"), ADDRESS_DOMAIN_BAD, ADDRESS_DOMAIN_BAD},
	{S_INIT("user@example.com."), ADDRESS_DOMAIN_BAD, ADDRESS_DOMAIN_BAD},
	{S_INIT("user@-example.com"), ADDRESS_DOMAIN_BAD, ADDRESS_DOMAIN_BAD},
	{S_INIT("user@exam_ple.com"), ADDRESS_DOMAIN_BAD, ADDRESS_DOMAIN_BAD},
	{S_INIT("user@192.0.2.1"), ADDRESS_DOMAIN_BAD, ADDRESS_DOMAIN_BAD},
	{S_INIT("user@" L60 "abcd.com"), ADDRESS_DOMAIN_BAD, ADDRESS_DOMAIN_BAD},
	{S_INIT("u@[192.0.2.256]"), ADDRESS_DOMAIN_BAD, ADDRESS_DOMAIN_BAD},
	{S_INIT("u@[2001:db8::1]"), ADDRESS_DOMAIN_BAD, ADDRESS_DOMAIN_BAD},
	{S_INIT("u@[IPv6:2001:db8:::1]"), ADDRESS_DOMAIN_BAD, ADDRESS_DOMAIN_BAD},
	{S_INIT("u@[]"), ADDRESS_DOMAIN_BAD, ADDRESS_DOMAIN_BAD},
	{S_INIT("u@[tag:content]"), ADDRESS_DOMAIN_BAD, ADDRESS_DOMAIN_BAD},
	{S_INIT(L60 L60 L60 L10 L10 "@x.org"), ADDRESS_FINE, ADDRESS_FINE},
	{S_INIT(L60 L60 L60 L10 L10 "a@x.org"), ADDRESS_LOCAL_LONG, ADDRESS_LOCAL_LONG},
	{S_INIT("u@a" D60 D60 D60 D60 "." L10 "." L10 ".x"), ADDRESS_DOMAIN_LONG,
		ADDRESS_DOMAIN_LONG},
	{S_INIT(L60 "@a" D60 D60 D60 ".org"), ADDRESS_FINE, ADDRESS_FINE},
	{S_INIT(L60 "@a" D60 D60 D60 ".abcdefgh.abcdefgh"), ADDRESS_LONG, ADDRESS_LONG},
	{S_INIT("用户@例子.广告"), ADDRESS_NEEDS_UTF8, ADDRESS_FINE},
	{S_INIT("\"用 户\"@example.com"), ADDRESS_NEEDS_UTF8, ADDRESS_FINE},
	{S_INIT("user@b\xc3\xbc"
		"cher.example"),
		ADDRESS_NEEDS_UTF8, ADDRESS_FINE},
	{S_INIT("u\xff@example.com"), ADDRESS_NEEDS_UTF8, ADDRESS_UTF8_BAD},
	{S_INIT("user@-\xe4\xb8\xad.cn"), ADDRESS_NEEDS_UTF8, ADDRESS_UTF8_BAD},
};

TEST(mailboxes_by_rfc5321)
{
	for (size_t i = 0; i < sizeof mailboxes / sizeof mailboxes[0]; i++) {
		struct address a;
		enum address_fault got = address_parse(mailboxes[i].s, false, &a);
		if (got != mailboxes[i].ascii ||
			address_parse(mailboxes[i].s, true, &a) != mailboxes[i].utf8)
			test_fail(__FILE__, __LINE__, "%.*s: %s", SFMT(mailboxes[i].s),
				address_fault_text(got));
	}
}

TEST(mailbox_parts)
{
	struct address a;
	CHECK_INT(address_parse(S("\"a@b\"@[IPv6:2001:db8::1]"), false, &a), ADDRESS_FINE);
	CHECK_STR(a.local, S("\"a@b\""));
	CHECK_STR(a.domain, S("[IPv6:2001:db8::1]"));
	CHECK(a.family == 6 && a.ip[0] == 0x20 && a.ip[15] == 1 && !a.utf8);
	CHECK_INT(address_parse(S("中@x.cn"), true, &a), ADDRESS_FINE);
	CHECK(a.utf8 && a.family == 0);
}

TEST(paths)
{
	static const struct {
		slice in, text, rest;
		bool ok;
	} cases[] = {
		{S_INIT("<a@b.c> SIZE=1"), S_INIT("a@b.c"), S_INIT(" SIZE=1"), true},
		{S_INIT("<>"), S_INIT(""), S_INIT(""), true},
		{S_INIT("<Postmaster>"), S_INIT("Postmaster"), S_INIT(""), true},
		{S_INIT("<@x.org,@y.org:a@b.c>"), S_INIT("a@b.c"), S_INIT(""), true},
		{S_INIT("<\"x>y\"@b.c>z"), S_INIT("\"x>y\"@b.c"), S_INIT("z"), true},
		{S_INIT("<@x.org a@b.c>"), S_INIT(""), S_INIT(""), false},
		{S_INIT("<@x.org,:a@b.c>"), S_INIT(""), S_INIT(""), false},
		{S_INIT("<a@b.c"), S_INIT(""), S_INIT(""), false},
		{S_INIT("<a@b.c >"), S_INIT(""), S_INIT(""), false},
		{S_INIT("< a@b.c>"), S_INIT(""), S_INIT(""), false},
		{S_INIT("a@b.c"), S_INIT(""), S_INIT(""), false},
		{S_INIT("<"), S_INIT(""), S_INIT(""), false},
		{S_INIT("<user>"), S_INIT(""), S_INIT(""), false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		slice in = cases[i].in;
		struct address a;
		bool ok = address_parse_path(&in, false, &a) == ADDRESS_FINE;
		CHECK_INT(ok, cases[i].ok);
		CHECK_STR(in, ok ? cases[i].rest : cases[i].in);
		if (ok)
			CHECK_STR(a.text, cases[i].text);
	}
}

TEST(canonical_form_is_one_per_mailbox)
{
	static const struct {
		slice in, keep, fold;
	} cases[] = {
		{S_INIT("User@EXAMPLE.com"), S_INIT("User@example.com"),
			S_INIT("user@example.com")},
		{S_INIT("\"User\"@example.com"), S_INIT("User@example.com"),
			S_INIT("user@example.com")},
		{S_INIT("\"\\U\\s\\e\\r\"@example.com"), S_INIT("User@example.com"),
			S_INIT("user@example.com")},
		{S_INIT("\"a b\"@x.org"), S_INIT("\"a b\"@x.org"), S_INIT("\"a b\"@x.org")},
		{S_INIT("\"a\\\"b\"@x.org"), S_INIT("\"a\\\"b\"@x.org"),
			S_INIT("\"a\\\"b\"@x.org")},
		{S_INIT("u@[ipv6:2001:DB8:0:0::1]"), S_INIT("u@[IPv6:2001:db8::1]"),
			S_INIT("u@[IPv6:2001:db8::1]")},
		{S_INIT("张三@例子.广告"), S_INIT("张三@xn--fsqu00a.xn--4rr70v"),
			S_INIT("张三@xn--fsqu00a.xn--4rr70v")},
		{S_INIT("x@BÜCHER.example"), S_INIT("x@xn--bcher-kva.example"),
			S_INIT("x@xn--bcher-kva.example")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(arena) struct arena a = {0};
		struct address addr;
		CHECK_INT(address_parse(cases[i].in, true, &addr), ADDRESS_FINE);
		CHECK_STR(address_canonical(&addr, false, &a), cases[i].keep);
		CHECK_STR(address_canonical(&addr, true, &a), cases[i].fold);
	}
}

TEST(domains_both_ways)
{
	AUTO(arena) struct arena a = {0};
	slice r = {0};
	CHECK(domain_to_ascii(S("例子.CN"), &a, &r));
	CHECK_STR(r, S("xn--fsqu00a.cn"));
	CHECK_STR(domain_to_utf8(S("XN--FSQU00A.cn"), &a), S("例子.cn"));
	CHECK_STR(domain_to_utf8(S("Example.ORG"), &a), S("example.org"));
	CHECK_STR(domain_to_utf8(S("xn--a.org"), &a), S("xn--a.org"));
	CHECK(!domain_to_ascii(S("a..b"), &a, &r) && !domain_to_ascii(S(""), &a, &r));
	CHECK(!domain_to_ascii(S("中\0国"), &a, &r));
	CHECK(domain_valid(S("r3---sn-4g5e.example"), false) && !domain_valid(S("例子.cn"), false));
}

struct want {
	const char *display, *address, *group;
	bool valid;
};

static const struct {
	const char *in;
	struct want want[4];
} fields[] = {
	/* RFC 5322 appendix A.1 */
	{"John Doe <jdoe@machine.example>", {{"John Doe", "jdoe@machine.example", "", true}}},
	{"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
		{{"Mary Smith", "mary@x.test", "", true}, {"", "jdoe@example.org", "", true},
			{"Who?", "one@y.test", "", true}}},
	{"\"Joe Q. Public\" <john.q.public@example.com>",
		{{"Joe Q. Public", "john.q.public@example.com", "", true}}},
	{"\"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
		{{"Giant; \"Big\" Box", "sysservices@example.net", "", true}}},
	{"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
		{{"Ed Jones", "c@a.test", "A Group", true}, {"", "joe@where.test", "A Group", true},
			{"John", "jdoe@one.test", "A Group", true}}},
	{"Undisclosed recipients:;", {{"", "", "Undisclosed recipients", false}}},
	/* appendix A.5, A.6: comments, obsolete forms */
	{"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
		{{"Pete", "pete@silly.test", "", true}}},
	{"A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n "
	 "joe@example.org",
		{{"Chris Jones", "c@public.example", "A Group", true},
			{"", "joe@example.org", "A Group", true}}},
	{"Joe Q. Public <john.q.public@example.com>",
		{{"Joe Q. Public", "john.q.public@example.com", "", true}}},
	{"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
		{{"Mary Smith", "mary@example.net", "", true},
			{"", "jdoe@test.example", "", true}}},
	{"<@a.test,@b.test:c@d.test>", {{"", "c@d.test", "", true}}},
	/* what is sent */
	{"jdoe@example.org (John Doe)", {{"John Doe", "jdoe@example.org", "", true}}},
	{"=?utf-8?B?5byg5LiJ?= <zs@example.cn>", {{"张三", "zs@example.cn", "", true}}},
	{"\"=?gb2312?B?1cXI/Q==?=\" <zs@example.cn>", {{"张三", "zs@example.cn", "", true}}},
	{"张三 <张三@例子.中国>", {{"张三", "张三@例子.中国", "", true}}},
	{"John Doe jdoe@example.org", {{"John Doe", "jdoe@example.org", "", true}}},
	{"\"jdoe@example.org\" <real@other.example>",
		{{"jdoe@example.org", "real@other.example", "", true}}},
	{"root", {{"", "root", "", false}}},
	{"<a@b.test> <c@d.test>", {{"", "a@b.test", "", true}, {"", "c@d.test", "", true}}},
	{"A <<a@b.test>>", {{"A", "a@b.test", "", true}}},
	{"Nobody <>", {{"Nobody", "", "", false}}},
	{"a@b.c; d@e.f", {{"", "a@b.c", "", true}, {"", "d@e.f", "", true}}},
	{"\"a b\"@x.org", {{"", "\"a b\"@x.org", "", true}}},
	{"Open <a@b.c", {{"Open", "a@b.c", "", true}}},
	{"", {{0}}},
	{" , ;", {{0}}},
	{"(only a comment", {{0}}},
	{"\"open quote", {{"", "\"open quote", "", false}}},
};

TEST(header_address_lists)
{
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		AUTO(arena) struct arena a = {0};
		struct header_address *got;
		size_t n = header_addresses(slice_z(fields[i].in), &a, &got), want = 0;
		while (want < 4 && fields[i].want[want].address)
			want++;
		if (n != want)
			test_fail(__FILE__, __LINE__, "%s: %zu addresses", fields[i].in, n);
		for (size_t k = 0; k < n; k++) {
			const struct want *w = &fields[i].want[k];
			CHECK_STR(got[k].display, slice_z(w->display));
			CHECK_STR(got[k].address, slice_z(w->address));
			CHECK_STR(got[k].group, slice_z(w->group));
			CHECK_INT(got[k].valid, w->valid);
		}
	}
}

/* Where others may find another address than we do. */
TEST(header_addresses_that_are_odd)
{
	static const struct {
		const char *in;
		bool odd;
	} cases[] = {
		{"a@b.test", false},
		{"a@b.test <c@d.test>", false},
		{"a@b.test via e@f.test <c@d.test>", false},
		{"A <c@d.test> (a@b.test)", false},
		{"\"a@b.test\"@d.test", false},
		{"<@a.test,@b.test:c@d.test>", false},
		{"A <c@d.test> list", false},
		{"a@b.test@d.test", true},
		{"<a@b.test@d.test>", true},
		{"a@b.test c@d.test", true},
		{"a@b.test: c@d.test", true},
		{"<a@b.test c@d.test>", true},
		{"<a@b.test> c@d.test", true},
		{"<@a.test:a@b.test@d.test>", true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(arena) struct arena a = {0};
		struct header_address *got;
		size_t n = header_addresses(slice_z(cases[i].in), &a, &got);
		if (n != 1 || got[0].odd != cases[i].odd)
			test_fail(__FILE__, __LINE__, "%s: %zu", cases[i].in, n);
	}
}

TEST(domain_relations)
{
	static const struct {
		const char *domain, *top;
		bool within, listed; /* listed: when `top` stands in a list */
	} cases[] = {
		{"example.com", "example.com", true, true},
		{"EXAMPLE.com", "example.COM", true, true},
		{"a.example.com", "example.com", true, false},
		{"a.example.com", ".example.com", false, true},
		{"example.com", ".example.com", false, false},
		{"badexample.com", "example.com", false, false},
		{"badexample.com", ".example.com", false, false},
		{"com", "example.com", false, false},
		{"example.com", "", false, false},
		{"", "", false, false},
		{"", "example.com", false, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		slice domain = slice_z(cases[i].domain), top = slice_z(cases[i].top);
		const slice names[] = {S("other.example"), top};
		if (domain_within(domain, top) != cases[i].within ||
			domain_listed(domain, names, 2) != cases[i].listed)
			test_fail(__FILE__, __LINE__, "%s, %s", cases[i].domain, cases[i].top);
	}
	CHECK(!domain_listed(S("a"), NULL, 0));
}
