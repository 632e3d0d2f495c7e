#include "base/arena.h"
#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "mail/maillist.h"

static struct maillist list(void)
{
	struct maillist l = {.id = 7, .address = S("dev@here.test"), .name = S("Dev")};
	maillist_conf_usual(&l.c);
	return l;
}

TEST(tokens)
{
	AUTO(arena) struct arena a = {0};
	unsigned char key[MAILLIST_KEY] = {1, 2, 3}, other[MAILLIST_KEY] = {9};
	const struct maillist_token t = {MAILLIST_TOKEN_LEAVE, ((int64_t)5 << 32) + 77, 0},
				    short_lived = {MAILLIST_TOKEN_CONFIRM, 1, 10 * HOUR};
	struct maillist_token got;
	struct err e;
	slice text = maillist_token_make(key, &t, &a);
	CHECK(text.n == MAILLIST_TOKEN_TEXT && text.p[0] == 'u');
	CHECK(maillist_token_read(key, text, 1, &got, &e) == 0 && got.kind == t.kind &&
		got.id == t.id && got.until == 0);
	char *upper = arena_strz(&a, text);
	for (size_t i = 0; i < text.n; i++)
		upper[i] = upper[i] >= 'a' && upper[i] <= 'z' ? (char)(upper[i] - 32) : upper[i];
	CHECK(maillist_token_read(key, slice_z(upper), 1, &got, &e) == 0 && got.id == t.id);
	CHECK(maillist_token_read(other, text, 1, &got, &e) < 0 && e.kind == ERR_PROTO);
	for (size_t i = 0; i < text.n; i++) { /* no character may be changed, not even the kind */
		char *bad = arena_strz(&a, text);
		bad[i] = bad[i] == 'c' ? 'd' : 'c';
		CHECK(maillist_token_read(key, slice_z(bad), 1, &got, &e) < 0 &&
			e.kind == ERR_PROTO);
	}
	CHECK(maillist_token_read(key, S(""), 1, &got, &e) < 0);
	text = maillist_token_make(key, &short_lived, &a);
	CHECK(maillist_token_read(key, text, 10 * HOUR - 1, &got, &e) == 0);
	CHECK(maillist_token_read(key, text, 10 * HOUR, &got, &e) < 0 && e.kind == ERR_TIMEOUT &&
		got.id == 1);
	/* The longest list's addresses fit into 64. */
	slice name = S("123456789012345678901234567890@here.test");
	for (enum maillist_part p = MAILLIST_LEAVE; p <= MAILLIST_BOUNCES; p++)
		CHECK(slice_index(maillist_part_address(name, p, text, &a), '@') <= 64);
}

TEST(who_may_post)
{
	static const struct {
		int posting, strangers;
		bool proven, member;
		unsigned roles;
		enum maillist_say say;
	} v[] = {
		{MAILLIST_OPEN, 0, false, false, 0, MAILLIST_SAY_POST},
		{MAILLIST_MEMBERS, MAILLIST_HOLD, true, true, 0, MAILLIST_SAY_POST},
		{MAILLIST_MEMBERS, MAILLIST_HOLD, false, true, 0, MAILLIST_SAY_HOLD},
		{MAILLIST_MEMBERS, MAILLIST_HOLD, true, false, 0, MAILLIST_SAY_HOLD},
		{MAILLIST_MEMBERS, MAILLIST_REJECT, true, false, 0, MAILLIST_SAY_REFUSE},
		{MAILLIST_MEMBERS, MAILLIST_REJECT, false, false, 0, MAILLIST_SAY_DROP},
		{MAILLIST_MEMBERS, MAILLIST_DISCARD, true, false, 0, MAILLIST_SAY_DROP},
		{MAILLIST_MEMBERS, MAILLIST_REJECT, true, false, MAILLIST_SENDER,
			MAILLIST_SAY_POST},
		{MAILLIST_MODERATED, 0, true, true, 0, MAILLIST_SAY_HOLD},
		{MAILLIST_MODERATED, 0, true, false, MAILLIST_MODERATOR, MAILLIST_SAY_POST},
		{MAILLIST_MODERATED, 0, false, false, MAILLIST_MODERATOR, MAILLIST_SAY_HOLD},
		{MAILLIST_ANNOUNCE, 0, true, true, 0, MAILLIST_SAY_REFUSE},
		{MAILLIST_ANNOUNCE, 0, false, true, 0, MAILLIST_SAY_DROP},
		{MAILLIST_ANNOUNCE, 0, true, true, MAILLIST_MODERATOR, MAILLIST_SAY_REFUSE},
		{MAILLIST_ANNOUNCE, 0, true, true, MAILLIST_SENDER, MAILLIST_SAY_POST},
		{MAILLIST_ANNOUNCE, 0, false, true, MAILLIST_OWNER_ROLE, MAILLIST_SAY_HOLD},
	};
	const struct queue_msg m = {.sender = S("ann@here.test"), .size = 100};
	const char *why;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct maillist l = list();
		l.c.posting = v[i].posting;
		l.c.strangers = v[i].strangers;
		struct maillist_case c = {.list = &l,
			.m = &m,
			.header = S("From: ann@here.test\r\n\r\n"),
			.author = S("ann@here.test"),
			.proven = v[i].proven,
			.member = v[i].member,
			.roles = v[i].roles};
		CHECK(maillist_judge(&c, &why) == v[i].say);
		c.posts_all = 100000;
		CHECK(maillist_judge(&c, &why) == MAILLIST_SAY_LATER);
		l.c.enabled = false;
		CHECK(maillist_judge(&c, &why) ==
			(v[i].proven ? MAILLIST_SAY_REFUSE : MAILLIST_SAY_DROP));
	}
}

TEST(refusals_go_to_authors_alone)
{
	static const struct {
		const char *sender;
		unsigned flags;
		bool proven, may;
	} v[] = {{"ann@far.test", 0, true, true}, {"bounce@m.far.test", 0, true, true},
		{"ann@far.test", 0, false, false}, {"victim@else.test", 0, true, false},
		{"victim@test", 0, true, false}, {"shop@here.test", MSG_SUBMITTED, true, true}};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		const struct queue_msg m = {.sender = slice_z(v[i].sender), .flags = v[i].flags};
		CHECK_INT(maillist_may_refuse(&m, S("ann@far.test"), v[i].proven), v[i].may);
	}
}

TEST(machines_and_loops)
{
	static const struct {
		slice header;
		bool machine;
	} v[] = {
		{S_INIT("From: a@b.test\r\nPrecedence: list\r\nList-Id: <other.here.test>\r\n\r\n"),
			false},
		{S_INIT("Auto-Submitted: no\r\n\r\n"), false},
		{S_INIT("Delivered-To: devel@here.test\r\n\r\n"), false},
		{S_INIT("List-Id: Dev <DEV.here.test>\r\n\r\n"), true},
		{S_INIT("List-Id: dev.here.test\r\n\r\n"), true},
		{S_INIT("Delivered-To: Dev@here.test\r\n\r\n"), true},
		{S_INIT("X-Loop: dev@here.test\r\n\r\n"), true},
		{S_INIT("Auto-Submitted: auto-replied; owner-email=x\r\n\r\n"), true},
		{S_INIT("Precedence: junk\r\n\r\n"), true},
		{S_INIT("Content-Type: multipart/report; x=y\r\n\r\n"), true},
	};
	const struct queue_msg m = {.sender = S("a@b.test")}, none = {0},
			       bounce = {.sender = S("a@b.test"), .flags = MSG_BOUNCE};
	AUTO(buf) struct buf hops = BUF(1 << 16);
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		CHECK((maillist_machine(v[i].header, &m, S("dev@here.test")) != NULL) ==
			v[i].machine);
	CHECK(maillist_machine(v[0].header, &none, S("dev@here.test")) &&
		maillist_machine(v[0].header, &bounce, S("dev@here.test")));
	for (int i = 0; i <= MAILLIST_HOPS_MAX; i++)
		buf_put(&hops, S("Received: x\r\n"));
	CHECK(maillist_machine(buf_slice(&hops), &m, S("dev@here.test")));
}

TEST(proof)
{
	static const struct {
		slice results;
		bool proven;
		slice policy;
	} v[] = {
		{S_INIT("dmarc=pass (p=reject sp=none dis=none) header.from=far.test "
			"policy.dmarc=none"),
			true, S_INIT("reject")},
		{S_INIT("dmarc=pass (p=none sp=quarantine dis=none) header.from=far.test"), true,
			S_INIT("quarantine")},
		{S_INIT("dmarc=none header.from=far.test; spf=pass smtp.mailfrom=x@far.test"), true,
			S_INIT("none")},
		{S_INIT("spf=pass smtp.mailfrom=x@sub.far.test"), false, S_INIT("")},
		{S_INIT("dkim=pass header.d=far.test"), true, S_INIT("")},
		{S_INIT("dkim=pass header.d=ar.test"), false, S_INIT("")},
		{S_INIT("dkim=fail header.d=far.test"), false, S_INIT("")},
		{S_INIT("dmarc=pass (p=none dis=none) header.from=other.test"), false,
			S_INIT("none")},
	};
	AUTO(arena) struct arena a = {0};
	slice policy, author;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		slice prefix = arena_printf(
			&a, "Authentication-Results: mx.test; %.*s\r\n", SFMT(v[i].results));
		CHECK(maillist_proven(prefix, S("ann@far.test"), &a, &policy) == v[i].proven);
		CHECK(slice_eq(policy, v[i].policy));
	}
	CHECK(maillist_author(S("From: Ann <Ann@Far.Test>\r\n\r\n"), &a, &author) &&
		slice_eq(author, S("ann@far.test")));
	CHECK(!maillist_author(S("From: a@b.test, c@d.test\r\n\r\n"), &a, &author));
	CHECK(!maillist_author(S("From: a@b.test\r\nFrom: c@d.test\r\n\r\n"), &a, &author));
}

TEST(changes)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(1 << 22);
	struct maillist l = list();
	struct err e;
	slice message = S("From: Ann B <ann@far.test>\r\nList-Id: <x.far.test>\r\nSubject: "
			  "hi\r\nReply-To: q@far.test\r\n\r\nbody\r\n");
	slice from = maillist_from(message, S("ann@far.test"), &l, &a);
	CHECK(slice_eq(from, S("Ann B via Dev <dev@here.test>")));
	CHECK(maillist_has_list_fields(message));
	const struct maillist_change all = {.strip = true,
		.from = from,
		.reply_to = S("dev@here.test"),
		.tag = S("[dev] "),
		.footer = S("-- list")};
	CHECK(maillist_edit(message, &all, &a, &out, &e) == 0);
	slice got = buf_slice(&out);
	CHECK(slice_find(got, S("List-Id")) == got.n && slice_find(got, S("q@far.test")) == got.n);
	CHECK(slice_find(got, S("From: Ann B via Dev <dev@here.test>\r\n")) < got.n &&
		slice_find(got, S("From: Ann B <")) == got.n);
	CHECK(slice_find(got, S("Subject: [dev] hi")) < got.n &&
		slice_find(got, S("-- list")) < got.n);
	buf_reset(&out);
	const struct maillist_change none = {0};
	CHECK(maillist_edit(message, &none, &a, &out, &e) == 0 &&
		slice_eq(buf_slice(&out), message));
}

TEST(fields)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(1 << 16);
	struct maillist l = list();
	maillist_leave_fields(&l, S("https://h/"), S("tok"), S("page"), &a, &out);
	CHECK(slice_eq(buf_slice(&out),
		S("List-Unsubscribe: <https://h/l/tok>,\r\n\t<mailto:dev-leave+tok@here.test>\r\n"
		  "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")));
	buf_reset(&out);
	maillist_leave_fields(&l, S(""), S(""), S("page"), &a, &out);
	CHECK(slice_eq(
		buf_slice(&out), S("List-Unsubscribe: <mailto:dev-unsubscribe@here.test>\r\n")));
	buf_reset(&out);
	l.c.leaving = 0;
	maillist_leave_fields(&l, S("https://h"), S("tok"), S("page"), &a, &out);
	CHECK(out.n == 0);
	maillist_fields(&l, S("Precedence: bulk\r\n\r\n"), S(""), &out);
	CHECK(slice_find(buf_slice(&out), S("Precedence")) == out.n &&
		slice_starts(buf_slice(&out), S("List-Id: Dev\r\n\t<dev.here.test>\r\n")));
}

TEST(commands)
{
	static const struct {
		slice subject, text;
		enum maillist_command c;
	} v[] = {{S_INIT("Re: RE: Subscribe please"), S_INIT(""), MAILLIST_CMD_JOIN},
		{S_INIT(""), S_INIT("\n\n unsubscribe\n"), MAILLIST_CMD_LEAVE},
		{S_INIT("退订"), S_INIT("help"), MAILLIST_CMD_LEAVE},
		{S_INIT("hello"), S_INIT("I want help"), MAILLIST_CMD_NONE},
		{S_INIT("Re: approve"), S_INIT(""), MAILLIST_CMD_APPROVE},
		{S_INIT("disapprove"), S_INIT(""), MAILLIST_CMD_NONE}};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		CHECK(maillist_command(v[i].subject, v[i].text) == v[i].c);
}

TEST(letters_of_lists)
{
	AUTO(arena) struct arena a = {0};
	struct maillist l = list();
	static const char *const kinds[] = {"confirm", "welcome", "left", "asked", "denied",
		"closed", "help", "settings", "waiting", "disabled", "removed", "probe"};
	for (int zh = 0; zh < 2; zh++)
		for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
			struct notice_letter got = {0};
			slice line = S("<b>x</b>");
			l.c.language = zh;
			const struct maillist_letter letter = {.what = kinds[i],
				.list = &l,
				.to = S("x@y.test"),
				.url = S("https://h/l/t"),
				.lines = &line,
				.nlines = 1};
			const struct notice n = maillist_notice(&letter, 1, &a);
			const struct notice_facts f = {
				.kind = n.kind, .data = n.data, .hostname = S("mx.test")};
			CHECK(notice_write(&f, &a, &got) && got.chinese == zh && got.as_written);
			CHECK(slice_eq(got.from, S("dev-owner@here.test")) &&
				slice_find(got.subject, l.address) < got.subject.n);
			CHECK(slice_find(got.html, S("<b>x")) == got.html.n);
		}
}
