/*
 * The beginning of a POP3 session (pop3c.h): greeting, capabilities (RFC 2449), STLS (RFC 2595), SASL (RFC 5034) or USER and PASS. What was told before TLS
 * is forgotten. Called by pop3c_open.
 */
#include "base/mem.h"
#include "proto/pop3c/session.h"

static void capability(struct pop3c *s, slice text)
{
	slice word;
	if (slice_ieq(text, S("STLS")))
		s->stls = true;
	if (!slice_istarts(text, S("SASL ")))
		return;
	while (slice_cut(&text, ' ', &word)) {
		s->plain |= slice_ieq(word, S("PLAIN"));
		s->xoauth2 |= slice_ieq(word, S("XOAUTH2"));
		s->oauthbearer |= slice_ieq(word, S("OAUTHBEARER"));
	}
}

/* A server without CAPA has none of them. */
static int capabilities(struct pop3c *s, struct err *e)
{
	slice text;
	s->stls = s->plain = s->xoauth2 = s->oauthbearer = false;
	int r = pop3c_ask(s, &text, e, "CAPA");
	if (r < 0)
		return s->dead ? -1 : 0;
	for (int n = 0; (r = pop3c_next(s, &text, e)) == 1; n++) {
		if (n > 1000)
			return pop3c_broken(s, e, "capabilities without end");
		capability(s, slice_trim(text));
	}
	return r;
}

static int handshake(struct pop3c *s, struct err *e)
{
	if (remote_handshake(s->io, &s->cfg, e) == 0)
		return 0;
	s->dead = true;
	return -1;
}

static int starttls(struct pop3c *s, struct err *e)
{
	slice text;
	if (!s->stls)
		return err_set(e, ERR_DENIED, "the POP3 server does not offer STLS");
	int r = pop3c_ask(s, &text, e, "STLS");
	if (r)
		return r < 0 ? -1 : pop3c_broken(s, e, "something that is no answer");
	return handshake(s, e) < 0 ? -1 : capabilities(s, e);
}

/* ---- who we are ---- */

static int denied(struct pop3c *s, struct err *e)
{
	if (!s->dead && e->kind == ERR_PERM)
		e->kind = ERR_DENIED;
	return -1;
}

static int sasl(struct pop3c *s, enum remote_mech how, struct err *e)
{
	AUTO(buf) struct buf text = BUF(2 * REMOTE_SASL_MAX);
	slice said;
	const char *mech = remote_sasl(&s->cfg, how, &text);
	int r = pop3c_ask(s, &said, e, "AUTH %s", mech);
	if (r == 1)
		r = pop3c_ask(s, &said, e, "%.*s", (int)text.n, text.p);
	if (r == 1) /* a challenge that explains a refusal (RFC 7628): nothing more to say */
		r = pop3c_ask(s, &said, e, "AQ==");
	if (r > 0)
		return pop3c_broken(s, e, "challenges without end");
	return r < 0 ? denied(s, e) : 0;
}

/* What cannot stand in a line. */
static bool fits_line(slice v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] == '\r' || v.p[i] == '\n' || v.p[i] == 0)
			return false;
	return true;
}

static int user_pass(struct pop3c *s, struct err *e)
{
	slice said;
	if (s->cfg.as.n)
		return err_set(e, ERR_DENIED,
			"the POP3 server has no SASL PLAIN: nobody can log in as somebody else");
	if (!fits_line(s->cfg.user) || !fits_line(s->cfg.password.value))
		return err_set(e, ERR_DENIED, "the login or the password has more than one line");
	if (pop3c_ask(s, &said, e, "USER %.*s", SFMT(s->cfg.user)) != 0 ||
		pop3c_ask(s, &said, e, "PASS %.*s", SFMT(s->cfg.password.value)) != 0)
		return e->kind ? denied(s, e) : pop3c_broken(s, e, "something that is no answer");
	return 0;
}

static int login(struct pop3c *s, struct err *e)
{
	enum remote_mech mech = s->cfg.mech;
	*e = (struct err){0};
	if (mech == REMOTE_AUTH_AUTO)
		mech = s->plain ? REMOTE_AUTH_PLAIN : REMOTE_AUTH_LOGIN;
	return mech == REMOTE_AUTH_LOGIN ? user_pass(s, e) : sasl(s, mech, e);
}

static int introduce(struct pop3c *s, struct err *e)
{
	slice text;
	if (s->cfg.tls == REMOTE_TLS_IMPLICIT && handshake(s, e) < 0)
		return -1;
	int r = pop3c_answer(s, &text, e);
	if (r)
		return r < 0 ? -1 : pop3c_broken(s, e, "no greeting");
	if (capabilities(s, e) < 0)
		return -1;
	if (s->cfg.tls == REMOTE_TLS_START && starttls(s, e) < 0)
		return -1;
	return login(s, e);
}

int pop3c_open(struct io *io, const struct remote *to, struct pop3c **ret, struct err *e)
{
	struct pop3c *s = NEW(struct pop3c);
	s->io = io;
	s->cfg = remote_keep(to, &s->mem);
	if (introduce(s, e) < 0) {
		pop3c_close(s);
		return -1;
	}
	*ret = s;
	return 0;
}
