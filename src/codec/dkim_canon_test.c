#include "base/mem.h"
#include "base/test.h"
#include "codec/dkim_canon.h"

TEST(dkim_canon_fields)
{
	static const struct {
		const char *raw, *simple, *relaxed;
	} cases[] = {
		/* RFC 6376 3.4.5 */
		{"A: X\r\n", "A: X\r\n", "a:X\r\n"},
		{"B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"},
		{"A:\r\n", "A:\r\n", "a:\r\n"},
		{"A: \t \r\n", "A: \t \r\n", "a:\r\n"},
		{"A:x", "A:x\r\n", "a:x\r\n"},
		{"A:x\n", "A:x\r\n", "a:x\r\n"},
		{"A:\r\n  x\r\n \r\n", "A:\r\n  x\r\n \r\n", "a:x\r\n"},
		{"SubJect:  a  :  b:c\r\n", "SubJect:  a  :  b:c\r\n", "subject:a : b:c\r\n"},
		{"A: x\ry\r\n", "A: x\ry\r\n", "a:x\ry\r\n"},
		{"A: x\r\n\ty\n\tz\r\n", "A: x\r\n\ty\n\tz\r\n", "a:x y z\r\n"},
		{"A: \xc3\xa9\r\n", "A: \xc3\xa9\r\n", "a:\xc3\xa9\r\n"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf) struct buf out = BUF(1000);
		dkim_canon_field(&out, CANON_SIMPLE, slice_z(cases[i].raw));
		CHECK_STR(buf_slice(&out), slice_z(cases[i].simple));
		buf_reset(&out);
		dkim_canon_field(&out, CANON_RELAXED, slice_z(cases[i].raw));
		CHECK_STR(buf_slice(&out), slice_z(cases[i].relaxed));
	}
}

TEST(dkim_canon_signature_without_its_value)
{
	static const struct {
		const char *raw, *b, *simple, *relaxed;
	} cases[] = {
		{"S: a=1; b= abc \r\n; c=2\r\n", " abc \r\n", "S: a=1; b=; c=2", "s:a=1; b=; c=2"},
		{"S: a=1; b=abc\r\n", "abc", "S: a=1; b=", "s:a=1; b="},
		{"S: a=1;\r\n\tb=abc\r\n\tdef\r\n", "abc\r\n\tdef", "S: a=1;\r\n\tb=", "s:a=1; b="},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf) struct buf out = BUF(1000);
		slice raw = slice_z(cases[i].raw), b = slice_z(cases[i].b);
		slice span = slice_of(raw.p + slice_find(raw, b), b.n);
		dkim_canon_signature(&out, CANON_SIMPLE, raw, span);
		CHECK_STR(buf_slice(&out), slice_z(cases[i].simple));
		buf_reset(&out);
		dkim_canon_signature(&out, CANON_RELAXED, raw, span);
		CHECK_STR(buf_slice(&out), slice_z(cases[i].relaxed));
	}
}

/* The value is everything to the line's end: its white space goes with it. */
TEST(dkim_canon_signature_whose_value_is_last)
{
	AUTO(buf) struct buf out = BUF(1000);
	slice raw = S("S: a=1; b=abc \r\n");
	dkim_canon_signature(&out, CANON_RELAXED, raw, slice_of(raw.p + 10, 4));
	CHECK_STR(buf_slice(&out), S("s:a=1; b="));
}

#define BLOCK                                                                                      \
	"Received: top\r\nX: 1\r\nreceived: middle\r\nno colon here\r\nX : 2\r\nReceived: low\r\n" \
	"\r\nX: body\r\n"

static void select_names(slice before, const char *names, const char *want)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(10000);
	struct dkim_header *h = dkim_header_new(before, S(BLOCK), &a);
	slice list = slice_z(names), v[20];
	size_t n = 0;
	while (slice_cut(&list, ':', &v[n]))
		n++;
	/* Twice: a selection does not disturb the next. */
	dkim_header_select(h, v, n, CANON_RELAXED, NULL, &out);
	buf_reset(&out);
	dkim_header_select(h, v, n, CANON_RELAXED, NULL, &out);
	CHECK_STR(buf_slice(&out), slice_z(want));
}

TEST(dkim_header_selects_from_the_bottom)
{
	slice none = {0};
	select_names(none, "Received", "received:low\r\n");
	select_names(none, "RECEIVED:x:Received", "received:low\r\nx:2\r\nreceived:middle\r\n");
	select_names(none, "X:X:X", "x:2\r\nx:1\r\n");
	select_names(none, "Missing:X", "x:2\r\n");
	select_names(none, "no colon here", "");
	select_names(S("X: above\r\n"), "X:X:X:X", "x:2\r\nx:1\r\nx:above\r\n");
}

TEST(dkim_header_never_selects_the_signature_itself)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(1000);
	struct dkim_header *h = dkim_header_new((slice){0}, S(BLOCK), &a);
	slice names[] = {S("Received"), S("Received"), S("Received")};
	const struct header_field *self = dkim_header_field(h, 2);
	CHECK_STR(slice_trim(self->value), S("middle"));
	dkim_header_select(h, names, 3, CANON_RELAXED, self, &out);
	CHECK_STR(buf_slice(&out), S("received:low\r\nreceived:top\r\n"));
	CHECK_INT(dkim_header_fields(h), 6);
	CHECK_INT(dkim_header_count(h, S("X")), 2);
	CHECK(dkim_header_field(h, 6) == NULL);
}

TEST(dkim_header_limit)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf block = BUF(1 << 20);
	for (int i = 0; i < DKIM_HEADER_FIELDS_MAX; i++)
		buf_printf(&block, "F%d: x\r\n", i % 7000);
	struct dkim_header *h = dkim_header_new((slice){0}, buf_slice(&block), &a);
	CHECK(h && dkim_header_count(h, S("f0")) == 3 && dkim_header_count(h, S("f6999")) == 2);
	CHECK(dkim_header_new(S("A: b\r\n"), buf_slice(&block), &a) == NULL);
}
