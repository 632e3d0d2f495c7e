/*
 * Match types and comparators (RFC 5228 section 2.7, RFC 5231 :count and :value, the regex draft, RFC 4790, RFC 5051), the same
 * for all tests: sieve_match_begin() with the keys, sieve_match_value() for each value until it says that it is enough, sieve_match_end().
 */
#include "base/utf8.h"
#include "sieve/impl.h"

/* ---- checking ---- */

static const struct {
	slice name;
	uint8_t ext;
} comparators[] = {
	[COMPARE_CASEMAP] = {S_INIT("i;ascii-casemap"), EXT_CORE},
	[COMPARE_OCTET] = {S_INIT("i;octet"), EXT_CORE},
	[COMPARE_NUMERIC] = {S_INIT("i;ascii-numeric"), EXT_NUMERIC},
	[COMPARE_UNICODE] = {S_INIT("i;unicode-casemap"), EXT_CORE},
};
static const slice relations[] = {
	[REL_GT] = S_INIT("gt"),
	[REL_GE] = S_INIT("ge"),
	[REL_LT] = S_INIT("lt"),
	[REL_LE] = S_INIT("le"),
	[REL_EQ] = S_INIT("eq"),
	[REL_NE] = S_INIT("ne"),
};

static bool check_comparator(struct check *c, struct node *n, const struct arg *a)
{
	slice name;
	if (!sieve_constant(c, n, a, &name))
		return false;
	for (unsigned i = 0; i < sizeof comparators / sizeof *comparators; i++)
		if (slice_eq(name, comparators[i].name)) {
			n->match.comparator = i;
			if (comparators[i].ext == EXT_CORE ||
				(c->exts & EXT_BIT(comparators[i].ext)))
				return true;
			sieve_mistake(c, a->at,
				SAY(c,
					"the comparator '%.*s' needs `require \"comparator-%.*s\"` "
					"first",
					SFMT(name), SFMT(name)),
				SAY(c, "比较器“%.*s”需要先写 require \"comparator-%.*s\"",
					SFMT(name), SFMT(name)));
			return false;
		}
	sieve_mistake(c, a->at, SAY(c, "unknown comparator '%.*s'", SFMT(name)),
		SAY(c, "未知的比较器“%.*s”", SFMT(name)));
	return false;
}

static bool check_relation(struct check *c, struct node *n, const struct arg *a)
{
	slice name;
	if (!sieve_constant(c, n, a, &name))
		return false;
	for (unsigned i = 0; i < sizeof relations / sizeof *relations; i++)
		if (slice_ieq(name, relations[i])) {
			n->match.relation = i;
			return true;
		}
	sieve_mistake(c, a->at,
		SAY(c, "unknown relation '%.*s': it must be gt, ge, lt, le, eq or ne", SFMT(name)),
		SAY(c, "未知的关系“%.*s”：应为 gt、ge、lt、le、eq 或 ne", SFMT(name)));
	return false;
}

bool sieve_check_match(struct check *c, struct node *n)
{
	bool good = true;
	for (unsigned i = 0; i < n->ntags; i++) {
		unsigned id = n->tags[i].id;
		if (id == TAG_COMPARATOR)
			good = check_comparator(c, n, n->tags[i].arg) && good;
		if (id >= TAG_IS && id <= TAG_LIST)
			n->match.type = MATCH_IS + (id - TAG_IS);
		if (id == TAG_COUNT || id == TAG_VALUE)
			good = check_relation(c, n, n->tags[i].arg) && good;
	}
	bool parts = n->match.type == MATCH_CONTAINS || n->match.type == MATCH_MATCHES ||
		     n->match.type == MATCH_REGEX;
	if (good && n->match.comparator == COMPARE_NUMERIC && parts) {
		sieve_mistake(c, n->at,
			S("the comparator 'i;ascii-numeric' compares numbers only: not with "
			  ":contains, :matches, :regex"),
			S("比较器“i;ascii-numeric”只比较数字，不能与 :contains、:matches、:regex "
			  "一起使用"));
		return false;
	}
	if (good && n->match.type == MATCH_LIST && node_has(n, TAG_COMPARATOR)) {
		sieve_mistake(c, n->at, S("':list' takes no comparator"), S("“:list”不能带比较器"));
		return false;
	}
	const struct arg *keys = NULL;
	for (unsigned k = 0; k < 4 && n->word->params[k].type; k++)
		keys = n->pos[k];
	return good && (!keys || sieve_check_keys(c, n, keys));
}

static bool check_regex(struct check *c, const struct node *n, const struct arg *keys, size_t i)
{
	slice why, pattern = keys->v[i].plain;
	struct regex *x = sieve_regex_compile(c->a, pattern, n->match.comparator, &why);
	n->match.regex[i] = x;
	if (!x) {
		sieve_mistake(c, keys->at,
			SAY(c, "invalid regular expression '%.*s': %.*s", SFMT(pattern), SFMT(why)),
			SAY(c, "无效的正则表达式“%.*s”：%.*s", SFMT(pattern), SFMT(why)));
		return false;
	}
	c->regexes += sieve_regex_size(x);
	if (c->regexes <= SIEVE_REGEXES_MAX)
		return true;
	sieve_mistake(c, keys->at,
		S("the regular expressions of the script are too large together"),
		S("脚本中的正则表达式总量过大"));
	return false;
}

bool sieve_check_keys(struct check *c, struct node *n, const struct arg *keys)
{
	bool good = true;
	if (n->match.type != MATCH_REGEX)
		return true;
	n->match.regex = ARENA_ARRAY(c->a, struct regex *, keys->n);
	for (size_t i = 0; i < keys->n && c->regexes <= SIEVE_REGEXES_MAX; i++)
		if (!keys->v[i].n)
			good = check_regex(c, n, keys, i) && good;
	return good && c->regexes <= SIEVE_REGEXES_MAX;
}

/* ---- comparing ---- */

static slice number_of(slice s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	s = slice_first(s, n);
	while (s.n > 1 && s.p[0] == '0')
		s = slice_skip(s, 1);
	return s; /* empty: more than any number (RFC 4790 section 9.1.1) */
}

int sieve_compare_values(enum comparator c, slice a, slice b)
{
	if (c != COMPARE_NUMERIC)
		return slice_cmp(a, b);
	a = number_of(a);
	b = number_of(b);
	if (!a.n || !b.n)
		return !a.n && !b.n ? 0 : !a.n ? 1 : -1;
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return memcmp(a.p, b.p, a.n);
}

static bool relates(enum relation rel, int order)
{
	switch (rel) {
	case REL_GT:
		return order > 0;
	case REL_GE:
		return order >= 0;
	case REL_LT:
		return order < 0;
	case REL_LE:
		return order <= 0;
	case REL_EQ:
		return order == 0;
	default:
		return order != 0;
	}
}

/* ---- folding ---- */

static void fold_ascii(slice s, struct buf *out)
{
	char *p = buf_room(out, s.n + 1);
	if (!p)
		return;
	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'a' && s.p[i] <= 'z' ? (char)(s.p[i] - 32) : s.p[i];
	buf_commit(out, s.n);
}

/* Into *out where the comparator folds; else the text itself. */
static slice fold(struct run *r, enum comparator c, slice s, struct buf *out)
{
	if ((c != COMPARE_CASEMAP && c != COMPARE_UNICODE) ||
		!sieve_run_look(r, c == COMPARE_UNICODE ? s.n * 8 : s.n))
		return s;
	out->limit = s.n * 20 + 64;
	if (c == COMPARE_CASEMAP)
		fold_ascii(s, out);
	else
		sieve_casemap_put(out, s);
	return out->p ? buf_slice(out) : S("");
}

/* The part of the text that became `part` of its folded form: only lengths of characters differ. */
static slice unfold(slice text, slice folded, slice part)
{
	AUTO(buf) struct buf out = BUF(1000);
	size_t from = (size_t)(part.p - folded.p), to = from + part.n, at = 0, start = text.n,
	       end = text.n;
	for (slice s = text; s.n;) {
		uint32_t cp;
		slice before = s;
		size_t place = text.n - s.n;
		if (at >= from && start == text.n)
			start = place;
		if (at >= to) {
			end = place;
			break;
		}
		utf8_next(&s, &cp);
		buf_reset(&out);
		sieve_casemap_put(&out, slice_first(before, before.n - s.n));
		at += out.n;
	}
	return start < end ? slice_skip(slice_first(text, end), start) : (slice){0};
}

/* ---- matching ---- */

static void set_values(struct matching *m, const slice *v, unsigned n)
{
	struct run *r = m->r;
	if (m->no_values || !r->frame || !(r->frame->script->exts & EXT_BIT(EXT_VARIABLES)))
		return;
	for (unsigned i = 0; i < n; i++)
		r->values[i] = sieve_run_dup(r, utf8_first(v[i], r->lim.variable));
	r->nvalues = n;
}

static bool match_wild(struct matching *m, slice key, slice value, slice folded)
{
	slice v[SIEVE_MATCH_VALUES];
	unsigned n;
	struct run *r = m->r;
	if (!sieve_wild_match(r, key, folded, m->how->comparator == COMPARE_OCTET, v, &n))
		return false;
	bool needed = !m->no_values && value.p != folded.p;
	for (unsigned i = 0; needed && i < n; i++)
		if (m->how->comparator == COMPARE_UNICODE && sieve_run_look(r, value.n * 8))
			v[i] = v[i].n ? unfold(value, folded, v[i]) : (slice){0};
		else if (v[i].n)
			v[i] = slice_of(value.p + (v[i].p - folded.p), v[i].n);
	set_values(m, v, n);
	return true;
}

/* Expressions that were not known when the script was read. */
static void compile_keys(struct matching *m)
{
	slice why;
	struct run *r = m->r;
	m->regex = sieve_run_alloc(r, m->nkeys * sizeof *m->regex);
	for (size_t i = 0; i < m->nkeys && run_on(r); i++) {
		slice pattern = m->keys[i];
		m->regex[i] = m->how->regex[i];
		if (m->regex[i] || !sieve_run_spend(r, 10 + pattern.n) ||
			!sieve_run_memory(r, 1000 + pattern.n * 20))
			continue;
		m->regex[i] = sieve_regex_compile(r->a, pattern, m->how->comparator, &why);
		if (m->regex[i])
			sieve_run_memory(r, sieve_regex_size(m->regex[i]));
		else
			sieve_run_warn(r,
				arena_printf(r->a, "invalid regular expression '%.*s': %.*s",
					SFMT(pattern), SFMT(why)),
				arena_printf(r->a, "无效的正则表达式“%.*s”：%.*s", SFMT(pattern),
					SFMT(why)));
	}
}

static bool match_regex(struct matching *m, size_t key, slice value)
{
	slice v[SIEVE_MATCH_VALUES];
	unsigned n;
	if (!m->regex[key] || !sieve_regex_match(m->r, m->regex[key], value, v, &n))
		return false;
	set_values(m, v, n);
	return true;
}

/* All that is not known is asked at once: a letter can have many recipients. */
static bool match_list(struct matching *m, size_t key, slice value)
{
	const struct sieve_answer *answer;
	struct run *r = m->r;
	if (!sieve_run_memory(r, m->keys[key].n + value.n))
		return false;
	slice question = arena_printf(r->a, "%.*s\n%.*s", SFMT(m->keys[key]), SFMT(value));
	if (!sieve_run_know(r, SIEVE_ASK_LIST, question, 0, &answer)) {
		m->asks = true;
		return false;
	}
	if (answer->yes)
		set_values(m, &value, 1);
	return answer->yes;
}

void sieve_match_begin(
	struct matching *m, struct run *r, const struct node *n, const struct arg *keys)
{
	*m = (struct matching){.r = r, .how = &n->match};
	slice *v = sieve_run_strings(r, keys, &m->nkeys);
	if (m->how->type == MATCH_REGEX || m->how->type == MATCH_LIST ||
		m->how->comparator == COMPARE_OCTET || m->how->comparator == COMPARE_NUMERIC ||
		!m->nkeys) {
		m->keys = v;
		if (m->how->type == MATCH_REGEX && m->nkeys)
			compile_keys(m);
		return;
	}
	m->keys = sieve_run_alloc(r, m->nkeys * sizeof *m->keys);
	for (size_t i = 0; i < m->nkeys; i++) {
		AUTO(buf) struct buf out = BUF(64);
		m->keys[i] = sieve_run_dup(r, fold(r, m->how->comparator, v[i], &out));
	}
}

static bool match_key(struct matching *m, size_t i, slice value, slice folded)
{
	switch (m->how->type) {
	case MATCH_IS:
		return sieve_compare_values(m->how->comparator, folded, m->keys[i]) == 0;
	case MATCH_CONTAINS:
		return m->keys[i].n == 0 || slice_find(folded, m->keys[i]) < folded.n;
	case MATCH_MATCHES:
		return match_wild(m, m->keys[i], value, folded);
	case MATCH_REGEX:
		return match_regex(m, i, value);
	case MATCH_VALUE:
		return relates(m->how->relation,
			sieve_compare_values(m->how->comparator, folded, m->keys[i]));
	case MATCH_LIST:
		return match_list(m, i, value);
	case MATCH_COUNT:
		break;
	}
	return false;
}

bool sieve_match_value(struct matching *m, slice value)
{
	struct run *r = m->r;
	m->count++;
	if (m->matched || !sieve_run_spend(r, 1))
		return true;
	if (m->how->type == MATCH_COUNT)
		return false;
	AUTO(buf) struct buf out = BUF(64);
	bool whole = m->how->type == MATCH_REGEX || m->how->type == MATCH_LIST;
	slice folded = whole ? value : fold(r, m->how->comparator, value, &out);
	for (size_t i = 0;
		i < m->nkeys && !m->matched && sieve_run_look(r, folded.n + m->keys[i].n + 16); i++)
		m->matched = match_key(m, i, value, folded);
	return m->matched || !run_on(r);
}

bool sieve_match_end(struct matching *m)
{
	if (m->asks && !m->matched)
		sieve_run_wait(m->r);
	if (m->how->type != MATCH_COUNT || !run_on(m->r))
		return m->matched;
	slice count = sieve_run_number(m->r, m->count);
	for (size_t i = 0; i < m->nkeys && !m->matched; i++)
		m->matched = relates(m->how->relation,
			sieve_compare_values(m->how->comparator, count, m->keys[i]));
	return m->matched;
}
