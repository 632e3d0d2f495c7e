/*
 * Tests of RFC 5228 section 5 besides address and envelope (address.c): allof, anyof, not, true, false, exists, header, size.
 */
#include "sieve/impl.h"

static bool holds_true(struct run *r, const struct node *n)
{
	(void)r;
	(void)n;
	return true;
}

static bool holds_false(struct run *r, const struct node *n)
{
	(void)r;
	(void)n;
	return false;
}

static bool holds_not(struct run *r, const struct node *n)
{
	return !sieve_run_test(r, n->tests);
}

static bool holds_allof(struct run *r, const struct node *n)
{
	for (const struct node *t = n->tests; t; t = t->next)
		if (!sieve_run_test(r, t))
			return false;
	return true;
}

static bool holds_anyof(struct run *r, const struct node *n)
{
	for (const struct node *t = n->tests; t; t = t->next)
		if (sieve_run_test(r, t))
			return true;
	return false;
}

/* Names that can be none are no mistake (2.4.2.2), but no help either. */
static bool check_names(struct check *c, struct node *n)
{
	const struct arg *a = n->pos[0];
	if (node_has(n, TAG_LAST) && !node_has(n, TAG_INDEX)) {
		sieve_mistake(c, n->at, S("the tagged argument ':last' needs ':index'"),
			S("标签“:last”需要与“:index”同时使用"));
		return false;
	}
	for (size_t i = 0; i < a->n; i++)
		if (!a->v[i].n && !sieve_field_name(a->v[i].plain))
			sieve_warning(c, a->at,
				SAY(c, "no header field can have the name '%.*s'",
					SFMT(a->v[i].plain)),
				SAY(c, "信头字段不可能名为“%.*s”", SFMT(a->v[i].plain)));
	return true;
}

/* All fields of those names in one header. False: go on with the next header. */
static bool look_at_fields(struct run *r, const struct node *n, struct matching *m,
	struct fields *v, const slice *names, size_t nnames)
{
	struct field *f;
	for (size_t k = 0; k < nnames; k++) {
		size_t i = 0;
		while ((f = sieve_fields_next(r, v, names[k], n, &i))) {
			bool enough = node_has(n, TAG_MIME)
					      ? sieve_mime_match_field(r, n, m, f->value)
					      : sieve_match_value(m, sieve_field_text(r, f));
			if (enough)
				return true;
		}
	}
	return !run_on(r);
}

static bool holds_header(struct run *r, const struct node *n)
{
	struct matching m;
	size_t nnames, i = 0, part;
	slice *names = sieve_run_strings(r, n->pos[0], &nnames);
	sieve_match_begin(&m, r, n, n->pos[1]);
	if (!node_has(n, TAG_MIME)) {
		look_at_fields(r, n, &m, sieve_run_fields(r), names, nnames);
		return sieve_match_end(&m);
	}
	while (sieve_mime_next(r, n, &i, &part)) {
		struct fields *v = sieve_run_part_fields(r, part);
		if (look_at_fields(r, n, &m, v, names, nnames))
			break;
	}
	return sieve_match_end(&m);
}

static bool has_field(struct run *r, struct fields *v, slice name)
{
	sieve_run_look(r, v->n * 4);
	for (size_t i = 0; i < v->n; i++)
		if (slice_ieq(v->v[i].name, name))
			return true;
	return false;
}

static bool has_all(struct run *r, struct fields *v, const slice *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!has_field(r, v, names[i]))
			return false;
	return true;
}

static bool holds_exists(struct run *r, const struct node *n)
{
	size_t nnames, i = 0, part;
	slice *names = sieve_run_strings(r, n->pos[0], &nnames);
	if (!node_has(n, TAG_MIME))
		return has_all(r, sieve_run_fields(r), names, nnames);
	while (sieve_mime_next(r, n, &i, &part))
		if (has_all(r, sieve_run_part_fields(r, part), names, nnames))
			return true;
	return false;
}

static bool check_size(struct check *c, struct node *n)
{
	if (node_has(n, TAG_OVER) || node_has(n, TAG_UNDER))
		return true;
	sieve_mistake(c, n->at, S("the size test needs ':over' or ':under'"),
		S("size 测试需要“:over”或“:under”"));
	return false;
}

static bool holds_size(struct run *r, const struct node *n)
{
	uint64_t limit = n->pos[0]->number;
	return node_has(n, TAG_OVER) ? r->message.n > limit : r->message.n < limit;
}

static const struct tag size_tags[] = {
	{S_INIT("over"), TAG_OVER, EXT_CORE, 0, 1},
	{S_INIT("under"), TAG_UNDER, EXT_CORE, 0, 1},
	{{0}, 0, 0, 0, 0},
};

const struct word sieve_words_tests[] = {
	{.name = S_INIT("true"), .test = true, .holds = holds_true},
	{.name = S_INIT("false"), .test = true, .holds = holds_false},
	{.name = S_INIT("not"), .test = true, .tests = 1, .holds = holds_not},
	{.name = S_INIT("allof"), .test = true, .tests = 2, .holds = holds_allof},
	{.name = S_INIT("anyof"), .test = true, .tests = 2, .holds = holds_anyof},
	{.name = S_INIT("exists"),
		.test = true,
		.takes = TAKES_MIME,
		.params = {{'S', false, "header names", "信头字段名"}},
		.check = check_names,
		.holds = holds_exists},
	{.name = S_INIT("header"),
		.test = true,
		.takes = TAKES_MATCH | TAKES_INDEX | TAKES_MIME | TAKES_MIME_PART,
		.params = {{'S', false, "header names", "信头字段名"},
			{'S', false, "key list", "关键字列表"}},
		.check = check_names,
		.holds = holds_header},
	{.name = S_INIT("size"),
		.test = true,
		.params = {{'n', false, "limit", "上限"}},
		.tags = size_tags,
		.check = check_size,
		.holds = holds_size},
	{.name = {0}},
};
