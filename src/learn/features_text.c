/*
 * Features of the text: words, pairs of words (Siefkes, Assis, Chhabra, Yerazunis 2004: orthogonal
 * sparse bigrams), pairs and triples of Chinese characters, character n-grams.
 *
 * Left out: addresses and URLs (they have their own group or say who the recipient is), numbers
 * (only their shape counts), and the footers of mailing lists, which say through which list a
 * message came, not what it is.
 */
#include "base/utf8.h"
#include "learn/features_parts.h"

enum { WORD_MAX = 24, FOOTER_MAX = 900, FOOTER_RULE = 10, PAIR_WINDOW = 4, DIGITS_KEPT = 2 };

enum letter { BLANK, MARK, LETTER, IDEOGRAPH, SIGN };

/* Of code points beyond ASCII. */
static enum letter wide_kind(uint32_t c)
{
	if ((c >= 0x2e80 && c <= 0x2fdf) || (c >= 0x3040 && c <= 0x30ff) ||
		(c >= 0x3400 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7af) ||
		(c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff))
		return IDEOGRAPH;
	if (c == 0xa0 || c == 0x3000 || (c >= 0x2000 && c <= 0x200f))
		return BLANK;
	if (c == 0xa3 || c == 0xa5 || (c >= 0x20a0 && c <= 0x20bf))
		return SIGN; /* money */
	if (c < 0xc0 || (c >= 0x2010 && c <= 0x206f) || (c >= 0x3001 && c <= 0x303f) ||
		(c >= 0xff00 && c <= 0xff0f))
		return MARK;
	if ((c >= 0x2100 && c <= 0x2bff) || c >= 0x1f000)
		return SIGN; /* arrows, stars, pictures */
	return LETTER;
}

static enum letter kind_of(slice *s)
{
	unsigned char c = (unsigned char)*s->p;
	uint32_t cp;
	if (c >= 128) {
		utf8_next(s, &cp);
		return wide_kind(cp);
	}
	*s = slice_skip(*s, 1);
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'))
		return LETTER;
	if (c <= ' ')
		return BLANK;
	return c == '$' ? SIGN : MARK;
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "12,345.00" and "2024" are their shapes; long strings only their length. */
static uint64_t word_hash(slice w)
{
	char shape[WORD_MAX];
	size_t digits = 0;
	if (w.n > WORD_MAX)
		return learn_hash(3, slice_of(&(char){(char)(w.n / 16)}, 1));
	for (size_t i = 0; i < w.n; i++)
		digits += digit(w.p[i]);
	if (digits <= DIGITS_KEPT)
		return learn_hash(2, w);
	for (size_t i = 0; i < w.n; i++)
		shape[i] = digit(w.p[i]) ? '#' : w.p[i];
	return learn_hash(2, slice_of(shape, w.n));
}

/* Something of a URL or an address: a run without blanks that holds "://" or an @ between letters.
 */
static bool is_place(slice run)
{
	size_t at = slice_index(run, '@');
	return slice_find(run, S("://")) < run.n || slice_starts(run, S("www.")) ||
	       (at > 0 && at + 3 < run.n);
}

/* ASCII without blanks and what ends a URL in text. */
static size_t run_length(slice s)
{
	size_t n = 0;
	while (n < s.n && (unsigned char)s.p[n] > ' ' && (unsigned char)s.p[n] < 128 &&
		!strchr("<>\"", s.p[n]))
		n++;
	return n;
}

static size_t word_length(slice s)
{
	slice rest = s, before;
	while (rest.n) {
		before = rest;
		enum letter k = kind_of(&rest);
		bool inside =
			k == LETTER || (k == MARK && before.p > s.p && strchr("'.,", *before.p) &&
					       rest.n && digit(before.p[-1]) == digit(*rest.p) &&
					       (digit(*rest.p) || *before.p == '\''));
		if (!inside)
			return (size_t)(before.p - s.p);
	}
	return s.n;
}

size_t learn_tokens(slice s, struct token *ret, size_t max)
{
	size_t n = 0;
	bool fresh = true; /* behind a blank */
	while (s.n && n < max) {
		slice here = s;
		size_t run = fresh ? run_length(s) : 0;
		if (run > 4 && is_place(slice_first(s, run))) {
			s = slice_skip(s, run);
			continue;
		}
		enum letter k = kind_of(&s);
		fresh = k == BLANK || k == IDEOGRAPH || *here.p == '<' || *here.p == '"' ||
			*here.p == '(';
		if (k == LETTER)
			s = slice_skip(here, word_length(here));
		if (k != LETTER && k != SIGN)
			continue;
		slice w = slice_first(here, (size_t)(s.p - here.p));
		if (w.n)
			ret[n++] = (struct token){word_hash(w), w};
	}
	return n;
}

/* Where the footer of a list begins: a rule of underscores near the end, and behind it the list's
 * own page. Small, so that nothing of substance can hide there. */
static slice without_footer(slice text)
{
	size_t from = text.n > FOOTER_MAX ? text.n - FOOTER_MAX : 0;
	slice end = slice_skip(text, from);
	size_t rule = slice_find(end, S("__________"));
	if (rule == end.n)
		return text;
	slice footer = slice_skip(end, rule);
	if (slice_find(footer, S("mailing list")) == footer.n &&
		slice_find(footer, S("listinfo")) == footer.n)
		return text;
	return slice_first(text, from + rule);
}

/* Without what lists, replies and forwarders put in front. */
static slice bare_subject(slice s)
{
	for (;;) {
		slice t = slice_trim(s);
		size_t close = slice_index(t, ']');
		if (slice_starts(t, S("[")) && close < t.n && close < 40)
			s = slice_skip(t, close + 1);
		else if (slice_istarts(t, S("re:")) || slice_istarts(t, S("fw:")))
			s = slice_skip(t, 3);
		else if (slice_istarts(t, S("fwd:")))
			s = slice_skip(t, 4);
		else
			return t;
	}
}

static void words(struct learn_features *f, enum learn_group g, const struct token *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		learn_put(f, g, v[i].hash, v[i].text);
}

static void pairs(struct learn_features *f, enum learn_group g, const struct token *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (unsigned d = 1; d <= PAIR_WINDOW && i + d < n; d++)
			learn_put_pair(f, g, &v[i], &v[i + d], d - 1);
}

/* Words with one blank between them; digits are all alike. */
static size_t joined(const struct token *v, size_t n, char *out, size_t max)
{
	size_t at = 0;
	for (size_t i = 0; i < n && at + v[i].text.n + 1 < max; i++) {
		for (size_t k = 0; k < v[i].text.n; k++)
			out[at++] = digit(v[i].text.p[k]) ? '#' : v[i].text.p[k];
		out[at++] = ' ';
	}
	return at;
}

static void grams(struct learn_features *f, const struct token *v, size_t n)
{
	char text[GRAMS_TEXT];
	size_t length = joined(v, n, text, sizeof text);
	for (size_t i = 0; i + GRAM <= length; i++) {
		slice gram = slice_of(text + i, GRAM);
		learn_put(f, LEARN_GRAMS, learn_hash(6, gram), gram);
	}
}

void learn_put_words(struct learn_features *f, const struct learn_mail *m, unsigned groups,
	struct token *scratch)
{
	size_t n;
	if (groups & 1u << LEARN_SUBJECT) {
		n = learn_tokens(bare_subject(m->normal_subject), scratch, 200);
		words(f, LEARN_SUBJECT, scratch, n);
		pairs(f, LEARN_SUBJECT, scratch, n);
		if (groups & 1u << LEARN_GRAMS)
			grams(f, scratch, n);
	}
	if (groups & 1u << LEARN_HIDDEN) {
		n = learn_tokens(m->normal_hidden, scratch, 500);
		words(f, LEARN_HIDDEN, scratch, n);
	}
	n = learn_tokens(without_footer(m->normal), scratch, TOKENS_MAX);
	if (groups & 1u << LEARN_WORDS)
		words(f, LEARN_WORDS, scratch, n);
	if (groups & 1u << LEARN_PAIRS)
		pairs(f, LEARN_PAIRS, scratch, n < 2000 ? n : 2000);
	if (groups & 1u << LEARN_GRAMS)
		grams(f, scratch, n);
}

static void put_run(struct learn_features *f, const char *from, const char *to, uint64_t seed)
{
	slice run = slice_of(from, (size_t)(to - from));
	learn_put(f, LEARN_CJK, learn_hash(seed, run), run);
}

/* Pairs and triples that stand without a break. A dictionary's words were tried besides (ICU): they
 * added nothing that could be measured. */
static void characters(struct learn_features *f, slice s, uint64_t seed)
{
	const char *two = NULL, *one = NULL; /* where the last two ideographs begin */
	while (s.n) {
		slice here = s;
		enum letter k = kind_of(&s);
		if (k == BLANK && *here.p == '\n')
			continue; /* lines are broken anywhere */
		if (k != IDEOGRAPH) {
			two = one = NULL;
			continue;
		}
		if (one)
			put_run(f, one, s.p, seed);
		if (two)
			put_run(f, two, s.p, seed);
		two = one;
		one = here.p;
	}
}

void learn_put_cjk(struct learn_features *f, const struct learn_mail *m)
{
	characters(f, m->normal, 4);
	characters(f, bare_subject(m->normal_subject), 5);
}
