/* Letters that users report: found however they are attached. */
#include "base/b64.h"
#include "base/mem.h"
#include "base/test.h"
#include "codec/json_read.h"
#include "codec/reported.h"

#define HEAD "From: ann@home.test\nSubject: report\nMessage-ID: <r@home.test>\nMIME-Version: 1.0\n"
#define LETTER "From: x@evil.test\nSubject: buy\n\nnow\n"
#define PARTS "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nlook\n"

static const struct {
	const char *message, *how;
	unsigned letters;
	const char *first; /* beginning of the first letter */
} rows[] = {
	{HEAD PARTS "--b\nContent-Type: message/rfc822\n\n" LETTER "--b--\n", "attached", 1,
		"From: x@evil.test"},
	{HEAD PARTS "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
		    "RnJvbTogeEBldmlsLnRlc3QKU3ViamVjdDogYnV5Cgpub3cK\n--b--\n",
		"attached", 1, "From: x@evil.test"},
	{HEAD PARTS "--b\nContent-Type: application/octet-stream; name=\"mail.eml\"\n"
		    "Content-Transfer-Encoding: base64\n\n"
		    "RnJvbTogeEBldmlsLnRlc3QKU3ViamVjdDogYnV5Cgpub3cK\n--b--\n",
		"attached", 1, "From: x@evil.test"},
	{HEAD PARTS "--b\nContent-Type: message/rfc822\n\n" LETTER
		    "\n--b\nContent-Type: message/rfc822\n\n" LETTER "--b--\n",
		"attached", 2, "From: x@evil.test"},
	/* a letter inside of the reported one is a part of it */
	{HEAD PARTS "--b\nContent-Type: message/rfc822\n\nFrom: x@evil.test\nSubject: buy\n"
		    "Content-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: "
		    "message/rfc822\n\n" LETTER "\n--c--\n--b--\n",
		"attached", 1, "From: x@evil.test"},
	/* the message as a whole */
	{HEAD "Content-Type: message/rfc822\n\n" LETTER, "attached", 1, "From: x@evil.test"},
	/* an attachment that is no letter */
	{HEAD PARTS "--b\nContent-Type: application/pdf; name=x.eml\n\n%PDF\n--b--\n", "nothing", 0,
		NULL},
	{HEAD "\nlook:\n\n---------- Forwarded message ---------\nFrom: x\n", "inline", 0, NULL},
	{HEAD "Content-Type: text/plain; charset=utf-8\n\n-----原始邮件-----\n发件人: x\n",
		"inline", 0, NULL},
	{HEAD "\nspam everywhere\n", "nothing", 0, NULL},
	{"", "nothing", 0, NULL},
};

TEST(reported_letters_are_found)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *r = reported_read(slice_z(rows[i].message));
		json_t *letters = json_object_get(r, "letters");
		AUTO(buf) struct buf bytes = BUF(REPORTED_LETTER_MAX);
		if (!slice_eq(json_read_text(r, "how"), slice_z(rows[i].how)) ||
			json_array_size(letters) != rows[i].letters)
			test_fail(__FILE__, __LINE__, "row %zu: %s, %zu letters", i,
				json_string_value(json_object_get(r, "how")),
				json_array_size(letters));
		if (rows[i].first) {
			b64_decode(&bytes, json_read_text(json_array_get(letters, 0), "bytes"));
			CHECK(slice_starts(buf_slice(&bytes), slice_z(rows[i].first)));
		}
		json_decref(r);
	}
}

TEST(feedback_says_of_what_kind_it_is)
{
	json_t *r = reported_read(
		S(HEAD "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
		       "--b\n\ntext\n--b\nContent-Type: message/feedback-report\n\n"
		       "Feedback-Type: not-spam\nUser-Agent: x\nVersion: 1\n\n"
		       "--b\nContent-Type: message/rfc822\n\n" LETTER "--b--\n"));
	CHECK_STR(json_read_text(r, "how"), S("feedback"));
	CHECK_STR(json_read_text(r, "type"), S("not-spam"));
	CHECK(json_array_size(json_object_get(r, "letters")) == 1);
	CHECK_STR(json_read_text(r, "message_id"), S("<r@home.test>"));
	CHECK(json_is_false(json_object_get(r, "automatic")));
	json_decref(r);
}

TEST(more_letters_than_are_given_are_counted)
{
	AUTO(buf) struct buf m = BUF(1 << 20);
	buf_put(&m, S(HEAD PARTS));
	for (int i = 0; i < REPORTED_LETTERS_MAX + 5; i++)
		buf_put(&m, S("--b\nContent-Type: message/rfc822\n\n" LETTER "\n"));
	buf_put(&m, S("--b--\n"));
	json_t *r = reported_read(buf_slice(&m));
	CHECK(json_array_size(json_object_get(r, "letters")) == REPORTED_LETTERS_MAX);
	CHECK(json_read_count(r, "more") == 5);
	json_decref(r);
}
