/*
 * A session's beginning and end (RFC 9051 sections 3, 6.1.3, 6.2.1): connecting, TLS with the trust that was asked for, greeting, capabilities, login
 * (auth.c), logout. What a server told before TLS is forgotten (RFC 9051 6.2.1).
 */
#include "base/mem.h"
#include "proto/imapc/session.h"
#include "run/dns.h"

#define CONNECT_TIME (30 * SECOND)
#define GOODBYE_TIME (3 * SECOND)

static struct imapc *session_new(const struct imapc_config *c)
{
	struct imapc *s = NEW(struct imapc);
	s->cfg = *c;
	s->cfg.host = arena_dup(&s->mem, c->host);
	s->cfg.user = arena_dup(&s->mem, c->user);
	s->cfg.as = arena_dup(&s->mem, c->as);
	s->cfg.password.value = arena_dup(&s->mem, c->password.value);
	if (s->cfg.idle_time <= 0)
		s->cfg.idle_time = 2 * MINUTE;
	if (s->cfg.command_time <= 0)
		s->cfg.command_time = 10 * MINUTE;
	s->word = BUF(IMAPC_WORD_MAX);
	s->text = BUF(IMAPC_LINE_MAX);
	return s;
}

/* A certificate is named by its SHA-256: RFC 7671's "3 0 1". */
static int handshake(struct imapc *s, struct err *e)
{
	static const enum tls_verify how[] = {TLS_VERIFY_HOST, TLS_VERIFY_DANE, TLS_OPPORTUNISTIC};
	const struct dns_tlsa this = {
		.usage = 3, .matching = 1, .data = slice_of(s->cfg.fingerprint, IMAPC_FINGERPRINT)};
	const struct tls_want want = {
		.host = s->cfg.host, .verify = how[s->cfg.trust], .tlsa = &this, .ntlsa = 1};
	enum tls_failure why;
	if (!s->cfg.ctx)
		return err_set(e, ERR_PERM, "TLS is not configured here");
	io_set_deadline(s->io, instant_in(s->cfg.idle_time));
	if (tls_connect_as(s->io, s->cfg.ctx, &want, &why, e) == 0)
		return 0;
	s->dead = true;
	return -1;
}

static int starttls(struct imapc *s, struct err *e)
{
	if (!(s->caps & CAP_STARTTLS))
		return err_set(e, ERR_DENIED, "the IMAP server does not offer STARTTLS");
	if (imapc_begin(s, e) < 0 || io_write(s->io, S("STARTTLS"), e) < 0 ||
		imapc_run(s, NULL, NULL, e) < 0 || handshake(s, e) < 0)
		return -1;
	s->caps = 0;
	s->caps_known = false;
	return imapc_capability(s, e);
}

/* A server that knows nothing but UTF-8 (RFC 6855 5) is told that we do, too. */
static int agree(struct imapc *s, struct err *e)
{
	if (imapc_capability(s, e) < 0)
		return -1;
	if (!(s->caps & CAP_UTF8_ONLY))
		return 0;
	if (imapc_begin(s, e) < 0 || io_write(s->io, S("ENABLE UTF8=ACCEPT"), e) < 0 ||
		imapc_run(s, NULL, NULL, e) < 0)
		return -1;
	s->utf8 = true;
	return 0;
}

static int introduce(struct imapc *s, struct err *e)
{
	if (s->cfg.tls == IMAPC_TLS_IMPLICIT && handshake(s, e) < 0)
		return -1;
	if (imapc_greeting(s, e) < 0 || imapc_capability(s, e) < 0)
		return -1;
	/* PREAUTH comes before anything could be protected (RFC 9051 11.1). */
	if (s->cfg.tls == IMAPC_TLS_START &&
		(s->preauth ? err_set(e, ERR_DENIED, "the IMAP server lets anybody in, without TLS")
			    : starttls(s, e)) < 0)
		return -1;
	return imapc_login(s, e) < 0 ? -1 : agree(s, e);
}

int imapc_open(struct io *io, const struct imapc_config *c, struct imapc **ret, struct err *e)
{
	struct imapc *s = session_new(c);
	s->io = io;
	*e = (struct err){0};
	if (introduce(s, e) < 0) {
		imapc_close(s);
		return -1;
	}
	*ret = s;
	return 0;
}

int imapc_connect(
	const struct net_addr *to, const struct imapc_config *c, struct imapc **ret, struct err *e)
{
	struct io *io;
	instant until = instant_in(CONNECT_TIME);
	if (c->deadline && c->deadline < until)
		until = c->deadline;
	return net_connect(to, NULL, until, &io, e) < 0 ? -1 : imapc_open(io, c, ret, e);
}

bool imapc_usable(const struct imapc *s)
{
	return !s->dead;
}

void imapc_close(struct imapc *s)
{
	if (!s)
		return;
	io_abort(s->io);
	buf_done(&s->word);
	buf_done(&s->text);
	arena_done(&s->mem);
	free(s);
}

void imapc_logout(struct imapc *s)
{
	struct err e;
	if (s && !s->dead && imapc_begin(s, &e) == 0 && io_write(s->io, S("LOGOUT"), &e) == 0) {
		s->cfg.command_time = s->cfg.idle_time = GOODBYE_TIME;
		s->until = instant_in(GOODBYE_TIME);
		imapc_run(s, NULL, NULL, &e);
	}
	imapc_close(s);
}
