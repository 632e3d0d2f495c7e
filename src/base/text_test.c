/* Base64, hex, base32 and UTF-8: the RFCs' vectors and the borders between right and wrong. */
#include "base/b64.h"
#include "base/base32.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"
#include "base/utf8.h"

TEST(b64_rfc4648_vectors)
{
	static const struct {
		slice plain, coded;
	} cases[] = {
		{S_INIT(""), S_INIT("")},
		{S_INIT("f"), S_INIT("Zg==")},
		{S_INIT("fo"), S_INIT("Zm8=")},
		{S_INIT("foo"), S_INIT("Zm9v")},
		{S_INIT("foob"), S_INIT("Zm9vYg==")},
		{S_INIT("fooba"), S_INIT("Zm9vYmE=")},
		{S_INIT("foobar"), S_INIT("Zm9vYmFy")},
		{S_INIT("\xff\xfe\x00\xfb"), S_INIT("//4A+w==")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf) struct buf coded = BUF(100);
		AUTO(buf) struct buf plain = BUF(100);
		b64_encode(&coded, cases[i].plain);
		CHECK_STR(buf_slice(&coded), cases[i].coded);
		CHECK(b64_decode(&plain, cases[i].coded));
		CHECK_STR(buf_slice(&plain), cases[i].plain);
		buf_reset(&plain);
		CHECK(b64_decode_tolerant(&plain, cases[i].coded));
		CHECK_STR(buf_slice(&plain), cases[i].plain);
	}
}

TEST(b64_strict_refuses)
{
	static const slice bad[] = {S_INIT("Zg="), S_INIT("Zg"), S_INIT("Zh=="), S_INIT("Zm9="),
		S_INIT("===="), S_INIT("Z==="), S_INIT("Zm9v\n"), S_INIT("Zm 9v"),
		S_INIT("Zg==Zg=="), S_INIT("=Zm9"), S_INIT("Zm\0v")};
	AUTO(buf) struct buf out = BUF(100);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(!b64_decode(&out, bad[i]) && out.n == 0);
}

TEST(b64_tolerant_reads_on)
{
	static const struct {
		slice in, out;
		bool clean;
	} cases[] = {
		{S_INIT("Zm9v\r\nYmFy\r\n"), S_INIT("foobar"), true},
		{S_INIT("Zg==Zg=="), S_INIT("ff"), false},
		{S_INIT("Zm!9v"), S_INIT("foo"), false},
		{S_INIT("Zm9vY"), S_INIT("foo"), false},
		{S_INIT("Zm9vYm"), S_INIT("foob"), false},
		{S_INIT("Zm8"), S_INIT("fo"), false},
		{S_INIT("Zm8=="), S_INIT("fo"), false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf) struct buf out = BUF(100);
		CHECK_INT(b64_decode_tolerant(&out, cases[i].in), cases[i].clean);
		CHECK_STR(buf_slice(&out), cases[i].out);
	}
}

TEST(b64_lines)
{
	char in[58];
	memset(in, 'A', sizeof in);
	AUTO(buf) struct buf out = BUF(1000);
	b64_encode_lines(&out, slice_of(in, sizeof in));
	CHECK_INT(out.n, 76 + 2 + 4 + 2);
	CHECK(slice_eq(slice_skip(buf_slice(&out), 76), S("\r\nQQ==\r\n")));
	buf_reset(&out);
	b64_encode_lines(&out, S(""));
	CHECK_INT(out.n, 0);
}

TEST(base32hex_rfc4648_vectors)
{
	static const struct {
		slice plain, coded;
	} cases[] = {
		{S_INIT(""), S_INIT("")},
		{S_INIT("f"), S_INIT("CO")},
		{S_INIT("fo"), S_INIT("CPNG")},
		{S_INIT("foo"), S_INIT("CPNMU")},
		{S_INIT("foob"), S_INIT("CPNMUOG")},
		{S_INIT("fooba"), S_INIT("CPNMUOJ1")},
		{S_INIT("foobar"), S_INIT("CPNMUOJ1E8")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf) struct buf coded = BUF(100);
		AUTO(buf) struct buf plain = BUF(100);
		base32hex_encode(&coded, cases[i].plain);
		CHECK_STR(buf_slice(&coded), cases[i].coded);
		CHECK(base32hex_decode(&plain, cases[i].coded));
		CHECK_STR(buf_slice(&plain), cases[i].plain);
	}
	AUTO(buf) struct buf out = BUF(100);
	CHECK(base32hex_decode(&out, S("cpnmuoj1e8")));
	static const slice bad[] = {S_INIT("C"), S_INIT("CP"), S_INIT("CPN"), S_INIT("CW"),
		S_INIT("CPNMUO"), S_INIT("CO==")};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(!base32hex_decode(&out, bad[i]));
}

TEST(base32hex_numbers_sort_and_return)
{
	char last[BASE32HEX_U64] = "", text[BASE32HEX_U64];
	for (int i = 0; i < 64; i++) {
		uint64_t v = 1ull << i | (i ? rand_below(1ull << i) : 0), back;
		base32hex_put_u64(v, text);
		CHECK(base32hex_u64(slice_of(text, sizeof text), &back) && back == v);
		CHECK(memcmp(last, text, sizeof text) < 0);
		memcpy(last, text, sizeof text);
	}
	uint64_t v;
	CHECK(base32hex_u64(S("FVVVVVVVVVVVV"), &v) && v == UINT64_MAX);
	CHECK(!base32hex_u64(S("G000000000000"), &v) && !base32hex_u64(S("000000000000"), &v));
	CHECK(!base32hex_u64(S("000000000000W"), &v));
}

TEST(hex_both_ways)
{
	AUTO(buf) struct buf out = BUF(8);
	hex_encode(&out, S("\x00\xffZ"));
	CHECK_STR(buf_slice(&out), S("00ff5a"));
	buf_reset(&out);
	CHECK(hex_decode(&out, S("00fF5A")));
	CHECK_STR(buf_slice(&out), S("\x00\xffZ"));
	CHECK(!hex_decode(&out, S("0")) && !hex_decode(&out, S("0g")) && hex_decode(&out, S("")));
	CHECK_INT(out.n, 3);
	uint64_t v;
	CHECK(hex_u64(S("ffffffffFFFFFFFF"), &v) && v == UINT64_MAX);
	CHECK(!hex_u64(S("10000000000000000"), &v) && !hex_u64(S(""), &v) &&
		!hex_u64(S("0x1"), &v));
}

TEST(utf8_borders) /* RFC 3629 section 4; the classes of Markus Kuhn's stress test */
{
	static const struct {
		slice s;
		bool valid;
	} cases[] = {
		{S_INIT("plain"), true},
		{S_INIT("\xc2\x80"), true},
		{S_INIT("\xdf\xbf"), true},
		{S_INIT("\xe0\xa0\x80"), true},
		{S_INIT("\xed\x9f\xbf"), true},
		{S_INIT("\xee\x80\x80"), true},
		{S_INIT("\xf0\x90\x80\x80"), true},
		{S_INIT("\xf4\x8f\xbf\xbf"), true},
		{S_INIT("12345678\xe4\xb8\xad"), true},
		{S_INIT("\x80"), false},
		{S_INIT("\xc0\x80"), false},
		{S_INIT("\xc1\xbf"), false},
		{S_INIT("\xc2"), false},
		{S_INIT("\xe0\x9f\xbf"), false},
		{S_INIT("\xed\xa0\x80"), false},
		{S_INIT("\xf0\x8f\xbf\xbf"), false},
		{S_INIT("\xf4\x90\x80\x80"), false},
		{S_INIT("\xf5\x80\x80\x80"), false},
		{S_INIT("\xfe"), false},
		{S_INIT("12345678\xe4\xb8"), false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		CHECK_INT(utf8_valid(cases[i].s), cases[i].valid);
		AUTO(buf) struct buf out = BUF(100);
		utf8_scrub(&out, cases[i].s);
		CHECK(utf8_valid(buf_slice(&out)));
		CHECK_INT(slice_eq(buf_slice(&out), cases[i].s), cases[i].valid);
	}
}

TEST(utf8_every_code_point_returns)
{
	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		char bytes[UTF8_MAX];
		slice s = slice_of(bytes, utf8_write(bytes, cp));
		uint32_t back, want = cp >= 0xd800 && cp <= 0xdfff ? UTF8_REPLACEMENT : cp;
		CHECK(utf8_valid(s) && utf8_next(&s, &back) && back == want && s.n == 0);
	}
}

TEST(utf8_maximal_subparts) /* Unicode 15 table 3-8 */
{
	AUTO(buf) struct buf out = BUF(100);
	utf8_scrub(&out, S("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"));
	CHECK_STR(buf_slice(&out), S("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\x41"));
}

TEST(utf8_cuts_between_characters)
{
	slice s = S("a\xe4\xb8\xad\xf0\x9f\x98\x80z");
	static const size_t want[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 9, 9};
	for (size_t n = 0; n < sizeof want / sizeof want[0]; n++)
		CHECK_INT(utf8_first(s, n).n, want[n]);
	CHECK_INT(
		utf8_first(S("\x80\x80\x80\x80\x80\x80"), 4).n, 4); /* no character to keep whole */
}

TEST(utf8_columns)
{
	CHECK_INT(utf8_width(S("abc")), 3);
	CHECK_INT(utf8_width(S("驿站")), 4);
	CHECK_INT(utf8_width(S("e\xcc\x81")), 1);
	CHECK_INT(utf8_width(S("ｱＡ")), 3);
	CHECK_INT(utf8_width(S("😀한")), 4);
	CHECK_INT(utf8_width(S("\x1b\x00")), 0);
	CHECK_STR(utf8_first_columns(S("驿站ab"), 3), S("驿"));
	CHECK_STR(utf8_first_columns(S("e\xcc\x81x"), 1), S("e\xcc\x81"));
}
