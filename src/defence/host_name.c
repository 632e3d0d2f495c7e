/*
 * Does a host name look as providers name their customers' lines? It does when it holds the address
 * itself (in decimal or hexadecimal, in either order), or a word that says so. Words such as
 * "mail", "mx" or "smtp" speak for a server, whatever else the name holds. Called by helo.c and
 * door.c.
 */
#include "defence/helo.h"

#include <netinet/in.h>
#include <stdio.h>

static const char *const line_words[] = {"adsl", "broadband", "cable", "client", "cpe", "customer",
	"cust", "dhcp", "dial", "dialin", "dialup", "dsl", "dyn", "dynamic", "dynip", "fiber",
	"ftth", "gprs", "home", "hsd", "kabel", "lte", "mobile", "modem", "pool", "pools", "ppp",
	"pppoe", "res", "residential", "user", "vdsl", "wifi", "wireless", "xdsl", NULL};
static const char *const server_words[] = {"mail", "mailer", "mta", "mx", "out", "outbound",
	"relay", "sender", "server", "smtp", "srv", "static", "vps", "host", NULL};

static bool is_letter(char c)
{
	c = ascii_lower(c);
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The next run of letters; digits around it do not belong to it: "mx2", "pool-7". */
static bool next_word(slice *s, slice *ret)
{
	size_t i = 0;
	while (i < s->n && !is_letter(s->p[i]))
		i++;
	size_t from = i;
	while (i < s->n && is_letter(s->p[i]))
		i++;
	*ret = slice_of(s->p + from, i - from);
	*s = slice_skip(*s, i);
	return ret->n > 0;
}

static bool is_one_of(slice word, const char *const *words)
{
	for (; *words; words++)
		if (slice_ieq(word, slice_z(*words)))
			return true;
	return false;
}

static bool has_word(slice name, const char *const *words)
{
	slice word;
	while (next_word(&name, &word))
		if (is_one_of(word, words))
			return true;
	return false;
}

/* Numbers in the name, in order. */
static size_t numbers(slice name, unsigned *out, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < name.n && n < max;) {
		if (!is_digit(name.p[i])) {
			i++;
			continue;
		}
		unsigned v = 0;
		size_t from = i;
		for (; i < name.n && is_digit(name.p[i]) && i - from < 9; i++)
			v = v * 10 + (unsigned)(name.p[i] - '0');
		out[n++] = v;
	}
	return n;
}

/* Three of the four numbers of the address next to each other, forwards or backwards. */
static bool holds_decimal(slice name, const uint8_t ip[4])
{
	unsigned v[32];
	size_t n = numbers(name, v, sizeof v / sizeof *v);
	for (size_t i = 0; i + 3 <= n; i++)
		for (int k = 0; k < 2; k++) {
			const uint8_t *p = ip + k;
			if (v[i] == p[0] && v[i + 1] == p[1] && v[i + 2] == p[2])
				return true;
			if (v[i] == p[2] && v[i + 1] == p[1] && v[i + 2] == p[0])
				return true;
		}
	return false;
}

static bool holds_text(slice name, const char *text)
{
	char lower[256];
	size_t n = name.n < sizeof lower ? name.n : sizeof lower;
	for (size_t i = 0; i < n; i++)
		lower[i] = ascii_lower(name.p[i]);
	return slice_find(slice_of(lower, n), slice_z(text)) < n;
}

static bool holds_v4(slice name, const uint8_t ip[4])
{
	char hex[9], padded[13];
	snprintf(hex, sizeof hex, "%02x%02x%02x%02x", ip[0], ip[1], ip[2], ip[3]);
	snprintf(padded, sizeof padded, "%03u%03u%03u%03u", ip[0], ip[1], ip[2], ip[3]);
	return holds_decimal(name, ip) || holds_text(name, hex) || holds_text(name, padded);
}

bool host_looks_dynamic(slice name, const struct net_addr *ip)
{
	slice rest = name, label;
	if (!slice_cut(&rest, '.', &label) || !rest.n)
		return false;
	if (has_word(label, server_words))
		return false;
	/* The registered domain says nothing: "cable.example" may well be a company. */
	slice inner = name;
	for (int dots = 0; dots < 2 && inner.n; dots++)
		inner.n = slice_rindex(inner, '.');
	if (ip->ss.ss_family == AF_INET &&
		holds_v4(name, (const uint8_t *)&((const struct sockaddr_in *)&ip->ss)->sin_addr))
		return true;
	return has_word(inner, line_words) || has_word(label, line_words);
}
