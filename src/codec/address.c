/*
 * The envelope's addresses (RFC 5321 section 4.1.2 Path and Mailbox; RFC 6531 section 3.3),
 * strictly: what passes here goes on the wire and into keys. The SMTP server calls it for every
 * MAIL and RCPT, the command line and configuration for what people type. Header fields are read in
 * address_header.c.
 */
#include "codec/address.h"

#include "base/utf8.h"
#include <arpa/inet.h>

const char *address_fault_text(enum address_fault f)
{
	static const char *const texts[] = {
		[ADDRESS_FINE] = "fine",
		[ADDRESS_SYNTAX] = "not a mail address",
		[ADDRESS_LOCAL_LONG] = "local part is longer than 200 octets",
		[ADDRESS_DOMAIN_LONG] = "domain is longer than 255 octets",
		[ADDRESS_LONG] = "address is longer than 254 octets",
		[ADDRESS_DOMAIN_BAD] = "not a valid domain or address literal",
		[ADDRESS_NEEDS_UTF8] = "address needs SMTPUTF8",
		[ADDRESS_UTF8_BAD] =
			"address is not valid UTF-8 or not an allowed internationalized name",
	};
	return texts[f];
}

/* atext of RFC 5322 3.2.3, and any byte of UTF-8 beyond ASCII (RFC 6531 3.3). */
static bool is_atext(char c)
{
	unsigned char u = (unsigned char)c;
	if (u >= 0x80 || (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z'))
		return true;
	return u > ' ' && u < 0x7f && strchr("!#$%&'*+-/=?^_`{|}~", u) != NULL;
}

/* Length of the Dot-string at the front, 0 for none. */
static size_t scan_dot_string(slice s)
{
	size_t i = 0;
	bool atom = false;
	for (; i < s.n; i++) {
		if (is_atext(s.p[i]))
			atom = true;
		else if (s.p[i] == '.' && atom)
			atom = false;
		else
			break;
	}
	return atom ? i : 0; /* must not end with a dot */
}

/* Length of the Quoted-string at the front with its quotes, 0 for none. */
static size_t scan_quoted(slice s)
{
	for (size_t i = 1; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"')
			return i + 1;
		if (c == '\\')
			c = ++i < s.n ? (unsigned char)s.p[i] : 0;
		if (c < ' ' || c == 0x7f)
			return 0;
	}
	return 0;
}

static size_t scan_domain(slice s)
{
	size_t i = 0;
	if (s.n && s.p[0] == '[') {
		size_t close = slice_index(s, ']');
		return close < s.n ? close + 1 : 0;
	}
	while (i < s.n && (s.p[i] == '.' || is_atext(s.p[i])))
		i++;
	return i;
}

static enum address_fault judge_domain(struct address *m)
{
	if (m->domain.n > ADDRESS_DOMAIN_MAX)
		return ADDRESS_DOMAIN_LONG;
	if (m->domain.p[0] == '[')
		return domain_literal_parse(m->domain, &m->family, m->ip) ? ADDRESS_FINE
									  : ADDRESS_DOMAIN_BAD;
	if (domain_valid(m->domain, true))
		return ADDRESS_FINE;
	return utf8_is_ascii(m->domain) ? ADDRESS_DOMAIN_BAD : ADDRESS_UTF8_BAD;
}

/* The rules that hold for a mailbox that has the right shape. */
static enum address_fault judge(struct address *m, bool utf8)
{
	m->utf8 = !utf8_is_ascii(m->text);
	if (m->utf8 && !utf8)
		return ADDRESS_NEEDS_UTF8;
	if (m->utf8 && !utf8_valid(m->text))
		return ADDRESS_UTF8_BAD;
	if (m->local.n > ADDRESS_LOCAL_MAX)
		return ADDRESS_LOCAL_LONG;
	enum address_fault f = judge_domain(m);
	if (f == ADDRESS_FINE && m->text.n > ADDRESS_MAX)
		return ADDRESS_LONG;
	return f;
}

/* Cuts Mailbox off the front of *in. */
static enum address_fault take_mailbox(slice *in, bool utf8, struct address *ret)
{
	slice s = *in;
	struct address m = {0};
	size_t local = s.n && s.p[0] == '"' ? scan_quoted(s) : scan_dot_string(s);
	if (local == 0 || local == s.n || s.p[local] != '@')
		return ADDRESS_SYNTAX;
	size_t domain = scan_domain(slice_skip(s, local + 1));
	if (domain == 0)
		return ADDRESS_SYNTAX;
	m.local = slice_first(s, local);
	m.domain = slice_first(slice_skip(s, local + 1), domain);
	m.text = slice_first(s, local + 1 + domain);
	enum address_fault f = judge(&m, utf8);
	if (f == ADDRESS_FINE) {
		*in = slice_skip(s, m.text.n);
		*ret = m;
	}
	return f;
}

enum address_fault address_parse(slice s, bool utf8, struct address *ret)
{
	struct address m;
	enum address_fault f = take_mailbox(&s, utf8, &m);
	if (f == ADDRESS_FINE && s.n)
		return ADDRESS_SYNTAX;
	if (f == ADDRESS_FINE)
		*ret = m;
	return f;
}

/* A-d-l ":" (RFC 5321 4.1.2): accepted, checked for shape, forgotten (RFC 5321 appendix C). */
static bool skip_source_route(slice *in)
{
	slice s = *in;
	while (s.n && s.p[0] == '@') {
		size_t n = scan_domain(slice_skip(s, 1));
		if (n == 0 || n > ADDRESS_DOMAIN_MAX)
			return false;
		s = slice_skip(s, n + 1);
		if (s.n && s.p[0] == ':') {
			*in = slice_skip(s, 1);
			return true;
		}
		if (s.n == 0 || s.p[0] != ',')
			return false;
		s = slice_skip(s, 1);
	}
	return false;
}

enum address_fault address_parse_path(slice *in, bool utf8, struct address *ret)
{
	slice s = *in;
	struct address m = {0};
	enum address_fault f = ADDRESS_FINE;
	if (s.n < 2 || s.p[0] != '<')
		return ADDRESS_SYNTAX;
	s = slice_skip(s, 1);
	if (slice_istarts(s, S("postmaster>"))) {
		m.text = m.local = slice_first(s, 10);
		s = slice_skip(s, 10);
	} else if (s.p[0] != '>') {
		if (s.p[0] == '@' && !skip_source_route(&s))
			return ADDRESS_SYNTAX;
		f = take_mailbox(&s, utf8, &m);
	}
	if (f != ADDRESS_FINE)
		return f;
	if (s.n == 0 || s.p[0] != '>')
		return ADDRESS_SYNTAX;
	*in = slice_skip(s, 1);
	*ret = m;
	return ADDRESS_FINE;
}

bool address_split(slice mailbox, slice *ret_local, slice *ret_domain)
{
	size_t at = slice_rindex(mailbox, '@');
	if (at == mailbox.n)
		return false;
	*ret_local = slice_first(mailbox, at);
	*ret_domain = slice_skip(mailbox, at + 1);
	return true;
}

slice address_local_value(slice local, struct arena *a)
{
	if (local.n < 2 || local.p[0] != '"' || local.p[local.n - 1] != '"')
		return local;
	char *to = arena_alloc(a, local.n), *end = to;
	for (size_t i = 1; i + 1 < local.n; i++) {
		if (local.p[i] == '\\' && i + 2 < local.n)
			i++;
		*end++ = local.p[i];
	}
	return slice_of(to, (size_t)(end - to));
}

slice address_join(slice local_value, slice domain, struct arena *a)
{
	bool quote = local_value.n == 0 || scan_dot_string(local_value) != local_value.n;
	char *text = arena_alloc(a, 2 * local_value.n + domain.n + 4), *to = text;
	if (quote)
		*to++ = '"';
	for (size_t i = 0; i < local_value.n; i++) {
		if (local_value.p[i] == '"' || local_value.p[i] == '\\')
			*to++ = '\\';
		*to++ = local_value.p[i];
	}
	if (quote)
		*to++ = '"';
	if (domain.n) {
		*to++ = '@';
		memcpy(to, domain.p, domain.n);
		to += domain.n;
	}
	return slice_of(text, (size_t)(to - text));
}

static slice canonical_domain(const struct address *addr, struct arena *a)
{
	char z[INET6_ADDRSTRLEN];
	slice ascii;
	if (addr->family == 0)
		return domain_to_ascii(addr->domain, a, &ascii) ? ascii : addr->domain;
	inet_ntop(addr->family == 6 ? AF_INET6 : AF_INET, addr->ip, z, sizeof z);
	return arena_printf(a, addr->family == 6 ? "[IPv6:%s]" : "[%s]", z);
}

slice address_canonical(const struct address *addr, bool fold, struct arena *a)
{
	if (addr->text.n == 0)
		return S("");
	slice local = arena_dup(a, address_local_value(addr->local, a));
	for (size_t i = 0; fold && i < local.n; i++)
		((char *)local.p)[i] = ascii_lower(local.p[i]);
	return address_join(local, addr->domain.n ? canonical_domain(addr, a) : S(""), a);
}
