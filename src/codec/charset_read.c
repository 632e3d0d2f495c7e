/*
 * Reading a text whose label may be missing, unknown or wrong (charset.h): marks, the declared
 * charset if the bytes make sense in it, what the HTML says, and only then a guess.
 */
#include "codec/charset.h"

#include "base/mem.h"
#include "base/utf8.h"

enum {
	FORGIVEN = 5, /* percent of the characters above ASCII that may be broken in a charset
			 that is believed all the same */
	ENOUGH = 8, /* bytes above ASCII; among them one may be broken */
	CJK_LEAST = 4, /* characters, before Western text is taken for mislabelled Chinese */
};

static const slice replacement = S_INIT("\xef\xbf\xbd");

static size_t count_replacements(slice s)
{
	size_t n = 0, at;
	for (; (at = slice_find(s, replacement)) < s.n; s = slice_skip(s, at + 3))
		n++;
	return n;
}

static size_t count_high(slice s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0x80) != 0;
	return n;
}

static bool is_one_of(slice name, const slice *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_ieq(name, v[i]))
			return true;
	return false;
}

static bool is_ascii_name(slice name)
{
	static const slice v[] = {S_INIT("us-ascii"), S_INIT("ascii"), S_INIT("ansi_x3.4-1968")};
	return is_one_of(name, v, sizeof v / sizeof *v);
}

/* Charsets in which every byte means something. */
static bool fits_anything(slice name)
{
	static const slice v[] = {S_INIT("iso-8859-1"), S_INIT("iso8859-1"), S_INIT("iso_8859-1"),
		S_INIT("latin1"), S_INIT("windows-1252"), S_INIT("cp1252"), S_INIT("iso-8859-15")};
	return is_one_of(name, v, sizeof v / sizeof *v);
}

static bool is_utf8_name(slice name)
{
	return slice_ieq(name, S("utf-8")) || slice_ieq(name, S("utf8"));
}

/* Is it UTF-8 beyond chance? Two-byte sequences are common in GBK, too. */
static bool surely_utf8(slice s)
{
	size_t long_ones = 0, all = 0;
	if (utf8_is_ascii(s) || !utf8_valid(s))
		return false;
	for (uint32_t cp; utf8_next(&s, &cp);) {
		all += cp > 0x7f;
		long_ones += cp > 0x7ff;
	}
	return long_ones >= 2 || all >= 4;
}

static bool is_cjk(slice name)
{
	static const slice v[] = {S_INIT("gb18030"), S_INIT("big5"), S_INIT("shift_jis"),
		S_INIT("euc-jp"), S_INIT("euc-kr"), S_INIT("iso-2022-jp"), S_INIT("iso-2022-kr"),
		S_INIT("iso-2022-cn")};
	return is_one_of(name, v, sizeof v / sizeof *v);
}

/* Which charset instead of Western: whole runs of high bytes are not what Europeans write. */
static bool western_lies(slice s, slice *ret_real)
{
	size_t run = 0, longest = 0;
	if (surely_utf8(s)) {
		*ret_real = S("utf-8");
		return true;
	}
	for (size_t i = 0; i < s.n; i++) {
		run = s.p[i] & 0x80 ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	if (longest < 2 * CJK_LEAST)
		return false;
	*ret_real = charset_guess(s);
	return is_cjk(*ret_real);
}

/* ---- <meta charset> ---- */

static slice meta_value(slice tag)
{
	size_t at = 0;
	while (at < tag.n && !slice_istarts(slice_skip(tag, at), S("charset")))
		at++;
	slice s = slice_trim(slice_skip(tag, at + 7));
	if (!slice_starts(s, S("=")))
		return S("");
	s = slice_trim(slice_skip(s, 1));
	while (s.n && (s.p[0] == '"' || s.p[0] == '\''))
		s = slice_skip(s, 1);
	size_t n = 0;
	while (n < s.n && n < CHARSET_NAME_MAX && s.p[n] > ' ' && !strchr("\"';>/", s.p[n]))
		n++;
	return slice_first(s, n);
}

static slice meta_charset(slice html)
{
	slice s = slice_first(html, CHARSET_META_MAX);
	for (size_t at; (at = slice_index(s, '<')) < s.n; s = slice_skip(s, at + 1)) {
		slice tag = slice_skip(s, at);
		if (!slice_istarts(tag, S("<meta")))
			continue;
		slice name = meta_value(slice_first(tag, slice_index(tag, '>')));
		/* What is written in ASCII to be read here is not UTF-16. */
		if (name.n)
			return slice_istarts(name, S("utf-16")) ? S("utf-8") : name;
	}
	return S("");
}

/* ---- deciding ---- */

struct decision {
	slice name;
	enum charset_origin origin;
};

/* Does the text make sense in that charset, but for a few characters? */
static bool nearly_fits(slice name, slice in)
{
	slice s = slice_first(in, CHARSET_LOOK_MAX);
	AUTO(buf) struct buf out = BUF(4 * CHARSET_LOOK_MAX);
	if (charset_fits(name, s))
		return true;
	if (!charset_to_utf8(name, s, &out))
		return false;
	size_t bad = count_replacements(buf_slice(&out)), high = count_high(s);
	size_t base = high ? high : s.n;
	return bad * 100 <= base * FORGIVEN + (base >= ENOUGH ? 100 : 0);
}

static bool by_mark(slice *in, struct decision *ret)
{
	static const struct {
		slice mark, name;
	} marks[] = {{S_INIT("\xef\xbb\xbf"), S_INIT("utf-8")},
		{S_INIT("\xff\xfe\0\0"), S_INIT("utf-32le")},
		{S_INIT("\0\0\xfe\xff"), S_INIT("utf-32be")},
		{S_INIT("\xff\xfe"), S_INIT("utf-16le")}, {S_INIT("\xfe\xff"), S_INIT("utf-16be")}};
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		if (!slice_starts(*in, marks[i].mark))
			continue;
		*in = slice_skip(*in, marks[i].mark.n);
		*ret = (struct decision){marks[i].name, CHARSET_BOM};
		return true;
	}
	return false;
}

static struct decision undeclared(slice in, bool html)
{
	slice guess, meta;
	if (surely_utf8(in))
		return (struct decision){S("utf-8"), CHARSET_VALID};
	meta = html ? meta_charset(in) : S("");
	if (meta.n && nearly_fits(meta, in) && !utf8_is_ascii(in))
		return (struct decision){meta, CHARSET_META};
	guess = charset_guess(in);
	if (slice_eq(guess, S("utf-8")))
		return (struct decision){guess, CHARSET_VALID};
	return (struct decision){
		guess, slice_eq(guess, S("windows-1252")) ? CHARSET_LAST_RESORT : CHARSET_GUESSED};
}

static struct decision decide(slice declared, slice *in, bool html, struct charset_reading *r)
{
	struct decision d;
	slice real;
	if (by_mark(in, &d)) {
		r->lied = declared.n && !slice_istarts(d.name, slice_first(declared, 6));
		return d;
	}
	r->unknown = declared.n && !charset_fits(declared, S(""));
	if (!declared.n || r->unknown)
		return undeclared(*in, html);
	if (is_ascii_name(declared) && !utf8_is_ascii(*in)) {
		r->lied = true;
		return undeclared(*in, html);
	}
	slice look = slice_first(*in, CHARSET_LOOK_MAX);
	if (fits_anything(declared)) {
		r->lied = western_lies(look, &real);
		return r->lied ? (struct decision){real, slice_eq(real, S("utf-8"))
								 ? CHARSET_VALID
								 : CHARSET_GUESSED}
			       : (struct decision){declared, CHARSET_DECLARED};
	}
	if (!is_utf8_name(declared) && surely_utf8(*in)) {
		r->lied = true;
		return (struct decision){S("utf-8"), CHARSET_VALID};
	}
	if (nearly_fits(declared, *in))
		return (struct decision){declared, CHARSET_DECLARED};
	d = undeclared(*in, html);
	r->lied = true;
	return d;
}

static void name_it(slice name, struct charset_reading *r)
{
	name = slice_first(slice_trim(name), CHARSET_NAME_MAX);
	for (size_t i = 0; i < name.n; i++)
		r->name[i] = ascii_lower(name.p[i]);
	r->name[name.n] = 0;
}

void charset_read(slice declared, slice in, bool html, struct buf *out, struct charset_reading *ret)
{
	struct charset_reading r = {0};
	slice given = slice_trim(declared), all = in;
	in = slice_first(in, out->limit > out->n ? out->limit - out->n : 0);
	if (in.n < all.n) /* what comes first is read all the same */
		in = utf8_first(in, in.n - in.n % UTF8_MAX);
	struct decision d = decide(given, &in, html, &r);
	size_t before = out->n;
	r.origin = d.origin;
	name_it(d.name, &r);
	if (is_utf8_name(d.name) && utf8_valid(in)) {
		buf_put(out, in);
	} else {
		charset_to_utf8(d.name, in, out);
		slice made = slice_skip(buf_slice(out), before);
		if (slice_starts(made, S("\xef\xbb\xbf"))) { /* UTF-16's own mark */
			memmove(out->p + before, out->p + before + 3, made.n - 3);
			out->n -= 3;
		}
		size_t made_bad = count_replacements(slice_skip(buf_slice(out), before));
		size_t sent = is_utf8_name(d.name) ? count_replacements(in) : 0;
		r.replaced = made_bad > sent ? made_bad - sent : 0;
	}
	out->full |= in.n < all.n - (size_t)(in.p - all.p);
	*ret = r;
}
