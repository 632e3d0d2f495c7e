/*
 * SPF records (RFC 7208 section 12's grammar). The whole record is read before anything of it
 * counts: one mistake makes it a permerror (4.6). Called by senderauth/spf; asks no DNS, and knows
 * nothing of what the terms mean.
 */
#include "codec/spf_record.h"

#include "base/mem.h"
#include "codec/spf_macro.h"
#include <arpa/inet.h>

_Static_assert(SPF_TERMS_MAX == 4000, "the text of SPF_TERMS_MANY");

const char *spf_fault_text(enum spf_fault f)
{
	static const char *const texts[] = {
		[SPF_FINE] = "fine",
		[SPF_CHARACTER] = "a character that is not printable ASCII",
		[SPF_TERMS_MANY] = "more than 4000 terms",
		[SPF_UNKNOWN] = "no such mechanism",
		[SPF_ARGUMENT_MISSING] = "its argument is missing",
		[SPF_ARGUMENT_EXTRA] = "takes no such argument",
		[SPF_DOMAIN_BAD] = "not a domain name",
		[SPF_MACRO_BAD] = "a % that begins no macro",
		[SPF_MACRO_FORBIDDEN] = "a macro that only explanations may use",
		[SPF_ADDRESS_BAD] = "not an IP address",
		[SPF_PREFIX_BAD] = "not a prefix length",
		[SPF_MODIFIER_BAD] = "a modifier with a bad value",
		[SPF_MODIFIER_TWICE] = "given twice",
	};
	return texts[f];
}

static const struct mechanism {
	slice name;
	enum { NO_ARGUMENT, DOMAIN, DOMAIN_MAYBE, DOMAIN_PREFIX, ADDRESS4, ADDRESS6 } argument;
} mechanisms[SPF_MECHANISMS] = {
	[SPF_ALL] = {S_INIT("all"), NO_ARGUMENT},
	[SPF_INCLUDE] = {S_INIT("include"), DOMAIN},
	[SPF_A] = {S_INIT("a"), DOMAIN_PREFIX},
	[SPF_MX] = {S_INIT("mx"), DOMAIN_PREFIX},
	[SPF_PTR] = {S_INIT("ptr"), DOMAIN_MAYBE},
	[SPF_IP4] = {S_INIT("ip4"), ADDRESS4},
	[SPF_IP6] = {S_INIT("ip6"), ADDRESS6},
	[SPF_EXISTS] = {S_INIT("exists"), DOMAIN},
};

bool spf_record_is(slice txt)
{
	slice rest = slice_skip(txt, 6);
	return slice_istarts(txt, S("v=spf1")) && (rest.n == 0 || rest.p[0] == ' ');
}

/* ---- arguments ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "0", or digits without leading zero, at most `most`. */
static bool read_prefix(slice s, uint8_t most, uint8_t *ret)
{
	uint64_t v;
	if (s.n == 0 || s.n > 3 || (s.n > 1 && s.p[0] == '0') || !slice_u64(s, &v) || v > most)
		return false;
	*ret = (uint8_t)v;
	return true;
}

/* Cuts "/digits" off the end: the digits; p == NULL when there are none. */
static slice cut_prefix(slice *s)
{
	size_t i = s->n;
	while (i > 0 && is_digit(s->p[i - 1]))
		i--;
	if (i == s->n || i == 0 || s->p[i - 1] != '/')
		return (slice){0};
	slice digits = slice_skip(*s, i);
	s->n = i - 1;
	return digits;
}

/* dual-cidr-length: "/24", "//64", "/24//64"; digits behind two slashes are for IPv6. */
static enum spf_fault read_dual_prefix(slice *arg, struct spf_term *t)
{
	slice digits = cut_prefix(arg);
	if (!digits.p)
		return SPF_FINE;
	if (slice_ends(*arg, S("/"))) {
		arg->n--;
		if (!read_prefix(digits, 128, &t->bits6))
			return SPF_PREFIX_BAD;
		digits = cut_prefix(arg);
	}
	return !digits.p || read_prefix(digits, 32, &t->bits4) ? SPF_FINE : SPF_PREFIX_BAD;
}

static enum spf_fault read_address(slice arg, int family, struct spf_term *t)
{
	char text[INET6_ADDRSTRLEN] = {0};
	size_t slash = slice_index(arg, '/');
	uint8_t *bits = family == AF_INET ? &t->bits4 : &t->bits6;
	if (slash >= sizeof text)
		return SPF_ADDRESS_BAD;
	memcpy(text, arg.p, slash);
	if (strlen(text) != slash || inet_pton(family, text, t->ip) != 1)
		return SPF_ADDRESS_BAD;
	if (slash < arg.n && !read_prefix(slice_skip(arg, slash + 1), *bits, bits))
		return SPF_PREFIX_BAD;
	return SPF_FINE;
}

/* ":domain-spec" or nothing. */
static enum spf_fault read_domain(slice arg, bool needed, struct spf_term *t)
{
	if (arg.n == 0)
		return needed ? SPF_ARGUMENT_MISSING : SPF_FINE;
	if (arg.p[0] != ':')
		return SPF_ARGUMENT_EXTRA;
	t->domain = slice_skip(arg, 1);
	return t->domain.n ? spf_domain_check(t->domain) : SPF_ARGUMENT_MISSING;
}

static enum spf_fault read_argument(const struct mechanism *m, slice arg, struct spf_term *t)
{
	enum spf_fault f;
	switch (m->argument) {
	case NO_ARGUMENT:
		return arg.n ? SPF_ARGUMENT_EXTRA : SPF_FINE;
	case DOMAIN:
	case DOMAIN_MAYBE:
		return read_domain(arg, m->argument == DOMAIN, t);
	case DOMAIN_PREFIX:
		f = read_dual_prefix(&arg, t);
		return f == SPF_FINE ? read_domain(arg, false, t) : f;
	case ADDRESS4:
	case ADDRESS6:
		if (arg.n < 2 || arg.p[0] != ':')
			return SPF_ARGUMENT_MISSING;
		return read_address(
			slice_skip(arg, 1), m->argument == ADDRESS4 ? AF_INET : AF_INET6, t);
	}
	return SPF_UNKNOWN;
}

/* ---- terms ---- */

static size_t name_length(slice s)
{
	size_t i = 0;
	while (i < s.n && s.p[i] != ':' && s.p[i] != '/' && s.p[i] != '=')
		i++;
	return i;
}

static enum spf_fault read_mechanism(slice text, struct spf_record *r)
{
	struct spf_term t = {.text = text, .qualifier = '+', .bits4 = 32, .bits6 = 128};
	if (memchr("+-~?", text.p[0], 4)) {
		t.qualifier = text.p[0];
		text = slice_skip(text, 1);
	}
	size_t n = name_length(text);
	for (int i = 0; i < SPF_MECHANISMS; i++) {
		if (!slice_ieq(slice_first(text, n), mechanisms[i].name))
			continue;
		t.mechanism = (enum spf_mechanism)i;
		enum spf_fault f = read_argument(&mechanisms[i], slice_skip(text, n), &t);
		if (f == SPF_FINE)
			r->terms[r->n++] = t;
		return f;
	}
	return SPF_UNKNOWN;
}

/* ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ) before a "=". */
static bool is_modifier(slice text)
{
	size_t n = name_length(text);
	if (n == text.n || text.p[n] != '=')
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = ascii_lower(text.p[i]);
		bool letter = c >= 'a' && c <= 'z';
		if (!letter && (i == 0 || (!is_digit(c) && c != '-' && c != '_' && c != '.')))
			return false;
	}
	return n > 0;
}

static enum spf_fault read_modifier(slice text, struct spf_record *r)
{
	size_t n = slice_index(text, '=');
	slice name = slice_first(text, n), value = slice_skip(text, n + 1);
	slice *known = slice_ieq(name, S("redirect")) ? &r->redirect
		       : slice_ieq(name, S("exp"))    ? &r->exp
						      : NULL;
	if (!known) {
		r->others++;
		return spf_macro_check(value, true);
	}
	if (known->n)
		return SPF_MODIFIER_TWICE;
	if (value.n == 0)
		return SPF_ARGUMENT_MISSING;
	*known = value;
	return spf_domain_check(value);
}

static enum spf_fault read_term(slice text, struct spf_record *r)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] > '~')
			return SPF_CHARACTER;
	return is_modifier(text) ? read_modifier(text, r) : read_mechanism(text, r);
}

static size_t count_terms(slice s)
{
	size_t n = 0;
	for (slice term; slice_cut(&s, ' ', &term);)
		n += term.n > 0;
	return n;
}

enum spf_fault spf_record_parse(
	slice txt, struct arena *a, struct spf_record *ret, slice *ret_where)
{
	*ret = (struct spf_record){0};
	*ret_where = (slice){0};
	slice s = slice_skip(txt, 6), term;
	size_t n = count_terms(s);
	if (n > SPF_TERMS_MAX)
		return SPF_TERMS_MANY;
	ret->terms = ARENA_ARRAY(a, struct spf_term, n);
	while (slice_cut(&s, ' ', &term)) {
		enum spf_fault f = term.n ? read_term(term, ret) : SPF_FINE;
		if (f != SPF_FINE) {
			*ret_where = term;
			return f;
		}
	}
	return SPF_FINE;
}
