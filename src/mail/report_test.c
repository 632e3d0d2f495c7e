/* Reports to others: what stands in them, how they are cut, where they may go. */
#include "base/b64.h"
#include "base/mem.h"
#include "base/time.h"
#include "mail/report.h"
#include "senderauth/zone_testing.h"
#include "store/store_testing.h"

#include <zlib.h>

#define DAY0 (20000 * DAY)

static const struct report_sender sender = {
	.hostname = S_INIT("mx.here.test"),
	.org_name = S_INIT("H\xc3\xa9re & Co"),
	.from = S_INIT("noreply@here.test"),
	.contact = S_INIT("https://here.test/<x>"),
	.lifetime = DAY,
};

static struct sql *open_reports(slice dir)
{
	struct sql *db;
	struct err e;
	OK(sql_open(dir, REPORT_DB, &db, &e));
	OK(sql_migrate(db, report_migrations, report_migrations_n, &e));
	return db;
}

static struct dmarc_stat stat_of(slice ip)
{
	return (struct dmarc_stat){.at = DAY0 + HOUR,
		.policy_domain = S("example.com"),
		.record = S("v=DMARC1; p=reject; np=none; adkim=s; t=y; fo=1:d"),
		.client_ip = ip,
		.header_from = S("news.example.com"),
		.envelope_to = S("here.test"),
		.spf_domain = S("bad<&>\x01\xff.test"),
		.spf = AUTH_POLICY,
		.dkim = {{S("example.com"), S("s1"), AUTH_SOFTFAIL}},
		.ndkim = 1,
		.disposition = DMARC_QUARANTINE,
		.reasons = {{REPORT_SAMPLED_OUT, S("")}, {REPORT_LOCAL_POLICY, S("a \"b\" <c>")}},
		.nreasons = 2};
}

static struct report_window only_window(struct sql *db, struct arena *a)
{
	struct report_window w;
	struct err e;
	OK(report_close_tx(db, DAY0 + DAY + HOUR, 0, 10, &e));
	OK(report_due(db, DAY0 + 2 * DAY, 0, a, &w, &e));
	return w;
}

TEST(report_dmarc_file)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf file = BUF(100000);
	struct sql *db = open_reports(testdir_slice(&d));
	struct report_parts *p;
	struct err e;
	struct dmarc_stat s = stat_of(S("2001:db8::1"));
	OK(report_add_dmarc_tx(db, &s, 3, &e));
	struct report_window w = only_window(db, &a);
	w.dropped = 2;
	const struct report_to to = {.address = S("r@example.com")};
	OK(report_parts_new(db, &w, &sender, &to, &p, &e));
	CHECK_INT(report_parts_count(p), 1);
	OK(report_parts_file(p, 0, &file, &e));
	CHECK_STR(buf_slice(&file),
		S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		  "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n<version>1.0</version>\n"
		  "<report_metadata><org_name>H\xc3\xa9re &amp; Co</org_name>"
		  "<email>noreply@here.test</email>"
		  "<extra_contact_info>https://here.test/&lt;x&gt;</extra_contact_info>"
		  "<report_id>1728000000.1.0@mx.here.test</report_id>"
		  "<date_range><begin>1728000000</begin><end>1728086399</end></date_range>"
		  "<error>2 messages are not in the records: too many different ones</error>"
		  "</report_metadata>\n"
		  "<policy_published><domain>example.com</domain><adkim>s</adkim><aspf>r</aspf>"
		  "<p>reject</p><sp>reject</sp><np>none</np><testing>y</testing><fo>1:d</fo>"
		  "<discovery_method>treewalk</discovery_method></policy_published>\n"
		  "<record><row><source_ip>2001:db8:0:0:0:0:0:1</source_ip><count>3</count>"
		  "<policy_evaluated><disposition>quarantine</disposition><dkim>fail</dkim>"
		  "<spf>fail</spf><reason><type>other</type><comment>sampled out (pct)</comment>"
		  "</reason><reason><type>local_policy</type><comment>a \"b\" &lt;c&gt;</comment>"
		  "</reason></policy_evaluated></row><identifiers>"
		  "<envelope_to>here.test</envelope_to><envelope_from></envelope_from>"
		  "<header_from>news.example.com</header_from></identifiers><auth_results><dkim>"
		  "<domain>example.com</domain><selector>s1</selector><result>fail</result></dkim>"
		  "<spf><domain>bad&lt;&amp;&gt;?\xef\xbf\xbd.test</domain><scope>mfrom</scope>"
		  "<result>neutral</result></spf></auth_results></record>\n</feedback>\n"));
	report_parts_free(p);
	sql_close(db);
}

/* The base64 part of that type in a message we built. */
static slice attachment(slice message, slice type, struct buf *out)
{
	slice rest = slice_skip(message, slice_find(message, type));
	rest = slice_skip(rest, slice_find(rest, S("\r\n\r\n")) + 4);
	CHECK(b64_decode_tolerant(out, slice_first(rest, slice_find(rest, S("\r\n--")))));
	return buf_slice(out);
}

static slice gunzip(slice gz, char *to, size_t room)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)gz.p,
		.avail_in = (uInt)gz.n,
		.next_out = (Bytef *)to,
		.avail_out = (uInt)room};
	CHECK(inflateInit2(&z, 15 + 16) == Z_OK);
	int r = inflate(&z, Z_FINISH);
	size_t n = z.total_out;
	inflateEnd(&z);
	CHECK_INT(r, Z_STREAM_END);
	return slice_of(to, n);
}

static unsigned count_of(slice text, slice what)
{
	unsigned n = 0;
	for (size_t at; (at = slice_find(text, what)) < text.n; n++)
		text = slice_skip(text, at + what.n);
	return n;
}

enum { MANY = 3000, ROOM = 4 << 20 };

/* Each row is in exactly one part, each part is smaller than what the address takes. */
TEST(report_is_cut_to_the_size_wanted)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	AUTO(free) char *room = mem_alloc(ROOM);
	struct sql *db = open_reports(testdir_slice(&d));
	struct report_parts *p;
	struct err e;
	OK(sql_begin(db, &e));
	for (int i = 0; i < MANY; i++) {
		struct dmarc_stat s = stat_of(arena_printf(&a, "192.0.%d.%d", i / 256, i % 256));
		OK(report_add_dmarc_tx(db, &s, 1, &e));
	}
	OK(sql_commit(db, &e));
	struct report_window w = only_window(db, &a);
	const struct report_to to = {.address = S("r@example.com"), .size = 16384};
	OK(report_parts_new(db, &w, &sender, &to, &p, &e));
	CHECK(report_parts_count(p) > 1);
	unsigned rows = 0;
	for (unsigned i = 0; i < report_parts_count(p); i++) {
		AUTO(buf) struct buf text = BUF(100000), gz = BUF(100000);
		slice subject, id;
		OK(report_parts_build(p, i, DAY0 + DAY, &text, &a, &subject, &id, &e));
		CHECK(text.n <= to.size);
		slice xml = gunzip(
			attachment(buf_slice(&text), S("application/gzip"), &gz), room, ROOM);
		CHECK_INT(count_of(xml, S("<report_metadata>")), 1);
		CHECK(slice_find(xml, slice_skip(slice_first(id, id.n - 1), 1)) < xml.n);
		rows += count_of(xml, S("<record>"));
	}
	CHECK_INT(rows, MANY);
	report_parts_free(p);
	const struct report_to tiny = {.address = S("r@example.com"), .size = 500};
	CHECK(report_parts_new(db, &w, &sender, &tiny, &p, &e) < 0 && e.kind == ERR_LIMIT);
	sql_close(db);
}

TEST(report_tls_file)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf file = BUF(100000), text = BUF(100000);
	struct sql *db = open_reports(testdir_slice(&d));
	struct report_parts *p;
	struct err e;
	slice subject, id;
	struct tls_stat s = {.at = DAY0 + HOUR,
		.policy_domain = S("example.com"),
		.policy_type = S("sts"),
		.strings = {S("version: STSv1"), S("mode: testing")},
		.nstrings = 2,
		.mx = {S("mx.example.com")},
		.nmx = 1,
		.ok = true};
	OK(report_add_tls_tx(db, &s, 7, &e));
	s.ok = false;
	s.result_type = S("certificate-expired");
	s.sending_ip = S("192.0.2.1");
	s.receiving_mx = S("mx.example.com");
	OK(report_add_tls_tx(db, &s, 2, &e));
	struct report_window w = only_window(db, &a);
	const struct report_to to = {.address = S("r@example.com")};
	OK(report_parts_new(db, &w, &sender, &to, &p, &e));
	OK(report_parts_file(p, 0, &file, &e));
	CHECK_STR(buf_slice(&file),
		S("{\"organization-name\":\"H\xc3\xa9re & Co\",\"date-range\":{"
		  "\"start-datetime\":\"2024-10-04T00:00:00Z\","
		  "\"end-datetime\":\"2024-10-04T23:59:59Z\"},"
		  "\"contact-info\":\"https://here.test/<x>\","
		  "\"report-id\":\"1728000000.1.0@mx.here.test\",\"policies\":["
		  "{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\","
		  "\"mode: testing\"],\"policy-domain\":\"example.com\","
		  "\"mx-host\":[\"mx.example.com\"]},\"summary\":{"
		  "\"total-successful-session-count\":7,\"total-failure-session-count\":2},"
		  "\"failure-details\":[{\"result-type\":\"certificate-expired\","
		  "\"sending-mta-ip\":\"192.0.2.1\",\"receiving-mx-hostname\":\"mx.example.com\","
		  "\"failed-session-count\":2}]}]}\n"));
	OK(report_parts_build(p, 0, DAY0 + DAY, &text, &a, &subject, &id, &e));
	slice m = buf_slice(&text);
	CHECK(slice_find(m, S("multipart/report; report-type=\"tlsrpt\"")) < m.n);
	CHECK(slice_find(m, S("\r\nTLS-Report-Domain: example.com\r\n"
			      "TLS-Report-Submitter: mx.here.test\r\n")) < m.n);
	CHECK(slice_find(m, S("filename=\"mx.here.test!example.com!1728000000!1728086399!"
			      "1728000000.1.0.json.gz\"")) < m.n);
	CHECK_STR(subject, S("Report Domain: example.com Submitter: mx.here.test Report-ID: "
			     "<1728000000.1.0@mx.here.test>"));
	report_parts_free(p);
	sql_close(db);
}

static slice show_to(
	enum report_to_status st, const struct report_to *v, unsigned n, struct arena *a)
{
	slice out = st == REPORT_TO_FOUND   ? S("")
		    : st == REPORT_TO_LATER ? S("later")
					    : S("nobody");
	for (unsigned i = 0; st == REPORT_TO_FOUND && i < n; i++)
		out = arena_printf(a, "%.*s%.*s!%llu ", SFMT(out), SFMT(v[i].address),
			(unsigned long long)v[i].size);
	return out;
}

TEST(report_addresses)
{
	static const struct {
		const char *record, *want;
	} dmarc[] = {
		{"v=DMARC1; p=none; rua=mailto:a@example.com!5k", "a@example.com!5120 "},
		{"v=DMARC1; p=none", "nobody"},
		{"v=DMARC1; p=none; rua=https://example.com/", "nobody"},
		{"v=DMARC1; p=none; rua=mailto:a@victim.test", "nobody"},
		{"v=DMARC1; p=none; rua=mailto:a@victim.test,mailto:b@agrees.test",
			"b@agrees.test!0 "},
		{"v=DMARC1; p=none; rua=mailto:a@moved.test", "new@moved.test!0 "},
		{"v=DMARC1; p=none; rua=mailto:a@example.com,mailto:b@slow.test", "later"},
	};
	static const struct {
		const char *domain, *want;
	} tls[] = {
		{"one.test", "t@elsewhere.test!0 "},
		{"two.test", "nobody"},
		{"none.test", "nobody"},
		{"web.test", "nobody"},
		{"asleep.test", "later"},
	};
	AUTO(arena) struct arena a = {0};
	struct zone z = {0};
	zone_add(&z, S("example.com._report._dmarc.agrees.test"), ZONE_TXT, S("v=DMARC1"));
	zone_add(&z, S("example.com._report._dmarc.moved.test"), ZONE_TXT,
		S("v=DMARC1; rua=mailto:new@moved.test"));
	zone_add(&z, S("example.com._report._dmarc.slow.test"), ZONE_TIMEOUT, S(""));
	zone_add(&z, S("_smtp._tls.one.test"), ZONE_TXT,
		S("v=TLSRPTv1; rua=https://x.test/,mailto:t@elsewhere.test"));
	zone_add(&z, S("_smtp._tls.two.test"), ZONE_TXT, S("v=TLSRPTv1; rua=mailto:a@two.test"));
	zone_add(&z, S("_smtp._tls.two.test"), ZONE_TXT, S("v=TLSRPTv1; rua=mailto:b@two.test"));
	zone_add(&z, S("_smtp._tls.web.test"), ZONE_TXT, S("v=TLSRPTv1; rua=https://web.test/"));
	zone_add(&z, S("_smtp._tls.asleep.test"), ZONE_TIMEOUT, S(""));
	struct lookup l = zone_lookup(&z);
	struct report_to v[REPORT_TO_MAX];
	unsigned n;
	slice why;
	for (size_t i = 0; i < sizeof dmarc / sizeof dmarc[0]; i++) {
		enum report_to_status st =
			report_to_dmarc(&l, S("example.com"), slice_z(dmarc[i].record), false,
				DMARC_TREE_WALK, instant_in(SECOND), &a, v, &n, &why);
		CHECK_STR(show_to(st, v, n, &a), slice_z(dmarc[i].want));
	}
	for (size_t i = 0; i < sizeof tls / sizeof tls[0]; i++) {
		enum report_to_status st = report_to_tls(
			&l, slice_z(tls[i].domain), instant_in(SECOND), &a, v, &n, &why);
		CHECK_STR(show_to(st, v, n, &a), slice_z(tls[i].want));
	}
	zone_done(&z);
}
