/*
 * The client's AUTH (RFC 4954) by libgsasl: SCRAM-SHA-256 (RFC 7677), with channel binding where
 * the peer offers it, else PLAIN or LOGIN when the connection is encrypted or the configuration
 * allows it in clear. Called once by open.c. A server that accepts a SCRAM login without proving
 * that it knows the password itself is treated as a failure.
 */
#include "base/b64.h"
#include "base/mem.h"
#include "proto/smtpc/session.h"

#include <gsasl.h>

enum { ROUNDS_MAX = 10 };

struct login {
	struct smtpc *s;
	const char *mech;
	Gsasl *lib;
	Gsasl_session *sasl;
	bool finished; /* our side has nothing more to say or to check */
};

static int login_failed(struct smtpc *s, struct status_code status, const char *why)
{
	slice text = arena_printf(&s->mem, "auth: %s", why);
	return smtpc_refused(s, smtpc_result_own(SMTPC_TEMP, SMTPC_AT_AUTH, status, text));
}

/* Returns false when the connection has no binding the peer could check. */
static bool give_binding(struct login *l)
{
	AUTO(buf) struct buf text = BUF(256);
	const char *type;
	char data[64];
	size_t n;
	if (!tls_active(l->s->io) || !tls_channel_binding(l->s->io, &type, data, &n))
		return false;
	b64_encode(&text, slice_of(data, n));
	buf_byte(&text, 0);
	gsasl_property_set(l->sasl,
		strcmp(type, "tls-exporter") == 0 ? GSASL_CB_TLS_EXPORTER : GSASL_CB_TLS_UNIQUE,
		text.p);
	return true;
}

static bool begin(struct login *l, const char *mech)
{
	if (gsasl_client_start(l->lib, mech, &l->sasl) != GSASL_OK)
		return false;
	l->mech = mech;
	if (slice_ends(slice_z(mech), S("-PLUS")) && !give_binding(l)) {
		gsasl_finish(take(&l->sasl));
		return false;
	}
	gsasl_property_set(l->sasl, GSASL_AUTHID, l->s->cfg.auth_user.p);
	gsasl_property_set(l->sasl, GSASL_PASSWORD, l->s->cfg.auth_password.value.p);
	return true;
}

static bool choose(struct login *l)
{
	unsigned offered = l->s->caps.mechs;
	bool clear = l->s->cfg.auth_plaintext || tls_active(l->s->io);
	return ((offered & SMTP_MECH_SCRAM_SHA_256_PLUS) && begin(l, "SCRAM-SHA-256-PLUS")) ||
	       ((offered & SMTP_MECH_SCRAM_SHA_256) && begin(l, "SCRAM-SHA-256")) ||
	       (clear && (offered & SMTP_MECH_PLAIN) && begin(l, "PLAIN")) ||
	       (clear && (offered & SMTP_MECH_LOGIN) && begin(l, "LOGIN"));
}

/* Our answer to a challenge, both in base64. Freed by the caller; NULL: the exchange is at its end.
 */
static char *answer(struct login *l, const char *challenge)
{
	char *out = NULL;
	int r = gsasl_step64(l->sasl, challenge, &out);
	l->finished = r == GSASL_OK;
	if (r == GSASL_OK || r == GSASL_NEEDS_MORE)
		return out;
	gsasl_free(out);
	return NULL;
}

static void wipe_and_free(char *z)
{
	if (z)
		explicit_bzero(z, strlen(z));
	gsasl_free(z);
}

static int send_line(struct smtpc *s, const char *a, const char *b, const char *c)
{
	struct err e;
	if (io_printf(s->io, &e, "%s%s%s\r\n", a, b, c) < 0)
		return smtpc_lost(s, SMTPC_AT_AUTH, &e);
	return smtpc_read(s, SMTPC_AT_AUTH, s->cfg.timeouts.command);
}

/* Client-first mechanisms send their first words with the command (RFC 4954 4). */
static int start(struct login *l)
{
	if (strcmp(l->mech, "LOGIN") == 0)
		return send_line(l->s, "AUTH LOGIN", "", "");
	char *first = answer(l, "");
	if (!first)
		return login_failed(l->s, STATUS(4, 7, 0), "the first step failed");
	AUTO(free) char *verb = mem_alloc(64);
	snprintf(verb, 64, "AUTH %s ", l->mech);
	int r = send_line(l->s, verb, *first ? first : "=", "");
	wipe_and_free(first);
	return r;
}

static int next(struct login *l)
{
	slice text = slice_trim(buf_slice(&l->s->reply.text));
	AUTO(free) char *challenge = mem_dup(text.p, text.n);
	char *reply = l->finished ? NULL : answer(l, challenge);
	if (!reply) {
		if (send_line(l->s, "*", "", "") < 0) /* RFC 4954 4: cancels */
			return -1;
		return login_failed(l->s, STATUS(4, 7, 0), "the server's challenge is wrong");
	}
	int r = send_line(l->s, reply, "", "");
	wipe_and_free(reply);
	return r;
}

static int exchange(struct login *l)
{
	struct smtpc *s = l->s;
	if (start(l) < 0)
		return -1;
	for (int round = 0; s->reply.code == 334; round++) {
		if (round == ROUNDS_MAX)
			return login_failed(s, STATUS(4, 7, 0), "too many challenges");
		if (next(l) < 0)
			return -1;
	}
	if (s->reply.code / 100 != 2)
		return smtpc_refused(s, smtpc_result_of(s, SMTPC_AT_AUTH, &s->mem));
	if (!l->finished)
		return login_failed(
			s, STATUS(4, 7, 0), "the server did not prove that it knows the password");
	s->auth = true;
	return 0;
}

int smtpc_login(struct smtpc *s)
{
	struct login l = {.s = s};
	if (gsasl_init(&l.lib) != GSASL_OK)
		return login_failed(s, STATUS(4, 3, 0), "libgsasl does not start");
	int r = choose(&l) ? exchange(&l)
			   : login_failed(s, STATUS(4, 7, 4),
				     "the peer offers no mechanism that may be used here");
	if (l.sasl)
		gsasl_finish(l.sasl);
	gsasl_done(l.lib);
	return r;
}
