/* Tables as text: cells, quotes, lines, charsets. */
#include "base/mem.h"
#include "base/test.h"
#include "codec/csv.h"

/* Rows as "line:cell|cell;" ... and how it ended. */
static slice read_all(slice text, struct arena *a)
{
	struct csv c = csv_begin(text);
	slice cells[CSV_COLUMNS_MAX];
	AUTO(buf) struct buf out = BUF(100000);
	size_t n;
	enum csv_result r;
	while ((r = csv_next(&c, a, cells, &n)) == CSV_ROW) {
		buf_printf(&out, "%u:", c.line);
		for (size_t i = 0; i < n; i++)
			buf_printf(&out, "%s%.*s", i ? "|" : "", SFMT(cells[i]));
		buf_put(&out, S(";"));
	}
	buf_printf(&out, "%d", r);
	return arena_dup(a, buf_slice(&out));
}

TEST(csv_rows_and_cells)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"", "1"},
		{"a,b\r\nc,d\r\n", "1:a|b;2:c|d;1"},
		{"a;b\nc;\"d;e\"", "1:a|b;2:c|d;e;1"},
		{"a\tb\rc\t", "1:a|b;2:c|;1"},
		{"a,,b\n\n\n,\n", "1:a||b;4:|;1"},
		{"\"x \"\"y\"\" z\",\"\"\n", "1:x \"y\" z|;1"},
		{"\"two\r\nlines\",b\nc\n", "1:two\r\nlines|b;3:c;1"},
		{"\"a\"b,c", "1:ab|c;1"},
		{"\"a\" ,c", "1:a|c;1"},
		{"a\n\"never closed,b\n", "1:a;2"},
		{"\"", "2"},
		{"a,b,\"\"\"\"", "1:a|b|\";1"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(arena) struct arena a = {0};
		CHECK_STR(read_all(slice_z(cases[i].in), &a), slice_z(cases[i].want));
	}
}

TEST(csv_has_limits)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf many = BUF(10 * CSV_CELL_MAX);
	buf_fill(&many, ',', CSV_COLUMNS_MAX - 1);
	CHECK(slice_ends(read_all(buf_slice(&many), &a), S(";1")));
	buf_byte(&many, ',');
	CHECK_STR(read_all(buf_slice(&many), &a), S("3"));
	buf_reset(&many);
	buf_fill(&many, 'x', CSV_CELL_MAX + 1);
	CHECK_STR(read_all(buf_slice(&many), &a), S("4"));
}

TEST(csv_charsets)
{
	static const struct {
		const char *in;
		size_t n;
		const char *want; /* NULL: refused */
	} cases[] = {
		{"a,b", 3, "a,b"},
		{"\xef\xbb\xbf"
		 "\xe5\xa7\x93",
			6, "姓"},
		{"\xd0\xd5\xc3\xfb", 4, "姓名"},
		{"\xff\xfe\xd3\x59", 4, "姓"},
		{"\xfe\xff\x59\xd3", 4, "姓"},
		{"\xff\xff\xff", 3, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf) struct buf out = BUF(100);
		bool ok = csv_text(slice_of(cases[i].in, cases[i].n), &out);
		CHECK(ok == (cases[i].want != NULL));
		if (ok)
			CHECK_STR(buf_slice(&out), slice_z(cases[i].want));
	}
	AUTO(buf) struct buf tiny = BUF(2);
	CHECK(!csv_text(S("abc"), &tiny));
}

TEST(csv_written_is_read)
{
	AUTO(arena) struct arena a = {0};
	static const char *const cells[] = {"a", "", "b,c", "\"q\"", " edge ", "l\nm"};
	AUTO(buf) struct buf out = BUF(1000);
	for (size_t i = 0; i < 6; i++)
		csv_put(&out, slice_z(cells[i]), i == 0);
	csv_end_row(&out);
	CHECK_STR(read_all(buf_slice(&out), &a), S("1:a||b,c|\"q\"| edge |l\nm;1"));
}
