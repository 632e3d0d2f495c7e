#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"
#include "codec/tags.h"

/* "name=value|name=value", or "bad". */
static slice show(slice text, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(1 << 20);
	struct tags t;
	if (!tags_parse(text, &t))
		return S("bad");
	for (unsigned i = 0; i < t.n; i++)
		buf_printf(
			&out, "%s%.*s=%.*s", i ? "|" : "", SFMT(t.v[i].name), SFMT(t.v[i].value));
	return arena_dup(a, buf_slice(&out));
}

TEST(tags_lists)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"", ""},
		{" \r\n ", ""},
		{"a=1", "a=1"},
		{"a=1;", "a=1"},
		{"a=1; ", "a=1"},
		{"a=1;\r\n\t", "a=1"},
		{" a = 1 ;\r\n b=2", "a=1|b=2"},
		{"a=;b=2", "a=|b=2"},
		{"a=1=2", "a=1=2"},
		{"a=x y\r\n z", "a=x y\r\n z"},
		{"a_1=x; B2=y", "a_1=x|B2=y"},
		{"a=1;A=2", "a=1|A=2"},
		{"a=\xc3\xa9", "a=\xc3\xa9"},
		{"a=1;a=2", "bad"},
		{"a=1;;b=2", "bad"},
		{";a=1", "bad"},
		{";", "bad"},
		{"a", "bad"},
		{"a=1; b", "bad"},
		{"=1", "bad"},
		{"1a=1", "bad"},
		{"a b=1", "bad"},
		{"\xc3\xa9=1", "bad"},
		{"a=\x01", "bad"},
		{"a=\x7f", "bad"},
	};
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK_STR(show(slice_z(cases[i].in), &a), slice_z(cases[i].want));
	CHECK_STR(show(slice_of("a=\0b", 4), &a), S("bad"));
}

TEST(tags_limits)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(1 << 20);
	for (int i = 0; i < TAGS_MAX; i++)
		buf_printf(&text, "t%d=x;", i);
	CHECK(!slice_eq(show(buf_slice(&text), &a), S("bad")));
	buf_put(&text, S("one=more"));
	CHECK_STR(show(buf_slice(&text), &a), S("bad"));
	buf_reset(&text);
	buf_put(&text, S("a="));
	buf_fill(&text, 'x', TAGS_TEXT_MAX - 2);
	CHECK(!slice_eq(show(buf_slice(&text), &a), S("bad")));
	buf_byte(&text, 'x');
	CHECK_STR(show(buf_slice(&text), &a), S("bad"));
}

TEST(tags_next_goes_on_behind_what_is_bad)
{
	slice in = S("a=1; ;b; c=3;");
	struct tag t;
	CHECK_INT(tags_next(&in, &t), TAG_FOUND);
	CHECK_INT(tags_next(&in, &t), TAG_BAD);
	CHECK_INT(tags_next(&in, &t), TAG_BAD);
	CHECK_INT(tags_next(&in, &t), TAG_FOUND);
	CHECK_STR(t.value, S("3"));
	CHECK_INT(tags_next(&in, &t), TAG_END);
	CHECK_INT(tags_next(&in, &t), TAG_END);
}

TEST(tags_span_is_all_between_the_signs)
{
	struct tags t;
	CHECK(tags_parse(S("a=1; b = \r\n x\r\n\ty ;c=3"), &t));
	CHECK_STR(tags_get(&t, S("b"))->span, S(" \r\n x\r\n\ty "));
	CHECK(tags_get(&t, S("d")) == NULL);
}

TEST(tags_base64_forms)
{
	static const struct {
		const char *in, *want; /* NULL: refused */
	} cases[] = {
		{"", ""},
		{"Zm9vYmFy", "foobar"},
		{"Zm9v\r\n YmFy", "foobar"},
		{" Z m 9 v ", "foo"},
		{"Zm8=", "fo"},
		{"Zm8", "fo"},
		{"Zg==", "f"},
		{"Zg", "f"},
		{"Zh==", "f"}, /* unused bits set: seen in the field */
		{"Z", NULL},
		{"Zm9vY", NULL},
		{"Zg===", NULL},
		{"Zg==Zg==", NULL},
		{"Zm9v!", NULL},
		{"Zm-_", NULL},
	};
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		slice got;
		bool ok = tags_base64(slice_z(cases[i].in), &a, &got);
		if (ok != (cases[i].want != NULL))
			test_fail(__FILE__, __LINE__, "\"%s\"", cases[i].in);
		if (ok)
			CHECK_STR(got, slice_z(cases[i].want));
	}
}

TEST(tags_items)
{
	slice list = S(" From :To:: x\r\n "), item;
	static const char *const want[] = {"From", "To", "", "x"};
	for (size_t i = 0; i < 4; i++) {
		CHECK(tags_item(&list, ':', &item));
		CHECK_STR(item, slice_z(want[i]));
	}
	CHECK(!tags_item(&list, ':', &item));
}
