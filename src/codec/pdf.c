/*
 * PDF as far as a filter of mail needs it (pdf.h; ISO 32000-1 and -2): the order of reading. Called
 * by the reader of attachments.
 *
 *	pdf_lex.c	tokens, values		pdf_objects.c	objects, wherever they stand
 *	pdf_filter.c	streams decoded		pdf_crypt.c	files that open without a password
 *	pdf_facts.c	actions, links, scripts	pdf_text.c, pdf_font.c	what pages show
 *	pdf_image.c	pictures
 *
 * Nothing is drawn: text made of pictures or of lines is not text here.
 */
#include "codec/pdf.h"

#include "base/mem.h"
#include "codec/pdf_impl.h"

enum {
	UNPACKED_MAX = 128 << 20,
	TEXT_MAX = 512 * 1024,
	NAME_BYTES = 1024,
	EMBEDDED_MAX = 50,
	READ_AGAIN = 2, /* times the file's size that values may be all together */
	LOOK_AGAIN = 4, /* times the file's size that they may be looked through again */
	SPARE = 64 * 1024, /* for small files; few, for there may be many of them */
	MAPS_MAX = 300000, /* ranges of all fonts' maps */
};

static void embedded(struct pdf *p, const struct pdf_object *o)
{
	AUTO(buf) struct buf bytes = BUF(PDF_STREAM_MAX);
	AUTO(buf) struct buf name = BUF(NAME_BYTES);
	const char *picture;
	if (!p->embedded_left || !pdf_decode(p, o, &bytes, &picture))
		return;
	p->embedded_left--;
	const struct pdf_object *spec =
		o->specification ? p->by_number[o->specification - 1] : NULL;
	slice unicode = spec ? pdf_get_resolved(p, spec->value, "UF") : (slice){0};
	if (spec)
		pdf_text_string(p, spec,
			unicode.n ? unicode : pdf_get_resolved(p, spec->value, "F"), &name);
	p->x->fact(p->x->ctx, EXTRACT_EMBEDDED, buf_slice(&name));
	p->stopped = !p->x->file(p->x->ctx, buf_slice(&name), buf_slice(&bytes));
}

/* The transparency of a picture (11.6.5.3) is no picture; the name of a file stands in the
 * specification that refers to it (7.11.3). */
static void mark_targets(struct pdf *p)
{
	for (size_t i = 0; i < p->nby; i++) {
		const struct pdf_object *o = p->by_number[i], *mask = NULL, *file = NULL;
		if (o->stream.p && pdf_name_is(pdf_get(o->value, "Subtype"), "Image"))
			mask = pdf_target(p, pdf_get(o->value, "SMask"));
		if (mask)
			p->v[mask->order].is_mask = true;
		slice files = pdf_get_resolved(p, o->value, "EF");
		if (files.n)
			file = pdf_target(p, pdf_get(files, "F"));
		if (file && !file->specification)
			p->v[file->order].specification = (uint32_t)i + 1;
	}
}

static void streams(struct pdf *p)
{
	mark_targets(p);
	for (size_t i = 0; i < p->nby && !p->stopped; i++) {
		const struct pdf_object *o = p->by_number[i];
		if (!o->stream.p)
			continue;
		if (!o->is_mask && pdf_name_is(pdf_get(o->value, "Subtype"), "Image"))
			pdf_image(p, o);
		else if (pdf_name_is(pdf_get(o->value, "Type"), "EmbeddedFile"))
			embedded(p, o);
	}
}

static void look(struct pdf *p)
{
	const struct extract *x = p->x;
	pdf_scan(p);
	pdf_index(p);
	pdf_crypt_open(p);
	if (p->encrypt && !p->crypt) {
		x->fact(x->ctx, EXTRACT_ENCRYPTED, S(""));
		return;
	}
	pdf_unpack_objects(p);
	pdf_index(p);
	for (size_t i = 0; i < p->n; i++)
		pdf_facts(p, &p->v[i]);
	if (p->javascript)
		x->fact(x->ctx, EXTRACT_SCRIPT, S(""));
	if (p->javascript && p->at_open)
		x->fact(x->ctx, EXTRACT_AUTORUN, S(""));
	pdf_pages(p);
	x->text(x->ctx, buf_slice(&p->text));
	streams(p);
	if (!p->n)
		x->fact(x->ctx, EXTRACT_DAMAGED, S(""));
}

void pdf_read(slice in, struct extract_limits *l, const struct extract *x)
{
	uint64_t total = l->unpacked < UNPACKED_MAX ? l->unpacked : UNPACKED_MAX;
	struct extract_limits own = {.unpacked = total, .files = l->files};
	uint64_t looks = LOOK_AGAIN * (uint64_t)in.n + SPARE;
	struct pdf p = {.in = in,
		.limits = &own,
		.x = x,
		.values_left = READ_AGAIN * (uint64_t)in.n + SPARE,
		.embedded_left = EMBEDDED_MAX,
		.looks_left = &looks,
		.maps_left = MAPS_MAX,
		.text = BUF(TEXT_MAX)};
	look(&p);
	if (!looks)
		x->fact(x->ctx, EXTRACT_LIMIT, S(""));
	l->unpacked -= total - own.unpacked;
	buf_done(&p.text);
	arena_done(&p.a);
}
