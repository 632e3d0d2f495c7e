/*
 * The one table of verbs: what each needs, where it is allowed (RFC 5321 section 4.1.4), who
 * handles it. Everything that is true of a verb in general is decided here, before its handler
 * runs.
 */
#include "proto/smtpd/session.h"

#include <ctype.h>
#include <stdio.h>

enum {
	ON_SMTP = 1,
	ON_LMTP = 2, /* RFC 2033 4.1: LHLO in place of HELO and EHLO */
	ON_BOTH = 3,
	NEEDS_TLS = 4, /* 530 before STARTTLS where TLS is required (RFC 3207 4) */
	NEEDS_AUTH = 8, /* 530 before AUTH where login is required (RFC 4954 6) */
	IDLE = 16, /* has no effect: counted */
	SYNC = 32, /* the client must wait for its reply (RFC 2920 3.1) */
};

struct verb {
	smtpd_handler *handler; /* NULL: 502, known and not offered */
	unsigned flags, allowed_in;
};

static const struct verb verbs[SMTP_VERBS] = {
	[SMTP_EHLO] = {smtpd_hello, ON_SMTP | SYNC | IDLE, ST_ANY},
	[SMTP_HELO] = {smtpd_hello, ON_SMTP | SYNC | IDLE, ST_ANY},
	[SMTP_LHLO] = {smtpd_hello, ON_LMTP | SYNC | IDLE, ST_ANY},
	[SMTP_STARTTLS] = {smtpd_starttls, ON_BOTH, ST_CONNECTED | ST_READY},
	[SMTP_AUTH] = {smtpd_auth, ON_SMTP | NEEDS_TLS, ST_READY},
	[SMTP_XCLIENT] = {smtpd_xclient, ON_BOTH | IDLE, ST_CONNECTED | ST_READY},
	[SMTP_MAIL] = {smtpd_mail, ON_BOTH | NEEDS_TLS | NEEDS_AUTH, ST_READY},
	[SMTP_RCPT] = {smtpd_rcpt, ON_BOTH | NEEDS_TLS | NEEDS_AUTH, ST_MAIL | ST_RCPT},
	[SMTP_DATA] = {smtpd_data, ON_BOTH | NEEDS_TLS | NEEDS_AUTH | SYNC, ST_MAIL | ST_RCPT},
	[SMTP_BDAT] = {smtpd_bdat, ON_BOTH, ST_ANY}, /* its bytes follow whatever we think of it */
	[SMTP_RSET] = {smtpd_rset, ON_BOTH | IDLE, ST_ANY},
	[SMTP_NOOP] = {smtpd_noop, ON_BOTH | IDLE, ST_ANY},
	[SMTP_VRFY] = {smtpd_vrfy, ON_BOTH | NEEDS_TLS | NEEDS_AUTH | IDLE, ST_ANY},
	[SMTP_HELP] = {smtpd_help, ON_BOTH | IDLE, ST_ANY},
	[SMTP_QUIT] = {smtpd_quit, ON_BOTH, ST_ANY},
	[SMTP_EXPN] = {NULL, ON_BOTH, ST_ANY},
	[SMTP_ETRN] = {NULL, ON_BOTH, ST_ANY},
	[SMTP_TURN] = {NULL, ON_BOTH, ST_ANY},
	[SMTP_SEND] = {NULL, ON_BOTH, ST_ANY},
};

static void wrong_place(struct smtpd_session *s, enum smtp_verb v)
{
	if (s->state == ST_CONNECTED)
		smtpd_complain(s, 503, "5.5.1", "Say %s first",
			s->conf->kind == SMTPD_LMTP ? "LHLO" : "EHLO");
	else if (v == SMTP_MAIL)
		smtpd_complain(s, 503, "5.5.1", "There is a MAIL already; RSET starts over");
	else if (v == SMTP_RCPT && s->state == ST_READY)
		smtpd_out_of_place(s, "Say MAIL first");
	else if (v == SMTP_DATA && s->state == ST_READY)
		smtpd_out_of_place(s, "Say MAIL and RCPT first");
	else if (s->state == ST_BDAT)
		smtpd_complain(s, 503, "5.5.1", "Not while chunks of a message are coming");
	else
		smtpd_complain(s, 503, "5.5.1", "Not during a mail transaction");
}

static void answer_fault(struct smtpd_session *s, const struct smtp_command *c)
{
	struct smtp_answer a = smtp_fault_answer(c->fault);
	char status[24];
	snprintf(
		status, sizeof status, "%u.%u.%u", a.status.cls, a.status.subject, a.status.detail);
	slice detail = slice_first(c->detail, 80);
	char first = (char)toupper((unsigned char)a.text[0]);
	const char *rest = a.text + 1;
	if (c->address_fault)
		smtpd_complain(s, a.code, status, "%c%s: %s", first, rest,
			address_fault_text(c->address_fault));
	else if (detail.n)
		smtpd_complain(s, a.code, status, "%c%s: %.*s", first, rest, SFMT(detail));
	else
		smtpd_complain(s, a.code, status, "%c%s", first, rest);
	/* Nobody knows how many bytes follow. */
	if (c->verb == SMTP_BDAT)
		smtpd_end(s, "errors", "BDAT without a size");
}

/* 250-keywords offered now decide which parameters are known (RFC 5321 4.1.1.11). */
static unsigned extensions(const struct smtpd_session *s)
{
	unsigned ext = SMTP_EXT_SIZE | SMTP_EXT_8BITMIME | SMTP_EXT_BINARYMIME | SMTP_EXT_SMTPUTF8 |
		       SMTP_EXT_DSN;
	if (s->service->auth)
		ext |= SMTP_EXT_AUTH;
	if (s->tls)
		ext |= SMTP_EXT_REQUIRETLS;
	return ext;
}

/* The handler of EHLO decides about odd names: see doc/VIOLATIONS.md. */
static bool tolerable(const struct smtp_command *c)
{
	return c->fault == SMTP_FAULT_HELO;
}

static bool offered(
	const struct smtpd_session *s, const struct smtp_command *c, const struct verb *v)
{
	if (!v->handler || (c->verb == SMTP_XCLIENT && !s->xclient_allowed))
		return false;
	if (c->verb == SMTP_AUTH)
		return s->service->auth;
	if (c->verb == SMTP_STARTTLS)
		return s->tls || smtpd_tls_offered(s);
	return true;
}

/* What must have happened before. False: answered. */
static bool ready_for(struct smtpd_session *s, enum smtp_verb verb, const struct verb *v)
{
	bool needs_auth =
		s->service->require_auth || (s->service->require_trust && !s->client.trusted);
	if (s->state == ST_CONNECTED && !(v->allowed_in & ST_CONNECTED))
		wrong_place(s, verb);
	else if ((v->flags & NEEDS_TLS) && s->service->tls_mode == SMTPD_TLS_REQUIRE && !s->tls)
		smtpd_complain(s, 530, "5.7.0", "Say STARTTLS first");
	else if ((v->flags & NEEDS_AUTH) && needs_auth && !s->client.login.n)
		smtpd_complain(s, 530, "5.7.0", "Log in with AUTH first");
	else if (!(v->allowed_in & s->state))
		wrong_place(s, verb);
	else
		return true;
	return false;
}

static void http(struct smtpd_session *s)
{
	smtpd_say(s, 554, "5.5.1", "This is a mail server");
	smtpd_end(s, "nonsense", "http");
}

/* RFC 2920 3.1. Who talks on regardless does not listen; what it sends may come from somebody else.
 */
static void out_of_sync(struct smtpd_session *s, const char *verb)
{
	struct smtpd_refusal no = {0};
	smtpd_refuse(&no, 554, "5.5.0", "Wait for the reply to %s before you go on", verb);
	if (s->state & ST_TRANSACTION)
		smtpd_report(s, "data", &no, S(""));
	smtpd_say_refusal(s, &no, false);
	smtpd_end(s, "sync", verb);
}

static void perform(struct smtpd_session *s, const struct smtp_command *c, const struct verb *v)
{
	if (v->flags & IDLE)
		s->idle_commands++;
	if ((v->flags & SYNC) && s->service->sync && !smtpd_is_known(s) && smtpd_talks_early(s))
		out_of_sync(s, smtp_verb_name(c->verb));
	else
		v->handler(s, c);
}

void smtpd_dispatch(struct smtpd_session *s, slice line)
{
	struct smtp_command c;
	smtp_command_parse(line, extensions(s), s->tx.msg.flags & MSG_SMTPUTF8, &s->cmd, &c);
	const struct verb *v = &verbs[c.verb];
	s->tx.commands += c.verb != SMTP_BDAT; /* chunks are limited by the size of the message */
	unsigned here = s->conf->kind == SMTPD_LMTP ? ON_LMTP : ON_SMTP;
	if (c.verb == SMTP_HTTP)
		http(s);
	else if (c.verb == SMTP_UNKNOWN || !(v->flags & here))
		smtpd_complain(s, 500, "5.5.1", "No such command here");
	else if (!offered(s, &c, v))
		smtpd_complain(s, 502, "5.5.1", "%s is not offered", smtp_verb_name(c.verb));
	else if (!ready_for(s, c.verb, v))
		return;
	else if (c.fault && !tolerable(&c))
		answer_fault(s, &c);
	else
		perform(s, &c, v);
}
