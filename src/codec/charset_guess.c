/*
 * Which charset is it? (charset.h) Marks, zero bytes, UTF-8's shape, escape sequences; then ICU's
 * statistics with what is known of mail: a charset in which bytes make no sense is out, EBCDIC and
 * its like are not considered, and among equals the Chinese one wins.
 */
#include "codec/charset.h"

#include "base/mem.h"
#include "base/utf8.h"
#include <unicode/ucsdet.h>

enum {
	SAMPLE_MAX = 4096, /* for statistics: what stands around bytes above ASCII */
	AROUND = 32,
	ZEROS_OF_UTF16 = 3, /* of ten bytes in even or odd places */
	LEAST_SCORE = 10, /* ICU's confidence is 0 .. 100 */
};

static const struct candidate {
	slice icu, name;
	int prior; /* added to ICU's confidence */
	bool pairs; /* two bytes a character: must be seen in pairs */
} candidates[] = {
	{S_INIT("GB18030"), S_INIT("gb18030"), 6, true},
	{S_INIT("Big5"), S_INIT("big5"), 4, true},
	{S_INIT("Shift_JIS"), S_INIT("shift_jis"), 3, true},
	{S_INIT("EUC-JP"), S_INIT("euc-jp"), 3, true},
	{S_INIT("EUC-KR"), S_INIT("euc-kr"), 3, true},
	{S_INIT("ISO-2022-JP"), S_INIT("iso-2022-jp"), 10, false},
	{S_INIT("ISO-2022-KR"), S_INIT("iso-2022-kr"), 10, false},
	{S_INIT("ISO-2022-CN"), S_INIT("iso-2022-cn"), 10, false},
	{S_INIT("windows-1251"), S_INIT("windows-1251"), 5, false},
	{S_INIT("KOI8-R"), S_INIT("koi8-r"), 4, false},
	{S_INIT("ISO-8859-1"), S_INIT("windows-1252"), 8, false},
	{S_INIT("windows-1252"), S_INIT("windows-1252"), 8, false},
	{S_INIT("ISO-8859-2"), S_INIT("iso-8859-2"), 0, false},
	{S_INIT("windows-1250"), S_INIT("windows-1250"), 2, false},
	{S_INIT("ISO-8859-5"), S_INIT("iso-8859-5"), -5, false},
	{S_INIT("ISO-8859-6"), S_INIT("iso-8859-6"), -5, false},
	{S_INIT("windows-1256"), S_INIT("windows-1256"), 0, false},
	{S_INIT("ISO-8859-7"), S_INIT("iso-8859-7"), 0, false},
	{S_INIT("windows-1253"), S_INIT("windows-1253"), 0, false},
	{S_INIT("ISO-8859-8"), S_INIT("iso-8859-8"), -5, false},
	{S_INIT("ISO-8859-8-I"), S_INIT("iso-8859-8"), -5, false},
	{S_INIT("windows-1255"), S_INIT("windows-1255"), 0, false},
	{S_INIT("ISO-8859-9"), S_INIT("windows-1254"), -5, false},
	{S_INIT("windows-1254"), S_INIT("windows-1254"), -5, false},
};

static const struct candidate *candidate(slice icu)
{
	for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
		if (slice_eq(candidates[i].icu, icu))
			return &candidates[i];
	return NULL;
}

/* The share, in percent, of bytes above ASCII that stand beside another one. */
static unsigned paired(slice s)
{
	size_t high = 0, beside = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (!(s.p[i] & 0x80))
			continue;
		high++;
		beside += (i && (s.p[i - 1] & 0x80)) || (i + 1 < s.n && (s.p[i + 1] & 0x80));
	}
	return high ? (unsigned)(beside * 100 / high) : 0;
}

/* UTF-16 of mostly Western text has a zero in every other byte. */
static slice by_zeros(slice s)
{
	size_t zeros[2] = {0, 0};
	for (size_t i = 0; i < s.n; i++)
		zeros[i & 1] += s.p[i] == 0;
	size_t enough = s.n / 2 * ZEROS_OF_UTF16 / 10;
	if (s.n < 8 || (zeros[0] < enough && zeros[1] < enough))
		return S("");
	if (zeros[0] && zeros[1] && zeros[0] * 4 > zeros[1] && zeros[1] * 4 > zeros[0])
		return S("");
	return zeros[1] > zeros[0] ? S("utf-16le") : S("utf-16be");
}

/* The last character may have been cut by CHARSET_LOOK_MAX. */
static bool fits_but_end(slice charset, slice s)
{
	for (size_t cut = 0; cut < UTF8_MAX && cut <= s.n; cut++)
		if (charset_fits(charset, slice_first(s, s.n - cut)))
			return true;
	return false;
}

static slice best_match(const UCharsetMatch **v, int n, slice s)
{
	unsigned pairs = paired(s);
	const struct candidate *best = NULL;
	int score = LEAST_SCORE - 1;
	for (int i = 0; i < n; i++) {
		UErrorCode e = U_ZERO_ERROR;
		const struct candidate *c = candidate(slice_z(ucsdet_getName(v[i], &e)));
		if (!c || (c->pairs && pairs < 60 && !slice_eq(c->name, S("shift_jis")) &&
				  !slice_eq(c->name, S("big5"))))
			continue;
		int got = ucsdet_getConfidence(v[i], &e) + c->prior;
		if (got > score && fits_but_end(c->name, s)) {
			best = c;
			score = got;
		}
	}
	return best ? best->name : S("windows-1252");
}

/* Without the ASCII text and markup that says nothing, or that there is nothing else. */
static slice sample(slice s, char out[SAMPLE_MAX])
{
	size_t n = 0, done = 0;
	for (size_t i = 0; i < s.n && n < SAMPLE_MAX; i++) {
		if (!(s.p[i] & 0x80))
			continue;
		size_t from = i > done + AROUND ? i - AROUND : done;
		size_t to = s.n - i > AROUND ? i + AROUND : s.n;
		size_t step = to - from < SAMPLE_MAX - n ? to - from : SAMPLE_MAX - n;
		memcpy(out + n, s.p + from, step);
		n += step;
		done = to;
		i = to - 1;
	}
	return n ? slice_of(out, n) : slice_first(s, SAMPLE_MAX);
}

static slice by_statistics(slice s)
{
	UErrorCode e = U_ZERO_ERROR;
	int n = 0;
	slice name = S("windows-1252");
	UCharsetDetector *d = ucsdet_open(&e);
	if (U_FAILURE(e))
		return name;
	AUTO(free) char *room = mem_alloc(SAMPLE_MAX);
	slice some = sample(s, room);
	ucsdet_setText(d, some.p, (int)some.n, &e);
	const UCharsetMatch **v = ucsdet_detectAll(d, &n, &e);
	if (U_SUCCESS(e))
		name = best_match(v, n, s);
	ucsdet_close(d);
	return name;
}

/* ISO-2022: ESC $ or ESC ( of a known set, SO; in text that is all ASCII. */
static bool has_escapes(slice s)
{
	static const slice marks[] = {S_INIT("\x1b$B"), S_INIT("\x1b$@"), S_INIT("\x1b$A"),
		S_INIT("\x1b$)"), S_INIT("\x1b(J"), S_INIT("\x1b(I"), S_INIT("\x1b$(")};
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (slice_find(s, marks[i]) < s.n)
			return true;
	return false;
}

slice charset_guess(slice in)
{
	slice s = slice_first(in, CHARSET_LOOK_MAX);
	bool zeros = s.n && memchr(s.p, 0, s.n);
	slice wide = zeros ? by_zeros(s) : S("");
	if (wide.n)
		return wide;
	if (utf8_is_ascii(s)) {
		if (!s.n || !memchr(s.p, 0x1b, s.n) || !has_escapes(s))
			return utf8_valid(in) ? S("utf-8") : S("windows-1252");
		return by_statistics(s);
	}
	return utf8_valid(in) ? S("utf-8") : by_statistics(s);
}
