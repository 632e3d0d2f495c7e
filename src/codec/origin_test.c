/* Where a message comes from: lines that servers write, and the walk through trusted hops. */
#include "base/test.h"
#include "codec/origin.h"

#include <arpa/inet.h>

static slice text_of(const struct origin_ip *ip, char out[INET6_ADDRSTRLEN])
{
	if (!ip->family)
		return S("none");
	inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, ip->ip, out, INET6_ADDRSTRLEN);
	return slice_z(out);
}

TEST(origin_received_lines)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		/* Posthouse, Postfix */
		{"from mx.example (mx.example [192.0.2.1])\r\n\tby a.test with ESMTPS id 1; x",
			"192.0.2.1"},
		{"from x (unknown [IPv6:2001:db8::1]) by a", "2001:db8::1"},
		/* Sendmail */
		{"from [192.0.2.9] (h.example [192.0.2.1] (may be forged)) by a", "192.0.2.1"},
		/* Exim */
		{"from [192.0.2.1] (helo=x.example) by a with esmtp", "192.0.2.1"},
		{"from h.example ([192.0.2.1]:4711 helo=x) by a", "192.0.2.1"},
		{"from [192.0.2.1] (port=4711 helo=[10.0.0.1]) by a", "192.0.2.1"},
		/* qmail */
		{"from unknown (HELO x.example) (192.0.2.1)\n  by a with SMTP", "192.0.2.1"},
		{"from unknown (HELO 192.0.2.9) (192.0.2.1)\n  by a with SMTP", "192.0.2.1"},
		/* Exchange */
		{"from a.local (10.1.2.3) by b.local (10.1.2.4) with Microsoft SMTP Server",
			"10.1.2.3"},
		{"from a.outlook.example (2a01:111:1::1%3) by b (2a01:111:2::2)", "2a01:111:1::1"},
		/* Coremail, webmail */
		{"from user$x.example ( [192.0.2.1] ) by\n ajax-webmail-a (Coremail) ; Thu, 1",
			"192.0.2.1"},
		{"from ::ffff:192.0.2.1 (EHLO x) by a", "192.0.2.1"},
		{"from x ([::ffff:192.0.2.1]) by a", "192.0.2.1"},
		/* no address */
		{"from x.example by a", "none"},
		{"by 10.0.0.1 with SMTP id 1 (192.0.2.1); x", "none"},
		{"(qmail 1 invoked by uid 0); x", "none"},
		{"from localhost (localhost) by a (192.0.2.1)", "none"},
		{"from", "none"},
		{"from (((((", "none"},
		{"from [192.0.2.1", "192.0.2.1"}, /* cut short */
		{"", "none"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct origin_ip ip = {0};
		char z[INET6_ADDRSTRLEN];
		origin_received(slice_z(cases[i].line), &ip);
		if (!slice_eq(text_of(&ip, z), slice_z(cases[i].want)))
			test_fail(__FILE__, __LINE__, "%s: %s", cases[i].line, text_of(&ip, z).p);
	}
}

static bool trusted(void *arg, const struct origin_ip *ip)
{
	(void)arg;
	return ip->family == 4 && ip->ip[0] == 198 && ip->ip[1] == 51; /* 198.51.x.x */
}

#define R(ip) "Received: from x (y [" ip "]) by z; now\r\n"

TEST(origin_walks_through_trusted_hops)
{
	static const struct {
		const char *client, *header, *want;
		enum origin_source source;
	} cases[] = {
		/* An untrusted client's lines say nothing. */
		{"192.0.2.1", R("203.0.113.1") "X-Originating-IP: [203.0.113.2]\r\n", "192.0.2.1",
			ORIGIN_CLIENT},
		{"198.51.100.1", R("203.0.113.1"), "203.0.113.1", ORIGIN_RECEIVED},
		{"198.51.100.1", R("198.51.100.2") R("203.0.113.1") R("203.0.113.9"), "203.0.113.1",
			ORIGIN_RECEIVED},
		/* Inside: private hosts, lines without an address. */
		{"198.51.100.1", R("10.0.0.1") "Received: by inner; now\r\n" R("203.0.113.1"),
			"203.0.113.1", ORIGIN_RECEIVED},
		/* Webmail of a trusted provider. */
		{"198.51.100.1", R("198.51.100.2") "X-Originating-IP: [203.0.113.2]\r\n",
			"203.0.113.2", ORIGIN_FIELD},
		{"198.51.100.1", "Subject: x\r\nX-Sender-IP: 2001:db8::5\r\n", "2001:db8::5",
			ORIGIN_FIELD},
		/* The line of a hop that is not trusted does not decide. */
		{"198.51.100.1", R("203.0.113.1") "X-Originating-IP: 203.0.113.2\r\n",
			"203.0.113.1", ORIGIN_RECEIVED},
		/* Nothing told. */
		{"198.51.100.1", "Subject: x\r\n", "198.51.100.1", ORIGIN_CLIENT},
		{"198.51.100.1", R("198.51.100.2"), "198.51.100.1", ORIGIN_CLIENT},
		{"198.51.100.1", "X-Originating-IP: nonsense\r\n", "198.51.100.1", ORIGIN_CLIENT},
		{"198.51.100.1", "X-Originating-IP: 192.168.1.1\r\n", "198.51.100.1",
			ORIGIN_CLIENT},
		{"10.0.0.1", R("203.0.113.1"), "10.0.0.1", ORIGIN_CLIENT}, /* itself not trusted */
		{"198.51.100.1", "", "198.51.100.1", ORIGIN_CLIENT},
		/* Behind the header nothing counts. */
		{"198.51.100.1", "Subject: x\r\n\r\n" R("203.0.113.1"), "198.51.100.1",
			ORIGIN_CLIENT},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct origin_ip client;
		struct origin got;
		char z[INET6_ADDRSTRLEN];
		CHECK(origin_ip_parse(slice_z(cases[i].client), &client));
		origin_find(slice_z(cases[i].header), &client, trusted, NULL, &got);
		if (!slice_eq(text_of(&got.ip, z), slice_z(cases[i].want)) ||
			got.source != cases[i].source)
			test_fail(__FILE__, __LINE__, "%zu: %s source %d", i, text_of(&got.ip, z).p,
				got.source);
	}
}

TEST(origin_addresses)
{
	static const struct {
		const char *text, *want;
	} cases[] = {{"192.0.2.1", "192.0.2.1"}, {" [192.0.2.1]\r\n", "192.0.2.1"},
		{"192.0.2.1:4711", "192.0.2.1"}, {"[IPv6:2001:DB8::1]", "2001:db8::1"},
		{"[2001:db8::1]:25", "2001:db8::1"}, {"fe80::1%eth0", "fe80::1"},
		{"::ffff:192.0.2.1", "192.0.2.1"}, {"192.0.2", "none"}, {"192.0.2.256", "none"},
		{"", "none"}, {"[]", "none"}, {"mail.example", "none"}, {"192.0.2.1.5", "none"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct origin_ip ip = {0};
		char z[INET6_ADDRSTRLEN];
		origin_ip_parse(slice_z(cases[i].text), &ip);
		CHECK_STR(text_of(&ip, z), slice_z(cases[i].want));
	}
}

TEST(origin_private_networks)
{
	static const struct {
		const char *ip;
		bool private;
	} cases[] = {{"10.1.2.3", true}, {"172.31.255.255", true}, {"172.32.0.0", false},
		{"192.168.0.1", true}, {"127.0.0.1", true}, {"100.64.0.1", true},
		{"100.128.0.1", false}, {"169.254.1.1", true}, {"8.8.8.8", false}, {"::1", true},
		{"fd00::1", true}, {"fe80::1", true}, {"2001:db8::1", false}, {"::2", false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct origin_ip ip;
		CHECK(origin_ip_parse(slice_z(cases[i].ip), &ip));
		if (origin_is_private(&ip) != cases[i].private)
			test_fail(__FILE__, __LINE__, "%s", cases[i].ip);
	}
}
