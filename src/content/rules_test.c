#include "base/mem.h"
#include "base/test.h"
#include "content/rules.h"

#include <stdio.h>
#include <stdlib.h>

/* A letter examined by some rules; everything of it lives in *a. */
struct tried {
	struct arena a;
	struct rules *r;
	struct content c;
	struct content_context ctx;
	struct content_tools tools;
	struct signals signals;
	struct content_exam x;
};

static struct rules *compiled(const char *text)
{
	struct err e = {0};
	struct rules *r = NULL;
	struct rules_source s = {S("t"), slice_z(text)};
	if (rules_compile(&s, 1, &r, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return r;
}

static void try_letter(struct tried *t, const char *letter)
{
	content_read(slice_z(letter), &t->tools, &content_limits_default, &t->a, &t->c);
	t->signals = (struct signals){.mem = &t->a};
	t->x = (struct content_exam){.c = &t->c,
		.ctx = &t->ctx,
		.tools = &t->tools,
		.signals = &t->signals,
		.a = &t->a,
		.bulk = t->x.bulk};
}

static void done(struct tried *t)
{
	rules_free(t->r);
	arena_done(&t->a);
}

static bool has(const struct tried *t, const char *rule)
{
	return signals_has_name(&t->signals, slice_z(rule));
}

/* Does a rule with this condition hold for a letter with that subject and text? */
static bool holds_with(const char *condition, const char *header, const char *text,
	const struct content_context *ctx)
{
	struct tried *t = calloc(1, sizeof *t);
	AUTO(free) char *rule = NULL, *letter = NULL;
	if (asprintf(&rule, "rule x 1\n\t%s\n", condition) < 0 ||
		asprintf(&letter,
			"From: \"Li Lei\" <Lilei@Mail.example.com>\nMIME-Version: 1.0\n"
			"Content-Type: text/plain; charset=utf-8\n%s\n%s\n",
			header, text) < 0)
		abort();
	if (ctx)
		t->ctx = *ctx;
	t->r = compiled(rule);
	try_letter(t, letter);
	rules_run(t->r, &t->x);
	bool held = has(t, "x");
	done(t);
	free(t);
	return held;
}

static bool holds(const char *condition, const char *text)
{
	return holds_with(condition, "", text, NULL);
}

struct row {
	const char *condition, *text;
	bool holds;
};

static void check_rows(const struct row *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (holds(v[i].condition, v[i].text) != v[i].holds)
			test_fail(__FILE__, __LINE__, "%s: \"%s\" should%s hold", v[i].condition,
				v[i].text, v[i].holds ? "" : " not");
}
#define CHECK_ROWS(v) check_rows(v, sizeof(v) / sizeof *(v))

TEST(rules_phrases_are_found_in_one_spelling)
{
	static const struct row v[] = {
		{"text has 发票", "我司代开发票，税点低", true},
		{"text has 發票", "我司代开发票", true},
		{"text has 发票", "代開發票", true},
		{"text has 代开发票", "代 开 发 票", true},
		{"text has 代开发票", "代*开*发*票", true},
		{"text has 代开发票", "我们代开\n发票的", true},
		{"text has 代开发票", "代开普通发票", false},
		{"text has \"act now\"", "You must ACT   NOW!", true},
		{"text has \"act now\"", "you must act\nnow", true},
		{"text has \"ＡＣＴ now\"", "act now", true},
		{"text has \"act now\"", "ａｃｔ ｎｏｗ", true},
		{"text has viagra", "buy v1agra", true},
		{"text has viagra", "buy v.i.a.g.r.a today", true},
		{"text has paypal", "your p\xd0\xb0yp\xd0\xb0l account", true},
		{"text has free",
			"fr\xe2\x80\x8b"
			"ee",
			true},
		{"text has “立即 行动”", "请立即行动", true},
		{"text has 微信", "加微信abc", true},
	};
	CHECK_ROWS(v);
}

TEST(rules_words_are_found_whole)
{
	static const struct row v[] = {
		{"text has pay", "payment", false},
		{"text has pay", "repay", false},
		{"text has pay", "to pay, please", true},
		{"text has pay", "请pay给我", true},
		{"text has pay*", "payment", true},
		{"text has *pay", "repay", true},
		{"text has pay*", "repay", false},
		{"text has счет", "счета", false},
		{"text has счет", "это счет!", true},
		{"text has 100%", "a 100% win", true},
		{"text has caf\xc3\xa9", "caf\xc3\xa9s", false},
	};
	CHECK_ROWS(v);
}

TEST(rules_stars_stand_for_some_characters)
{
	static const struct row v[] = {
		{"text has 代开*发票", "代开各类正规发票", true},
		{"text has 代开*发票", "代开发票", true},
		{"text has 代开*发票", "发票代开", false},
		{"text has 代开*发票", "代开一二三四五六七八九十一二三四五六七八九十发票", true},
		{"text has 代开*发票", "代开一二三四五六七八九十一二三四五六七八九十一发票", false},
		{"text has 代开*发票", "代开 有人说这句话里并没有什么 代开的发票", true},
		{"text has \"last * warning\"", "this is your last and final warning", true},
		{"text has \"last * warning\"", "blast it, warnings", false},
		{"text has last*warning", "lastwarnings", false},
		{"text has aa*aa", "aaa", false},
		{"text has *aa*aa*", "aaaa", true},
		{"text has a1*b2*c3", "a1 b2 c3", true},
		{"text has a1*b2*c3", "b2 a1 c3", false},
		{"text has \"50\\* off\"", "50* off", true},
		{"text has \"50\\* off\"", "50 good off", false},
	};
	CHECK_ROWS(v);
}

TEST(rules_several_values_count)
{
	static const struct row v[] = {
		{"text has one two", "two", true},
		{"text has any of one two", "two", true},
		{"text has 2 of one two three", "two two two", false},
		{"text has 2 of one two three", "three two", true},
		{"text has all of one two three", "three two", false},
		{"text has all of one two three", "three two one", true},
		{"not text has one two", "two", false},
		{"not text has one two", "none", true},
		{"text has 2 of \"of\" \"x y\" z1", "of x y", true},
	};
	CHECK_ROWS(v);
}

TEST(rules_near_takes_either_order)
{
	static const struct row v[] = {
		{"text near 10 bank password", "bank: your password", true},
		{"text near 10 bank password", "password of bank", true},
		{"text near 10 bank password", "bank, where nobody needs any password", false},
		{"text near 3 银行 密码", "银行卡的密码", true},
		{"text near 3 银行 密码", "银行卡的那个密码", false},
	};
	CHECK_ROWS(v);
}

TEST(rules_expressions_match_the_text_as_written)
{
	static const struct row v[] = {
		{"text like /QQ\\s*\\d{5,}/", "QQ 123456", true},
		{"text like /qq\\s*\\d{5,}/", "QQ 123456", false},
		{"text like /qq\\s*\\d{5,}/i", "QQ 123456", true},
		{"text like /代开.{0,3}发票/", "代開發票", false},
		{"text like /代开.{0,3}发票/n", "代開發票", true},
		{"text like /a.b/", "a\nb", false},
		{"text like /a.b/s", "a\nb", true},
		{"text like /^two$/", "one\ntwo\nthree", false},
		{"text like /^two$/m", "one\ntwo\nthree", true},
		{"text like /https?:\\/\\/x/", "http://x", true},
		/* Long repetitions are looked for without their bounds. */
		{"text like /a[^\\n]{0,20}b/", "a 1234567890123456789 b", false},
		{"text like /a[^\\n]{0,20}b/", "a 12345678901234567 b", true},
		{"text like /[]{2,40}]x{2,17}y/", "}xxxxxxxxxxxxxxxxxy", true},
		{"text like /[]{2,40}]x{2,17}y/", "}xxxxxxxxxxxxxxxxxxy", false},
		{"text like /[]{2,40}]x{2,17}y/", "zxxxxxxxxxxxxxxxxxy", false},
		{"text like /[^]x]x{2,17}y/", "zxxxxxxxxxxxxxxxxxy", true},
		{"text like /[^]x]x{2,17}y/", "]xxxxxxxxxxxxxxxxxy", false},
		{"text like /\\{2,17}y/", "z{2,17}y", true},
		/* What Hyperscan cannot: confirmed. */
		{"text like /(\\w)\\1\\1y/", "so heyyyy", true},
		{"text like /(\\w)\\1\\1!/", "so hey!", false},
		{"text like /(?<!not )paid/", "it is not paid", false},
		{"text like /(?<!not )paid/", "it is now paid", true},
		{"text like 2 of /aa/ /bb/ /cc/", "aa aa", false},
		{"text like 2 of /aa/ /bb/ /cc/", "aa cc", true},
	};
	CHECK_ROWS(v);
}

TEST(rules_ends_of_values_are_seen)
{
	static const struct row v[] = {
		{"text starts dear", "Dear friend", true},
		{"text starts friend", "Dear friend", false},
		{"text ends friend", "Dear friend", true},
		{"text ends dear", "Dear friend", false},
		{"text is \"dear friend\"", "Dear  friend", true},
		{"text is dear", "Dear friend", false},
		{"from is lilei@mail.example.com", "", true},
		{"from is lei@mail.example.com", "", false},
		{"from has LEI@", "", true},
		{"from domain example.com", "", true},
		{"from domain mail.example.com", "", true},
		{"from domain ample.com", "", false},
		{"from domain il.example.com", "", false},
		{"from-name has lei", "", true},
		{"host domain evil.example", "see http://www.evil.example/x", true},
		{"host domain evil.example", "see http://notevil.example/x", false},
		{"host is www.evil.example", "http://a.example/ http://www.evil.example/x", true},
		{"host is evil.example", "http://a.example/ http://www.evil.example/x", false},
		{"link has login", "http://a.example/MyLogin?x", true},
		{"link like /\\?id=\\d+$/", "http://a.example/?id=77 http://b.example/", true},
		{"link exists", "nothing", false},
		{"link exists", "http://b.example/", true},
	};
	CHECK_ROWS(v);
}

TEST(rules_headers_by_name)
{
	const char *h = "Subject: =?utf-8?B?5Y+R56Wo?= offer\nX-Mailer: The  Bat\nX-Mailer: two\n";
	CHECK(holds_with("subject has 发票", h, "", NULL));
	CHECK(holds_with("header subject has 發票", h, "", NULL));
	CHECK(holds_with("header X-Mailer has \"the bat\"", h, "", NULL));
	CHECK(holds_with("header X-Mailer is two", h, "", NULL));
	CHECK(!holds_with("header X-Mailer is bat", h, "", NULL));
	CHECK(holds_with("header X-Mailer like /^two$/", h, "", NULL));
	CHECK(holds_with("header X-Mailer exists", h, "", NULL));
	CHECK(!holds_with("header List-Id exists", h, "", NULL));
	CHECK(holds_with("anywhere has offer", h, "", NULL));
	CHECK(!holds_with("text has offer", h, "", NULL));
}

TEST(rules_numbers_compare)
{
	static const struct row v[] = {
		{"size > 50", "", true},
		{"size > 1m", "", false},
		{"size < 1k", "", true},
		{"links = 2", "http://a.example/ http://b.example/", true},
		{"links >= 3", "http://a.example/ http://b.example/", false},
		{"links <= 2", "http://a.example/ http://b.example/", true},
		{"chinese > 90", "全部都是中文", true},
		{"chinese > 40", "一半abcd中文", true},
		{"chinese > 60", "一半abcd中文", false},
		{"text-length = 5", "12345", true},
	};
	CHECK_ROWS(v);
}

TEST(rules_facts_and_addresses_of_callers)
{
	struct slice_list {
		slice v[2];
	} to = {{S("a@b.example"), S("c@d.example")}};
	struct content_context c = {.direction = CONTENT_OUTBOUND,
		.client_ip = S("192.0.2.7"),
		.client_name = S("mx.sender.example"),
		.sender = S("bounce@sender.example"),
		.rcpts = to.v,
		.nrcpts = 2,
		.rcpts_total = 30,
		.login = S("user"),
		.verified = true,
		.written_to = true};
	static const char *const yes[] = {"outbound", "logged-in", "unproven", "written-to",
		"ip is 192.0.2.0/24", "ip is 2001:db8::/32 192.0.2.7", "ip exists",
		"client-name domain sender.example", "sender is bounce@sender.example",
		"rcpt is c@d.example", "rcpt domain b.example", "rcpts = 30", "login is user"};
	static const char *const no[] = {"inbound", "internal", "proven", "wrote-before",
		"ip is 192.0.3.0/24", "rcpt is d.example", "sender domain b.example",
		"helo exists"};
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!holds_with(yes[i], "", "x", &c))
			test_fail(__FILE__, __LINE__, "%s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (holds_with(no[i], "", "x", &c))
			test_fail(__FILE__, __LINE__, "%s", no[i]);
}

TEST(rules_groups_nest)
{
	const char *one_of =
		"any\n\t\ttext has one\n\t\tall\n\t\t\ttext has two\n\t\t\tnot text has three";
	CHECK(holds(one_of, "one three"));
	CHECK(holds(one_of, "two"));
	CHECK(!holds(one_of, "two three"));
	const char *m_of_n = "2 of\n\t\ttext has one\n\t\ttext has two\n\t\tlinks > 0";
	CHECK(holds(m_of_n, "two http://a.example/"));
	CHECK(holds(m_of_n, "one two"));
	CHECK(!holds(m_of_n, "one"));
	const char *none = "none\n\t\ttext has one\n\t\ttext has two";
	CHECK(holds(none, "three"));
	CHECK(!holds(none, "two"));
	CHECK(holds("not none\n\t\ttext has one\n\t\ttext has two", "two"));
}

static bool names_hold(const char *rules, const char *text, const char *name)
{
	struct tried *t = calloc(1, sizeof *t);
	AUTO(free) char *letter = NULL;
	if (asprintf(&letter, "Subject: s\n\n%s\n", text) < 0)
		abort();
	t->r = compiled(rules);
	try_letter(t, letter);
	signals_add(&t->signals, SIGNAL_SPF_FAIL, 1, S(""));
	rules_run(t->r, &t->x);
	bool held = has(t, name);
	done(t);
	free(t);
	return held;
}

TEST(rules_use_each_other_in_any_order)
{
	const char *rules = "rule last 1\n\tsignal 2 of a-* spf-fail\n"
			    "rule a-one 1\n\tsignal hidden-part\n"
			    "part hidden-part\n\ttext has one\n"
			    "rule a-two 1\n\ttext has two\n"
			    "rule both 1\n\tsignal all of a-one a-two\n"
			    "rule neither 1\n\tnot signal a-one a-two\n";
	CHECK(names_hold(rules, "one", "a-one"));
	CHECK(names_hold(rules, "one", "last"));
	CHECK(!names_hold(rules, "nothing", "last"));
	CHECK(!names_hold(rules, "one", "both"));
	CHECK(names_hold(rules, "one two", "both"));
	CHECK(names_hold(rules, "nothing", "neither"));
	CHECK(!names_hold(rules, "two", "neither"));
	CHECK(!names_hold(rules, "one", "hidden-part"));
}

TEST(rules_lists_stand_for_their_values)
{
	const char *rules = "list inner\n\tgreen \"light blue\"\nlist colours\n\tred @inner\n"
			    "rule x 1\n\ttext has 2 of @colours black\n"
			    "\t\t\"dark grey\"\n\t\t@inner\n"
			    "list rx\n\t/b[ae]d/\n"
			    "rule y 1\n\ttext like @rx /wo?rse/\n";
	CHECK(names_hold(rules, "red and light  blue", "x"));
	CHECK(names_hold(rules, "black, dark grey", "x"));
	CHECK(!names_hold(rules, "red", "x"));
	CHECK(names_hold(rules, "bed", "y"));
	CHECK(names_hold(rules, "wrse", "y"));
}

TEST(rules_later_sources_change_earlier_ones)
{
	struct rules_source v[2] = {
		{S("shipped"), S("rule a-one 1 fraud\n\ten first\n\ttext has one\n"
				 "rule a-two 2\n\ttext has two\nrule b 3\n\tsignal a-two\n"
				 "list w\n\told\nrule d 1\n\ttext has @w\n")},
		{S("site"), S("off a-two\nscore b 0.5\nrule a-one 4\n\tzh 新\n\ttext has uno\n"
			      "list w\n\tnew\nscore zzz 1\noff y-*\n")},
	};
	struct rules *r;
	struct err e;
	CHECK(rules_parse(v, 2, &r, &e) == 0);
	CHECK_INT(rules_count(r), 4);
	const struct signal_def *one = rules_signal(r, S("a-one"));
	CHECK(one && one->score == 4);
	CHECK_STR(slice_z(one->en), S("新"));
	CHECK_STR(slice_z(one->class), S("spam"));
	CHECK(rules_find(r, S("a-two"))->off);
	CHECK(rules_signal(r, S("b"))->score == 0.5F);
	CHECK(!rules_signal(r, S("nothing")));
	CHECK_STR(rules_find(r, S("a-one"))->text, S("rule a-one 4\n\tzh 新\n\ttext has uno"));
	CHECK_INT(rules_find(r, S("a-one"))->line, 3);
	CHECK_STR(rules_warnings(r),
		S("site:8: there is no rule zzz\nsite:9: there is no rule y-*\n"));
	rules_free(r);
	CHECK(rules_compile(v, 2, &r, &e) == 0);
	struct tried *t = calloc(1, sizeof *t);
	t->r = r;
	try_letter(t, "Subject: s\n\none two new\n");
	rules_run(r, &t->x);
	CHECK(!has(t, "a-one") && !has(t, "a-two") && !has(t, "b"));
	CHECK(has(t, "d"));
	done(t);
	free(t);
}

TEST(rules_mistakes_are_told_with_their_line)
{
	static const struct {
		const char *text, *error;
	} v[] = {
		{"rul x 1\n", "t:1: begins with none of rule, part, list, score, off"},
		{"\ttext has a\n", "t:1: is indented, but belongs to nothing"},
		{"rule x\n", "t:1: is written: rule NAME SCORE [CLASS]"},
		{"rule X 1\n", "t:1: a name has lower-case letters, digits and '-', up to 64"},
		{"rule x 1000\n", "t:1: the score is no number from -100 to 100"},
		{"rule x nan\n", "t:1: the score is no number from -100 to 100"},
		{"rule x 1\n", "t:1: a rule without conditions"},
		{"rule spf-fail 1\n\tlinks > 1\n", "t:1: a built-in signal has this name"},
		{"rule x 1\n\tlinks > 1\nrule x 2\n\tlinks > 1\n",
			"t:3: x is in line 1 of this file already"},
		{"rule x 1\n\ttxt has a\n", "t:2: \"txt\" is nothing that a condition begins with"},
		{"rule x 1\n\ttext a\n", "t:2: an operator is missing: has, is, starts, ends, "
					 "domain, near, like, exists"},
		{"rule x 1\n\ttext has\n", "t:2: values are missing"},
		{"rule x 1\n\ttext has a\n", "t:2: \"a\" is too short to look for"},
		{"rule x 1\n\ttext has *\n", "t:2: a value of nothing but stars and blanks"},
		{"rule x 1\n\ttext has \"ab\n", "t:2: \" without its end"},
		{"rule x 1\n\ttext has /ab/\n",
			"t:2: /.../ belongs to like, words and phrases to the others"},
		{"rule x 1\n\ttext like ab\n",
			"t:2: /.../ belongs to like, words and phrases to the others"},
		{"rule x 1\n\ttext like /a(b/\n",
			"t:2: /.../ at its byte 3: missing closing parenthesis"},
		{"rule x 1\n\ttext like /a*/\n",
			"t:2: /.../ matches the empty text: it would always hold"},
		{"rule x 1\n\ttext like /ab/y\n", "t:2: behind /.../ may stand i, s, m, n"},
		{"rule x 1\n\ttext domain ab\n", "t:2: only addresses and hosts have a domain"},
		{"rule x 1\n\ttext has 3 of ab cd\n", "t:2: wants 3 of 2 values"},
		{"rule x 1\n\ttext has @none\n", "t:2: there is no list none"},
		{"list a\n\t@b\nlist b\n\t@a\nrule x 1\n\ttext has @a\n",
			"t:4: list a stands in itself"},
		{"list a\n", "t:1: a list without values below it"},
		{"rule x 1\n\tip is 1.2.3\n", "t:2: 1.2.3 is no address and no network"},
		{"rule x 1\n\tlinks 3\n", "t:2: a comparison is missing: > < >= <= ="},
		{"rule x 1\n\tlinks > many\n", "t:2: a number is missing, like 10 or 20k"},
		{"rule x 1\n\tproven yes\n",
			"t:2: something stands behind the end of the condition"},
		{"rule x 1\n\tany\n\ttext has ab\n", "t:2: a group without conditions below it"},
		{"rule x 1\n\t3 of\n\t\ttext has ab\n",
			"t:2: wants more conditions than there are below it"},
		{"rule x 1\n\tlinks > 1\n  links > 2\n",
			"t:3: is indented neither like the line above nor deeper"},
		{"rule x 1\n\ttext has ab\n\t\tcd\n", "t:3: only values may be indented below a "
						      "condition: \"...\", @... or /.../"},
		{"rule a 1\n\tsignal b\nrule b 1\n\tsignal a\n",
			"t:1: a needs itself, in a circle of rules"},
		{"rule a 1\n\tsignal a\n", "t:1: a needs itself, in a circle of rules"},
		{"rule x 1\n\ttext near 300 ab cd\n",
			"t:2: is written: near NUMBER PHRASE PHRASE, with a number up to 200"},
		{"rule x 1\n\ttext near 3 ab\n", "t:2: near wants two phrases"},
		{"rule x 1\n\ten a\n\ten b\n\tlinks > 1\n",
			"t:3: a second sentence in the same language"},
		{"rule x 1\n\theader \"a b\" exists\n", "t:2: no name of a header field"},
		{"rule x 1\n\ttext has \x01\n", "t:2: a control character"},
		{"rule x 1\n\ttext has \xff\xfe\n", "t: is not UTF-8"},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct rules_source s = {S("t"), slice_z(v[i].text)};
		struct rules *r = NULL;
		struct err e = {0};
		if (rules_compile(&s, 1, &r, &e) == 0)
			test_fail(__FILE__, __LINE__, "taken: %s", v[i].text);
		CHECK_STR(slice_z(e.text), slice_z(v[i].error));
	}
}

TEST(rules_unknown_signals_are_warned_about_and_never_come)
{
	const char *text = "rule x 1\n\tsignal nobody spf-fail\nrule y 1\n\tnot signal nobody\n"
			   "rule z 1\n\tsignal all of nobody spf-fail\n";
	struct rules *r = compiled(text);
	CHECK_STR(rules_warnings(r), S("t:2: there is no signal and no rule nobody\n"
				       "t:4: there is no signal and no rule nobody\n"
				       "t:6: there is no signal and no rule nobody\n"));
	rules_free(r);
	CHECK(names_hold(text, "", "x"));
	CHECK(names_hold(text, "", "y"));
	CHECK(!names_hold(text, "", "z"));
}

TEST(rules_depth_is_limited)
{
	AUTO(buf) struct buf b = BUF(100000);
	struct rules *r;
	struct err e;
	buf_put(&b, S("rule x 1\n"));
	for (size_t i = 1; i < 20; i++) {
		buf_fill(&b, ' ', i);
		buf_put(&b, S("any\n"));
	}
	buf_put(&b, S("                    links > 1\n"));
	struct rules_source s = {S("t"), buf_slice(&b)};
	CHECK(rules_compile(&s, 1, &r, &e) < 0);
	CHECK_STR(slice_z(e.text), S("t:10: groups are nested too deeply"));
}

TEST(rules_what_made_a_rule_hold_is_told)
{
	struct tried *t = calloc(1, sizeof *t);
	const struct rule_hit *v;
	t->r = compiled(
		"rule x 2 fraud\n\ten e\n\ttext has 代开*发票\n\tsubject like /no\\. \\d+/\n"
		"rule y 1\n\tlinks = 0\n");
	try_letter(t, "Subject: Letter no. 17\nContent-Type: text/plain; charset=utf-8\n\n"
		      "低价代开各类發票！\n");
	rules_run(t->r, &t->x);
	CHECK_INT(rules_hits(t->r, &v), 3);
	CHECK_STR(slice_z(v[0].rule->def.name), S("x"));
	CHECK_STR(v[0].field, S("text"));
	CHECK_STR(v[0].text, S("代开各类发票"));
	CHECK_STR(v[1].field, S("subject"));
	CHECK_STR(v[1].text, S("no. 17"));
	CHECK_STR(slice_z(v[2].rule->def.name), S("y"));
	CHECK_INT(v[2].field.n, 0);
	CHECK_INT(t->signals.n, 2);
	CHECK_STR(t->signals.v[0].detail, S("代开各类发票, no. 17"));
	CHECK_STR(slice_z(t->signals.v[0].def->class), S("fraud"));
	done(t);
	free(t);
}

/* Letter after letter: nothing of one is found in the next. */
TEST(rules_runs_do_not_touch_each_other)
{
	struct tried *t = calloc(1, sizeof *t);
	t->r = compiled("rule x 1\n\ttext has 2 of one two\nrule y 1\n\ttext has one*end\n");
	static const struct {
		const char *letter;
		bool x, y;
	} v[] = {
		{"Subject: s\n\none\n", false, false},
		{"Subject: s\n\ntwo end\n", false, false},
		{"Subject: s\n\ntwo one end\n", true, true},
		{"Subject: one\n\nend\n", false, false},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		try_letter(t, v[i].letter);
		rules_run(t->r, &t->x);
		CHECK_INT(has(t, "x"), v[i].x);
		CHECK_INT(has(t, "y"), v[i].y);
	}
	done(t);
	free(t);
}

/* An expression that would take exponential time takes its steps and does not hold. */
TEST(rules_steps_of_expressions_are_limited)
{
	struct tried *t = calloc(1, sizeof *t);
	AUTO(buf) struct buf b = BUF(100000);
	t->r = compiled(
		"rule x 1\n\ttext like /(?:(a+)+)\\1c(?<!ac)/\nrule y 1\n\ttext has aaa*\n");
	buf_put(&b, S("Subject: s\n\n"));
	buf_fill(&b, 'a', 20000);
	buf_put(&b, S("c\n"));
	buf_byte(&b, 0);
	try_letter(t, b.p);
	rules_run(t->r, &t->x);
	CHECK(!has(t, "x"));
	CHECK(has(t, "y"));
	CHECK(rules_limited(t->r) > 0);
	done(t);
	free(t);
}

TEST(rules_as_many_signals_as_there_is_room_for)
{
	struct tried *t = calloc(1, sizeof *t);
	AUTO(buf) struct buf b = BUF(100000);
	for (int i = 0; i < 200; i++)
		buf_printf(&b, "rule r%d %d\n\ttext has word\n", i, i % 50);
	buf_byte(&b, 0);
	t->r = compiled(b.p);
	try_letter(t, "Subject: s\n\nword\n");
	rules_run(t->r, &t->x);
	CHECK_INT(t->signals.n, RULES_SIGNALS_MAX);
	CHECK(has(t, "r49") && has(t, "r199") && !has(t, "r0"));
	done(t);
	free(t);
}
