/*
 * One SASL exchange (sasl.h). Unknown logins and wrong passwords take the same way: SCRAM goes on to its
 * end with keys that nobody has. Tokens are read in sasl_oauth.c. Used by the auth role.
 */
#include "bin/sasl.h"

#include "base/b64.h"
#include "base/buf.h"
#include "base/mem.h"
#include "bin/sasl_oauth.h"
#include "store/password.h"
#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

struct sasl_library {
	Gsasl *gsasl;
	unsigned char secret[SASL_SECRET];
};

struct sasl {
	struct sasl_library *library;
	Gsasl_session *session;
	bool plaintext, plus, silent_first;
	bool token, xoauth2, told; /* told: the client was told that its token is wrong */
	char *out; /* the last challenge, gsasl's memory */
	struct arena mem;
	/* During a step. */
	sasl_lookup lookup;
	void *arg;
	/* What came of it. */
	bool looked_up, found, temp;
	struct sasl_verifier verifier;
	slice name, act_as;
	char *secret;
	size_t secret_n;
	char why[200];
};

static void because(struct sasl *s, const char *why)
{
	if (!s->why[0])
		snprintf(s->why, sizeof s->why, "%s", why);
}

/* Once an exchange. */
static void look_up(struct sasl *s, slice name)
{
	struct err e;
	if (s->looked_up)
		return;
	s->looked_up = true;
	s->name = arena_dup(&s->mem, slice_first(name, SASL_NAME_MAX));
	if (name.n > SASL_NAME_MAX) {
		because(s, "name too long");
		return;
	}
	if (s->lookup(s->arg, s->name, &s->mem, &s->verifier, &e) == 0) {
		s->found = true;
		return;
	}
	s->temp = e.kind != ERR_NOTFOUND;
	because(s, s->temp ? e.text : "no such account");
	s->verifier = (struct sasl_verifier){0};
}

static void forget_secret(struct sasl *s)
{
	if (s->secret)
		OPENSSL_cleanse(s->secret, s->secret_n);
	free(s->secret);
	s->secret = NULL;
	s->secret_n = 0;
}

static void keep_secret(struct sasl *s, slice secret)
{
	forget_secret(s);
	s->secret = mem_dup(secret.p ? secret.p : "", secret.n);
	s->secret_n = secret.n;
}

/* ---- PLAIN and LOGIN ---- */

/* Both are known; whether they are right is found out by the caller. */
static int note_password(struct sasl *s)
{
	const char *name = gsasl_property_fast(s->session, GSASL_AUTHID);
	const char *password = gsasl_property_fast(s->session, GSASL_PASSWORD);
	if (!name || !password)
		return GSASL_AUTHENTICATION_ERROR;
	if (strlen(name) > SASL_NAME_MAX) {
		because(s, "name too long");
		return GSASL_AUTHENTICATION_ERROR;
	}
	s->name = arena_dup(&s->mem, slice_z(name));
	keep_secret(s, slice_z(password));
	return GSASL_OK;
}

/* ---- SCRAM ---- */

static void derive(const struct sasl *s, const char *what, slice name, unsigned char out[32])
{
	char text[SASL_NAME_MAX + 32];
	int n = snprintf(text, sizeof text, "%s:%.*s", what, SFMT(name));
	HMAC(EVP_sha256(), s->library->secret, SASL_SECRET, (unsigned char *)text, (size_t)n, out,
		NULL);
}

static slice derive_b64(struct sasl *s, const char *what, size_t n)
{
	unsigned char raw[32];
	AUTO(buf) struct buf text = BUF(64);
	derive(s, what, s->name, raw);
	b64_encode(&text, slice_of(raw, n));
	return arena_dup(&s->mem, buf_slice(&text));
}

/* The account's keys, or ones that nobody can answer. */
static struct password_scram scram_keys(struct sasl *s)
{
	struct password_scram keys;
	if (s->found && password_scram_parse(s->verifier.scram, &keys))
		return keys;
	if (s->found)
		because(s, "account has no SCRAM keys, or may not use them");
	s->found = false;
	return (struct password_scram){
		.iterations = arena_printf(&s->mem, "%d", PASSWORD_SCRAM_ITERATIONS),
		.salt = derive_b64(s, "salt", 16),
		.stored_key = derive_b64(s, "stored", 32),
		.server_key = derive_b64(s, "server", 32),
	};
}

static int give_scram(struct sasl *s, Gsasl_property prop)
{
	const char *name = gsasl_property_fast(s->session, GSASL_AUTHID);
	if (!name)
		return GSASL_NO_CALLBACK;
	look_up(s, slice_z(name));
	struct password_scram keys = scram_keys(s);
	slice v = prop == GSASL_SCRAM_ITER        ? keys.iterations
		  : prop == GSASL_SCRAM_SALT      ? keys.salt
		  : prop == GSASL_SCRAM_SERVERKEY ? keys.server_key
						  : keys.stored_key;
	return gsasl_property_set_raw(s->session, prop, v.p, v.n);
}

static int callback(Gsasl *g, Gsasl_session *session, Gsasl_property prop)
{
	struct sasl *s = gsasl_session_hook_get(session);
	(void)g;
	switch (prop) {
	case GSASL_VALIDATE_SIMPLE:
		return note_password(s);
	case GSASL_SCRAM_ITER:
	case GSASL_SCRAM_SALT:
	case GSASL_SCRAM_SERVERKEY:
	case GSASL_SCRAM_STOREDKEY:
		return give_scram(s, prop);
	default:
		return GSASL_NO_CALLBACK;
	}
}

/* ---- the exchange ---- */

int sasl_library_open(
	const unsigned char secret[SASL_SECRET], struct sasl_library **ret, struct err *e)
{
	struct sasl_library *l = NEW(struct sasl_library);
	int r = gsasl_init(&l->gsasl);
	if (r != GSASL_OK) {
		free(l);
		return err_set(e, ERR_TEMP, "gsasl: %s", gsasl_strerror(r));
	}
	memcpy(l->secret, secret, SASL_SECRET);
	gsasl_callback_set(l->gsasl, callback);
	*ret = l;
	return 0;
}

void sasl_library_close(struct sasl_library *l)
{
	if (!l)
		return;
	gsasl_done(l->gsasl);
	OPENSSL_cleanse(l->secret, sizeof l->secret);
	free(l);
}

static bool known_mech(slice mech, struct sasl *s)
{
	s->silent_first = slice_eq(mech, S("LOGIN"));
	s->plaintext = s->silent_first || slice_eq(mech, S("PLAIN"));
	s->plus = slice_eq(mech, S("SCRAM-SHA-256-PLUS"));
	s->xoauth2 = slice_eq(mech, S("XOAUTH2"));
	s->token = s->xoauth2 || slice_eq(mech, S("OAUTHBEARER"));
	return s->token || s->plaintext || s->plus || slice_eq(mech, S("SCRAM-SHA-256"));
}

/* Only for -PLUS: in the plain variant a client may not support what we do (RFC 5802 section 6). */
static int bind_channel(struct sasl *s, slice type, slice data, struct err *e)
{
	AUTO(buf) struct buf text = BUF(256);
	if (!s->plus)
		return 0;
	if (data.n == 0)
		return err_set(e, ERR_PROTO, "no channel to bind to");
	b64_encode(&text, data);
	Gsasl_property p =
		slice_eq(type, S("tls-exporter")) ? GSASL_CB_TLS_EXPORTER : GSASL_CB_TLS_UNIQUE;
	int r = gsasl_property_set_raw(s->session, p, text.p, text.n);
	return r == GSASL_OK ? 0 : err_set(e, ERR_TEMP, "gsasl: %s", gsasl_strerror(r));
}

struct sasl *sasl_begin(
	struct sasl_library *l, slice mech, slice cb_type, slice cb_data, struct err *e)
{
	struct sasl *s = NEW(struct sasl);
	char name[32];
	s->library = l;
	if (!known_mech(mech, s)) {
		err_set(e, ERR_NOTFOUND, "no mechanism %.*s", SFMT(slice_first(mech, 40)));
		free(s);
		return NULL;
	}
	if (s->token)
		return s;
	snprintf(name, sizeof name, "%.*s", SFMT(mech));
	int r = gsasl_server_start(l->gsasl, name, &s->session);
	if (r != GSASL_OK) {
		err_set(e, ERR_TEMP, "gsasl: %s", gsasl_strerror(r));
		s->session = NULL;
	} else {
		gsasl_session_hook_set(s->session, s);
	}
	if (!s->session || bind_channel(s, cb_type, cb_data, e) < 0) {
		sasl_end(s);
		return NULL;
	}
	return s;
}

/* Nobody acts as somebody else. */
static enum sasl_outcome finish(struct sasl *s, slice act_as)
{
	bool named = !s->token && slice_ieq(act_as, s->name);
	if (act_as.n && !named && !slice_ieq(act_as, s->verifier.login)) {
		because(s, "wants to act as another account");
		return SASL_FAILED;
	}
	return SASL_OK;
}

static slice authzid(const struct sasl *s)
{
	return slice_z(s->session ? gsasl_property_fast(s->session, GSASL_AUTHZID) : NULL);
}

/* RFC 7628 section 3: everything is in the first response. */
static enum sasl_outcome step_token(struct sasl *s, slice response, slice *ret_challenge)
{
	struct sasl_bearer b;
	*ret_challenge = S("");
	if (s->told)
		return SASL_FAILED;
	if (!response.p)
		return SASL_MORE;
	bool fine = s->xoauth2 ? sasl_xoauth2_parse(response, &b)
			       : sasl_oauthbearer_parse(response, &s->mem, &b);
	if (!fine || b.token.n == 0 || b.token.n > SASL_TOKEN_MAX || b.user.n > SASL_NAME_MAX) {
		because(s, "malformed token response");
		return SASL_FAILED;
	}
	s->name = arena_dup(&s->mem, b.user);
	s->act_as = s->name;
	keep_secret(s, b.token);
	return SASL_TOKEN;
}

enum sasl_outcome sasl_verdict(struct sasl *s, slice login, slice *ret_challenge)
{
	forget_secret(s);
	*ret_challenge = S("");
	if (login.n) {
		s->verifier.login = arena_dup(&s->mem, login);
		s->found = true;
		return finish(s, s->token ? s->act_as : authzid(s));
	}
	if (!s->token)
		return SASL_FAILED;
	s->told = true;
	*ret_challenge = s->xoauth2 ? S("{\"status\":\"401\",\"schemes\":\"bearer\"}")
				    : S("{\"status\":\"invalid_token\"}");
	return SASL_MORE;
}

static int run(struct sasl *s, slice response, slice *ret_challenge)
{
	size_t n = 0;
	gsasl_free(s->out);
	s->out = NULL;
	int r = gsasl_step(s->session, response.p ? response.p : "", response.n, &s->out, &n);
	*ret_challenge = slice_of(s->out, r == GSASL_OK || r == GSASL_NEEDS_MORE ? n : 0);
	return r;
}

enum sasl_outcome sasl_step(
	struct sasl *s, slice response, sasl_lookup lookup, void *arg, slice *ret_challenge)
{
	s->lookup = lookup;
	s->arg = arg;
	if (s->token)
		return step_token(s, response, ret_challenge);
	if (s->silent_first && response.p) {
		/* LOGIN asks first; this client knew the question. */
		int first = run(s, S(""), ret_challenge);
		if (first != GSASL_NEEDS_MORE)
			return SASL_TEMP;
	}
	s->silent_first = false;
	int r = run(s, response, ret_challenge);
	if (r == GSASL_NEEDS_MORE)
		return SASL_MORE;
	if (s->temp)
		return SASL_TEMP;
	if (r == GSASL_OK && s->plaintext)
		return SASL_PASSWORD;
	if (r == GSASL_OK && s->found)
		return finish(s, authzid(s));
	because(s, gsasl_strerror(r));
	return SASL_FAILED;
}

slice sasl_login(const struct sasl *s)
{
	return s->verifier.login;
}

slice sasl_name(const struct sasl *s)
{
	return s->name;
}

const char *sasl_why(const struct sasl *s)
{
	return s->why;
}

slice sasl_secret(const struct sasl *s)
{
	return slice_of(s->secret, s->secret_n);
}

bool sasl_is_token(const struct sasl *s)
{
	return s->token;
}

void sasl_end(struct sasl *s)
{
	if (!s)
		return;
	forget_secret(s);
	gsasl_free(s->out);
	if (s->session)
		gsasl_finish(s->session);
	arena_done(&s->mem);
	free(s);
}
