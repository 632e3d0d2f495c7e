/* The readers of file formats, each with the smallest files that hold what they look for. What they
 * tell is written down line by line: "text ...", "link ...", "file name size", "fact name detail".
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"
#include "codec/invite.h"
#include "codec/office.h"
#include "codec/ole.h"
#include "codec/onenote.h"
#include "codec/pdf.h"
#include "codec/rtf.h"
#include "codec/rtfcp.h"
#include "codec/shortcut.h"
#include "codec/smuggle.h"
#include "codec/tnef.h"
#include "codec/uu.h"
#include "codec/vba.h"
#include "codec/xml_scan.h"

enum { TOLD_MAX = 64 * 1024 };

static void told_text(void *ctx, slice utf8)
{
	slice line;
	while (slice_cut(&utf8, '\n', &line))
		if (slice_trim(line).n)
			buf_printf(ctx, "text %.*s\n", SFMT(slice_trim(line)));
}

static void told_link(void *ctx, slice target, slice text)
{
	(void)text;
	buf_printf(ctx, "link %.*s\n", SFMT(target));
}

static bool told_file(void *ctx, slice name, slice bytes)
{
	buf_printf(ctx, "file %.*s %zu\n", SFMT(name), bytes.n);
	return true;
}

static void told_fact(void *ctx, enum extract_fact fact, slice detail)
{
	static const char *const names[] = {"encrypted", "damaged", "limit", "macro", "autorun",
		"suspicious", "script", "remote", "embedded", "launch", "exploit", "disguised",
		"double", "bidi", "blanks", "bomb", "smuggling", "form", "opened", "deep"};
	unsigned i = 0;
	while (fact >> i != 1)
		i++;
	buf_printf(ctx, "fact %s %.*s\n", names[i], SFMT(detail));
}

typedef void reader(slice in, struct extract_limits *l, const struct extract *x);

#define B(lit) lit, sizeof(lit) - 1

/* clang-format off */
static const struct {
	const char *what;
	reader *read;
	const char *in;
	size_t n;
	const char *told;
} cases[] = {
	{"rtf: text and characters", rtf_read, B("{\\rtf1\\ansi caf\\'e9\\par \\u8364?5{\\*\\unknown gone}}"), "text café\ntext €5\n"},
	{"rtf: field", rtf_read, B("{\\rtf1{\\field{\\*\\fldinst HYPERLINK \"http://a.example/\"}{\\fldrslt x}}}"), "link http://a.example/\ntext x\n"},
	{"rtf: odd head", rtf_read, B("{\\rt x}"), "fact exploit odd head\ntext x\n"},
	{"rtf: picture", rtf_read, B("{\\rtf1{\\pict\\pngblip 89504e47}}"), "file  4\n"},
	{"rtf: unclosed", rtf_read, B("{\\rtf1{\\pict 89"), "file  1\n"},
	{"rtf: bytes as they are", rtf_read, B("{\\rtf1{\\pict\\bin3 }}}}x}"), "file  3\ntext x\n"},
	{"ics: folded", invite_read, B("BEGIN:VCALENDAR\r\nSUMMARY;LANGUAGE=en:Pay\r\n  day\\, now\r\nURL:http://a.exa\r\n mple/\r\n"), "text Pay day, now\nlink http://a.example/\n"},
	{"ics: quoted parameter", invite_read, B("ATTACH;X=\"a:b\":http://a.example/\n"), "link http://a.example/\n"},
	{"ics: page", invite_read, B("X-ALT-DESC;FMTTYPE=text/html:<a href=\"http://a.example/\">go</a>\n"), "link http://a.example/\ntext go\n"},
	{"url", shortcut_read, B("[InternetShortcut]\r\nURL=http://a.example/\r\n"), "text [InternetShortcut]\ntext URL=http://a.example/\nlink http://a.example/\n"},
	{"url: a file elsewhere", shortcut_read, B("URL=file://1.2.3.4/x.exe\n"), "text URL=file://1.2.3.4/x.exe\nlink file://1.2.3.4/x.exe\nfact remote file://1.2.3.4/x.exe\n"},
	{"desktop", shortcut_read, B("Exec=curl x\n"), "text Exec=curl x\nfact launch curl x\nfact launch curl\n"},
	{"pdf: link", pdf_read, B("1 0 obj<</S/URI/URI(http://a.example/\\(x\\))>>endobj"), "link http://a.example/(x)\n"},
	{"pdf: hexadecimal", pdf_read, B("1 0 obj<</S/URI/URI<687474703a2f2f612f>>>endobj"), "link http://a/\n"},
	{"pdf: text", pdf_read, B("1 0 obj<</Type/Page/Contents 2 0 R>>endobj 2 0 obj<<>>stream\nBT (Hel) Tj [(lo)-300(you)]TJ 0 -12 Td (next) Tj ET\nendstream endobj"), "text Hello you\ntext next\n"},
	{"pdf: two filters", pdf_read, B("1 0 obj<</Type/Page/Contents 2 0 R>>endobj 2 0 obj<</Filter[/AHx/RL]>>stream\n04285429546A8 0>\nendstream endobj"), "text T\n"},
	{"pdf: packed objects", pdf_read, B("1 0 obj<</Type/ObjStm/N 2/First 8>>stream\n7 0 8 25<</S/URI/URI(http://a/)>><</S/URI/URI(http://b/)>>\nendstream"), "link http://a/\nlink http://b/\n"},
	{"pdf: program", pdf_read, B("1 0 obj<</A<</S/Launch/F(x.exe)>>/F 4>>endobj"), "fact launch x.exe\n"},
	{"pdf: nothing", pdf_read, B("%PDF-1.4\n"), "fact damaged \n"},
	{"pdf: a circle", pdf_read, B("1 0 obj<</Type/Page/Contents 2 0 R/Parent 1 0 R>>endobj 2 0 obj 2 0 R endobj"), ""},
	{"page: literal", smuggle_read, B("<script>document.write(unescape('%3Cform%20action%3D%22http%3A%2F%2Fa.example%2Flogin%22%3E%3Cinput%3E%3C%2Fform%3E%3C%2Fform%3E%3C%2Fform%3E'))</script>"), "file  66\nfact smuggling hidden page\n"},
	{"page: nothing", smuggle_read, B("<script>document.write('<b>hello</b>')</script>"), ""},
	{"onenote: cut", onenote_read, B("\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac" "\x09\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0\0\0\0\0" "abc"), "fact damaged \nfact embedded \nfile  3\n"},
	{"tnef", tnef_read, B("\x78\x9f\x3e\x22\1\0" "\2\x02\x90\6\0\0\0\0\0\0\0" "\2\x10\x80\1\0\6\0\0\0a.exe\0\0\0" "\2\x0f\x80\6\0\3\0\0\0abc\0\0"), "file a.exe 3\n"},
	{"tnef: cut", tnef_read, B("\x78\x9f\x3e\x22\1\0" "\1\x04\x80\1\0\x99\0\0\0Hello"), "fact damaged \ntext Hello\n"},
	{"ole: nothing", ole_read, B("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "fact damaged \n"},
	{"office: nothing", office_read, B("PK\3\4"), "fact damaged \n"},
};
/* clang-format on */

TEST(extract_readers)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf) struct buf told = BUF(TOLD_MAX);
		struct extract_limits l = {.unpacked = 1 << 20, .files = 100};
		const struct extract x = {&told, told_text, told_link, told_file, told_fact};
		cases[i].read(slice_of(cases[i].in, cases[i].n), &l, &x);
		if (!slice_eq(buf_slice(&told), slice_z(cases[i].told)))
			test_fail(__FILE__, __LINE__, "%s: told\n%.*snot\n%s", cases[i].what,
				SFMT(buf_slice(&told)), cases[i].told);
	}
}

TEST(extract_limits_hold)
{
	AUTO(buf) struct buf told = BUF(TOLD_MAX);
	struct extract_limits l = {.unpacked = 2, .files = 100};
	const struct extract x = {&told, told_text, told_link, told_file, told_fact};
	rtf_read(S("{\\rtf1{\\pict 414243}}"), &l, &x);
	CHECK_STR(buf_slice(&told), S("fact limit \n"));
	CHECK_INT(l.unpacked, 2);
}

TEST(vba_is_read)
{
	/* A chunk with a copy token: "Attribut" + 'e' ' ' + "ababab". */
	static const char stream[] = "junk\1\x0f\xb0\0Attribut\x10"
				     "e ab\3\x10";
	AUTO(buf) struct buf source = BUF(4096), told = BUF(TOLD_MAX);
	const struct extract x = {&told, told_text, told_link, told_file, told_fact};
	CHECK(vba_source(slice_of(stream, sizeof stream - 1), &source));
	CHECK(slice_starts(buf_slice(&source), S("Attribute abababab")));
	CHECK(!vba_source(S("nothing here"), &source));
	vba_words(S("Sub Workbook_Open()\nx = Shell(\"cmd\")"), &x);
	CHECK_STR(buf_slice(&told), S("fact autorun workbook_open\nfact suspicious shell(\n"));
	buf_reset(&told);
	vba_words(S("Set d = CreateObject(\"Scripting.Dictionary\")"), &x);
	CHECK_INT(told.n, 0);
}

TEST(xml_is_scanned)
{
	slice in = S("<?xml?><!-- <b/> --><w:a x:href='1 > 0' "
		     "y=\"2\"/><t>a&amp;b&#65;&zz;</t><![CDATA[<&amp;]]>");
	struct xml_token t;
	slice value;
	AUTO(buf) struct buf out = BUF(100);
	CHECK(xml_next(&in, &t) && t.kind == XML_EMPTY);
	CHECK_STR(t.name, S("a"));
	CHECK(xml_attribute(t.attributes, S("href"), &value));
	CHECK_STR(value, S("1 > 0"));
	CHECK(xml_attribute(t.attributes, S("y"), &value) && slice_eq(value, S("2")));
	CHECK(!xml_attribute(t.attributes, S("z"), &value));
	CHECK(xml_next(&in, &t) && t.kind == XML_OPEN && xml_next(&in, &t));
	xml_text(t.text, &out);
	CHECK_STR(buf_slice(&out), S("a&bA&zz;"));
	CHECK(xml_next(&in, &t) && t.kind == XML_CLOSE && xml_next(&in, &t));
	CHECK(t.verbatim);
	CHECK_STR(t.text, S("<&amp;"));
	CHECK(!xml_next(&in, &t));
}

TEST(uu_blocks)
{
	slice text = S("hello\nbegin of a story\nbegin 644 a b.txt\n#0V%T\n`\nend\nrest\nbegin 755 "
		       "c\n#0V%T"),
	      block, name;
	AUTO(buf) struct buf out = BUF(100);
	CHECK(uu_next(&text, &block));
	CHECK(uu_read(block, &out, &name));
	CHECK_STR(name, S("a b.txt"));
	CHECK_STR(buf_slice(&out), S("Cat"));
	CHECK(uu_next(&text, &block));
	buf_reset(&out);
	CHECK(!uu_read(block, &out, &name)); /* cut */
	CHECK_STR(buf_slice(&out), S("Cat"));
	CHECK(!uu_next(&text, &block));
}

TEST(rtfcp_example)
{
	/* MS-OXRTFCP 3.1 */
	static const char in[] = "\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125\x42"
				 "\x32\x0a\xf3 hel\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0";
	AUTO(buf) struct buf out = BUF(1000);
	CHECK(rtfcp_undo(slice_of(in, sizeof in - 1), &out));
	CHECK_STR(buf_slice(&out), S("{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"));
	CHECK(!rtfcp_undo(S("nonsense"), &out));
}
