/*
 * What kind of picture it is and how large, by its first bytes, before any library sees it. JPEG:
 * the frame header behind whatever segments; GIF and WebP: also the size of the first frame, which
 * is what is decoded; TIFF: the first directory.
 */
#include "codec/picture_impl.h"

#include "base/cur.h"

enum {
	JPEG_SEGMENTS = 1000, /* that are skipped until the frame header */
	TIFF_ENTRIES = 500,
	GIF_BLOCKS = 100000,
	PNG_CHUNKS = 100, /* that are looked at for the mark of an animation */
};

static uint32_t le(const char *p, unsigned n)
{
	uint32_t v = 0;
	for (unsigned i = n; i-- > 0;)
		v = v << 8 | (uint8_t)p[i];
	return v;
}

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* ITU T.81 B.1.1.3: SOF0 to SOF15 without DHT, JPG and DAC. */
static bool is_frame_header(uint8_t marker)
{
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
	       marker != 0xcc;
}

static bool jpeg_size(slice in, struct picture_header *ret)
{
	struct cur c = cur_of(slice_skip(in, 2));
	for (unsigned i = 0; i < JPEG_SEGMENTS && cur_ok(&c); i++) {
		uint8_t marker = cur_u8(&c);
		while (marker == 0xff && cur_ok(&c)) /* the mark, and fill bytes */
			marker = cur_u8(&c);
		if (marker == 0 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8))
			continue;
		if (marker == 0xda || marker == 0xd9)
			return false;
		uint16_t length = cur_u16(&c);
		if (!is_frame_header(marker)) {
			cur_bytes(&c, length < 2 ? 0 : length - 2u);
			continue;
		}
		cur_u8(&c); /* precision */
		ret->height = cur_u16(&c);
		ret->width = cur_u16(&c);
		return cur_ok(&c);
	}
	return false;
}

static bool png_size(slice in, struct picture_header *ret)
{
	struct cur c = cur_of(slice_skip(in, 8));
	cur_u32(&c);
	if (!slice_eq(cur_bytes(&c, 4), S("IHDR")))
		return false;
	ret->width = cur_u32(&c);
	ret->height = cur_u32(&c);
	cur_bytes(&c, 5 + 4);
	bool ok = cur_ok(&c);
	for (unsigned i = 0; i < PNG_CHUNKS && cur_ok(&c) && !ret->animated; i++) {
		uint32_t n = cur_u32(&c);
		slice type = cur_bytes(&c, 4);
		if (slice_eq(type, S("IDAT")))
			break;
		ret->animated = slice_eq(type, S("acTL"));
		cur_bytes(&c, (size_t)n + 4);
	}
	return ok;
}

/* ---- GIF: a chain of blocks ---- */

struct gif_walk {
	slice in;
	size_t at;
	size_t first; /* where the blocks begin */
	size_t control; /* a graphic control extension that the next frame needs; 0: none */
};

static bool gif_begin(struct gif_walk *w, slice in)
{
	if (in.n < 13)
		return false;
	unsigned flags = (uint8_t)in.p[10];
	size_t table = flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0;
	*w = (struct gif_walk){.in = in, .at = 13 + table, .first = 13 + table};
	return w->at < in.n;
}

static void gif_skip_data(struct gif_walk *w)
{
	while (w->at < w->in.n) {
		uint8_t n = (uint8_t)w->in.p[w->at];
		w->at += 1 + (size_t)n;
		if (n == 0)
			break;
	}
	if (w->at > w->in.n)
		w->at = w->in.n;
}

/* The next frame's place, from its descriptor to the end of its data. */
static bool gif_next(struct gif_walk *w, size_t *ret_from, size_t *ret_control)
{
	size_t control = 0;
	for (unsigned i = 0; i < GIF_BLOCKS && w->at + 1 < w->in.n; i++) {
		size_t from = w->at;
		uint8_t kind = (uint8_t)w->in.p[from];
		if (kind == 0x21) {
			if ((uint8_t)w->in.p[from + 1] == 0xf9)
				control = from;
			w->at += 2;
			gif_skip_data(w);
		} else if (kind == 0x2c && from + 10 < w->in.n) {
			unsigned flags = (uint8_t)w->in.p[from + 9];
			w->at += 10 + (flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0) + 1;
			gif_skip_data(w);
			*ret_from = from;
			*ret_control = control;
			return true;
		} else {
			return false;
		}
	}
	return false;
}

static bool gif_size(slice in, struct picture_header *ret)
{
	struct gif_walk w;
	size_t from, control;
	if (!gif_begin(&w, in))
		return false;
	ret->width = le(in.p + 6, 2);
	ret->height = le(in.p + 8, 2);
	if (!gif_next(&w, &from, &control))
		return true;
	ret->width = larger(ret->width, le(in.p + from + 5, 2));
	ret->height = larger(ret->height, le(in.p + from + 7, 2));
	ret->animated = gif_next(&w, &from, &control);
	return true;
}

bool picture_gif_frame(slice in, unsigned n, struct buf *out)
{
	struct gif_walk w;
	size_t from = 0, control = 0;
	if (!gif_begin(&w, in))
		return false;
	for (unsigned i = 0; i <= n; i++)
		if (!gif_next(&w, &from, &control))
			return false;
	buf_put(out, slice_first(in, w.first));
	if (control && control + 8 <= in.n)
		buf_put(out, slice_of(in.p + control, 8));
	buf_put(out, slice_of(in.p + from, w.at - from));
	buf_byte(out, 0x3b);
	return buf_ok(out);
}

/* ---- the others ---- */

static bool bmp_size(slice in, struct picture_header *ret)
{
	if (in.n < 26)
		return false;
	if (le(in.p + 14, 4) == 12) {
		ret->width = le(in.p + 18, 2);
		ret->height = le(in.p + 20, 2);
		return true;
	}
	int32_t height = (int32_t)le(in.p + 22, 4); /* negative: from the top down */
	ret->width = le(in.p + 18, 4);
	ret->height = height < 0 ? 0u - (unsigned)height : (unsigned)height;
	return true;
}

/* One chunk of a WebP with its payload. */
static bool webp_chunk(slice *in, slice *ret_type, slice *ret_payload, slice *ret_whole)
{
	if (in->n < 8)
		return false;
	size_t n = le(in->p + 4, 4);
	*ret_type = slice_first(*in, 4);
	*ret_payload = slice_first(slice_skip(*in, 8), n);
	*ret_whole = slice_first(*in, 8 + n + (n & 1));
	*in = slice_skip(*in, 8 + n + (n & 1));
	return true;
}

static bool webp_frame_size(slice type, slice data, struct picture_header *ret)
{
	if (slice_eq(type, S("VP8 ")) && data.n >= 10) {
		ret->width = larger(ret->width, le(data.p + 6, 2) & 0x3fff);
		ret->height = larger(ret->height, le(data.p + 8, 2) & 0x3fff);
		return true;
	}
	if (slice_eq(type, S("VP8L")) && data.n >= 5) {
		uint32_t bits = le(data.p + 1, 4);
		ret->width = larger(ret->width, (bits & 0x3fff) + 1);
		ret->height = larger(ret->height, (bits >> 14 & 0x3fff) + 1);
		return true;
	}
	return false;
}

static bool webp_size(slice in, struct picture_header *ret)
{
	slice rest = slice_skip(in, 12), type, data, whole;
	while (webp_chunk(&rest, &type, &data, &whole)) {
		if (slice_eq(type, S("VP8X")) && data.n >= 10) {
			ret->animated = data.p[0] & 2;
			ret->width = le(data.p + 4, 3) + 1;
			ret->height = le(data.p + 7, 3) + 1;
		} else if (slice_eq(type, S("ANMF")) && data.n >= 16) {
			slice inner = slice_skip(data, 16);
			while (webp_chunk(&inner, &type, &data, &whole))
				if (webp_frame_size(type, data, ret))
					return true;
		} else if (webp_frame_size(type, data, ret)) {
			return true;
		}
	}
	return false;
}

static void put_le(struct buf *out, uint32_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_byte(out, (char)(v >> 8 * i));
}

bool picture_webp_frame(slice in, struct buf *out)
{
	slice rest = slice_skip(in, 12), type, data, whole;
	while (webp_chunk(&rest, &type, &data, &whole)) {
		if (!slice_eq(type, S("ANMF")) || data.n < 16)
			continue;
		slice inner = slice_skip(data, 16);
		buf_put(out, S("RIFF"));
		put_le(out, (uint32_t)(4 + 18 + inner.n), 4);
		buf_put(out, S("WEBPVP8X"));
		put_le(out, 10, 4);
		put_le(out, 0x10, 4); /* it may have alpha */
		buf_put(out, slice_of(data.p + 6, 6)); /* its size */
		buf_put(out, inner);
		return buf_ok(out);
	}
	return false;
}

static bool tiff_size(slice in, struct picture_header *ret)
{
	bool little = in.p[0] == 'I';
	if (in.n < 8)
		return false;
	uint32_t at = little ? le(in.p + 4, 4) : __builtin_bswap32(le(in.p + 4, 4));
	slice dir = slice_skip(in, at);
	if (dir.n < 2)
		return false;
	unsigned n = le(dir.p, 2);
	n = little ? n : __builtin_bswap16((uint16_t)n);
	for (unsigned i = 0; i < n && i < TIFF_ENTRIES && dir.n >= 2 + 12 * (size_t)(i + 1); i++) {
		const char *p = dir.p + 2 + 12 * (size_t)i;
		unsigned tag = le(p, 2), type = le(p + 2, 2);
		tag = little ? tag : __builtin_bswap16((uint16_t)tag);
		type = little ? type : __builtin_bswap16((uint16_t)type);
		uint32_t value = le(p + 8, type == 3 ? 2 : 4);
		if (!little)
			value = type == 3 ? __builtin_bswap16((uint16_t)value)
					  : __builtin_bswap32(value);
		if (tag == 256)
			ret->width = value;
		else if (tag == 257)
			ret->height = value;
	}
	return true;
}

static bool pnm_size(slice in, struct picture_header *ret)
{
	unsigned type;
	size_t rows;
	return picture_pnm_header(in, &type, &ret->width, &ret->height, &rows);
}

static bool is_webp(slice in)
{
	return slice_starts(in, S("RIFF")) && slice_starts(slice_skip(in, 8), S("WEBP"));
}

bool picture_header_read(slice in, struct picture_header *ret)
{
	static const struct {
		slice magic;
		enum picture_format format;
		bool (*size)(slice in, struct picture_header *ret);
	} table[] = {
		{S_INIT("\xff\xd8\xff"), PICTURE_JPEG, jpeg_size},
		{S_INIT("\x89PNG\r\n\x1a\n"), PICTURE_PNG, png_size},
		{S_INIT("GIF87a"), PICTURE_GIF, gif_size},
		{S_INIT("GIF89a"), PICTURE_GIF, gif_size},
		{S_INIT("BM"), PICTURE_BMP, bmp_size},
		{S_INIT("II*\0"), PICTURE_TIFF, tiff_size},
		{S_INIT("MM\0*"), PICTURE_TIFF, tiff_size},
		{S_INIT("P4"), PICTURE_PNM, pnm_size},
		{S_INIT("P5"), PICTURE_PNM, pnm_size},
		{S_INIT("P6"), PICTURE_PNM, pnm_size},
	};
	struct picture_header h = {0};
	if (is_webp(in)) {
		h.format = PICTURE_WEBP;
		if (!webp_size(in, &h))
			return false;
	}
	for (size_t i = 0; i < sizeof table / sizeof *table && !h.format; i++) {
		if (!slice_starts(in, table[i].magic))
			continue;
		h.format = table[i].format;
		if (!table[i].size(in, &h))
			return false;
	}
	if (!h.format || h.width == 0 || h.height == 0)
		return false;
	*ret = h;
	return true;
}
