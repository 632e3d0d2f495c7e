/* Texts of messages by field, as the index takes them in. */
#include "base/mem.h"
#include "base/test.h"
#include "content/texts.h"

static bool has(slice text, const char *what)
{
	return slice_find(text, slice_z(what)) < text.n;
}

static const char letter[] =
	"Return-Path: <bounce@far.test>\r\n"
	"Received: from secret.far.test\r\nFrom: =?utf-8?q?Z=C3=B6e?= <zoe@far.test> (a "
	"comment)\r\n"
	"To: \"Ann, A.\" <ann@one.test>, bob@one.test\r\nSubject: =?gb2312?b?1tDOxA==?=\r\n"
	"X-Note: kept\r\nDKIM-Signature: b=abcdef\r\n"
	"Content-Type: multipart/mixed; boundary=\"the-boundary\"\r\n\r\n"
	"--the-boundary\r\nContent-Type: text/html; charset=gb2312\r\n"
	"Content-Transfer-Encoding: base64\r\n\r\n"
	"PHA+1tA8Yj7OxDwvYj48c3R5bGU+aGlkZGVuPC9zdHlsZT4mYW1wOzwvcD4=\r\n"
	"--the-boundary\r\nContent-Type: application/rtf\r\n"
	"Content-Disposition: attachment; filename*=utf-8''%E5%90%88%E5%90%8C.rtf\r\n\r\n"
	"{\\rtf1\\ansi the needle in {\\b bold}}\r\n"
	"--the-boundary\r\nContent-Type: message/rfc822\r\n\r\n"
	"Subject: inner words\r\nDKIM-Signature: b=xyzxyz\r\n\r\ninner text\r\n"
	"--the-boundary--\r\n";

TEST(texts_of_a_message_by_field)
{
	AUTO(arena) struct arena a = {0};
	struct content_texts t;
	content_texts(slice_z(letter), sizeof("Return-Path: <bounce@far.test>\r\n") - 1,
		CONTENT_TEXTS_ALL, &a, &t);
	CHECK_STR(t.text[INDEX_FROM], S("Zöe <zoe@far.test>"));
	CHECK_STR(t.text[INDEX_TO], S("Ann, A. <ann@one.test>, <bob@one.test>"));
	CHECK_STR(t.text[INDEX_SUBJECT], S("中文"));
	CHECK_INT(t.text[INDEX_CC].n + t.text[INDEX_BCC].n, 0);
	CHECK(has(t.text[INDEX_HEADER], "X-Note:  kept") ||
		has(t.text[INDEX_HEADER], "X-Note: kept"));
	CHECK(has(t.text[INDEX_HEADER], "a comment") && has(t.text[INDEX_HEADER], "bounce@far"));
	CHECK(!has(t.text[INDEX_HEADER], "secret") && !has(t.text[INDEX_HEADER], "abcdef") &&
		!has(t.text[INDEX_HEADER], "the-boundary"));
	CHECK(has(t.text[INDEX_BODY], "中文") && has(t.text[INDEX_BODY], "&") &&
		!has(t.text[INDEX_BODY], "hidden"));
	CHECK(has(t.text[INDEX_BODY], "合同.rtf") && has(t.text[INDEX_BODY], "inner words") &&
		has(t.text[INDEX_BODY], "inner text") && !has(t.text[INDEX_BODY], "xyzxyz"));
	CHECK(!has(t.text[INDEX_BODY], "needle") &&
		has(t.text[INDEX_ATTACHMENT], "the needle in bold"));
	CHECK(!t.cut);
	struct content_texts files;
	content_texts(slice_z(letter), 0, CONTENT_TEXTS_FILES, &a, &files);
	CHECK_STR(files.text[INDEX_ATTACHMENT], t.text[INDEX_ATTACHMENT]);
	CHECK_INT(files.text[INDEX_BODY].n, 0);
}

TEST(texts_too_long_are_cut_and_say_so)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf long_one = BUF(8 << 20);
	struct content_texts t;
	buf_put(&long_one, S("Subject: long\r\n\r\n"));
	while (long_one.n < INDEX_TEXT_MAX + 1000)
		buf_put(&long_one, S("some words on a line\r\n"));
	content_texts(buf_slice(&long_one), 0, CONTENT_TEXTS_ALL, &a, &t);
	CHECK(t.cut && t.text[INDEX_BODY].n <= INDEX_TEXT_MAX);
	CHECK_STR(t.text[INDEX_SUBJECT], S("long"));
}

TEST(texts_travel)
{
	AUTO(buf) struct buf wire = BUF(1000);
	struct content_texts t = {.cut = true}, back;
	t.text[INDEX_BODY] = S("body");
	content_texts_encode(&wire, &t);
	CHECK(content_texts_decode(buf_slice(&wire), &back) && back.cut);
	CHECK_STR(back.text[INDEX_BODY], S("body"));
	for (size_t n = 0; n < wire.n; n++)
		CHECK(!content_texts_decode(slice_first(buf_slice(&wire), n), &back));
	buf_byte(&wire, 0);
	CHECK(!content_texts_decode(buf_slice(&wire), &back));
}
