/*
 * The structure of the letter: parsed once (codec/mime.h), and the extensions that use it: mime, foreverypart, break, extracttext
 * (RFC 5703 sections 3, 4, 7). body.c reads the parts, too; replace and enclose are in replace.c.
 */
#include "base/utf8.h"
#include "codec/charset.h"
#include "sieve/impl.h"

const struct mime *sieve_run_mime(struct run *r)
{
	if (!r->have_mime) {
		sieve_run_look(r, r->message.n);
		mime_parse(r->message, &mime_limits_default, r->a, &r->mime);
		r->decoded = ARENA_ARRAY(r->a, slice, r->mime.n);
		r->part_fields = ARENA_ARRAY(r->a, struct fields *, r->mime.n);
		r->have_mime = true;
	}
	return &r->mime;
}

slice sieve_run_decoded(struct run *r, size_t i)
{
	const struct mime_part *p = &sieve_run_mime(r)->v[i];
	if (r->decoded[i].p || !sieve_run_look(r, p->body.n))
		return r->decoded[i];
	if (p->encoding == MIME_7BIT || p->encoding == MIME_8BIT || p->encoding == MIME_BINARY ||
		p->multipart || p->message) {
		r->decoded[i] = p->body.p ? p->body : S("");
		return r->decoded[i];
	}
	AUTO(buf) struct buf out = BUF(p->body.n + 64);
	mime_decode(p, &out);
	r->decoded[i] = arena_dup(r->a, buf_slice(&out));
	if (!r->decoded[i].p)
		r->decoded[i] = S("");
	return r->decoded[i];
}

slice sieve_run_part_text(struct run *r, size_t i)
{
	const struct mime_part *p = &sieve_run_mime(r)->v[i];
	struct charset_reading how;
	slice raw = sieve_run_decoded(r, i);
	if (utf8_is_ascii(raw) || !sieve_run_look(r, raw.n * 2))
		return raw;
	AUTO(buf) struct buf out = BUF(raw.n * 4 + 64);
	charset_read(mime_param(&p->type, S("charset")), raw, mime_is(p, S("text"), S("html")),
		&out, &how);
	return arena_dup(r->a, buf_slice(&out));
}

/* ---- :mime, :anychild ---- */

static size_t subtree_end(const struct mime *m, size_t root)
{
	size_t i = root + 1;
	while (i < m->n && m->v[i].depth > m->v[root].depth)
		i++;
	return i;
}

bool sieve_mime_next(struct run *r, const struct node *n, size_t *i, size_t *ret_part)
{
	const struct mime *m = sieve_run_mime(r);
	size_t root = r->loop ? r->loop->part : 0;
	size_t end = node_has(n, TAG_ANYCHILD) ? subtree_end(m, root) : root + 1;
	if (root + *i >= end || !sieve_run_spend(r, 1))
		return false;
	*ret_part = root + (*i)++;
	return true;
}

static bool match_params(
	struct run *r, const struct arg *names, struct matching *m, const struct mime_value *v)
{
	size_t n;
	slice *name = sieve_run_strings(r, names, &n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < v->n; k++)
			if (slice_ieq(v->v[k].name, name[i]) &&
				sieve_match_value(m, mime_param_text(v, v->v[k].name, r->a)))
				return true;
	return false;
}

bool sieve_mime_match_field(struct run *r, const struct node *n, struct matching *m, slice value)
{
	struct mime_value v;
	const struct arg *params = sieve_node_tag(n, TAG_PARAM, NULL);
	if (!sieve_run_look(r, value.n * 4) || !sieve_run_memory(r, value.n))
		return true;
	if (!params && !node_has(n, TAG_TYPE) && !node_has(n, TAG_SUBTYPE) &&
		!node_has(n, TAG_CONTENTTYPE))
		return sieve_match_value(m, header_text(value, r->a));
	mime_value_parse(value, r->a, &v);
	if (params)
		return match_params(r, params, m, &v);
	size_t slash = slice_index(v.main, '/');
	if (node_has(n, TAG_TYPE))
		return sieve_match_value(m, slice_first(v.main, slash));
	if (node_has(n, TAG_SUBTYPE))
		return sieve_match_value(m, slice_skip(v.main, slash + 1));
	return sieve_match_value(m, v.main);
}

/* ---- foreverypart, break ---- */

static bool check_foreverypart(struct check *c, struct node *n)
{
	slice name = {0};
	const struct arg *a = sieve_node_tag(n, TAG_NAME, NULL);
	if (a && !sieve_constant(c, n, a, &name))
		return false;
	if (c->loops == SIEVE_LOOPS_MAX) {
		sieve_mistake(c, n->at,
			SAY(c, "foreverypart may be nested %d times", SIEVE_LOOPS_MAX),
			SAY(c, "foreverypart 最多嵌套 %d 层", SIEVE_LOOPS_MAX));
		return false;
	}
	c->loop_names[c->loops] = name;
	return true;
}

static bool check_break(struct check *c, struct node *n)
{
	slice name = {0};
	const struct arg *a = sieve_node_tag(n, TAG_NAME, NULL);
	if (a && !sieve_constant(c, n, a, &name))
		return false;
	bool found = !a && c->loops;
	for (unsigned i = 0; a && i < c->loops; i++)
		found = found || slice_eq(c->loop_names[i], name);
	if (!found)
		sieve_mistake(c, n->at, S("the break command stands in no such foreverypart"),
			S("break 命令不在相应的 foreverypart 之中"));
	return found;
}

static void run_foreverypart(struct run *r, const struct node *n)
{
	struct loop l = {
		.name = sieve_run_string(r, sieve_node_tag(n, TAG_NAME, NULL)), .up = r->loop};
	size_t root = l.up ? l.up->part : 0;
	l.part = l.up ? root + 1 : 0; /* an inner loop sees what is inside of the part */
	r->loop = &l;
	for (; run_on(r) && !l.ended && l.part < subtree_end(sieve_run_mime(r), root); l.part++) {
		sieve_run_block(r, n->block);
		if (!sieve_run_spend(r, 1))
			break;
	}
	r->loop = l.up;
	if (r->state == RUN_BREAK && (!r->break_name.n || slice_eq(r->break_name, l.name)))
		r->state = RUN_ON;
}

static void run_break(struct run *r, const struct node *n)
{
	r->break_name = sieve_run_string(r, sieve_node_tag(n, TAG_NAME, NULL));
	if (run_on(r))
		r->state = RUN_BREAK;
}

/* ---- extracttext ---- */

static bool check_extracttext(struct check *c, struct node *n)
{
	slice name;
	uint64_t number;
	if (!(c->exts & EXT_BIT(EXT_VARIABLES))) {
		sieve_mistake(c, n->at,
			S("the extracttext command needs `require \"variables\"` first"),
			S("extracttext 命令需要先写 require \"variables\""));
		return false;
	}
	if (!c->loops) {
		sieve_mistake(c, n->at, S("the extracttext command must stand in a foreverypart"),
			S("extracttext 命令必须位于 foreverypart 之中"));
		return false;
	}
	if (!sieve_constant(c, n, n->pos[0], &name))
		return false;
	if (!sieve_variable_name(name) || slice_u64(name, &number) ||
		slice_index(name, '.') < name.n) {
		sieve_mistake(c, n->pos[0]->at,
			SAY(c, "'%.*s' is no name of a variable that can be set", SFMT(name)),
			SAY(c, "“%.*s”不是可以赋值的变量名", SFMT(name)));
		return false;
	}
	n->data = ARENA_NEW(c->a, unsigned);
	*(unsigned *)n->data = sieve_variable(c, name);
	return true;
}

static slice first_characters(slice s, uint64_t n)
{
	slice rest = s;
	for (uint32_t cp; n && utf8_next(&rest, &cp);)
		n--;
	return slice_first(s, s.n - rest.n);
}

static void run_extracttext(struct run *r, const struct node *n)
{
	slice text = {0};
	const struct arg *first = sieve_node_tag(n, TAG_FIRST, NULL);
	if (r->loop && mime_is(&sieve_run_mime(r)->v[r->loop->part], S("text"), (slice){0}))
		text = sieve_run_part_text(r, r->loop->part);
	if (first)
		text = first_characters(slice_first(text, r->lim.variable * 4), first->number);
	AUTO(buf) struct buf clean = BUF(r->lim.variable * 3 + 16);
	utf8_scrub(&clean, utf8_first(text, r->lim.variable));
	text = sieve_run_modify(
		r, n, utf8_first(sieve_run_dup(r, buf_slice(&clean)), r->lim.variable));
	if (run_on(r))
		sieve_run_set(r, *(const unsigned *)n->data, text);
}

static const struct tag name_tags[] = {
	{S_INIT("name"), TAG_NAME, EXT_FOREVERYPART, 's', 0},
	{{0}, 0, 0, 0, 0},
};
static const struct tag extract_tags[] = {
	{S_INIT("first"), TAG_FIRST, EXT_EXTRACTTEXT, 'n', 0},
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

const struct word sieve_words_mime[] = {
	{.name = S_INIT("foreverypart"),
		.ext = EXT_FOREVERYPART,
		.block = true,
		.tags = name_tags,
		.check = check_foreverypart,
		.run = run_foreverypart},
	{.name = S_INIT("break"),
		.ext = EXT_FOREVERYPART,
		.tags = name_tags,
		.check = check_break,
		.run = run_break},
	{.name = S_INIT("extracttext"),
		.ext = EXT_EXTRACTTEXT,
		.params = {{'s', false, "variable", "变量"}},
		.tags = extract_tags,
		.check = check_extracttext,
		.run = run_extracttext},
	{.name = {0}},
};
