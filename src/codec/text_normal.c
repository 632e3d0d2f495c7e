/*
 * One spelling for texts (text_normal.h): Unicode's NFKC with case folding, then what it does not
 * do: traditional Chinese, look-alikes, letters that are digits, letters that are kept apart. Works
 * on pieces of lines, so its memory does not grow with the text. Used by rules and by learning.
 */
#include "codec/text_normal.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/text_table.h"
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

enum {
	PIECE_BYTES = 2048, /* cut at white space where there is some */
	GROWTH = 6, /* UTF-16 units that NFKC makes of one byte of UTF-8: 18 of U+FDFA's three */
	MARKS_KEPT = 2,
	SPACED_LETTERS = 4, /* "f r e e" */
	DOTTED_LETTERS = 3, /* "f.r.e" */
	SPACED_CJK = 3, /* "发 票 代" */
};

struct piece {
	struct text_undone *undone;
	uint32_t v[PIECE_BYTES * GROWTH];
	size_t n;
	UChar in[PIECE_BYTES + 1], made[PIECE_BYTES * GROWTH];
};

/* ---- what the text was before ---- */

static bool is_zero_width(uint32_t cp)
{
	return (cp >= 0x200b && cp <= 0x200d) || cp == 0x2060 || (cp >= 0x2061 && cp <= 0x2064) ||
	       cp == 0xfeff || cp == 0xad || cp == 0x34f || cp == 0x115f || cp == 0x1160 ||
	       cp == 0x3164 || cp == 0xffa0 || (cp >= 0x180b && cp <= 0x180e) ||
	       (cp >= 0xe0000 && cp <= 0xe007f);
}

static bool is_bidi(uint32_t cp)
{
	return cp == 0x200e || cp == 0x200f || (cp >= 0x202a && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069) || cp == 0x61c;
}

static bool is_wide(uint32_t cp)
{
	return (cp >= 0xff10 && cp <= 0xff19) || (cp >= 0xff21 && cp <= 0xff3a) ||
	       (cp >= 0xff41 && cp <= 0xff5a);
}

static bool is_styled(uint32_t cp)
{
	return (cp >= 0x1d400 && cp <= 0x1d7ff) || (cp >= 0x249c && cp <= 0x24e9) ||
	       (cp >= 0x1f110 && cp <= 0x1f189);
}

static bool is_letter(uint32_t cp)
{
	return (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z') ||
	       (cp >= 0x80 && u_isalpha((UChar32)cp));
}

static void look_ascii(slice s, struct text_undone *u)
{
	for (size_t i = 0; i < s.n; i++)
		u->characters += s.p[i] > ' ';
}

static void look(slice s, struct text_undone *u)
{
	uint32_t cp, before = ' ';
	bool hidden = false;
	while (utf8_next(&s, &cp)) {
		u->characters += cp > ' ';
		if (cp < 0x80 && !hidden) {
			before = cp;
			continue;
		}
		if (is_zero_width(cp)) {
			u->zero_width++;
			hidden = is_letter(before);
			continue;
		}
		u->zero_width_inside += hidden && is_letter(cp);
		hidden = false;
		u->bidi += is_bidi(cp);
		u->wide += is_wide(cp);
		u->styled += is_styled(cp);
		before = cp;
	}
}

/* ---- characters ---- */

/* Letters in boxes and circles that have no decomposition. */
static uint32_t unstyled(uint32_t cp)
{
	if (cp >= 0x1f150 && cp <= 0x1f169)
		return 'a' + cp - 0x1f150;
	if (cp >= 0x1f170 && cp <= 0x1f189)
		return 'a' + cp - 0x1f170;
	return cp;
}

static void put(struct piece *p, uint32_t cp, unsigned *marks)
{
	if (cp >= 0x300 && u_charType((UChar32)cp) == U_NON_SPACING_MARK) {
		if (++*marks > MARKS_KEPT) {
			p->undone->marks++;
			return;
		}
	} else {
		*marks = 0;
	}
	uint32_t simple = text_simplified(unstyled(cp));
	p->undone->traditional += simple != cp && text_is_cjk(cp);
	if (is_zero_width(simple) || is_bidi(simple))
		return;
	p->v[p->n++] = simple;
}

static void fold(struct piece *p, slice s)
{
	UErrorCode e = U_ZERO_ERROR;
	const UNormalizer2 *nfkc = unorm2_getNFKCCasefoldInstance(&e);
	int n = 0, made = 0;
	unsigned marks = 0;
	u_strFromUTF8WithSub(p->in, PIECE_BYTES, &n, s.p, (int)s.n, UTF8_REPLACEMENT, NULL, &e);
	if (U_SUCCESS(e))
		made = unorm2_normalize(
			nfkc, p->in, n, p->made, sizeof p->made / sizeof *p->made, &e);
	const UChar *v = U_SUCCESS(e) ? p->made : p->in;
	made = U_SUCCESS(e) ? made : n;
	for (int i = 0; i < made;) {
		UChar32 cp;
		U16_NEXT(v, i, made, cp);
		put(p, (uint32_t)cp, &marks);
	}
}

static void fold_ascii(struct piece *p, slice s)
{
	for (size_t i = 0; i < s.n; i++)
		p->v[p->n++] = (unsigned char)ascii_lower(s.p[i]);
}

/* ---- letters of other scripts in Latin words ---- */

static bool is_ascii_letter(uint32_t cp)
{
	return cp >= 'a' && cp <= 'z';
}

static bool is_digit(uint32_t cp)
{
	return cp >= '0' && cp <= '9';
}

static bool in_word(uint32_t cp)
{
	return is_ascii_letter(cp) || is_digit(cp) ||
	       (cp >= 0x80 && !text_is_cjk(cp) && u_isalnum((UChar32)cp));
}

/* A word that has letters of two scripts, all of which look Latin, is a Latin word. */
static void unmask_word(struct piece *p, size_t from, size_t to)
{
	size_t latin = 0, alike = 0, foreign = 0;
	for (size_t i = from; i < to; i++) {
		uint32_t cp = p->v[i];
		if (is_ascii_letter(cp))
			latin++;
		else if (cp >= 0x80 && text_lookalike(cp))
			alike++;
		else if (cp >= 0x370)
			foreign++;
	}
	if (!alike || !latin || foreign)
		return;
	for (size_t i = from; i < to; i++) {
		char l = p->v[i] >= 0x80 ? text_lookalike(p->v[i]) : 0;
		if (l)
			p->v[i] = (uint32_t)l;
	}
	p->undone->homoglyphs += alike;
}

/* ---- digits and signs for letters ---- */

static uint32_t meant(uint32_t cp)
{
	switch (cp) {
	case '0':
		return 'o';
	case '1':
	case '!':
	case '|':
		return 'i';
	case '3':
		return 'e';
	case '4':
	case '@':
		return 'a';
	case '5':
	case '$':
		return 's';
	case '7':
		return 't';
	default:
		return cp;
	}
}

/* "1st", "2nd": numbers, not words. */
static bool is_ordinal(const uint32_t *v, size_t left)
{
	static const char *const ends[] = {"st", "nd", "rd", "th"};
	for (size_t i = 0; i < 4; i++)
		if (left >= 2 && v[0] == (uint32_t)ends[i][0] && v[1] == (uint32_t)ends[i][1] &&
			(left == 2 || !in_word(v[2])))
			return true;
	return false;
}

/* One between letters, or one in front of three: v1agra, pa$$word, 5exy; not h264, mp3, 3com. */
static bool stands_for_letter(const struct piece *p, size_t i, size_t from)
{
	bool before = i > from && is_ascii_letter(p->v[i - 1]);
	size_t k = i + 1;
	while (k < p->n && k < i + 2 && meant(p->v[k]) != p->v[k] && p->v[k] == p->v[i])
		k++; /* doubled: pa$$word */
	size_t letters = 0;
	while (k + letters < p->n && letters < 3 && is_ascii_letter(p->v[k + letters]))
		letters++;
	if (before)
		return letters >= 1;
	return i == from && letters >= 2 && is_digit(p->v[i]) && !is_ordinal(p->v + k, p->n - k) &&
	       (letters == 3 || k + 2 == p->n || !in_word(p->v[k + 2]));
}

static void unmask_digits(struct piece *p, size_t from, size_t to)
{
	size_t letters = 0, odd = 0;
	for (size_t i = from; i < to; i++) {
		letters += is_ascii_letter(p->v[i]);
		odd += meant(p->v[i]) != p->v[i];
	}
	if (!odd || odd * 2 > letters)
		return;
	for (size_t i = from; i < to; i++) {
		uint32_t l = meant(p->v[i]);
		if (l == p->v[i] || !stands_for_letter(p, i, from))
			continue;
		p->v[i] = l;
		p->undone->digits++;
	}
}

static bool is_sign(uint32_t cp)
{
	return cp == '@' || cp == '$' || cp == '!' || cp == '|';
}

static void unmask(struct piece *p)
{
	for (size_t i = 0; i < p->n;) {
		size_t to = i;
		if (!in_word(p->v[i])) {
			i++;
			continue;
		}
		while (to < p->n && in_word(p->v[to]))
			to++;
		unmask_word(p, i, to);
		/* Signs join words only here: "a@b.c" is an address. */
		size_t far = to;
		while (far + 1 < p->n &&
			(in_word(p->v[far]) || (is_sign(p->v[far]) && p->v[far] != '@')))
			far++;
		while (far > to && !in_word(p->v[far - 1]))
			far--;
		unmask_digits(p, i, far);
		i = far;
	}
}

/* ---- letters that are kept apart ---- */

static bool is_apart(uint32_t cp)
{
	static const bool sign[128] = {['-'] = true,
		['.'] = true,
		['_'] = true,
		['*'] = true,
		['~'] = true,
		['+'] = true,
		['|'] = true,
		['/'] = true,
		['^'] = true,
		['='] = true,
		['#'] = true,
		['\\'] = true};
	return cp < 0x80 ? sign[cp] : cp == 0xb7 || cp == 0x2022;
}

/* Only there to keep Chinese characters apart: in names and lists one sees '-', '.', '/' and '·'.
 */
static bool is_odd_between_cjk(uint32_t cp)
{
	return cp < 0x80 && strchr("*~+|^=#_", (int)cp) && cp;
}

/* "x S x S x": how many single letters from i on, with the same sign between them. */
static size_t spelled(const struct piece *p, size_t i, bool (*is)(uint32_t))
{
	uint32_t sign = i + 1 < p->n ? p->v[i + 1] : 0;
	size_t count = 1;
	if ((sign != ' ' && !is_apart(sign)) || i + 2 >= p->n || !is(p->v[i + 2]))
		return 0;
	if (i > 0 && (in_word(p->v[i - 1]) || (is == text_is_cjk && is(p->v[i - 1]))))
		return 0;
	for (size_t k = i + 1; k + 1 < p->n && p->v[k] == sign && is(p->v[k + 1]); k += 2) {
		bool more = k + 2 < p->n && (in_word(p->v[k + 2]) || is(p->v[k + 2]));
		if (more)
			break;
		count++;
	}
	size_t least = is == text_is_cjk ? SPACED_CJK
		       : sign == ' '     ? SPACED_LETTERS
					 : DOTTED_LETTERS;
	return count >= least ? count : 0;
}

static size_t cjk_run_from(const struct piece *p, size_t i)
{
	size_t n = 0;
	while (i + n < p->n && n < 2 && text_is_cjk(p->v[i + n]))
		n++;
	return n;
}

static size_t cjk_run_before(const struct piece *p, size_t i)
{
	size_t n = 0;
	while (n < i && n < 2 && text_is_cjk(p->v[i - n - 1]))
		n++;
	return n;
}

/* A sign inside a Chinese word: 发*票, 代开发-票. */
static bool is_inside_cjk(const struct piece *p, size_t i)
{
	if (!is_apart(p->v[i]))
		return false;
	size_t before = cjk_run_before(p, i), behind = cjk_run_from(p, i + 1);
	if (!before || !behind)
		return false;
	return is_odd_between_cjk(p->v[i]) || before == 1 || behind == 1;
}

static void join(struct piece *p)
{
	size_t to = 0;
	for (size_t i = 0; i < p->n;) {
		uint32_t cp = p->v[i];
		size_t letters = is_ascii_letter(cp) ? spelled(p, i, is_ascii_letter)
				 : text_is_cjk(cp)   ? spelled(p, i, text_is_cjk)
						     : 0;
		if (letters) {
			size_t *count = text_is_cjk(cp) ? &p->undone->separators_cjk
							: &p->undone->separators;
			*count += letters - 1;
			for (size_t k = 0; k < letters; k++)
				p->v[to++] = p->v[i + 2 * k];
			i += 2 * letters - 1;
		} else if (is_inside_cjk(p, i)) {
			p->undone->separators_cjk++;
			i++;
		} else {
			p->v[to++] = cp;
			i++;
		}
	}
	p->n = to;
}

/* ---- all together ---- */

static bool is_space(uint32_t cp)
{
	return cp <= ' ' || cp == 0x7f || cp == 0x85 || cp == 0x2028 || cp == 0x2029;
}

/* Lines stay, other white space becomes one blank, and none at the ends of lines. */
static void fold_space(struct piece *p)
{
	size_t to = 0;
	for (size_t i = 0; i < p->n; i++) {
		uint32_t cp = p->v[i];
		if (!is_space(cp)) {
			p->v[to++] = cp;
		} else if (cp == '\n') {
			to -= to && p->v[to - 1] == ' ';
			p->v[to++] = '\n';
		} else if (to && p->v[to - 1] != ' ' && p->v[to - 1] != '\n') {
			p->v[to++] = ' ';
		}
	}
	p->n = to;
}

static void put_out(const struct piece *p, struct buf *out)
{
	char *to = buf_room(out, p->n * UTF8_MAX), *start = to;
	for (size_t i = 0; to && i < p->n; i++) {
		if (p->v[i] < 0x80)
			*to++ = (char)p->v[i];
		else
			to += utf8_write(to, p->v[i]);
	}
	if (to)
		buf_commit(out, (size_t)(to - start));
}

static size_t piece_length(slice s)
{
	if (s.n <= PIECE_BYTES)
		return s.n;
	size_t n = PIECE_BYTES;
	while (n > PIECE_BYTES / 2 && s.p[n - 1] != '\n' && s.p[n - 1] != ' ')
		n--;
	return n > PIECE_BYTES / 2 ? n : utf8_first(s, PIECE_BYTES).n;
}

void text_normalise(slice utf8, struct buf *out, struct text_undone *ret)
{
	AUTO(free) struct piece *p = mem_grow(NULL, sizeof *p); /* not zeroed: it is large */
	struct text_undone undone = {0};
	text_warm_up();
	p->undone = &undone;
	while (utf8.n) {
		slice s = slice_first(utf8, piece_length(utf8));
		utf8 = slice_skip(utf8, s.n);
		p->n = 0;
		if (utf8_is_ascii(s)) {
			look_ascii(s, &undone);
			fold_ascii(p, s);
		} else {
			look(s, &undone);
			fold(p, s);
		}
		fold_space(p);
		unmask(p);
		join(p);
		put_out(p, out);
	}
	*ret = undone;
}

void text_warm_up(void)
{
	text_tables_warm_up();
}
