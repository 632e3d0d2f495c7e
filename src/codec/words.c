/*
 * Encoded words (RFC 2047) to UTF-8, as patient as the mail that is sent: words glued to text,
 * words in quoted strings, blanks in the encoded text, characters split over two words, raw 8-bit
 * text (doc/VIOLATIONS.md). The way back is words_encode.c.
 */
#include "codec/words.h"

#include "base/b64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/charset.h"

enum {
	WORD_RUNS_MAX = 500, /* words decoded in one field; the others stay as written */
	CHARSET_MAX = 64,
	WORD_TEXT_MAX =
		4096, /* RFC 2047 says 75 in all; some senders put a whole line in one word */
};

struct word {
	slice raw; /* =?...?= */
	slice charset, text;
	bool base64;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Reads an encoded word at the front of s. */
static bool take_word(slice s, struct word *ret)
{
	struct word w;
	if (!slice_starts(s, S("=?")))
		return false;
	slice rest = slice_skip(s, 2);
	size_t n = slice_index(slice_first(rest, CHARSET_MAX), '?');
	w.charset = slice_first(rest, n);
	w.charset.n = slice_index(w.charset, '*'); /* RFC 2231 section 5: language */
	rest = slice_skip(rest, n);
	if (w.charset.n == 0 || rest.n < 3 || rest.p[0] != '?' || rest.p[2] != '?')
		return false;
	char how = ascii_lower(rest.p[1]);
	if (how != 'b' && how != 'q')
		return false;
	w.base64 = how == 'b';
	rest = slice_skip(rest, 3);
	n = slice_find(slice_first(rest, WORD_TEXT_MAX), S("?="));
	if (n >= rest.n || n >= WORD_TEXT_MAX)
		return false;
	w.text = slice_first(rest, n);
	w.raw = slice_of(s.p, (size_t)(rest.p + n + 2 - s.p));
	*ret = w;
	return true;
}

/* Position of the first encoded word, or s.n. */
static size_t find_word(slice s, struct word *ret)
{
	size_t at = 0;
	while (at < s.n) {
		slice rest = slice_skip(s, at);
		size_t n = slice_find(rest, S("=?"));
		at += n;
		if (n < rest.n && take_word(slice_skip(rest, n), ret))
			break;
		at += n < rest.n;
	}
	return at;
}

/* The "Q" encoding (RFC 2047 4.2). */
static void decode_q(struct buf *out, slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '=' && i + 2 < s.n && hex_digit(s.p[i + 1]) >= 0 &&
			hex_digit(s.p[i + 2]) >= 0) {
			c = (char)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2]));
			i += 2;
		} else if (c == '_') {
			c = ' ';
		} else if (c == '\r' || c == '\n') {
			continue;
		}
		buf_byte(out, c);
	}
}

static slice skip_blanks(slice s)
{
	while (s.n && is_blank(s.p[0]))
		s = slice_skip(s, 1);
	return s;
}

/* All words of one charset that follow each other; their bytes are joined before they are read. */
static void take_run(slice *in, struct word w, struct buf *out)
{
	AUTO(buf) struct buf bytes = BUF(out->limit);
	slice charset = w.charset, start = *in;
	for (;;) {
		if (w.base64)
			b64_decode_tolerant(&bytes, w.text);
		else
			decode_q(&bytes, w.text);
		*in = slice_of(w.raw.p + w.raw.n, (size_t)(in->p + in->n - w.raw.p - w.raw.n));
		slice next = skip_blanks(*in);
		if (!take_word(next, &w))
			break;
		if (!slice_ieq(w.charset, charset)) {
			*in = next; /* the blanks between two words go, whatever their charsets */
			break;
		}
	}
	if (!charset_to_utf8(charset, buf_slice(&bytes), out))
		buf_put(out, slice_of(start.p, (size_t)(in->p - start.p)));
}

/*
 * Is this raw 8-bit text that is no UTF-8 a GB text? It must fit, and most of its characters must
 * have their second byte above ASCII, as the common ones have: "M\xfcller" fits GBK too.
 */
static bool looks_like_gb(slice s)
{
	size_t chars = 0, common = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (!(s.p[i] & 0x80))
			continue;
		chars++;
		common += i + 1 < s.n && (s.p[i + 1] & 0x80);
		i++;
	}
	return common * 2 > chars && charset_fits(S("gb18030"), s);
}

/* Text between words, without the line ends of folding. */
static void put_raw(struct buf *out, slice s, slice charset)
{
	AUTO(buf) struct buf flat = BUF(out->limit);
	if (s.n == 0)
		return;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\r' && s.p[i] != '\n')
			buf_byte(&flat, s.p[i]);
	charset_to_utf8(charset, buf_slice(&flat), out);
}

static slice raw_charset(slice value)
{
	if (utf8_valid(value))
		return S("utf-8");
	return looks_like_gb(value) ? S("gb18030") : S("windows-1252");
}

static bool is_control(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029;
}

/* Valid UTF-8 on one line: decoded words may hold anything. */
static void put_clean(struct buf *out, slice s)
{
	for (uint32_t cp; utf8_next(&s, &cp);)
		utf8_put(out, is_control(cp) ? ' ' : cp);
}

static bool is_plain(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~' ||
			(s.p[i] == '=' && i + 1 < s.n && s.p[i + 1] == '?'))
			return false;
	return true;
}

void words_decode(struct buf *out, slice value)
{
	if (is_plain(value)) {
		buf_put(out, value);
		return;
	}
	AUTO(buf) struct buf text = BUF(out->limit);
	slice charset = raw_charset(value);
	struct word w;
	for (int runs = 0; value.n; runs++) {
		size_t n = runs < WORD_RUNS_MAX ? find_word(value, &w) : value.n;
		put_raw(&text, slice_first(value, n), charset);
		value = slice_skip(value, n);
		if (value.n)
			take_run(&value, w, &text);
	}
	put_clean(out, buf_slice(&text));
	out->full |= text.full;
}
