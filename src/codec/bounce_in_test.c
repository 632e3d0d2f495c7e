#include "base/arena.h"
#include "base/mem.h"
#include "base/test.h"
#include "codec/bounce_in.h"
#include "codec/json_read.h"

#define DSN                                                                                        \
	"From: MAILER-DAEMON@far.test\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"            \
	"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"          \
	"--b\r\n\r\nsorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"                 \
	"Reporting-MTA: dns; far.test\r\n\r\nOriginal-Recipient: rfc822;Ann@far.test\r\n"          \
	"Final-Recipient: rfc822; ann@far.test\r\nAction: %s\r\nStatus: %s\r\n"                    \
	"Diagnostic-Code: smtp; 550 unknown\r\n\r\nFinal-Recipient: rfc822; bob@far.test\r\n"      \
	"Action: %s\r\nStatus: %s\r\n\r\n--b--\r\n"

static void check(slice message, const char *kind, bool hard, size_t rcpts)
{
	json_t *o = bounce_in_read(message);
	CHECK(slice_eq(json_read_text(o, "kind"), slice_z(kind)));
	CHECK(json_is_true(json_object_get(o, "hard")) == hard);
	CHECK(json_array_size(json_object_get(o, "rcpts")) == rcpts);
	json_decref(o);
}

TEST(bounce_in_reports)
{
	AUTO(arena) struct arena a = {0};
	static const struct {
		const char *action, *status, *kind;
		bool hard;
	} v[] = {{"failed", "5.1.1", "bounce", true}, {"failed", "5.2.2", "bounce", false},
		{"failed", "5.7.1", "bounce", false}, {"failed", "4.4.7", "bounce", false},
		{"delayed", "4.4.1", "delay", false}, {"delivered", "2.0.0", "none", false},
		{"FAILED", "5.0.0 (oh)", "bounce", true}, {"failed", "nonsense", "bounce", true}};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		check(arena_printf(&a, DSN, v[i].action, v[i].status, v[i].action, v[i].status),
			v[i].kind, v[i].hard, 2);
	json_t *o = bounce_in_read(arena_printf(&a, DSN, "delivered", "2.0.0", "failed", "5.1.1"));
	CHECK(slice_eq(json_read_text(o, "status"), S("5.1.1")));
	const json_t *first = json_array_get(json_object_get(o, "rcpts"), 0);
	CHECK(slice_eq(json_read_text(first, "address"), S("ann@far.test")));
	CHECK(slice_eq(json_read_text(first, "original"), S("Ann@far.test")));
	json_decref(o);
}

TEST(bounce_in_words_and_answers)
{
	static const struct {
		slice message;
		const char *kind;
		bool hard;
	} v[] = {
		{S_INIT("From: MAILER-DAEMON@x\r\nSubject: failure notice\r\n\r\n<a@b>: no such "
			"user\r\n"),
			"bounce", true},
		{S_INIT("From: MAILER-DAEMON@x\r\nSubject: x\r\n\r\nthe mailbox is full\r\n"),
			"bounce", false},
		{S_INIT("From: x@y\r\nSubject: Undeliverable: hi\r\n\r\n550 5.1.1 unknown\r\n"),
			"bounce", true},
		{S_INIT("From: x@y\r\nSubject: 系统退信\r\n\r\n邮箱已满\r\n"), "bounce", false},
		{S_INIT("From: ann@y\r\nAuto-Submitted: auto-replied\r\nSubject: away\r\n\r\nback "
			"soon\r\n"),
			"reply", false},
		{S_INIT("From: ann@y\r\nSubject: Re: hello\r\n\r\nthe 5.1.1 version\r\n"), "none",
			false},
		{S_INIT(""), "none", false},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		check(v[i].message, v[i].kind, v[i].hard, 0);
	json_t *o = bounce_in_read(S("Subject: =?utf-8?q?Re=3A_approve?=\r\n\r\n\r\nyes\r\n"));
	CHECK(slice_eq(json_read_text(o, "subject"), S("Re: approve")));
	CHECK(slice_find(json_read_text(o, "words"), S("yes")) < json_read_text(o, "words").n);
	json_decref(o);
}
