/*
 * What the codes of a PDF's fonts mean as text (ISO 32000-1 9.6.6, 9.7.5, 9.10): a /ToUnicode map,
 * the names of predefined maps (which are charsets of East Asian mail, too), simple encodings with
 * their differences. Called by pdf_text.c. Codes of fonts that say nothing of it are left out.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/charset.h"
#include "codec/pdf_impl.h"
#include <stdio.h>

enum { RANGES_MAX = 70000, UNITS_MAX = 4, WORK_MAX = 8 << 20 };

struct range {
	uint32_t low, high;
	uint16_t units[UNITS_MAX]; /* UTF-16; the last counts up */
	uint8_t n;
};
struct pdf_map {
	struct range *v;
	size_t n, cap;
	unsigned bytes; /* of a code */
};

/* ---- ToUnicode (9.10.3) ---- */

static bool hex_code(slice *in, struct buf *space, slice *ret)
{
	struct pdf_token t;
	pdf_next(in, &t);
	if (t.kind != PDF_HEX)
		return false;
	buf_reset(space);
	pdf_string_raw(t.text, space);
	*ret = buf_slice(space);
	return true;
}

static uint32_t number(slice s)
{
	uint32_t v = 0;
	for (size_t i = 0; i < s.n && i < 4; i++)
		v = v << 8 | (unsigned char)s.p[i];
	return v;
}

static struct range *add(struct pdf *p, struct pdf_map *m)
{
	if (m->n >= RANGES_MAX || !p->maps_left)
		return NULL;
	p->maps_left--;
	if (m->n == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 128;
		struct range *v = ARENA_ARRAY(&p->a, struct range, cap);
		if (m->n)
			memcpy(v, m->v, m->n * sizeof *v);
		m->v = v;
		m->cap = cap;
	}
	return &m->v[m->n++];
}

static void set_units(struct range *r, slice utf16)
{
	for (size_t i = 0; i + 1 < utf16.n && r->n < UNITS_MAX; i += 2)
		r->units[r->n++] =
			(uint16_t)((unsigned char)utf16.p[i] << 8 | (unsigned char)utf16.p[i + 1]);
}

static void chars(struct pdf *p, struct pdf_map *m, slice *in, struct buf *space)
{
	slice code, text;
	while (hex_code(in, space, &code)) {
		uint32_t low = number(code);
		m->bytes = code.n ? (unsigned)code.n : m->bytes;
		struct range *r = hex_code(in, space, &text) ? add(p, m) : NULL;
		if (!r)
			return;
		r->low = r->high = low;
		set_units(r, text);
	}
}

/* <00> <20> <0041>, or <00> <02> [<0041> <0042> <0043>]. */
static void ranges(struct pdf *p, struct pdf_map *m, slice *in, struct buf *space)
{
	slice code;
	struct pdf_token t;
	while (hex_code(in, space, &code)) {
		uint32_t low = number(code);
		m->bytes = code.n ? (unsigned)code.n : m->bytes;
		if (!hex_code(in, space, &code))
			return;
		uint32_t high = number(code);
		slice peek = *in;
		pdf_next(&peek, &t);
		bool list = t.kind == PDF_OPEN_ARRAY;
		if (list)
			*in = peek;
		while (hex_code(in, space, &code)) {
			struct range *r = add(p, m);
			if (!r)
				return;
			r->low = low;
			r->high = list ? low : high;
			set_units(r, code);
			low++;
			if (!list)
				break;
		}
	}
}

static int by_code(const void *va, const void *vb)
{
	const struct range *a = va, *b = vb;
	return a->low < b->low ? -1 : a->low > b->low;
}

static struct pdf_map *read_map(struct pdf *p, const struct pdf_object *o)
{
	AUTO(buf) struct buf text = BUF(WORK_MAX);
	AUTO(buf) struct buf space = BUF(512);
	struct pdf_token t;
	const char *picture;
	if (!pdf_decode(p, o, &text, &picture))
		return NULL;
	struct pdf_map *m = ARENA_NEW(&p->a, struct pdf_map);
	m->bytes = 1;
	slice s = buf_slice(&text);
	do {
		pdf_next(&s, &t);
		if (t.kind != PDF_WORD)
			continue;
		if (slice_eq(t.text, S("beginbfchar")))
			chars(p, m, &s, &space);
		else if (slice_eq(t.text, S("beginbfrange")))
			ranges(p, m, &s, &space);
	} while (t.kind != PDF_END);
	if (m->n)
		qsort(m->v, m->n, sizeof *m->v, by_code);
	return m->n ? m : NULL;
}

static const struct range *look_up(const struct pdf_map *m, uint32_t code)
{
	size_t low = 0, high = m->n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (m->v[mid].low <= code)
			low = mid + 1;
		else
			high = mid;
	}
	return low && m->v[low - 1].high >= code ? &m->v[low - 1] : NULL;
}

static void mapped(const struct pdf_map *m, slice codes, struct buf *out)
{
	unsigned n = m->bytes > 1 ? 2 : 1;
	for (size_t i = 0; i + n <= codes.n; i += n) {
		uint32_t code = number(slice_of(codes.p + i, n));
		const struct range *r = look_up(m, code);
		for (unsigned k = 0; r && k < r->n; k++) {
			uint32_t cp = r->units[k];
			if (cp >= 0xd800 && cp < 0xdc00 && k + 1 < r->n)
				cp = 0x10000 + ((cp - 0xd800) << 10) + (r->units[++k] - 0xdc00u);
			utf8_put(out, k + 1 == r->n ? cp + (code - r->low) : cp);
		}
	}
}

/* ---- predefined maps (9.7.5.2) ---- */

static void charset_of_map(slice name, struct pdf_font *f)
{
	static const struct {
		slice part;
		const char *charset;
	} v[] = {{S_INIT("UCS2"), "utf-16be"}, {S_INIT("UTF16"), "utf-16be"},
		{S_INIT("GBK"), "gb18030"}, {S_INIT("GB-EUC"), "gb18030"},
		{S_INIT("GBpc"), "gb18030"}, {S_INIT("B5"), "big5"}, {S_INIT("RKSJ"), "shift_jis"},
		{S_INIT("KSC"), "euc-kr"}, {S_INIT("EUC"), "euc-jp"}};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_find(name, v[i].part) < name.n) {
			snprintf(f->charset, sizeof f->charset, "%s", v[i].charset);
			return;
		}
}

/* ---- simple encodings (9.6.6) ---- */

static const uint16_t upper[32] = {0x20ac, 0, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,
	0x2030, 0x160, 0x2039, 0x152, 0, 0x17d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
	0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0, 0x17e, 0x178};

static uint16_t glyph(const char *name)
{
	static const struct {
		const char *name;
		uint16_t cp;
	} v[] = {{"space", ' '}, {"period", '.'}, {"comma", ','}, {"hyphen", '-'}, {"colon", ':'},
		{"semicolon", ';'}, {"slash", '/'}, {"backslash", '\\'}, {"question", '?'},
		{"exclam", '!'}, {"at", '@'}, {"ampersand", '&'}, {"percent", '%'}, {"dollar", '$'},
		{"numbersign", '#'}, {"equal", '='}, {"plus", '+'}, {"asterisk", '*'},
		{"underscore", '_'}, {"parenleft", '('}, {"parenright", ')'}, {"bracketleft", '['},
		{"bracketright", ']'}, {"quotesingle", '\''}, {"quotedbl", '"'},
		{"quoteright", 0x2019}, {"quoteleft", 0x2018}, {"quotedblleft", 0x201c},
		{"quotedblright", 0x201d}, {"endash", 0x2013}, {"emdash", 0x2014},
		{"bullet", 0x2022}, {"less", '<'}, {"greater", '>'}, {"bar", '|'},
		{"asciitilde", '~'}, {"fi", 0xfb01}, {"fl", 0xfb02}, {"ff", 0xfb00},
		{"ffi", 0xfb03}, {"zero", '0'}, {"one", '1'}, {"two", '2'}, {"three", '3'},
		{"four", '4'}, {"five", '5'}, {"six", '6'}, {"seven", '7'}, {"eight", '8'},
		{"nine", '9'}, {"copyright", 0xa9}, {"registered", 0xae}, {"Euro", 0x20ac},
		{"sterling", 0xa3}, {"yen", 0xa5}, {"degree", 0xb0}};
	unsigned cp;
	if (name[0] && !name[1])
		return (uint16_t)(unsigned char)name[0];
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (strcmp(name, v[i].name) == 0)
			return v[i].cp;
	if (strncmp(name, "uni", 3) == 0 && sscanf(name + 3, "%4x", &cp) == 1)
		return (uint16_t)cp;
	return 0;
}

static void simple_encoding(struct pdf *p, slice encoding, struct pdf_font *f)
{
	struct pdf_token t;
	unsigned code = 0;
	f->simple = ARENA_ARRAY(&p->a, uint16_t, 256);
	for (unsigned i = 32; i < 256; i++)
		f->simple[i] = i >= 128 && i < 160 ? upper[i - 128] : (uint16_t)i;
	slice list = pdf_get_resolved(p, encoding, "Differences");
	if (!slice_starts(list, S("[")))
		return;
	list = slice_skip(list, 1);
	for (pdf_next(&list, &t); t.kind == PDF_NUMBER || t.kind == PDF_NAME; pdf_next(&list, &t)) {
		if (t.kind == PDF_NUMBER)
			code = t.number >= 0 && t.number < 256 ? (unsigned)t.number : 255;
		else if (code < 256)
			f->simple[code++] = glyph(t.name);
	}
}

void pdf_font_read(struct pdf *p, const struct pdf_object *font, struct pdf_font *f)
{
	const struct pdf_object *map = pdf_target(p, pdf_get(font->value, "ToUnicode"));
	slice encoding = pdf_get_resolved(p, font->value, "Encoding");
	f->number = font->number;
	f->wide = pdf_name_is(pdf_get_resolved(p, font->value, "Subtype"), "Type0");
	if (map && map->stream.p)
		f->map = read_map(p, map);
	if (f->map)
		f->map->bytes = f->wide ? f->map->bytes : 1;
	else if (f->wide)
		charset_of_map(encoding, f);
	else
		simple_encoding(p, encoding, f);
}

void pdf_font_text(const struct pdf_font *f, slice codes, struct buf *out)
{
	if (!f) {
		charset_to_utf8(S("windows-1252"), codes, out);
	} else if (f->map) {
		mapped(f->map, codes, out);
	} else if (f->charset[0]) {
		charset_to_utf8(slice_z(f->charset), codes, out);
	} else if (f->simple) {
		for (size_t i = 0; i < codes.n; i++)
			if (f->simple[(unsigned char)codes.p[i]])
				utf8_put(out, f->simple[(unsigned char)codes.p[i]]);
	}
}
