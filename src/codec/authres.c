/*
 * Reading Authentication-Results (RFC 8601 section 2.2) and the payload of
 * ARC-Authentication-Results. Called by whoever believes such a field (senderauth/arc.c) or removes
 * forged ones (the edge).
 *
 * More generous than the grammar where real fields are: values may hold any printable characters up
 * to white space, a comment or a semicolon (addresses with "=" in them, IPv6), "reason" may stand
 * among the properties, the field may end in a semicolon. Building: authres_build.c.
 */
#include "codec/authres.h"

#include "base/mem.h"
#include "codec/paren.h"

static const char *const names[] = {
	[AUTH_NONE] = "none",
	[AUTH_PASS] = "pass",
	[AUTH_FAIL] = "fail",
	[AUTH_SOFTFAIL] = "softfail",
	[AUTH_NEUTRAL] = "neutral",
	[AUTH_POLICY] = "policy",
	[AUTH_TEMPERROR] = "temperror",
	[AUTH_PERMERROR] = "permerror",
};

const char *auth_result_name(enum auth_result r)
{
	return names[r];
}

bool auth_result_parse(slice s, enum auth_result *ret)
{
	if (slice_ieq(s, S("hardfail"))) {
		*ret = AUTH_FAIL;
		return true;
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!slice_ieq(s, slice_z(names[i])))
			continue;
		*ret = (enum auth_result)i;
		return true;
	}
	return false;
}

/* ---- words ---- */

struct lex {
	slice in;
	struct arena *a;
	slice comment; /* the first one since it was emptied */
	bool bad;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* MIME's token (RFC 2045 section 5.1), and what is not ASCII (RFC 8616). */
static bool is_token(char c)
{
	return ((unsigned char)c > ' ' && c != 0x7f) && !strchr("()<>@,;:\\\"/[]?=", c);
}

static bool is_keyword(char c)
{
	char l = ascii_lower(c);
	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_value(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && c != ';' && c != '(' && c != '"';
}

static slice take_while(struct lex *l, bool (*is)(char))
{
	size_t n = 0;
	while (n < l->in.n && is(l->in.p[n]))
		n++;
	slice got = slice_first(l->in, n);
	l->in = slice_skip(l->in, n);
	return got;
}

/* A copy without quoting backslashes and line ends. */
static slice plain(struct arena *a, slice s)
{
	char *to = arena_alloc(a, s.n), *end = to;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		if (s.p[i] != '\r' && s.p[i] != '\n')
			*end++ = s.p[i];
	}
	return slice_of(to, (size_t)(end - to));
}

static slice joined(struct arena *a, slice first, slice second)
{
	char *to = arena_alloc(a, first.n + second.n + 1);
	memcpy(to, first.p, first.n);
	memcpy(to + first.n, second.p, second.n);
	return slice_of(to, first.n + second.n);
}

static void skip_comment(struct lex *l)
{
	size_t n = paren_length(l->in);
	if (!n) {
		l->bad = true;
		return;
	}
	if (!l->comment.n)
		l->comment = slice_of(l->in.p + 1, n - 2);
	l->in = slice_skip(l->in, n);
}

static void skip_cfws(struct lex *l)
{
	while (!l->bad && l->in.n && (is_space(*l->in.p) || *l->in.p == '(')) {
		if (*l->in.p == '(')
			skip_comment(l);
		else
			l->in = slice_skip(l->in, 1);
	}
}

static bool take_char(struct lex *l, char c)
{
	if (l->bad || !l->in.n || *l->in.p != c)
		return false;
	l->in = slice_skip(l->in, 1);
	return true;
}

static slice take_quoted(struct lex *l)
{
	size_t n = 1;
	while (n < l->in.n && l->in.p[n] != '"')
		n += l->in.p[n] == '\\' ? 2 : 1;
	if (n >= l->in.n) {
		l->bad = true;
		return S("");
	}
	slice inside = slice_of(l->in.p + 1, n - 1);
	l->in = slice_skip(l->in, n + 1);
	return plain(l->a, inside);
}

static slice take_word(struct lex *l, bool (*is)(char))
{
	slice got = S("");
	if (l->in.n && *l->in.p == '"')
		return take_quoted(l);
	got = take_while(l, is);
	l->bad |= !got.n;
	return got;
}

/* A quoted local part may be followed by its domain. */
static slice take_pvalue(struct lex *l)
{
	if (!l->in.n || *l->in.p == ';')
		return S(""); /* "header.b=" is seen, and harmless */
	bool quoted = *l->in.p == '"';
	slice got = take_word(l, is_value);
	if (!quoted || !l->in.n || *l->in.p != '@')
		return got;
	slice rest = take_while(l, is_value);
	return joined(l->a, got, rest);
}

/* ---- results ---- */

/* " ptype.property=value" or " reason=value" behind a result. False: neither follows. */
static bool take_prop(struct lex *l, struct authres_method *m)
{
	struct authres_prop p = {.ptype = take_while(l, is_keyword)};
	if (l->bad || !p.ptype.n)
		return false;
	skip_cfws(l);
	bool reason = slice_ieq(p.ptype, S("reason")) && take_char(l, '=');
	if (!reason) {
		l->bad |= !take_char(l, '.');
		skip_cfws(l);
		p.property = take_while(l, is_keyword);
		skip_cfws(l);
		l->bad |= !p.property.n || !take_char(l, '=');
	}
	skip_cfws(l);
	if (l->bad)
		return false;
	p.value = take_pvalue(l);
	if (reason)
		m->reason = p.value;
	else if (m->nprops < AUTHRES_PROPS_MAX)
		m->props[m->nprops++] = p;
	skip_cfws(l);
	return !l->bad;
}

/* "method=result ...", up to a semicolon or the end. */
static void take_method(struct lex *l, struct authres_method *m)
{
	*m = (struct authres_method){.method = take_while(l, is_keyword)};
	skip_cfws(l);
	if (take_char(l, '/')) { /* its version: 1 so far */
		skip_cfws(l);
		l->bad |= !take_while(l, is_keyword).n;
		skip_cfws(l);
	}
	l->bad |= !m->method.n || !take_char(l, '=');
	skip_cfws(l);
	m->result = take_while(l, is_keyword);
	l->bad |= !m->result.n;
	l->comment = S("");
	skip_cfws(l);
	m->comment = plain(l->a, l->comment);
	while (!l->bad && take_prop(l, m))
		;
	l->bad |= l->in.n && *l->in.p != ';';
}

/* "none" in place of results. */
static bool is_none(struct lex l)
{
	slice word = take_while(&l, is_keyword);
	skip_cfws(&l);
	return slice_ieq(word, S("none")) && !l.bad && !l.in.n;
}

static bool take_methods(struct lex *l, struct authres *r)
{
	struct authres_method beyond;
	size_t room = 0;
	for (size_t i = 0; i < l->in.n && room < AUTHRES_METHODS_MAX; i++)
		room += l->in.p[i] == ';';
	r->v = ARENA_ARRAY(l->a, struct authres_method, room);
	while (take_char(l, ';')) {
		skip_cfws(l);
		if (!l->bad && (!l->in.n || (r->n == 0 && is_none(*l))))
			return true;
		take_method(l, r->n < room ? &r->v[r->n] : &beyond);
		r->n += r->n < room;
	}
	return !l->bad && !l->in.n;
}

bool authres_parse(slice value, struct arena *a, struct authres *ret)
{
	struct lex l = {.in = value, .a = a};
	struct authres r = {.version = 1};
	skip_cfws(&l);
	if (l.bad)
		return false;
	r.authserv_id = take_word(&l, is_token);
	skip_cfws(&l);
	slice version = take_while(&l, is_keyword);
	uint64_t number = 1;
	if (version.n && (!slice_u64(version, &number) || !number || number > UINT16_MAX))
		return false;
	r.version = (unsigned)number;
	skip_cfws(&l);
	if (l.bad || !r.authserv_id.n || !l.in.n || *l.in.p != ';' || !take_methods(&l, &r))
		return false;
	*ret = r;
	return true;
}

const struct authres_prop *authres_prop_of(
	const struct authres_method *m, slice ptype, slice property)
{
	for (unsigned i = 0; i < m->nprops; i++)
		if (slice_ieq(m->props[i].ptype, ptype) &&
			slice_ieq(m->props[i].property, property))
			return &m->props[i];
	return NULL;
}

/* Pieces that no white space separates belong together, whatever comments and quotes stand between
 * them: somebody may read them so. */
slice authres_id(slice value, struct arena *a)
{
	struct lex l = {.in = value, .a = a};
	AUTO(buf) struct buf id = BUF(value.n + 1);
	skip_cfws(&l);
	while (!l.bad && l.in.n && *l.in.p != ';' && !is_space(*l.in.p)) {
		if (*l.in.p == '(') {
			skip_comment(&l);
			continue;
		}
		slice piece = *l.in.p == '"' ? take_quoted(&l) : take_while(&l, is_value);
		if (!piece.n && l.in.n && *l.in.p != '"' && *l.in.p != '(')
			break; /* a control character */
		buf_put(&id, piece);
	}
	/* "spf=pass ...": no authserv-id at all. */
	if (slice_index(buf_slice(&id), '=') < id.n)
		return S("");
	return arena_dup(a, buf_slice(&id));
}
