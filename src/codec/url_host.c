/*
 * Hosts as browsers read them (WHATWG URL 3.5): escapes, full-width letters, international names,
 * addresses in odd notations; and look-alikes by Unicode's tables of confusable characters
 * (TS 39, ICU's uspoof). Called by url_parse.c.
 */
#include "codec/url_host.h"

#include "base/buf.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/address.h"
#include <arpa/inet.h>
#include <idn2.h>
#include <unicode/uscript.h>
#include <unicode/uspoof.h>

enum { MANY_LABELS = 5, SKELETON_MAX = 512 };

slice url_unescape(slice s, struct arena *a, bool *ret_any)
{
	*ret_any = false;
	if (slice_index(s, '%') == s.n)
		return s;
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		bool escape = s.p[i] == '%' && i + 2 < s.n && hex_digit(s.p[i + 1]) >= 0 &&
			      hex_digit(s.p[i + 2]) >= 0;
		out[n++] = escape ? (char)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2]))
				  : s.p[i];
		i += escape ? 2 : 0;
		*ret_any |= escape;
	}
	return slice_of(out, n);
}

/* ---- addresses ---- */

/* "127", "0x7f", "0177": one part of an IPv4 address. */
static bool ipv4_part(slice s, uint64_t *ret, bool *ret_odd)
{
	uint64_t v = 0;
	if (s.n > 2 && s.p[0] == '0' && ascii_lower(s.p[1]) == 'x') {
		*ret_odd = true;
		return hex_u64(slice_skip(s, 2), ret);
	}
	if (s.n > 1 && s.p[0] == '0') {
		*ret_odd = true;
		for (size_t i = 1; i < s.n; i++) {
			if (s.p[i] < '0' || s.p[i] > '7' || v >> 40)
				return false;
			v = v << 3 | (uint64_t)(s.p[i] - '0');
		}
		*ret = v;
		return true;
	}
	return slice_u64(s, ret);
}

/* Up to four parts; the last one fills what is left (WHATWG URL 3.5.1). */
static bool read_ipv4(slice host, struct arena *a, struct url *u)
{
	uint64_t parts[4], last;
	size_t n = 0;
	slice part;
	bool odd = false;
	while (slice_cut(&host, '.', &part)) {
		if (n == 4 || !ipv4_part(part, &parts[n], &odd))
			return false;
		n++;
	}
	last = parts[n - 1];
	for (size_t i = 0; i + 1 < n; i++)
		if (parts[i] > 255)
			return false;
	if (last >> (8 * (5 - n)))
		return false;
	uint64_t v = last;
	for (size_t i = 0; i + 1 < n; i++)
		v |= parts[i] << (8 * (3 - i));
	u->flags |= URL_IP | (odd || n < 4 ? URL_IP_ODD : 0);
	u->host = u->shown = arena_printf(a, "%u.%u.%u.%u", (unsigned)(v >> 24) & 255,
		(unsigned)(v >> 16) & 255, (unsigned)(v >> 8) & 255, (unsigned)v & 255);
	return true;
}

static bool ends_in_number(slice host)
{
	slice label = slice_skip(
		host, slice_rindex(host, '.') < host.n ? slice_rindex(host, '.') + 1 : 0);
	uint64_t v;
	bool odd;
	return label.n && ipv4_part(label, &v, &odd);
}

static void read_ipv6(slice raw, struct arena *a, struct url *u)
{
	uint8_t ip[16];
	char shown[INET6_ADDRSTRLEN];
	char *z = arena_strz(a, slice_first(slice_skip(raw, 1), raw.n - 2));
	u->flags |= URL_IP;
	u->host = u->shown = raw;
	if (inet_pton(AF_INET6, z, ip) == 1 && inet_ntop(AF_INET6, ip, shown, sizeof shown))
		u->host = u->shown = arena_printf(a, "[%s]", shown);
	else
		u->flags |= URL_BAD_HOST;
}

/* ---- look-alikes ---- */

static USpoofChecker *checker(void)
{
	static USpoofChecker *c;
	UErrorCode e = U_ZERO_ERROR;
	if (!c)
		c = uspoof_open(&e);
	return c;
}

void url_warm_up(void)
{
	AUTO(arena) struct arena a = {0};
	struct url u;
	url_skeleton(S("a"), &a);
	url_parse(S("http://b\xc3\xbc.example/"), &a, &u);
}

slice url_skeleton(slice name, struct arena *a)
{
	char out[SKELETON_MAX];
	UErrorCode e = U_ZERO_ERROR;
	if (!checker() || name.n > SKELETON_MAX / 4)
		return name;
	int n = uspoof_getSkeletonUTF8(checker(), 0, name.p, (int)name.n, out, sizeof out, &e);
	if (U_FAILURE(e) || n < 0 || n > (int)sizeof out)
		return name;
	char *z = arena_strz(a, slice_of(out, (size_t)n));
	for (int i = 0; i < n; i++)
		z[i] = ascii_lower(z[i]);
	return slice_of(z, (size_t)n);
}

enum { LATIN = 1, HAN = 2, KANA = 4, HANGUL = 8, BOPOMOFO = 16, OTHER_FIRST = 32 };

/* Scripts that one language mixes are allowed together (TS 39, "highly restrictive"). */
static bool is_mixed(slice label)
{
	unsigned seen = 0;
	int other = -1;
	for (uint32_t cp; utf8_next(&label, &cp);) {
		UErrorCode e = U_ZERO_ERROR;
		UScriptCode s = uscript_getScript((UChar32)cp, &e);
		if (U_FAILURE(e) || s == USCRIPT_COMMON || s == USCRIPT_INHERITED)
			continue;
		if (s == USCRIPT_LATIN)
			seen |= LATIN;
		else if (s == USCRIPT_HAN)
			seen |= HAN;
		else if (s == USCRIPT_HIRAGANA || s == USCRIPT_KATAKANA)
			seen |= KANA;
		else if (s == USCRIPT_HANGUL)
			seen |= HANGUL;
		else if (s == USCRIPT_BOPOMOFO)
			seen |= BOPOMOFO;
		else if (other >= 0 && other != (int)s)
			return true;
		else
			other = (int)s;
	}
	if (other >= 0)
		return seen != 0;
	return (seen & HANGUL && seen & (KANA | BOPOMOFO)) || (seen & KANA && seen & BOPOMOFO);
}

static void look_at_labels(struct arena *a, struct url *u)
{
	slice rest = u->shown, label;
	slice top = slice_skip(rest, slice_rindex(rest, '.') + 1);
	while (slice_cut(&rest, '.', &label)) {
		if (utf8_is_ascii(label))
			continue;
		if (is_mixed(label))
			u->flags |= URL_MIXED;
		/* Under a top level in the same script it is a name of that language. */
		if (utf8_is_ascii(top) && utf8_is_ascii(url_skeleton(label, a)))
			u->flags |= URL_LOOKALIKE;
	}
}

/* ---- names ---- */

/* Ideographic and full-width stops, as IDNA maps them. */
static slice plain_dots(slice s, struct arena *a)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n;) {
		slice rest = slice_skip(s, i);
		bool dot = slice_starts(rest, S("\xe3\x80\x82")) ||
			   slice_starts(rest, S("\xef\xbc\x8e")) ||
			   slice_starts(rest, S("\xef\xbd\xa1"));
		out[n++] = dot ? '.' : s.p[i];
		i += dot ? 3 : 1;
	}
	return slice_of(out, n);
}

static bool has_wide(slice s)
{
	for (uint32_t cp; utf8_next(&s, &cp);)
		if ((cp >= 0xff01 && cp <= 0xff5e) || cp == 0x3002 || cp == 0xff61 ||
			(cp >= 0x2460 && cp <= 0x24ff) || (cp >= 0x1d400 && cp <= 0x1d7ff))
			return true;
	return false;
}

static slice lower(slice s, struct arena *a)
{
	char *z = arena_strz(a, s);
	for (size_t i = 0; i < s.n; i++)
		z[i] = ascii_lower(z[i]);
	return slice_of(z, s.n);
}

/* Names that DNS has although no host should: underscores. */
static bool is_host(slice s)
{
	if (!s.n || s.n > URL_HOST_MAX || slice_find(s, S("..")) < s.n || s.p[0] == '.')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
			    c == '_'))
			return false;
	}
	return true;
}

/* As domain_to_ascii, but all that browsers take: also what ends in a number. */
static bool to_ascii(slice name, struct arena *a, slice *ret)
{
	char *made = NULL;
	if (utf8_is_ascii(name) && slice_find(name, S("xn--")) == name.n)
		return domain_to_ascii(name, a, ret);
	if (!name.n || name.n > 4 * URL_HOST_MAX || memchr(name.p, 0, name.n) || !utf8_valid(name))
		return false;
	int rc =
		idn2_to_ascii_8z(arena_strz(a, name), &made, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc == IDN2_OK)
		*ret = lower(slice_z(made), a);
	idn2_free(made);
	return rc == IDN2_OK && is_host(*ret);
}

static void read_name(slice name, struct arena *a, struct url *u)
{
	slice ascii;
	if (!utf8_is_ascii(name)) {
		u->flags |= URL_IDN | (has_wide(name) ? URL_ENCODED_HOST : 0);
		name = plain_dots(name, a);
		while (slice_ends(name, S(".")))
			name.n--;
	}
	if (to_ascii(name, a, &ascii)) {
		u->host = ascii;
	} else {
		u->host = lower(name, a);
		if (!utf8_is_ascii(name))
			u->flags |= URL_BAD_IDN | URL_BAD_HOST;
		else if (!is_host(name))
			u->flags |= URL_BAD_HOST;
	}
	u->shown = u->host;
	if (slice_starts(u->host, S("xn--")) || slice_find(u->host, S(".xn--")) < u->host.n) {
		u->shown = domain_to_utf8(u->host, a);
		u->flags |= URL_IDN | (utf8_is_ascii(u->shown) ? URL_BAD_IDN : 0);
	} else if (utf8_is_ascii(u->host)) {
		u->flags &= ~(unsigned)URL_IDN; /* full-width letters only */
	}
	look_at_labels(a, u);
}

static void count_labels(struct url *u)
{
	static const slice tops[] = {S_INIT("com"), S_INIT("net"), S_INIT("org"), S_INIT("gov"),
		S_INIT("edu"), S_INIT("cn"), S_INIT("www")};
	size_t n = 1, at = 0;
	for (size_t i = 0; i < u->host.n; i++)
		n += u->host.p[i] == '.';
	if (n >= MANY_LABELS)
		u->flags |= URL_DEEP_HOST;
	slice rest = u->host, label;
	while (slice_cut(&rest, '.', &label)) {
		for (size_t i = 0; at > 0 && at + 2 < n && i < sizeof tops / sizeof *tops; i++)
			if (slice_eq(label, tops[i]))
				u->flags |= URL_HOST_IN_PATH;
		at++;
	}
}

void url_read_host(slice raw, struct arena *a, struct url *u)
{
	bool escaped;
	if (raw.n > 2 && raw.p[0] == '[' && raw.p[raw.n - 1] == ']') {
		read_ipv6(raw, a, u);
		return;
	}
	slice name = url_unescape(raw, a, &escaped);
	if (escaped)
		u->flags |= URL_ENCODED_HOST;
	name = slice_first(name, 4 * URL_HOST_MAX);
	while (slice_ends(name, S(".")))
		name.n--;
	if (ends_in_number(name) && read_ipv4(name, a, u))
		return;
	read_name(name, a, u);
	/* Full-width digits are an address only now. */
	if (u->host.n && ends_in_number(u->host) && read_ipv4(u->host, a, u))
		u->flags |= URL_IP_ODD;
	else if (u->host.n && ends_in_number(u->host))
		u->flags |= URL_BAD_HOST;
	else
		count_labels(u);
}
