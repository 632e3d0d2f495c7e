/* What a text is folded to and cut into; pieces are cut as the whole is. */
#include "codec/tokens.h"

#include "base/mem.h"
#include "base/test.h"
#include "base/utf8.h"

static void fold(const char *in, struct buf *out)
{
	buf_reset(out);
	search_fold(slice_z(in), out);
}

TEST(texts_fold_for_searching)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{"Hello  World\r\n\tagain", "hello world again"},
		{"Straße Ärger Ärger", "strasse arger arger"},
		{"ＡＢＣ　１", "abc 1"},
		{"café Øre Æsir Łódź", "cafe ore aesir lodz"},
		{"ῷ άλφα", "ωι αλφα"},
		{"Ёлка", "елка"},
		/* traditional */
		{"繁體中文", "繁体中文"},
		/* a broken line; beside letters */
		{"全文\r\n 检索 Linux 系", "全文检索linux系"},
		/* Hangul keeps its blanks, and is composed */
		{"한국 어", "한국 어"},
		{"한", "한"},
		/* kana with a mark of its own, and of half width */
		{"が", "が"},
		{"ｶﾞ", "ガ"},
		{"か゛x\xe3\x82\x99", "かx"},
		{"“it’s” — ok…", "\"it's\" - ok..."},
		{"===== ---- ..", "=== --- .."},
		{"aaaaa 11111", "aaaaa 11111"},
		{"a\xff"
		 "b",
			"a�"
			"b"},
		{"😀 ok 𠀀", "😀 ok𠀀"},
		{"zero​width so­ft", "zerowidth soft"},
	};
	AUTO(buf) struct buf out = BUF(1000);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fold(rows[i].in, &out);
		CHECK_STR(buf_slice(&out), slice_z(rows[i].want));
		/* and again: nothing more happens */
		AUTO(buf) struct buf again = BUF(1000);
		search_fold(buf_slice(&out), &again);
		CHECK_STR(buf_slice(&again), slice_z(rows[i].want));
	}
}

TEST(texts_fold_in_pieces_as_whole)
{
	static const char text[] = "中 \r\n文 ===== a  b的 - x";
	AUTO(buf) struct buf whole = BUF(1000);
	fold(text, &whole);
	for (size_t i = 0; i < sizeof text - 1; i++) {
		if ((unsigned char)text[i] >= 0x80)
			continue;
		AUTO(buf) struct buf parts = BUF(1000);
		search_fold(slice_of(text, i), &parts);
		search_fold(slice_of(text + i, sizeof text - 1 - i), &parts);
		CHECK_STR(buf_slice(&parts), buf_slice(&whole));
	}
}

/* "word@position kind ..." */
static void cut(slice folded, struct buf *out)
{
	struct tokens t = {.rest = folded};
	struct token w;
	buf_reset(out);
	while (token_next(&t, &w))
		buf_printf(
			out, "%s%.*s@%u%c", out->n ? " " : "", SFMT(w.text), w.at, "w.scj"[w.kind]);
}

TEST(texts_are_cut_into_tokens)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{"hello, world", "hello@0w ,@1. world@2w"},
		{"hello,world", "hello@0w ,@1.  @2j world@3w"},
		{"<ann@example.com>", "<@0. ann@1w @@2. example@3w .@4. com@5w  @6j >@7."},
		{"中文x1 y", "中@0s 文@1s x1@2w y@3w"},
		{" a \x01 b", "a@0w b@8w"},
		{"http://x", "http@0w ://@1. x@2w"},
		/* Thai: letters with their marks */
		{"กิน", "กิ@0c น@1c"},
		{"", ""},
		{"  ", ""},
	};
	AUTO(buf) struct buf out = BUF(1000);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cut(slice_z(rows[i].in), &out);
		CHECK_STR(buf_slice(&out), slice_z(rows[i].want));
	}
}

/* Any short piece of a long run is within one of its tokens. */
TEST(tokens_of_long_runs_overlap)
{
	AUTO(buf) struct buf in = BUF(10000);
	struct token w;
	buf_fill(&in, 'a', TOKEN_MAX);
	struct tokens t = {.rest = buf_slice(&in)};
	CHECK(token_next(&t, &w) && w.text.n == TOKEN_MAX && !w.more && !token_next(&t, &w));
	for (unsigned i = 0; i < 1000; i++)
		buf_put(&in, i % 3 ? S("\xc3\xb1") : S("b"));
	t = (struct tokens){.rest = buf_slice(&in)};
	const char *before = NULL;
	uint32_t at = 0;
	while (token_next(&t, &w)) {
		CHECK(w.text.n <= TOKEN_MAX && (!before || before - w.text.p >= TOKEN_OVERLAP));
		CHECK_INT(w.at, at++);
		CHECK(((unsigned char)*w.text.p & 0xc0) != 0x80);
		before = w.text.p + w.text.n;
		CHECK(w.more == (before != in.p + in.n));
	}
	CHECK(before == in.p + in.n && at > 8);
}
