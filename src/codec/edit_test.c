/* Edits of messages: what stands where afterwards. Others' readers judge the same in test/edit.py. */
#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "codec/charset.h"
#include "codec/edit.h"

#define HEAD "From: a@example.org\r\nSubject: x\r\n"

static slice edited(slice in, const struct edit *e, struct arena *a, unsigned *ret_notes)
{
	AUTO(buf) struct buf out = BUF(edit_limit(in.n));
	struct err err;
	unsigned notes = 0;
	CHECK_INT(edit_message(in, e, a, &out, &notes, &err), 0);
	if (ret_notes)
		*ret_notes = notes;
	return arena_dup(a, buf_slice(&out));
}

TEST(edit_subjects)
{
	static const struct {
		slice in, tag, out;
	} cases[] = {
		{S_INIT("Subject: Hello\r\n\r\n"), S_INIT("[S] "),
			S_INIT("Subject: [S] Hello\r\n\r\n")},
		{S_INIT("Subject:Hello\r\n\r\n"), S_INIT("[S]"),
			S_INIT("Subject: [S]Hello\r\n\r\n")},
		{S_INIT("subject :\r\n\tHello\r\n\r\n"), S_INIT("[S] "),
			S_INIT("subject : [S] Hello\r\n\r\n")},
		{S_INIT("Subject: Re: [S] Hello\r\n\r\n"), S_INIT("[S] "),
			S_INIT("Subject: Re: [S] Hello\r\n\r\n")},
		{S_INIT("Subject: =?utf-8?Q?=5BS=5D_x?=\r\n\r\n"), S_INIT("[S] "),
			S_INIT("Subject: =?utf-8?Q?=5BS=5D_x?=\r\n\r\n")},
		{S_INIT("Subject: =?utf-8?Q?x?=\r\n\r\n"), S_INIT("[S]"),
			S_INIT("Subject: [S] =?utf-8?Q?x?=\r\n\r\n")},
		{S_INIT("To: b\r\n\r\n"), S_INIT("[S] "), S_INIT("Subject: [S]\r\nTo: b\r\n\r\n")},
		{S_INIT("Subject: \r\n\r\n"), S_INIT("[S] "), S_INIT("Subject: [S]\r\n\r\n")},
		{S_INIT("Subject: a\r\nSubject: b\r\n\r\n"), S_INIT("[S] "),
			S_INIT("Subject: [S] a\r\nSubject: [S] b\r\n\r\n")},
		{S_INIT("Subject: Hello\r\n\r\n"), S_INIT("  "), S_INIT("Subject: Hello\r\n\r\n")},
		{S_INIT("Subject: Hello\r\n\r\n"), S_INIT("垃圾 "),
			S_INIT("Subject: =?utf-8?B?5Z6D5Zy+?= Hello\r\n\r\n")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(arena) struct arena a = {0};
		const struct edit e = {.subject_tag = cases[i].tag};
		CHECK_STR(edited(cases[i].in, &e, &a, NULL), cases[i].out);
	}
}

TEST(edit_texts_in_their_encoding)
{
	static const struct {
		slice in, out;
	} cases[] = {
		{S_INIT(HEAD "\r\nHello\r\n"), S_INIT(HEAD "\r\nTop\r\n\r\nHello\r\n\r\nEnd\r\n")},
		{S_INIT(HEAD "\r\nHello"), S_INIT(HEAD "\r\nTop\r\n\r\nHello\r\n\r\nEnd")},
		{S_INIT(HEAD "Content-Transfer-Encoding: quoted-printable\r\n\r\na=3D=\r\nb=\r\n"),
			S_INIT(HEAD "Content-Transfer-Encoding: quoted-printable\r\n\r\nTop\r\n\r\n"
				    "a=3D=\r\nb=\r\n\r\n\r\nEnd=\r\n=\r\n")},
		{S_INIT(HEAD "Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n"),
			S_INIT(HEAD "Content-Transfer-Encoding: base64\r\n\r\n"
				    "VG9wDQoNCkhlbGxvDQoNCkVuZA==\r\n")},
		/* what is no base64 is left alone */
		{S_INIT(HEAD "Content-Transfer-Encoding: 8bit\r\n\r\n\xc4\xe3\xba\xc3\r\n"),
			S_INIT(HEAD "Content-Transfer-Encoding: 8bit\r\n\r\nTop\r\n\r\n"
				    "\xc4\xe3\xba\xc3\r\n\r\nEnd\r\n")},
	};
	const struct edit e = {.banner = {.text = S("Top")}, .disclaimer = {.text = S("End")}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(arena) struct arena a = {0};
		CHECK_STR(edited(cases[i].in, &e, &a, NULL), cases[i].out);
	}
}

TEST(edit_charsets)
{
	AUTO(arena) struct arena a = {0};
	const struct edit e = {.banner = {.text = S("外部")}};
	unsigned notes;
	CHECK_STR(edited(S("Content-Type: text/plain; charset=GBK\r\n"
			   "Content-Transfer-Encoding: 8bit\r\n\r\n\xc4\xe3\r\n"),
			  &e, &a, &notes),
		S("Content-Type: text/plain; charset=GBK\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
		  "\xcd\xe2\xb2\xbf\r\n\r\n\xc4\xe3\r\n"));
	CHECK(!(notes & EDIT_RECODED));
	slice out = edited(S("Content-Type: text/plain; charset=iso-8859-1\r\n\r\nM\xfcll\r\n"), &e,
		&a, &notes);
	CHECK(notes & EDIT_RECODED);
	CHECK(slice_find(out, S("charset=utf-8")) < out.n);
	CHECK(slice_find(out, S("MIME-Version: 1.0")) < out.n);
}

/* Whoever writes the boundaries that are to come into his message must not choose where parts end. */
TEST(edit_boundaries_cannot_be_used_up)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf in = BUF(1 << 20);
	const struct edit e = {.banner = {.text = S("Top")}};
	buf_put(&in, S(HEAD "Content-Type: application/x-y\r\n\r\n"));
	for (unsigned i = 0; i < 3000; i++)
		buf_printf(&in, "--=_posthouse_%08x\r\n", i == 2000 ? 1 : i);
	slice out = edited(buf_slice(&in), &e, &a, NULL);
	CHECK(slice_find(out, S("boundary=\"=_posthouse_000007d0\"")) < out.n); /* 2000 */
}

/* A text of nothing but what might be delimiters is encoded, not compared with a thousand of them. */
TEST(edit_many_dashes_cost_little)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf in = BUF(16 << 20);
	const struct edit e = {.banner = {.text = S("外部")}};
	buf_put(&in,
		S("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		  "Content-Type: text/plain; charset=iso-8859-1\r\n\r\n"));
	for (unsigned i = 0; i < 300000; i++)
		buf_put(&in, S("--\n"));
	buf_put(&in, S("\xfc\r\n"));
	for (unsigned i = 0; i < 500; i++)
		buf_printf(&in,
			"--b\r\nContent-Type: multipart/mixed; boundary=c%u\r\n\r\n--c%u--\r\n", i,
			i);
	buf_put(&in, S("--b--\r\n"));
	int64_t began = instant_now();
	slice out = edited(buf_slice(&in), &e, &a, NULL);
	CHECK(instant_now() - began < 10 * SECOND);
	CHECK(slice_find(out, S("Content-Transfer-Encoding: base64")) < out.n);
}

TEST(edit_signed_parts_are_wrapped)
{
	AUTO(arena) struct arena a = {0};
	slice in =
		S(HEAD "Content-Type: multipart/signed; boundary=s;\r\n micalg=x\r\n\r\n"
		       "--s\r\n\r\nsigned\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n"
		       "x\r\n--s--\r\n");
	const struct edit e = {.banner = {.text = S("Top")}}, none = {.subject_tag = S("x")};
	unsigned notes;
	slice out = edited(in, &e, &a, &notes);
	CHECK_INT(notes, EDIT_CHANGED | EDIT_BODY | EDIT_SIGNED | EDIT_NO_TEXT);
	CHECK(slice_find(out, slice_skip(in, sizeof HEAD - 1)) < out.n);
	edited(in, &none, &a, &notes); /* the tag is there */
	CHECK_INT(notes, 0);
	const struct edit_strip strip = {1, EDIT_WHOLE_PART, S("gone")};
	const struct edit gone = {.strip = &strip, .nstrip = 1};
	out = edited(in, &gone, &a, &notes);
	CHECK_INT(notes, EDIT_CHANGED | EDIT_BODY | EDIT_SIGNATURE_LOST);
	CHECK(slice_find(out, S("multipart/mixed; boundary=\"s\"")) < out.n);
}

TEST(edit_parts_become_notices)
{
	AUTO(arena) struct arena a = {0};
	const struct edit_strip strip = {2, EDIT_WHOLE_PART, S("gone")};
	const struct edit e = {.strip = &strip, .nstrip = 1};
	CHECK_STR(edited(S(HEAD "Content-Type: multipart/mixed; "
				"boundary=b\r\n\r\npre\r\n--b\r\n\r\none"
				"\r\n--b\r\nContent-Type: image/png\r\n\r\ntwo\r\n--b--\r\nepi"),
			  &e, &a, NULL),
		S(HEAD "Content-Type: multipart/mixed; "
		       "boundary=b\r\n\r\npre\r\n--b\r\n\r\none\r\n--b\r\n"
		       "Content-Type: text/plain; charset=us-ascii\r\nContent-Disposition: "
		       "inline\r\n"
		       "Content-Transfer-Encoding: 7bit\r\n\r\ngone\r\n--b--\r\nepi"));
}

TEST(edit_texts_never_look_like_delimiters)
{
	AUTO(arena) struct arena a = {0};
	const struct edit e = {.banner = {.text = S("a\n--b--\nc")}};
	slice out =
		edited(S(HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n"
			      "--b--\r\n"),
			&e, &a, NULL);
	struct mime m;
	mime_parse(out, &mime_limits_default, &a, &m);
	CHECK_INT(m.n, 2);
	CHECK_INT(m.v[1].encoding, MIME_BASE64);
}

TEST(edit_limits)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(EDIT_TEXT_MAX + 1), out = BUF(1 << 22);
	struct err err;
	unsigned notes;
	buf_fill(&text, 'x', EDIT_TEXT_MAX + 1);
	const struct edit large = {.banner = {.text = buf_slice(&text)}};
	CHECK_INT(edit_message(S("\r\nx"), &large, &a, &out, &notes, &err), -1);
	CHECK_INT(err.kind, ERR_LIMIT);
	const struct edit_strip strip = {1, EDIT_WHOLE_PART, S("gone")};
	const struct edit missing = {.strip = &strip, .nstrip = 1};
	CHECK_INT(edit_message(S("\r\nx"), &missing, &a, &out, &notes, &err), -1);
	CHECK_INT(err.kind, ERR_PROTO);
	const slice bad = S("no field");
	const struct edit field = {.fields = &bad, .nfields = 1};
	CHECK_INT(edit_message(S("\r\nx"), &field, &a, &out, &notes, &err), -1);
	AUTO(buf) struct buf small = BUF(5);
	const struct edit tag = {.subject_tag = S("tag")};
	CHECK_INT(edit_message(S("\r\nx"), &tag, &a, &small, &notes, &err), -1);
	CHECK_INT(err.kind, ERR_LIMIT);
}

TEST(charsets_written)
{
	static const struct {
		slice charset, in, out; /* out empty: it cannot */
	} cases[] = {
		{S_INIT("GB2312"), S_INIT("你好"), S_INIT("\xc4\xe3\xba\xc3")},
		{S_INIT("gb2312"), S_INIT("镕"), S_INIT("")}, /* of GBK alone */
		{S_INIT("gbk"), S_INIT("镕"), S_INIT("\xe9\x46")},
		{S_INIT("big5"), S_INIT("你好"), S_INIT("\xa7\x41\xa6\x6e")},
		{S_INIT("big5"), S_INIT("们"), S_INIT("")},
		{S_INIT("iso-8859-1"), S_INIT("é"), S_INIT("\xe9")},
		{S_INIT("iso-8859-1"), S_INIT("€"), S_INIT("")},
		{S_INIT("windows-1252"), S_INIT("€"), S_INIT("\x80")},
		{S_INIT("iso-8859-15"), S_INIT("€"), S_INIT("\xa4")},
		{S_INIT("iso-2022-jp"), S_INIT("日本"), S_INIT("\x1b$BF|K\\\x1b(B")},
		{S_INIT("koi8-r"), S_INIT("П"), S_INIT("\xf0")},
		{S_INIT("utf-8"), S_INIT("你"), S_INIT("你")},
		{S_INIT("utf-8"), S_INIT("\xff"), S_INIT("")},
		{S_INIT("x-unheard-of"), S_INIT("plain"), S_INIT("plain")},
		{S_INIT("x-unheard-of"), S_INIT("é"), S_INIT("")},
		{S_INIT("utf-16"), S_INIT("plain"), S_INIT("")},
		{S_INIT("utf-7"), S_INIT("+"), S_INIT("")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf) struct buf out = BUF(100);
		CHECK_INT(
			charset_from_utf8(cases[i].charset, cases[i].in, &out), cases[i].out.n > 0);
		CHECK_STR(buf_slice(&out), cases[i].out);
	}
}
