/*
 * One URL as browsers read it (WHATWG URL 4.4), and what is odd about it (url.h). Used for the
 * targets of links and by url_find.c for what stands in texts.
 */
#include "base/b64.h"
#include "base/buf.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/url_host.h"

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

/* Without what surrounds it, and without line ends and tabs inside. */
static slice clean(slice s, struct arena *a, struct url *u)
{
	while (s.n && (unsigned char)s.p[0] <= ' ')
		s = slice_skip(s, 1);
	while (s.n && (unsigned char)s.p[s.n - 1] <= ' ')
		s.n--;
	if (s.n > URL_MAX)
		u->flags |= URL_CUT;
	s = utf8_first(s, URL_MAX);
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;
	for (uint32_t cp; s.n;) {
		const char *from = s.p;
		utf8_next(&s, &cp);
		if (cp == '\t' || cp == '\n' || cp == '\r')
			continue;
		bool unseen = cp < ' ' || cp == 0x7f || cp == 0xad || cp == 0xfeff ||
			      (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x202a && cp <= 0x202e) ||
			      (cp >= 0x2060 && cp <= 0x2064);
		if (unseen) {
			u->flags |= URL_CONTROL;
			continue;
		}
		memcpy(out + n, from, (size_t)(s.p - from));
		n += (size_t)(s.p - from);
	}
	return slice_of(out, n);
}

/* ---- scheme ---- */

static const struct {
	slice name;
	unsigned flags;
	unsigned port;
	bool has_host;
} schemes[] = {
	{S_INIT("http"), 0, 80, true},
	{S_INIT("https"), 0, 443, true},
	{S_INIT("ftp"), 0, 21, true},
	{S_INIT("ws"), 0, 80, true},
	{S_INIT("wss"), 0, 443, true},
	{S_INIT("mailto"), URL_MAIL, 0, false},
	{S_INIT("javascript"), URL_SCRIPT, 0, false},
	{S_INIT("vbscript"), URL_SCRIPT, 0, false},
	{S_INIT("data"), URL_DATA, 0, false},
	{S_INIT("cid"), URL_LOCAL, 0, false},
	{S_INIT("mid"), URL_LOCAL, 0, false},
	{S_INIT("file"), URL_LOCAL, 0, false},
	{S_INIT("about"), URL_LOCAL, 0, false},
	{S_INIT("blob"), URL_LOCAL, 0, false},
	{S_INIT("tel"), URL_TEL, 0, false},
	{S_INIT("sms"), URL_TEL, 0, false},
	{S_INIT("callto"), URL_TEL, 0, false},
	{S_INIT("skype"), URL_TEL, 0, false},
	{S_INIT("whatsapp"), URL_TEL, 0, false},
};

static size_t scheme_length(slice s)
{
	size_t i = 0;
	while (i < s.n && (is_alnum(s.p[i]) || strchr("+-.", s.p[i])) && s.p[i])
		i++;
	bool letter = s.n && ascii_lower(s.p[0]) >= 'a' && ascii_lower(s.p[0]) <= 'z';
	return letter && i < s.n && s.p[i] == ':' ? i : 0;
}

static bool is_slash(char c)
{
	return c == '/' || c == '\\';
}

/* "www.example.org/x" in a link means what it says, whatever the standard thinks. */
static bool is_bare(slice s)
{
	size_t n = 0;
	while (n < s.n && !is_slash(s.p[n]) && s.p[n] != '?' && s.p[n] != '#')
		n++;
	slice host = slice_first(s, n);
	return slice_istarts(host, S("www.")) && host.n > 6 && slice_index(host, ' ') == host.n;
}

/* Cuts the scheme off. False: it has no host; *u is complete. */
static bool take_scheme(slice *s, struct url *u, unsigned *ret_port, struct arena *a)
{
	size_t n = scheme_length(*s);
	*ret_port = 80;
	u->scheme = S("http");
	/* "example.org:8080/x" has no scheme; "localhost:80" neither. */
	slice behind = slice_skip(*s, n + 1);
	bool port = n && behind.n && behind.p[0] >= '0' && behind.p[0] <= '9' &&
		    slice_index(slice_first(*s, n), '.') < n;
	if (!n || port) {
		if (s->n > 1 && is_slash(s->p[0]) && is_slash(s->p[1]))
			return true;
		u->flags |= is_bare(*s) || port ? URL_BARE : URL_LOCAL;
		return u->flags & URL_BARE;
	}
	char *z = arena_strz(a, slice_first(*s, n));
	for (size_t i = 0; i < n; i++)
		z[i] = ascii_lower(z[i]);
	u->scheme = slice_of(z, n);
	*s = behind;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		if (!slice_eq(u->scheme, schemes[i].name))
			continue;
		u->flags |= schemes[i].flags;
		*ret_port = schemes[i].port;
		return schemes[i].has_host;
	}
	return slice_starts(*s, S("//"));
}

/* ---- authority ---- */

static void look_at_userinfo(struct url *u)
{
	slice name = slice_first(u->userinfo, slice_index(u->userinfo, ':'));
	size_t dot = slice_rindex(name, '.');
	u->flags |= URL_USERINFO;
	if (dot > 0 && dot + 2 < name.n)
		u->flags |= URL_USERINFO_HOST;
}

static void read_authority(slice s, unsigned port, struct arena *a, struct url *u)
{
	uint64_t v;
	size_t at = slice_rindex(s, '@');
	if (at < s.n) {
		u->userinfo = slice_first(s, at);
		s = slice_skip(s, at + 1);
		look_at_userinfo(u);
	}
	size_t colon = slice_rindex(s, ':'), bracket = slice_rindex(s, ']');
	if (colon < s.n && (bracket == s.n || colon > bracket)) {
		slice digits = slice_skip(s, colon + 1);
		if (slice_u64(digits, &v) && v && v < 65536 && v != port) {
			u->port = (unsigned)v;
			u->flags |= URL_PORT;
		}
		if (slice_u64(digits, &v) || !digits.n)
			s = slice_first(s, colon);
	}
	url_read_host(s, a, u);
}

/* ---- the rest ---- */

static bool is_unreserved(char c)
{
	return is_alnum(c) || (c && strchr("-._~", c));
}

/* One spelling: escapes only where they are needed, their digits in capitals. */
static slice escape(slice s, bool path, struct arena *a, struct url *u)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = arena_alloc(a, 3 * s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool was = c == '%' && i + 2 < s.n && hex_digit(s.p[i + 1]) >= 0 &&
			   hex_digit(s.p[i + 2]) >= 0;
		if (was) {
			c = (unsigned char)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2]));
			i += 2;
			if (is_alnum((char)c))
				u->flags |= URL_ENCODED;
		}
		if (path && !was && c == '\\') {
			c = '/';
			u->flags |= URL_BACKSLASH;
		}
		bool keep = was ? is_unreserved((char)c)
				: c > ' ' && c < 0x7f && !strchr("\"<>`{}", (char)c);
		if (keep) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = digits[c >> 4];
		out[n++] = digits[c & 15];
	}
	return slice_of(out, n);
}

static size_t find_scheme(slice s)
{
	static const slice marks[] = {S_INIT("http://"), S_INIT("https://"), S_INIT("http:\\\\"),
		S_INIT("https:\\\\"), S_INIT("https:/"), S_INIT("http:/")};
	for (size_t i = 0; i < s.n; i++) {
		if (ascii_lower(s.p[i]) != 'h')
			continue;
		for (size_t k = 0; k < sizeof marks / sizeof *marks; k++)
			if (slice_istarts(slice_skip(s, i), marks[k]))
				return i;
	}
	return s.n;
}

/* "aHR0c..." is "http..." in base64. */
static slice by_base64(slice s, struct arena *a)
{
	size_t at = slice_find(s, S("aHR0c")), n = 0;
	if (at == s.n)
		return S("");
	slice coded = slice_skip(s, at);
	char *z = arena_strz(a, coded);
	for (; n < coded.n && (is_alnum(z[n]) || strchr("+/-_", z[n])) && z[n]; n++)
		z[n] = z[n] == '-' ? '+' : z[n] == '_' ? '/' : z[n];
	AUTO(buf) struct buf out = BUF(URL_MAX);
	b64_decode_tolerant(&out, slice_of(z, n));
	slice made = arena_dup(a, buf_slice(&out));
	return find_scheme(made) == 0 ? made : S("");
}

static void look_inside(slice rest, struct arena *a, struct url *u)
{
	bool escaped;
	slice plain = url_unescape(rest, a, &escaped);
	size_t at = find_scheme(plain);
	if (at == plain.n && escaped) { /* escaped twice */
		plain = url_unescape(plain, a, &escaped);
		at = find_scheme(plain);
	}
	u->nested = at < plain.n ? slice_skip(plain, at) : by_base64(rest, a);
	if (at < plain.n) {
		/* Of several parameters the one: "u=http://x/&sig=..", when it was escaped. */
		size_t end = escaped ? u->nested.n : slice_index(u->nested, '&');
		u->nested = slice_first(u->nested, end);
	}
	if (u->nested.n)
		u->flags |= URL_NESTED;
	for (size_t i = 0; i + 4 < u->path.n; i++)
		if ((u->path.p[i] == '/' || u->path.p[i] == '.') &&
			slice_istarts(slice_skip(u->path, i + 1), S("www.")))
			u->flags |= URL_HOST_IN_PATH;
}

static void read_rest(slice s, struct arena *a, struct url *u)
{
	size_t hash = slice_index(s, '#');
	u->fragment = escape(slice_skip(s, hash + 1), false, a, u);
	slice front = slice_first(s, hash);
	size_t query = slice_index(front, '?');
	u->query = escape(slice_skip(front, query + 1), false, a, u);
	u->path = escape(slice_first(front, query), true, a, u);
	if (!u->path.n)
		u->path = S("/");
	look_inside(s, a, u);
}

static void write_text(struct arena *a, struct url *u)
{
	AUTO(buf) struct buf out = BUF(16 * URL_MAX);
	buf_put(&out, u->scheme);
	buf_put(&out, S("://"));
	buf_put(&out, u->host);
	if (u->port)
		buf_printf(&out, ":%u", u->port);
	buf_put(&out, u->path);
	if (u->query.n)
		buf_byte(&out, '?');
	buf_put(&out, u->query);
	if (u->fragment.n)
		buf_byte(&out, '#');
	buf_put(&out, u->fragment);
	u->text = arena_dup(a, buf_slice(&out));
}

bool url_parse(slice s, struct arena *a, struct url *ret)
{
	struct url u = {0};
	unsigned port;
	s = clean(s, a, &u);
	if (!s.n)
		return false;
	u.text = s;
	if (!take_scheme(&s, &u, &port, a)) {
		u.path = s;
		*ret = u;
		return true;
	}
	size_t slashes = 0, end = 0;
	while (slashes < s.n && is_slash(s.p[slashes]))
		slashes++;
	if (!slice_starts(s, S("//")) && !(u.flags & URL_BARE))
		u.flags |= URL_BACKSLASH;
	else if (slashes > 2)
		u.flags |= URL_BACKSLASH;
	s = slice_skip(s, slashes);
	while (end < s.n && !is_slash(s.p[end]) && s.p[end] != '?' && s.p[end] != '#')
		end++;
	read_authority(slice_first(s, end), port, a, &u);
	read_rest(slice_skip(s, end), a, &u);
	write_text(a, &u);
	*ret = u;
	return true;
}
