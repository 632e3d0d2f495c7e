/* What trusted front ends tell: PROXY headers and XCLIENT. */
#include "base/mem.h"
#include "base/test.h"
#include "codec/proxy.h"
#include "codec/xclient.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static const struct {
	slice in;
	enum proxy_step step;
	size_t length;
	uint8_t family;
	const char *src;
	uint16_t src_port;
} headers[] = {
	{S_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\nEHLO"), PROXY_OK, 41, 4, "192.0.2.1",
		56324},
	{S_INIT("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n"), PROXY_OK, 44, 6, "2001:db8::1",
		0},
	{S_INIT("PROXY UNKNOWN\r\n"), PROXY_OK, 15, 0, "", 0},
	{S_INIT("PROXY UNKNOWN a b c\r\n"), PROXY_OK, 21, 0, "", 0},
	{S_INIT("PROXY UNKNOWNX\r\n"), PROXY_BAD, 0, 0, "", 0},
	{S_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 056 25\r\n"), PROXY_BAD, 0, 0, "", 0},
	{S_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 65536 25\r\n"), PROXY_BAD, 0, 0, "", 0},
	{S_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 25 7\r\n"), PROXY_BAD, 0, 0, "", 0},
	{S_INIT("PROXY TCP4 192.0.2.1  192.0.2.2 1 25\r\n"), PROXY_BAD, 0, 0, "", 0},
	{S_INIT("PROXY TCP4 2001:db8::1 192.0.2.2 1 25\r\n"), PROXY_BAD, 0, 0, "", 0},
	{S_INIT("PROXY UDP4 192.0.2.1 192.0.2.2 1 25\r\n"), PROXY_BAD, 0, 0, "", 0},
	{S_INIT("PROXX"), PROXY_BAD, 0, 0, "", 0},
	{S_INIT("EHLO x\r\n"), PROXY_BAD, 0, 0, "", 0},
	{S_INIT(V2 "\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\x12\x34\0\x19rest"), PROXY_OK, 28, 4,
		"192.0.2.1", 0x1234},
	{S_INIT(V2 "\x21\x11\0\x10\xc0\0\2\1\xc0\0\2\2\x12\x34\0\x19\4\0\1z"), PROXY_OK, 32, 4,
		"192.0.2.1", 0x1234},
	{S_INIT(V2 "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\x0d\xb8\0\0\0\0\0\0"
		   "\0\0\0\0\0\2\0\1\0\2"),
		PROXY_OK, 52, 6, "2001:db8::1", 1},
	{S_INIT(V2 "\x20\0\0\0"), PROXY_OK, 16, 0, "", 0},
	{S_INIT(V2 "\x20\x11\0\1x"), PROXY_OK, 17, 0, "", 0},
	{S_INIT(V2 "\x21\0\0\0"), PROXY_OK, 16, 0, "", 0},
	{S_INIT(V2 "\x21\x11\0\4abcd"), PROXY_BAD, 0, 0, "", 0},
	{S_INIT(V2 "\x21\x12\0\x0c\xc0\0\2\1\xc0\0\2\2\x12\x34\0\x19"), PROXY_BAD, 0, 0, "", 0},
	{S_INIT(V2 "\x22\0\0\0"), PROXY_BAD, 0, 0, "", 0},
	{S_INIT(V2 "\x11\0\0\0"), PROXY_BAD, 0, 0, "", 0},
	{S_INIT(V2 "\x21\x11\xff\xff"), PROXY_BAD, 0, 0, "", 0},
};

TEST(proxy_headers)
{
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
		struct proxy_header h = {0};
		char ip[PROXY_IP_TEXT];
		CHECK_INT(proxy_parse(headers[i].in, &h), headers[i].step);
		CHECK_INT(h.length, headers[i].length);
		CHECK_INT(h.family, headers[i].family);
		CHECK_STR(
			slice_of(ip, proxy_ip_text(h.family, h.src, ip)), slice_z(headers[i].src));
		CHECK_INT(h.src_port, headers[i].src_port);
		if (headers[i].step == PROXY_OK) /* every true part of it asks for more */
			for (size_t n = 0; n < h.length; n++)
				CHECK_INT(
					proxy_parse(slice_first(headers[i].in, n), &h), PROXY_MORE);
	}
}

TEST(proxy_never_waits_for_ever)
{
	char line[PROXY_MAX];
	struct proxy_header h;
	memset(line, 'x', sizeof line);
	memcpy(line, "PROXY ", 6);
	CHECK_INT(proxy_parse(slice_of(line, PROXY_V1_MAX - 1), &h), PROXY_MORE);
	CHECK_INT(proxy_parse(slice_of(line, PROXY_V1_MAX), &h), PROXY_BAD);
}

TEST(xclient_attributes)
{
	AUTO(arena) struct arena a = {0};
	struct xclient x;
	slice bad = {0};
	CHECK(xclient_parse(
		S("NAME=spike.example ADDR=168.100.189.2 PORT=1234 proto=ESMTP HELO=a+2Bb "
		  "LOGIN=[UNAVAILABLE] DESTADDR=IPV6:2001:db8::1 DESTPORT=25"),
		&a, &x, &bad));
	CHECK_STR(x.name.value, S("spike.example"));
	CHECK_STR(x.addr.value, S("168.100.189.2"));
	CHECK_STR(x.destaddr.value, S("2001:db8::1"));
	CHECK_STR(x.helo.value, S("a+b"));
	CHECK(x.family == 4 && x.port_number == 1234 && x.destport_number == 25 && x.esmtp);
	CHECK(x.login.has == XCLIENT_UNAVAILABLE && x.login.value.n == 0);
	CHECK(xclient_parse(S("NAME=[TEMPUNAVAIL]"), &a, &x, &bad));
	CHECK(x.name.has == XCLIENT_TEMPUNAVAIL && x.addr.has == XCLIENT_ABSENT);
}

TEST(xclient_refuses)
{
	static const char *const bad_args[] = {"", "NAME", "FOO=1", "NAME=a NAME=b", "ADDR=1.2.3",
		"ADDR=2001:db8::1", "ADDR=IPV6:1.2.3.4", "PORT=65536", "PORT=x", "PROTO=HTTP",
		"PROTO=[UNAVAILABLE]", "HELO=a+0D+0Ab", "NAME=a+", "NAME=a=b", "ADDR="};
	for (size_t i = 0; i < sizeof bad_args / sizeof bad_args[0]; i++) {
		AUTO(arena) struct arena a = {0};
		struct xclient x;
		slice bad;
		if (xclient_parse(slice_z(bad_args[i]), &a, &x, &bad))
			test_fail(__FILE__, __LINE__, "took %s", bad_args[i]);
	}
}
