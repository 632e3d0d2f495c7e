/*
 * Words (text_normal.h): ICU's boundaries, with its dictionary for Chinese and Japanese, and pairs
 * of CJK characters, which find what no dictionary has. Used by learning and by keyword rules.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"
#include "codec/text_normal.h"
#include "codec/text_table.h"
#include <unicode/ubrk.h>
#include <unicode/utext.h>

struct text_words {
	UBreakIterator *breaks;
	UText *text;
	slice s;
	int from;
};

struct text_words *text_words_new(void)
{
	UErrorCode e = U_ZERO_ERROR;
	struct text_words *w = NEW(struct text_words);
	w->breaks = ubrk_open(UBRK_WORD, "", NULL, 0, &e);
	must(U_SUCCESS(e)); /* its rules are inside the library */
	return w;
}

void text_words_free(struct text_words *w)
{
	if (!w)
		return;
	ubrk_close(w->breaks);
	utext_close(w->text);
	free(w);
}

void text_words_start(struct text_words *w, slice utf8)
{
	UErrorCode e = U_ZERO_ERROR;
	w->s = utf8.p ? utf8 : S("");
	w->text = utext_openUTF8(w->text, w->s.p, (int64_t)w->s.n, &e);
	ubrk_setUText(w->breaks, w->text, &e);
	must(U_SUCCESS(e));
	w->from = ubrk_first(w->breaks);
}

bool text_words_next(struct text_words *w, slice *ret_word, enum text_word_kind *ret_kind)
{
	for (;;) {
		int from = w->from, to = ubrk_next(w->breaks);
		if (to == UBRK_DONE)
			return false;
		w->from = to;
		int status = ubrk_getRuleStatus(w->breaks);
		if (status < UBRK_WORD_NUMBER)
			continue;
		slice word = slice_of(w->s.p + from, (size_t)(to - from));
		*ret_kind = status < UBRK_WORD_LETTER ? TEXT_WORD_NUMBER
			    : status < UBRK_WORD_KANA ? TEXT_WORD_LETTERS
						      : TEXT_WORD_CJK;
		*ret_word = utf8_first(word, TEXT_WORD_MAX);
		return true;
	}
}

static bool cjk_before(slice s, size_t at)
{
	uint32_t cp;
	size_t back = 1;
	while (back < at && back < UTF8_MAX && ((unsigned char)s.p[at - back] & 0xc0) == 0x80)
		back++;
	slice rest = slice_skip(s, at - back);
	return at && utf8_next(&rest, &cp) && text_is_cjk(cp);
}

bool text_bigrams_next(slice utf8, size_t *at, slice *ret_pair)
{
	while (*at < utf8.n) {
		slice rest = slice_skip(utf8, *at);
		uint32_t cp, next = 0;
		if (!(rest.p[0] & 0x80)) {
			++*at;
			continue;
		}
		slice behind = rest;
		utf8_next(&behind, &cp);
		size_t from = *at;
		*at = utf8.n - behind.n;
		if (!text_is_cjk(cp))
			continue;
		slice second = behind;
		bool pair = utf8_next(&second, &next) && text_is_cjk(next);
		if (!pair && cjk_before(utf8, from))
			continue;
		*ret_pair = slice_first(rest, pair ? rest.n - second.n : rest.n - behind.n);
		return true;
	}
	return false;
}
