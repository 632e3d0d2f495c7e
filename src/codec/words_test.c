/* Encoded words, charsets, quoted-printable. */
#include "base/mem.h"
#include "base/test.h"
#include "base/utf8.h"
#include "codec/charset.h"
#include "codec/qp.h"
#include "codec/words.h"
#include <sys/resource.h>

TEST(words_decoding)
{
	static const struct {
		slice in, out;
	} cases[] = {
		/* RFC 2047 section 8 */
		{S_INIT("=?ISO-8859-1?Q?a?="), S_INIT("a")},
		{S_INIT("=?ISO-8859-1?Q?a?= b"), S_INIT("a b")},
		{S_INIT("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?="), S_INIT("ab")},
		{S_INIT("=?ISO-8859-1?Q?a?=  \r\n   =?ISO-8859-1?Q?b?="), S_INIT("ab")},
		{S_INIT("=?ISO-8859-1?Q?a_b?="), S_INIT("a b")},
		{S_INIT("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?="), S_INIT("a b")},
		{S_INIT("=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>"),
			S_INIT("Keith Moore <moore@cs.utk.edu>")},
		{S_INIT("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?="), S_INIT("Keld Jørn Simonsen")},
		{S_INIT("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n "
			"=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?="),
			S_INIT("If you can read this you understand the example.")},
		/* RFC 2231 section 5 */
		{S_INIT("=?US-ASCII*EN?Q?Keith_Moore?="), S_INIT("Keith Moore")},
		{S_INIT("=?gb2312?B?xOO6w8rAvec=?="), S_INIT("你好世界")},
		{S_INIT("=?GBK?Q?=C4=E3=BA=C3?="), S_INIT("你好")},
		{S_INIT("=?big5?B?p0GmbqVArMk=?="), S_INIT("你好世界")},
		{S_INIT("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?="), S_INIT("日本")},
		/* a character split over two words */
		{S_INIT("=?utf-8?B?5L0=?= =?UTF-8?B?oOWlvQ==?="), S_INIT("你好")},
		{S_INIT("=?utf-8?Q?=E4=BD?=\r\n\t=?utf-8?Q?=A0?="), S_INIT("你")},
		/* as sent */
		{S_INIT("Re: =?utf-8?Q?a b?=c"), S_INIT("Re: a bc")},
		{S_INIT("=?utf-8?B?5L2g5aW9?==?utf-8?B?5L2g5aW9?="), S_INIT("你好你好")},
		{S_INIT("=?utf-8?B?5L2g5aW9"), S_INIT("=?utf-8?B?5L2g5aW9")},
		{S_INIT("=?x-nonsense?B?5L2g?= =?utf-8?Q?a?="), S_INIT("=?x-nonsense?B?5L2g?= a")},
		{S_INIT("=?utf-8//IGNORE?Q?a?="), S_INIT("=?utf-8//IGNORE?Q?a?=")},
		{S_INIT("=?utf-8?X?a?="), S_INIT("=?utf-8?X?a?=")},
		{S_INIT("=?utf-8?Q?\?="), S_INIT("")},
		{S_INIT("=?utf-8?Q?=4?= x"), S_INIT("=4 x")},
		{S_INIT("plain\r\n folded"), S_INIT("plain folded")},
		{S_INIT("a =?utf-8?Q?b=0D=0AX:_c=00?="), S_INIT("a b  X: c ")},
		/* raw 8-bit */
		{S_INIT("你好"), S_INIT("你好")},
		{S_INIT("\xc4\xe3\xba\xc3 abc"), S_INIT("你好 abc")},
		{S_INIT("Caf\xe9 M\xfcller"), S_INIT("Café Müller")},
		{S_INIT("\x93quoted\x94"), S_INIT("“quoted”")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf) struct buf out = BUF(1000);
		words_decode(&out, cases[i].in);
		CHECK_STR(buf_slice(&out), cases[i].out);
	}
}

TEST(words_of_a_flood_stay_cheap)
{
	AUTO(buf) struct buf in = BUF(200000), out = BUF(1000000);
	while (in.n < 100000)
		buf_put(&in, S("=?gbk?q?a?= =?big5?q?b?= "));
	words_decode(&out, buf_slice(&in));
	CHECK(buf_ok(&out) && slice_starts(buf_slice(&out), S("abab")));
	CHECK(slice_ends(
		buf_slice(&out), S("=?big5?q?b?= "))); /* beyond WORD_RUNS_MAX: as written */
}

static void check_lines(slice s, size_t column)
{
	for (slice line; slice_cut(&s, '\n', &line); column = 0)
		CHECK(column + line.n - slice_ends(line, S("\r")) <= WORDS_LINE);
}

TEST(words_encoding_returns)
{
	static const char *const texts[] = {"", "plain", "你好", "你好, hello 世界",
		"a very long subject that has to be folded because it does not fit on a single "
		"line of a header at all",
		"很长的主题很长的主题很长的主题很长的主题很长的主题很长的主题很长的主题很长的主题很"
		"长的主题很长的主题",
		"looks =?utf-8?Q?encoded?=", "two  blanks", " outer ", "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀"};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		for (size_t column = 0; column < 80; column += 9) {
			AUTO(buf) struct buf out = BUF(2000), back = BUF(2000);
			words_encode(&out, slice_z(texts[i]), column);
			CHECK(utf8_is_ascii(buf_slice(&out)));
			words_decode(&back, buf_slice(&out));
			CHECK_STR(slice_trim(buf_slice(&back)), slice_trim(slice_z(texts[i])));
			if (column < 60)
				check_lines(buf_slice(&out), column);
		}
	}
	AUTO(buf) struct buf out = BUF(2000);
	words_encode(&out, S("a\r\nBcc: x@y.z"), 9);
	CHECK_STR(buf_slice(&out), S("aBcc: x@y.z"));
}

TEST(words_phrases)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"Mail System", "Mail System"},
		{"Smith, John", "\"Smith, John\""},
		{"a \"b\" \\", "\"a \\\"b\\\" \\\\\""},
		{"张三", "=?utf-8?B?5byg5LiJ?="},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf) struct buf out = BUF(1000);
		words_encode_phrase(&out, slice_z(cases[i].in), 6);
		CHECK_STR(buf_slice(&out), slice_z(cases[i].out));
	}
}

TEST(charsets)
{
	static const struct {
		const char *charset;
		slice in, out;
		bool known, fits;
	} cases[] = {
		{"utf-8", S_INIT("a\xff"), S_INIT("a\xef\xbf\xbd"), true, false},
		{"us-ascii", S_INIT("a\xe9"), S_INIT("aé"), true, true},
		{"windows-1251", S_INIT("\xcf\xf0\xe8\xe2\xe5\xf2"), S_INIT("Привет"), true, true},
		{"koi8-r", S_INIT("\xf0\xd2\xc9\xd7\xc5\xd4"), S_INIT("Привет"), true, true},
		{"GB18030", S_INIT("\x81\x30\x81\x30"), S_INIT("\xc2\x80"), true, true},
		{"gb2312", S_INIT("\xc4\xe3\xff\xba\xc3\xc4"),
			S_INIT("你\xef\xbf\xbd好\xef\xbf\xbd"), true, false},
		{"euc-kr", S_INIT("\xbe\xc8\xb3\xe7"), S_INIT("안녕"), true, true},
		{"utf-7", S_INIT("a+T2BZfQ-b"), S_INIT("a你好b"), true, true},
		{"no-such", S_INIT("a"), S_INIT(""), false, false},
		{"", S_INIT("a"), S_INIT(""), false, false},
		{"utf-8//TRANSLIT", S_INIT("a"), S_INIT(""), false, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf) struct buf out = BUF(100);
		CHECK_INT(charset_to_utf8(slice_z(cases[i].charset), cases[i].in, &out),
			cases[i].known);
		CHECK_STR(buf_slice(&out), cases[i].out);
		CHECK_INT(charset_fits(slice_z(cases[i].charset), cases[i].in), cases[i].fits);
	}
}

TEST(charsets_stay_known_without_files)
{
	static const char *const all[] = {"gb18030", "big5", "shift_jis", "euc-kr", "iso-2022-jp",
		"iso-2022-cn", "euc-jp", "utf-7", "utf-16", "koi8-r", "koi8-u", "iso-8859-2",
		"iso-8859-5", "iso-8859-15", "iso-8859-8-i", "windows-1250", "windows-1251",
		"windows-1256", "cp866", "cp437", "macintosh", "tis-620"};
	AUTO(buf) struct buf out = BUF(1000);
	struct rlimit before, none;
	charset_warm_up();
	/* No more files can be opened, so no module loaded. */
	CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
	none = before;
	none.rlim_cur = 0;
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!charset_to_utf8(slice_z(all[i]), S("abcd"), &out))
			test_fail(__FILE__, __LINE__, "%s was not loaded", all[i]);
	CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST(quoted_printable)
{
	static const struct {
		slice plain, coded;
	} cases[] = {
		{S_INIT("a=b\n"), S_INIT("a=3Db\r\n")},
		{S_INIT("end \r\n\tx\t\n"), S_INIT("end=20\r\n\tx=09\r\n")},
		{S_INIT("中"), S_INIT("=E4=B8=AD")},
		{S_INIT(""), S_INIT("")},
		{S_INIT("\n\n"), S_INIT("\r\n\r\n")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf) struct buf out = BUF(100);
		qp_encode(&out, cases[i].plain);
		CHECK_STR(buf_slice(&out), cases[i].coded);
	}
	for (size_t n = 70; n < 160; n++) {
		AUTO(buf) struct buf in = BUF(1000), out = BUF(1000), back = BUF(1000);
		buf_fill(&in, n % 3 ? 'x' : '=', n);
		qp_encode(&out, buf_slice(&in));
		check_lines(buf_slice(&out), 0);
		qp_decode(&back, buf_slice(&out));
		CHECK_STR(buf_slice(&back), buf_slice(&in));
	}
	AUTO(buf) struct buf out = BUF(100);
	qp_decode(&out, S("a=3db =\r\nc \t\r\nd=zz=\nbad=4"));
	CHECK_STR(buf_slice(&out), S("a=b c\r\nd=zzbad=4"));
}
