/*
 * The tokenizer (html_token.h): follows the states of WHATWG HTML 13.2.5 that matter for what is
 * shown and where links lead. Called by html.c alone.
 */
#include "codec/html_token.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_letter(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

/* ---- tags ---- */

struct reader {
	const char *p, *end;
};

static void skip_spaces(struct reader *r)
{
	while (r->p < r->end && (is_space(*r->p) || *r->p == '/'))
		r->p++;
}

static slice read_name(struct reader *r)
{
	const char *from = r->p;
	while (r->p < r->end && !is_space(*r->p) && *r->p != '/' && *r->p != '>')
		r->p++;
	return slice_of(from, (size_t)(r->p - from));
}

static slice read_attribute_name(struct reader *r)
{
	const char *from = r->p;
	if (r->p < r->end && *r->p == '=') /* belongs to the name when it is its first letter */
		r->p++;
	while (r->p < r->end && !is_space(*r->p) && *r->p != '/' && *r->p != '>' && *r->p != '=')
		r->p++;
	return slice_of(from, (size_t)(r->p - from));
}

static slice read_value(struct reader *r)
{
	const char *from = r->p;
	if (r->p < r->end && (*r->p == '"' || *r->p == '\'')) {
		const char *quote = memchr(from + 1, *from, (size_t)(r->end - from - 1));
		r->p = quote ? quote + 1 : r->end;
		return slice_of(from + 1, (size_t)((quote ? quote : r->end) - from - 1));
	}
	while (r->p < r->end && !is_space(*r->p) && *r->p != '>')
		r->p++;
	return slice_of(from, (size_t)(r->p - from));
}

static void add_attribute(struct html_token *t, slice name, slice value)
{
	if (!name.n)
		return;
	if (t->nattributes == HTML_ATTRIBUTES_MAX) {
		t->dropped = true;
		return;
	}
	t->attributes[t->nattributes++] = (struct html_attribute){name, value};
}

/* At a tag's name. False: the input ends inside the tag. */
static bool read_tag(struct reader *r, struct html_token *t)
{
	t->name = read_name(r);
	t->tag = html_tag_of(t->name);
	for (;;) {
		const char *before = r->p;
		skip_spaces(r);
		if (r->p == r->end)
			return false;
		if (*r->p == '>') {
			t->self_closing = r->p > before && r->p[-1] == '/';
			r->p++;
			return true;
		}
		slice name = read_attribute_name(r), value = {0};
		while (r->p < r->end && is_space(*r->p))
			r->p++;
		if (r->p < r->end && *r->p == '=') {
			r->p++;
			while (r->p < r->end && is_space(*r->p))
				r->p++;
			value = read_value(r);
		} else {
			value = slice_of(r->p, 0);
		}
		add_attribute(t, name, value);
	}
}

/* ---- comments and declarations ---- */

/* Behind "<!--". */
static void read_comment(struct reader *r, struct html_token *t)
{
	const char *from = r->p;
	t->kind = HTML_TOKEN_COMMENT;
	if (from < r->end && *from == '>') { /* "<!-->" */
		r->p++;
		return;
	}
	if (from + 1 < r->end && from[0] == '-' && from[1] == '>') {
		r->p += 2;
		return;
	}
	for (const char *p = from; p < r->end; p++) {
		p = memchr(p, '>', (size_t)(r->end - p));
		if (!p)
			break;
		bool plain = p - from >= 2 && p[-1] == '-' && p[-2] == '-';
		bool bang = p - from >= 3 && p[-1] == '!' && p[-2] == '-' && p[-3] == '-';
		if (!plain && !bang)
			continue;
		t->text = slice_of(from, (size_t)(p - from) - (plain ? 2 : 3));
		r->p = p + 1;
		return;
	}
	t->text = slice_of(from, (size_t)(r->end - from));
	r->p = r->end;
}

static void read_bogus(struct reader *r, struct html_token *t)
{
	const char *from = r->p, *end = memchr(from, '>', (size_t)(r->end - from));
	t->kind = HTML_TOKEN_BOGUS;
	t->text = slice_of(from, (size_t)((end ? end : r->end) - from));
	r->p = end ? end + 1 : r->end;
}

static void read_declaration(struct reader *r, struct html_token *t)
{
	slice rest = slice_of(r->p, (size_t)(r->end - r->p));
	if (slice_starts(rest, S("--"))) {
		r->p += 2;
		read_comment(r, t);
		return;
	}
	bool doctype = slice_istarts(rest, S("doctype"));
	read_bogus(r, t);
	if (doctype)
		t->kind = HTML_TOKEN_DOCTYPE;
}

/* ---- text ---- */

/* "</name" and then the end of a name. */
static bool ends_raw(slice s, slice name)
{
	if (!slice_starts(s, S("</")) || !slice_istarts(slice_skip(s, 2), name))
		return false;
	slice behind = slice_skip(s, 2 + name.n);
	return !behind.n || is_space(behind.p[0]) || behind.p[0] == '/' || behind.p[0] == '>';
}

/* All up to the end tag of the element that holds raw text. */
static bool read_raw(struct html_tokens *t, struct html_token *ret)
{
	slice name = html_tag_name(t->raw);
	size_t at = 0;
	while (at < t->rest.n &&
		(t->raw == HTML_TAG_PLAINTEXT || !ends_raw(slice_skip(t->rest, at), name))) {
		size_t step = slice_index(slice_skip(t->rest, at + 1), '<');
		at += 1 + step;
	}
	ret->kind = HTML_TOKEN_TEXT;
	ret->text = slice_first(t->rest, at);
	ret->tag = t->raw;
	ret->entities = html_tag_traits(t->raw) & HTML_RCDATA;
	t->rest = slice_skip(t->rest, at);
	t->raw = HTML_TAG_OTHER;
	return ret->text.n > 0;
}

/* Where the next markup begins: '<' and a letter, '/', '!' or '?'. */
static size_t text_length(slice s)
{
	size_t at = 0;
	for (;;) {
		at += slice_index(slice_skip(s, at), '<');
		if (at + 1 >= s.n)
			return s.n;
		char c = s.p[at + 1];
		if (is_letter(c) || c == '!' || c == '?' || c == '/')
			return at;
		at++;
	}
}

static void read_markup(struct html_tokens *t, struct html_token *ret)
{
	struct reader r = {t->rest.p + 1, t->rest.p + t->rest.n};
	bool end = *r.p == '/';
	if (*r.p == '!') {
		r.p++;
		read_declaration(&r, ret);
	} else if (*r.p == '?') {
		read_bogus(&r, ret);
	} else if (end && (r.p + 1 == r.end || !is_letter(r.p[1]))) {
		r.p++;
		read_bogus(&r, ret);
	} else {
		r.p += end;
		bool whole = read_tag(&r, ret);
		ret->kind = !whole ? HTML_TOKEN_CUT : end ? HTML_TOKEN_END : HTML_TOKEN_START;
		if (!whole)
			ret->text = t->rest;
	}
	t->rest = slice_of(r.p, (size_t)(r.end - r.p));
}

bool html_token_next(struct html_tokens *t, struct html_token *ret)
{
	ret->text = (slice){0};
	ret->name = (slice){0};
	ret->tag = HTML_TAG_OTHER;
	ret->nattributes = 0;
	ret->self_closing = ret->dropped = false;
	ret->entities = true;
	if (t->raw != HTML_TAG_OTHER && read_raw(t, ret))
		return true;
	if (!t->rest.n)
		return false;
	size_t n = text_length(t->rest);
	if (n) {
		ret->kind = HTML_TOKEN_TEXT;
		ret->text = slice_first(t->rest, n);
		t->rest = slice_skip(t->rest, n);
		return true;
	}
	read_markup(t, ret);
	if (ret->kind == HTML_TOKEN_START && html_tag_traits(ret->tag) & (HTML_RAW | HTML_RCDATA))
		t->raw = ret->tag;
	return true;
}

slice html_attribute(const struct html_token *t, slice name)
{
	for (unsigned i = 0; i < t->nattributes; i++)
		if (t->attributes[i].name.n == name.n && slice_ieq(t->attributes[i].name, name))
			return t->attributes[i].value;
	return (slice){0};
}
