/*
 * Addresses as they stand in From:, To: and their like, read with the patience of RFC 5322
 * section 4.4: groups, comments, display names of any making, routes, blanks within an address,
 * missing brackets. For showing, searching, rules and reply addresses; never for the envelope
 * (address.c).
 *
 * One pass over tokens. For each address it keeps what was said outside the brackets (phrase),
 * within them (angle), in comments, and whether brackets came at all.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/address.h"
#include "codec/words.h"

enum { PIECE_MAX = 16 * 1024 }; /* of one display name or address; the rest is dropped */

struct reader {
	slice in;
	struct arena *a;
	struct buf phrase; /* words as written, one space between, quotes undone */
	struct buf spec; /* the last run of words that could be local@domain */
	struct buf comment; /* text of comments */
	size_t spec_at; /* where in phrase that run began */
	bool angle, in_angle, blank;
	bool has_at, spec_joins; /* of spec: holds an @; ends in a dot or an @ */
	bool at_behind; /* an @ behind the brackets */
	slice group;
	bool in_group;
	struct header_address *list;
	size_t n, cap;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
	return c && strchr("()<>[]:;@,.\"\\", c) != NULL;
}

/* A comment with those inside it; its text without the outer parentheses. */
static void read_comment(struct reader *r)
{
	int depth = 0;
	if (r->comment.n)
		buf_byte(&r->comment, ' ');
	do {
		char c = r->in.p[0];
		r->in = slice_skip(r->in, 1);
		if (c == '(' && depth++ == 0)
			continue;
		if (c == ')' && --depth == 0)
			return;
		if (c == '\\' && r->in.n) {
			c = r->in.p[0];
			r->in = slice_skip(r->in, 1);
		}
		buf_byte(&r->comment, c);
	} while (r->in.n);
}

/* The length of a quoted string with its quotes; an open one ends with the field. */
static size_t quoted_length(slice s)
{
	size_t i = 1;
	while (i < s.n && s.p[i] != '"')
		i += s.p[i] == '\\' ? 2 : 1;
	return i < s.n ? i + 1 : s.n;
}

static void put_unquoted(struct buf *out, slice quoted)
{
	slice s = slice_skip(quoted, 1);
	if (s.n && s.p[s.n - 1] == '"')
		s.n--;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		buf_byte(out, s.p[i]);
	}
}

static void reset_spec(struct reader *r)
{
	buf_reset(&r->spec);
	r->has_at = r->spec_joins = false;
}

/*
 * A word, a dot or an @ that may be part of local@domain. Behind white space a word starts a new
 * run, unless a dot or an @ stands on one side (obs-local-part, obs-domain).
 */
static void feed_spec(struct reader *r, slice token)
{
	bool joiner = token.n == 1 && (token.p[0] == '.' || token.p[0] == '@');
	if (r->blank && !joiner && !r->spec_joins && r->spec.n) {
		if (r->has_at)
			return; /* junk behind a whole address */
		reset_spec(r);
		r->spec_at = r->phrase.n;
	}
	buf_put(&r->spec, token);
	r->has_at |= token.p[0] == '@';
	r->spec_joins = joiner;
}

static void feed_phrase(struct reader *r, slice token)
{
	if (r->angle)
		return;
	if (r->blank && r->phrase.n)
		buf_byte(&r->phrase, ' ');
	if (token.p[0] == '"')
		put_unquoted(&r->phrase, token);
	else
		buf_put(&r->phrase, token);
}

static void take_word(struct reader *r, size_t n)
{
	slice token = slice_first(r->in, n);
	r->in = slice_skip(r->in, n);
	if (r->in_angle || !r->angle)
		feed_spec(r, token);
	else
		r->at_behind |= token.p[0] == '@';
	feed_phrase(r, token);
	r->blank = false;
}

static slice decoded(struct reader *r, slice raw)
{
	AUTO(buf) struct buf out = BUF(PIECE_MAX);
	words_decode(&out, slice_trim(raw));
	return arena_dup(r->a, slice_trim(buf_slice(&out)));
}

static struct header_address *append(struct reader *r)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 4;
		struct header_address *list = ARENA_ARRAY(r->a, struct header_address, cap);
		if (r->n)
			memcpy(list, r->list, r->n * sizeof *list);
		r->list = list;
		r->cap = cap;
	}
	struct header_address *h = &r->list[r->n++];
	*h = (struct header_address){.group = r->group};
	return h;
}

static slice lower(slice s, struct arena *a)
{
	slice copy = arena_dup(a, s);
	for (size_t i = 0; i < copy.n; i++)
		((char *)copy.p)[i] = ascii_lower(copy.p[i]);
	return copy;
}

static bool has_two_ats(slice spec)
{
	unsigned ats = 0;
	while (spec.n) {
		ats += spec.p[0] == '@';
		spec = slice_skip(spec, spec.p[0] == '"' ? quoted_length(spec) : 1);
	}
	return ats > 1;
}

/* local@domain out of the collected words, whatever they are. */
static void fill_address(struct reader *r, struct header_address *h)
{
	slice local = buf_slice(&r->spec), domain = {0};
	if (local.n && local.p[0] == '@') /* source route: behind its colon is what counts */
		local = slice_skip(local, slice_index(local, ':') + 1);
	h->odd = r->at_behind || has_two_ats(local);
	address_split(local, &local, &domain);
	AUTO(buf) struct buf clean = BUF(3 * PIECE_MAX);
	utf8_scrub(&clean, address_local_value(local, r->a));
	h->local = arena_dup(r->a, buf_slice(&clean));
	buf_reset(&clean);
	utf8_scrub(&clean, domain);
	h->domain = lower(buf_slice(&clean), r->a);
	struct address strict;
	if (h->domain.n) {
		h->address = address_join(h->local, h->domain, r->a);
		h->valid = address_parse(h->address, true, &strict) == ADDRESS_FINE;
	} else {
		h->address = h->local;
	}
}

static void finish(struct reader *r)
{
	if (r->spec.n || r->angle) {
		struct header_address *h = append(r);
		fill_address(r, h);
		slice name = buf_slice(&r->phrase);
		if (!r->angle)
			name = h->domain.n ? slice_first(name, r->spec_at) : (slice){0};
		h->display = decoded(r, slice_trim(name).n ? name : buf_slice(&r->comment));
	}
	buf_reset(&r->phrase);
	reset_spec(r);
	buf_reset(&r->comment);
	r->spec_at = 0;
	r->angle = r->in_angle = r->blank = r->at_behind = false;
}

static void open_group(struct reader *r)
{
	r->group = decoded(r, buf_slice(&r->phrase));
	r->in_group = true;
	reset_spec(r);
	finish(r);
}

static void close_group(struct reader *r, size_t members_from)
{
	finish(r);
	if (r->in_group && r->n == members_from)
		append(r); /* "undisclosed-recipients:;" */
	r->in_group = false;
	r->group = (slice){0};
}

static void take_special(struct reader *r, size_t *members_from)
{
	char c = r->in.p[0];
	if (c == '@' || c == '.' || (c == ':' && r->in_angle)) {
		take_word(r, 1);
		return;
	}
	r->in = slice_skip(r->in, 1);
	if (c == ',' && r->in_angle && r->spec.n && r->spec.p[0] == '@') {
		return; /* between the hosts of a source route */
	} else if (c == ',') {
		finish(r);
	} else if (c == ';') {
		close_group(r, *members_from);
	} else if (c == ':' && !r->in_group && !r->angle && !r->has_at) {
		open_group(r);
		*members_from = r->n;
	} else if (c == '<') {
		if (r->angle && r->spec.n) /* a second address without a comma between */
			finish(r);
		r->angle = r->in_angle = true;
		reset_spec(r);
	} else if (c == '>') {
		r->in_angle = false;
	}
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

size_t header_addresses(slice value, struct arena *a, struct header_address **ret)
{
	struct reader r = {.in = value,
		.a = a,
		.phrase = BUF(PIECE_MAX),
		.spec = BUF(PIECE_MAX),
		.comment = BUF(PIECE_MAX)};
	size_t members_from = 0;
	while (r.in.n && r.n < HEADER_ADDRESSES_MAX) {
		char c = r.in.p[0];
		if (is_blank(c)) {
			r.in = slice_skip(r.in, 1);
			r.blank = true;
		} else if (c == '(') {
			read_comment(&r);
			r.blank = true;
		} else if (c == '"') {
			take_word(&r, quoted_length(r.in));
		} else if (c == '[') {
			take_word(&r, literal_length(r.in));
		} else if (is_special(c) && c != '\\') {
			take_special(&r, &members_from);
		} else {
			take_word(&r, atom_length(r.in));
		}
	}
	if (r.in_group)
		close_group(&r, members_from);
	else
		finish(&r);
	buf_done(&r.phrase);
	buf_done(&r.spec);
	buf_done(&r.comment);
	*ret = r.list;
	return r.n;
}
