/*
 * Pictures of a PDF (ISO 32000-1 8.9): JPEG as it stands; samples of 1 and 8 bits in grey, RGB,
 * CMYK or a palette as a PNM that picture.c takes. Called by pdf.c. JBIG2 and fax codes
 * are left out, so are pictures too small to hold anything.
 */
#include "base/mem.h"
#include "codec/pdf_impl.h"
#include "codec/picture.h"

enum { PIXELS_MAX = 16 << 20, SIDE_MIN = 20, PICTURES_MAX = 60 };

struct samples {
	size_t width, height, bits, components;
	const unsigned char *v;
	slice palette; /* RGB; empty: none */
	bool inverted;
};

static size_t number(
	struct pdf *p, slice dict, const char *key, const char *brief, size_t otherwise)
{
	double v;
	slice value = pdf_get_resolved(p, dict, key);
	if (!value.n)
		value = pdf_get_resolved(p, dict, brief);
	return pdf_number(value, &v) && v >= 0 && v < 1e6 ? (size_t)v : otherwise;
}

static size_t components_of(struct pdf *p, slice space)
{
	struct pdf_token t;
	slice s = space;
	double n;
	pdf_next(&s, &t);
	if (t.kind == PDF_OPEN_ARRAY)
		pdf_next(&s, &t);
	if (t.kind != PDF_NAME)
		return 1;
	if (strcmp(t.name, "ICCBased") == 0)
		return pdf_number(pdf_get_resolved(p, pdf_resolve(p, pdf_value(&s)), "N"), &n) &&
				       n >= 1 && n <= 4
			       ? (size_t)n
			       : 3;
	bool rgb = strcmp(t.name, "DeviceRGB") == 0 || strcmp(t.name, "CalRGB") == 0 ||
		   strcmp(t.name, "RGB") == 0 || strcmp(t.name, "Lab") == 0;
	bool cmyk = strcmp(t.name, "DeviceCMYK") == 0 || strcmp(t.name, "CMYK") == 0;
	return rgb ? 3 : cmyk ? 4 : 1;
}

/* [/Indexed /DeviceRGB 255 <...>] */
static void palette_of(
	struct pdf *p, const struct pdf_object *o, slice space, struct samples *s, struct buf *out)
{
	struct pdf_token t;
	AUTO(buf) struct buf raw = BUF(4096);
	AUTO(buf) struct buf clear = BUF(4200);
	const char *picture;
	pdf_next(&space, &t);
	pdf_next(&space, &t);
	if (t.kind != PDF_NAME || (strcmp(t.name, "Indexed") != 0 && strcmp(t.name, "I") != 0))
		return;
	size_t n = components_of(p, pdf_resolve(p, pdf_value(&space)));
	pdf_value(&space);
	slice table = pdf_value(&space);
	const struct pdf_object *stream = pdf_target(p, table);
	if (stream && stream->stream.p)
		pdf_decode(p, stream, &raw, &picture);
	else
		pdf_string_raw(table, &raw);
	slice bytes = stream ? buf_slice(&raw) : pdf_decrypt(p, o, false, buf_slice(&raw), &clear);
	for (size_t i = 0; i + n <= bytes.n && n != 4; i += n)
		for (size_t k = 0; k < 3; k++)
			buf_byte(out, bytes.p[i + (n == 3 ? k : 0)]);
	s->palette = buf_slice(out);
}

static void colour(
	const struct samples *s, const unsigned char *row, size_t x, unsigned char rgb[3])
{
	size_t at = x * s->components;
	unsigned v = s->bits == 8 ? row[at]
				  : (row[x / 8] >> (7 - x % 8) & 1) * (s->palette.n ? 1u : 255u);
	if (s->palette.n) {
		for (int k = 0; k < 3; k++)
			rgb[k] = 3 * v + 2 < s->palette.n
					 ? (unsigned char)s->palette.p[3 * v + (size_t)k]
					 : 0;
		return;
	}
	for (size_t k = 0; k < 3; k++) {
		unsigned c = v;
		if (s->components == 3)
			c = row[at + k];
		else if (s->components == 4)
			c = (255u - row[at + k]) * (255u - row[at + 3]) / 255;
		rgb[k] = (unsigned char)(s->inverted ? 255 - c : c);
	}
}

/* Rows that PNM has in the same form: grey and RGB of 8 bits, black and white of 1. */
static bool write_as_is(const struct samples *s, struct buf *out)
{
	bool grey = s->components == 1, bits = s->bits == 1;
	size_t n = (s->width * s->components * s->bits + 7) / 8 * s->height;
	if (s->palette.n || (!grey && (s->components != 3 || s->inverted)))
		return false;
	picture_pnm_begin(out, (unsigned)s->width, (unsigned)s->height, grey ? 1 : 3, bits ? 1 : 8);
	char *room = buf_room(out, n);
	/* Set bits are white here and black there. */
	unsigned char flip = bits != s->inverted ? 0xff : 0;
	for (size_t i = 0; room && i < n; i++)
		room[i] = (char)(s->v[i] ^ flip);
	buf_commit(out, room ? n : 0);
	return true;
}

static void write_pnm(const struct samples *s, struct buf *out)
{
	size_t row = (s->width * s->components * s->bits + 7) / 8;
	if (write_as_is(s, out))
		return;
	picture_pnm_begin(out, (unsigned)s->width, (unsigned)s->height, 3, 8);
	for (size_t y = 0; y < s->height; y++) {
		char *room = buf_room(out, 3 * s->width);
		if (!room)
			return;
		for (size_t x = 0; x < s->width; x++)
			colour(s, s->v + y * row, x, (unsigned char *)room + 3 * x);
		buf_commit(out, 3 * s->width);
	}
}

static bool give(struct pdf *p, slice picture)
{
	p->pictures++;
	p->stopped = !p->x->file(p->x->ctx, S(""), picture);
	return true;
}

static void samples(struct pdf *p, const struct pdf_object *o, slice bytes)
{
	AUTO(buf) struct buf palette = BUF(1024);
	AUTO(buf) struct buf pnm = BUF((size_t)PIXELS_MAX * 4);
	slice mask = pdf_get_resolved(p, o->value, "ImageMask");
	slice space = pdf_get_resolved(p, o->value, "ColorSpace");
	slice decode = pdf_get_resolved(p, o->value, "Decode");
	double first = 0;
	struct samples s = {.width = number(p, o->value, "Width", "W", 0),
		.height = number(p, o->value, "Height", "H", 0),
		.bits = number(p, o->value, "BitsPerComponent", "BPC", 8)};
	if (!space.n)
		space = pdf_get_resolved(p, o->value, "CS");
	bool is_mask = slice_eq(mask, S("true"));
	s.bits = is_mask ? 1 : s.bits;
	s.components = is_mask ? 1 : components_of(p, space);
	if (slice_starts(space, S("[")))
		palette_of(p, o, space, &s, &palette);
	s.inverted = slice_starts(decode, S("[")) && pdf_number(slice_skip(decode, 1), &first) &&
		     first == 1;
	size_t row = (s.width * s.components * s.bits + 7) / 8;
	if (s.width < SIDE_MIN || s.height < SIDE_MIN || s.height > PIXELS_MAX / s.width ||
		(s.bits != 8 && !(s.bits == 1 && s.components == 1)) || row * s.height > bytes.n)
		return;
	s.v = (const unsigned char *)bytes.p;
	if (!extract_take(p->limits, 3 * s.width * s.height))
		return;
	write_pnm(&s, &pnm);
	if (buf_ok(&pnm))
		give(p, buf_slice(&pnm));
}

void pdf_image(struct pdf *p, const struct pdf_object *o)
{
	AUTO(buf) struct buf bytes = BUF(PDF_STREAM_MAX);
	const char *picture;
	if (p->pictures >= PICTURES_MAX || number(p, o->value, "Width", "W", 0) < SIDE_MIN ||
		number(p, o->value, "Height", "H", 0) < SIDE_MIN ||
		!pdf_decode(p, o, &bytes, &picture))
		return;
	if (!picture)
		samples(p, o, buf_slice(&bytes));
	else if (strcmp(picture, "DCTDecode") == 0 || strcmp(picture, "JPXDecode") == 0)
		give(p, buf_slice(&bytes));
}
