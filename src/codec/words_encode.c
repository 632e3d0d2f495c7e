/*
 * UTF-8 text into header fields that we write (RFC 2047 sections 2 and 5): plain where it can be,
 * else words of base64, each a whole number of characters, folded. DSNs and submissions use it.
 */
#include "base/b64.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/words.h"

enum {
	WORD_FRAME = 12, /* "=?utf-8?B?" and "?=" */
	WORD_MAX = 75,
	PLAIN_RUN_MAX = 900, /* a longer run without a blank cannot be folded: RFC 5322 2.1.1 */
};

/* Scrubbed UTF-8 without CR, LF and other controls. */
static void put_tidy(struct buf *out, slice text)
{
	for (uint32_t cp; utf8_next(&text, &cp);) {
		if (cp == '\t')
			buf_byte(out, ' ');
		else if (cp >= 0x20 && cp != 0x7f)
			utf8_put(out, cp);
	}
}

static bool needs_words(slice s)
{
	size_t run = 0;
	for (size_t i = 0; i < s.n; i++) {
		run = s.p[i] == ' ' ? 0 : run + 1;
		if ((s.p[i] & 0x80) || run > PLAIN_RUN_MAX)
			return true;
	}
	/* Outer blanks and whole lines of blanks would be lost in folding; "=?" would be decoded.
	 */
	return slice_find(s, S("=?")) < s.n || slice_find(s, S("  ")) < s.n ||
	       (s.n && (s.p[0] == ' ' || s.p[s.n - 1] == ' '));
}

/* Words and single blanks; a line that gets too long is folded before a blank. */
static void put_folded(struct buf *out, slice s, size_t column)
{
	bool first = true;
	for (slice word; slice_cut(&s, ' ', &word); first = false) {
		if (!first && column + 1 + word.n > WORDS_LINE) {
			buf_put(out, S("\r\n"));
			column = 0;
		}
		if (!first) {
			buf_byte(out, ' ');
			column++;
		}
		buf_put(out, word);
		column += word.n;
	}
}

static void put_words(struct buf *out, slice s, size_t column)
{
	bool first = true;
	while (s.n) {
		size_t room = column + WORD_FRAME + 8 <= WORDS_LINE ? WORDS_LINE - column : 0;
		if (!first || room == 0) {
			buf_put(out, S("\r\n "));
			room = WORDS_LINE - 1;
		}
		if (room > WORD_MAX)
			room = WORD_MAX;
		slice piece = utf8_first(s, (room - WORD_FRAME) / 4 * 3);
		buf_put(out, S("=?utf-8?B?"));
		b64_encode(out, piece);
		buf_put(out, S("?="));
		s = slice_skip(s, piece.n);
		first = false;
		column = WORDS_LINE;
	}
}

void words_encode(struct buf *out, slice text, size_t column)
{
	AUTO(buf) struct buf tidy = BUF(out->limit);
	put_tidy(&tidy, text);
	slice s = buf_slice(&tidy);
	if (needs_words(s))
		put_words(out, s, column);
	else
		put_folded(out, s, column);
	out->full |= tidy.full;
}

static bool is_atoms(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr("()<>[]:;@\\,.\"", s.p[i]))
			return false;
	return s.n > 0;
}

void words_encode_phrase(struct buf *out, slice text, size_t column)
{
	AUTO(buf) struct buf tidy = BUF(out->limit);
	put_tidy(&tidy, text);
	slice s = buf_slice(&tidy);
	out->full |= tidy.full;
	if (needs_words(s) || column + 2 * s.n + 2 > WORDS_LINE + PLAIN_RUN_MAX) {
		put_words(out, s, column);
	} else if (is_atoms(s)) {
		put_folded(out, s, column);
	} else {
		buf_byte(out, '"');
		for (size_t i = 0; i < s.n; i++) {
			if (s.p[i] == '"' || s.p[i] == '\\')
				buf_byte(out, '\\');
			buf_byte(out, s.p[i]);
		}
		buf_byte(out, '"');
	}
}
