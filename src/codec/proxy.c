/*
 * The PROXY protocol's header, versions 1 and 2 (haproxy.org, proxy-protocol.txt sections 2.1
 * and 2.2). The SMTP server reads it from configured peers only, before anything else. TLVs are
 * skipped.
 */
#include "codec/proxy.h"

#include "base/cur.h"
#include <arpa/inet.h>

static const slice v1_start = S_INIT("PROXY ");
static const slice v2_start = S_INIT("\r\n\r\n\0\r\nQUIT\n");

enum { V2_FIXED = 16 };

static bool parse_ip(slice s, bool six, uint8_t ret[16])
{
	char z[PROXY_IP_TEXT];
	if (s.n == 0 || s.n >= sizeof z || memchr(s.p, 0, s.n))
		return false;
	memcpy(z, s.p, s.n);
	z[s.n] = 0;
	return inet_pton(six ? AF_INET6 : AF_INET, z, ret) == 1;
}

/* 0 .. 65535 without leading zeros. */
static bool parse_port(slice s, uint16_t *ret)
{
	uint64_t v;
	if (s.n > 5 || (s.n > 1 && s.p[0] == '0') || !slice_u64(s, &v) || v > 65535)
		return false;
	*ret = (uint16_t)v;
	return true;
}

/* "TCP4 192.0.2.1 192.0.2.2 56324 443", "UNKNOWN ..." */
static bool parse_v1_line(slice s, struct proxy_header *h)
{
	slice word[5];
	size_t n = 0;
	if (slice_eq(s, S("UNKNOWN")) || slice_starts(s, S("UNKNOWN ")))
		return true;
	while (n < 5 && slice_cut(&s, ' ', &word[n]))
		n++;
	if (n != 5 || s.p)
		return false;
	bool six = slice_eq(word[0], S("TCP6"));
	h->family = six ? 6 : 4;
	return (six || slice_eq(word[0], S("TCP4"))) && parse_ip(word[1], six, h->src) &&
	       parse_ip(word[2], six, h->dst) && parse_port(word[3], &h->src_port) &&
	       parse_port(word[4], &h->dst_port);
}

static enum proxy_step parse_v1(slice in, struct proxy_header *ret)
{
	struct proxy_header h = {0};
	slice head = slice_first(in, PROXY_V1_MAX);
	size_t end = slice_find(head, S("\r\n"));
	if (end == head.n)
		return head.n < PROXY_V1_MAX ? PROXY_MORE : PROXY_BAD;
	if (!parse_v1_line(slice_skip(slice_first(head, end), v1_start.n), &h))
		return PROXY_BAD;
	h.length = end + 2;
	*ret = h;
	return PROXY_OK;
}

/* Addresses of a proxied stream connection; unix sockets and UNSPEC tell us nothing. */
static bool parse_v2_addresses(struct cur *c, unsigned family, struct proxy_header *h)
{
	if (family == 0x00 || family == 0x31)
		return true;
	if (family != 0x11 && family != 0x21)
		return false; /* datagrams do not come here */
	size_t n = family == 0x11 ? 4 : 16;
	slice src = cur_bytes(c, n), dst = cur_bytes(c, n);
	h->src_port = cur_u16(c);
	h->dst_port = cur_u16(c);
	if (!cur_ok(c))
		return false;
	h->family = family == 0x11 ? 4 : 6;
	memcpy(h->src, src.p, n);
	memcpy(h->dst, dst.p, n);
	return true;
}

static enum proxy_step parse_v2(slice in, struct proxy_header *ret)
{
	struct proxy_header h = {0};
	if (in.n < V2_FIXED)
		return PROXY_MORE;
	struct cur c = cur_of(slice_skip(in, v2_start.n));
	unsigned command = cur_u8(&c), family = cur_u8(&c);
	size_t length = cur_u16(&c);
	if (command != 0x20 && command != 0x21) /* version 2, LOCAL or PROXY */
		return PROXY_BAD;
	if (length > PROXY_V2_MAX - V2_FIXED)
		return PROXY_BAD;
	if (in.n < V2_FIXED + length)
		return PROXY_MORE;
	c = cur_of(slice_first(cur_rest(&c), length));
	if (command == 0x21 && !parse_v2_addresses(&c, family, &h))
		return PROXY_BAD;
	h.length = V2_FIXED + length;
	*ret = h;
	return PROXY_OK;
}

static bool may_start(slice in, slice start)
{
	size_t n = in.n < start.n ? in.n : start.n;
	return slice_eq(slice_first(in, n), slice_first(start, n));
}

enum proxy_step proxy_parse(slice in, struct proxy_header *ret)
{
	if (!may_start(in, v1_start) && !may_start(in, v2_start))
		return PROXY_BAD;
	if (slice_starts(in, v1_start))
		return parse_v1(in, ret);
	return slice_starts(in, v2_start) ? parse_v2(in, ret) : PROXY_MORE;
}

size_t proxy_ip_text(uint8_t family, const uint8_t ip[16], char out[PROXY_IP_TEXT])
{
	out[0] = 0;
	if (family == 4 || family == 6)
		inet_ntop(family == 6 ? AF_INET6 : AF_INET, ip, out, PROXY_IP_TEXT);
	return strlen(out);
}

/* A v2 header tells its length in its first 16 bytes; a v1 header is at least 15 long and then read one by one
 * until its LF. */
size_t proxy_want(slice in)
{
	enum { V1_LEAST = 15 };
	if (in.n < V1_LEAST)
		return V1_LEAST;
	if (in.p[0] == 'P' || in.n < V2_FIXED)
		return in.n + 1;
	return V2_FIXED + ((size_t)(unsigned char)in.p[14] << 8 | (unsigned char)in.p[15]);
}
