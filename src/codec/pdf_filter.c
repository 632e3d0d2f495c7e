/*
 * Streams of PDF decoded (ISO 32000-1 7.4): Flate, LZW, ASCIIHex, ASCII85, RunLength, predictors.
 * Filters of pictures are left to who reads pictures. What is broken gives what came before. Called
 * by the other pdf*.c.
 */
#include "base/mem.h"
#include "codec/pdf_impl.h"
#include <zlib.h>

enum {
	STEP = 32 * 1024,
	LZW_CODES = 4096,
	PACKED_COST = 4, /* bytes read cost less than bytes made */
};

static void flate(slice in, struct buf *out)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n};
	int r = inflateInit(&z);
	while (r == Z_OK) {
		char *room = buf_room(out, STEP);
		if (!room)
			break;
		z.next_out = (Bytef *)room;
		z.avail_out = STEP;
		r = inflate(&z, Z_NO_FLUSH);
		buf_commit(out, STEP - z.avail_out);
		if (r == Z_OK && z.avail_out && !z.avail_in)
			break;
	}
	inflateEnd(&z);
}

/* ---- 7.4.4: codes of 9 to 12 bits ---- */

struct lzw {
	uint16_t prefix[LZW_CODES]; /* of each code, the code before its last byte */
	char last[LZW_CODES];
	uint16_t length[LZW_CODES];
	unsigned next;
};

/* Appends the string of a code, from its end. */
static bool lzw_emit(const struct lzw *w, unsigned code, struct buf *out)
{
	size_t n = w->length[code];
	char *room = buf_room(out, n);
	if (!room)
		return false;
	for (size_t i = n; i-- > 0; code = w->prefix[code])
		room[i] = w->last[code];
	buf_commit(out, n);
	return true;
}

static void lzw_add(struct lzw *w, unsigned prefix, char last)
{
	if (w->next >= LZW_CODES)
		return;
	w->prefix[w->next] = (uint16_t)prefix;
	w->last[w->next] = last;
	w->length[w->next++] = (uint16_t)(w->length[prefix] + 1);
}

static void lzw(slice in, bool early, struct buf *out)
{
	AUTO(free) struct lzw *w = NEW(struct lzw);
	unsigned bits = 9, have = 0, previous = LZW_CODES;
	uint32_t window = 0;
	for (unsigned i = 0; i < 256; i++) {
		w->last[i] = (char)i;
		w->length[i] = 1;
	}
	w->next = 258;
	for (size_t i = 0; i < in.n;) {
		while (have < bits && i < in.n) {
			window = window << 8 | (unsigned char)in.p[i++];
			have += 8;
		}
		if (have < bits)
			return;
		unsigned code = window >> (have - bits) & ((1u << bits) - 1);
		have -= bits;
		if (code == 257)
			return;
		if (code == 256) {
			bits = 9;
			w->next = 258;
			previous = LZW_CODES;
			continue;
		}
		size_t before = out->n;
		bool known = code < w->next && code != 256;
		if (!known && (code > w->next || previous == LZW_CODES))
			return;
		if (!lzw_emit(w, known ? code : previous, out))
			return;
		char first = out->p[before];
		if (!known)
			buf_byte(out, first);
		if (previous != LZW_CODES)
			lzw_add(w, previous, first);
		previous = code;
		unsigned full = w->next + early;
		bits = full >= 2048 ? 12 : full >= 1024 ? 11 : full >= 512 ? 10 : 9;
	}
}

/* ---- the small ones ---- */

static void ascii_hex(slice in, struct buf *out)
{
	in = slice_first(in, slice_index(in, '>'));
	AUTO(buf) struct buf z = BUF(in.n + 3);
	buf_byte(&z, '<');
	buf_put(&z, in);
	buf_byte(&z, '>');
	pdf_string_raw(buf_slice(&z), out);
}

static void ascii_85(slice in, struct buf *out)
{
	uint32_t v = 0;
	unsigned n = 0;
	for (size_t i = 0; i < in.n && in.p[i] != '~'; i++) {
		char c = in.p[i];
		if (c == 'z' && n == 0) {
			buf_fill(out, 0, 4);
			continue;
		}
		if (c < '!' || c > 'u')
			continue;
		v = v * 85 + (uint32_t)(c - '!');
		if (++n < 5)
			continue;
		for (int shift = 24; shift >= 0; shift -= 8)
			buf_byte(out, (char)(v >> shift));
		v = n = 0;
	}
	unsigned bytes = n ? n - 1 : 0;
	for (; n && n < 5; n++)
		v = v * 85 + 84;
	for (unsigned i = 0; i < bytes; i++)
		buf_byte(out, (char)(v >> (24 - 8 * i)));
}

static void run_length(slice in, struct buf *out)
{
	for (size_t i = 0; i < in.n;) {
		unsigned n = (unsigned char)in.p[i++];
		if (n == 128 || i >= in.n)
			return;
		if (n < 128) {
			buf_put(out, slice_first(slice_skip(in, i), n + 1));
			i += n + 1;
		} else {
			buf_fill(out, in.p[i++], 257 - n);
		}
	}
}

/* ---- predictors (7.4.4.4; PNG's filters) ---- */

static int paeth(int a, int b, int c)
{
	int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);
	return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

static double parameter(const struct pdf *p, slice dict, const char *key, double otherwise)
{
	double v = otherwise;
	pdf_number(pdf_get_resolved(p, dict, key), &v);
	return v;
}

static void undo_row(
	unsigned kind, unsigned char *row, const unsigned char *above, size_t n, size_t pixel)
{
	for (size_t i = 0; i < n; i++) {
		int left = i >= pixel ? row[i - pixel] : 0, up = above ? above[i] : 0;
		int corner = above && i >= pixel ? above[i - pixel] : 0, add = 0;
		if (kind == 1)
			add = left;
		else if (kind == 2)
			add = up;
		else if (kind == 3)
			add = (left + up) / 2;
		else if (kind == 4)
			add = paeth(left, up, corner);
		row[i] = (unsigned char)(row[i] + add);
	}
}

static void unpredict(const struct pdf *p, slice parameters, struct buf *b)
{
	double kind = parameter(p, parameters, "Predictor", 1);
	double colours = parameter(p, parameters, "Colors", 1);
	double depth = parameter(p, parameters, "BitsPerComponent", 8);
	double columns = parameter(p, parameters, "Columns", 1);
	if (kind < 2 || colours < 1 || colours > 32 || depth < 1 || depth > 16 || columns < 1 ||
		columns > 1e6)
		return;
	size_t pixel = (size_t)(colours * depth + 7) / 8;
	size_t row = (size_t)((colours * depth * columns + 7) / 8);
	unsigned char *base = (unsigned char *)b->p, *above = NULL;
	size_t out = 0;
	if (kind < 10) { /* TIFF's: only whole bytes are common */
		for (size_t at = 0; depth == 8 && at + row <= b->n; at += row)
			undo_row(1, base + at, NULL, row, pixel);
		return;
	}
	for (size_t at = 0; at + 1 < b->n; at += row + 1) {
		size_t n = at + 1 + row <= b->n ? row : b->n - at - 1;
		unsigned filter = base[at];
		memmove(base + out, base + at + 1, n);
		undo_row(filter, base + out, above, n, pixel);
		above = base + out;
		out += n;
	}
	b->n = out;
}

/* ---- all of them in their order ---- */

static const struct {
	const char *name, *picture;
	char kind;
} filters[] = {
	{"FlateDecode", NULL, 'F'},
	{"Fl", NULL, 'F'},
	{"LZWDecode", NULL, 'L'},
	{"LZW", NULL, 'L'},
	{"ASCIIHexDecode", NULL, 'H'},
	{"AHx", NULL, 'H'},
	{"ASCII85Decode", NULL, '8'},
	{"A85", NULL, '8'},
	{"RunLengthDecode", NULL, 'R'},
	{"RL", NULL, 'R'},
	{"Crypt", NULL, 'C'},
	{"DCTDecode", "DCTDecode", 0},
	{"DCT", "DCTDecode", 0},
	{"JPXDecode", "JPXDecode", 0},
	{"JBIG2Decode", "JBIG2Decode", 0},
	{"CCITTFaxDecode", "CCITTFaxDecode", 0},
	{"CCF", "CCITTFaxDecode", 0},
};

static bool apply(struct pdf *p, const char *name, slice parameters, slice in, struct buf *out,
	const char **ret_picture)
{
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
		if (strcmp(filters[i].name, name) != 0)
			continue;
		if (filters[i].picture)
			*ret_picture = filters[i].picture;
		if (!filters[i].kind || filters[i].kind == 'C')
			buf_put(out, in);
		else if (filters[i].kind == 'F')
			flate(in, out);
		else if (filters[i].kind == 'L')
			lzw(in, parameter(p, parameters, "EarlyChange", 1) != 0, out);
		else if (filters[i].kind == 'H')
			ascii_hex(in, out);
		else if (filters[i].kind == '8')
			ascii_85(in, out);
		else
			run_length(in, out);
		if (filters[i].kind == 'F' || filters[i].kind == 'L')
			unpredict(p, parameters, out);
		return true;
	}
	return false;
}

/* What was read and what came of it, of each filter: a chain of them may end in nothing. */
static bool paid(struct pdf *p, size_t in, const struct buf *out)
{
	uint64_t cost = (uint64_t)in / PACKED_COST + out->n;
	bool fits = cost <= p->limits->unpacked;
	extract_pay(p->limits, cost);
	if (out->full || !fits) {
		p->x->fact(p->x->ctx, EXTRACT_LIMIT, S(""));
		return false;
	}
	return true;
}

bool pdf_decode(
	struct pdf *p, const struct pdf_object *o, struct buf *out, const char **ret_picture)
{
	AUTO(buf) struct buf clear = BUF(PDF_STREAM_MAX);
	AUTO(buf) struct buf space = BUF(PDF_STREAM_MAX);
	if (!extract_take(p->limits, o->stream.n / PACKED_COST)) {
		p->x->fact(p->x->ctx, EXTRACT_LIMIT, S(""));
		return false;
	}
	slice in = pdf_decrypt(p, o, true, o->stream, &clear);
	slice list = pdf_get_resolved(p, o->value, "Filter");
	slice all = pdf_get_resolved(p, o->value, "DecodeParms");
	bool many = slice_starts(list, S("["));
	*ret_picture = NULL;
	if (!list.n)
		list = pdf_get_resolved(p, o->value, "F");
	list = many ? slice_skip(list, 1) : list;
	slice parameters = slice_starts(all, S("[")) ? slice_skip(all, 1) : all;
	buf_put(&space, in);
	for (unsigned i = 0; i < PDF_FILTERS_MAX && list.n; i++) {
		struct pdf_token t;
		pdf_next(&list, &t);
		if (t.kind != PDF_NAME || *ret_picture)
			break;
		/* A bomb is not unpacked further than may be told. */
		uint64_t left = p->limits->unpacked;
		AUTO(buf)
		struct buf next = BUF(left < PDF_STREAM_MAX ? (size_t)left : PDF_STREAM_MAX);
		slice dict = many ? pdf_resolve(p, pdf_value(&parameters)) : parameters;
		bool known = apply(p, t.name, dict, buf_slice(&space), &next, ret_picture);
		if (!paid(p, space.n, &next) || !known)
			return false;
		struct buf old = space;
		space = next;
		next = old;
		if (!many)
			break;
	}
	buf_put(out, buf_slice(&space));
	return out->n > 0;
}
