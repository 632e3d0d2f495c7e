/*
 * Domain names and address literals (RFC 1035 2.3.1, RFC 5321 4.1.2 and 4.1.3, RFC 5890).
 * Used by address.c and wherever a host name is read. Plain ASCII names never reach libidn2.
 */
#include "codec/address.h"

#include "base/utf8.h"
#include <arpa/inet.h>
#include <idn2.h>

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool label_valid(slice label)
{
	if (label.n == 0 || label.n > ADDRESS_LABEL_MAX || label.p[0] == '-' ||
		label.p[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++)
		if (!is_alnum(label.p[i]) && label.p[i] != '-')
			return false;
	return true;
}

static bool all_digits(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

/* LDH labels; the last is not a number, so that 192.0.2.1 without brackets is no domain (RFC 3696
 * 2). */
static bool ascii_domain_valid(slice s)
{
	slice label = {0};
	if (s.n == 0 || s.n > ADDRESS_DOMAIN_MAX)
		return false;
	while (slice_cut(&s, '.', &label))
		if (!label_valid(label))
			return false;
	return !all_digits(label);
}

/* By libidn2 into out, as lower-case A-labels. */
static bool idn_to_ascii(slice s, char out[ADDRESS_DOMAIN_MAX + 1])
{
	char z[ADDRESS_DOMAIN_MAX + 1];
	char *made = NULL;
	if (s.n == 0 || s.n > ADDRESS_DOMAIN_MAX || memchr(s.p, 0, s.n) || !utf8_valid(s))
		return false;
	memcpy(z, s.p, s.n);
	z[s.n] = 0;
	int rc = idn2_to_ascii_8z(z, &made, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	bool ok = rc == IDN2_OK && ascii_domain_valid(slice_z(made));
	if (ok)
		memcpy(out, made, strlen(made) + 1);
	idn2_free(made);
	return ok;
}

bool domain_valid(slice s, bool utf8)
{
	char ascii[ADDRESS_DOMAIN_MAX + 1];
	if (utf8_is_ascii(s))
		return ascii_domain_valid(s);
	return utf8 && idn_to_ascii(s, ascii);
}

static slice lower_copy(slice s, struct arena *a)
{
	char *z = arena_strz(a, s);
	for (size_t i = 0; i < s.n; i++)
		z[i] = ascii_lower(z[i]);
	return slice_of(z, s.n);
}

bool domain_to_ascii(slice s, struct arena *a, slice *ret)
{
	char ascii[ADDRESS_DOMAIN_MAX + 1];
	if (utf8_is_ascii(s)) {
		if (!ascii_domain_valid(s))
			return false;
		*ret = lower_copy(s, a);
		return true;
	}
	if (!idn_to_ascii(s, ascii))
		return false;
	*ret = lower_copy(slice_z(ascii), a);
	return true;
}

slice domain_to_utf8(slice s, struct arena *a)
{
	slice ascii;
	char *made = NULL, again[ADDRESS_DOMAIN_MAX + 1];
	if (slice_find(s, S("--")) == s.n || !domain_to_ascii(s, a, &ascii))
		return lower_copy(s, a); /* no A-label in it */
	bool ok = idn2_to_unicode_8z8z(ascii.p, &made, IDN2_NONTRANSITIONAL) == IDN2_OK;
	/* Only what leads back here is shown decoded: xn--a would become a control character. */
	ok = ok && idn_to_ascii(slice_z(made), again) && slice_eq(slice_z(again), ascii);
	slice r = ok ? arena_dup(a, slice_z(made)) : ascii;
	idn2_free(made);
	return r;
}

bool domain_within(slice domain, slice top)
{
	return top.n && slice_iends(domain, top) &&
	       (domain.n == top.n || domain.p[domain.n - top.n - 1] == '.');
}

bool domain_listed(slice domain, const slice *names, size_t n)
{
	for (size_t i = 0; domain.n && i < n; i++)
		if (slice_starts(names[i], S(".")) ? slice_iends(domain, names[i])
						   : slice_ieq(domain, names[i]))
			return true;
	return false;
}

bool domain_literal_parse(slice s, uint8_t *ret_family, uint8_t ret_ip[16])
{
	char z[INET6_ADDRSTRLEN];
	uint8_t ip[16] = {0};
	if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	s = slice_of(s.p + 1, s.n - 2);
	bool six = slice_istarts(s, S("IPv6:"));
	if (six)
		s = slice_skip(s, 5);
	if (s.n == 0 || s.n >= sizeof z || memchr(s.p, 0, s.n))
		return false;
	memcpy(z, s.p, s.n);
	z[s.n] = 0;
	if (inet_pton(six ? AF_INET6 : AF_INET, z, ip) != 1)
		return false;
	*ret_family = six ? 6 : 4;
	memcpy(ret_ip, ip, sizeof ip);
	return true;
}
