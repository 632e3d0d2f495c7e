/*
 * QR codes in a picture: corner marks (qrcode_find.c), three of them that can be the corners of one
 * code, what they enclose cut out and brought to a size that zbar reads best, then zbar. Several
 * views are tried: brightness, black and white, the darkest or lightest of the three colours.
 *
 * zbar alone, over the whole picture, would cost 15 ms for a million pixels without any code, and
 * cubic time in the number of corner marks. Its conversion of charsets opens files and is not used.
 */
#include "codec/qrcode_impl.h"

#include "base/mem.h"

#include <math.h>
#include <zbar.h>

enum {
	TRIPLE_CENTRES = 64, /* the largest corner marks are combined */
	WHOLE_CENTRES = 24, /* so many at most may lie in what zbar is given */
	FEW_CENTRES = 6, /* two and some false ones */
	MODULE = 4, /* pixels: what zbar reads well */
	MARGIN = 5, /* modules around the code */
	SIDE_MAX = 1000, /* pixels, of what zbar is given: the largest codes need 800 */
	SIDE_LATER = 600, /* when some tries have failed */
	TRIES_LARGE = 4,
	MODULES_MAX = 177, /* version 40 */
	SMALL_MODULES = 70, /* a code of more that is as small as noise cannot be read */
	SMALL_TRIES = 4,
};

static const float small = 2.2f; /* pixels a module: corner marks are found in noise, too */

/* ---- zbar ---- */

static void collect(
	const zbar_symbol_t *y, struct arena *a, struct qrcode ret[QRCODES_MAX], unsigned *n)
{
	slice text = {zbar_symbol_get_data(y), zbar_symbol_get_data_length(y)};
	text = slice_first(text, QRCODE_TEXT_MAX);
	text = slice_first(text, slice_index(text, '\0'));
	if (zbar_symbol_get_type(y) != ZBAR_QRCODE || text.n == 0 || *n == QRCODES_MAX)
		return;
	for (unsigned i = 0; i < *n; i++)
		if (slice_eq(ret[i].text, text))
			return;
	ret[(*n)++].text = arena_dup(a, text);
}

bool qr_decode(
	const struct qr_grey *g, struct arena *a, struct qrcode ret[QRCODES_MAX], unsigned *n)
{
	zbar_image_scanner_t *s = zbar_image_scanner_create();
	zbar_image_t *im = zbar_image_create();
	zbar_image_scanner_set_config(s, ZBAR_NONE, ZBAR_CFG_ENABLE, 0);
	zbar_image_scanner_set_config(s, ZBAR_QRCODE, ZBAR_CFG_ENABLE, 1);
	zbar_image_scanner_set_config(s, ZBAR_QRCODE, ZBAR_CFG_BINARY, 1);
	zbar_image_set_format(im, zbar_fourcc('Y', '8', '0', '0'));
	zbar_image_set_size(im, g->width, g->height);
	zbar_image_set_data(im, g->p, (unsigned long)g->width * g->height, NULL);
	bool found = zbar_scan_image(s, im) > 0;
	if (found)
		for (const zbar_symbol_t *y = zbar_image_first_symbol(im); y;
			y = zbar_symbol_next(y))
			collect(y, a, ret, n);
	zbar_image_destroy(im);
	zbar_image_scanner_destroy(s);
	return found;
}

/* ---- the place of a code ---- */

struct place {
	float x0, y0, x1, y1; /* with margin */
	float module;
	bool light;
	const struct qr_centre *corner[3];
};

static float distance(const struct qr_centre *a, const struct qr_centre *b)
{
	return hypotf(a->x - b->x, a->y - b->y);
}

/* Can these be three corners of a square of plausible size? Some perspective is allowed. */
static bool is_code(const struct qr_centre *p, const struct qr_centre *q, const struct qr_centre *r)
{
	float low = fminf(p->module, fminf(q->module, r->module));
	float high = fmaxf(p->module, fmaxf(q->module, r->module));
	float a = distance(p, q), b = distance(q, r), c = distance(p, r);
	float diagonal = fmaxf(a, fmaxf(b, c)), shorter = fminf(a, fminf(b, c));
	float longer = a + b + c - diagonal - shorter;
	if (p->light != q->light || p->light != r->light || high > 1.6f * low)
		return false;
	if (longer > 1.4f * shorter || shorter < 10 * low ||
		longer > (low < small ? SMALL_MODULES : MODULES_MAX) * high)
		return false;
	float want = hypotf(longer, shorter);
	return diagonal > 0.8f * want && diagonal < 1.2f * want;
}

static void grow(struct place *p, float x, float y)
{
	p->x0 = fminf(p->x0, x);
	p->y0 = fminf(p->y0, y);
	p->x1 = fmaxf(p->x1, x);
	p->y1 = fmaxf(p->y1, y);
}

static struct place place_of(
	const struct qr_centre *p, const struct qr_centre *q, const struct qr_centre *r)
{
	const struct qr_centre *v[3] = {p, q, r};
	float module = (p->module + q->module + r->module) / 3, farthest = 0;
	struct place ret = {p->x, p->y, p->x, p->y, module, p->light, {p, q, r}};
	unsigned corner = 0; /* where the right angle is: opposite of the longest side */
	for (unsigned i = 0; i < 3; i++) {
		float d = distance(v[(i + 1) % 3], v[(i + 2) % 3]);
		corner = d > farthest ? i : corner;
		farthest = fmaxf(d, farthest);
		grow(&ret, v[i]->x, v[i]->y);
	}
	grow(&ret, v[(corner + 1) % 3]->x + v[(corner + 2) % 3]->x - v[corner]->x,
		v[(corner + 1) % 3]->y + v[(corner + 2) % 3]->y - v[corner]->y);
	float margin = (3.5f * 1.42f + MARGIN) * module;
	ret.x0 -= margin;
	ret.y0 -= margin;
	ret.x1 += margin;
	ret.y1 += margin;
	return ret;
}

/* ---- cut out and brought to size ---- */

static float value_at(const struct qr_grey *g, float x, float y)
{
	int ix = (int)floorf(x), iy = (int)floorf(y);
	if (ix < 0 || iy < 0 || ix + 1 >= (int)g->width || iy + 1 >= (int)g->height) {
		ix = ix < 0 ? 0 : ix >= (int)g->width ? (int)g->width - 1 : ix;
		iy = iy < 0 ? 0 : iy >= (int)g->height ? (int)g->height - 1 : iy;
		return g->p[(size_t)iy * g->width + (unsigned)ix];
	}
	const uint8_t *p = g->p + (size_t)iy * g->width + (unsigned)ix;
	float fx = x - (float)ix, fy = y - (float)iy;
	float top = p[0] + (p[1] - p[0]) * fx;
	float bottom = p[g->width] + (p[g->width + 1] - p[g->width]) * fx;
	return top + (bottom - top) * fy;
}

/* Smaller by whole pixels that are averaged, or larger between pixels. */
static struct qr_grey cut(
	const struct qr_grey *g, const struct place *p, unsigned side, struct arena *a)
{
	float w = p->x1 - p->x0, h = p->y1 - p->y0;
	float scale = MODULE / p->module;
	scale = fminf(scale, (float)side / fmaxf(w, h));
	unsigned per = scale < 1 ? (unsigned)ceilf(1 / scale) : 1; /* samples a pixel, each way */
	struct qr_grey out = {NULL, (unsigned)(w * scale) + 1, (unsigned)(h * scale) + 1};
	uint8_t *to = arena_alloc(a, (size_t)out.width * out.height);
	out.p = to;
	for (unsigned y = 0; y < out.height; y++) {
		for (unsigned x = 0; x < out.width; x++) {
			float sum = 0;
			for (unsigned k = 0; k < per * per; k++) {
				float sx = (float)x + ((float)(k % per) + 0.5f) / (float)per;
				float sy = (float)y + ((float)(k / per) + 0.5f) / (float)per;
				sum += value_at(
					g, p->x0 + sx / scale - 0.5f, p->y0 + sy / scale - 0.5f);
			}
			uint8_t v = (uint8_t)(sum / (float)(per * per) + 0.5f);
			*to++ = p->light ? 255 - v : v;
		}
	}
	return out;
}

/* ---- the picture ---- */

struct job {
	struct qr_grey grey, black; /* the view; the same in black and white */
	struct qr_centres centres;
	bool used[QR_CENTRES_MAX];
	unsigned tries, small_tries, side;
	unsigned *all_tries; /* of the letter */
	struct arena *a;
	struct qrcode *ret;
	unsigned *n;
};

static unsigned centres_inside(const struct job *j, const struct place *p)
{
	unsigned n = 0;
	for (unsigned i = 0; i < j->centres.n; i++) {
		const struct qr_centre *c = &j->centres.v[i];
		n += c->x > p->x0 && c->x < p->x1 && c->y > p->y0 && c->y < p->y1;
	}
	return n;
}

static bool try_view(struct job *j, const struct qr_grey *g, const struct place *p)
{
	AUTO(arena) struct arena mem = {0};
	unsigned *left = p->module < small ? &j->small_tries : &j->tries;
	if (*left == 0 || *j->all_tries == 0)
		return false;
	--*left;
	--*j->all_tries;
	j->side = QRCODE_TRIES - j->tries <= TRIES_LARGE ? SIDE_MAX : SIDE_LATER;
	struct qr_grey part = cut(g, p, j->side, &mem);
	return qr_decode(&part, j->a, j->ret, j->n);
}

static bool try_place(struct job *j, const struct place *p)
{
	if (centres_inside(j, p) > WHOLE_CENTRES)
		return false;
	return try_view(j, &j->grey, p) || try_view(j, &j->black, p);
}

static int larger_first(const void *va, const void *vb)
{
	const struct qr_centre *a = va, *b = vb;
	return (a->module < b->module) - (a->module > b->module);
}

static bool try_triple(struct job *j, unsigned p, unsigned q, unsigned r)
{
	const struct qr_centre *v = j->centres.v;
	if (j->used[p] || j->used[q] || j->used[r] || !is_code(&v[p], &v[q], &v[r]))
		return false;
	struct place place = place_of(&v[p], &v[q], &v[r]);
	if (!try_place(j, &place))
		return false;
	j->used[p] = j->used[q] = j->used[r] = true;
	return true;
}

static bool try_triples(struct job *j)
{
	bool found = false;
	unsigned n = j->centres.n < TRIPLE_CENTRES ? j->centres.n : TRIPLE_CENTRES;
	qsort(j->centres.v, j->centres.n, sizeof *j->centres.v, larger_first);
	for (unsigned p = 0; p + 2 < n && *j->all_tries && (j->tries || j->small_tries); p++)
		for (unsigned q = p + 1; q + 1 < n && !j->used[p]; q++)
			for (unsigned r = q + 1; r < n && !j->used[p] && !j->used[q]; r++)
				found |= try_triple(j, p, q, r);
	return found;
}

/* Two marks and the third not seen: all that is around them, once. */
static bool try_whole(struct job *j)
{
	const struct qr_centre *v = j->centres.v;
	if (j->centres.n < 2 || j->centres.n > FEW_CENTRES || v[0].module < small)
		return false;
	struct place p = {
		0, 0, (float)j->grey.width, (float)j->grey.height, v[0].module, v[0].light, {0}};
	return try_view(j, &j->grey, &p);
}

static bool read_view(struct job *j, const uint8_t *grey, unsigned width, unsigned height)
{
	AUTO(arena) struct arena mem = {0};
	size_t n = (size_t)width * height;
	uint8_t *bits = NULL;
	j->grey = (struct qr_grey){grey, width, height};
	bits = qr_binarise(&j->grey, &mem);
	qr_find_centres(bits, width, height, &mem, &j->centres);
	if (j->centres.n < 2)
		return false;
	for (size_t i = 0; i < n; i++)
		bits[i] = bits[i] ? 0 : 255;
	j->black = (struct qr_grey){bits, width, height};
	memset(j->used, 0, sizeof j->used);
	return try_triples(j) || try_whole(j);
}

static bool is_coloured(const struct picture *p)
{
	size_t n = (size_t)p->width * p->height, step = n / 2000 + 1, strong = 0, seen = 0;
	for (size_t i = 0; i < n; i += step, seen++) {
		const uint8_t *c = p->rgb + 3 * i;
		int red = c[0], green = c[1], blue = c[2];
		strong += abs(red - green) > 60 || abs(green - blue) > 60 || abs(red - blue) > 60;
	}
	return strong * 100 > seen;
}

unsigned qrcode_read(
	const struct picture *p, unsigned *tries, struct arena *a, struct qrcode ret[QRCODES_MAX])
{
	static const enum picture_channel channels[] = {PICTURE_DARKEST, PICTURE_LIGHTEST};
	AUTO(arena) struct arena mem = {0};
	unsigned n = 0;
	if (p->width < QRCODE_SIDE_MIN || p->height < QRCODE_SIDE_MIN || *tries == 0)
		return 0;
	struct job *j = ARENA_NEW(&mem, struct job);
	j->tries = QRCODE_TRIES;
	j->small_tries = SMALL_TRIES;
	j->all_tries = tries;
	j->a = a;
	j->ret = ret;
	j->n = &n;
	bool found = read_view(j, p->grey, p->width, p->height);
	bool coloured = !found && is_coloured(p);
	for (unsigned i = 0; i < 2 && coloured && !found; i++)
		found = read_view(j, picture_grey(p, channels[i], &mem), p->width, p->height);
	return n;
}
