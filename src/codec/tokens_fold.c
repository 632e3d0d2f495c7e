/*
 * Texts as searches compare them: see tokens.h. Characters that do not depend on their neighbours go through a table; the others (marks of
 * kana, letters of Indic scripts, what is several characters) through ICU in runs. Called by the index, by whoever looks for a text in
 * an email without it, and for snippets.
 */
#include "codec/tokens.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/fold.h"
#include "codec/tokens_table.h"

enum {
	REPEATED_MAX = 3, /* of one sign */
	SLOW_RUN = 90, /* bytes that go through ICU at a time */
	KANA_VOICED = 0x3099, /* marks of kana; what is left of them belongs to none */
	KANA_SEMI_VOICED = 0x309a,
};

struct folding {
	const struct tokens_table *t;
	struct buf *out;
	uint32_t last; /* character at the end of *out */
	unsigned repeated;
	bool after; /* `last` is one beside which blanks mean nothing */
};

static void put_blank(struct folding *f)
{
	if (f->after || f->last == ' ')
		return;
	buf_byte(f->out, ' ');
	f->last = ' ';
}

static void put(struct folding *f, uint32_t cp)
{
	if (cp == ' ') {
		put_blank(f);
		return;
	}
	f->repeated = cp == f->last ? f->repeated + 1 : 1;
	if (f->repeated > REPEATED_MAX && tokens_class(f->t, cp) == TC_SIGN)
		return;
	f->after = tokens_no_blanks(cp);
	if (f->after && f->last == ' ' && f->out->n)
		f->out->n--;
	f->last = cp;
	if (cp < 0x80)
		buf_byte(f->out, (char)cp);
	else
		utf8_put(f->out, cp);
}

/* æ and œ are two letters. */
static bool put_ligature(struct folding *f, uint32_t cp)
{
	if (cp != 0xe6 && cp != 0x153)
		return false;
	put(f, cp == 0xe6 ? 'a' : 'o');
	put(f, 'e');
	return true;
}

static void put_folded(struct folding *f, uint32_t cp)
{
	uint16_t to = cp < 0x10000 ? f->t->fold[cp] : TF_SLOW;
	if (to == TF_DROP || cp == KANA_VOICED || cp == KANA_SEMI_VOICED)
		return;
	if (!put_ligature(f, to ? to : cp))
		put(f, to ? to : cp);
}

/* A character whose fate its neighbours decide, with those behind it. */
static slice fold_slow(struct folding *f, slice s)
{
	AUTO(buf) struct buf made = BUF(64 * SLOW_RUN);
	slice rest = s, at = s;
	uint32_t cp;
	while (utf8_next(&rest, &cp) &&
		(at.p == s.p || cp >= 0x10000 || (cp >= 0x80 && !f->t->fold[cp])) &&
		rest.p - s.p < SLOW_RUN)
		at = rest;
	text_fold(slice_of(s.p, (size_t)(at.p - s.p)), &made);
	for (slice m = buf_slice(&made); utf8_next(&m, &cp);)
		put_folded(f, cp);
	return at;
}

/* ASCII up to something else. */
static slice fold_ascii(struct folding *f, slice s)
{
	size_t i = 0;
	char *to = buf_room(f->out, s.n), *w = to;
	if (!to)
		return (slice){0};
	for (; i < s.n && (unsigned char)s.p[i] < 0x80; i++) {
		char c = ascii_lower(s.p[i]);
		if (c == ' ' || (c >= '\t' && c <= '\r')) {
			if (f->after || f->last == ' ')
				continue;
			c = ' ';
		} else if ((uint32_t)c != f->last) {
			f->repeated = 1;
		} else if (++f->repeated > REPEATED_MAX &&
			   f->t->class_[(unsigned char)c] == TC_SIGN) {
			continue;
		}
		f->after = false;
		f->last = (uint32_t)c;
		*w++ = c;
	}
	buf_commit(f->out, (size_t)(w - to));
	return slice_skip(s, i);
}

/* Where an earlier piece ended. */
static void begin(struct folding *f)
{
	slice have = buf_slice(f->out);
	size_t n = have.n;
	while (n && ((unsigned char)have.p[n - 1] & 0xc0) == 0x80)
		n--;
	slice last = slice_skip(have, n ? n - 1 : 0), one = last;
	if (!utf8_next(&last, &f->last))
		return;
	f->after = tokens_no_blanks(f->last);
	for (; slice_ends(have, one); have.n -= one.n)
		f->repeated++;
}

void search_fold(slice utf8, struct buf *out)
{
	struct folding f = {.t = tokens_table(), .out = out};
	uint32_t cp;
	begin(&f);
	while (utf8.n) {
		if ((unsigned char)*utf8.p < 0x80) {
			utf8 = fold_ascii(&f, utf8);
			continue;
		}
		slice rest = utf8;
		utf8_next(&rest, &cp);
		if (cp < 0x10000 && f.t->fold[cp]) {
			put_folded(&f, cp);
			utf8 = rest;
		} else {
			utf8 = fold_slow(&f, utf8);
		}
	}
}
