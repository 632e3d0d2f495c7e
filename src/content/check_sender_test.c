#include "content/checking_testing.h"

static slice own[] = {S_INIT("northwind.example"), S_INIT("posthouse.cn")};
static slice partners[] = {S_INIT("steelworks.com")};
static slice wei[] = {S_INIT("zhang.wei@posthouse.cn")};
static slice anna[] = {S_INIT("anna@northwind.example")};
static struct content_person people[] = {{S_INIT("张伟"), wei, 1}, {S_INIT("Zhang Wei"), wei, 1},
	{S_INIT("Anna Maria Weber"), anna, 1}};
static const struct content_site site = {.domains = own,
	.ndomains = 2,
	.partners = partners,
	.npartners = 1,
	.people = people,
	.npeople = 3};

TEST(names_that_show_another_address)
{
	static const struct checking_case v[] = {
		{"From: Li Lei <li@shop.com>\n\nhi\n", ""},
		{"From: li@shop.com <li@shop.com>\n\nhi\n", ""},
		{"From: \"Amazon.com\" <auto@amazon.com>\n\nhi\n", ""},
		{"From: \"Dr. Li, Ph.D.\" <li@shop.com>\n\nhi\n", ""},
		{"From: \"J.R. Smith v2.0\" <li@shop.com>\n\nhi\n", ""},
		{"From: \"'li@shop.com' via Dev\" <dev@lists.com>\n\nhi\n", ""},
		{"From: \"li@gmail.com (Google Calendar)\" <calendar@google.com>\n\nhi\n", ""},
		{"From: \"li@shop.com\" <form@site.com>\nReply-To: li@shop.com\n\nhi\n", ""},
		{"From: \"bank@bank.com\" <x@evil.com>\nList-Id: <a.b>\n\nhi\n", ""},
		{"From: \"service@bank.com\" <x@evil.com>\n\nhi\n", "name-address"},
		{"From: \"Bank <service@bank.com>\" <x@evil.com>\n\nhi\n", "name-address"},
		{"From: \"www.bank.com\" <x@evil.com>\n\nhi\n", "name-domain"},
		{"From: \"it@posthouse.cn\" <x@evil.com>\n\nhi\n", "name-own-domain"},
		{"From: \"posthouse.cn\" <x@evil.com>\n\nhi\n", "name-own-domain"},
		{"From: \"IT Support\" <x9@gmail.com>\n\nhi\n", "name-system-freemail"},
		{"From: =?utf-8?B?6YKu566x566h55CG5ZGY?= <x9@163.com>\n\nhi\n",
			"name-system-freemail"},
		{"From: =?utf-8?B?6YKu566x566h55CG5ZGY?= <x9@evil.com>\n\nhi\n", "name-system"},
		{"From: =?utf-8?B?6LSi5Yqh6YOo?= <finance@posthouse.cn>\n\nhi\n", ""},
		{"From: Mail Delivery System <mailer-daemon@posthouse.cn>\n\nhi\n", ""},
	};
	CHECKING_TRY_ALL(content_check_sender, NULL, &site, v);
}

TEST(domains_that_look_like_ours)
{
	static const struct checking_case v[] = {
		{"From: a@posthouse.cn\n\nhttps://www.northwind.example/\n", ""},
		{"From: a@steelworks.com\n\nhttps://mail.steelworks.com/x\n", ""},
		{"From: a@p0sthouse.cn\n\nhi\n", "sender-lookalike"},
		{"From: a@posthouse-mail.com\n\nhi\n", "sender-lookalike"},
		{"From: a@shop.com\nReply-To: b@posth0use.cn\n\nhi\n", "reply-lookalike"},
		{"From: a@stee1works.com\n\nhi\n", "sender-lookalike"},
		{"From: a@shop.com\n\nhttps://posthouse.cn.evil.net/\n", "link-lookalike"},
		{"From: a@shop.com\n\nhttps://steelwork.com/ https://dev.example.org/\n",
			"link-lookalike"},
	};
	CHECKING_TRY_ALL(content_check_sender, NULL, &site, v);
}

TEST(recipients_domains_are_ours_where_none_is_set_up)
{
	const slice to[] = {S("li@bluewater.com"), S("li@gmail.com")};
	const struct content_context ctx = {.rcpts = to, .nrcpts = 2, .rcpts_total = 2};
	static const struct checking_case v[] = {
		{"From: a@b1uewater.com\n\nhi\n", "sender-lookalike"},
		{"From: a@gmai1.org\n\nhi\n", ""},
		{"From: a@bluewater.com\n\nhi\n", ""},
	};
	CHECKING_TRY_ALL(content_check_sender, &ctx, NULL, v);
}

TEST(our_domain_from_outside_needs_proof)
{
	const struct content_context bad = {.verified = true},
				     good = {.verified = true, .proven = true},
				     unknown = {.proven = false},
				     ours = {.verified = true, .direction = CONTENT_INTERNAL};
	static const struct checking_case forged[] = {
		{"From: a@posthouse.cn\n\nhi\n", "sender-own-forged"},
		{"From: a@shop.com\n\nhi\n", ""}};
	static const struct checking_case fine[] = {{"From: a@posthouse.cn\n\nhi\n", ""}};
	CHECKING_TRY_ALL(content_check_sender, &bad, &site, forged);
	CHECKING_TRY_ALL(content_check_sender, &good, &site, fine);
	CHECKING_TRY_ALL(content_check_sender, &unknown, &site, fine);
	CHECKING_TRY_ALL(content_check_sender, &ours, &site, fine);
}

TEST(guarded_people_are_recognised)
{
	static const struct checking_case v[] = {
		{"From: Zhang Wei <zhang.wei@posthouse.cn>\n\nhi\n", ""},
		{"From: Zhang Wei <zw88@gmail.com>\n\nhi\n", "person-imitated"},
		{"From: \"WEI, Zhang\" <zw88@gmail.com>\n\nhi\n", "person-imitated"},
		{"From: \"Zhang Wei (CEO)\" <zw88@evil.com>\n\nhi\n", "person-imitated"},
		{"From: \"Zhаng Wei\" <zw88@evil.com>\n\nhi\n", "person-imitated"}, /* Cyrillic a */
		{"From: Anna M. Weber <anna@web.de>\n\nhi\n", ""}, /* not all of her names */
		{"From: Anna-Maria Weber <a1@web.de>\n\nhi\n", "person-imitated"},
		{"From: 张伟 <zw@qq.com>\n\nhi\n", "person-imitated"},
		{"From: 张 伟 <zw@qq.com>\n\nhi\n", "person-imitated"},
		{"From: 張偉 <zw@qq.com>\n\nhi\n", "person-imitated"},
		{"From: 张伟（总经理） <zw@qq.com>\n\nhi\n", "person-imitated"},
		{"From: 董事长张伟 <zw@qq.com>\n\nhi\n", "person-imitated"},
		{"From: 张总 <zw@qq.com>\n\nhi\n", "person-imitated"},
		{"From: 张伟强 <zwq@qq.com>\n\nhi\n", "person-imitated"},
		{"From: 王总 <w@qq.com>\n\nhi\n", ""},
		{"From: 李雷 <l@qq.com>\n\nhi\n", ""},
		{"From: Zhang Li <zl@gmail.com>\n\nhi\n", ""},
		{"From: Wei <w@gmail.com>\n\nhi\n", ""},
		{"From: zw@qq.com\n\nhi\n", ""},
		{"From: Zhang Wei <zhang.wei@posthouse.cn>\nReply-To: z@gmail.com\n\nhi\n",
			"person-reply-elsewhere"},
	};
	CHECKING_TRY_ALL(content_check_people, NULL, &site, v);
}

TEST(well_known_names_are_recognised)
{
	static const struct checking_case v[] = {
		{"From: PayPal <service@paypal.com>\nSubject: Your PayPal receipt\n\n"
		 "https://www.paypal.com/x\n",
			""},
		{"From: PayPal <service@paypal.de>\n\nhi\n", ""},
		{"From: Amazon.co.jp <order@amazon.co.jp>\n\nhi\n", ""},
		{"From: Microsoft Teams <no-reply@teams.mail.microsoft>\n\nhi\n", ""},
		{"From: DHL Express <noreply@dhl.com>\n\nhttps://mydhl.express.dhl/\n", ""},
		{"From: 支付宝 <service@mail.alipay.com>\n\nhi\n", ""},
		{"From: 腾讯企业邮箱 <10000@qq.com>\n\nhi\n", ""},
		{"From: Chase Miller <chase@shop.com>\n\nhi\n", ""},
		{"From: Apple Farm <farm@applefarm.com>\n\nhttps://applefarm.com/\n", ""},
		{"From: Bob <bob@shop.com>\nSubject: Re: Microsoft meeting\n\nsee you\n", ""},
		{"From: \"Zoom via Dev\" <dev@lists.com>\n\nhi\n", ""},
		{"From: PayPal <service@secure-mail.com>\n\nhi\n", "brand-name"},
		{"From: PayPal <pp1@gmail.com>\n\nhi\n", "brand-name"},
		{"From: Apple Support <x@evil.com>\n\nhi\n", "brand-name"},
		{"From: 中国工商银行 <x@evil.com>\n\nhi\n", "brand-name"},
		{"From: 国家税务总局 <x@qq.com>\n\nhi\n", "brand-name"},
		{"From: Bob <bob@shop.com>\nSubject: Your PayPal account\n\nhttps://evil.com/\n",
			"brand-subject"},
		{"From: a@paypa1.com\n\nhi\n", "brand-lookalike"},
		{"From: a@paypal-security.com\n\nhi\n", "brand-lookalike"},
		{"From: a@shop.com\n\nhttps://icbc.com.cn.evil.net/x\n", "link-brand-lookalike"},
		{"From: a@shop.com\nContent-Type: text/html\n\n"
		 "<a href=\"http://evil.com/\">https://www.paypal.com/</a>",
			"link-deceives-brand"},
	};
	CHECKING_TRY_ALL(content_check_brand, NULL, NULL, v);
}

/* ---- among ourselves, history ---- */

TEST(users_who_are_not_who_they_say)
{
	const struct content_context ctx = {
		.direction = CONTENT_INTERNAL, .login = S("li@posthouse.cn"), .rcpts_total = 1};
	const struct content_context many = {
		.direction = CONTENT_INTERNAL, .login = S("li@posthouse.cn"), .rcpts_total = 50};
	const struct content_context outside = {.rcpts_total = 50};
	const struct content_context unproven = {.direction = CONTENT_INTERNAL, .verified = true};
	static const struct checking_case v[] = {
		{"From: li@posthouse.cn\n\nlunch?\n", ""},
		{"From: boss@posthouse.cn\nSender: li@posthouse.cn\n\nhi\n", ""},
		{"From: boss@posthouse.cn\n\nhi\n", "inside-other-name"},
		{"From: x@evil.com\n\nhi\n", "inside-foreign-from"},
		{"From: li@posthouse.cn\n\nnew password: https://mail.posthouse.cn/\n", ""},
		{"From: li@posthouse.cn\n\nlog in at https://evil.com/\n", "inside-lure"},
	};
	static const struct checking_case to_many[] = {
		{"From: li@posthouse.cn\n\nlunch?\n", "inside-many"},
		{"From: li@posthouse.cn\n\n邮箱升级，请登录 https://evil.com/ 验证\n",
			"inside-many inside-mass-lure"},
	};
	static const struct checking_case silent[] = {
		{"From: x@evil.com\n\nlog in https://evil.com/\n", ""}};
	static const struct checking_case no_proof[] = {
		{"From: li@posthouse.cn\n\nhi\n", "inside-unproven"}};
	CHECKING_TRY_ALL(content_check_internal, &ctx, &site, v);
	CHECKING_TRY_ALL(content_check_internal, &many, &site, to_many);
	CHECKING_TRY_ALL(content_check_internal, &outside, &site, silent);
	CHECKING_TRY_ALL(content_check_internal, &unproven, &site, no_proof);
}

TEST(what_went_before_counts_when_it_is_proven)
{
	const slice to[] = {S("li@posthouse.cn")};
	static const char *const letter = "From: a@shop.com\n\nhi\n";
	const struct {
		struct content_context ctx;
		const char *want;
	} v[] = {
		{{.written_to = true, .wrote_before = true}, ""},
		{{.verified = true, .proven = true, .written_to = true}, "history-written-to"},
		{{.verified = true, .proven = true, .wrote_before = true}, "history-known"},
		{{.verified = true, .written_to = true}, "history-unproven"},
		{{.verified = true, .proven = true, .rcpts = to, .nrcpts = 1}, "history-first"},
		{{.verified = true,
			 .proven = true,
			 .direction = CONTENT_OUTBOUND,
			 .written_to = true},
			""},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		const struct checking_case c = {letter, v[i].want};
		checking_try(content_check_history, &v[i].ctx, &site, -1, &c);
	}
}
