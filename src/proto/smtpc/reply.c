/*
 * Reading replies (RFC 5321 4.2), and results: what a reply or a loss means for the mail. Called by
 * all other files of smtpc/. A 421 ends the session wherever it comes (RFC 5321 3.8), so it is
 * handled here like a lost connection that gave its reason.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "proto/smtpc/session.h"
#include "run/loop.h"

const char *smtpc_stage_name(enum smtpc_stage at)
{
	static const char *const names[] = {"connect", "greeting", "helo", "tls", "auth", "mail",
		"rcpt", "data", "end", "quit"};
	return names[at];
}

instant smtpc_in(const struct smtpc *s, int64_t usec)
{
	instant at = loop_now() + usec;
	return s->cfg.deadline && s->cfg.deadline < at ? s->cfg.deadline : at;
}

struct smtpc_result smtpc_result_own(
	enum smtpc_kind kind, enum smtpc_stage at, struct status_code status, slice text)
{
	return (struct smtpc_result){.kind = kind, .stage = at, .status = status, .text = text};
}

struct smtpc_result smtpc_result_of(const struct smtpc *s, enum smtpc_stage at, struct arena *a)
{
	AUTO(buf) struct buf text = BUF(2 * SMTP_REPLY_TEXT_MAX);
	unsigned cls = s->reply.code / 100;
	struct smtpc_result r = {
		.kind = cls == 2   ? SMTPC_OK
			: cls == 5 ? SMTPC_PERM
				   : SMTPC_TEMP,
		.stage = at,
		.code = (int)s->reply.code,
		.status = s->reply.status.cls ? s->reply.status : status_of_reply(s->reply.code),
	};
	if (cls == 3)
		r.status = STATUS(4, 5, 0);
	smtp_reply_print(&text, &s->reply);
	r.text = arena_dup(a, utf8_first(buf_slice(&text), SMTPC_TEXT_MAX));
	return r;
}

int smtpc_refused(struct smtpc *s, struct smtpc_result r)
{
	if (!s->broken) {
		s->broken = true;
		s->failure = r;
	}
	return -1;
}

int smtpc_fail(struct smtpc *s, struct smtpc_result r)
{
	s->lost = true;
	return smtpc_refused(s, r);
}

/* Connections break for reasons that may pass: RFC 3463 X.4.2, for nonsense X.5.0. */
int smtpc_lost(struct smtpc *s, enum smtpc_stage at, const struct err *e)
{
	struct status_code status =
		e->kind == ERR_PROTO || e->kind == ERR_LIMIT ? STATUS(4, 5, 0) : STATUS(4, 4, 2);
	const char *doing = at == SMTPC_AT_CONNECT ? "" : ": ";
	const char *stage = at == SMTPC_AT_CONNECT ? "" : smtpc_stage_name(at);
	slice text = arena_printf(&s->mem, "%s%s%s", stage, doing, e->text);
	return smtpc_fail(s, smtpc_result_own(SMTPC_TEMP, at, status, text));
}

static int ended(struct smtpc *s, enum smtpc_stage at)
{
	struct err e;
	err_set(&e, ERR_CLOSED, "the peer closed the connection");
	return smtpc_lost(s, at, &e);
}

static int garbage(struct smtpc *s, enum smtpc_stage at, slice line)
{
	struct err e;
	AUTO(buf) struct buf clean = BUF(1024);
	utf8_scrub(&clean, slice_first(line, 100));
	for (size_t i = 0; i < clean.n; i++)
		if ((unsigned char)clean.p[i] < ' ' || clean.p[i] == 0x7f)
			clean.p[i] = '?';
	err_set(&e, ERR_PROTO, "this is no SMTP reply: \"%.*s\"", SFMT(buf_slice(&clean)));
	return smtpc_lost(s, at, &e);
}

int smtpc_read(struct smtpc *s, enum smtpc_stage at, int64_t timeout)
{
	struct err e;
	slice line;
	smtp_reply_start(&s->reply);
	if (s->lost)
		return -1;
	io_set_deadline(s->io, smtpc_in(s, timeout));
	for (;;) {
		int r = io_line(s->io, SMTP_REPLY_LINE_MAX + 2, &line, &e);
		if (r <= 0)
			return r == 0 ? ended(s, at) : smtpc_lost(s, at, &e);
		line.n -= line.n > 1 && line.p[line.n - 2] == '\r' ? 2 : 1;
		enum smtp_reply_step step = smtp_reply_line(&s->reply, line);
		if (step == SMTP_REPLY_BAD)
			return garbage(s, at, line);
		if (step == SMTP_REPLY_DONE)
			break;
	}
	if (s->reply.code == 421)
		return smtpc_fail(s, smtpc_result_of(s, at, &s->mem));
	return 0;
}
