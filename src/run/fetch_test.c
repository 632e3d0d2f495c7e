/* URLs of HTTPS requests. The transfers are proven in test/safe_transport.py. */
#include "run/fetch.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"

TEST(fetch_urls)
{
	static const struct {
		const char *url, *host; /* host NULL: refused */
		uint16_t port;
	} v[] = {
		{"https://mta-sts.example.com/.well-known/mta-sts.txt", "mta-sts.example.com", 443},
		{"HTTPS://example.com", "example.com", 443},
		{"https://example.com:8443/x?y=z#f", "example.com", 8443},
		{"https://192.0.2.1/", "192.0.2.1", 443},
		{"http://example.com/", NULL, 0},
		{"ftp://example.com/", NULL, 0},
		{"https:///x", NULL, 0},
		{"https://", NULL, 0},
		{"https://user@example.com/", NULL, 0},
		{"https://example.com:/", NULL, 0},
		{"https://example.com:0/", NULL, 0},
		{"https://example.com:65536/", NULL, 0},
		{"https://example.com?x", NULL, 0},
		{"https://example.com/a b", NULL, 0},
		{"https://example.com/\r\nHost: x", NULL, 0},
		{"https://\xe4\xbd\xa0.example/", NULL, 0},
		{"https://[2001:db8::1]/", NULL, 0},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		slice host;
		uint16_t port;
		bool ok = fetch_url_parse(slice_z(v[i].url), &host, &port);
		if (ok != (v[i].host != NULL))
			test_fail(__FILE__, __LINE__, "%s gave %d", v[i].url, ok);
		if (ok) {
			CHECK_STR(host, slice_z(v[i].host));
			CHECK_INT(port, v[i].port);
		}
	}
	AUTO(buf) struct buf longest = BUF(FETCH_URL_MAX + 100);
	slice host;
	uint16_t port;
	buf_put(&longest, S("https://a.test/"));
	buf_fill(&longest, 'x', FETCH_URL_MAX);
	CHECK(!fetch_url_parse(buf_slice(&longest), &host, &port));
}
