/*
 * Addresses as IMAP's ENVELOPE wants them (RFC 9051 7.5.2; RFC 5322 3.4 and 4.4 with the patience of
 * address_header.c): names as written but for their quotes, source routes, groups with a beginning and an end.
 * Made while a summary is built. Not for judging addresses: codec/address.h.
 *
 * One pass over tokens. Texts are collected in memory as large as the field, so nothing can overflow.
 */
#include "codec/address.h"
#include "codec/summary_impl.h"

struct text {
	char *p;
	size_t n;
};
struct reader {
	struct summary_writer *w;
	slice in;
	struct text phrase; /* words as written, one space between, quotes undone */
	struct text spec; /* the last run of words that could be local@domain */
	struct text comment;
	size_t spec_at; /* where in phrase that run began */
	bool angle, in_angle, blank, in_group;
	bool has_at, spec_joins; /* of spec: holds an @; ends in a dot or an @ */
	size_t *room;
};

static void add(struct text *t, slice s)
{
	if (s.n)
		memcpy(t->p + t->n, s.p, s.n);
	t->n += s.n;
}

static slice text_of(const struct text *t)
{
	return slice_of(t->p, t->n);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
	return c && strchr("()<>[]:;@,.\"", c) != NULL;
}

/* ---- writing ---- */

static void put_texts(struct reader *r, slice name, slice route, slice mailbox, slice host)
{
	struct summary_writer *w = r->w;
	const slice v[] = {name, route, mailbox, host};
	unsigned what = ADDRESS_IS;
	if (!*r->room) {
		w->flags |= SUMMARY_CUT;
		return;
	}
	--*r->room;
	for (unsigned i = 0; i < 4; i++)
		what |= v[i].p ? 1u << i : 0;
	buf_byte(&w->b, (char)what);
	for (unsigned i = 0; i < 4; i++)
		if (v[i].p)
			summary_put_text(w, summary_field(w, v[i]));
}

/* Behind the last @ that stands in no quotes. False: there is none. */
static bool split(slice spec, slice *ret_local, slice *ret_host)
{
	size_t at = spec.n;
	bool quoted = false;
	for (size_t i = 0; i < spec.n; i++) {
		if (spec.p[i] == '\\')
			i++;
		else if (spec.p[i] == '"')
			quoted = !quoted;
		else if (spec.p[i] == '@' && !quoted)
			at = i;
	}
	*ret_local = slice_first(spec, at);
	*ret_host = at < spec.n ? slice_skip(spec, at + 1) : S("");
	return at < spec.n;
}

static void put_address(struct reader *r)
{
	slice spec = text_of(&r->spec), phrase = slice_trim(text_of(&r->phrase)), route = {0},
	      local, host;
	if (spec.n && spec.p[0] == '@' && slice_index(spec, ':') < spec.n) {
		route = slice_first(spec, slice_index(spec, ':'));
		spec = slice_skip(spec, route.n + 1);
	}
	bool whole = split(spec, &local, &host);
	if (!r->angle)
		phrase = slice_trim(
			slice_first(text_of(&r->phrase), whole ? r->spec_at : r->phrase.n));
	if (!r->angle && !whole) { /* a name alone */
		local = phrase;
		phrase = (slice){0};
	}
	slice name = phrase.n ? phrase : slice_trim(text_of(&r->comment));
	put_texts(r, name.n ? name : (slice){0}, route, address_local_value(local, r->w->a), host);
}

static void forget(struct reader *r)
{
	r->phrase.n = r->spec.n = r->comment.n = r->spec_at = 0;
	r->angle = r->in_angle = r->blank = r->has_at = r->spec_joins = false;
}

static void finish(struct reader *r)
{
	if (r->spec.n || r->angle)
		put_address(r);
	forget(r);
}

static void open_group(struct reader *r)
{
	put_texts(r, (slice){0}, (slice){0}, slice_trim(text_of(&r->phrase)), (slice){0});
	r->in_group = true;
	forget(r);
}

static void close_group(struct reader *r)
{
	finish(r);
	if (r->in_group) /* its end is kept also behind the last address that fits */
		buf_byte(&r->w->b, (char)ADDRESS_IS);
	r->in_group = false;
}

/* ---- reading ---- */

/* A comment with those inside it; its text without the outer parentheses. */
static void read_comment(struct reader *r)
{
	size_t i = 0, depth = 0;
	if (r->comment.n)
		add(&r->comment, S(" "));
	for (; i < r->in.n; i++) {
		char c = r->in.p[i];
		if (c == '(' && depth++ == 0)
			continue;
		if (c == ')' && --depth == 0)
			break;
		if (c == '\\' && i + 1 < r->in.n)
			i++;
		add(&r->comment, slice_of(r->in.p + i, 1));
	}
	r->in = slice_skip(r->in, i + 1);
	r->blank = true;
}

/* A word, a dot or an @ that may be part of local@domain. Behind a blank a word starts a new run, unless a dot or
 * an @ stands on one side (obs-local-part, obs-domain). */
static void feed_spec(struct reader *r, slice token)
{
	bool joiner = token.n == 1 && (token.p[0] == '.' || token.p[0] == '@');
	if (r->blank && !joiner && !r->spec_joins && r->spec.n) {
		if (r->has_at)
			return; /* junk behind a whole address */
		r->spec.n = 0;
		r->spec_at = r->phrase.n;
	}
	add(&r->spec, token);
	r->has_at |= token.p[0] == '@';
	r->spec_joins = joiner;
}

static void feed_phrase(struct reader *r, slice token)
{
	if (r->angle)
		return;
	if (r->blank && r->phrase.n)
		add(&r->phrase, S(" "));
	if (token.p[0] != '"') {
		add(&r->phrase, token);
		return;
	}
	token = slice_skip(token, 1);
	token.n -= token.n && token.p[token.n - 1] == '"';
	for (size_t i = 0; i < token.n; i++) {
		i += token.p[i] == '\\' && i + 1 < token.n;
		add(&r->phrase, slice_of(token.p + i, 1));
	}
}

static void take_word(struct reader *r, size_t n)
{
	slice token = slice_first(r->in, n);
	r->in = slice_skip(r->in, n);
	if (r->in_angle || !r->angle)
		feed_spec(r, token);
	feed_phrase(r, token);
	r->blank = false;
}

static void take_special(struct reader *r)
{
	char c = r->in.p[0];
	bool routed = r->in_angle && r->spec.n && r->spec.p[0] == '@';
	if (c == '@' || c == '.' || (c == ':' && r->in_angle) || (c == ',' && routed)) {
		take_word(r, 1);
		return;
	}
	r->in = slice_skip(r->in, 1);
	if (c == ',') {
		finish(r);
	} else if (c == ';') {
		close_group(r);
	} else if (c == ':' && !r->in_group && !r->angle && !r->has_at) {
		open_group(r);
	} else if (c == '<') {
		if (r->angle && r->spec.n) /* a second address without a comma between */
			finish(r);
		r->angle = r->in_angle = true;
		r->spec.n = 0;
		r->has_at = r->spec_joins = false;
	} else if (c == '>') {
		r->in_angle = false;
	}
}

/* The length of a quoted string with its quotes; an open one ends with the field. */
static size_t quoted_length(slice s)
{
	size_t i = 1;
	while (i < s.n && s.p[i] != '"')
		i += s.p[i] == '\\' ? 2 : 1;
	return i < s.n ? i + 1 : s.n;
}

static size_t atom_length(slice s)
{
	size_t i = 1;
	while (i < s.n && !is_blank(s.p[i]) && !is_special(s.p[i]))
		i++;
	return i;
}

static size_t literal_length(slice s)
{
	size_t close = slice_index(s, ']');
	return close < s.n ? close + 1 : s.n;
}

void summary_put_addresses(struct summary_writer *w, slice value, size_t *room)
{
	struct reader r = {.w = w, .in = slice_trim(value), .room = room};
	char *mem = arena_alloc(w->a, 3 * (value.n + 1));
	r.phrase.p = mem;
	r.spec.p = mem + value.n + 1;
	r.comment.p = mem + 2 * (value.n + 1);
	while (r.in.n && (*room || r.in_group)) {
		char c = r.in.p[0];
		if (is_blank(c)) {
			r.in = slice_skip(r.in, 1);
			r.blank = true;
		} else if (c == '(') {
			read_comment(&r);
		} else if (c == '"') {
			take_word(&r, quoted_length(r.in));
		} else if (c == '[') {
			take_word(&r, literal_length(r.in));
		} else if (is_special(c) && c != '[') {
			take_special(&r);
		} else {
			take_word(&r, atom_length(r.in));
		}
	}
	if (r.in.n)
		w->flags |= SUMMARY_CUT;
	if (r.in_group)
		close_group(&r);
	else
		finish(&r);
}
