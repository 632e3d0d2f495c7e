/*
 * Addresses and networks as text and back. No names are looked up here (dns.h does that).
 */
#include "run/net.h"

#include "base/mem.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/un.h>

static struct sockaddr_in *in4(const struct net_addr *a)
{
	return (struct sockaddr_in *)(void *)&a->ss;
}

static struct sockaddr_in6 *in6(const struct net_addr *a)
{
	return (struct sockaddr_in6 *)(void *)&a->ss;
}

static struct sockaddr_un *un(const struct net_addr *a)
{
	return (struct sockaddr_un *)(void *)&a->ss;
}

/* The address bytes: 4, 16, or 0 of them. */
static slice ip_bytes(const struct net_addr *a)
{
	if (a->ss.ss_family == AF_INET)
		return slice_of(&in4(a)->sin_addr, 4);
	if (a->ss.ss_family == AF_INET6)
		return slice_of(&in6(a)->sin6_addr, 16);
	return (slice){0};
}

void net_unmap(struct net_addr *a)
{
	if (a->ss.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6(a)->sin6_addr))
		return;
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = in6(a)->sin6_port};
	memcpy(&v4.sin_addr, in6(a)->sin6_addr.s6_addr + 12, 4);
	memset(a, 0, sizeof *a);
	memcpy(&a->ss, &v4, sizeof v4);
	a->len = sizeof v4;
}

static bool parse_ip(slice ip, uint16_t port, struct net_addr *ret)
{
	char text[INET6_ADDRSTRLEN];
	if (ip.n == 0 || ip.n >= sizeof text || memchr(ip.p, 0, ip.n))
		return false;
	memcpy(text, ip.p, ip.n);
	text[ip.n] = 0;
	struct net_addr a = {0};
	if (inet_pton(AF_INET, text, &in4(&a)->sin_addr) == 1) {
		a.ss.ss_family = AF_INET;
		in4(&a)->sin_port = htons(port);
		a.len = sizeof(struct sockaddr_in);
	} else if (inet_pton(AF_INET6, text, &in6(&a)->sin6_addr) == 1) {
		a.ss.ss_family = AF_INET6;
		in6(&a)->sin6_port = htons(port);
		a.len = sizeof(struct sockaddr_in6);
		net_unmap(&a);
	} else {
		return false;
	}
	*ret = a;
	return true;
}

int net_from_ip(slice ip, uint16_t port, struct net_addr *ret, struct err *e)
{
	if (!parse_ip(ip, port, ret))
		return err_set(
			e, ERR_PROTO, "not an IP address: \"%.*s\"", SFMT(slice_first(ip, 64)));
	return 0;
}

static int parse_unix(slice path, struct net_addr *ret, struct err *e)
{
	struct net_addr a = {0};
	if (path.n == 0 || path.n >= sizeof un(&a)->sun_path || memchr(path.p, 0, path.n))
		return err_set(e, ERR_PROTO, "a unix socket's path has 1 to %zu bytes",
			sizeof un(&a)->sun_path - 1);
	a.ss.ss_family = AF_UNIX;
	memcpy(un(&a)->sun_path, path.p, path.n);
	a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1);
	*ret = a;
	return 0;
}

/* "[v6]:port", "v4:port", "*:port"; a bare IPv6 address has several colons and no port. */
static void split_port(slice s, slice *ret_host, slice *ret_port)
{
	size_t colon = slice_rindex(s, ':');
	*ret_port = (slice){0};
	*ret_host = s;
	if (s.n > 0 && s.p[0] == '[') {
		size_t end = slice_index(s, ']');
		*ret_host = slice_skip(slice_first(s, end), 1);
		slice rest = slice_skip(s, end + 1);
		if (end == s.n || (rest.n > 0 && rest.p[0] != ':'))
			*ret_host = (slice){0};
		else if (rest.n > 0)
			*ret_port = slice_skip(rest, 1);
	} else if (colon < s.n && slice_index(s, ':') == colon) {
		*ret_host = slice_first(s, colon);
		*ret_port = slice_skip(s, colon + 1);
	}
}

int net_parse(slice s, uint16_t default_port, struct net_addr *ret, struct err *e)
{
	if (slice_starts(s, S("unix:")))
		return parse_unix(slice_skip(s, 5), ret, e);
	slice host, port_text;
	uint64_t port = default_port;
	split_port(s, &host, &port_text);
	if (port_text.p && (!slice_u64(port_text, &port) || port > UINT16_MAX))
		return err_set(e, ERR_PROTO, "bad port in \"%.*s\"", SFMT(slice_first(s, 80)));
	bool any = slice_eq(host, S("*"));
	if (!parse_ip(any ? S("::") : host, (uint16_t)port, ret))
		return err_set(e, ERR_PROTO,
			"\"%.*s\" is no address; write 192.0.2.1:25, [2001:db8::1]:25, *:25 or "
			"unix:/path",
			SFMT(slice_first(s, 80)));
	ret->dual = any;
	return 0;
}

size_t net_print_ip(const struct net_addr *a, char out[NET_TEXT_MAX])
{
	struct net_addr plain = *a;
	net_unmap(&plain);
	out[0] = 0;
	if (plain.ss.ss_family == AF_UNIX)
		snprintf(out, NET_TEXT_MAX, "unix");
	else if (plain.dual)
		snprintf(out, NET_TEXT_MAX, "*");
	else if (ip_bytes(&plain).n > 0)
		inet_ntop(plain.ss.ss_family, ip_bytes(&plain).p, out, NET_TEXT_MAX);
	return strlen(out);
}

size_t net_print(const struct net_addr *a, char out[NET_TEXT_MAX])
{
	char ip[NET_TEXT_MAX];
	int n = 0;
	out[0] = 0;
	if (a->ss.ss_family == AF_UNIX) {
		size_t path = a->len > offsetof(struct sockaddr_un, sun_path)
				      ? strnlen(un(a)->sun_path, sizeof un(a)->sun_path)
				      : 0; /* an unnamed client */
		n = snprintf(out, NET_TEXT_MAX, "unix:%.*s", (int)path, un(a)->sun_path);
	} else if (net_print_ip(a, ip) > 0) {
		n = snprintf(
			out, NET_TEXT_MAX, strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip, net_port(a));
	}
	return (size_t)n;
}

uint16_t net_port(const struct net_addr *a)
{
	if (a->ss.ss_family == AF_INET)
		return ntohs(in4(a)->sin_port);
	return a->ss.ss_family == AF_INET6 ? ntohs(in6(a)->sin6_port) : 0;
}

bool net_is_loopback(const struct net_addr *a)
{
	struct net_addr plain = *a;
	net_unmap(&plain);
	if (plain.ss.ss_family == AF_UNIX)
		return true;
	slice ip = ip_bytes(&plain);
	if (ip.n == 4)
		return ip.p[0] == 127;
	return ip.n == 16 && IN6_IS_ADDR_LOOPBACK(&in6(&plain)->sin6_addr);
}

int net_cidr_parse(slice s, struct net_cidr *ret, struct err *e)
{
	size_t slash = slice_index(s, '/');
	struct net_addr a;
	uint64_t bits = 0;
	if (net_from_ip(slice_first(s, slash), 0, &a, e) < 0)
		return -1;
	slice ip = ip_bytes(&a);
	bool whole = slash == s.n;
	if (!whole && (!slice_u64(slice_skip(s, slash + 1), &bits) || bits > 8 * ip.n))
		return err_set(
			e, ERR_PROTO, "bad prefix length in \"%.*s\"", SFMT(slice_first(s, 64)));
	struct net_cidr c = {.family = a.ss.ss_family, .bits = (uint8_t)(whole ? 8 * ip.n : bits)};
	memcpy(c.ip, ip.p, ip.n);
	*ret = c;
	return 0;
}

bool net_is_inside(const struct net_addr *a)
{
	/* Loopback, private, link-local, shared, multicast, unspecified, documentation. */
	static const char *const inside[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10",
		"127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/3", "::/128", "::1/128", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
		"2001:db8::/32", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8"};
	struct net_cidr c;
	struct err e;
	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
		if (net_cidr_parse(slice_z(inside[i]), &c, &e) == 0 && net_cidr_match(&c, a))
			return true;
	return a->ss.ss_family == AF_UNIX;
}

bool net_cidr_match(const struct net_cidr *c, const struct net_addr *a)
{
	struct net_addr plain = *a;
	net_unmap(&plain);
	slice ip = ip_bytes(&plain);
	if (plain.ss.ss_family != c->family || ip.n == 0)
		return false;
	size_t bytes = c->bits / 8;
	unsigned rest = c->bits % 8;
	if (memcmp(ip.p, c->ip, bytes) != 0)
		return false;
	return rest == 0 || (((uint8_t)ip.p[bytes] ^ c->ip[bytes]) >> (8 - rest)) == 0;
}
