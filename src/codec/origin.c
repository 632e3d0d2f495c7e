/*
 * Where a message comes from, by its header (origin.h). Received: lines are read tolerantly: RFC
 * 5321 section 4.4 and what servers really write. Pure; called by defence and bin for every message
 * with a trusted client.
 */
#include "codec/origin.h"

#include "codec/header.h"

#include <arpa/inet.h>
#include <stdio.h>

/* ---- addresses ---- */

static bool plain_ip(slice s, struct origin_ip *ret)
{
	char z[INET6_ADDRSTRLEN + 1];
	struct origin_ip ip = {0};
	if (s.n == 0 || s.n >= sizeof z)
		return false;
	memcpy(z, s.p, s.n);
	z[s.n] = 0;
	if (inet_pton(AF_INET, z, ip.ip) == 1)
		ip.family = 4;
	else if (inet_pton(AF_INET6, z, ip.ip) == 1)
		ip.family = 6;
	else
		return false;
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	if (ip.family == 6 && memcmp(ip.ip, mapped, sizeof mapped) == 0) {
		memmove(ip.ip, ip.ip + 12, 4);
		memset(ip.ip + 4, 0, 12);
		ip.family = 4;
	}
	*ret = ip;
	return true;
}

bool origin_ip_parse(slice s, struct origin_ip *ret)
{
	s = slice_trim(s);
	if (slice_starts(s, S("["))) { /* "[192.0.2.1]:25" too */
		s = slice_skip(s, 1);
		s = slice_first(s, slice_index(s, ']'));
	}
	if (slice_istarts(s, S("IPv6:")))
		s = slice_skip(s, 5);
	s = slice_first(s, slice_index(s, '%')); /* zone */
	if (plain_ip(s, ret))
		return true;
	return slice_index(s, '.') < slice_index(s, ':') &&
	       plain_ip(slice_first(s, slice_index(s, ':')), ret); /* "192.0.2.1:25" */
}

static bool in_net(const struct origin_ip *ip, const char *net, unsigned bits)
{
	struct origin_ip n;
	if (!plain_ip(slice_z(net), &n) || n.family != ip->family)
		return false;
	for (unsigned i = 0; i < bits; i++)
		if ((n.ip[i / 8] ^ ip->ip[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

bool origin_is_private(const struct origin_ip *ip)
{
	static const struct {
		const char *net;
		unsigned bits;
	} nets[] = {{"10.0.0.0", 8}, {"172.16.0.0", 12}, {"192.168.0.0", 16}, {"127.0.0.0", 8},
		{"100.64.0.0", 10}, {"169.254.0.0", 16}, {"0.0.0.0", 8}, {"::1", 128}, {"::", 128},
		{"fc00::", 7}, {"fe80::", 10}, {"fec0::", 10}};
	for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
		if (in_net(ip, nets[i].net, nets[i].bits))
			return true;
	return false;
}

/* ---- Received: ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool ends_word(char c)
{
	return is_blank(c) || c == '(' || c == ')' || c == ';' || c == ',';
}

/* One word of the value: what is in brackets is one, parentheses are words of their own. */
static bool next_word(slice *s, slice *ret)
{
	while (s->n && (is_blank(s->p[0]) || s->p[0] == ','))
		*s = slice_skip(*s, 1);
	if (s->n == 0)
		return false;
	size_t n = 1;
	if (s->p[0] == '[')
		n = slice_index(*s, ']') < s->n ? slice_index(*s, ']') + 1 : s->n;
	else if (s->p[0] != '(' && s->p[0] != ')' && s->p[0] != ';')
		while (n < s->n && !ends_word(s->p[n]) && s->p[n] != '[')
			n++;
	*ret = slice_first(*s, n);
	*s = slice_skip(*s, n);
	return true;
}

/* "(HELO x)", "(helo=[192.0.2.1])": what follows is what the client called itself. */
static bool is_helo(slice word)
{
	return slice_iends(word, S("helo=")) || slice_ieq(word, S("HELO")) ||
	       slice_ieq(word, S("EHLO"));
}

/* Of the from clause the address that the server saw stands in a comment, what the client said of
 * itself outside of it: the comment's counts first. */
bool origin_received(slice value, struct origin_ip *ret)
{
	slice rest = slice_first(value, ORIGIN_VALUE_MAX), word;
	struct origin_ip said, seen;
	bool has_said = false, has_seen = false;
	unsigned depth = 0;
	if (!next_word(&rest, &word) || !slice_ieq(word, S("from")))
		return false;
	for (slice before = word; next_word(&rest, &word); before = word) {
		char c = word.p[0];
		if (c == '(')
			depth++;
		else if (c == ')')
			depth -= depth > 0;
		else if (depth == 0 && (c == ';' || slice_ieq(word, S("by"))))
			break;
		else if (depth == 0)
			has_said |= origin_ip_parse(word, &said);
		else if (!is_helo(before) && (!has_seen || c == '['))
			/* "(x 192.0.2.9 [192.0.2.1])": brackets count */
			has_seen |= origin_ip_parse(word, &seen);
	}
	if (has_seen)
		*ret = seen;
	else if (has_said)
		*ret = said;
	return has_seen || has_said;
}

/* ---- the walk ---- */

static bool is_received(const struct header_field *f)
{
	return slice_ieq(f->name, S("Received"));
}

/* What webmail systems and gateways add about their user. */
static bool field_of_origin(slice header, struct origin_ip *ret)
{
	static const slice names[] = {S_INIT("X-Originating-IP"), S_INIT("X-Sender-IP"),
		S_INIT("X-Client-IP"), S_INIT("X-Real-IP"), S_INIT("X-Originating-Client-IP"),
		S_INIT("X-AOL-IP"), S_INIT("X-Yahoo-Post-IP"), S_INIT("X-EIP"),
		S_INIT("X-Remote-IP")};
	struct header_field f;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (header_find(header, names[i], 0, &f) &&
			origin_ip_parse(slice_first(f.value, ORIGIN_VALUE_MAX), ret) &&
			!origin_is_private(ret))
			return true;
	return false;
}

static bool is_trusted(const struct origin_ip *ip,
	bool (*trusted)(void *arg, const struct origin_ip *ip), void *arg, bool first)
{
	return trusted(arg, ip) || (!first && origin_is_private(ip));
}

void origin_find(slice header, const struct origin_ip *client,
	bool (*trusted)(void *arg, const struct origin_ip *ip), void *arg, struct origin *ret)
{
	struct header_field f;
	struct origin_ip at = *client, field;
	slice rest = header;
	*ret = (struct origin){.ip = *client, .source = ORIGIN_CLIENT};
	bool all_trusted = is_trusted(&at, trusted, arg, true);
	for (unsigned n = 0; all_trusted && n < ORIGIN_HOPS_MAX && header_next(&rest, &f);) {
		if (!is_received(&f))
			continue;
		n++;
		if (!origin_received(f.value, &at)) /* "Received: by x": handed on inside */
			continue;
		ret->hops = n;
		all_trusted = is_trusted(&at, trusted, arg, false);
	}
	if (ret->hops > 0 && !all_trusted) {
		ret->ip = at;
		ret->source = ORIGIN_RECEIVED;
	} else if (all_trusted && field_of_origin(header, &field)) {
		ret->ip = field;
		ret->source = ORIGIN_FIELD;
	}
}
