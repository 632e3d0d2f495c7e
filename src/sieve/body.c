/*
 * The test body (RFC 5173): :raw, :content, :text. :text is what people read: text parts in UTF-8, HTML without its tags.
 */
#include "codec/html_strip.h"
#include "sieve/impl.h"

/* RFC 5173 section 5.2: "" all, "text" a type, "text/plain" one; with other slashes: nothing. */
static bool wanted(slice type, slice spec)
{
	size_t slash = slice_index(spec, '/');
	if (!spec.n)
		return true;
	if (slash == 0 || slash + 1 == spec.n ||
		slice_index(slice_skip(spec, slash + 1), '/') + slash + 1 < spec.n)
		return false;
	return slash < spec.n ? slice_ieq(type, spec)
			      : slice_ieq(slice_first(type, slice_index(type, '/')), spec);
}

static bool any_wanted(struct run *r, slice type, const slice *specs, size_t n)
{
	sieve_run_spend(r, 1);
	for (size_t i = 0; i < n; i++)
		if (wanted(type, specs[i]))
			return true;
	return false;
}

/* Before the first delimiter, behind the last one. */
static bool match_around(struct matching *m, const struct mime *mime, size_t i)
{
	const struct mime_part *p = &mime->v[i];
	slice body = p->body, delimiter = mime_param(&p->type, S("boundary"));
	slice first = slice_first(body, 0), rest = body;
	AUTO(buf) struct buf line = BUF(delimiter.n + 4);
	buf_printf(&line, "--%.*s", SFMT(delimiter));
	bool opened = false;
	while (rest.n) {
		size_t n = slice_index(rest, '\n');
		bool at = slice_starts(rest, buf_slice(&line));
		slice before = slice_first(body, (size_t)(rest.p - body.p));
		bool last = at && slice_starts(slice_skip(rest, line.n), S("--"));
		rest = slice_skip(rest, n + 1);
		if (at && !opened) {
			first = before;
			opened = true;
		}
		if (last)
			break;
	}
	return sieve_match_value(m, first) || (rest.n && sieve_match_value(m, rest));
}

static slice without_empty_line(slice header)
{
	if (slice_ends(header, S("\n\r\n")))
		header.n -= 2;
	else if (slice_ends(header, S("\n\n")))
		header.n -= 1;
	return header;
}

static bool bad_type(const struct mime_part *p)
{
	slice rest = p->type.main, part;
	unsigned parts = 0;
	while (slice_cut(&rest, '/', &part))
		parts++;
	return p->type_given && ((p->defects & MIME_BAD_TYPE) || parts != 2);
}

static void match_content(struct run *r, const struct node *n, struct matching *m)
{
	size_t nspecs;
	const struct mime *mime = sieve_run_mime(r);
	slice *specs = sieve_run_strings(r, sieve_node_tag(n, TAG_CONTENT, NULL), &nspecs);
	for (size_t i = 0; i < mime->n && run_on(r); i++) {
		const struct mime_part *p = &mime->v[i];
		bool enough, text = mime_is(p, S("text"), (slice){0});
		if (bad_type(p) || !any_wanted(r, p->type.main, specs, nspecs))
			continue;
		if (p->multipart)
			enough = match_around(m, mime, i);
		else if (p->message && i + 1 < mime->n)
			enough = sieve_match_value(m, without_empty_line(mime->v[i + 1].header));
		else
			enough = p->encoding != MIME_UNKNOWN &&
				 sieve_match_value(m, text ? sieve_run_part_text(r, i)
							   : sieve_run_decoded(r, i));
		if (enough)
			break;
	}
}

static bool is_html(const struct mime_part *p)
{
	return mime_is(p, S("text"), S("html")) || mime_is(p, S("application"), S("xhtml+xml"));
}

static void match_text(struct run *r, struct matching *m)
{
	const struct mime *mime = sieve_run_mime(r);
	for (size_t i = 0; i < mime->n && run_on(r); i++) {
		const struct mime_part *p = &mime->v[i];
		bool html = is_html(p);
		if (bad_type(p) || p->encoding == MIME_UNKNOWN ||
			(!html && !mime_is(p, S("text"), (slice){0})))
			continue;
		slice text = sieve_run_part_text(r, i);
		AUTO(buf) struct buf out = BUF(text.n * 2 + 64);
		struct html_strip strip = {0};
		if (html && sieve_run_look(r, text.n)) {
			html_strip(&strip, text, &out);
			text = out.p ? buf_slice(&out) : S("");
		}
		if (sieve_match_value(m, text))
			break;
	}
}

static void match_raw(struct run *r, struct matching *m)
{
	size_t n = header_length(r->message);
	slice header = slice_first(r->message, n);
	bool ended = slice_ends(header, S("\n\r\n")) || slice_ends(header, S("\n\n")) ||
		     slice_eq(header, S("\r\n"));
	if (ended)
		sieve_match_value(m, slice_skip(r->message, n));
}

static bool holds_body(struct run *r, const struct node *n)
{
	struct matching m;
	sieve_match_begin(&m, r, n, n->pos[0]);
	m.no_values = true;
	if (node_has(n, TAG_RAW))
		match_raw(r, &m);
	else if (node_has(n, TAG_CONTENT))
		match_content(r, n, &m);
	else
		match_text(r, &m);
	return sieve_match_end(&m);
}

static const struct tag tags[] = {
	{S_INIT("raw"), TAG_RAW, EXT_BODY, 0, 1},
	{S_INIT("content"), TAG_CONTENT, EXT_BODY, 'S', 1},
	{S_INIT("text"), TAG_TEXT, EXT_BODY, 0, 1},
	{{0}, 0, 0, 0, 0},
};

const struct word sieve_words_body[] = {
	{.name = S_INIT("body"),
		.ext = EXT_BODY,
		.test = true,
		.takes = TAKES_MATCH,
		.params = {{'S', false, "key list", "关键字列表"}},
		.tags = tags,
		.holds = holds_body},
	{.name = {0}},
};
