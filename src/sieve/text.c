/*
 * What strings of a script say: encoded characters (RFC 5228 section 2.4.2.4), then variables and match values (RFC 5229
 * section 3), which become pieces that a run puts together. Called by check.c; sieve_run_text() and its like by all that runs.
 * Anything that is not exactly of that form stays as it is written.
 */
#include "base/hex.h"
#include "base/utf8.h"
#include "sieve/impl.h"
#include <stdio.h>

/* ---- encoded characters ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static slice skip_blanks(slice s)
{
	while (s.n && is_blank(s.p[0]))
		s = slice_skip(s, 1);
	return s;
}

static size_t hex_run(slice s)
{
	size_t n = 0;
	while (n < s.n && hex_digit(s.p[n]) >= 0)
		n++;
	return n;
}

/* " 40 2e " between colon and brace. -1: not of that form; 0: a code point that is none. */
static int put_codes(slice s, bool unicode, struct buf *out)
{
	size_t start = out->n;
	s = skip_blanks(s);
	if (!s.n)
		return -1;
	int good = 1;
	while (s.n) {
		uint64_t v = UINT64_MAX;
		size_t n = hex_run(s);
		slice digits = slice_first(s, n);
		slice rest = slice_skip(s, n);
		while (digits.n > 1 && digits.p[0] == '0')
			digits = slice_skip(digits, 1);
		if (n == 0 || (rest.n && !is_blank(rest.p[0])) || (!unicode && n > 2)) {
			out->n = start;
			return -1;
		}
		hex_u64(digits, &v);
		if (!unicode)
			buf_byte(out, (char)v);
		else if (v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
			good = 0;
		else
			utf8_put(out, (uint32_t)v);
		s = skip_blanks(rest);
	}
	return good;
}

/* "${hex:...}" or "${unicode:...}" at the front: its length, 0 if there is none. */
static size_t put_encoded(struct check *c, slice s, struct place at, struct buf *out)
{
	bool unicode = slice_istarts(s, S("${unicode:"));
	if (!unicode && !slice_istarts(s, S("${hex:")))
		return 0;
	size_t from = unicode ? 10 : 6, to = slice_index(s, '}');
	slice open = slice_skip(s, from);
	size_t n = 0;
	while (n < open.n && (is_blank(open.p[n]) || hex_digit(open.p[n]) >= 0))
		n++; /* so that many openings without an end stay cheap */
	if (from + n != to || to == s.n)
		return 0;
	int made = put_codes(slice_first(open, n), unicode, out);
	if (made == 0)
		sieve_mistake(c, at,
			SAY(c, "'%.*s' is no Unicode character", SFMT(slice_first(s, to + 1))),
			SAY(c, "“%.*s”不是 Unicode 字符", SFMT(slice_first(s, to + 1))));
	return made < 0 ? 0 : to + 1;
}

static void read_encoded(struct check *c, struct text *t, struct place at)
{
	slice s = t->plain;
	AUTO(buf) struct buf out = BUF(SIEVE_SCRIPT_MAX * 2);
	if (slice_find(s, S("${")) == s.n)
		return;
	while (s.n) {
		size_t n = slice_find(s, S("${"));
		buf_put(&out, slice_first(s, n));
		s = slice_skip(s, n);
		n = put_encoded(c, s, at, &out);
		if (n == 0 && s.n) {
			buf_put(&out, slice_first(s, 2));
			n = 2;
		}
		s = slice_skip(s, n);
	}
	t->plain = arena_dup(c->a, buf_slice(&out));
}

/* ---- variables ---- */

static bool is_identifier(slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || c == '_' || (i && c >= '0' && c <= '9')))
			return false;
	}
	return s.n > 0;
}

bool sieve_variable_name(slice name)
{
	slice part;
	if (name.n == 0 || name.n > SIEVE_NAME_PARTS)
		return false;
	while (slice_cut(&name, '.', &part))
		if (!is_identifier(part))
			return false;
	return true;
}

unsigned sieve_variable(struct check *c, slice name)
{
	struct sieve_script *s = c->script;
	for (size_t i = 0; i < s->nvars; i++)
		if (slice_ieq(s->vars[i], name))
			return (unsigned)i;
	if (s->nvars == s->vars_room) {
		slice *more = ARENA_ARRAY(
			c->a, slice, s->vars_room = s->vars_room ? s->vars_room * 2 : 8);
		if (s->nvars)
			memcpy(more, s->vars, s->nvars * sizeof *more);
		s->vars = more;
	}
	char *low = arena_strz(c->a, name);
	for (size_t i = 0; i < name.n; i++)
		low[i] = ascii_lower(low[i]);
	s->vars[s->nvars] = slice_of(low, name.n);
	return (unsigned)s->nvars++;
}

static bool is_namespace_known(const struct check *c, slice name)
{
	if (slice_index(name, '.') == name.n)
		return true;
	slice rest = slice_skip(name, 7);
	return slice_istarts(name, S("global.")) && slice_index(rest, '.') == rest.n &&
	       (c->exts & EXT_BIT(EXT_INCLUDE));
}

/* "${name}" at the front, as a piece. False: it is plain text. */
static bool read_reference(
	struct check *c, slice s, struct place at, struct piece *ret, size_t *ret_n, bool *ret_bad)
{
	uint64_t number;
	size_t n = 2;
	while (n < s.n && n < SIEVE_NAME_PARTS + 3 && s.p[n] != '}' && s.p[n] != '$')
		n++;
	if (n >= s.n || s.p[n] != '}')
		return false;
	slice name = slice_skip(slice_first(s, n), 2);
	*ret_n = n + 1;
	if (slice_u64(name, &number)) {
		*ret = (struct piece){.kind = PIECE_MATCH, .index = (unsigned)number};
		*ret_bad = number >= SIEVE_MATCH_VALUES;
		if (*ret_bad)
			sieve_mistake(c, at,
				SAY(c, "match values go from ${0} to ${%d}",
					SIEVE_MATCH_VALUES - 1),
				SAY(c, "匹配值的范围是 ${0} 到 ${%d}", SIEVE_MATCH_VALUES - 1));
		return true;
	}
	if (!sieve_variable_name(name))
		return false;
	if (!is_namespace_known(c, name)) {
		sieve_mistake(c, at,
			SAY(c, "the variable '${%.*s}' belongs to a namespace that is unknown",
				SFMT(name)),
			SAY(c, "变量“${%.*s}”的命名空间未知", SFMT(name)));
		*ret_bad = true;
		return true;
	}
	if (c->script->nvars >= sieve_limits_default.variables * 4) {
		sieve_mistake(c, at, S("the script has too many variables"), S("脚本中的变量过多"));
		*ret_bad = true;
		return true;
	}
	*ret = (struct piece){.kind = PIECE_VARIABLE, .index = sieve_variable(c, name)};
	return true;
}

static void add_piece(struct check *c, struct text *t, size_t *room, const struct piece *p)
{
	if (p->kind == PIECE_PLAIN && !p->plain.n)
		return;
	if (t->n == *room) {
		struct piece *more = ARENA_ARRAY(c->a, struct piece, *room = *room ? *room * 2 : 4);
		if (t->n)
			memcpy(more, t->v, t->n * sizeof *more);
		t->v = more;
	}
	t->v[t->n++] = *p;
}

static bool read_variables(struct check *c, struct text *t, struct place at)
{
	struct piece p;
	slice s = t->plain;
	size_t from = 0, i, n, room = 0;
	bool bad = false;
	for (i = slice_find(s, S("${")); i < s.n; i += slice_find(slice_skip(s, i), S("${"))) {
		if (!read_reference(c, slice_skip(s, i), at, &p, &n, &bad)) {
			i += 2;
			continue;
		}
		if (bad)
			return false;
		struct piece before = {
			.kind = PIECE_PLAIN, .plain = slice_skip(slice_first(s, i), from)};
		add_piece(c, t, &room, &before);
		add_piece(c, t, &room, &p);
		from = i += n;
	}
	if (t->n) {
		struct piece rest = {.kind = PIECE_PLAIN, .plain = slice_skip(s, from)};
		add_piece(c, t, &room, &rest);
	}
	return true;
}

bool sieve_text_read(struct check *c, struct text *t, struct place at)
{
	unsigned errors = c->nerrors;
	if (c->exts & EXT_BIT(EXT_ENCODED))
		read_encoded(c, t, at);
	if (c->exts & EXT_BIT(EXT_VARIABLES))
		read_variables(c, t, at);
	return c->nerrors == errors;
}

/* ---- running ---- */

static slice piece_value(struct run *r, const struct piece *p)
{
	if (p->kind == PIECE_PLAIN)
		return p->plain;
	if (p->kind == PIECE_MATCH)
		return p->index < r->nvalues ? r->values[p->index] : (slice){0};
	const struct var *v = r->frame->slots[p->index];
	return v ? v->value : (slice){0};
}

slice sieve_run_text(struct run *r, const struct text *t)
{
	size_t n = 0;
	if (t->n == 0)
		return t->plain;
	for (size_t i = 0; i < t->n; i++)
		n += piece_value(r, &t->v[i]).n;
	if (!sieve_run_look(r, n) || !sieve_run_memory(r, n))
		return (slice){0};
	char *p = arena_alloc(r->a, n + 1), *to = p;
	for (size_t i = 0; i < t->n; i++) {
		slice v = piece_value(r, &t->v[i]);
		if (v.n)
			memcpy(to, v.p, v.n);
		to += v.n;
	}
	return slice_of(p, n);
}

slice sieve_run_string(struct run *r, const struct arg *arg)
{
	return arg && arg->n ? sieve_run_text(r, &arg->v[0]) : (slice){0};
}

slice *sieve_run_strings(struct run *r, const struct arg *arg, size_t *ret_n)
{
	*ret_n = arg ? arg->n : 0;
	if (!arg || arg->plain)
		return arg ? arg->plain : NULL;
	slice *v = sieve_run_alloc(r, arg->n * sizeof *v);
	for (size_t i = 0; i < arg->n; i++)
		v[i] = sieve_run_text(r, &arg->v[i]);
	return v;
}

/* Cut where it is too long (RFC 5229 section 6), between characters. */
void sieve_run_set(struct run *r, unsigned var, slice value)
{
	struct var **slot = &r->frame->slots[var];
	value = utf8_first(value, r->lim.variable);
	if (!*slot) {
		if (r->nvariables++ >= r->lim.variables) {
			sieve_run_fail(r,
				arena_printf(r->a, "the script sets more than %u variables",
					r->lim.variables),
				arena_printf(r->a, "脚本设置的变量超过 %u 个", r->lim.variables));
			return;
		}
		*slot = sieve_run_alloc(r, sizeof **slot);
	}
	(*slot)->value = value;
}

slice sieve_run_number(struct run *r, uint64_t n)
{
	char text[24];
	int k = snprintf(text, sizeof text, "%llu", (unsigned long long)n);
	return sieve_run_dup(r, slice_of(text, (size_t)k));
}
