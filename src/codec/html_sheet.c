/*
 * Style sheets (html_css.h): rules whose selectors are one element, class or id ("p", ".x", "td.x",
 * "#y"), found by hashing. Selectors that look at other elements are counted, not understood; rules
 * inside @media count only for all screens. Used by html.c.
 */
#include "codec/html_css.h"

#include "base/mem.h"

struct css_rule {
	struct css_rule *next;
	char mark; /* '.', '#' or 0 for a tag */
	slice name; /* lower case: class, id or tag */
	slice tag; /* "td" of "td.x"; empty: any */
	const struct css_values *values;
};

static slice trim(slice s)
{
	while (s.n && (unsigned char)s.p[0] <= ' ')
		s = slice_skip(s, 1);
	while (s.n && (unsigned char)s.p[s.n - 1] <= ' ')
		s.n--;
	return s;
}

/* FNV-1a over the lower-case letters: collisions cost no more than CSS_APPLIED_MAX allows. */
static unsigned bucket(char mark, slice name)
{
	uint32_t h = 2166136261u ^ (unsigned char)mark;
	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (unsigned char)ascii_lower(name.p[i])) * 16777619u;
	return (h ^ h >> 16) % CSS_BUCKETS;
}

static bool is_name(slice s)
{
	if (!s.n || s.n > CSS_SELECTOR_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
			    c & 0x80))
			return false;
	}
	return true;
}

static bool read_selector(slice s, struct css_rule *ret)
{
	size_t dot = slice_index(s, '.'), hash = slice_index(s, '#');
	size_t at = dot < hash ? dot : hash;
	slice tag = slice_first(s, at), name = slice_skip(s, at + 1);
	if (slice_eq(tag, S("*")) && at < s.n)
		tag = S("");
	if (at == s.n) {
		*ret = (struct css_rule){.name = s};
		return is_name(s) || slice_eq(s, S("*"));
	}
	*ret = (struct css_rule){.mark = s.p[at], .name = name, .tag = tag};
	return is_name(name) && (!tag.n || is_name(tag));
}

/* The newest first: css_sheet_apply turns the order. */
static bool add_rule(
	struct css_sheet *sheet, slice selectors, const struct css_values *v, struct arena *a)
{
	slice one;
	while (slice_cut(&selectors, ',', &one)) {
		struct css_rule rule;
		if (!read_selector(trim(one), &rule)) {
			sheet->ignored++;
			continue;
		}
		if (sheet->nrules == sheet->max)
			return false;
		sheet->nrules++;
		struct css_rule *r = ARENA_NEW(a, struct css_rule);
		*r = rule;
		r->values = v;
		struct css_rule **head = &sheet->buckets[bucket(r->mark, r->name)];
		r->next = *head;
		*head = r;
	}
	return true;
}

/* Where the block that begins at s ("{...}") ends, behind its brace. */
static size_t block_length(slice s)
{
	unsigned depth = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '{')
			depth++;
		else if (s.p[i] == '}' && --depth == 0)
			return i + 1;
	}
	return s.n;
}

static bool for_screens(slice prelude)
{
	slice s = trim(slice_skip(prelude, 6)); /* "@media" */
	return slice_ieq(s, S("all")) || slice_ieq(s, S("screen")) ||
	       slice_ieq(s, S("only screen")) || !s.n;
}

static void import(slice prelude, const struct css_links *links)
{
	slice s = trim(slice_skip(prelude, 7)); /* "@import" */
	if (slice_istarts(s, S("url(")))
		s = trim(slice_skip(s, 4));
	if (s.n && (s.p[0] == '"' || s.p[0] == '\''))
		s = slice_first(slice_skip(s, 1), slice_index(slice_skip(s, 1), s.p[0]));
	s = slice_first(s, slice_index(s, ')'));
	if (links && s.n)
		links->found(links->arg, s, true);
}

/* "<!--" and "-->" may stand around a sheet. */
static slice without_marks(slice s)
{
	s = trim(s);
	if (slice_starts(s, S("<!--")))
		s = slice_skip(s, 4);
	if (slice_starts(s, S("-->")))
		s = slice_skip(s, 3);
	return trim(s);
}

/* Comments out; the rest of the sheet is read in place. */
static slice plain(slice s, struct arena *a)
{
	if (slice_find(s, S("/*")) == s.n)
		return s;
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;
	while (s.n) {
		size_t at = slice_find(s, S("/*"));
		memcpy(out + n, s.p, at);
		n += at;
		s = slice_skip(s, at);
		if (s.n)
			s = slice_skip(s, slice_find(s, S("*/")) + 2);
	}
	return slice_of(out, n);
}

/* Cuts "@import ...;" off the front of *s. */
static bool take_statement(slice *s, const struct css_links *links)
{
	size_t semicolon = 0;
	if (s->p[0] != '@')
		return false;
	while (semicolon < s->n && s->p[semicolon] != ';' && s->p[semicolon] != '{')
		semicolon++;
	if (semicolon < s->n && s->p[semicolon] == '{')
		return false;
	slice statement = slice_first(*s, semicolon);
	if (slice_istarts(statement, S("@import")))
		import(statement, links);
	*s = slice_skip(*s, semicolon + 1);
	return true;
}

bool css_sheet_add(
	struct css_sheet *sheet, slice text, const struct css_links *links, struct arena *a)
{
	slice s = plain(text, a);
	while ((s = without_marks(s)).n) {
		if (s.p[0] == '}') { /* of an @media that was opened */
			s = slice_skip(s, 1);
			continue;
		}
		if (take_statement(&s, links))
			continue;
		if (sheet->nblocks++ == sheet->max)
			return false;
		size_t brace = slice_index(s, '{');
		slice prelude = trim(slice_first(s, brace));
		s = slice_skip(s, brace);
		if (slice_istarts(prelude, S("@media")) && for_screens(prelude)) {
			s = slice_skip(s, 1);
			continue;
		}
		size_t n = block_length(s);
		slice block = slice_first(slice_skip(s, 1), n > 2 ? n - 2 : 0);
		s = slice_skip(s, n);
		struct css_values *v = ARENA_NEW(a, struct css_values);
		css_declarations(block, links, a, v);
		if (prelude.n && prelude.p[0] != '@' && !add_rule(sheet, prelude, v, a))
			return false;
	}
	return true;
}

static unsigned find(const struct css_sheet *sheet, char mark, slice name, slice tag,
	const struct css_rule **v, unsigned n)
{
	const struct css_rule *r = sheet->buckets[bucket(mark, name)];
	unsigned seen = 0;
	for (; r && n < CSS_APPLIED_MAX && seen < 2 * CSS_APPLIED_MAX; r = r->next, seen++)
		if (r->mark == mark && slice_ieq(r->name, name) &&
			(!r->tag.n || slice_ieq(r->tag, tag)))
			v[n++] = r;
	return n;
}

/* Lower ones first: all, tag, classes, id; each in the order of the sheet. */
void css_sheet_apply(
	const struct css_sheet *sheet, slice tag, slice id, slice classes, struct css_values *into)
{
	const struct css_rule *v[CSS_APPLIED_MAX];
	unsigned n = 0;
	slice name;
	if (!sheet->nrules)
		return;
	if (id.n)
		n = find(sheet, '#', id, tag, v, n);
	for (unsigned k = 0; k < CSS_CLASSES_MAX && classes.n; k++) {
		classes = trim(classes);
		size_t end = 0;
		while (end < classes.n && (unsigned char)classes.p[end] > ' ')
			end++;
		name = slice_first(classes, end);
		classes = slice_skip(classes, end);
		n = name.n ? find(sheet, '.', name, tag, v, n) : n;
	}
	n = find(sheet, 0, tag, tag, v, n);
	n = find(sheet, 0, S("*"), tag, v, n);
	while (n-- > 0)
		css_merge(into, v[n]->values);
}
