/*
 * The commands around transactions: EHLO, HELO, LHLO with the keywords that this client may use
 * now, STARTTLS (RFC 3207), RSET, NOOP, VRFY, HELP, QUIT.
 *
 * Keywords: PIPELINING (RFC 2920) SIZE (1870) 8BITMIME (6152) BINARYMIME and CHUNKING (3030)
 * SMTPUTF8 (6531) DSN (3461) ENHANCEDSTATUSCODES (2034) STARTTLS (3207) AUTH (4954) LIMITS (9422)
 * REQUIRETLS (8689) HELP, and XCLIENT for peers that may use it.
 */
#include "proto/smtpd/session.h"

#include "base/mem.h"
#include "run/tls.h"
#include <inttypes.h>
#include <stdio.h>

bool smtpd_tls_offered(const struct smtpd_session *s)
{
	return !s->tls && (s->service->tls_mode == SMTPD_TLS_OFFER ||
				  s->service->tls_mode == SMTPD_TLS_REQUIRE);
}

bool smtpd_auth_offered(const struct smtpd_session *s)
{
	return s->service->auth && !s->client.login.n && (s->tls || s->conf->auth_plaintext);
}

slice smtpd_auth_list(struct smtpd_session *s, struct arena *a)
{
	struct buf out = BUF(1024);
	const char *type;
	char data[64];
	size_t n;
	for (size_t i = 0; smtpd_auth_offered(s) && i < s->conf->auth_mechs.n; i++) {
		slice mech = s->conf->auth_mechs.v[i];
		if (slice_iends(mech, S("-PLUS")) &&
			!(s->tls && tls_channel_binding(s->io, &type, data, &n)))
			continue;
		if (!s->service->tokens &&
			(slice_ieq(mech, S("OAUTHBEARER")) || slice_ieq(mech, S("XOAUTH2"))))
			continue;
		buf_printf(&out, "%s%.*s", out.n ? " " : "", SFMT(mech));
	}
	slice list = arena_dup(a, buf_slice(&out));
	buf_done(&out);
	return list;
}

static void keyword(struct buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void keyword(struct buf *out, const char *fmt, ...)
{
	va_list ap;
	buf_put(out, S("250-"));
	va_start(ap, fmt);
	buf_vprintf(out, fmt, ap);
	va_end(ap);
	buf_put(out, S("\r\n"));
}

static void keywords(struct smtpd_session *s, struct buf *out)
{
	const struct smtpd_limits *c = &s->client.limits;
	keyword(out, "%.*s", SFMT(s->service->hostname));
	keyword(out, "PIPELINING");
	keyword(out, "SIZE %" PRId64, c->max_size);
	keyword(out, "8BITMIME");
	keyword(out, "BINARYMIME");
	keyword(out, "CHUNKING");
	keyword(out, "SMTPUTF8");
	keyword(out, "DSN");
	keyword(out, "ENHANCEDSTATUSCODES");
	keyword(out, "LIMITS MAILMAX=%" PRId64 " RCPTMAX=%" PRId64, c->max_transactions,
		c->max_rcpts);
	if (smtpd_tls_offered(s))
		keyword(out, "STARTTLS");
	if (s->tls)
		keyword(out, "REQUIRETLS");
	slice mechs = smtpd_auth_list(s, &s->cmd);
	if (mechs.n)
		keyword(out, "AUTH %.*s", SFMT(mechs));
	if (s->xclient_allowed)
		keyword(out, "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT");
	buf_put(out, S("250 HELP\r\n"));
}

static void write_keywords(struct smtpd_session *s)
{
	AUTO(buf) struct buf out = BUF(4096);
	struct err e;
	keywords(s, &out);
	if (io_write(s->io, buf_slice(&out), &e) < 0)
		smtpd_end(s, "closed", e.text);
}

bool smtpd_helo_proper(slice name)
{
	uint8_t family, ip[16];
	return domain_valid(name, true) || domain_literal_parse(name, &family, ip);
}

static bool helo_welcome(struct smtpd_session *s)
{
	struct smtpd_refusal no = {0};
	if (!s->ops->helo || s->ops->helo(s->arg, &no) == 0)
		return true;
	smtpd_resolve(STAGE_CONNECT, &no);
	s->state = ST_CONNECTED;
	s->sum.refused++;
	smtpd_report(s, "helo", &no, S(""));
	smtpd_say_refusal(s, &no, true);
	return false;
}

void smtpd_hello(struct smtpd_session *s, const struct smtp_command *c)
{
	bool odd = c->fault == SMTP_FAULT_HELO || !smtpd_helo_proper(c->arg);
	if (c->arg.n > HELO_MAX || (odd && s->conf->strict_helo)) {
		smtpd_complain(s, 501, "5.5.4", "That is no host name or address literal");
		return;
	}
	smtpd_tx_reset(s);
	s->state = ST_READY;
	memcpy(s->helo, c->arg.p, c->arg.n);
	s->client.helo = slice_of(s->helo, c->arg.n);
	s->client.helo_odd = odd;
	s->client.esmtp = c->verb != SMTP_HELO;
	if (!helo_welcome(s))
		return;
	if (s->client.esmtp)
		write_keywords(s);
	else
		smtpd_say(s, 250, NULL, "%.*s", SFMT(s->service->hostname));
}

void smtpd_starttls(struct smtpd_session *s, const struct smtp_command *c)
{
	(void)c;
	if (s->tls) {
		smtpd_complain(s, 503, "5.5.1", "TLS is on already");
		return;
	}
	/* What comes in clear behind the command could be taken for encrypted (RFC 3207 6). */
	if (smtpd_talks_early(s)) {
		smtpd_say(s, 554, "5.5.0", "Nothing may follow STARTTLS before its reply");
		smtpd_end(s, "sync", "data behind STARTTLS");
		return;
	}
	smtpd_say(s, 220, "2.0.0", "Go ahead with TLS");
	if (s->over || !smtpd_start_tls(s))
		return;
	/* RFC 3207 4.2: everything said before is forgotten. */
	s->client.helo = S("");
	s->client.esmtp = s->client.helo_odd = false;
	if (!s->client.xclient)
		s->client.login = S("");
	s->state = ST_CONNECTED;
}

void smtpd_rset(struct smtpd_session *s, const struct smtp_command *c)
{
	(void)c;
	s->mail_lost = false;
	if (s->state & ST_TRANSACTION) {
		smtpd_tx_reset(s);
		s->state = ST_READY;
	}
	smtpd_say(s, 250, "2.0.0", "Forgotten");
}

void smtpd_noop(struct smtpd_session *s, const struct smtp_command *c)
{
	(void)c;
	smtpd_say(s, 250, "2.0.0", "Ok");
}

void smtpd_vrfy(struct smtpd_session *s, const struct smtp_command *c)
{
	(void)c; /* RFC 5321 3.5.3: neither a yes nor a no, and no list for spammers */
	smtpd_say(s, 252, "2.0.0", "Cannot tell; send mail and see");
}

void smtpd_help(struct smtpd_session *s, const struct smtp_command *c)
{
	(void)c;
	const char *hello = s->conf->kind == SMTPD_LMTP ? "LHLO" : "EHLO HELO";
	smtpd_say(s, 214, "2.0.0", "%s MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT%s%s", hello,
		smtpd_tls_offered(s) ? " STARTTLS" : "", smtpd_auth_offered(s) ? " AUTH" : "");
}

void smtpd_quit(struct smtpd_session *s, const struct smtp_command *c)
{
	(void)c;
	smtpd_say(s, 221, "2.0.0", "Bye");
	smtpd_end(s, "quit", NULL);
}
