/*
 * Addresses out of fields, scripts and envelopes (addr.h; RFC 5322 section 3.4 with its obsolete forms, RFC 5321 section 4.1.2). Called
 * by the tests of addresses and by the actions that send. Dots may stand anywhere in a local part, as they do in Japan.
 */
#include "sieve/addr.h"
#include "base/buf.h"
#include "base/mem.h"

struct reader {
	struct arena *a;
	slice in; /* what is left */
};

static bool is_white(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
	return strchr("()<>[]:;@\\,\"", c) && c;
}

static bool is_atom(char c)
{
	unsigned char u = (unsigned char)c;
	return u >= 0x80 || (u > ' ' && u != 0x7f && !is_special(c));
}

/* White space and comments. False: a comment without end. */
static bool skip_cfws(slice *s)
{
	unsigned depth = 0;
	for (; s->n; *s = slice_skip(*s, 1)) {
		char c = s->p[0];
		if (c == '(' && ++depth > ADDR_COMMENTS_MAX)
			return false;
		if (depth && c == '\\')
			*s = slice_skip(*s, 1);
		else if (depth && c == ')')
			depth--;
		else if (!depth && !is_white(c))
			break;
	}
	return depth == 0;
}

/* An atom with dots, or a quoted string's value. */
static bool read_word(struct reader *r, slice *ret)
{
	slice s = r->in;
	size_t n = 0;
	if (!s.n)
		return false;
	if (s.p[0] != '"') {
		while (n < s.n && is_atom(s.p[n]))
			n++;
		*ret = slice_first(s, n);
		r->in = slice_skip(s, n);
		return n > 0;
	}
	AUTO(buf) struct buf out = BUF(s.n + 1);
	for (n = 1; n < s.n && s.p[n] != '"'; n++) {
		if (s.p[n] == '\\' && n + 1 < s.n)
			n++;
		buf_byte(&out, s.p[n]);
	}
	if (n >= s.n)
		return false;
	*ret = arena_dup(r->a, buf_slice(&out));
	if (!ret->p)
		ret->p = "";
	r->in = slice_skip(s, n + 1);
	return true;
}

static bool read_literal(struct reader *r, slice *ret)
{
	size_t n = slice_index(r->in, ']');
	if (n == r->in.n)
		return false;
	*ret = slice_first(r->in, n + 1);
	r->in = slice_skip(r->in, n + 1);
	return true;
}

static bool good_domain(slice d)
{
	slice label;
	while (slice_cut(&d, '.', &label))
		if (!label.n)
			return false;
	return true;
}

/* "@" domain; obsolete white space around dots is left out. */
static bool read_domain(struct reader *r, slice *ret)
{
	slice part, all = {0};
	if (!r->in.n || r->in.p[0] != '@')
		return false;
	r->in = slice_skip(r->in, 1);
	if (!skip_cfws(&r->in) || !r->in.n)
		return false;
	if (r->in.p[0] == '[')
		return read_literal(r, ret) && skip_cfws(&r->in);
	while (r->in.n && is_atom(r->in.p[0])) {
		if (!read_word(r, &part) || !skip_cfws(&r->in))
			return false;
		if (all.n && !slice_ends(all, S(".")) && !slice_starts(part, S(".")))
			return false;
		all = all.n ? arena_printf(r->a, "%.*s%.*s", SFMT(all), SFMT(part)) : part;
		if (all.n > 1000)
			return false;
	}
	*ret = all;
	return all.n && good_domain(all);
}

/* "@a,@b:" before an address in brackets. */
static bool skip_route(struct reader *r)
{
	slice domain;
	while (r->in.n && r->in.p[0] == '@') {
		if (!read_domain(r, &domain) || !r->in.n)
			return false;
		char c = r->in.p[0];
		r->in = slice_skip(r->in, 1);
		if (c == ':')
			return skip_cfws(&r->in);
		if (c != ',' || !skip_cfws(&r->in) || !r->in.n || r->in.p[0] != '@')
			return false;
	}
	return true;
}

/* local@domain at the front. */
static bool read_spec(struct reader *r, struct addr *ret)
{
	return read_word(r, &ret->local) && skip_cfws(&r->in) && read_domain(r, &ret->domain);
}

static bool read_angle(struct reader *r, struct addr *ret)
{
	r->in = slice_skip(r->in, 1);
	if (!skip_cfws(&r->in) || !skip_route(r) || !read_spec(r, ret))
		return false;
	if (!r->in.n || r->in.p[0] != '>')
		return false;
	r->in = slice_skip(r->in, 1);
	return skip_cfws(&r->in);
}

/* One address up to a comma, a semicolon or the end. */
static bool read_one(struct reader *r, struct addr *ret)
{
	slice start = r->in, word, first = {0};
	unsigned words = 0;
	while (r->in.n && r->in.p[0] != '<' && r->in.p[0] != '@') {
		if (!read_word(r, &word))
			return false;
		if (!words++)
			first = word;
		ret->phrase = slice_trim(slice_first(start, start.n - r->in.n));
		if (!skip_cfws(&r->in))
			return false;
	}
	if (!r->in.n)
		return false;
	if (r->in.p[0] == '<')
		return read_angle(r, ret) && (!r->in.n || r->in.p[0] == ',' || r->in.p[0] == ';');
	ret->phrase = (slice){0};
	ret->local = first;
	return words == 1 && read_domain(r, &ret->domain) &&
	       (!r->in.n || r->in.p[0] == ',' || r->in.p[0] == ';');
}

/* Behind what cannot be read: the next comma or semicolon outside of quotes, comments, brackets. */
static slice skip_broken(slice s)
{
	unsigned depth = 0;
	bool quoted = false, angle = false;
	for (; s.n; s = slice_skip(s, 1)) {
		char c = s.p[0];
		if (c == '\\' && s.n > 1 && (quoted || depth))
			s = slice_skip(s, 1);
		else if (c == '"' && !depth)
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (c == '(')
			depth++;
		else if (c == ')' && depth)
			depth--;
		else if (c == '<' || c == '>')
			angle = c == '<';
		else if ((c == ',' || c == ';') && !depth && !angle)
			break;
	}
	return s;
}

/* "name:" of a group at the front. */
static bool skip_group(struct reader *r)
{
	struct reader try = *r;
	slice word;
	while (read_word(&try, &word))
		if (!skip_cfws(&try.in))
			return false;
	if (!try.in.n || try.in.p[0] != ':' || try.in.p == r->in.p)
		return false;
	r->in = slice_skip(try.in, 1);
	return true;
}

static void add(struct arena *a, struct addr **v, size_t *n, size_t *room, const struct addr *x)
{
	if (*n == *room) {
		struct addr *more = ARENA_ARRAY(a, struct addr, *room = *room ? *room * 2 : 4);
		memcpy(more, *v, *n * sizeof *more);
		*v = more;
	}
	(*v)[(*n)++] = *x;
}

size_t sieve_addr_list(slice value, struct arena *a, struct addr **ret)
{
	struct reader r = {.a = a, .in = value};
	struct addr *v = ARENA_NEW(a, struct addr);
	size_t n = 0, room = 1;
	bool group = false, any = false;
	while (n < ADDR_LIST_MAX) {
		slice start = r.in;
		bool white = skip_cfws(&r.in);
		if (!r.in.n && white)
			break;
		if (white && (r.in.p[0] == ',' || r.in.p[0] == ';')) {
			group = group && r.in.p[0] == ',';
			r.in = slice_skip(r.in, 1);
			continue;
		}
		if (white && !group && skip_group(&r)) {
			group = any = true;
			continue;
		}
		struct addr x = {0};
		x.valid = white && read_one(&r, &x);
		if (!x.valid)
			r.in = skip_broken(start);
		x.raw = slice_trim(slice_first(start, start.n - r.in.n));
		add(a, &v, &n, &room, &x);
	}
	if (!n && !any)
		add(a, &v, &n, &room, &(struct addr){0});
	*ret = v;
	return n;
}

bool sieve_addr_path(slice path, struct arena *a, struct addr *ret)
{
	struct reader r = {.a = a, .in = path};
	*ret = (struct addr){.raw = path, .valid = true};
	if (!path.n || slice_eq(path, S("<>")))
		return true;
	bool angle = path.p[0] == '<';
	if (angle && slice_index(path, '@') == path.n) {
		r.in = slice_skip(path, 1);
		return read_word(&r, &ret->local) && slice_eq(r.in, S(">"));
	}
	return (angle ? read_angle(&r, ret) : read_spec(&r, ret)) && !r.in.n;
}

static bool needs_quotes(slice local)
{
	for (size_t i = 0; i < local.n; i++)
		if (!is_atom(local.p[i]))
			return true;
	return local.n == 0;
}

slice sieve_addr_join(const struct addr *x, struct arena *a)
{
	if (!x->local.n && !x->domain.n)
		return x->local.p || x->domain.p ? S("") : x->raw;
	AUTO(buf) struct buf out = BUF(2 * x->local.n + x->domain.n + 8);
	bool quotes = needs_quotes(x->local);
	if (quotes)
		buf_byte(&out, '"');
	for (size_t i = 0; i < x->local.n; i++) {
		if (x->local.p[i] == '"' || x->local.p[i] == '\\')
			buf_byte(&out, '\\');
		buf_byte(&out, x->local.p[i]);
	}
	if (quotes)
		buf_byte(&out, '"');
	if (x->domain.n)
		buf_printf(&out, "@%.*s", SFMT(x->domain));
	return arena_dup(a, buf_slice(&out));
}
