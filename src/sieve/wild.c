/*
 * The patterns of :matches (RFC 5228 section 2.7.1): * is any run of characters, ? is one, a backslash takes the meaning of the
 * next. Each piece between two stars is looked for where it stands first; the last one stands at the end. Nothing is tried
 * twice, so no pattern makes it slow: the work is at most pattern times value, and counted. That also gives each
 * star the shortest text that it can have, from the left, which is what values ${1} ... are (RFC 5229 section 3.2).
 */
#include "sieve/impl.h"

struct atom {
	bool any; /* ? */
	slice text; /* the character */
};
struct wild {
	struct run *r;
	bool bytes; /* a character is an octet */
	slice *ret;
	unsigned n;
};

static size_t char_length(const struct wild *w, slice s)
{
	size_t n = 1;
	if (!w->bytes && ((unsigned char)s.p[0] & 0xc0) == 0xc0)
		while (n < s.n && n < 4 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
			n++;
	return n;
}

/* Cuts one literal character or ? off the front; false at a star or the end. */
static bool next_atom(const struct wild *w, slice *pattern, struct atom *ret)
{
	if (!pattern->n || pattern->p[0] == '*')
		return false;
	ret->any = pattern->p[0] == '?';
	if (pattern->p[0] == '\\' && pattern->n > 1)
		*pattern = slice_skip(*pattern, 1);
	size_t n = char_length(w, *pattern);
	ret->text = slice_first(*pattern, n);
	*pattern = slice_skip(*pattern, n);
	return true;
}

static void note(struct wild *w, slice value)
{
	if (w->n < SIEVE_MATCH_VALUES)
		w->ret[w->n++] = value;
}

/* Does the piece (up to a star) stand at the front of value? Then both move on, and its ? are values. */
static bool piece_here(struct wild *w, slice *pattern, slice *value)
{
	struct atom a;
	slice p = *pattern, v = *value;
	unsigned before = w->n;
	while (next_atom(w, &p, &a)) {
		if (!v.n || (!a.any && !slice_starts(v, a.text))) {
			w->n = before;
			sieve_run_look(w->r, (size_t)(p.p - pattern->p));
			return false;
		}
		size_t n = a.any ? char_length(w, v) : a.text.n;
		if (a.any)
			note(w, slice_first(v, n));
		v = slice_skip(v, n);
	}
	*pattern = p;
	*value = v;
	return true;
}

/* Where the piece could begin: the next place of its first character. */
static bool piece_could(struct wild *w, slice pattern, slice *value)
{
	struct atom a;
	if (!next_atom(w, &pattern, &a) || a.any)
		return value->n > 0;
	const char *at = value->n ? memchr(value->p, a.text.p[0], value->n) : NULL;
	if (at)
		*value = slice_skip(*value, (size_t)(at - value->p));
	return at != NULL;
}

static size_t piece_length(const struct wild *w, slice pattern)
{
	struct atom a;
	size_t n = 0;
	while (next_atom(w, &pattern, &a))
		n++;
	sieve_run_look(w->r, pattern.p ? n : 0);
	return n;
}

/* The last piece stands at the very end: its place is found by counting characters back. */
static bool piece_last(struct wild *w, slice pattern, slice value)
{
	size_t chars = piece_length(w, pattern), at = value.n;
	unsigned star;
	for (; chars && at; chars--) {
		at--;
		while (!w->bytes && at && ((unsigned char)value.p[at] & 0xc0) == 0x80)
			at--;
	}
	slice rest = slice_skip(value, at), p = pattern;
	star = w->n;
	note(w, slice_first(value, at));
	if (!chars && piece_here(w, &p, &rest) && !rest.n)
		return true;
	w->n = star;
	return false;
}

/* A piece between two stars: at its first place behind `value`. */
static bool piece_somewhere(struct wild *w, slice *pattern, slice *value)
{
	slice v = *value;
	unsigned star = w->n;
	note(w, (slice){0});
	unsigned first = w->n;
	bool empty = piece_length(w, *pattern) == 0;
	while (sieve_run_look(w->r, 1)) {
		slice p = *pattern, start;
		if (!empty && !piece_could(w, p, &v))
			break;
		start = v;
		if (piece_here(w, &p, &v)) {
			if (star < first)
				w->ret[star] = slice_first(*value, (size_t)(start.p - value->p));
			*pattern = p;
			*value = v;
			return true;
		}
		v = slice_skip(start, char_length(w, start));
	}
	w->n = star;
	return false;
}

bool sieve_wild_match(
	struct run *r, slice pattern, slice value, bool bytes, slice *ret, unsigned *ret_n)
{
	struct wild w = {.r = r, .bytes = bytes, .ret = ret, .n = 1};
	slice whole = value;
	if (!value.p)
		value = whole = S("");
	if (!sieve_run_look(r, pattern.n + value.n) || !piece_here(&w, &pattern, &value))
		return false;
	bool good = !pattern.n && !value.n;
	while (pattern.n && run_on(r)) {
		pattern = slice_skip(pattern, 1); /* the star */
		slice rest = pattern;
		struct atom a;
		while (next_atom(&w, &rest, &a))
			;
		if (!rest.n) {
			good = piece_last(&w, pattern, value);
			break;
		}
		if (!piece_somewhere(&w, &pattern, &value))
			break;
	}
	ret[0] = whole;
	*ret_n = w.n;
	return good && run_on(r);
}
