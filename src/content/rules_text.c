/*
 * Texts as rules compare them: where words begin and end, white space folded. Called by
 * rules_phrase.c for what is written and by rules_field.c, rules_run.c for what is in a letter.
 */
#include "content/rules_text.h"

#include "base/utf8.h"
#include "codec/text_table.h"
#include "content/rules_impl.h"
#include <unicode/uchar.h>

/* Thai, Lao, Burmese, Khmer do not separate words either. */
static bool runs_on(uint32_t cp)
{
	return text_is_cjk(cp) || (cp >= 0xe00 && cp <= 0xeff) || (cp >= 0x1000 && cp <= 0x109f) ||
	       (cp >= 0x1780 && cp <= 0x17ff);
}

static bool is_word(uint32_t cp)
{
	if (cp < 0x80)
		return (cp >= 'a' && cp <= 'z') || (cp >= '0' && cp <= '9') ||
		       (cp >= 'A' && cp <= 'Z');
	return !runs_on(cp) && u_isalnum((UChar32)cp);
}

bool rules_word_after(slice s, size_t at)
{
	uint32_t cp;
	slice rest = slice_skip(s, at);
	return utf8_next(&rest, &cp) && is_word(cp);
}

static uint32_t before(slice s, size_t at)
{
	uint32_t cp = ' ';
	size_t from = at;
	while (from > 0 && at - from < UTF8_MAX) {
		from--;
		if (((unsigned char)s.p[from] & 0xc0) != 0x80)
			break;
	}
	slice one = slice_of(s.p + from, at - from);
	utf8_next(&one, &cp);
	return cp;
}

bool rules_word_before(slice s, size_t at)
{
	return at > 0 && is_word(before(s, at));
}

bool rules_within(slice s, size_t from, size_t to, unsigned characters)
{
	unsigned n = 0;
	if (to - from > (size_t)characters * UTF8_MAX)
		return false;
	for (size_t i = from; i < to; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n <= characters;
}

/* ---- white space ---- */

static bool is_blank(char c, bool lines)
{
	return c == ' ' || c == '\t' || c == '\r' || (c == '\n' && !lines);
}

static bool cjk_after(slice s, size_t at)
{
	uint32_t cp;
	slice rest = slice_skip(s, at);
	return utf8_next(&rest, &cp) && text_is_cjk(cp);
}

static bool drops(slice in, size_t from, size_t to, const struct buf *out)
{
	if (out->n == 0 || to == in.n || in.p[to] == '\n' || out->p[out->n - 1] == '\n')
		return true;
	return from > 0 && (in.p[from - 1] & 0x80) && (in.p[to] & 0x80) && cjk_after(in, to) &&
	       text_is_cjk(before(in, from));
}

void rules_squeeze(slice in, bool lines, struct buf *out)
{
	size_t start = 0;
	for (size_t i = 0; i < in.n;) {
		if (!is_blank(in.p[i], lines)) {
			i++;
			continue;
		}
		size_t to = i + 1;
		while (to < in.n && is_blank(in.p[to], lines))
			to++;
		if (to == i + 1 && in.p[i] == ' ' && i > start && to < in.n && in.p[to] != '\n' &&
			!(in.p[to] & in.p[i - 1] & 0x80)) {
			i = to; /* most: one blank between words */
			continue;
		}
		buf_put(out, slice_of(in.p + start, i - start));
		if (!drops(in, i, to, out))
			buf_byte(out, ' ');
		start = i = to;
	}
	buf_put(out, slice_skip(in, start));
}
