/* Charsets in both directions of trust: labels that are right, wrong, missing. */
#include "codec/charset.h"

#include "base/mem.h"
#include "base/test.h"
#include <iconv.h>
#include <stdio.h>

static const char chinese[] =
	"尊敬的用户，您的邮箱空间已满，请点击下面的链接升级，否则将无法接收新邮件。";
static const char taiwan[] = "親愛的客戶您好，您的帳戶已經被停用，請點擊下面的連結重新驗證。";
static const char japanese[] = "こんにちは。お客様のアカウントは停止されました。ご確認ください。";
static const char korean[] = "안녕하세요. 고객님의 계정이 정지되었습니다. 확인해 주십시오.";
static const char russian[] =
	"Уважаемый клиент, ваш счёт был заблокирован. Проверьте данные как можно скорее.";
static const char german[] =
	"Sehr geehrte Kundin, für Ihr Konto müssen Sie Ihre Daten überprüfen. Schöne Grüße";
static const char greek[] =
	"Αγαπητέ πελάτη, ο λογαριασμός σας έχει κλειδωθεί και πρέπει να επιβεβαιώσετε τα στοιχεία";
static const char english[] = "Plain text only.";

/* The text in another charset, by libc's own tables: an independent judge of ICU's. */
static slice coded(const char *charset, const char *utf8, char *out, size_t size)
{
	iconv_t c = iconv_open(charset, "UTF-8");
	char *from = (char *)utf8, *to = out;
	size_t left = strlen(utf8), room = size;
	CHECK(c != (iconv_t)-1);
	CHECK(iconv(c, &from, &left, &to, &room) != (size_t)-1);
	CHECK(iconv(c, NULL, NULL, &to, &room) != (size_t)-1);
	iconv_close(c);
	return slice_of(out, size - room);
}

static const struct {
	const char *real, *text,
		*declared; /* the charset that it is, by iconv's name; what is said */
	const char *name;
	enum charset_origin origin;
	bool lied, unknown;
} cases[] = {
	/* Right labels. */
	{"UTF-8", chinese, "utf-8", "utf-8", CHARSET_DECLARED, false, false},
	{"GBK", chinese, "gb2312", "gb2312", CHARSET_DECLARED, false, false},
	{"GB18030", "\xf0\xa0\x80\x80 𠮷 — €", "GBK", "gbk", CHARSET_DECLARED, false, false},
	{"BIG5", taiwan, "big5", "big5", CHARSET_DECLARED, false, false},
	{"BIG5-HKSCS", "嘅咗喺啲冇", "Big5", "big5", CHARSET_DECLARED, false, false},
	{"ISO-2022-JP", japanese, "ISO-2022-JP", "iso-2022-jp", CHARSET_DECLARED, false, false},
	{"CP932", japanese, "Shift_JIS", "shift_jis", CHARSET_DECLARED, false, false},
	{"EUC-JP", japanese, "euc-jp", "euc-jp", CHARSET_DECLARED, false, false},
	{"ISO-2022-KR", korean, "iso-2022-kr", "iso-2022-kr", CHARSET_DECLARED, false, false},
	{"CP949", korean, "ks_c_5601-1987", "ks_c_5601-1987", CHARSET_DECLARED, false, false},
	{"UTF-7", chinese, "utf-7", "utf-7", CHARSET_DECLARED, false, false},
	{"KOI8-R", russian, "koi8-r", "koi8-r", CHARSET_DECLARED, false, false},
	{"CP1251", russian, "windows-1251", "windows-1251", CHARSET_DECLARED, false, false},
	{"CP1252", german, "iso-8859-1", "iso-8859-1", CHARSET_DECLARED, false, false},
	{"CP1253", greek, "windows-1253", "windows-1253", CHARSET_DECLARED, false, false},
	{"ISO-8859-2", "Příliš žluťoučký kůň", "iso-8859-2", "iso-8859-2", CHARSET_DECLARED, false,
		false},
	{"UTF-16LE", english, "utf-16le", "utf-16le", CHARSET_DECLARED, false, false},
	{"UTF-8", english, "us-ascii", "us-ascii", CHARSET_DECLARED, false, false},
	/* No label. */
	{"UTF-8", chinese, "", "utf-8", CHARSET_VALID, false, false},
	{"UTF-8", english, "", "utf-8", CHARSET_VALID, false, false},
	{"GBK", chinese, "", "gb18030", CHARSET_GUESSED, false, false},
	{"GBK", "您好", "", "gb18030", CHARSET_GUESSED, false, false},
	{"GBK", "发票", "", "gb18030", CHARSET_GUESSED, false, false},
	{"BIG5", taiwan, "", "big5", CHARSET_GUESSED, false, false},
	{"ISO-2022-JP", japanese, "", "iso-2022-jp", CHARSET_GUESSED, false, false},
	{"CP932", japanese, "", "shift_jis", CHARSET_GUESSED, false, false},
	{"EUC-JP", japanese, "", "euc-jp", CHARSET_GUESSED, false, false},
	{"CP949", korean, "", "euc-kr", CHARSET_GUESSED, false, false},
	{"CP1251", russian, "", "windows-1251", CHARSET_GUESSED, false, false},
	{"KOI8-R", russian, "", "koi8-r", CHARSET_GUESSED, false, false},
	{"CP1252", german, "", "windows-1252", CHARSET_LAST_RESORT, false, false},
	{"CP1252", "Müller", "", "windows-1252", CHARSET_LAST_RESORT, false, false},
	{"UTF-16LE", english, "", "utf-16le", CHARSET_GUESSED, false, false},
	{"UTF-16", english, "", "utf-16le", CHARSET_BOM, false, false},
	/* Labels that nobody knows. */
	{"GBK", chinese, "x-unknown", "gb18030", CHARSET_GUESSED, false, true},
	{"UTF-8", chinese, "default", "utf-8", CHARSET_VALID, false, true},
	{"UTF-8", english, "utf-8//IGNORE", "utf-8", CHARSET_VALID, false, true},
	{"UTF-8", english, "UTF-16,swaplfnl", "utf-8", CHARSET_VALID, false, true},
	/* Labels that lie. */
	{"GBK", chinese, "us-ascii", "gb18030", CHARSET_GUESSED, true, false},
	{"GBK", chinese, "iso-8859-1", "gb18030", CHARSET_GUESSED, true, false},
	{"GBK", chinese, "utf-8", "gb18030", CHARSET_GUESSED, true, false},
	{"BIG5", taiwan, "utf-8", "big5", CHARSET_GUESSED, true, false},
	{"UTF-8", chinese, "gb2312", "utf-8", CHARSET_VALID, true, false},
	{"UTF-8", chinese, "iso-8859-1", "utf-8", CHARSET_VALID, true, false},
	{"UTF-8", german, "windows-1252", "utf-8", CHARSET_VALID, true, false},
	{"UTF-8", russian, "koi8-r", "utf-8", CHARSET_VALID, true, false},
	{"CP932", japanese, "utf-8", "shift_jis", CHARSET_GUESSED, true, false},
	{"CP932", japanese, "iso-2022-jp", "shift_jis", CHARSET_GUESSED, true, false},
	{"UTF-16", english, "utf-8", "utf-16le", CHARSET_BOM, true, false},
};

TEST(charset_read)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char in[1000];
		AUTO(buf) struct buf out = BUF(4000);
		struct charset_reading r;
		slice bytes = coded(cases[i].real, cases[i].text, in, sizeof in);
		charset_read(slice_z(cases[i].declared), bytes, false, &out, &r);
		if (!slice_eq(slice_z(r.name), slice_z(cases[i].name)) ||
			!slice_eq(buf_slice(&out), slice_z(cases[i].text)))
			test_fail(__FILE__, __LINE__, "%s declared as %s: read as %s, not %s: %.*s",
				cases[i].real, cases[i].declared, r.name, cases[i].name,
				SFMT(buf_slice(&out)));
		CHECK_INT(r.replaced, 0);
		if (r.origin != cases[i].origin || r.lied != cases[i].lied ||
			r.unknown != cases[i].unknown)
			test_fail(__FILE__, __LINE__,
				"%s declared as %s: origin %d lied %d unknown %d", cases[i].real,
				cases[i].declared, r.origin, r.lied, r.unknown);
	}
}

/* Texts whose bytes are given: broken ones, and what only Windows has. */
static const struct {
	const char *declared;
	slice in;
	bool html;
	const char *out, *name;
	size_t replaced;
} raw[] = {
	{"utf-8", S_INIT("\xef\xbb\xbfx"), false, "x", "utf-8", 0},
	{"utf-8", S_INIT("\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97\xe4\xb8\xad\xe6\x96\x87\xe5\xad"),
		false, "中文字中文\xef\xbf\xbd", "utf-8", 1},
	{"utf-8", S_INIT("\xef\xbf\xbd"), false, "\xef\xbf\xbd", "utf-8", 0},
	{"gb2312", S_INIT("\xc4\xe3\xba\xc3\xc4\xe3\xba\xc3\xc4\xe3\xba\xc3\xc4\xe3\xff\xba\xc3"),
		false, "你好你好你好你\xef\xbf\xbd好", "gb2312", 1},
	{"gb2312", S_INIT("\x95\x52\xb0\xa8 \xa8\x44"), false, "昍皑 ―", "gb2312", 0},
	{"iso-2022-jp", S_INIT("\x1b$B-!F|\x1b(B"), false, "①日", "iso-2022-jp", 0},
	{"iso-2022-jp", S_INIT("\x1b(I123\x1b(B"), false, "ｱｲｳ", "iso-2022-jp", 0},
	{"shift_jis", S_INIT("\x87\x40\x83\x5c\x81\x60"), false, "①ソ～", "shift_jis", 0},
	{"iso-8859-1",
		S_INIT("\x93"
		       "5 \x80\x94"),
		false, "“5 €”", "iso-8859-1", 0},
	{"utf-7", S_INIT("+ADw-script+AD4-"), false, "<script>", "utf-7", 0},
	{"", S_INIT("<meta charset=\"gbk\"><p>\xc4\xe3"), true, "<meta charset=\"gbk\"><p>你",
		"gbk", 0},
	{"", S_INIT("<META HTTP-EQUIV=x CONTENT='text/html; charset = big5'>\xa4\xa4"), true,
		"<META HTTP-EQUIV=x CONTENT='text/html; charset = big5'>中", "big5", 0},
	{"", S_INIT("<meta charset=utf-16>\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4"), true,
		"<meta charset=utf-16>äöüä", "utf-8", 0},
	{"utf-8", S_INIT("M\xfcller"), false, "Müller", "windows-1252", 0},
};

TEST(charset_read_raw)
{
	for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) {
		AUTO(buf) struct buf out = BUF(4000);
		struct charset_reading r;
		charset_read(slice_z(raw[i].declared), raw[i].in, raw[i].html, &out, &r);
		CHECK_STR(buf_slice(&out), slice_z(raw[i].out));
		CHECK_STR(slice_z(r.name), slice_z(raw[i].name));
		CHECK_INT(r.replaced, raw[i].replaced);
	}
}

TEST(charset_keeps_its_limit)
{
	AUTO(buf) struct buf in = BUF(100000);
	AUTO(buf) struct buf out = BUF(1000);
	struct charset_reading r;
	buf_fill(&in, '\xc4', 90000);
	charset_read(S("gbk"), buf_slice(&in), false, &out, &r);
	CHECK(!buf_ok(&out));
	CHECK(out.n <= 1000 && out.n > 700);
	/* What comes first is read also when all is one run. */
	AUTO(buf) struct buf plain = BUF(1000);
	buf_reset(&in);
	buf_fill(&in, 'x', 90000);
	charset_read(S("utf-8"), buf_slice(&in), false, &plain, &r);
	CHECK(!buf_ok(&plain) && plain.n == 1000);
}

/* Every character beyond the middle of a buffer, so that pairs fall on its edges. */
TEST(charset_astral_characters_survive_edges)
{
	for (size_t lead = 1000; lead < 1030; lead++) {
		AUTO(buf) struct buf in = BUF(9000);
		AUTO(buf) struct buf out = BUF(9000);
		buf_fill(&in, 'x', lead);
		for (int i = 0; i < 20; i++)
			buf_put(&in, S("\x95\x32\x82\x36")); /* U+20000 in GB18030 */
		CHECK(charset_to_utf8(S("gb18030"), buf_slice(&in), &out));
		CHECK_INT(out.n, lead + 80);
		CHECK_STR(slice_skip(buf_slice(&out), lead + 76), S("\xf0\xa0\x80\x80"));
	}
}
