/*
 * Logging in (RFC 9051 sections 6.2.2, 6.2.3); what the mechanisms answer is mail/remote.h's. Called by open.c once. A password
 * goes over an unencrypted connection only where the configuration says that there is no TLS.
 */
#include "base/mem.h"
#include "proto/imapc/session.h"

static int denied(struct imapc *s, struct err *e)
{
	if (!s->dead && e->kind == ERR_PERM)
		e->kind = ERR_DENIED;
	return -1;
}

static int sasl(struct imapc *s, enum remote_mech how, struct err *e)
{
	AUTO(buf) struct buf text = BUF(2 * REMOTE_SASL_MAX);
	const char *mech = remote_sasl(&s->cfg, how, &text);
	bool at_once = s->caps & CAP_SASL_IR;
	if (imapc_begin(s, e) < 0 ||
		io_printf(s->io, e, "AUTHENTICATE %s%s%.*s", mech, at_once ? " " : "",
			at_once ? (int)text.n : 0, text.p) < 0)
		return -1;
	if (at_once)
		return imapc_run(s, NULL, NULL, e) < 0 ? denied(s, e) : 0;
	if (io_write(s->io, S("\r\n"), e) < 0)
		return -1;
	int r = imapc_wait_plus(s, e);
	if (r < 0)
		return denied(s, e);
	if (r == 0)
		return imapc_broken(s, e, "an end before the login");
	if (io_write(s->io, buf_slice(&text), e) < 0)
		return -1;
	return imapc_run(s, NULL, NULL, e) < 0 ? denied(s, e) : 0;
}

static int login(struct imapc *s, struct err *e)
{
	if (s->cfg.as.n)
		return err_set(e, ERR_DENIED,
			"the IMAP server has no AUTH=PLAIN: nobody can log in as somebody else");
	if (imapc_begin(s, e) < 0 || io_write(s->io, S("LOGIN "), e) < 0 ||
		imapc_put_string(s, s->cfg.user, e) < 0 || io_write(s->io, S(" "), e) < 0 ||
		imapc_put_string(s, s->cfg.password.value, e) < 0)
		return denied(s, e);
	return imapc_run(s, NULL, NULL, e) < 0 ? denied(s, e) : 0;
}

int imapc_login(struct imapc *s, struct err *e)
{
	enum remote_mech mech = s->cfg.mech;
	if (s->preauth)
		return 0;
	if (mech == REMOTE_AUTH_AUTO)
		mech = s->caps & CAP_PLAIN ? REMOTE_AUTH_PLAIN : REMOTE_AUTH_LOGIN;
	if (mech == REMOTE_AUTH_LOGIN && s->caps & CAP_LOGINDISABLED)
		return err_set(e, ERR_DENIED, "the IMAP server has no login that we know");
	s->caps_known = false; /* others may be told with or after the login */
	return mech == REMOTE_AUTH_LOGIN ? login(s, e) : sasl(s, mech, e);
}
