/*
 * Logging in (RFC 9051 sections 6.2.2, 6.2.3; RFC 4616 PLAIN, also as somebody else; RFC 7628 OAUTHBEARER; XOAUTH2). Called by open.c once. A password
 * goes over an unencrypted connection only where the configuration says that there is no TLS.
 */
#include "base/b64.h"
#include "base/mem.h"
#include "proto/imapc/session.h"

enum { RESPONSE_MAX = 64 * 1024 };

static int denied(struct imapc *s, struct err *e)
{
	if (!s->dead && e->kind == ERR_PERM)
		e->kind = ERR_DENIED;
	return -1;
}

/* One command whose only answer is `response`. */
static int sasl(struct imapc *s, const char *mech, slice response, struct err *e)
{
	AUTO(buf) struct buf text = BUF(2 * RESPONSE_MAX);
	b64_encode(&text, response);
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

static int plain(struct imapc *s, struct err *e)
{
	AUTO(buf) struct buf b = BUF(RESPONSE_MAX);
	buf_put(&b, s->cfg.as);
	buf_byte(&b, 0);
	buf_put(&b, s->cfg.user);
	buf_byte(&b, 0);
	buf_put(&b, s->cfg.password.value);
	return sasl(s, "PLAIN", buf_slice(&b), e);
}

static int token(struct imapc *s, bool bearer, struct err *e)
{
	AUTO(buf) struct buf b = BUF(RESPONSE_MAX);
	slice user = s->cfg.as.n ? s->cfg.as : s->cfg.user;
	if (bearer)
		buf_printf(&b, "n,a=%.*s,\1host=%.*s\1port=%u\1auth=Bearer %.*s\1\1", SFMT(user),
			SFMT(s->cfg.host), s->cfg.port, SFMT(s->cfg.password.value));
	else
		buf_printf(&b, "user=%.*s\1auth=Bearer %.*s\1\1", SFMT(user),
			SFMT(s->cfg.password.value));
	return sasl(s, bearer ? "OAUTHBEARER" : "XOAUTH2", buf_slice(&b), e);
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
	enum imapc_mech mech = s->cfg.mech;
	if (s->preauth)
		return 0;
	if (mech == IMAPC_AUTH_AUTO)
		mech = s->caps & CAP_PLAIN ? IMAPC_AUTH_PLAIN : IMAPC_AUTH_LOGIN;
	if (mech == IMAPC_AUTH_LOGIN && s->caps & CAP_LOGINDISABLED)
		return err_set(e, ERR_DENIED, "the IMAP server has no login that we know");
	s->caps_known = false; /* others may be told with or after the login */
	switch (mech) {
	case IMAPC_AUTH_PLAIN:
		return plain(s, e);
	case IMAPC_AUTH_XOAUTH2:
		return token(s, false, e);
	case IMAPC_AUTH_OAUTHBEARER:
		return token(s, true, e);
	default:
		return login(s, e);
	}
}
