/*
 * Folding texts for comparison: see fold.h. Plain ASCII takes no library; the rest goes through ICU in short runs. Used by searches and by
 * IMAP's SORT and THREAD.
 */
#include "codec/fold.h"

#include <unicode/unorm2.h>
#include <unicode/ustring.h>

enum {
	RUN_BYTES = 100, /* of UTF-8 at a time */
	ASCII_RUN = 4096, /* likewise, of plain ASCII */
	GROWTH = 6, /* UTF-16 units that NFKC makes of one byte: 18 of the three of U+FDFA */
};

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void put_blank(struct buf *out)
{
	if (!out->n || out->p[out->n - 1] != ' ')
		buf_byte(out, ' ');
}

/* U+00A0, U+3000 ... come out as blanks. */
static void put_folded(slice s, struct buf *out)
{
	while (s.n) {
		size_t n = slice_index(s, ' ');
		buf_put(out, slice_first(s, n));
		if (n < s.n)
			put_blank(out);
		s = slice_skip(s, n + 1);
	}
}

static void fold_run(slice run, struct buf *out)
{
	UChar in[RUN_BYTES + 1], made[RUN_BYTES * GROWTH];
	char utf8[3 * RUN_BYTES * GROWTH];
	UErrorCode e = U_ZERO_ERROR;
	int32_t n = 0, m;
	const UNormalizer2 *form = unorm2_getNFKCCasefoldInstance(&e);
	u_strFromUTF8WithSub(in, RUN_BYTES + 1, &n, run.p, (int32_t)run.n, 0xfffd, NULL, &e);
	m = unorm2_normalize(form, in, n, made, (int32_t)(sizeof(made) / sizeof(*made)), &e);
	u_strToUTF8WithSub(utf8, sizeof(utf8), &n, made, m, 0xfffd, NULL, &e);
	if (U_FAILURE(e))
		buf_put(out, run); /* grew beyond all measure: compared as it is */
	else
		put_folded(slice_of(utf8, (size_t)n), out);
}

/* Bytes above 127 from `at` on, whole characters. */
static size_t run_end(slice s, size_t at)
{
	size_t end = at;
	while (end < s.n && end - at < RUN_BYTES - 4 && (unsigned char)s.p[end] > 127)
		end++;
	while (end < s.n && end - at < RUN_BYTES - 1 && ((unsigned char)s.p[end] & 0xc0) == 0x80)
		end++;
	return end;
}

/* ASCII up to something else; returns how much of it. */
static size_t fold_ascii(slice s, struct buf *out)
{
	size_t i = 0, n = 0;
	char *to = buf_room(out, s.n < ASCII_RUN ? s.n : ASCII_RUN);
	bool blank = out->n && out->p[out->n - 1] == ' ';
	for (; i < s.n && i < ASCII_RUN && (unsigned char)s.p[i] <= 127; i++) {
		char c = s.p[i];
		if (!to)
			continue;
		if (!is_blank(c))
			to[n++] = ascii_lower(c);
		else if (!(n ? to[n - 1] == ' ' : blank))
			to[n++] = ' ';
	}
	if (to)
		buf_commit(out, n);
	return i;
}

void text_fold(slice utf8, struct buf *out)
{
	for (size_t i = 0; i < utf8.n;) {
		char c = utf8.p[i];
		if ((unsigned char)c > 127) {
			size_t from = i, end = run_end(utf8, i);
			/* A mark may belong to the letter before it. */
			if (from && out->n && (unsigned char)utf8.p[from - 1] <= 127 &&
				!is_blank(utf8.p[from - 1]) && buf_ok(out)) {
				from--;
				out->n--;
			}
			fold_run(slice_of(utf8.p + from, end - from), out);
			i = end;
			continue;
		}
		i += fold_ascii(slice_skip(utf8, i), out);
	}
}
