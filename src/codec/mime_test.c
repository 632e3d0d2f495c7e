/* The structure of messages: nesting, what is malformed, limits, parameters, decoding. */
#include "codec/mime.h"

#include "base/mem.h"
#include "base/test.h"
#include "codec/charset.h"
#include <stdio.h>

/* "type depth body|" for each part, line ends shown as '/'. */
static void show(struct buf *out, const struct mime *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct mime_part *p = &m->v[i];
		buf_printf(out, "%.*s %u %d ", SFMT(p->type.main), p->depth, p->parent);
		for (size_t k = 0; !p->multipart && !p->message && k < p->body.n; k++)
			if (p->body.p[k] != '\r')
				buf_byte(out, p->body.p[k] == '\n' ? '/' : p->body.p[k]);
		buf_put(out, S("|"));
	}
}

static const struct {
	const char *message, *parts;
	unsigned defects;
} cases[] = {
	{"Subject: x\r\n\r\nhello\r\n", "text/plain 0 -1 hello/|", 0},
	{"\r\nno header\r\n", "text/plain 0 -1 no header/|", 0},
	{"Subject: only header\r\n", "text/plain 0 -1 |", MIME_NO_HEADER},
	{"", "text/plain 0 -1 |", MIME_NO_HEADER},
	{"Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\r\none\r\n--b\r\n"
	 "Content-Type: TEXT/HTML\r\n\r\n<p>\r\n--b--\r\nepilogue\r\n",
		"multipart/mixed 0 -1 |text/plain 1 0 one|text/html 1 0 <p>|", 0},
	/* The outer delimiter ends the inner one that was never closed. */
	{"Content-Type: multipart/mixed; boundary=\"o\"\n\n--o\nContent-Type: "
	 "multipart/alternative;"
	 " boundary=i\n\n--i\n\na\n--i\n\nb\n--o\n\nc\n--o--\n",
		"multipart/mixed 0 -1 |multipart/alternative 1 0 |text/plain 2 1 a|text/plain 2 1 "
		"b|"
		"text/plain 1 0 c|",
		MIME_UNCLOSED},
	{"Content-Type: multipart/mixed\n\n--b\n\nx\n", "multipart/mixed 0 -1 --b//x/|",
		MIME_NO_BOUNDARY},
	{"Content-Type: multipart/mixed; boundary=zz\n\ntext\n", "multipart/mixed 0 -1 text/|",
		MIME_BOUNDARY_UNSEEN},
	{"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: in\n\nletter\n--b--\n",
		"multipart/digest 0 -1 |message/rfc822 1 0 |text/plain 2 1 letter|", 0},
	{"Content-Type: message/rfc822\n\nContent-Type: text/x\n\nin\n",
		"message/rfc822 0 -1 |text/x 1 0 in/|", 0},
	/* Encoded: not looked into. */
	{"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQQ==\n",
		"message/rfc822 0 -1 QQ==/|", 0},
	/* A header cut short by a delimiter. */
	{"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: "
	 "text/html\n--b\n\nx\n--b--",
		"multipart/mixed 0 -1 |text/html 1 0 |text/plain 1 0 x|", MIME_NO_HEADER},
	{"Content-Type: nonsense\n\nx", "text/plain 0 -1 x|", MIME_BAD_TYPE},
	{"Content-Type: text/a\nContent-Type: text/b\n\nx", "text/a 0 -1 x|", MIME_TWICE},
	{"Content-Transfer-Encoding: rot13\n\nx", "text/plain 0 -1 x|", MIME_BAD_ENCODING},
	/* Lines that are no fields: text when no field follows, else part of the header. */
	{"what is this\n\nx", "text/plain 0 -1 what is this//x|", MIME_NO_HEADER},
	{"Subject: a\nwhat is this\nmore\n\nx", "text/plain 0 -1 what is this/more//x|",
		MIME_NO_HEADER},
	{"Subject: a\nwhat is this\nTo: b\n\nx", "text/plain 0 -1 x|", MIME_BAD_HEADER},
	{"From a@b Thu\nSubject: a\n\nx", "text/plain 0 -1 x|", 0},
	/* A delimiter straight behind the header that declares it. */
	{"Content-Type: multipart/mixed; boundary=b\n--b\nContent-Type: text/html\n\nx\n--b--\n",
		"multipart/mixed 0 -1 |text/html 1 0 x|", MIME_NO_HEADER},
	{"Content-Type: multipart/mixed; boundary=b\n\n--b\ntext at once\n\nx\n--b--\n",
		"multipart/mixed 0 -1 |text/plain 1 0 text at once//x|", MIME_NO_HEADER},
	/* Nothing between two delimiters, and nothing behind one, is no part. */
	{"Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\nx\n--b\n",
		"multipart/mixed 0 -1 |text/plain 1 0 x|", MIME_UNCLOSED},
	{"Content-Type: multipart/mixed; boundary=b\n\n--b junk\n\nx\n--b-- junk\n",
		"multipart/mixed 0 -1 |text/plain 1 0 x|", 0},
	/* A longer boundary is another one; blanks behind one are nothing. */
	{"Content-Type: multipart/mixed; boundary=b\n\n--bb\n--b \t\n\n--bc\n--b--",
		"multipart/mixed 0 -1 |text/plain 1 0 --bc|", 0},
};

TEST(mime_structure)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf out = BUF(4096);
		struct mime m;
		mime_parse(slice_z(cases[i].message), &mime_limits_default, &a, &m);
		show(&out, &m);
		CHECK_STR(buf_slice(&out), slice_z(cases[i].parts));
		CHECK_INT(m.defects, cases[i].defects);
	}
}

TEST(mime_inside_what_is_encoded)
{
	static const char message[] =
		"Content-Type: multipart/mixed; boundary=b\n"
		"Content-Transfer-Encoding: base64\n\n"
		"LS1iCgpvbmUKLS1iCkNvbnRlbnQtVHlwZTogdGV4dC9odG1sCgp0d28KLS1iLS0K\n";
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(4096);
	AUTO(buf) struct buf decoded = BUF(4096);
	struct mime m, inside;
	mime_parse(slice_z(message), &mime_limits_default, &a, &m);
	CHECK_INT(m.n, 1);
	CHECK_INT(m.defects, MIME_BAD_ENCODING | MIME_BOUNDARY_UNSEEN);
	CHECK(mime_decode(&m.v[0], &decoded));
	mime_parse_inside(&m.v[0], buf_slice(&decoded), &mime_limits_default, &a, &inside);
	show(&out, &inside);
	CHECK_STR(
		buf_slice(&out), S("multipart/mixed 0 -1 |text/plain 1 0 one|text/html 1 0 two|"));
}

/* A type behind thousands of other fields counts for readers, so for us. */
TEST(mime_type_behind_many_fields)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf in = BUF(1 << 20);
	struct mime m;
	for (int i = 0; i < 20000; i++)
		buf_put(&in, S("X: y\n"));
	buf_put(&in, S("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n"));
	mime_parse(buf_slice(&in), &mime_limits_default, &a, &m);
	CHECK_INT(m.n, 2);
}

TEST(mime_decode_gives_what_fits)
{
	static const char *const encodings[] = {"7bit", "base64", "quoted-printable"};
	for (size_t i = 0; i < 3; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf in = BUF(10000);
		AUTO(buf) struct buf out = BUF(100);
		struct mime m;
		buf_printf(&in, "Content-Transfer-Encoding: %s\n\n", encodings[i]);
		buf_fill(&in, 'Q', 4000);
		mime_parse(buf_slice(&in), &mime_limits_default, &a, &m);
		CHECK(!mime_decode(&m.v[0], &out));
		CHECK(!buf_ok(&out) && out.n >= 99);
	}
}

TEST(mime_limits_hold)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf deep = BUF(1 << 20);
	AUTO(buf) struct buf wide = BUF(1 << 20);
	struct mime m;
	for (int i = 0; i < 1000; i++)
		buf_put(&deep, S("Content-Type: message/rfc822\n\n"));
	mime_parse(buf_slice(&deep), &mime_limits_default, &a, &m);
	CHECK_INT(m.n, mime_limits_default.depth);
	CHECK_INT(m.defects, MIME_TOO_DEEP);
	buf_put(&wide, S("Content-Type: multipart/mixed; boundary=b\n\n"));
	for (int i = 0; i < 5000; i++)
		buf_put(&wide, S("--b\n\nx\n"));
	mime_parse(buf_slice(&wide), &mime_limits_default, &a, &m);
	CHECK_INT(m.n, mime_limits_default.parts);
	CHECK(m.defects & MIME_TOO_MANY);
	CHECK(m.v[m.n - 1].body.n > 20000);
}

static const struct {
	const char *field, *main, *name, *text;
	unsigned defects;
} values[] = {
	{"Text/Plain ; Charset = \"utf-8\" (really)", "text/plain", "charset", "utf-8", 0},
	{"attachment; filename=a b.txt", "attachment", "filename", "a b.txt", 0},
	{"attachment; filename=\"a\\\"b;c\"; x=1", "attachment", "filename", "a\"b;c", 0},
	{"attachment; filename*=UTF-8''%e4%b8%ad%E6%96%87.txt", "attachment", "filename",
		"中文.txt", 0},
	{"attachment; filename*=gb2312'zh'%D6%D0; filename=\"zhong\"", "attachment", "filename",
		"中", 0},
	{"attachment; filename*1*=%87; filename*0*=utf-8''%E6%96; filename*2=\".x\"", "attachment",
		"filename", "文.x", 0},
	{"attachment; filename*0=a; filename*2=c", "attachment", "filename", "a", MIME_VALUE_GAP},
	{"attachment; filename=\"=?UTF-8?B?5Lit?=\"", "attachment", "filename", "中", 0},
	{"attachment; filename=a; filename=b", "attachment", "filename", "a", MIME_VALUE_DUPLICATE},
	{"attachment; filename=\"open", "attachment", "filename", "open", MIME_VALUE_SYNTAX},
	{"text/plain; junk; charset=x", "text/plain", "charset", "x", MIME_VALUE_SYNTAX},
	{"text/plain;;;charset=x;", "text/plain", "charset", "x", 0},
	{"(c) text (d) / (e (f)) plain", "text/plain", "charset", "", 0},
	{"application/pdf name=\"a.pdf\"", "application/pdf", "name", "a.pdf", MIME_VALUE_SYNTAX},
	{"\"text/plain\"; charset=x", "text/plain", "charset", "x", 0},
	{"text/plain>; charset=x", "text/plain", "charset", "x", MIME_VALUE_SYNTAX},
	{"attachment; filename=\"C:\\TEMP\\a \\\\ \\\"b\\\".gif\"", "attachment", "filename",
		"C:\\TEMP\\a \\ \"b\".gif", 0},
	{"", "", "charset", "", 0},
};

TEST(mime_values)
{
	charset_warm_up();
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		AUTO(arena) struct arena a = {0};
		struct mime_value v;
		mime_value_parse(slice_z(values[i].field), &a, &v);
		CHECK_STR(v.main, slice_z(values[i].main));
		CHECK_STR(
			mime_param_text(&v, slice_z(values[i].name), &a), slice_z(values[i].text));
		CHECK_INT(v.defects, values[i].defects);
	}
}

TEST(mime_decodes)
{
	static const struct {
		const char *message, *content;
		bool good;
	} rows[] = {
		{"Content-Transfer-Encoding: BASE64\n\naGVs\nbG8=\n", "hello", true},
		{"Content-Transfer-Encoding: quoted-printable\n\na=3Db=\nc", "a=bc", true},
		{"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n%:&5L;&\\\n`\nend\n",
			"hello", true},
		{"Content-Transfer-Encoding: x-uuencode\n\nno beginning\n", "", false},
		{"Content-Transfer-Encoding: base64 (c)\n\naGV%s\n", "hel", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf out = BUF(1000);
		struct mime m;
		mime_parse(slice_z(rows[i].message), &mime_limits_default, &a, &m);
		CHECK_INT(mime_decode(&m.v[0], &out), rows[i].good);
		CHECK_STR(buf_slice(&out), slice_z(rows[i].content));
	}
}
