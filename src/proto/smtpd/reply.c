/*
 * Replies (RFC 5321 section 4.2, RFC 2034), and what mistakes cost: each is counted, later ones are
 * answered slowly, the last one ends the session with 421.
 *
 * The only place that turns kinds of errors into codes.
 */
#include "proto/smtpd/session.h"

#include "run/co.h"
#include <stdarg.h>
#include <stdio.h>

enum { REPLY_LINE_MAX = 512 }; /* RFC 5321 4.5.3.1.5, with CRLF */

static void clean(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < 32 || (unsigned char)p[i] > 126)
			p[i] = '?';
}

static void say_v(
	struct smtpd_session *s, int code, const char *status, const char *fmt, va_list ap)
{
	char line[REPLY_LINE_MAX];
	int head = snprintf(
		line, sizeof line, "%d %s%s", code, status ? status : "", status ? " " : "");
	size_t room = sizeof line - 2 - (size_t)head;
	int n = vsnprintf(line + head, room, fmt, ap);
	size_t text = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
	clean(line + head, text);
	memcpy(line + head + text, "\r\n", 2);
	struct err e;
	if (io_write(s->io, slice_of(line, (size_t)head + text + 2), &e) < 0)
		smtpd_end(s, e.kind == ERR_TIMEOUT ? "timeout" : "closed", e.text);
}

void smtpd_say(struct smtpd_session *s, int code, const char *status, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	say_v(s, code, status, fmt, ap);
	va_end(ap);
}

void smtpd_end(struct smtpd_session *s, const char *end, const char *why)
{
	if (s->over)
		return;
	s->over = true;
	s->sum.end = end;
	snprintf(s->end_why, sizeof s->end_why, "%s", why ? why : "");
}

void smtpd_hang_up(struct smtpd_session *s, const char *end, const char *status, const char *text)
{
	smtpd_say(s, 421, status, "%.*s %s", SFMT(s->service->hostname), text);
	smtpd_end(s, end, text);
}

void smtpd_tarpit(struct smtpd_session *s, unsigned mistakes)
{
	int64_t soft = s->conf->soft_errors;
	if (!s->conf->tarpit || mistakes <= soft)
		return;
	int64_t over = mistakes - soft;
	int64_t most = s->conf->tarpit_max;
	int64_t delay = s->conf->tarpit > most / over ? most : s->conf->tarpit * over;
	struct err e;
	/* What was answered before goes out first: only this mistake waits. */
	if (delay && (io_flush(s->io, &e) < 0 || co_sleep(instant_in(delay), &e) < 0))
		smtpd_end(s, s->hub->draining ? "drain" : "closed", e.text);
}

void smtpd_complain(struct smtpd_session *s, int code, const char *status, const char *fmt, ...)
{
	s->sum.errors++;
	smtpd_tarpit(s, s->sum.errors + s->sum.unknown_rcpts);
	if (s->over)
		return;
	if (s->sum.errors >= s->client.limits.max_errors) {
		smtpd_hang_up(s, "errors", "4.7.0", "Too many errors, closing connection");
		return;
	}
	va_list ap;
	va_start(ap, fmt);
	say_v(s, code, status, fmt, ap);
	va_end(ap);
}

void smtpd_out_of_place(struct smtpd_session *s, const char *text)
{
	if (s->mail_lost)
		smtpd_say(s, 503, "5.5.1", "%s", text);
	else
		smtpd_complain(s, 503, "5.5.1", "%s", text);
}

struct answer {
	int code;
	const char *status, *text;
};

static const struct answer failure = {451, "4.3.0", "Local problem, please try again later"};

/* Kinds that are not here are failures of ours. */
static const struct answer answers[STAGES][ERR_BUG + 1] =
	{
		[STAGE_CONNECT] =
			{
				[ERR_DENIED] = {554, "5.7.1", "No service for you here"},
				[ERR_PERM] = {554, "5.7.1", "No service for you here"},
				[ERR_LIMIT] = {421, "4.7.0",
					"Too many connections, please try again later"},
			},
		[STAGE_MAIL] =
			{
				[ERR_NOTFOUND] = {550, "5.1.8", "Sender address does not exist"},
				[ERR_DENIED] = {550, "5.7.1", "Sender refused"},
				[ERR_PERM] = {550, "5.7.1", "Sender refused"},
				[ERR_PROTO] = {553, "5.1.7", "Bad sender address"},
				[ERR_LIMIT] = {452, "4.3.1",
					"Not enough storage, please try again later"},
			},
		[STAGE_RCPT] =
			{
				[ERR_NOTFOUND] = {550, "5.1.1", "No such user here"},
				[ERR_DENIED] = {550, "5.7.1", "Recipient refused"},
				[ERR_PERM] = {550, "5.2.1", "Mailbox is disabled"},
				[ERR_PROTO] = {553, "5.1.3", "Bad recipient address"},
				[ERR_LIMIT] = {452, "4.2.2", "Mailbox is full"},
			},
		[STAGE_DATA] =
			{
				[ERR_DENIED] = {550, "5.7.1", "Message refused"},
				[ERR_PERM] = {554, "5.6.0", "Message refused"},
				[ERR_PROTO] = {554, "5.6.0", "Message is malformed"},
				[ERR_LIMIT] = {452, "4.3.1",
					"Not enough storage, please try again later"},
			},
};

void smtpd_resolve(enum smtpd_stage stage, struct smtpd_refusal *no)
{
	if (no->code)
		return;
	const struct answer *a = &answers[stage][no->err.kind];
	if (!a->code)
		a = &failure;
	no->code = a->code;
	snprintf(no->status, sizeof no->status, "%s", a->status);
	snprintf(no->text, sizeof no->text, "%s", a->text);
}

void smtpd_say_refusal(struct smtpd_session *s, const struct smtpd_refusal *no, bool counted)
{
	if (counted && no->code >= 500)
		smtpd_complain(s, no->code, no->status, "%s", no->text);
	else
		smtpd_say(s, no->code, no->status, "%s", no->text);
	if (no->hang_up || no->code == 421)
		smtpd_end(s, "refused", no->text);
}

int smtpd_refuse(struct smtpd_refusal *no, int code, const char *status, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(no->text, sizeof no->text, fmt, ap);
	va_end(ap);
	no->code = code;
	snprintf(no->status, sizeof no->status, "%s", status);
	if (no->err.kind == ERR_NONE)
		no->err.kind = code < 500 ? ERR_TEMP : ERR_PERM;
	return -1;
}
