/*
 * Corner marks of QR codes (ISO/IEC 18004, finder patterns): in any direction through its middle,
 * dark and light have the proportion 1:1:3:1:1. Rows are searched for it, each hit is checked in
 * its column and again in its row. Also light on dark, for inverted codes.
 *
 * One pass over the rows; a check costs no more than the hit is long.
 */
#include "codec/qrcode_impl.h"

#include <math.h>

enum {
	BLOCK = 8, /* pixels: of one local brightness */
	AROUND = 2, /* blocks to each side that are averaged */
	FLAT = 20, /* range of brightness in a block below which it has no pattern of its own */
	CELL = 8, /* pixels: of the map of what was found */
};

/* ---- black and white ---- */

struct blocks {
	unsigned w, h;
	uint8_t *level; /* where black ends */
};

static uint8_t block_level(const struct qr_grey *g, unsigned bx, unsigned by)
{
	unsigned low = 255, high = 0, sum = 0, n = 0;
	for (unsigned y = by * BLOCK; y < (by + 1) * BLOCK && y < g->height; y++) {
		const uint8_t *row = g->p + (size_t)y * g->width;
		for (unsigned x = bx * BLOCK; x < (bx + 1) * BLOCK && x < g->width; x++, n++) {
			low = row[x] < low ? row[x] : low;
			high = row[x] > high ? row[x] : high;
			sum += row[x];
		}
	}
	return high - low >= FLAT ? (uint8_t)(sum / n) : 0;
}

/* Flat blocks take the level of their neighbours; without any they are white if bright. */
static unsigned level_around(const struct blocks *b, unsigned bx, unsigned by)
{
	unsigned sum = 0, n = 0;
	unsigned y0 = by < AROUND ? 0 : by - AROUND, x0 = bx < AROUND ? 0 : bx - AROUND;
	for (unsigned y = y0; y <= by + AROUND && y < b->h; y++) {
		for (unsigned x = x0; x <= bx + AROUND && x < b->w; x++) {
			uint8_t level = b->level[y * b->w + x];
			sum += level;
			n += level != 0;
		}
	}
	return n ? sum / n : 127;
}

uint8_t *qr_binarise(const struct qr_grey *g, struct arena *a)
{
	struct blocks b = {(g->width + BLOCK - 1) / BLOCK, (g->height + BLOCK - 1) / BLOCK, NULL};
	uint8_t *bits = arena_alloc(a, (size_t)g->width * g->height);
	b.level = arena_alloc(a, (size_t)b.w * b.h);
	for (unsigned by = 0; by < b.h; by++)
		for (unsigned bx = 0; bx < b.w; bx++)
			b.level[by * b.w + bx] = block_level(g, bx, by);
	for (unsigned by = 0; by < b.h; by++) {
		for (unsigned bx = 0; bx < b.w; bx++) {
			unsigned level = level_around(&b, bx, by);
			for (unsigned y = by * BLOCK; y < (by + 1) * BLOCK && y < g->height; y++) {
				size_t row = (size_t)y * g->width;
				for (unsigned x = bx * BLOCK; x < (bx + 1) * BLOCK && x < g->width;
					x++)
					bits[row + x] = g->p[row + x] <= level;
			}
		}
	}
	return bits;
}

/* ---- corner marks ---- */

struct search {
	const uint8_t *bits;
	unsigned width, height;
	uint16_t *map; /* cell -> index of a centre + 1 */
	unsigned map_w, map_h;
	struct qr_centres *ret;
};

static bool is_mark(const unsigned run[5], float *ret_module)
{
	unsigned total = run[0] + run[1] + run[2] + run[3] + run[4];
	if (total < 7 || !run[0] || !run[1] || !run[2] || !run[3] || !run[4])
		return false;
	float m = (float)total / 7, off = m * 0.55f + 0.3f;
	*ret_module = m;
	return fabsf((float)run[0] - m) < off && fabsf((float)run[1] - m) < off &&
	       fabsf((float)run[2] - 3 * m) < 2 * off && fabsf((float)run[3] - m) < off &&
	       fabsf((float)run[4] - m) < off;
}

/* Runs to both sides of a pixel of the middle, along a line of n pixels that are `step` apart. */
static bool check_line(const uint8_t *p, size_t step, unsigned n, unsigned at, uint8_t ink,
	float module, float *ret_middle, float *ret_module)
{
	unsigned run[5] = {0}, most = (unsigned)(module * 6) + 4;
	unsigned up = at, down = at + 1;
	for (int k = 2; k >= 0; k--) {
		uint8_t want = k == 1 ? !ink : ink;
		unsigned before = up;
		while (up > 0 && p[(up - 1) * step] == want && before - up < most)
			up--;
		run[k] += before - up;
	}
	unsigned middle_from = at - run[2];
	for (int k = 2; k <= 4; k++) {
		uint8_t want = k == 3 ? !ink : ink;
		unsigned before = down;
		while (down < n && p[down * step] == want && down - before < most)
			down++;
		run[k] += down - before;
	}
	run[2]++; /* the pixel itself */
	if (!is_mark(run, ret_module))
		return false;
	*ret_middle = (float)middle_from + (float)run[2] / 2;
	return *ret_module < module * 1.7f && *ret_module > module / 1.7f;
}

/* How far one colour goes from where *t is, along a ray. */
static float ray_run(const struct search *s, const struct qr_centre *c, float dx, float dy,
	uint8_t ink, float most, float *t)
{
	float from = *t;
	while (*t - from <= most) {
		float x = c->x + dx * *t, y = c->y + dy * *t;
		if (x < 0 || y < 0 || x >= (float)s->width || y >= (float)s->height ||
			s->bits[(size_t)y * s->width + (size_t)x] != ink)
			break;
		*t += 0.5f;
	}
	return *t - from;
}

/* Square, ring and gap between them to all sides: noise and letters seldom have that. */
static bool is_round(const struct search *s, const struct qr_centre *c)
{
	static const float rays[8][2] = {{1, 0}, {0.707f, 0.707f}, {0, 1}, {-0.707f, 0.707f},
		{-1, 0}, {-0.707f, -0.707f}, {0, -1}, {0.707f, -0.707f}};
	float m = c->module, slack = 0.3f * m + 0.8f;
	uint8_t ink = !c->light;
	unsigned good = 0;
	for (unsigned i = 0; i < 8; i++) {
		float t = 0, most = 3 * m + 2;
		float square = ray_run(s, c, rays[i][0], rays[i][1], ink, most, &t);
		float gap = ray_run(s, c, rays[i][0], rays[i][1], !ink, most, &t);
		float ring = ray_run(s, c, rays[i][0], rays[i][1], ink, most, &t);
		good += square > 1.5f * m - slack && square < 2.2f * m + slack && gap > m - slack &&
			gap < 1.5f * m + slack && ring > m - slack;
	}
	return good >= 7;
}

static bool was_found(struct search *s, const struct qr_centre *c)
{
	unsigned cx = (unsigned)c->x / CELL, cy = (unsigned)c->y / CELL;
	for (unsigned y = cy ? cy - 1 : 0; y <= cy + 1 && y < s->map_h; y++) {
		for (unsigned x = cx ? cx - 1 : 0; x <= cx + 1 && x < s->map_w; x++) {
			uint16_t i = s->map[y * s->map_w + x];
			struct qr_centre *o = i ? &s->ret->v[i - 1] : NULL;
			float near = 1.5f * c->module + 1;
			if (o && o->light == c->light && fabsf(o->x - c->x) < near &&
				fabsf(o->y - c->y) < near && o->module < 2 * c->module &&
				c->module < 2 * o->module) {
				o->seen++;
				return true;
			}
		}
	}
	return false;
}

static void hit(struct search *s, unsigned x, unsigned y, float module, bool light)
{
	struct qr_centre c = {.seen = 1, .light = light};
	float across, down;
	uint8_t ink = !light;
	if (s->bits[(size_t)y * s->width + x] != ink ||
		!check_line(s->bits + x, s->width, s->height, y, ink, module, &c.y, &down))
		return;
	unsigned row = (unsigned)c.y;
	if (row >= s->height || s->bits[(size_t)row * s->width + x] != ink ||
		!check_line(s->bits + (size_t)row * s->width, 1, s->width, x, ink, module, &c.x,
			&across))
		return;
	c.module = (across + down) / 2;
	if (was_found(s, &c) || !is_round(s, &c))
		return;
	if (s->ret->n == QR_CENTRES_MAX) {
		s->ret->full = true;
		return;
	}
	s->ret->v[s->ret->n++] = c;
	s->map[(unsigned)c.y / CELL * s->map_w + (unsigned)c.x / CELL] = (uint16_t)s->ret->n;
}

static void search_row(struct search *s, unsigned y)
{
	const uint8_t *row = s->bits + (size_t)y * s->width;
	unsigned run[5] = {0}, from = 0;
	for (unsigned x = 1; x <= s->width; x++) {
		float module;
		if (x < s->width && row[x] == row[x - 1])
			continue;
		memmove(run, run + 1, sizeof run - sizeof *run);
		run[4] = x - from;
		from = x;
		if (is_mark(run, &module))
			hit(s, x - run[4] - run[3] - (run[2] + 1) / 2, y, module, !row[x - 1]);
	}
}

/* The middle of a true one is crossed by as many rows as a module has, and by two at least. */
static void keep_certain(struct qr_centres *c)
{
	unsigned n = 0;
	for (unsigned i = 0; i < c->n; i++)
		if (c->v[i].seen >= 2 && (float)c->v[i].seen >= c->v[i].module / 2)
			c->v[n++] = c->v[i];
	c->n = n;
}

void qr_find_centres(const uint8_t *bits, unsigned width, unsigned height, struct arena *a,
	struct qr_centres *ret)
{
	struct search s = {.bits = bits,
		.width = width,
		.height = height,
		.map_w = width / CELL + 1,
		.map_h = height / CELL + 1,
		.ret = ret};
	ret->n = 0;
	ret->full = false;
	s.map = ARENA_ARRAY(a, uint16_t, (size_t)s.map_w * s.map_h);
	for (unsigned y = 0; y < height && !ret->full; y++)
		search_row(&s, y);
	keep_certain(ret);
}
