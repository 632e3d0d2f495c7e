/* QR codes, painted here from one that was written down module by module: as pictures, as letters,
 * as cells of tables. */
#include "codec/qrcode.h"

#include "base/mem.h"
#include "base/test.h"

enum { SIDE = 25, MARGIN = 4 };

/* "https://evil.example/" by qrencode, level L: a character a module. */
static const char *const code[SIDE] = {
	"#######.#..###....#######",
	"#.....#..##..##.#.#.....#",
	"#.###.#...#.##.#..#.###.#",
	"#.###.#.....##.##.#.###.#",
	"#.###.#..#.#.##.#.#.###.#",
	"#.....#...#.#.#...#.....#",
	"#######.#.#.#.#.#.#######",
	"........#.##.##..........",
	"##.##.#..###..###.#.....#",
	"##.#...#.#..#.##.#.#####.",
	"##.##.##..##...#..####..#",
	".#####...####.#.##.#.####",
	"###...#.##.##.#...##....#",
	"####.#.#......###...#..#.",
	"###..##...###.##....#####",
	"#.##...#...#.....###.##.#",
	"#...####.##...#######.##.",
	"........##.###..#...#.##.",
	"#######...##....#.#.#...#",
	"#.....#...#.#.###...#..##",
	"#.###.#.#.#.#########..##",
	"#.###.#.#.#...#..##....##",
	"#.###.#...#.#.#.##..#####",
	"#.....#.#.....#....##.###",
	"#######.###..######..#..#",
};

static void put_glyph(struct buf *out, const char *dark, const char *light, bool is_dark)
{
	buf_put(out, slice_z(is_dark ? dark : light));
}

/* As a PNM of so many pixels a module, in these colours. */
static void paint(struct buf *out, unsigned scale, const char dark[4], const char light[4])
{
	unsigned side = (SIDE + 2 * MARGIN) * scale;
	picture_pnm_begin(out, side, side, 3, 8);
	for (unsigned y = 0; y < side; y++) {
		for (unsigned x = 0; x < side; x++) {
			unsigned mx = x / scale - MARGIN, my = y / scale - MARGIN;
			bool is_dark = mx < SIDE && my < SIDE && code[my][mx] == '#';
			buf_put(out, slice_of(is_dark ? dark : light, 3));
		}
	}
}

static unsigned read_pnm(struct buf *pnm, struct arena *a, struct qrcode v[QRCODES_MAX])
{
	struct picture p;
	CHECK_INT(picture_read(buf_slice(pnm), 1 << 24, a, &p), PICTURE_READ);
	return qrcode_read(&p, &(unsigned){2 * QRCODE_TRIES}, a, v);
}

TEST(qrcode_pictures)
{
	static const struct {
		unsigned scale;
		const char *dark, *light;
	} cases[] = {
		{1, "\0\0\0", "\xff\xff\xff"},
		{2, "\0\0\0", "\xff\xff\xff"},
		{5, "\0\0\0", "\xff\xff\xff"},
		{30, "\0\0\0", "\xff\xff\xff"},
		{50, "\0\0\0", "\xff\xff\xff"}, /* made smaller while it is decoded */
		{5, "\xff\xff\xff", "\0\0\0"},
		{5, "\xc8\0\0", "\xff\xff\xff"},
		{5, "\0\x3c\xc8", "\xff\xff\xff"},
		{5, "\xfa\xdc\0", "\xff\xff\xff"},
		{5, "\xcd\xcd\xcd", "\xf5\xf5\xf5"},
		{5, "\xff\xff\xff", "\x14\x3c\xa0"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf pnm = BUF(1 << 24);
		struct qrcode v[QRCODES_MAX];
		paint(&pnm, cases[i].scale, cases[i].dark, cases[i].light);
		CHECK_INT(read_pnm(&pnm, &a, v), 1);
		CHECK_STR(v[0].text, S("https://evil.example/"));
	}
}

/* Three corner marks are not enough. */
TEST(qrcode_damaged)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf pnm = BUF(1 << 24);
	struct qrcode v[QRCODES_MAX];
	paint(&pnm, 4, "\0\0\0", "\xff\xff\xff");
	size_t rows = pnm.n / 2;
	memset(pnm.p + rows, 255, pnm.n / 6);
	CHECK_INT(read_pnm(&pnm, &a, v), 0);
}

TEST(qrcode_none)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf pnm = BUF(1 << 24);
	struct qrcode v[QRCODES_MAX];
	picture_pnm_begin(&pnm, 500, 500, 1, 8);
	for (unsigned i = 0; i < 500 * 500; i++)
		buf_byte(&pnm, (char)(i * i >> 3 ^ i / 500));
	CHECK_INT(read_pnm(&pnm, &a, v), 0);
}

/* A picture full of corner marks must not take long: zbar's time is cubic in them. */
TEST(qrcode_bait)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf pnm = BUF(1 << 24);
	struct qrcode v[QRCODES_MAX];
	static const char *const mark[9] = {".........", ".#######.", ".#.....#.", ".#.###.#.",
		".#.###.#.", ".#.###.#.", ".#.....#.", ".#######.", "........."};
	picture_pnm_begin(&pnm, 1200, 1200, 1, 8);
	for (unsigned y = 0; y < 1200; y++)
		for (unsigned x = 0; x < 1200; x++)
			buf_byte(&pnm, mark[y / 2 % 9][x / 2 % 9] == '#' ? 0 : (char)255);
	CHECK_INT(read_pnm(&pnm, &a, v), 0);
}

/* Tries are counted down for all pictures together; without any, nothing is read. */
TEST(qrcode_tries)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf pnm = BUF(1 << 24);
	struct qrcode v[QRCODES_MAX];
	struct picture p;
	unsigned tries = 2;
	paint(&pnm, 5, "\0\0\0", "\xff\xff\xff");
	CHECK_INT(picture_read(buf_slice(&pnm), 1 << 24, &a, &p), PICTURE_READ);
	CHECK_INT(qrcode_read(&p, &tries, &a, v), 1);
	CHECK_INT(tries, 1);
	CHECK_INT(qrcode_read(&p, &tries, &a, v), 1);
	CHECK_INT(qrcode_read(&p, &tries, &a, v), 0);
}

/* ---- letters ---- */

static void draw_full(struct buf *out, const char *dark, const char *light)
{
	for (unsigned y = 0; y < SIDE; y++) {
		for (unsigned x = 0; x < SIDE; x++)
			put_glyph(out, dark, light, code[y][x] == '#');
		buf_byte(out, '\n');
	}
}

/* Two rows a line; inverted as qrencode does for dark terminals, with the margin it makes. */
static void draw_half(struct buf *out, bool inverted)
{
	for (int y = -2; y < SIDE + 2; y += 2) {
		for (int x = -2; x < SIDE + 2; x++) {
			bool in = x >= 0 && x < SIDE;
			bool up = in && y >= 0 && y < SIDE && code[y][x] == '#';
			bool low = in && y + 1 >= 0 && y + 1 < SIDE && code[y + 1][x] == '#';
			up ^= inverted;
			low ^= inverted;
			buf_put(out, up && low ? S("\u2588")
				     : up      ? S("\u2580")
				     : low     ? S("\u2584")
					       : S(" "));
		}
		buf_byte(out, '\n');
	}
}

static void check_text(struct buf *t)
{
	AUTO(arena) struct arena a = {0};
	struct qrcode v[QRCODES_MAX];
	CHECK_INT(qrcode_read_text(buf_slice(t), &(unsigned){2 * QRCODE_TRIES}, &a, v), 1);
	CHECK_STR(v[0].text, S("https://evil.example/"));
}

TEST(qrcode_letters)
{
	static const char *const pairs[][2] = {{"\u2588\u2588", "  "}, {"##", "  "},
		{"  ", "\u2588\u2588"}, {"\u2b1b", "\u2b1c"}, {"\u2588", "\u00a0"},
		{"\u25a0", "\u3000"}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		AUTO(buf) struct buf t = BUF(1 << 16);
		buf_put(&t, S("Please scan this:\n\n"));
		draw_full(&t, pairs[i][0], pairs[i][1]);
		buf_put(&t, S("\nYour bank\n"));
		check_text(&t);
	}
	for (int inverted = 0; inverted < 2; inverted++) {
		AUTO(buf) struct buf t = BUF(1 << 16);
		buf_put(&t, S("Hello\n"));
		draw_half(&t, inverted);
		check_text(&t);
	}
}

TEST(qrcode_letters_none)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf t = BUF(1 << 20);
	struct qrcode v[QRCODES_MAX];
	for (int i = 0; i < 3000; i++)
		buf_put(&t, i % 3 ? S("#### #### ######### ##### ###########\n")
				  : S("a common line of text, long enough\n"));
	for (int i = 0; i < 3000; i++)
		buf_put(&t, S("#########################################\n"));
	CHECK_INT(qrcode_read_text(buf_slice(&t), &(unsigned){2 * QRCODE_TRIES}, &a, v), 0);
}

/* ---- tables ---- */

static void draw_table(struct buf *t, const char *dark, const char *light, bool span)
{
	buf_put(t, S("<p>Scan to <b>sign in</b><table cellspacing=0 cellpadding=0>"));
	for (unsigned y = 0; y < SIDE; y++) {
		buf_put(t, S("<tr>"));
		for (unsigned x = 0, n; x < SIDE; x += n) {
			for (n = 1; span && x + n < SIDE && code[y][x + n] == code[y][x]; n++)
				;
			buf_printf(
				t, "<td colspan=%u %s></td>", n, code[y][x] == '#' ? dark : light);
		}
		buf_put(t, S("</tr>\n"));
	}
	buf_put(t, S("</table>"));
}

TEST(qrcode_tables)
{
	static const char *const kinds[][2] = {{"bgcolor=\"#000000\"", "bgcolor=white"},
		{"style=\"width:4px;background-color:#222\"", ""},
		{"style='background: rgb(0,0,80)'", "style='background:#fff'"},
		{"class=d", "class=l"}, {"class=x", ""}, {"bgcolor=#eee", "bgcolor=#003"}};
	for (size_t i = 0; i < 2 * sizeof kinds / sizeof *kinds; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf t = BUF(1 << 20);
		struct qrcode v[QRCODES_MAX];
		draw_table(&t, kinds[i / 2][0], kinds[i / 2][1], i & 1);
		CHECK_INT(qrcode_read_html(buf_slice(&t), &(unsigned){2 * QRCODE_TRIES}, &a, v), 1);
		CHECK_STR(v[0].text, S("https://evil.example/"));
	}
}

TEST(qrcode_html_letters)
{
	static const char *const kinds[][3] = {
		{"<pre>", "&#9608;&#x2588;", "  "}, {"<p>", "\u2588\u2588", "&nbsp;&nbsp;"}};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf t = BUF(1 << 20);
		struct qrcode v[QRCODES_MAX];
		buf_printf(&t, "<b>Scan\nthis</b>%s", kinds[i][0]);
		for (unsigned y = 0; y < SIDE; y++) {
			for (unsigned x = 0; x < SIDE; x++)
				put_glyph(&t, kinds[i][1], kinds[i][2], code[y][x] == '#');
			buf_put(&t, i ? S("<br>") : S("\n"));
		}
		CHECK_INT(
			qrcode_read_html_text(buf_slice(&t), &(unsigned){2 * QRCODE_TRIES}, &a, v),
			1);
		CHECK_STR(v[0].text, S("https://evil.example/"));
	}
}
