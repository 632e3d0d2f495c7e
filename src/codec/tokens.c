/*
 * Folded texts cut into tokens with positions: see tokens.h. Used by the index for texts and for queries alike; what follows from a
 * piece of a text is the same wherever the piece was cut out, but for its first and last token.
 */
#include "codec/tokens.h"

#include "base/utf8.h"
#include "codec/tokens_table.h"

enum { GAP = 8 }; /* between texts that a phrase must not cross */

enum edge { /* what stands beside the place between two tokens */
	EDGE_NONE,
	EDGE_WORD,
	EDGE_SINGLE,
	EDGE_SIGN, /* to which the next token is usually glued */
	EDGE_STOP, /* behind which a blank is usual */
	EDGE_START, /* before which it is, behind a word */
	EDGE_WITHIN, /* of a run that was cut */
};

static uint32_t first_of(slice s, size_t *ret_n)
{
	uint32_t cp = (unsigned char)*s.p;
	if (cp < 0x80) {
		*ret_n = 1;
		return cp;
	}
	slice rest = s;
	utf8_next(&rest, &cp);
	*ret_n = s.n - rest.n;
	return cp;
}

static bool goes_on(enum tokens_class first, enum tokens_class c)
{
	switch (first) {
	case TC_WORD:
	case TC_MARK:
		return c == TC_WORD || c == TC_MARK;
	case TC_CLUSTER:
		return c == TC_MARK;
	case TC_SIGN:
		return c == TC_SIGN;
	default:
		return false;
	}
}

/* Bytes of the token at the front of s; classes of its first and its last character. */
static size_t length(const struct tokens_table *t, slice s, enum tokens_class *ret_first,
	enum tokens_class *ret_last, bool *ret_more)
{
	size_t n, k;
	enum tokens_class first = tokens_class(t, first_of(s, &n));
	*ret_first = *ret_last = first;
	*ret_more = false;
	while (n < s.n) {
		enum tokens_class c = tokens_class(t, first_of(slice_skip(s, n), &k));
		if (!goes_on(first, c))
			break;
		if (n + k > TOKEN_MAX) {
			*ret_more = true;
			break;
		}
		*ret_last = c;
		n += k;
	}
	return n;
}

/* The end of what is before, the beginning of what is behind. The signs are as common texts have them. */
static enum edge end_of(enum tokens_class c, char last)
{
	if (c == TC_WORD || c == TC_MARK)
		return EDGE_WORD;
	if (c == TC_SINGLE || c == TC_CLUSTER)
		return EDGE_SINGLE;
	return memchr(",;!?)]}>:=+|", last, 12) ? EDGE_STOP : EDGE_SIGN;
}

static enum edge start_of(enum tokens_class c, char first)
{
	if (c != TC_SIGN)
		return end_of(c, 0);
	return memchr("<>+*|={$#", first, 9) ? EDGE_START : EDGE_SIGN;
}

static bool blank_is_usual(enum edge before, enum edge behind)
{
	if (before == EDGE_SINGLE || behind == EDGE_SINGLE)
		return false;
	if (before == EDGE_WORD)
		return behind == EDGE_WORD || behind == EDGE_START;
	return before == EDGE_STOP || behind != EDGE_WORD;
}

/* Past blanks and gaps: is the joint unusual? */
static bool joint(struct tokens *t, const struct tokens_table *table)
{
	bool blank = false, gap = false;
	size_t n;
	while (t->rest.n && (*t->rest.p == ' ' || *t->rest.p == 1)) {
		blank |= *t->rest.p == ' ';
		gap |= *t->rest.p == 1;
		t->rest = slice_skip(t->rest, 1);
	}
	unsigned before = t->before;
	t->before = EDGE_NONE;
	if (!t->rest.n)
		return false;
	if (before == EDGE_WITHIN) {
		t->at++;
		return false;
	}
	if (gap)
		t->at += GAP;
	else if (before)
		t->at++;
	return before && !gap &&
	       blank != blank_is_usual(before,
				start_of(tokens_class(table, first_of(t->rest, &n)), *t->rest.p));
}

bool token_next(struct tokens *t, struct token *ret)
{
	static const enum token_kind kinds[] = {[TC_SIGN] = TOKEN_SIGN,
		[TC_WORD] = TOKEN_WORD,
		[TC_MARK] = TOKEN_WORD,
		[TC_CLUSTER] = TOKEN_CLUSTER,
		[TC_SINGLE] = TOKEN_SINGLE};
	const struct tokens_table *table = tokens_table();
	enum tokens_class c, last;
	if (joint(t, table)) {
		*ret = (struct token){S(" "), t->at++, TOKEN_JOINT, false};
		return true;
	}
	if (!t->rest.n)
		return false;
	bool more;
	size_t n = length(table, t->rest, &c, &last, &more);
	*ret = (struct token){slice_first(t->rest, n), t->at, kinds[c], more};
	t->before = more ? EDGE_WITHIN : end_of(last, t->rest.p[n - 1]);
	if (more)
		for (n -= TOKEN_OVERLAP; ((unsigned char)t->rest.p[n] & 0xc0) == 0x80;)
			n--;
	t->rest = slice_skip(t->rest, n);
	return true;
}
