/* Pieces of PST files by themselves: what Outlook calls encryption, RTF that holds HTML, names of charsets. Whole files: test/formats.py. */
#include "base/test.h"
#include "codec/pst_impl.h"

static void check_html(slice rtf, slice want)
{
	AUTO(buf) struct buf out = BUF(10000);
	CHECK(pst_rtf_html(rtf, &out));
	CHECK_STR(buf_slice(&out), want);
}

#define HTML_RTF                                                                                   \
	"{\\rtf1\\ansi\\ansicpg936\\fromhtml1 \\deff0{\\fonttbl{\\f0 Arial;}{\\f1\\fcharset204 "   \
	"T;}}"

TEST(pst_html_comes_out_of_rtf)
{
	check_html(
		S(HTML_RTF "{\\*\\htmltag64 <p>}a\\htmlrtf\\par\\htmlrtf0 {\\*\\htmltag72 </p>}}"),
		S("<p>a</p>"));
	check_html(
		S(HTML_RTF "\\'c4\\'e3\\'ba\\'c3{\\*\\htmltag <br>}\\u20320?!}"), S("你好<br>你!"));
	check_html(S(HTML_RTF "{\\f1\\'cf\\'f0}{\\*\\mhtmltag <x>}{\\*\\htmltag &#8211;\\'7d\\{}}"),
		S("Пр&#8211;}{"));
	check_html(
		S(HTML_RTF "{\\*\\htmltag <a\\par>}\\uc2\\u-10179 ??\\u-8704 ??."), S("<a\r\n>😀."));
}

TEST(pst_rtf_without_html_is_text)
{
	AUTO(buf) struct buf out = BUF(10000);
	slice rtf =
		S("{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0\\fcharset134 S;}}{\\info{\\author x}}"
		  "caf\\'e9\\par\\f0 \\'c4\\'e3{\\*\\unknown no}}");
	CHECK(!pst_rtf_html(rtf, &out));
	pst_rtf_text(rtf, &out);
	CHECK_STR(buf_slice(&out), S("café\r\n你"));
}

TEST(pst_rtf_that_is_cut_or_deep_ends)
{
	AUTO(buf) struct buf rtf = BUF(1 << 20);
	AUTO(buf) struct buf out = BUF(10000);
	buf_put(&rtf, S("{\\rtf1\\fromhtml1 "));
	buf_fill(&rtf, '{', 100000);
	buf_put(&rtf, S("deep\\'4"));
	CHECK(pst_rtf_html(buf_slice(&rtf), &out));
	CHECK_STR(buf_slice(&out), S("")); /* too deep to be shown */
}

TEST(pst_encryption_is_undone)
{
	/* MS-PST 5.1, 5.2: first bytes of both tables, and that the second way undoes itself */
	unsigned char v[300], w[300];
	for (unsigned i = 0; i < sizeof v; i++)
		v[i] = w[i] = (unsigned char)(i * 7);
	pst_decrypt(PST_CYCLIC, 0x12345678, v, sizeof v);
	CHECK(memcmp(v, w, sizeof v) != 0);
	pst_decrypt(PST_CYCLIC, 0x12345678, v, sizeof v);
	CHECK(memcmp(v, w, sizeof v) == 0);
	unsigned char first[] = {65, 54, 19, 98};
	pst_decrypt(PST_PERMUTED, 0, first, sizeof first);
	CHECK(memcmp(first, "\0\1\2\3", 4) == 0);
	pst_decrypt(PST_PLAIN, 7, v, sizeof v);
	CHECK(memcmp(v, w, sizeof v) == 0);
}

TEST(pst_charsets_have_names)
{
	CHECK_STR(pst_charset(936), S("gb18030"));
	CHECK_STR(pst_charset(1251), S("windows-1251"));
	CHECK_STR(pst_charset(28605), S("iso-8859-15"));
	CHECK_STR(pst_charset(0), S(""));
	CHECK_STR(pst_charset(1259), S(""));
}

TEST(pst_short_names_are_rather_chinese)
{
	CHECK_STR(charset_guess_names(S("\xca\xd5\xbc\xfe\xcf\xe4\n2024\n")), S("gb18030"));
	CHECK(!slice_eq(
		charset_guess_names(S("\xcf\xe0\xef\xea\xe0\n\xc2\xf5\xee\xe4\xff\xf9\xe8\xe5\n")),
		S("gb18030")));
	CHECK_STR(charset_guess_names(S("plain")), charset_guess(S("plain")));
}

TEST(pst_dates_are_universal)
{
	char out[PST_DATE_MAX];
	pst_date(INT64_C(1700000000000000), out);
	CHECK_STR(slice_z(out), S("Tue, 14 Nov 2023 22:13:20 +0000"));
}

static bool read_zeros(void *arg, uint64_t at, void *room, size_t n)
{
	memcpy(room, (char *)arg + at, n);
	return true;
}

TEST(pst_says_what_it_is_not)
{
	static char bytes[600];
	char why[PST_WHY_MAX];
	const struct pst_source s = {.read = read_zeros, .arg = bytes, .size = sizeof bytes};
	CHECK(!pst_open(&s, why));
	CHECK_STR(slice_z(why), S("it is no PST file"));
	memcpy(bytes, "!BDN\0\0\0\0SM\x17\0", 12);
	bytes[513] = 16;
	CHECK(!pst_open(&s, why));
	CHECK_STR(slice_z(why), S("it is encrypted by Windows: only its own computer can read it"));
	bytes[513] = 0;
	AUTO(pst) struct pst *p = pst_open(&s, why);
	CHECK(p);
	struct pst_report report;
	const struct pst_visitor v = {0};
	CHECK(!pst_walk(p, &v, &report));
	CHECK_STR(slice_z(pst_why(p)), S("its index cannot be read"));
}
