/*
 * variables (RFC 5229): set with its modifiers, and the test string; :quoteregex (the regex draft), :encodeurl (RFC 5435 section 6).
 * How strings get the values of variables is in text.c.
 */
#include "base/utf8.h"
#include "sieve/impl.h"

/* The name stands for itself: a variable that a script can change. */
static bool check_set(struct check *c, struct node *n)
{
	slice name;
	uint64_t number;
	const struct arg *a = n->pos[0];
	if (!sieve_constant(c, n, a, &name))
		return false;
	bool space = slice_index(name, '.') < name.n;
	bool global = slice_istarts(name, S("global.")) && (c->exts & EXT_BIT(EXT_INCLUDE));
	if (slice_u64(name, &number) || !sieve_variable_name(name) || (space && !global)) {
		sieve_mistake(c, a->at,
			SAY(c, "'%.*s' is no name of a variable that can be set", SFMT(name)),
			SAY(c, "“%.*s”不是可以赋值的变量名", SFMT(name)));
		return false;
	}
	n->data = ARENA_NEW(c->a, unsigned);
	*(unsigned *)n->data = sieve_variable(c, name);
	return true;
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static slice change_case(struct run *r, slice s, bool up, bool first)
{
	slice made = sieve_run_dup(r, s);
	char *p = (char *)made.p;
	for (size_t i = 0; i < made.n && (!first || i == 0); i++)
		p[i] = up ? upper(p[i]) : ascii_lower(p[i]);
	return made;
}

static slice quote(struct run *r, slice s, const char *which)
{
	struct buf out = BUF(r->lim.variable);
	for (size_t i = 0; i < s.n; i++) {
		bool special = s.p[i] && strchr(which, s.p[i]);
		if (out.n + 1 + special > out.limit)
			break; /* never half of a pair */
		if (special)
			buf_byte(&out, '\\');
		buf_byte(&out, s.p[i]);
	}
	return sieve_run_keep(r, &out);
}

static bool is_unreserved(char c)
{
	char l = ascii_lower(c);
	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

static slice encode_url(struct run *r, slice s)
{
	struct buf out = BUF(r->lim.variable + 1);
	while (s.n) {
		uint32_t cp;
		slice before = s;
		utf8_next(&s, &cp);
		size_t n = before.n - s.n;
		if (out.n + (n == 1 && is_unreserved(before.p[0]) ? 1 : 3 * n) > r->lim.variable)
			break; /* never half of a character */
		for (size_t i = 0; i < n; i++)
			if (is_unreserved(before.p[i]))
				buf_byte(&out, before.p[i]);
			else
				buf_printf(&out, "%%%02X", (unsigned char)before.p[i]);
	}
	return sieve_run_keep(r, &out);
}

static slice length(struct run *r, slice s)
{
	uint64_t n = 0;
	for (uint32_t cp; utf8_next(&s, &cp);)
		n++;
	return sieve_run_number(r, n);
}

/* In the order of their precedence (section 4.1). */
static slice modify(struct run *r, const struct node *n, slice s)
{
	if (node_has(n, TAG_LOWER) || node_has(n, TAG_UPPER))
		s = change_case(r, s, node_has(n, TAG_UPPER), false);
	if (node_has(n, TAG_LOWERFIRST) || node_has(n, TAG_UPPERFIRST))
		s = change_case(r, s, node_has(n, TAG_UPPERFIRST), true);
	if (node_has(n, TAG_QUOTEWILDCARD))
		s = quote(r, s, "*?\\");
	if (node_has(n, TAG_QUOTEREGEX))
		s = quote(r, s, "\\.^$*+?()[]{}|");
	if (node_has(n, TAG_ENCODEURL))
		s = encode_url(r, s);
	if (node_has(n, TAG_LENGTH))
		s = length(r, s);
	return s;
}

slice sieve_run_modify(struct run *r, const struct node *n, slice s)
{
	return sieve_run_look(r, s.n * 2) ? modify(r, n, s) : (slice){0};
}

static void run_set_command(struct run *r, const struct node *n)
{
	slice value = sieve_run_string(r, n->pos[1]);
	value = sieve_run_modify(r, n, utf8_first(value, r->lim.variable));
	if (run_on(r))
		sieve_run_set(r, *(const unsigned *)n->data, value);
}

/* An empty string counts as none (section 5). */
static bool holds_string(struct run *r, const struct node *n)
{
	struct matching m;
	size_t count;
	slice *v = sieve_run_strings(r, n->pos[0], &count);
	sieve_match_begin(&m, r, n, n->pos[1]);
	for (size_t i = 0; i < count; i++)
		if ((v[i].n || n->match.type != MATCH_COUNT) && sieve_match_value(&m, v[i]))
			break;
	return sieve_match_end(&m);
}

static const struct tag modifiers[] = {
	{S_INIT("lower"), TAG_LOWER, EXT_VARIABLES, 0, 40},
	{S_INIT("upper"), TAG_UPPER, EXT_VARIABLES, 0, 40},
	{S_INIT("lowerfirst"), TAG_LOWERFIRST, EXT_VARIABLES, 0, 30},
	{S_INIT("upperfirst"), TAG_UPPERFIRST, EXT_VARIABLES, 0, 30},
	{S_INIT("quotewildcard"), TAG_QUOTEWILDCARD, EXT_VARIABLES, 0, 20},
	{S_INIT("quoteregex"), TAG_QUOTEREGEX, EXT_REGEX, 0, 20},
	{S_INIT("encodeurl"), TAG_ENCODEURL, EXT_ENOTIFY, 0, 15},
	{S_INIT("length"), TAG_LENGTH, EXT_VARIABLES, 0, 10},
	{{0}, 0, 0, 0, 0},
};

const struct word sieve_words_variables[] = {
	{.name = S_INIT("set"),
		.ext = EXT_VARIABLES,
		.params = {{'s', false, "name", "变量名"}, {'s', false, "value", "值"}},
		.tags = modifiers,
		.check = check_set,
		.run = run_set_command},
	{.name = S_INIT("string"),
		.ext = EXT_VARIABLES,
		.test = true,
		.takes = TAKES_MATCH,
		.params = {{'S', false, "source", "来源"}, {'S', false, "key list", "关键字列表"}},
		.holds = holds_string},
	{.name = {0}},
};
