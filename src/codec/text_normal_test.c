/* One spelling for texts, and what had to be undone for it. */
#include "codec/text_normal.h"

#include "base/mem.h"
#include "base/test.h"

static const struct {
	const char *in, *out;
	struct text_undone undone; /* characters: not compared */
} cases[] = {
	{"Hello  World \r\n\r\n x", "hello world\n\nx", {0}},
	{"ＦＲＥＥ　１００％，点击", "free 100%,点击", {.wide = 7}},
	{"𝐅𝐫𝐞𝐞 ⓜⓞⓝⓔⓨ 🅵🆁", "free money fr", {.styled = 11}},
	{"fr\u200bee 发\u200b票 x\u200b ", "free 发票 x ",
		{.zero_width = 3, .zero_width_inside = 2}},
	{"ab\u202edc\u202c", "abdc", {.bidi = 2}},
	{"發票憑證 體驗", "发票凭证 体验", {.traditional = 5}},
	/* Cyrillic letters in Latin words; Russian and Greek words stay. */
	{"рaypаl bаnk", "paypal bank", {.homoglyphs = 3}},
	{"Почта России", "почта россии", {0}},
	{"Ελλάδα", "ελλάδα", {0}},
	{"Straße café", "strasse café", {0}},
	/* Digits. */
	{"v1agra pa$$word fr3e", "viagra password free", {.digits = 4}},
	{"mp3 h264 1st 2nd 3d 10am b2b win32 a1b2c3 2024",
		"mp3 h264 1st 2nd 3d 10am b2b win32 a1b2c3 2024", {0}},
	{"mail@example.com $5 5$ wow!", "mail@example.com $5 5$ wow!", {0}},
	{"Buy 5ex", "buy sex", {.digits = 1}},
	/* Separators. */
	{"f-r-e-e now", "free now", {.separators = 3}},
	{"V.I.A.G.R.A", "viagra", {.separators = 5}},
	{"f r e e", "free", {.separators = 3}},
	{"a b c, I am a", "a b c, i am a", {0}},
	{"well-known e-mail x-y", "well-known e-mail x-y", {0}},
	{"代开发*票", "代开发票", {.separators_cjk = 1}},
	{"代开发-票 微_信", "代开发票 微信", {.separators_cjk = 2}},
	{"北京-上海 约翰·史密斯", "北京-上海 约翰·史密斯", {0}},
	{"加 微 信 领取", "加微信 领取", {.separators_cjk = 2}},
	{"我 和 你们", "我 和 你们", {0}},
	{"a\u0301\u0302\u0303\u0304\u0305b", "á\u0302\u0303b", {.marks = 2}},
	{"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd", {0}},
	{"", "", {0}},
};

TEST(text_normalise)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf) struct buf out = BUF(1000);
		struct text_undone got, want = cases[i].undone;
		text_normalise(slice_z(cases[i].in), &out, &got);
		want.characters = got.characters;
		if (!slice_eq(buf_slice(&out), slice_z(cases[i].out)))
			test_fail(__FILE__, __LINE__, "%s: \"%.*s\"", cases[i].in,
				SFMT(buf_slice(&out)));
		if (memcmp(&got, &want, sizeof got) != 0)
			test_fail(__FILE__, __LINE__,
				"%s: zero %zu/%zu wide %zu styled %zu marks %zu homoglyphs %zu "
				"digits %zu "
				"separators %zu/%zu traditional %zu bidi %zu",
				cases[i].in, got.zero_width, got.zero_width_inside, got.wide,
				got.styled, got.marks, got.homoglyphs, got.digits, got.separators,
				got.separators_cjk, got.traditional, got.bidi);
	}
}

/* Once normal, a text stays as it is: rules may be written in any spelling. */
TEST(text_normal_is_stable)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf) struct buf once = BUF(1000);
		AUTO(buf) struct buf twice = BUF(1000);
		struct text_undone u;
		text_normalise(slice_z(cases[i].in), &once, &u);
		text_normalise(buf_slice(&once), &twice, &u);
		CHECK_STR(buf_slice(&twice), buf_slice(&once));
		CHECK_INT(u.wide + u.styled + u.homoglyphs + u.zero_width + u.traditional, 0);
	}
}

/* Characters that grow fill no buffer, and none is left as it was. */
TEST(text_normal_grows)
{
	AUTO(buf) struct buf in = BUF(100000);
	AUTO(buf) struct buf out = BUF(1000000);
	struct text_undone u;
	for (int i = 0; i < 10000; i++)
		buf_put(&in, S("\xef\xb7\xba")); /* U+FDFA: 18 characters */
	text_normalise(buf_slice(&in), &out, &u);
	CHECK_INT(slice_find(buf_slice(&out), S("\xef\xb7\xba")), out.n);
	CHECK(out.n > 10 * in.n);
}
