/* Failure reports: who wants one, and what it does not tell. */
#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "mail/report.h"

TEST(report_failure_is_wanted)
{
	static const struct {
		const char *fo;
		enum auth_result result;
		bool spf_aligned, dkim_aligned;
		enum auth_result spf, dkim;
		bool want;
	} t[] = {
		{"0", AUTH_FAIL, false, false, AUTH_PASS, AUTH_PASS, true},
		{"0", AUTH_PASS, true, false, AUTH_PASS, AUTH_FAIL, false},
		{"1", AUTH_PASS, true, false, AUTH_PASS, AUTH_NONE, true},
		{"1", AUTH_PASS, true, true, AUTH_PASS, AUTH_PASS, false},
		{"d", AUTH_PASS, true, false, AUTH_PASS, AUTH_FAIL, true},
		{"d", AUTH_FAIL, false, false, AUTH_FAIL, AUTH_PASS, false},
		{"s", AUTH_PASS, false, true, AUTH_SOFTFAIL, AUTH_PASS, true},
		{"s", AUTH_FAIL, false, false, AUTH_NEUTRAL, AUTH_FAIL, false},
		{"d:s", AUTH_PASS, false, true, AUTH_FAIL, AUTH_PASS, true},
		{"1", AUTH_TEMPERROR, false, false, AUTH_PASS, AUTH_PASS, false},
	};
	AUTO(arena) struct arena a = {0};
	struct dmarc_record r;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		CHECK(dmarc_record_parse(
			arena_printf(&a, "v=DMARC1; p=none; fo=%s; ruf=mailto:a@b.test", t[i].fo),
			&a, &r, NULL));
		struct dmarc_result d = {.result = t[i].result,
			.spf_aligned = t[i].spf_aligned,
			.dkim_aligned = t[i].dkim_aligned,
			.record = &r};
		const struct dmarc_dkim dkim = {S("b.test"), S("s"), t[i].dkim};
		const struct report_failure f = {
			.result = &d, .spf = t[i].spf, .dkim = &dkim, .ndkim = 1};
		if (report_failure_wanted(&f) != t[i].want)
			test_fail(__FILE__, __LINE__, "case %zu", i);
		r.nruf = 0;
		CHECK(!report_failure_wanted(&f));
	}
}

TEST(report_failure_tells_little)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(100000);
	struct err e;
	slice subject, id;
	struct dmarc_result d = {.result = AUTH_FAIL,
		.from_domain = S("author.test"),
		.record_domain = S("author.test"),
		.reason = S("nothing fits")};
	const struct dmarc_dkim dkim = {S("d.test"), S("s\r\nBcc: x"), AUTH_FAIL};
	const struct report_failure f = {.result = &d,
		.header =
			S("From: a@author.test\r\nTo: secret@here.test\r\nSubject: secret\r\n"
			  "Received: from secret\r\nX-Secret: secret\r\n"
			  "DKIM-Signature: v=1;\r\n\tb=abc\r\nDate: 1\xff\r\n\r\nsecret body\r\n"),
		.client_ip = S("192.0.2.1"),
		.sender = S("x@y.test"),
		.id = S("0ABC"),
		.authserv_id = S("mx.here.test"),
		.dkim = &dkim,
		.ndkim = 1,
		.refused = true};
	const struct report_sender s = {
		.hostname = S("mx.here.test"), .org_name = S("Here"), .from = S("r@here.test")};
	CHECK_INT(report_failure_build(
			  &s, &f, S("ruf@author.test"), 20000 * DAY, &out, &a, &subject, &id, &e),
		0);
	slice m = buf_slice(&out);
	CHECK(slice_find(m, S("secret")) == m.n);
	CHECK(slice_find(m, S("\r\nBcc:")) == m.n);
	CHECK(slice_find(m, S("\r\nDKIM-Selector: s??Bcc: x\r\n")) < m.n);
	CHECK(slice_find(m,
		      S("From: a@author.test\r\nDKIM-Signature: v=1;\r\n\tb=abc\r\nDate: 1?\r\n")) <
		m.n);
	CHECK(slice_find(m, S("\r\nDelivery-Result: reject\r\n")) < m.n);
	CHECK(slice_find(m, S("\r\nOriginal-Mail-From: <x@y.test>\r\n")) < m.n);
}
