/*
 * What the pixels of a picture say.
 *
 * The hash: 32 x 32 means of brightness, their cosine transform, the signs of 64 low frequencies
 * against their median. Scaling, compression and noise leave most of them as they are.
 *
 * Text: rows of pixels with many sharp changes of brightness, grouped in bands with quiet rows
 * between them, as lines of text are, on a plain ground. A photo: many colours, none of which
 * covers much. Both are estimates, for combination with other signs.
 */
#include "codec/picture.h"

#include <math.h>

enum {
	GRID = 32, /* of the hash */
	LOW = 8, /* frequencies of the hash, each way */
	FLAT = 6, /* mean deviation of the brightness below which there is nothing to hash */
	STEP = 50, /* of brightness within two pixels: an edge */
	COLOURS = 4096,
	SAMPLES = 100000, /* pixels that are looked at for colours */
	LINE_MIN = 4, /* rows of a line of text, in the copy */
	LINE_MAX = 90,
};

static float limited(double v)
{
	return v < 0 ? 0 : v > 1 ? 1 : (float)v;
}

/* ---- the hash ---- */

static void make_grid(const struct picture *p, float grid[GRID * GRID])
{
	for (unsigned g = 0; g < GRID * GRID; g++) {
		unsigned gx = g % GRID, gy = g / GRID;
		unsigned y0 = gy * p->height / GRID, y1 = (gy + 1) * p->height / GRID;
		unsigned x0 = gx * p->width / GRID, x1 = (gx + 1) * p->width / GRID;
		y1 += y1 == y0;
		x1 += x1 == x0;
		uint32_t sum = 0;
		for (unsigned y = y0; y < y1; y++)
			for (unsigned x = x0; x < x1; x++)
				sum += p->grey[(size_t)y * p->width + x];
		grid[g] = (float)sum / (float)((y1 - y0) * (x1 - x0));
	}
}

static float deviation(const float *v, unsigned n)
{
	float mean = 0, sum = 0;
	for (unsigned i = 0; i < n; i++)
		mean += v[i] / (float)n;
	for (unsigned i = 0; i < n; i++)
		sum += fabsf(v[i] - mean) / (float)n;
	return sum;
}

/* The n-th value in order, by counting how many are smaller: 64 of them. */
static float median(const float *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned below = 0, equal = 0;
		for (unsigned k = 0; k < n; k++) {
			below += v[k] < v[i];
			equal += v[k] == v[i];
		}
		if (below <= n / 2 && below + equal > n / 2)
			return v[i];
	}
	return 0;
}

static uint64_t cosine_hash(const float grid[GRID * GRID])
{
	float cosine[LOW + 1][GRID], half[GRID][LOW + 1], v[LOW * LOW]; /* 2.6 KB */
	for (int f = 0; f <= LOW; f++)
		for (int i = 0; i < GRID; i++)
			cosine[f][i] = cosf((float)M_PI * (float)f * ((float)i + 0.5f) / GRID);
	for (int y = 0; y < GRID; y++) {
		for (int f = 0; f <= LOW; f++) {
			half[y][f] = 0;
			for (int x = 0; x < GRID; x++)
				half[y][f] += grid[y * GRID + x] * cosine[f][x];
		}
	}
	for (int g = 0; g < LOW; g++) {
		for (int f = 1; f <= LOW; f++) {
			float sum = 0;
			for (int y = 0; y < GRID; y++)
				sum += half[y][f] * cosine[g][y];
			v[g * LOW + f - 1] = sum;
		}
	}
	float middle = median(v, LOW * LOW);
	uint64_t hash = 0;
	for (unsigned i = 0; i < LOW * LOW; i++)
		hash |= (uint64_t)(v[i] > middle) << i;
	return hash;
}

/* ---- colours ---- */

static void look_at_colours(const struct picture *p, struct arena *a, struct picture_stats *ret)
{
	uint32_t *count = ARENA_ARRAY(a, uint32_t, COLOURS);
	size_t n = (size_t)p->width * p->height, step = n / SAMPLES + 1, seen = 0;
	double saturation = 0, sum = 0, squares = 0;
	for (size_t i = 0; i < n; i += step, seen++) {
		const uint8_t *c = p->rgb + 3 * i;
		unsigned low = c[0] < c[1] ? c[0] : c[1], high = c[0] < c[1] ? c[1] : c[0];
		low = c[2] < low ? c[2] : low;
		high = c[2] < high ? high : c[2];
		saturation += high - low;
		sum += p->grey[i];
		squares += p->grey[i] * p->grey[i];
		count[(c[0] >> 4) << 8 | (c[1] >> 4) << 4 | c[2] >> 4]++;
	}
	size_t most = 0, few = seen / 5000;
	double entropy = 0;
	for (size_t i = 0; i < COLOURS; i++) {
		double share = (double)count[i] / (double)seen;
		most = count[i] > most ? count[i] : most;
		ret->colours += count[i] > few;
		entropy -= share > 0 ? share * log2(share) : 0;
	}
	double mean = sum / (double)seen;
	ret->background = limited((double)most / (double)seen);
	ret->saturation = limited(saturation / (255 * (double)seen));
	ret->contrast = limited(2 * sqrt(fmax(0, squares / (double)seen - mean * mean)) / 255);
	ret->photo = limited((entropy - 3.5) / 2.5) * limited((0.6 - ret->background) / 0.3);
}

/* ---- lines of text ---- */

struct lines {
	unsigned lines, rows; /* of text */
	unsigned band; /* rows of the one we are in */
	unsigned edges; /* of the busiest row in it */
	size_t all; /* edges of the whole picture */
};

/* How often brightness jumps up or down by a step, in turn. */
static unsigned row_edges(const uint8_t *row, unsigned width)
{
	unsigned n = 0;
	int last = 0;
	for (unsigned x = 2; x < width; x++) {
		int d = (int)row[x] - (int)row[x - 2];
		int now = d > STEP ? 1 : d < -STEP ? -1 : 0;
		n += now && now != last;
		last = now ? now : last;
	}
	return n;
}

static void end_band(struct lines *l)
{
	if (l->band >= LINE_MIN && l->band <= LINE_MAX) {
		l->lines++;
		l->rows += l->band;
	}
	l->band = l->edges = 0;
}

static void look_at_lines(const struct picture *p, struct picture_stats *ret)
{
	struct lines l = {0};
	for (unsigned y = 0; y < p->height; y++) {
		unsigned n = row_edges(p->grey + (size_t)y * p->width, p->width);
		l.all += n;
		bool quiet = n < 6 || n * 5 < l.edges;
		if (quiet && l.band)
			end_band(&l);
		if (!quiet) {
			l.band++;
			l.edges = n > l.edges ? n : l.edges;
		}
	}
	end_band(&l);
	double covered = (double)l.rows / p->height;
	ret->lines = l.lines;
	ret->edges = limited((double)l.all / ((double)p->width * p->height));
	ret->text = limited(l.lines / 4.0) * limited(covered / 0.15) *
		    limited((ret->background - 0.1) / 0.3) * limited((0.5 - ret->edges) / 0.2);
}

void picture_stats(const struct picture *p, struct arena *a, struct picture_stats *ret)
{
	float *grid = ARENA_ARRAY(a, float, GRID *GRID);
	*ret = (struct picture_stats){0};
	make_grid(p, grid);
	ret->flat = deviation(grid, GRID * GRID) < FLAT;
	ret->hash = cosine_hash(grid);
	look_at_colours(p, a, ret);
	look_at_lines(p, ret);
}
