/*
 * The beginning of a POP3 session (pop3c.h): greeting, capabilities (RFC 2449), STLS (RFC 2595), SASL (RFC 5034) or USER and PASS. What was told before TLS
 * is forgotten. Called by pop3c_open.
 */
#include "base/b64.h"
#include "base/mem.h"
#include "proto/pop3c/session.h"
#include "run/dns.h"

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
	static const enum tls_verify how[] = {TLS_VERIFY_HOST, TLS_VERIFY_DANE, TLS_OPPORTUNISTIC};
	const struct dns_tlsa this = {
		.usage = 3, .matching = 1, .data = slice_of(s->cfg.fingerprint, POP3C_FINGERPRINT)};
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

static int sasl(struct pop3c *s, const char *mech, slice response, struct err *e)
{
	AUTO(buf) struct buf text = BUF(64 * 1024);
	slice said;
	b64_encode(&text, response);
	int r = pop3c_ask(s, &said, e, "AUTH %s", mech);
	if (r == 1)
		r = pop3c_ask(s, &said, e, "%.*s", (int)text.n, text.p);
	if (r == 1) /* a challenge that explains a refusal (RFC 7628): nothing more to say */
		r = pop3c_ask(s, &said, e, "AQ==");
	if (r > 0)
		return pop3c_broken(s, e, "challenges without end");
	return r < 0 ? denied(s, e) : 0;
}

static int plain(struct pop3c *s, struct err *e)
{
	AUTO(buf) struct buf b = BUF(48 * 1024);
	buf_put(&b, s->cfg.as);
	buf_byte(&b, 0);
	buf_put(&b, s->cfg.user);
	buf_byte(&b, 0);
	buf_put(&b, s->cfg.password.value);
	return sasl(s, "PLAIN", buf_slice(&b), e);
}

static int token(struct pop3c *s, bool bearer, struct err *e)
{
	AUTO(buf) struct buf b = BUF(48 * 1024);
	slice user = s->cfg.as.n ? s->cfg.as : s->cfg.user;
	if (bearer)
		buf_printf(&b, "n,a=%.*s,\1host=%.*s\1port=%u\1auth=Bearer %.*s\1\1", SFMT(user),
			SFMT(s->cfg.host), s->cfg.port, SFMT(s->cfg.password.value));
	else
		buf_printf(&b, "user=%.*s\1auth=Bearer %.*s\1\1", SFMT(user),
			SFMT(s->cfg.password.value));
	return sasl(s, bearer ? "OAUTHBEARER" : "XOAUTH2", buf_slice(&b), e);
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
	*e = (struct err){0};
	switch (s->cfg.mech) {
	case POP3C_AUTH_PLAIN:
		return plain(s, e);
	case POP3C_AUTH_USER:
		return user_pass(s, e);
	case POP3C_AUTH_XOAUTH2:
		return token(s, false, e);
	case POP3C_AUTH_OAUTHBEARER:
		return token(s, true, e);
	default:
		return s->plain ? plain(s, e) : user_pass(s, e);
	}
}

static int introduce(struct pop3c *s, struct err *e)
{
	slice text;
	if (s->cfg.tls == POP3C_TLS_IMPLICIT && handshake(s, e) < 0)
		return -1;
	int r = pop3c_answer(s, &text, e);
	if (r)
		return r < 0 ? -1 : pop3c_broken(s, e, "no greeting");
	if (capabilities(s, e) < 0)
		return -1;
	if (s->cfg.tls == POP3C_TLS_START && starttls(s, e) < 0)
		return -1;
	return login(s, e);
}

int pop3c_open(struct io *io, const struct pop3c_config *c, struct pop3c **ret, struct err *e)
{
	struct pop3c *s = NEW(struct pop3c);
	s->io = io;
	s->cfg = *c;
	s->cfg.host = arena_dup(&s->mem, c->host);
	s->cfg.user = arena_dup(&s->mem, c->user);
	s->cfg.as = arena_dup(&s->mem, c->as);
	s->cfg.password.value = arena_dup(&s->mem, c->password.value);
	if (s->cfg.idle_time <= 0)
		s->cfg.idle_time = 2 * MINUTE;
	if (introduce(s, e) < 0) {
		pop3c_close(s);
		return -1;
	}
	*ret = s;
	return 0;
}
