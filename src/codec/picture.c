/*
 * Pictures: which decoder reads one, how the copy is made smaller while its rows arrive (the mean
 * of squares of pixels), one channel of it, and PNM. Called by content/pictures.c and qrcode.c.
 */
#include "codec/picture_impl.h"

#include "base/mem.h"

#include <math.h>

/* ---- smaller ---- */

unsigned picture_shrink_by(uint64_t width, uint64_t height)
{
	double by = sqrt((double)(width * height) / PICTURE_WORK) + 0.5;
	return by < 1 ? 1 : (unsigned)by;
}

void picture_shrink_begin(struct picture_shrink *s, unsigned width, unsigned height, unsigned by,
	struct arena *a, struct picture *p)
{
	unsigned shorter = width < height ? width : height;
	by = by < shorter ? by : shorter;
	p->width = width / by;
	p->height = height / by;
	size_t n = 3 * (size_t)p->width * p->height;
	p->rgb = arena_alloc(a, n);
	memset(p->rgb, 255, n);
	*s = (struct picture_shrink){p, width, height, by, p->width * by, 0, 0, NULL};
	if (by > 1)
		s->sum = ARENA_ARRAY(a, uint32_t, 3 * (size_t)p->width);
}

static void add_row(struct picture_shrink *s, const uint8_t *rgb)
{
	uint32_t *sum = s->sum;
	for (unsigned x = 0; x < s->x_used; x += s->by, sum += 3) {
		for (unsigned k = 0; k < s->by; k++, rgb += 3) {
			sum[0] += rgb[0];
			sum[1] += rgb[1];
			sum[2] += rgb[2];
		}
	}
}

void picture_shrink_row(struct picture_shrink *s, const uint8_t *rgb)
{
	if (s->y == s->p->height)
		return;
	size_t n = 3 * (size_t)s->p->width;
	uint8_t *out = s->p->rgb + n * s->y;
	if (!s->sum) {
		memcpy(out, rgb, n);
		s->y++;
		return;
	}
	add_row(s, rgb);
	if (++s->rows < s->by)
		return;
	uint32_t of = s->by * s->by;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)((s->sum[i] + of / 2) / of);
	memset(s->sum, 0, n * sizeof *s->sum);
	s->rows = 0;
	s->y++;
}

/* ---- reading ---- */

static void make_grey(struct picture *p, struct arena *a)
{
	size_t n = (size_t)p->width * p->height;
	const uint8_t *c = p->rgb;
	p->grey = arena_alloc(a, n);
	for (size_t i = 0; i < n; i++, c += 3)
		p->grey[i] = (uint8_t)((c[0] * 77u + c[1] * 150u + c[2] * 29u) >> 8);
}

static enum picture_result read_as(slice in, uint64_t pixels, struct arena *a, struct picture *ret)
{
	static bool (*const readers[])(
		slice, const struct picture_header *, struct arena *, struct picture *) = {
		[PICTURE_JPEG] = picture_read_jpeg,
		[PICTURE_PNG] = picture_read_png,
		[PICTURE_GIF] = picture_read_gd,
		[PICTURE_BMP] = picture_read_gd,
		[PICTURE_WEBP] = picture_read_gd,
		[PICTURE_TIFF] = picture_read_gd,
		[PICTURE_PNM] = picture_read_pnm,
	};
	struct picture p = {0};
	if (!picture_header_read(in, &p.header))
		return PICTURE_UNKNOWN;
	*ret = p;
	if (p.header.width > PICTURE_SIDE_MAX || p.header.height > PICTURE_SIDE_MAX ||
		(uint64_t)p.header.width * p.header.height > pixels)
		return PICTURE_LIMIT;
	if (!readers[p.header.format](in, &p.header, a, &p))
		return PICTURE_DAMAGED;
	make_grey(&p, a);
	*ret = p;
	return PICTURE_READ;
}

enum picture_result picture_read(slice in, uint64_t pixels, struct arena *a, struct picture *ret)
{
	struct picture_header h;
	if (!picture_header_read(in, &h))
		return PICTURE_UNKNOWN;
	if (h.format != PICTURE_WEBP || !h.animated)
		return read_as(in, pixels, a, ret);
	AUTO(buf) struct buf frame = BUF(in.n + 64);
	*ret = (struct picture){.header = h};
	if (!picture_webp_frame(in, &frame))
		return PICTURE_DAMAGED;
	enum picture_result r = read_as(buf_slice(&frame), pixels, a, ret);
	ret->header.animated = true;
	return r == PICTURE_UNKNOWN ? PICTURE_DAMAGED : r;
}

enum picture_result picture_read_frame(
	slice in, unsigned frame, uint64_t pixels, struct arena *a, struct picture *ret)
{
	AUTO(buf) struct buf one = BUF(in.n + 64);
	struct picture_header h;
	if (!picture_header_read(in, &h) || h.format != PICTURE_GIF || frame >= PICTURE_FRAMES ||
		!picture_gif_frame(in, frame, &one))
		return PICTURE_UNKNOWN;
	return read_as(buf_slice(&one), pixels, a, ret);
}

uint8_t *picture_grey(const struct picture *p, enum picture_channel channel, struct arena *a)
{
	size_t n = (size_t)p->width * p->height;
	uint8_t *grey = arena_alloc(a, n);
	const uint8_t *c = p->rgb;
	for (size_t i = 0; i < n; i++, c += 3) {
		uint8_t low = c[0] < c[1] ? c[0] : c[1], high = c[0] < c[1] ? c[1] : c[0];
		low = c[2] < low ? c[2] : low;
		high = c[2] < high ? high : c[2];
		grey[i] = channel == PICTURE_DARKEST ? low : high;
	}
	return grey;
}

/* ---- PNM (netpbm's pbm, pgm, ppm) ---- */

void picture_pnm_begin(
	struct buf *out, unsigned width, unsigned height, unsigned channels, unsigned bits)
{
	if (bits == 1)
		buf_printf(out, "P4 %u %u\n", width, height);
	else
		buf_printf(out, "P%c %u %u 255\n", channels == 3 ? '6' : '5', width, height);
}

static bool pnm_number(slice in, size_t *at, unsigned *ret)
{
	unsigned v = 0, digits = 0;
	while (*at < in.n && (strchr(" \t\r\n#", in.p[*at]) && in.p[*at])) {
		if (in.p[*at] == '#')
			*at += slice_index(slice_skip(in, *at), '\n');
		else
			++*at;
	}
	for (; *at < in.n && in.p[*at] >= '0' && in.p[*at] <= '9' && digits < 7; ++*at, digits++)
		v = v * 10 + (unsigned)(in.p[*at] - '0');
	*ret = v;
	return digits > 0;
}

bool picture_pnm_header(
	slice in, unsigned *ret_type, unsigned *ret_width, unsigned *ret_height, size_t *ret_rows)
{
	unsigned width, height, most = 255;
	size_t at = 2;
	if (in.n < 8 || in.p[0] != 'P' || in.p[1] < '4' || in.p[1] > '6')
		return false;
	if (!pnm_number(in, &at, &width) || !pnm_number(in, &at, &height))
		return false;
	if (in.p[1] != '4' && (!pnm_number(in, &at, &most) || most != 255))
		return false;
	if (at >= in.n)
		return false;
	*ret_type = (unsigned)(in.p[1] - '0');
	*ret_width = width;
	*ret_height = height;
	*ret_rows = at + 1;
	return true;
}

static void pnm_row(unsigned type, const uint8_t *in, unsigned width, uint8_t *rgb)
{
	for (unsigned x = 0; x < width; x++, rgb += 3) {
		uint8_t v = type == 4 ? (in[x / 8] >> (7 - x % 8) & 1 ? 0 : 255) : in[x];
		memset(rgb, v, 3);
	}
}

bool picture_read_pnm(slice in, const struct picture_header *h, struct arena *a, struct picture *p)
{
	struct picture_shrink s;
	unsigned type, width, height;
	size_t at;
	if (!picture_pnm_header(in, &type, &width, &height, &at))
		return false;
	size_t stride = type == 4 ? (width + 7) / 8 : type == 5 ? width : 3 * (size_t)width;
	uint8_t *row = ARENA_ARRAY(a, uint8_t, 3 * (size_t)width);
	picture_shrink_begin(&s, width, height, picture_shrink_by(h->width, h->height), a, p);
	unsigned y = 0;
	for (slice rest = slice_skip(in, at); y < height && rest.n >= stride; y++) {
		if (type != 6)
			pnm_row(type, (const uint8_t *)rest.p, width, row);
		picture_shrink_row(&s, type == 6 ? (const uint8_t *)rest.p : row);
		rest = slice_skip(rest, stride);
	}
	return y > 0;
}
