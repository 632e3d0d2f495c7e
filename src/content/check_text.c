/*
 * Checks of what is done to text so that people read something else than filters: hidden and faint
 * text, characters without width, letters of other scripts, signs between letters, styled letters,
 * and random words. Newsletters hide a line for the preview; a few odd characters are in any text.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "content/checking.h"
#include "content/checks.h"

enum {
	HIDDEN_LEAST = 80, /* characters without white space */
	FAINT_LEAST = 60,
	ZERO_WIDTH = 4,
	HOMOGLYPHS = 3,
	STYLED = 8,
	MARKS = 6,
	SEPARATORS = 6,
	SEPARATORS_CJK = 6,
	WIDE = 8, /* full-width letters and digits */
	ENCLOSED = 5, /* ①②③ in a row: a telephone number */
	LAST_WORD = 10, /* letters */
	LAST_WORD_MOST = 40,
};

/* ---- hidden ---- */

static bool is_share(size_t part, size_t whole, unsigned percent)
{
	return part * 100 > whole * percent;
}

static void look_at_hidden(struct content_exam *x)
{
	const struct html_stats *h = &x->c->mail.html;
	size_t all = h->hidden + h->visible;
	const unsigned by_trick = HTML_HIDDEN_FONT | HTML_HIDDEN_COLOUR | HTML_HIDDEN_OPACITY |
				  HTML_HIDDEN_OFFSCREEN | HTML_HIDDEN_CLIP;
	bool trick = h->hiding & by_trick;
	float soft = checking_unless_bulk(x);
	if (h->hidden >= HIDDEN_LEAST && is_share(h->hidden, all, 60))
		checking_found(
			x, SIGNAL_TEXT_MOSTLY_HIDDEN, (trick ? 0.5F : 0.25F) * (1 + soft), S(""));
	else if (h->hidden >= HIDDEN_LEAST && trick && is_share(h->hidden, all, 20))
		checking_found(x, SIGNAL_TEXT_HIDDEN, soft, S(""));
	if (h->faint >= FAINT_LEAST && is_share(h->faint, h->visible, 40))
		checking_found(x, SIGNAL_TEXT_FAINT, soft, S(""));
	if (h->tiny >= FAINT_LEAST && is_share(h->tiny, h->visible, 30))
		checking_found(x, SIGNAL_TEXT_TINY, soft, S(""));
}

/* ---- disguised ---- */

static void found_count(struct content_exam *x, enum signal_id id, size_t n, size_t least)
{
	if (n >= least)
		checking_found(x, id, 1, arena_printf(x->a, "%zu", n));
}

static void look_at_undone(struct content_exam *x)
{
	const struct text_undone *u = &x->c->mail.undone;
	const struct html_stats *h = &x->c->mail.html;
	size_t zero = u->zero_width_inside + h->zero_width_in_words;
	if (zero >= ZERO_WIDTH)
		checking_found(x, SIGNAL_TEXT_ZERO_WIDTH, checking_unless_bulk(x),
			arena_printf(x->a, "%zu", zero));
	found_count(x, SIGNAL_TEXT_HOMOGLYPHS, u->homoglyphs, HOMOGLYPHS);
	found_count(x, SIGNAL_TEXT_STYLED, u->styled, STYLED);
	found_count(x, SIGNAL_TEXT_MARKS, u->marks, MARKS);
	found_count(x, SIGNAL_TEXT_SEPARATORS, u->separators, SEPARATORS);
	found_count(x, SIGNAL_TEXT_SEPARATORS_CJK, u->separators_cjk, SEPARATORS_CJK);
}

/* In names and subjects nobody needs them. */
static void look_at_short_texts(struct content_exam *x)
{
	const slice texts[] = {x->c->mail.subject, x->c->from_name};
	for (size_t i = 0; i < 2; i++) {
		AUTO(buf) struct buf out = BUF(4 * texts[i].n + 64);
		struct text_undone u = {0};
		text_normalise(texts[i], &out, &u);
		if (u.homoglyphs > 1 || u.zero_width_inside || u.styled >= 3 || u.separators >= 6 ||
			u.separators_cjk >= 3 || u.bidi)
			checking_found(x, SIGNAL_TEXT_DISGUISED_NAME, 1, texts[i]);
	}
}

struct odd {
	size_t wide, enclosed, most_enclosed, overrides;
};

static void count_character(struct odd *o, uint32_t cp)
{
	bool enclosed = (cp >= 0x2460 && cp <= 0x24ff) || (cp >= 0x2776 && cp <= 0x2793);
	o->wide += (cp >= 0xff10 && cp <= 0xff19) || (cp >= 0xff21 && cp <= 0xff3a) ||
		   (cp >= 0xff41 && cp <= 0xff5a);
	o->enclosed = enclosed ? o->enclosed + 1 : 0;
	o->most_enclosed = o->enclosed > o->most_enclosed ? o->enclosed : o->most_enclosed;
	o->overrides += cp == 0x202d || cp == 0x202e;
}

/* All of these have three bytes, the first 0xe2 or 0xef. */
static struct odd count_odd(slice s)
{
	struct odd o = {0};
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		slice rest = slice_skip(s, i);
		uint32_t cp = 0;
		if (c == 0xe2 || c == 0xef)
			utf8_next(&rest, &cp);
		if (c != ' ' && (c & 0xc0) != 0x80)
			count_character(&o, cp);
	}
	return o;
}

static void look_at_odd(struct content_exam *x)
{
	struct odd o = count_odd(x->c->mail.text);
	found_count(x, SIGNAL_TEXT_WIDE, o.wide, WIDE);
	found_count(x, SIGNAL_TEXT_ENCLOSED, o.most_enclosed, ENCLOSED);
	found_count(x, SIGNAL_TEXT_OVERRIDE, o.overrides, 1);
}

/* ---- random words ---- */

static slice last_line(slice text)
{
	text = slice_trim(text);
	return slice_trim(slice_skip(text, slice_rindex(text, '\n') + 1));
}

/* "xkqhtrwplk", "a8fj3k20dk": letters and digits that nobody could say. Names of files, addresses
 * and codes have other signs, or stand among words. */
static bool is_gibberish(slice s)
{
	size_t digits = 0, vowels = 0, changes = 0;
	if (s.n < LAST_WORD || s.n > LAST_WORD_MOST)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		bool digit = c >= '0' && c <= '9';
		if (!digit && (c < 'a' || c > 'z'))
			return false;
		digits += digit;
		vowels += memchr("aeiouy", c, 6) != NULL;
		changes += i && digit != (s.p[i - 1] >= '0' && s.p[i - 1] <= '9');
	}
	return (digits == 0 && vowels * 7 < s.n) || changes >= 4;
}

static void look_for_gibberish(struct content_exam *x)
{
	slice line = last_line(x->c->mail.text), subject = x->c->mail.subject;
	slice tail = slice_skip(subject, slice_rindex(subject, ' ') + 1);
	if (is_gibberish(line))
		checking_found(x, SIGNAL_TEXT_GIBBERISH, 1, line);
	if (tail.n < subject.n && is_gibberish(tail))
		checking_found(x, SIGNAL_TEXT_GIBBERISH, checking_unless_bulk(x), tail);
}

void content_check_text(struct content_exam *x)
{
	look_at_hidden(x);
	look_at_undone(x);
	look_at_short_texts(x);
	look_at_odd(x);
	look_for_gibberish(x);
}
