/* Reports of others: packed in every way, damaged, hostile. */
#include "codec/report_in.h"

#include "base/b64.h"
#include "base/mem.h"
#include "base/test.h"
#include <stdio.h>
#include <zlib.h>

#define XML                                                                                        \
	"<?xml version=\"1.0\"?>\n<feedback xmlns=\"urn:x\"><version>1.0</version>"                \
	"<report_metadata><org_name>A &amp; B</org_name><email>x@a.example</email>"                \
	"<report_id>77</report_id><date_range><begin>1669507200</begin><end>1669593599</end>"      \
	"</date_range></report_metadata><policy_published><domain>b.example</domain><p>none</p>"   \
	"<pct>100</pct></policy_published>"                                                        \
	"<record><row><source_ip>192.0.2.1</source_ip><count>3</count><policy_evaluated>"          \
	"<disposition>none</disposition><dkim>fail</dkim><spf>fail</"                              \
	"spf><reason><type>local_policy"                                                           \
	"</type></reason></policy_evaluated></row><identifiers><header_from>b.example</"           \
	"header_from>"                                                                             \
	"</identifiers><auth_results><dkim><domain>c.example</domain><result>pass</result></dkim>" \
	"<spf><domain>c.example</domain><result>pass</result></spf></auth_results></record>"       \
	"<record><row><source_ip>192.0.2.2</source_ip><count>4</count><policy_evaluated>"          \
	"<disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>" \
	"<identifiers><header_from>b.example</header_from></identifiers></record></feedback>"

static void gzip(slice in, struct buf *out)
{
	z_stream z = {0};
	char room[8192];
	CHECK(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	z.next_in = (Bytef *)(uintptr_t)in.p;
	z.avail_in = (uInt)in.n;
	int r;
	do {
		z.next_out = (Bytef *)room;
		z.avail_out = sizeof room;
		r = deflate(&z, Z_FINISH);
		buf_put(out, slice_of(room, sizeof room - z.avail_out));
	} while (r == Z_OK);
	deflateEnd(&z);
}

static void expect(slice message, const char *want)
{
	json_t *report = report_in_read(message);
	char *got = json_dumps(report, JSON_COMPACT | JSON_SORT_KEYS);
	CHECK_STR(slice_z(got), slice_z(want));
	free(got);
	json_decref(report);
}

#define DMARC_JSON                                                                                 \
	"{\"begin\":1669507200,\"contact\":\"x@a.example\",\"domain\":\"b.example\",\"end\":"      \
	"1669593599,\"failed\":3,\"id\":\"77\",\"kind\":\"dmarc\",\"messages\":7,\"org\":"         \
	"\"A & B\",\"policy\":{\"p\":\"none\",\"pct\":\"100\"},\"rows\":[{\"count\":3,"            \
	"\"disposition\":\"none\",\"dkim\":\"fail\",\"dkim_results\":[{\"domain\":\"c.example\","  \
	"\"result\":\"pass\"}],\"header_from\":\"b.example\",\"ip\":\"192.0.2.1\",\"reasons\":["   \
	"{\"type\":\"local_policy\"}],\"spf\":\"fail\",\"spf_results\":[{\"domain\":"              \
	"\"c.example\",\"result\":\"pass\"}]},{\"count\":4,\"disposition\":\"none\",\"dkim\":"     \
	"\"pass\",\"header_from\":\"b.example\",\"ip\":\"192.0.2.2\",\"spf\":\"fail\"}]}"

TEST(report_in_dmarc_however_packed)
{
	AUTO(buf) struct buf packed = BUF(1 << 16);
	AUTO(buf) struct buf message = BUF(1 << 16);
	expect(S("Content-Type: text/xml\n\n" XML), DMARC_JSON);
	expect(S("Content-Type: application/octet-stream; "
		 "name=\"a!b!1!2.xml\"\n\n\xef\xbb\xbf" XML),
		DMARC_JSON);
	gzip(S(XML), &packed);
	buf_put(&message,
		S("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n"
		  "Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"));
	b64_encode_lines(&message, buf_slice(&packed));
	buf_put(&message, S("--b--\r\n"));
	expect(buf_slice(&message), DMARC_JSON);
}

TEST(report_in_tls)
{
	expect(S("Content-Type: application/json\n\n"
		 "{\"organization-name\":\"A\",\"report-id\":\"5\",\"date-range\":{\"start-"
		 "datetime\":"
		 "\"2016-04-01T00:00:00Z\",\"end-datetime\":\"2016-04-01T23:59:59+01:00\"},"
		 "\"policies\":["
		 "{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\"],"
		 "\"policy-domain\":\"b.example\",\"mx-host\":[\"*.b.example\"]},\"summary\":{"
		 "\"total-successful-session-count\":10,\"total-failure-session-count\":2},"
		 "\"failure-details\":[{\"result-type\":\"certificate-expired\",\"sending-mta-ip\":"
		 "\"192.0.2.1\",\"failed-session-count\":2}]}]}"),
		"{\"begin\":1459468800,\"domain\":\"b.example\",\"end\":1459551599,\"failed\":2,"
		"\"id\":"
		"\"5\",\"kind\":\"tls\",\"messages\":12,\"org\":\"A\",\"policies\":[{\"domain\":"
		"\"b.example\",\"failed\":2,\"failures\":[{\"count\":2,\"sending_ip\":\"192.0.2."
		"1\","
		"\"type\":\"certificate-expired\"}],\"mx\":[\"*.b.example\"],\"ok\":10,\"strings\":"
		"["
		"\"version: STSv1\"],\"type\":\"sts\"}]}");
}

TEST(report_in_feedback)
{
	expect(S("Content-Type: multipart/report; report-type=feedback-report; "
		 "boundary=b\n\n--b\n\n"
		 "complaint\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n"
		 "User-Agent: X/1\nVersion: 1\nOriginal-Mail-From: <a@b.example>\nSource-IP: "
		 "192.0.2.1\n"
		 "Reported-Domain: b.example\n\n--b\nContent-Type: message/rfc822\n\n"
		 "Message-ID: <1@b.example>\nSubject: =?utf-8?B?5Lit?=\n\nbuy\n--b--\n"),
		"{\"agent\":\"X/1\",\"domain\":\"b.example\",\"incidents\":1,\"ip\":\"192.0.2.1\","
		"\"kind\":\"feedback\",\"message_id\":\"<1@b.example>\",\"original_from\":"
		"\"a@b.example\",\"subject\":\"中\",\"type\":\"abuse\"}");
}

TEST(report_in_what_is_none)
{
	expect(S("Subject: hello\n\nno report\n"), "{\"kind\":\"none\"}");
	expect(S(""), "{\"kind\":\"none\"}");
	expect(S("Content-Type: text/xml\n\n<html><body/></html>"),
		"{\"error\":\"not well-formed XML of a DMARC "
		"report\",\"kind\":\"unreadable\",\"of\":"
		"\"dmarc\"}");
	expect(S("Content-Type: application/json\n\n{\"a\":1}"),
		"{\"error\":\"no TLS report: it has no policies\",\"kind\":\"unreadable\",\"of\":"
		"\"tls\"}");
}

/* A gigabyte in a small file, and entities inside entities. */
TEST(report_in_hostile)
{
	AUTO(buf) struct buf zeros = BUF((size_t)REPORT_IN_UNPACKED_MAX + 100000);
	AUTO(buf) struct buf packed = BUF(1 << 20);
	AUTO(buf) struct buf message = BUF(1 << 21);
	buf_fill(&zeros, ' ', (size_t)REPORT_IN_UNPACKED_MAX + 10000);
	gzip(buf_slice(&zeros), &packed);
	buf_put(&message,
		S("Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n"));
	b64_encode_lines(&message, buf_slice(&packed));
	expect(buf_slice(&message), "{\"error\":\"too large when "
				    "unpacked\",\"kind\":\"unreadable\",\"of\":\"archive\"}");
	expect(S("Content-Type: text/xml\n\n<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b "
		 "\"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">"
		 "<!ENTITY d SYSTEM \"file:///etc/passwd\">]>"
		 "<feedback><report_metadata><org_name>&c;</org_name><email>&d;</email>"
		 "</report_metadata><policy_published/></feedback>"),
		"{\"error\":\"not well-formed XML of a DMARC "
		"report\",\"kind\":\"unreadable\",\"of\":"
		"\"dmarc\"}");
}

TEST(report_in_cut_short)
{
	const char *error;
	slice xml = S(XML);
	json_t *report = report_in_dmarc(slice_first(xml, xml.n - 200), &error);
	CHECK(report != NULL);
	CHECK_INT(json_integer_value(json_object_get(report, "messages")), 3);
	CHECK_INT(json_array_size(json_object_get(report, "errors")), 1);
	json_decref(report);
}
