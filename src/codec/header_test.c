/* Header blocks, their summary, trace fields. */
#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "codec/header.h"
#include "codec/received.h"
#include <stdlib.h>

static const char sample_text[] =
	"Received: from a\r\n\tby b; Fri\r\nReceived: c\r\nFrom : Li <li@example.cn>\r\n"
	"Subject: =?gb2312?B?xOO6ww==?=\r\n =?utf-8?Q?_world?=\r\n"
	"Message-ID:\r\n <1@example.cn>\r\nAuto-Submitted: auto-generated\r\n"
	"bad line\r\nTo: x@y.z\r\nResent-To: q\r\n\r\nSubject: body\r\n";

static const slice sample = {sample_text, sizeof sample_text - 1};

TEST(header_walk)
{
	static const char *const names[] = {"Received", "Received", "From", "Subject", "Message-ID",
		"Auto-Submitted", "", "To", "Resent-To"};
	slice in = sample;
	struct header_field f;
	size_t n = 0, total = 0;
	for (; header_next(&in, &f); n++) {
		CHECK(n < sizeof names / sizeof names[0]);
		CHECK_STR(f.name, slice_z(names[n]));
		total += f.raw.n;
	}
	CHECK_INT(n, sizeof names / sizeof names[0]);
	CHECK_STR(in, S("Subject: body\r\n"));
	CHECK_INT(header_length(sample), total + 2);
}

TEST(header_find_and_unfold)
{
	AUTO(arena) struct arena a = {0};
	struct header_field f;
	CHECK(header_find(sample, S("received"), 0, &f));
	CHECK_STR(f.value, S(" from a\r\n\tby b; Fri"));
	CHECK_STR(header_unfold(f.value, &a), S("from a\tby b; Fri"));
	CHECK(header_find(sample, S("RECEIVED"), 1, &f) && slice_eq(f.value, S(" c")));
	CHECK(!header_find(sample, S("Received"), 2, &f));
	CHECK_INT(header_count(sample, S("subject")), 1);
	CHECK(header_find(sample, S("Subject"), 0, &f));
	CHECK_STR(header_text(f.value, &a), S("你好 world"));
}

TEST(header_edges)
{
	static const struct {
		slice in;
		size_t length, fields;
	} cases[] = {
		{S_INIT(""), 0, 0},
		{S_INIT("\r\nbody"), 2, 0},
		{S_INIT("\nbody"), 1, 0},
		{S_INIT("A: b"), 4, 1},
		{S_INIT("A: b\n\nbody"), 6, 1},
		{S_INIT("A: b\n c\n\td\n\n"), 12, 1},
		{S_INIT(" starts folded\r\nA: b\r\n\r\n"), 24, 2},
		{S_INIT("A:\r\n\r\n"), 6, 1},
		{S_INIT(": x\r\n\r\n"), 7, 1},
		{S_INIT("A: b\r\n \r\nC: d\r\n\r\n"), 17, 2},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct header_field f;
		slice in = cases[i].in;
		size_t n = 0;
		while (header_next(&in, &f))
			n++;
		CHECK_INT(n, cases[i].fields);
		CHECK_INT(header_length(cases[i].in), cases[i].length);
	}
}

TEST(header_summary_of_a_message)
{
	AUTO(arena) struct arena a = {0};
	struct header_summary s;
	header_summarize(sample, &a, &s);
	CHECK(s.complete && s.length == header_length(sample));
	CHECK(s.received == 2 && s.from == 1 && s.date == 0 && s.message_id_n == 1 && s.to == 1 &&
		s.resent == 1);
	CHECK(s.fields == 9 && s.malformed == 1 && s.auto_reply && !s.bulk);
	CHECK_STR(s.subject, S("你好 world"));
	CHECK_STR(s.message_id, S("<1@example.cn>"));
	CHECK_STR(s.from_value, S(" Li <li@example.cn>"));
	header_summarize(
		S("Precedence: Bulk\r\nAuto-Submitted: no\r\nSubject: a\r\nSubject: b"), &a, &s);
	CHECK(!s.complete && s.bulk && !s.auto_reply && s.subject_n == 2);
	CHECK_STR(s.subject, S("a"));
}

TEST(header_summary_looks_no_further_than_its_limit)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf b = BUF(2 * HEADER_SUMMARY_MAX);
	struct header_summary s;
	while (b.n < HEADER_SUMMARY_MAX)
		buf_put(&b, S("X: y\r\n"));
	buf_put(&b, S("From: a@b.c\r\n\r\n"));
	header_summarize(buf_slice(&b), &a, &s);
	CHECK(!s.complete && s.from == 0 && s.length == HEADER_SUMMARY_MAX);
}

TEST(received_field)
{
	setenv("TZ", "Asia/Shanghai", 1);
	AUTO(buf) struct buf out = BUF(2000);
	struct received_facts f = {.helo = S("mail.example.org"),
		.client_ip = S("192.0.2.1"),
		.client_name = S("mx.example.org"),
		.by = S("mx.example.cn"),
		.id = S("0123456789ABC"),
		.rcpt = S("li@example.cn"),
		.tls_version = S("TLSv1.3"),
		.tls_cipher = S("TLS_AES_256_GCM_SHA384"),
		.tls_bits = 256,
		.esmtp = true,
		.wall = 1795309870LL * SECOND};
	received_build(&out, &f);
	CHECK_STR(buf_slice(&out),
		S("Received: from mail.example.org (mx.example.org [192.0.2.1])\r\n"
		  "\tby mx.example.cn (Posthouse) with ESMTPS id 0123456789ABC\r\n"
		  "\t(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256)\r\n"
		  "\tfor <li@example.cn>;\r\n\tSun, 22 Nov 2026 09:11:10 +0800\r\n"));
	buf_reset(&out);
	f = (struct received_facts){.helo = S("x) by evil\r\nX: (y"),
		.client_ip = S("2001:db8::1"),
		.by = S("b"),
		.id = S("I"),
		.login = S("li\r\n"),
		.esmtp = true,
		.auth = true,
		.wall = f.wall};
	received_build(&out, &f);
	CHECK_STR(buf_slice(&out),
		S("Received: from x?\?by?evil?\?X:?\?y ([IPv6:2001:db8::1])\r\n"
		  "\t(authenticated as li?\?)\r\n\tby b (Posthouse) with ESMTPA id I;\r\n"
		  "\tSun, 22 Nov 2026 09:11:10 +0800\r\n"));
	buf_reset(&out);
	f = (struct received_facts){.by = S("b"), .id = S("I"), .esmtp = true, .wall = f.wall};
	received_build(&out, &f);
	CHECK_STR(buf_slice(&out), S("Received: by b (Posthouse) with ESMTP id I;\r\n"
				     "\tSun, 22 Nov 2026 09:11:10 +0800\r\n"));
	buf_reset(&out);
	return_path_build(&out, S(""));
	return_path_build(&out, S("a@b.c"));
	CHECK_STR(buf_slice(&out), S("Return-Path: <>\r\nReturn-Path: <a@b.c>\r\n"));
}

TEST(received_with_keywords) /* RFC 3848, RFC 6531 4.3 */
{
	static const struct {
		bool esmtp, lmtp, utf8, tls, auth;
		const char *want;
	} cases[] = {
		{false, false, false, false, false, "SMTP"},
		{false, false, false, true, false, "SMTP"},
		{true, false, false, true, true, "ESMTPSA"},
		{false, true, false, false, false, "LMTP"},
		{true, true, false, true, false, "LMTPS"},
		{true, false, true, false, true, "UTF8SMTPA"},
		{true, true, true, true, true, "UTF8LMTPSA"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct received_facts f = {.esmtp = cases[i].esmtp,
			.lmtp = cases[i].lmtp,
			.utf8 = cases[i].utf8,
			.auth = cases[i].auth,
			.tls_version = cases[i].tls ? S("TLSv1.2") : S("")};
		CHECK_STR(slice_z(received_with(&f)), slice_z(cases[i].want));
	}
}
