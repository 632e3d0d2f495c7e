#include "base/mem.h"
#include "base/test.h"
#include "codec/fold.h"

TEST(texts_that_differ_only_in_spelling_fold_to_the_same)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{"Hello  World\r\n\tagain", "hello world again"},
		{"STRASSE", "strasse"},
		{"Stra\xc3\x9f"
		 "e",
			"strasse"},
		{"\xc3\x84rger", "\xc3\xa4rger"},
		{"A\xcc\x88rger", "\xc3\xa4rger"}, /* composed */
		{"\xef\xbc\xa1\xef\xbc\xa2\xef\xbc\xa3\xe3\x80\x80\xef\xbc\x91",
			"abc 1"}, /* full width */
		{"\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad\xe6\x96\x87"},
		{"\xd0\x9f\xd0\xa0\xd0\x98", "\xd0\xbf\xd1\x80\xd0\xb8"},
		{"a\xff"
		 "b",
			"a\xef\xbf\xbd"
			"b"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO(buf) struct buf out = BUF(1000);
		text_fold(slice_z(rows[i].in), &out);
		CHECK_STR(buf_slice(&out), slice_z(rows[i].want));
	}
}

TEST(long_texts_are_folded_whole)
{
	AUTO(buf) struct buf in = BUF(100000), out = BUF(100000);
	for (unsigned i = 0; i < 5000; i++)
		buf_put(&in, S("\xc3\x84"));
	text_fold(buf_slice(&in), &out);
	CHECK_INT(out.n, 10000);
	for (size_t i = 0; i < out.n; i += 2)
		CHECK(out.p[i] == '\xc3' && out.p[i + 1] == '\xa4');
}
