/* Reports: their structure, their words, what they ask of the next hop. */
#include "base/b64.h"
#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/dsn.h"
#include "codec/header.h"
#include "codec/qp.h"
#include <stdlib.h>

static const struct dsn_rcpt failed = {.action = DSN_FAILED,
	.address = S_INIT("nobody@remote.example"),
	.orcpt = S_INIT("rfc822;alias@remote.example"),
	.status = {5, 1, 1},
	.remote_mta = S_INIT("mx.remote.example"),
	.diagnostic = S_INIT("550 5.1.1 <nobody@remote.example>: user unknown\r\nX-Evil: 1"),
	.last_attempt = 1795309870LL * SECOND};

static struct dsn_facts facts_of(const struct dsn_rcpt *rcpts, size_t n)
{
	setenv("TZ", "Asia/Shanghai", 1);
	return (struct dsn_facts){.reporting_mta = S("mx.example.cn"),
		.from = S("mailer-daemon@example.cn"),
		.to = S("li@example.cn"),
		.id = S("0MSG"),
		.dsn_id = S("0DSN"),
		.envid = S("env 1"),
		.subject = S("会议通知"),
		.original_message_id = S("<1@example.cn>"),
		.arrived_at = 1795309870LL * SECOND,
		.now = 1795309900LL * SECOND,
		.rcpts = rcpts,
		.nrcpts = n,
		.original = S("Subject: a\r\nFrom: li@example.cn\r\n\r\nbody\r\n.dots\r\n"),
		.full = true};
}

/* The n-th part between boundaries: its own header and body. */
static bool part_of(slice message, unsigned n, slice *ret_header, slice *ret_body)
{
	AUTO(arena) struct arena a = {0};
	struct header_field f;
	if (!header_find(message, S("Content-Type"), 0, &f))
		return false;
	slice value = slice_skip(f.value, slice_find(f.value, S("boundary=\"")) + 10), boundary;
	slice_cut(&value, '"', &boundary);
	slice mark = arena_printf(&a, "\r\n--%.*s", SFMT(boundary));
	slice rest = slice_skip(message, header_length(message));
	for (unsigned i = 0; i <= n; i++)
		rest = slice_skip(rest, slice_find(rest, mark) + mark.n);
	if (!slice_starts(rest, S("\r\n")))
		return false;
	slice part = slice_skip(slice_first(rest, slice_find(rest, mark)), 2);
	*ret_header = slice_first(part, header_length(part));
	*ret_body = slice_skip(part, ret_header->n);
	return true;
}

static bool contains(slice s, const char *what)
{
	return slice_find(s, slice_z(what)) < s.n;
}

TEST(dsn_of_a_failure)
{
	AUTO(buf) struct buf out = BUF(DSN_MESSAGE_MAX), text = BUF(100000);
	AUTO(arena) struct arena a = {0};
	struct dsn_facts f = facts_of(&failed, 1);
	struct dsn_needs needs;
	struct header_field field;
	slice header, body, message;
	CHECK(dsn_build(&out, &f, &needs));
	message = buf_slice(&out);
	CHECK(!needs.eightbit && !needs.smtputf8 && utf8_is_ascii(message));
	CHECK(header_find(message, S("Subject"), 0, &field));
	CHECK_STR(header_text(field.value, &a), S("未能送达 Undeliverable: 会议通知"));
	CHECK(header_find(message, S("Auto-Submitted"), 0, &field) &&
		contains(field.value, "auto-replied"));
	CHECK(header_find(message, S("To"), 0, &field) && contains(field.value, "<li@example.cn>"));
	CHECK(contains(message, "multipart/report; report-type=delivery-status;"));

	CHECK(part_of(message, 0, &header, &body) && contains(header, "text/plain; charset=utf-8"));
	CHECK(b64_decode_tolerant(&text, body) && utf8_valid(buf_slice(&text)));
	CHECK(contains(buf_slice(&text), "您于 2026-11-22 09:11:10 (UTC+0800) 发出的邮件未能送达"));
	CHECK(contains(buf_slice(&text), "该收件人地址不存在。") &&
		contains(buf_slice(&text), "邮件主题：会议通知"));
	CHECK(contains(buf_slice(&text), "There is no mailbox with this address.\r\n"));
	CHECK(contains(buf_slice(&text),
		"The server mx.remote.example said: 550 5.1.1 <nobody@remote.example>: user"));

	CHECK(part_of(message, 1, &header, &body) && contains(header, "message/delivery-status"));
	CHECK_STR(
		body, S("Original-Envelope-Id: env 1\r\n"
			"Reporting-MTA: dns; mx.example.cn\r\n"
			"Arrival-Date: Sun, 22 Nov 2026 09:11:10 +0800\r\n"
			"\r\n"
			"Original-Recipient: rfc822;alias@remote.example\r\n"
			"Final-Recipient: rfc822; nobody@remote.example\r\n"
			"Action: failed\r\n"
			"Status: 5.1.1\r\n"
			"Remote-MTA: dns; mx.remote.example\r\n"
			"Diagnostic-Code: smtp; 550 5.1.1 <nobody@remote.example>: user unknown\r\n"
			" X-Evil: 1\r\n"
			"Last-Attempt-Date: Sun, 22 Nov 2026 09:11:10 +0800\r\n"));

	CHECK(part_of(message, 2, &header, &body) && contains(header, "message/rfc822"));
	CHECK_STR(body, f.original);
	CHECK(!part_of(message, 3, &header, &body));
}

TEST(dsn_returns_only_what_may_travel)
{
	static const struct {
		slice original;
		bool full;
		const char *type, *encoding;
		bool eightbit;
	} cases[] = {
		{S_INIT("A: b\r\n\r\nx\r\n"), true, "message/rfc822", "7bit", false},
		{S_INIT("A: b\r\n\r\nx\r\n"), false, "text/rfc822-headers", "7bit", false},
		{S_INIT("A: b\r\n\r\n\xe4\xb8\xad\r\n"), true, "message/rfc822", "8bit", true},
		{S_INIT("A: b\r\n\r\nbare\n"), true, "text/rfc822-headers", "7bit", false},
		{S_INIT("A: b\r\n\r\nn\0l\r\n"), true, "text/rfc822-headers", "7bit", false},
		{S_INIT("A: \xe4\xb8\xad\r\n\r\nx\r\n"), true, "message/global-headers",
			"quoted-printable", false},
		{S_INIT("A: \xff\r\n\r\nx\r\n"), true, "text/rfc822-headers", "quoted-printable",
			false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf) struct buf out = BUF(DSN_MESSAGE_MAX);
		struct dsn_facts f = facts_of(&failed, 1);
		struct dsn_needs needs;
		slice header, body;
		f.original = cases[i].original;
		f.full = cases[i].full;
		CHECK(dsn_build(&out, &f, &needs) && part_of(buf_slice(&out), 2, &header, &body));
		CHECK(contains(header, cases[i].type) && contains(header, cases[i].encoding));
		CHECK_INT(needs.eightbit, cases[i].eightbit);
		CHECK_INT(utf8_is_ascii(buf_slice(&out)), !cases[i].eightbit);
		CHECK(slice_starts(
			body, cases[i].full && cases[i].eightbit ? cases[i].original : S("A: ")));
	}
}

TEST(dsn_with_international_addresses) /* RFC 6533 */
{
	AUTO(buf) struct buf out = BUF(DSN_MESSAGE_MAX), fields = BUF(10000);
	struct dsn_rcpt r = failed;
	r.address = S("张三@例子.中国");
	r.orcpt = (slice){0};
	struct dsn_facts f = facts_of(&r, 1);
	struct dsn_needs needs;
	slice header, body;
	CHECK(dsn_build(&out, &f, &needs) && !needs.smtputf8 && utf8_is_ascii(buf_slice(&out)));
	CHECK(part_of(buf_slice(&out), 1, &header, &body) &&
		contains(header, "message/global-delivery-status"));
	qp_decode(&fields, body);
	CHECK(contains(buf_slice(&fields), "Final-Recipient: utf-8; 张三@例子.中国\r\n"));
	buf_reset(&out);
	f.to = S("李四@例子.中国");
	f.original = S("Subject: 中\r\n\r\nx\r\n");
	CHECK(dsn_build(&out, &f, &needs) && needs.smtputf8 && needs.eightbit);
	CHECK(part_of(buf_slice(&out), 2, &header, &body) &&
		contains(header, "message/global\r\n"));
}

TEST(dsn_kinds)
{
	static const struct {
		enum dsn_action action;
		struct status_code status;
		const char *zh, *en, *field;
	} cases[] = {
		{DSN_DELAYED, {4, 4, 1}, "尚未送达",
			"We keep trying until Sun, 22 Nov 2026 09:11:11 +0800.",
			"Will-Retry-Until: "},
		{DSN_DELIVERED, {2, 0, 0}, "已送达以下收件人的邮箱", "Delivered.",
			"Action: delivered\r\n"},
		{DSN_RELAYED, {2, 0, 0}, "转交给下一个邮件系统", "does not report its delivery",
			"Action: relayed\r\n"},
		{DSN_EXPANDED, {2, 0, 0}, "已分发给", "Distributed.", "Action: expanded\r\n"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf) struct buf out = BUF(DSN_MESSAGE_MAX), text = BUF(100000);
		struct dsn_rcpt r = {.action = cases[i].action,
			.address = S("a@b.c"),
			.status = cases[i].status,
			.retry_until = 1795309871LL * SECOND};
		struct dsn_facts f = facts_of(&r, 1);
		struct dsn_needs needs;
		slice header, body;
		CHECK(dsn_build(&out, &f, &needs) && part_of(buf_slice(&out), 0, &header, &body));
		b64_decode_tolerant(&text, body);
		CHECK(contains(buf_slice(&text), cases[i].zh) &&
			contains(buf_slice(&text), cases[i].en));
		CHECK(part_of(buf_slice(&out), 1, &header, &body) &&
			contains(body, cases[i].field));
	}
}

TEST(dsn_of_many_recipients_stays_within_its_limit)
{
	enum { N = DSN_RCPTS_MAX + 7 };
	static struct dsn_rcpt many[N];
	static char noise[5000];
	AUTO(buf) struct buf out = BUF(DSN_MESSAGE_MAX), text = BUF(4000000);
	memset(noise, 'x', sizeof noise);
	for (int i = 0; i < N; i++) {
		many[i] = failed;
		many[i].diagnostic = slice_of(noise, sizeof noise);
	}
	struct dsn_facts f = facts_of(many, N);
	struct dsn_needs needs;
	slice header, body;
	f.original.n = 0;
	CHECK(dsn_build(&out, &f, &needs) && part_of(buf_slice(&out), 0, &header, &body));
	b64_decode_tolerant(&text, body);
	CHECK(contains(buf_slice(&text), "7 more recipients are not listed here."));
	for (slice s = buf_slice(&out), line; slice_cut(&s, '\n', &line);)
		CHECK(line.n < 1000);
}
