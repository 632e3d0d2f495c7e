/* Pictures in letters: codes become links, limits hold; the classifier learns and says what it
 * learnt. */
#include "content/pictures.h"

#include "base/b64.h"
#include "base/mem.h"
#include "base/test.h"
#include "codec/picture.h"

#include <math.h>

static void read_letter(slice letter, struct arena *a, struct content *ret)
{
	static const struct content_tools tools;
	content_read(letter, &tools, &content_limits_default, a, ret);
}

/* A letter with a grey bitmap as its attachment. */
static void letter_with(struct buf *out, unsigned side, unsigned seed)
{
	AUTO(buf) struct buf pnm = BUF(1 << 22);
	picture_pnm_begin(&pnm, side, side, 1, 8);
	for (unsigned y = 0; y < side; y++)
		for (unsigned x = 0; x < side; x++)
			buf_byte(&pnm, (char)(128 + 100 * sin(x * seed * 5.0 / side) *
							    cos(y * 3.0 / side)));
	buf_put(out, S("From: a@example.com\nSubject: x\nContent-Type: multipart/mixed; "
		       "boundary=b\n\n--b\nContent-Type: text/plain\n\nHello\n--b\nContent-Type: "
		       "image/x-portable-graymap\nContent-Transfer-Encoding: base64\n"
		       "Content-Disposition: attachment; filename=a.pgm\n\n"));
	b64_encode_lines(out, buf_slice(&pnm));
	buf_put(out, S("\n--b--\n"));
}

TEST(pictures_of_a_letter)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf letter = BUF(1 << 23);
	struct content c;
	letter_with(&letter, 200, 2);
	read_letter(buf_slice(&letter), &a, &c);
	CHECK_INT(c.npictures, 1);
	CHECK(c.pictures[0].decoded && !c.pictures[0].flat);
	CHECK_INT(c.pictures[0].width, 200);
	CHECK_INT(c.pictures[0].qr, 0);
}

TEST(pictures_too_small)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf letter = BUF(1 << 23);
	struct content c;
	letter_with(&letter, 12, 2);
	read_letter(buf_slice(&letter), &a, &c);
	CHECK_INT(c.npictures, 1);
	CHECK(!c.pictures[0].decoded);
}

TEST(pictures_pixels_all_together)
{
	static const struct content_tools tools;
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf letter = BUF(1 << 23);
	struct content_limits l = content_limits_default;
	struct content c;
	letter_with(&letter, 200, 2);
	l.pixels = 200 * 200 - 1;
	content_read(buf_slice(&letter), &tools, &l, &a, &c);
	CHECK(c.limited && c.npictures == 1 && !c.pictures[0].decoded);
}

/* A code drawn by letters in the text. */
TEST(pictures_drawn_code)
{
	static const char *const code[] = {"#######.#..###....#######", "#.....#..##..##.#.#.....#",
		"#.###.#...#.##.#..#.###.#", "#.###.#.....##.##.#.###.#",
		"#.###.#..#.#.##.#.#.###.#", "#.....#...#.#.#...#.....#",
		"#######.#.#.#.#.#.#######", "........#.##.##..........",
		"##.##.#..###..###.#.....#", "##.#...#.#..#.##.#.#####.",
		"##.##.##..##...#..####..#", ".#####...####.#.##.#.####",
		"###...#.##.##.#...##....#", "####.#.#......###...#..#.",
		"###..##...###.##....#####", "#.##...#...#.....###.##.#",
		"#...####.##...#######.##.", "........##.###..#...#.##.",
		"#######...##....#.#.#...#", "#.....#...#.#.###...#..##",
		"#.###.#.#.#.#########..##", "#.###.#.#.#...#..##....##",
		"#.###.#...#.#.#.##..#####", "#.....#.#.....#....##.###",
		"#######.###..######..#..#"};
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf letter = BUF(1 << 20);
	struct content c;
	buf_put(&letter, S("From: a@example.com\nSubject: scan me\nContent-Type: text/plain; "
			   "charset=utf-8\n\nSign in:\n\n"));
	for (size_t y = 0; y < sizeof code / sizeof *code; y++) {
		for (const char *p = code[y]; *p; p++)
			buf_put(&letter, *p == '#' ? S("\u2588\u2588") : S("  "));
		buf_byte(&letter, '\n');
	}
	read_letter(buf_slice(&letter), &a, &c);
	CHECK_INT(c.npictures, 1);
	CHECK(c.pictures[0].drawn);
	CHECK_INT(c.nlinks, 1);
	CHECK_STR(c.links[0].url.host, S("evil.example"));
	CHECK_INT(c.links[0].where, CONTENT_IN_QR);
	CHECK_INT(c.links[0].file, -1);
}

/* ---- the classifier ---- */

/* Two kinds that overlap a little in two of the numbers. */
static void make_examples(struct pictures_example *v, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++) {
		v[i] = (struct pictures_example){.spam = i % 3 == 0};
		for (unsigned k = 0; k < PICTURES_FEATURES; k++) {
			seed = seed * 1103515245 + 12345;
			v[i].v[k] = (float)(seed >> 16 & 1023) / 1023;
		}
		v[i].v[4] = v[i].v[4] * 0.55f + (v[i].spam ? 0.45f : 0);
		v[i].v[7] = v[i].v[7] * 0.55f + (v[i].spam ? 0 : 0.45f);
	}
}

TEST(pictures_model_learns)
{
	static struct pictures_example v[300], other[300];
	AUTO(buf) struct buf file = BUF(PICTURES_MODEL_MAX), again = BUF(PICTURES_MODEL_MAX);
	struct pictures_model *m;
	struct pictures_figures f, same;
	struct err e;
	make_examples(v, 300, 1);
	make_examples(other, 300, 2);
	CHECK_INT(pictures_train(v, 300, &f, &file, &e), 0);
	CHECK_INT(f.spam, 100);
	CHECK_INT(f.ham, 200);
	CHECK(f.caught > 75 && f.accused < 20);
	CHECK_INT(pictures_model_read(buf_slice(&file), &m, &e), 0);
	unsigned good = 0;
	for (size_t i = 0; i < 300; i++)
		good += (pictures_model_margin(m, other[i].v) > 0) == other[i].spam;
	pictures_model_free(m);
	CHECK(good > 260);
	/* The same examples give the same file, in whatever order. */
	make_examples(v, 300, 1);
	struct pictures_example first = v[0];
	v[0] = v[299];
	v[299] = first;
	CHECK_INT(pictures_train(v, 300, &same, &again, &e), 0);
	CHECK_STR(buf_slice(&again), buf_slice(&file));
	CHECK_INT(pictures_model_figures(buf_slice(&file), &same, &e), 0);
	CHECK(memcmp(&same, &f, sizeof f) == 0);
}

/* One picture without a letter: what the letters are like is no reason any more. */
TEST(pictures_model_alone)
{
	static struct pictures_example v[300];
	AUTO(buf) struct buf file = BUF(PICTURES_MODEL_MAX);
	struct pictures_model *m;
	struct pictures_figures f;
	struct err e;
	make_examples(v, 300, 1);
	v[7].alone = true;
	CHECK_INT(pictures_train(v, 300, &f, &file, &e), 0);
	CHECK_INT(pictures_model_read(buf_slice(&file), &m, &e), 0);
	float before = pictures_model_margin(m, v[0].v);
	for (unsigned k = PICTURES_OWN; k < PICTURES_FEATURES; k++)
		v[0].v[k] = 1 - v[0].v[k];
	CHECK(before == pictures_model_margin(m, v[0].v));
	pictures_model_free(m);
}

TEST(pictures_model_needs_both_kinds)
{
	static struct pictures_example v[100];
	AUTO(buf) struct buf file = BUF(PICTURES_MODEL_MAX);
	struct pictures_figures f;
	struct err e;
	make_examples(v, 100, 1);
	CHECK_INT(pictures_train(v, 100, &f, &file, &e), -1);
	CHECK_INT(e.kind, ERR_LIMIT);
}

TEST(pictures_model_copies_count_once)
{
	static struct pictures_example v[300];
	AUTO(buf) struct buf file = BUF(PICTURES_MODEL_MAX);
	struct pictures_figures f;
	struct err e;
	make_examples(v, 100, 1);
	memcpy(v + 100, v, 100 * sizeof *v);
	memcpy(v + 200, v, 100 * sizeof *v);
	CHECK_INT(pictures_train(v, 300, &f, &file, &e), -1);
	CHECK_INT(e.kind, ERR_LIMIT);
}

TEST(pictures_model_of_no_use)
{
	static struct pictures_example v[300];
	AUTO(buf) struct buf file = BUF(PICTURES_MODEL_MAX);
	struct pictures_figures f;
	struct err e;
	make_examples(v, 300, 1);
	for (size_t i = 0; i < 300; i++)
		v[i].v[4] = v[i].v[7] = 0.5f;
	CHECK_INT(pictures_train(v, 300, &f, &file, &e), -1);
	CHECK_INT(e.kind, ERR_LIMIT);
	CHECK_INT(f.spam, 100);
	CHECK_INT(file.n, 0);
}

TEST(pictures_model_damaged)
{
	static struct pictures_example v[150];
	AUTO(buf) struct buf file = BUF(PICTURES_MODEL_MAX);
	struct pictures_model *m = NULL;
	struct pictures_figures f;
	struct err e;
	make_examples(v, 150, 3);
	CHECK_INT(pictures_train(v, 150, &f, &file, &e), 0);
	for (size_t n = 0; n < file.n; n += 97)
		CHECK_INT(pictures_model_read(slice_of(file.p, n), &m, &e), -1);
	file.p[file.n / 2] ^= 1;
	CHECK_INT(pictures_model_read(buf_slice(&file), &m, &e), -1);
	CHECK(m == NULL);
}
