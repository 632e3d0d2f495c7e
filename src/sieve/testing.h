/*
 * For unit tests of sieve/: a script run over a letter, and what came of it as one line of text.
 *
 *	keep; file "Work" {\Seen}; redirect a@example.com; ... | failed: why
 */
#pragma once
#include "base/test.h"
#include "base/time.h"
#include "sieve/impl.h"

#define LETTER                                                                                     \
	"Received: from a by b; Sat, 21 Nov 2026 10:00:00 +0000\r\n"                               \
	"Received: from x by a; Fri, 20 Nov 2026 23:30:00 -0500\r\n"                               \
	"From: Wile E. Coyote <coyote@desert.example.org>\r\n"                                     \
	"To: roadrunner@acme.example.com, bird+list@acme.example.com\r\n"                          \
	"Cc: =?utf-8?q?J=C3=BCrgen?= <juergen@example.net>\r\n"                                    \
	"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from [acme-users] Item 42\r\n"                       \
	"Date: Sat, 21 Nov 2026 18:05:09 +0800\r\n"                                                \
	"Message-ID: <1@desert.example.org>\r\n"                                                   \
	"X-Tag: one\r\nX-Tag: two\r\nX-Tag: three\r\n"                                             \
	"MIME-Version: 1.0\r\n"                                                                    \
	"Content-Type: multipart/mixed; boundary=b1\r\n"                                           \
	"\r\n"                                                                                     \
	"--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nBeep beep, "                       \
	"\xe4\xbd\xa0\xe5\xa5\xbd\r\n"                                                             \
	"--b1\r\nContent-Type: image/png; name=\"a.png\"\r\nContent-Disposition: attachment; "     \
	"filename=\"a.png\"\r\n"                                                                   \
	"Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b1--\r\n"

static inline void testing_input(struct sieve_input *q)
{
	static const slice own[] = {
		S_INIT("roadrunner@acme.example.com"), S_INIT("bird@acme.example.com")};
	static const struct sieve_folder folders[] = {{S_INIT("INBOX"), S_INIT("F1"), {0}, true},
		{S_INIT("Work"), S_INIT("F2"), S_INIT("\\Archive"), true},
		{S_INIT("Shared/Read"), S_INIT("F3"), {0}, false}};
	*q = (struct sieve_input){.message = S(LETTER),
		.sender = S("coyote@desert.example.org"),
		.recipient = S("roadrunner@acme.example.com"),
		.original_recipient = S("roadrunner@acme.example.com"),
		.own = own,
		.nown = 2,
		.separator = '+',
		.folders = folders,
		.nfolders = 3,
		.spam = 0.5f,
		.virus = 1,
		.domain = S("example.com"),
		.host = S("mail.example.com"),
		.version = S("1.2"),
		.now = 1795255509 * SECOND, /* 2026-11-21 10:05:09 UTC */
		.zone = 480};
}

static inline const struct sieve_script *testing_compile(struct arena *a, slice name, slice text)
{
	struct sieve_mistakes m;
	struct sieve_source s = {.name = name, .text = text};
	const struct sieve_script *script = sieve_compile(&s, 0, a, &m);
	if (!script)
		test_fail(__FILE__, __LINE__, "%.*s:%u:%u: %.*s", SFMT(name), m.v[0].line,
			m.v[0].column, SFMT(m.v[0].en));
	return script;
}

static inline void testing_put(struct buf *out, const struct sieve_action *a)
{
	static const char *const words[] = {"keep", "file", "redirect", "reject", "discard",
		"vacation", "notify", "remember", "report"};
	buf_printf(out, "%s%s", out->n ? "; " : "", words[a->kind]);
	if (a->kind == SIEVE_FILEINTO)
		buf_printf(out, " \"%.*s\"%s%s", SFMT(a->folder), a->copy ? " copy" : "",
			a->create ? " create" : "");
	if (a->folder_id.n || a->folder_use.n)
		buf_printf(out, " <%.*s%.*s>", SFMT(a->folder_id), SFMT(a->folder_use));
	if (a->kind == SIEVE_REDIRECT)
		buf_printf(out, " %.*s", SFMT(a->address));
	if (a->method.n)
		buf_printf(out, " %.*s !%d", SFMT(a->method), a->importance);
	if (a->text.n)
		buf_printf(out, " '%.*s'", SFMT(a->text));
	if (a->kind == SIEVE_VACATION || a->kind == SIEVE_REMEMBER)
		buf_printf(out, " %lld", (long long)a->seconds);
	if (a->flags.n)
		buf_printf(out, " {%.*s}", SFMT(a->flags));
}

static inline slice testing_result(struct arena *a, const struct sieve_result *r)
{
	AUTO(buf) struct buf out = BUF(100000);
	for (size_t i = 0; i < r->nactions; i++)
		testing_put(&out, &r->actions[i]);
	if (r->end == SIEVE_ASKS)
		buf_printf(&out, "asks %zu", r->nquestions);
	if (r->end == SIEVE_FAILED)
		buf_printf(&out, " | failed: %.*s", SFMT(r->mistake.en));
	return arena_dup(a, buf_slice(&out));
}

static inline slice testing_run(struct arena *a, struct sieve_input *q, slice text)
{
	struct sieve_result r;
	const struct sieve_script *s = testing_compile(a, S("test"), text);
	q->scripts = &s;
	q->nscripts = 1;
	sieve_run(q, a, &r);
	return testing_result(a, &r);
}
