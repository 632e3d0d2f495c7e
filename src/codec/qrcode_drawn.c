/*
 * QR codes that are no pictures: drawn with blocks and squares of Unicode (or '#') in lines of
 * text, or with the cells of an HTML table. They are painted as a small picture and read as one
 * (qrcode.c), also the wrong way round. Programs like qrencode make the first kind; both are used
 * to get past filters.
 *
 * A table's cell is a module, or several with colspan; its colour is bgcolor or the background of
 * its style. Where a table says neither (style sheets), cells of the first one's class are dark and
 * others light, or, if it has none, light and others dark.
 * Rowspan, and drawing with div or position, is not understood.
 */
#include "codec/qrcode_impl.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/html_css.h"
#include "codec/html_entity.h"
#include "codec/html_token.h"

enum {
	MODULES_MIN = 21, /* a side */
	MODULES_MAX = 177 + 16, /* a side, with margins */
	PIXELS = 4, /* a module, in the picture */
	MARGIN = 4, /* modules */
	TABLES_MAX = 20, /* drawings that are tried, of one text */
	DARK_BELOW = 128,
};

/* ---- a drawing, a byte a module ---- */

struct drawing {
	uint8_t *v; /* 1: dark */
	unsigned stride, width, height;
};

static void drawing_clear(struct drawing *d)
{
	memset(d->v, 0, (size_t)d->stride * d->height);
	d->width = d->height = 0;
}

static struct drawing drawing_new(struct arena *a)
{
	enum { SIDE = 2 * MODULES_MAX };
	return (struct drawing){arena_alloc(a, (size_t)SIDE * SIDE), SIDE, 0, 0};
}

/* Each cell becomes px x py pixels; dark is 1 or, in inverted ones, 0. */
static unsigned read_drawing(const struct drawing *d, unsigned px, unsigned py, uint8_t dark,
	unsigned *tries, struct arena *a, struct qrcode ret[QRCODES_MAX])
{
	AUTO(arena) struct arena mem = {0};
	struct picture p = {.width = px * d->width + 2 * MARGIN * PIXELS,
		.height = py * d->height + 2 * MARGIN * PIXELS};
	p.grey = arena_alloc(&mem, (size_t)p.width * p.height);
	p.rgb = arena_alloc(&mem, 3 * (size_t)p.width * p.height);
	memset(p.grey, 255, (size_t)p.width * p.height);
	for (unsigned y = 0; y < py * d->height; y++) {
		uint8_t *row = p.grey + (size_t)(y + MARGIN * PIXELS) * p.width + MARGIN * PIXELS;
		for (unsigned x = 0; x < px * d->width; x++)
			row[x] = d->v[(size_t)(y / py) * d->stride + x / px] == dark ? 0 : 255;
	}
	return qrcode_read(&p, tries, a, ret);
}

static unsigned try_drawing(
	const struct drawing *d, unsigned *tries, struct arena *a, struct qrcode ret[QRCODES_MAX])
{
	if (d->width < MODULES_MIN || d->height < MODULES_MIN)
		return 0;
	/* Single blocks of letters that are meant as squares. */
	unsigned px = d->height > d->width + d->width / 2 ? 2 * PIXELS : PIXELS;
	unsigned n = read_drawing(d, px, PIXELS, 1, tries, a, ret);
	return n ? n : read_drawing(d, px, PIXELS, 0, tries, a, ret);
}

/* ---- letters ---- */

struct glyph {
	uint32_t c;
	uint8_t upper, lower;
	uint8_t wide; /* as wide as high */
};

static const struct glyph glyphs[] = {
	{' ', 0, 0, 0},
	{0xa0, 0, 0, 0},
	{0x2007, 0, 0, 0},
	{0x3000, 0, 0, 1},
	{'#', 1, 1, 0},
	{0x2580, 1, 0, 0}, /* upper half */
	{0x2584, 0, 1, 0},
	{0x2588, 1, 1, 0},
	{0x2591, 0, 0, 0}, /* light shade */
	{0x2592, 1, 1, 0},
	{0x2593, 1, 1, 0},
	{0x25a0, 1, 1, 1}, /* squares */
	{0x25a1, 0, 0, 1},
	{0x2b1b, 1, 1, 1},
	{0x2b1c, 0, 0, 1},
	{0x25fc, 1, 1, 1},
	{0x25fb, 0, 0, 1},
	{0x25fe, 1, 1, 1},
	{0x25fd, 0, 0, 1},
};

static const struct glyph *glyph_of(uint32_t c)
{
	for (size_t i = 0; i < sizeof glyphs / sizeof *glyphs; i++)
		if (glyphs[i].c == c)
			return &glyphs[i];
	return NULL;
}

/* Two rows of a drawing from a line of text. False: it is none. */
static bool draw_line(struct drawing *d, slice line)
{
	unsigned x = 0, marks = 0;
	uint8_t *row = d->v + (size_t)d->height * d->stride;
	if (d->height + 2 > d->stride)
		return false;
	while (line.n) {
		uint32_t c = 0;
		bool valid = utf8_next(&line, &c);
		if (c == 0xfe0f || c == '\r') /* "as a picture"; a line's end */
			continue;
		const struct glyph *g = valid ? glyph_of(c) : NULL;
		if (!g || x + 2 > d->stride) {
			memset(row, 0, 2 * (size_t)d->stride);
			return false;
		}
		marks += c != ' ';
		for (unsigned k = 0; k <= g->wide; k++, x++) {
			row[x] = g->upper;
			row[d->stride + x] = g->lower;
		}
	}
	if (marks < 4 || x < MODULES_MIN) {
		memset(row, 0, 2 * (size_t)d->stride);
		return false;
	}
	d->height += 2;
	d->width = x > d->width ? x : d->width;
	return true;
}

unsigned qrcode_read_text(
	slice utf8, unsigned *tries, struct arena *a, struct qrcode ret[QRCODES_MAX])
{
	AUTO(arena) struct arena mem = {0};
	struct drawing d = {0};
	unsigned n = 0, tried = 0;
	slice line;
	while (n == 0 && tried < TABLES_MAX && slice_cut(&utf8, '\n', &line)) {
		bool may = line.n >= MODULES_MIN && line.n <= 4 * 2 * (size_t)MODULES_MAX;
		if (may && !d.v)
			may = glyph_of((uint8_t)line.p[0]) || (uint8_t)line.p[0] >= 0xc2;
		if (may && !d.v)
			d = drawing_new(&mem);
		if (may && draw_line(&d, line))
			continue;
		if (d.height >= MODULES_MIN) {
			n = try_drawing(&d, tries, a, ret);
			tried++;
		}
		if (d.height)
			drawing_clear(&d);
	}
	return n || tried == TABLES_MAX ? n : try_drawing(&d, tries, a, ret);
}

/* ---- tables ---- */

struct table {
	struct drawing d;
	unsigned x; /* in the row that is being read */
	bool in_row;
	slice dark_class; /* of the first cell without colour */
	bool has_class;
	struct arena *a; /* of styles */
};

static unsigned number(slice s, unsigned otherwise)
{
	uint64_t v;
	return slice_u64(slice_trim(s), &v) && v >= 1 && v <= MODULES_MAX ? (unsigned)v : otherwise;
}

static bool is_dark(struct table *t, const struct html_token *cell)
{
	struct css_colour c;
	slice style = html_attribute(cell, S("style"));
	if (style.n) {
		struct css_values v = {0};
		css_declarations(style, NULL, t->a, &v);
		c = v.v[CSS_BACKGROUND].colour;
		if ((v.set & 1u << CSS_BACKGROUND) && v.v[CSS_BACKGROUND].unit != CSS_UNKNOWN)
			return c.a && c.r * 77 + c.g * 150 + c.b * 29 < DARK_BELOW * 256;
	}
	if (css_colour_attribute(html_attribute(cell, S("bgcolor")), &c))
		return c.a && c.r * 77 + c.g * 150 + c.b * 29 < DARK_BELOW * 256;
	slice class = html_attribute(cell, S("class"));
	if (!t->has_class) {
		t->has_class = true;
		t->dark_class = class;
	}
	return slice_eq(class, t->dark_class) == (t->dark_class.n > 0);
}

static void add_cell(struct table *t, const struct html_token *cell)
{
	struct drawing *d = &t->d;
	unsigned span = number(html_attribute(cell, S("colspan")), 1);
	bool dark = is_dark(t, cell);
	for (; span && t->x < d->stride && d->height < d->stride; span--, t->x++)
		d->v[(size_t)d->height * d->stride + t->x] = dark;
}

static void end_row(struct table *t)
{
	if (t->in_row && t->x >= MODULES_MIN && t->d.height < t->d.stride) {
		t->d.width = t->x > t->d.width ? t->x : t->d.width;
		t->d.height++;
	} else if (t->in_row && t->d.height < t->d.stride) {
		memset(t->d.v + (size_t)t->d.height * t->d.stride, 0, t->d.stride);
	}
	t->x = 0;
	t->in_row = false;
}

unsigned qrcode_read_html(
	slice html, unsigned *tries, struct arena *a, struct qrcode ret[QRCODES_MAX])
{
	AUTO(arena) struct arena mem = {0};
	struct html_tokens in = {html, HTML_TAG_OTHER};
	struct html_token *token = ARENA_NEW(&mem, struct html_token);
	struct table t = {.d = drawing_new(&mem), .a = &mem};
	unsigned n = 0, tried = 0;
	bool more = true;
	while (n == 0 && tried < TABLES_MAX && more) {
		more = html_token_next(&in, token);
		bool start = more && token->kind == HTML_TOKEN_START;
		bool end = more && token->kind == HTML_TOKEN_END;
		if ((start || end) && token->tag == HTML_TAG_TR) {
			end_row(&t);
			t.in_row = start;
		} else if (start && (token->tag == HTML_TAG_TD || token->tag == HTML_TAG_TH)) {
			add_cell(&t, token);
		} else if (!more || ((start || end) && token->tag == HTML_TAG_TABLE)) {
			end_row(&t);
			if (t.d.height >= MODULES_MIN) {
				n = try_drawing(&t.d, tries, a, ret);
				tried++;
			}
			drawing_clear(&t.d);
			t.has_class = false;
		}
	}
	return n;
}

/* ---- letters in HTML ---- */

static void put_text(struct buf *out, slice text, bool entities, bool pre)
{
	while (text.n) {
		uint32_t c[2] = {(uint8_t)*text.p, 0};
		size_t n = entities && *text.p == '&' ? html_entity(text, false, c) : 0;
		if (n == 0 && *text.p == '\n' && !pre)
			buf_byte(out, ' ');
		else if (n == 0)
			buf_byte(out, *text.p);
		for (int i = 0; n && i < 2 && c[i]; i++)
			utf8_put(out, c[i]);
		text = slice_skip(text, n ? n : 1);
	}
}

static bool ends_line(enum html_tag tag)
{
	return tag == HTML_TAG_BR || tag == HTML_TAG_DIV || tag == HTML_TAG_P ||
	       tag == HTML_TAG_TR || tag == HTML_TAG_PRE || tag == HTML_TAG_LI;
}

unsigned qrcode_read_html_text(
	slice html, unsigned *tries, struct arena *a, struct qrcode ret[QRCODES_MAX])
{
	AUTO(arena) struct arena mem = {0};
	AUTO(buf) struct buf text = BUF(html.n + 1);
	struct html_tokens in = {html, HTML_TAG_OTHER};
	struct html_token *t = ARENA_NEW(&mem, struct html_token);
	bool pre = false;
	while (html_token_next(&in, t)) {
		bool start = t->kind == HTML_TOKEN_START;
		if (t->kind == HTML_TOKEN_TEXT)
			put_text(&text, t->text, t->entities, pre);
		if (!start && t->kind != HTML_TOKEN_END)
			continue;
		if (t->tag == HTML_TAG_PRE)
			pre = start;
		if (ends_line(t->tag))
			buf_byte(&text, '\n');
	}
	return qrcode_read_text(buf_slice(&text), tries, a, ret);
}
