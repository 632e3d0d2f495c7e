#include "content/checking_testing.h"
#include "content/link_tables.h"

#define HTML "Content-Type: text/html; charset=utf-8\n\n"
#define FROM "From: a@shop.com\n"
#define TEXT " Dear customer, thank you for your order, which we will deliver soon. "

TEST(honest_links_give_nothing)
{
	static const struct checking_case v[] = {
		{FROM HTML "<a href=\"https://www.shop.com/order?id=4711\">your order</a>", ""},
		{FROM HTML "<a href=\"https://www.shop.com/\">www.shop.com</a>", ""},
		{FROM HTML "<a href=\"https://mail.shop.com/x\">shop.com</a>", ""},
		{FROM HTML "<a href=\"mailto:a@shop.com\">a@shop.com</a> <a "
			   "href=\"tel:+861\">call</a>",
			""},
		{FROM "\nThe host 192.168.1.5 is down: http://192.168.1.5:8080/nagios\n", ""},
		{FROM "\nsee http://localhost:3000/ and sendmail.cf\n", ""},
		{FROM HTML "<img src=\"http://1.2.3.4/a.png\">", ""},
		{FROM "\nhttps://example.org/blog/2026/11/22/a-long-title-of-a-post\n", ""},
	};
	CHECKING_TRY_ALL(content_check_link, NULL, NULL, v);
}

TEST(odd_links_are_seen)
{
	static const struct checking_case v[] = {
		{FROM "\nhttp://203.0.113.7/login\n", "link-ip"},
		{FROM HTML "<a href=\"http://3405803783/\">x</a>", "link-ip-odd"},
		{FROM HTML "<a href=\"http://www.bank.com@evil.com/\">x</a>", "link-userinfo"},
		{FROM HTML "<a href=\"http://%65vil.com/\">x</a>", "link-encoded-host"},
		{FROM HTML "<a href=\"https://xn--pypal-4ve.com/\">x</a>",
			"link-lookalike-letters"},
		{FROM HTML "<a href=\"javascript:go()\">x</a>", "link-script"},
		{FROM HTML "<a href=\"data:text/html,<form>\">x</a>", "link-data"},
		{FROM HTML "<a href=\"https:\\\\evil.com\\x\">x</a>", "link-backslash"},
		{FROM HTML "<a href=\"http://evil.com:8443/\">x</a>", "link-port"},
		{FROM HTML "<a href=\"http://evil.com/\">https://www.bank.com/login</a>",
			"link-deceives"},
		{FROM HTML "<a href=\"http://a.b.c.d.evil.com/\">x</a>", "link-deep-host"},
		{FROM "\nhttps://bit.ly/3xYz\n", "link-shortener"},
		{FROM "\nhttps://docs.google.com/forms/d/e/x/viewform\n", "link-form"},
		{FROM "\nhttps://my-mail.pages.dev/\n", "link-hosting"},
		{FROM "\nhttps://x.s3.amazonaws.com/a.html\n", "link-storage"},
		{FROM "\nhttps://a1.ngrok-free.app/\n", "link-tunnel"},
		{FROM "\nhttps://www.google.com/url?q=https://evil.com/\n", "link-open-redirect"},
		{FROM "\nhttps://cheap-pills.top/a\n", "link-cheap"},
		{FROM "\nhttps://xkqjzvwrt.com/\n", "link-random-host"},
		{FROM "\nhttps://shop.org/wp-includes/js/x.php\n", "link-hacked"},
		{FROM "\nhttps://shop.org/invoice.exe\n", "link-program"},
	};
	CHECKING_TRY_ALL(content_check_link, NULL, NULL, v);
}

TEST(links_and_the_letter)
{
	const slice to[] = {S("han@corp.com")};
	const struct content_context ctx = {.rcpts = to, .nrcpts = 1, .rcpts_total = 1};
	static const struct checking_case v[] = {
		{FROM "\n" TEXT TEXT TEXT TEXT "https://www.shop.com/a\n", ""},
		{FROM "\n" TEXT TEXT TEXT TEXT "https://www.shop.com/a#section-2\n", ""},
		{FROM "\n" TEXT TEXT TEXT TEXT "https://www.shop.com/u?e=han@corp.com\n",
			"link-recipient"},
		{FROM "\n" TEXT TEXT TEXT TEXT "https://www.shop.com/u?e=aGFuQGNvcnAuY29t\n",
			"link-recipient"},
		{"From: a@gmail.com\n\n" TEXT TEXT TEXT TEXT
		 "https://evil.com/login?e=han%40corp.com\n",
			"link-recipient-login link-login"},
		{FROM "\n" TEXT TEXT TEXT TEXT "https://www.shop.com/x#han@corp.com\n",
			"link-fragment-address link-recipient"},
		{FROM "\n" TEXT TEXT TEXT TEXT "https://www.shop.com/x#aGFuQGNvcnAuY29t\n",
			"link-fragment-address link-recipient"},
		{FROM "\n" TEXT TEXT TEXT TEXT
		      "https://r.tracker.com/?u=https://other.com/ https://shop.com/\n",
			"link-nested"},
		{FROM "\nopen https://www.shop.com/a\n", "link-only"},
		{FROM "\n" TEXT TEXT TEXT TEXT "https://evil.com/a\n", "link-foreign"},
		{FROM "List-Id: <a.b>\n\nsee https://other.com/a\n", ""},
	};
	CHECKING_TRY_ALL(content_check_link_where, &ctx, NULL, v);
}

TEST(newsletters_are_judged_softly)
{
	AUTO(arena) struct arena a = {0};
	const struct url_names names = {psl_is_suffix, psl_org_domain};
	const struct content_tools tools = {.names = &names};
	const struct content_context ctx = {0};
	struct signals s = {.mem = &a};
	struct content c;
	content_read(S(FROM HTML "<a href=\"https://t.mailer.com/1\">https://www.bank.com/</a>"),
		&tools, &content_limits_default, &a, &c);
	struct content_exam x = {.c = &c, .ctx = &ctx, .tools = &tools, .signals = &s, .a = &a};
	content_check_link(&x);
	CHECK_INT(s.n, 1);
	float plain = s.v[0].score;
	s.n = 0;
	x.bulk = 100;
	content_check_link(&x);
	CHECK(s.n == 1 && s.v[0].score > 0 && s.v[0].score < plain / 3);
}

TEST(places_of_links)
{
	CHECK_INT(link_place(S("bit.ly"), S("/x")), LINK_SHORTENER);
	CHECK_INT(link_place(S("abit.ly"), S("/x")), LINK_ORDINARY);
	CHECK_INT(link_place(S("docs.google.com"), S("/document/d")), LINK_ORDINARY);
	CHECK_INT(link_place(S("x.pages.dev"), S("/")), LINK_HOSTING);
	CHECK_INT(link_place(S("eur01.safelinks.protection.outlook.com"), S("/")), LINK_WRAPPER);
	CHECK(link_cheap_top(S("a.xyz")) && link_cheap_top(S("b.za.com")));
	CHECK(!link_cheap_top(S("xyz.com")) && !link_cheap_top(S("a.com")));
}
