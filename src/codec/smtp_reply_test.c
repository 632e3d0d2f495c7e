/* Replies and capabilities as a client reads them. */
#include "base/mem.h"
#include "base/test.h"
#include "codec/smtp_reply.h"
#include <stdio.h>

static inline void auto_reply(struct smtp_reply *r)
{
	smtp_reply_done(r);
}

/* Feeds lines separated by \n; the step of the last one. */
static enum smtp_reply_step feed(struct smtp_reply *r, slice text)
{
	enum smtp_reply_step step = SMTP_REPLY_MORE;
	smtp_reply_start(r);
	for (slice line; slice_cut(&text, '\n', &line);) {
		CHECK(step == SMTP_REPLY_MORE);
		step = smtp_reply_line(r, line);
	}
	return step;
}

TEST(replies)
{
	static const struct {
		slice in;
		enum smtp_reply_step step;
		unsigned code;
		const char *printed;
	} cases[] = {
		{S_INIT("250 ok"), SMTP_REPLY_DONE, 250, "250 ok"},
		{S_INIT("250"), SMTP_REPLY_DONE, 250, "250"},
		{S_INIT("250-one\n250 two"), SMTP_REPLY_DONE, 250, "250 one two"},
		{S_INIT("250-one\n250-"), SMTP_REPLY_MORE, 250, "250 one "},
		{S_INIT("550 5.1.1 no such user"), SMTP_REPLY_DONE, 550, "550 5.1.1 no such user"},
		{S_INIT("550-5.7.26 first\n550 5.7.26 second"), SMTP_REPLY_DONE, 550,
			"550 5.7.26 first second"},
		{S_INIT("550 4.1.1 class differs"), SMTP_REPLY_DONE, 550,
			"550 4.1.1 class differs"},
		{S_INIT("550 5.1.1"), SMTP_REPLY_DONE, 550, "550 5.1.1"},
		{S_INIT("354 2.0.0 not for 3yz"), SMTP_REPLY_DONE, 354, "354 2.0.0 not for 3yz"},
		{S_INIT("250 a\tb\x07\x80"), SMTP_REPLY_DONE, 250, "250 a b??"},
		{S_INIT("550 用户不存在"), SMTP_REPLY_DONE, 550, "550 用户不存在"},
		{S_INIT("250-one\n251 two"), SMTP_REPLY_BAD, 250, "250 one"},
		{S_INIT("25 x"), SMTP_REPLY_BAD, 0, "0"},
		{S_INIT("100 x"), SMTP_REPLY_BAD, 0, "0"},
		{S_INIT("600 x"), SMTP_REPLY_BAD, 0, "0"},
		{S_INIT("250_x"), SMTP_REPLY_BAD, 0, "0"},
		{S_INIT(""), SMTP_REPLY_BAD, 0, "0"},
		{S_INIT("SSH-2.0-x"), SMTP_REPLY_BAD, 0, "0"},
	};
	AUTO(reply) struct smtp_reply r;
	smtp_reply_init(&r);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf) struct buf out = BUF(1000);
		CHECK_INT(feed(&r, cases[i].in), cases[i].step);
		CHECK_INT(r.code, cases[i].code);
		smtp_reply_print(&out, &r);
		CHECK_STR(buf_slice(&out), slice_z(cases[i].printed));
	}
	feed(&r, S("550-5.7.26 first\n550 5.7.26 second"));
	CHECK(r.status.cls == 5 && r.status.subject == 7 && r.status.detail == 26 && r.lines == 2);
	CHECK_STR(buf_slice(&r.text), S("first\nsecond"));
	feed(&r, S("550 4.1.1 class differs"));
	CHECK_INT(r.status.cls, 0);
}

TEST(replies_have_limits)
{
	AUTO(reply) struct smtp_reply r;
	smtp_reply_init(&r);
	smtp_reply_start(&r);
	char line[600];
	memset(line, 'x', sizeof line);
	memcpy(line, "250-", 4);
	for (int i = 0; i < SMTP_REPLY_LINES_MAX; i++)
		CHECK(smtp_reply_line(&r, slice_of(line, sizeof line)) == SMTP_REPLY_MORE);
	CHECK_INT(r.text.n, SMTP_REPLY_TEXT_MAX);
	CHECK(smtp_reply_line(&r, S("250 end")) == SMTP_REPLY_BAD);
}

TEST(capabilities)
{
	AUTO(reply) struct smtp_reply r;
	struct smtp_caps c;
	smtp_reply_init(&r);
	feed(&r, S("250-mx.example.com Hello\n250-PIPELINING\n250-size 10240000\n250-AUTH PLAIN "
		   "scram-sha-256 FOO\n"
		   "250-AUTH=LOGIN\n250-LIMITS MAILMAX=50 RCPTMAX=1000 FOO=1 "
		   "RCPTDOMAINMAX=0\n250-STARTTLS\n"
		   "250-XCLIENT NAME ADDR DESTPORT\n250-X-UNKNOWN 1\n250-8BITMIME\n250 SMTPUTF8"));
	smtp_caps_parse(&r, &c);
	CHECK_INT(c.caps, SMTP_CAP_ESMTP | SMTP_CAP_PIPELINING | SMTP_CAP_SIZE | SMTP_CAP_AUTH |
				  SMTP_CAP_LIMITS | SMTP_CAP_STARTTLS | SMTP_CAP_XCLIENT |
				  SMTP_CAP_8BITMIME | SMTP_CAP_SMTPUTF8);
	CHECK_INT(c.size, 10240000);
	CHECK_INT(c.mechs, SMTP_MECH_PLAIN | SMTP_MECH_SCRAM_SHA_256 | SMTP_MECH_LOGIN);
	CHECK(c.mail_max == 50 && c.rcpt_max == 1000 && c.rcpt_domain_max == 0);
	CHECK_INT(c.xclient, SMTP_XCLIENT_NAME | SMTP_XCLIENT_ADDR | SMTP_XCLIENT_DESTPORT);
	feed(&r, S("250 PIPELINING"));
	smtp_caps_parse(&r, &c);
	CHECK_INT(c.caps, SMTP_CAP_ESMTP); /* the first line is the server's name */
	feed(&r, S("250-x\n250 SIZE"));
	smtp_caps_parse(&r, &c);
	CHECK(c.caps == (SMTP_CAP_ESMTP | SMTP_CAP_SIZE) && c.size == 0);
}

TEST(status_codes)
{
	static const struct {
		slice in, rest;
		bool ok;
	} cases[] = {
		{S_INIT("5.1.1 text"), S_INIT("text"), true},
		{S_INIT("2.0.0"), S_INIT(""), true},
		{S_INIT("4.999.999 x"), S_INIT("x"), true},
		{S_INIT("5.1.1text"), S_INIT(""), false},
		{S_INIT("3.1.1 x"), S_INIT(""), false},
		{S_INIT("5.01.1 x"), S_INIT(""), false},
		{S_INIT("5.1000.1 x"), S_INIT(""), false},
		{S_INIT("5.1"), S_INIT(""), false},
		{S_INIT("5..1"), S_INIT(""), false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		slice in = cases[i].in;
		struct status_code s;
		CHECK_INT(status_parse(&in, &s), cases[i].ok);
		CHECK_STR(in, cases[i].ok ? cases[i].rest : cases[i].in);
	}
}

TEST(every_status_is_explained)
{
	for (unsigned cls = 2; cls <= 5; cls += cls == 2 ? 2 : 1) {
		for (unsigned subject = 0; subject < 12; subject++) {
			for (unsigned detail = 0; detail < 40; detail++) {
				struct status_text t = status_explain(
					STATUS((uint16_t)cls, (uint16_t)subject, (uint16_t)detail),
					detail % 2);
				CHECK(t.what_en && t.todo_en && t.what_zh && t.todo_zh);
			}
		}
	}
	struct status_text t = status_explain(STATUS(5, 1, 1), false);
	CHECK(strstr(t.what_en, "no mailbox") && strstr(t.what_zh, "不存在"));
	t = status_explain(STATUS(5, 7, 99), false);
	CHECK(strstr(t.what_en, "policy"));
	t = status_explain(STATUS(4, 2, 2), true);
	CHECK(strstr(t.what_en, "full") && strstr(t.todo_en, "keep trying"));
}
