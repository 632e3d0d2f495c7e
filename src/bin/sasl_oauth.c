/*
 * Reading what clients say first in OAUTHBEARER (RFC 7628 3.1, its GS2 header RFC 5801 4) and XOAUTH2 (sasl_oauth.h):
 *
 *	n,a=user@example.com,^Ahost=server^Aport=143^Aauth=Bearer TOKEN^A^A
 *	user=user@example.com^Aauth=Bearer TOKEN^A^A
 *
 * Whether the token is good is found out elsewhere. Used by sasl.c.
 */
#include "bin/sasl_oauth.h"

#include "base/mem.h"

#define SEP '\1'

/* b64token of RFC 6750 section 2.1. */
static bool token_ok(slice t)
{
	size_t n = t.n;
	while (n > 0 && t.p[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++) {
		char c = ascii_lower(t.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    (c && strchr("-._~+/", c))))
			return false;
	}
	return n > 0;
}

/* "auth=Bearer TOKEN" among pairs that each end with ^A; then one more ^A and nothing. */
static bool pairs_parse(slice s, struct sasl_bearer *ret)
{
	slice pair, token = {0};
	for (;;) {
		if (!slice_cut(&s, SEP, &pair) || !s.p)
			return false;
		if (pair.n == 0)
			break;
		if (!slice_istarts(pair, S("auth=")))
			continue;
		slice value = slice_skip(pair, 5);
		if (token.n || !slice_istarts(value, S("Bearer ")))
			return false;
		token = slice_trim(slice_skip(value, 7));
		if (!token_ok(token))
			return false;
	}
	ret->token = token;
	return s.n == 0 && token.n > 0;
}

/* saslname: "=2C" and "=3D" stand for comma and equals sign (RFC 5801 section 4). */
static bool unescape(slice s, struct arena *a, slice *ret)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		slice rest = slice_skip(s, i);
		if (s.p[i] == 0)
			return false;
		if (s.p[i] != '=') {
			out[n++] = s.p[i];
		} else if (slice_istarts(rest, S("=2C")) || slice_istarts(rest, S("=3D"))) {
			out[n++] = rest.p[1] == '2' ? ',' : '=';
			i += 2;
		} else {
			return false;
		}
	}
	*ret = slice_of(out, n);
	return true;
}

bool sasl_oauthbearer_parse(slice response, struct arena *a, struct sasl_bearer *ret)
{
	struct sasl_bearer b = {0};
	slice flag, name;
	/* No channel binding: OAUTHBEARER-PLUS does not exist. */
	if (!slice_cut(&response, ',', &flag) ||
		!(slice_eq(flag, S("n")) || slice_eq(flag, S("y"))) ||
		!slice_cut(&response, ',', &name) || !response.p)
		return false;
	if (name.n && (!slice_starts(name, S("a=")) || !unescape(slice_skip(name, 2), a, &b.user)))
		return false;
	if (response.n == 0 || response.p[0] != SEP || !pairs_parse(slice_skip(response, 1), &b))
		return false;
	*ret = b;
	return true;
}

bool sasl_xoauth2_parse(slice response, struct sasl_bearer *ret)
{
	struct sasl_bearer b = {0};
	slice user;
	if (!slice_cut(&response, SEP, &user) || !slice_istarts(user, S("user=")) || !response.p)
		return false;
	b.user = slice_skip(user, 5);
	if (b.user.n == 0 || memchr(b.user.p, 0, b.user.n) || !pairs_parse(response, &b))
		return false;
	*ret = b;
	return true;
}
