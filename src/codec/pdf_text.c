/*
 * The text that pages show (ISO 32000-1 9.4), in the order in which it is drawn, with lines where
 * the position says so. Called by pdf.c. Colours, sizes and what covers what are not looked at;
 * forms (8.10) are read once each, as if they were pages.
 */
#include "base/mem.h"
#include "codec/pdf_impl.h"

enum {
	PAGES_MAX = 300,
	FONTS_MAX = 400, /* of the file */
	PAGE_FONTS_MAX = 64,
	PARENTS_MAX = 8,
	RESOURCES_MAX = 64 * 1024, /* bytes of a dictionary of fonts */
	OPERANDS = 6,
	RAW_MAX = 64 * 1024, /* bytes of one string */
	WORD_GAP = 200, /* thousandths of the font's size: a blank, where none is written */
};

struct page_font {
	char name[PDF_NAME_MAX];
	const struct pdf_font *font;
};
struct reading {
	struct pdf *p;
	struct pdf_font *all; /* of the file, kept */
	size_t nall;
	struct page_font *v; /* of the page */
	size_t n;
	const struct pdf_font *font;
	double size, y, x_end; /* where the last text ended, roughly */
	double operands[OPERANDS];
	unsigned noperands;
	struct buf raw;
};

/* ---- fonts of a page ---- */

static const struct pdf_font *font_of(struct reading *r, slice value)
{
	const struct pdf_object *o = pdf_target(r->p, value);
	if (!o)
		return NULL;
	for (size_t i = 0; i < r->nall; i++)
		if (r->all[i].number == o->number)
			return &r->all[i];
	if (r->nall == FONTS_MAX)
		return NULL;
	pdf_font_read(r->p, o, &r->all[r->nall]);
	return &r->all[r->nall++];
}

static void read_fonts(struct reading *r, slice resources)
{
	struct pdf_token t;
	slice fonts = pdf_get_resolved(r->p, resources, "Font");
	r->n = 0;
	r->font = NULL;
	if (fonts.n > RESOURCES_MAX || !slice_starts(fonts, S("<<")))
		return;
	fonts = slice_skip(fonts, 2);
	for (pdf_next(&fonts, &t); t.kind == PDF_NAME && r->n < PAGE_FONTS_MAX;
		pdf_next(&fonts, &t)) {
		memcpy(r->v[r->n].name, t.name, PDF_NAME_MAX);
		r->v[r->n++].font = font_of(r, pdf_value(&fonts));
	}
}

static void select_font(struct reading *r, const char *name)
{
	r->font = NULL;
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->v[i].name, name) == 0)
			r->font = r->v[i].font;
}

/* ---- showing ---- */

static void line_end(struct reading *r)
{
	struct buf *t = &r->p->text;
	if (t->n && t->p[t->n - 1] != '\n')
		buf_byte(t, '\n');
}

static void blank(struct reading *r)
{
	struct buf *t = &r->p->text;
	if (t->n && t->p[t->n - 1] != '\n' && t->p[t->n - 1] != ' ')
		buf_byte(t, ' ');
}

static void show(struct reading *r, slice string)
{
	buf_reset(&r->raw);
	pdf_string_raw(string, &r->raw);
	pdf_font_text(r->font, buf_slice(&r->raw), &r->p->text);
	r->x_end += (double)r->raw.n * (r->size > 0 ? r->size : 1) * 0.5;
}

/* [(H) 20 (ello) -300 (world)] TJ */
static void show_array(struct reading *r, slice array)
{
	struct pdf_token t;
	for (pdf_next(&array, &t); t.kind != PDF_END; pdf_next(&array, &t)) {
		if (t.kind == PDF_STRING || t.kind == PDF_HEX)
			show(r, t.text);
		else if (t.kind == PDF_NUMBER && t.number < -WORD_GAP)
			blank(r);
	}
}

static void moved(struct reading *r, double x, double y)
{
	if (y != 0)
		line_end(r);
	else if (x > r->x_end)
		blank(r);
	r->x_end = 0;
}

static double operand(const struct reading *r, unsigned from_end)
{
	return from_end < r->noperands ? r->operands[r->noperands - 1 - from_end] : 0;
}

static bool is(slice op, const char *name)
{
	return slice_eq(op, slice_z(name));
}

static void operator(struct reading *r, slice op, slice string, slice array, const char *name)
{
	if (is(op, "Tj")) {
		show(r, string);
	} else if (is(op, "TJ")) {
		show_array(r, array);
	} else if (is(op, "'") || is(op, "\"")) {
		line_end(r);
		show(r, string);
	} else if (is(op, "Tf")) {
		select_font(r, name);
		r->size = operand(r, 0);
	} else if (is(op, "T*")) {
		line_end(r);
	} else if (is(op, "Td") || is(op, "TD")) {
		moved(r, operand(r, 1), operand(r, 0));
	} else if (is(op, "Tm")) {
		double y = operand(r, 0);
		moved(r, 0, y - r->y);
		r->y = y;
	} else if (is(op, "ET")) {
		r->x_end = 0;
	}
}

/* BI ... ID bytes EI: the bytes are no tokens. */
static slice behind_inline_image(slice s)
{
	for (slice rest = s;;) {
		size_t at = slice_find(rest, S("EI"));
		if (at >= rest.n)
			return (slice){0};
		char before = at ? rest.p[at - 1] : 0,
		     after = at + 2 < rest.n ? rest.p[at + 2] : '\n';
		rest = slice_skip(rest, at + 2);
		if ((before == '\n' || before == '\r' || before == ' ') &&
			(after == '\n' || after == '\r' || after == ' '))
			return rest;
	}
}

static void interpret(struct reading *r, slice s)
{
	struct pdf_token t;
	slice string = {0}, array = {0}, start = {0};
	char name[PDF_NAME_MAX] = "";
	r->noperands = 0;
	r->y = r->x_end = 0;
	for (pdf_next(&s, &t); t.kind != PDF_END && buf_ok(&r->p->text); pdf_next(&s, &t)) {
		switch (t.kind) {
		case PDF_NUMBER:
			if (r->noperands == OPERANDS)
				memmove(r->operands, r->operands + 1,
					(OPERANDS - 1) * sizeof(double));
			r->noperands -= r->noperands == OPERANDS;
			r->operands[r->noperands++] = t.number;
			break;
		case PDF_STRING:
		case PDF_HEX:
			string = t.text;
			break;
		case PDF_NAME:
			memcpy(name, t.name, sizeof name);
			break;
		case PDF_OPEN_ARRAY:
			start = s;
			break;
		case PDF_CLOSE_ARRAY:
			array = start.p ? slice_first(start, (size_t)(t.text.p - start.p))
					: (slice){0};
			break;
		case PDF_WORD:
			if (is(t.text, "ID"))
				s = behind_inline_image(s);
			operator(r, t.text, string, array, name);
			string = array = (slice){0}; /* used up: not shown again */
			r->noperands = 0;
			break;
		default:
			break;
		}
	}
	line_end(r);
}

/* ---- pages and forms ---- */

static slice resources_of(struct pdf *p, slice page)
{
	for (unsigned i = 0; i < PARENTS_MAX && page.n; i++) {
		slice r = pdf_get_resolved(p, page, "Resources");
		if (r.n)
			return r;
		page = pdf_get_resolved(p, page, "Parent");
	}
	return (slice){0};
}

static void append_stream(struct pdf *p, slice value, struct buf *out)
{
	const struct pdf_object *o = pdf_target(p, value);
	const char *picture;
	if (o && o->stream.p)
		pdf_decode(p, o, out, &picture);
	buf_byte(out, '\n');
}

static void read_page(struct reading *r, slice page)
{
	AUTO(buf) struct buf content = BUF(PDF_STREAM_MAX);
	slice contents = pdf_get(page, "Contents"), list = pdf_resolve(r->p, contents);
	if (slice_starts(list, S("["))) {
		list = slice_skip(list, 1);
		for (slice v = pdf_value(&list); v.n && v.p[0] != ']' && buf_ok(&content);
			v = pdf_value(&list))
			append_stream(r->p, v, &content);
	} else {
		append_stream(r->p, contents, &content);
	}
	read_fonts(r, resources_of(r->p, page));
	interpret(r, buf_slice(&content));
}

static void read_form(struct reading *r, const struct pdf_object *o)
{
	AUTO(buf) struct buf content = BUF(PDF_STREAM_MAX);
	const char *picture;
	if (!pdf_decode(r->p, o, &content, &picture))
		return;
	read_fonts(r, pdf_get_resolved(r->p, o->value, "Resources"));
	interpret(r, buf_slice(&content));
}

void pdf_pages(struct pdf *p)
{
	AUTO(free) struct pdf_font *all = mem_alloc(FONTS_MAX * sizeof *all);
	AUTO(free) struct page_font *v = mem_alloc(PAGE_FONTS_MAX * sizeof *v);
	struct reading r = {.p = p, .all = all, .v = v, .raw = BUF(RAW_MAX)};
	unsigned pages = 0;
	for (size_t i = 0; i < p->nby && pages < PAGES_MAX && buf_ok(&p->text); i++) {
		const struct pdf_object *o = p->by_number[i];
		bool form = o->stream.p && pdf_name_is(pdf_get(o->value, "Subtype"), "Form");
		bool page = !form && pdf_name_is(pdf_get(o->value, "Type"), "Page");
		pages += form || page;
		if (form)
			read_form(&r, o);
		else if (page)
			read_page(&r, o->value);
	}
	if (pages == PAGES_MAX)
		p->x->fact(p->x->ctx, EXTRACT_LIMIT, S(""));
	buf_done(&r.raw);
}
