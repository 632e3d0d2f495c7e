/*
 * editheader (RFC 5293): addheader and deleteheader. Fields that tell how the letter came here (Received, Auto-Submitted, signatures and
 * results of checks) are out of reach: a script that could remove them could hide loops and forge verdicts.
 */
#include "base/utf8.h"
#include "codec/words.h"
#include "sieve/impl.h"

enum { VALUE_MAX = 4096 };

bool sieve_field_is_protected(slice name)
{
	static const char *const never[] = {"received", "auto-submitted", "return-path",
		"authentication-results", "arc-seal", "arc-message-signature",
		"arc-authentication-results", "dkim-signature", "delivered-to",
		"x-sieve-redirected-from"};
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (slice_ieq(name, slice_z(never[i])))
			return true;
	return false;
}

static bool check_name(struct check *c, struct node *n)
{
	const struct arg *a = n->pos[0];
	slice name = a->v[0].plain;
	if (a->v[0].n)
		return true;
	if (!sieve_field_name(name)) {
		sieve_mistake(c, a->at,
			SAY(c, "no header field can have the name '%.*s'", SFMT(name)),
			SAY(c, "信头字段不可能名为“%.*s”", SFMT(name)));
		return false;
	}
	if (sieve_field_is_protected(name))
		sieve_warning(c, a->at,
			SAY(c, "the header field '%.*s' is protected: nothing will happen",
				SFMT(name)),
			SAY(c, "信头字段“%.*s”受保护：该命令不起作用", SFMT(name)));
	return true;
}

static bool check_addheader(struct check *c, struct node *n)
{
	return check_name(c, n);
}

static bool check_deleteheader(struct check *c, struct node *n)
{
	if (node_has(n, TAG_LAST) && !node_has(n, TAG_INDEX)) {
		sieve_mistake(c, n->at, S("the tagged argument ':last' needs ':index'"),
			S("标签“:last”需要与“:index”同时使用"));
		return false;
	}
	return check_name(c, n);
}

static void run_addheader(struct run *r, const struct node *n)
{
	struct sieve_edit e = {.kind = SIEVE_EDIT_ADD, .last = node_has(n, TAG_LAST)};
	slice value = slice_trim(sieve_run_string(r, n->pos[1]));
	e.name = sieve_run_string(r, n->pos[0]);
	if (!sieve_run_look(r, value.n * 4))
		return;
	if (!sieve_field_name(e.name)) {
		sieve_run_fail(r, S("addheader: no header field can have this name"),
			S("addheader：信头字段不可能使用该名称"));
		return;
	}
	if (sieve_field_is_protected(e.name))
		return;
	struct buf out = BUF(VALUE_MAX * 8);
	words_encode(&out, utf8_first(value, VALUE_MAX), e.name.n + 2);
	e.value = sieve_run_keep(r, &out);
	if (run_on(r))
		sieve_run_edit(r, &e);
}

/* Is this one to go? */
static bool matches(struct run *r, const struct node *n, struct field *f)
{
	struct matching m;
	if (!n->pos[1])
		return true;
	sieve_match_begin(&m, r, n, n->pos[1]);
	sieve_match_value(&m, sieve_field_text(r, f));
	return sieve_match_end(&m);
}

static void delete_at(struct run *r, slice name, unsigned at)
{
	struct sieve_edit e = {.kind = SIEVE_EDIT_DELETE, .name = sieve_run_dup(r, name), .at = at};
	if (run_on(r))
		sieve_run_edit(r, &e);
}

static unsigned count_fields(struct run *r, slice name)
{
	unsigned n = 0;
	const struct fields *v = sieve_run_fields(r);
	for (size_t i = 0; i < v->n; i++)
		n += slice_ieq(v->v[i].name, name);
	return n;
}

static struct field *field_at(struct run *r, slice name, unsigned at)
{
	struct fields *v = sieve_run_fields(r);
	sieve_run_look(r, v->n * 4);
	for (size_t i = 0; i < v->n; i++)
		if (slice_ieq(v->v[i].name, name) && at-- == 0)
			return &v->v[i];
	return NULL;
}

/* Only the one that :index means, if it matches; else all that match, the last first, so that places stay. */
static void run_deleteheader(struct run *r, const struct node *n)
{
	bool indexed;
	struct loop *loop = r->loop;
	slice name = sieve_run_string(r, n->pos[0]);
	const struct arg *index = sieve_node_tag(n, TAG_INDEX, &indexed);
	if (!sieve_field_name(name) || sieve_field_is_protected(name))
		return;
	r->loop = NULL;
	unsigned total = count_fields(r, name);
	for (unsigned at = total; at-- > 0 && run_on(r);) {
		unsigned place = node_has(n, TAG_LAST) ? total - at : at + 1;
		if (indexed && place != index->number)
			continue;
		struct field *f = field_at(r, name, at);
		if (f && matches(r, n, f))
			delete_at(r, name, at);
	}
	r->loop = loop;
}

static const struct tag add_tags[] = {
	{S_INIT("last"), TAG_LAST, EXT_EDITHEADER, 0, 0},
	{{0}, 0, 0, 0, 0},
};
static const struct tag delete_tags[] = {
	{S_INIT("index"), TAG_INDEX, EXT_EDITHEADER, 'n', 0},
	{S_INIT("last"), TAG_LAST, EXT_EDITHEADER, 0, 0},
	{{0}, 0, 0, 0, 0},
};

const struct word sieve_words_editheader[] = {
	{.name = S_INIT("addheader"),
		.ext = EXT_EDITHEADER,
		.params = {{'s', false, "field name", "字段名"}, {'s', false, "value", "值"}},
		.tags = add_tags,
		.check = check_addheader,
		.run = run_addheader},
	{.name = S_INIT("deleteheader"),
		.ext = EXT_EDITHEADER,
		.takes = TAKES_MATCH,
		.params = {{'s', false, "field name", "字段名"},
			{'S', true, "value patterns", "值的模式"}},
		.tags = delete_tags,
		.check = check_deleteheader,
		.run = run_deleteheader},
	{.name = {0}},
};
