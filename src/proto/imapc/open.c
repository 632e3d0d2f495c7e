/*
 * A session's beginning and end (RFC 9051 sections 3, 6.1.3, 6.2.1): TLS (mail/remote.h), greeting, capabilities, login
 * (auth.c), logout. What a server told before TLS is forgotten (RFC 9051 6.2.1).
 */
#include "base/mem.h"
#include "proto/imapc/session.h"

#define GOODBYE_TIME (3 * SECOND)

static int handshake(struct imapc *s, struct err *e)
{
	if (remote_handshake(s->io, &s->cfg, e) == 0)
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
	if (s->cfg.tls == REMOTE_TLS_IMPLICIT && handshake(s, e) < 0)
		return -1;
	if (imapc_greeting(s, e) < 0 || imapc_capability(s, e) < 0)
		return -1;
	/* PREAUTH comes before anything could be protected (RFC 9051 11.1). */
	if (s->cfg.tls == REMOTE_TLS_START &&
		(s->preauth ? err_set(e, ERR_DENIED, "the IMAP server lets anybody in, without TLS")
			    : starttls(s, e)) < 0)
		return -1;
	return imapc_login(s, e) < 0 ? -1 : agree(s, e);
}

int imapc_open(struct io *io, const struct remote *to, struct imapc **ret, struct err *e)
{
	struct imapc *s = NEW(struct imapc);
	s->io = io;
	s->cfg = remote_keep(to, &s->mem);
	s->word = BUF(IMAPC_WORD_MAX);
	s->text = BUF(IMAPC_LINE_MAX);
	*e = (struct err){0};
	if (introduce(s, e) < 0) {
		imapc_close(s);
		return -1;
	}
	*ret = s;
	return 0;
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
