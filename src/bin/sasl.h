/*
 * sasl: the server's side of one SASL exchange: PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 and
 * SCRAM-SHA-256-PLUS (RFC 5802, 7677, 9266) by libgsasl, OAUTHBEARER (RFC 7628) and XOAUTH2 here. No
 * network, no storage. SCRAM proves a password by itself, with keys from a callback (which blocks: in
 * the pool); the others hand over a password or a token, which the caller checks and tells sasl_verdict.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

enum {
	SASL_SECRET = 32,
	SASL_NAME_MAX = 320,
	SASL_RESPONSE_MAX = 12 * 1024,
	SASL_TOKEN_MAX = 10 * 1024
};

/* What is stored for a login. */
struct sasl_verifier {
	slice login; /* canonical */
	slice scram; /* empty: none, as if the account did not exist */
};
/* 0; -1 ERR_NOTFOUND: no such login, else ERR_TEMP. Strings from *a. In a pool thread. */
typedef int (*sasl_lookup)(
	void *arg, slice login, struct arena *a, struct sasl_verifier *ret, struct err *e);

struct sasl_library;
/* secret: unknown logins get a SCRAM salt made of it, the same each time, as if they existed. */
int sasl_library_open(
	const unsigned char secret[SASL_SECRET], struct sasl_library **ret, struct err *e);
void sasl_library_close(struct sasl_library *l);

enum sasl_outcome {
	SASL_MORE,
	SASL_OK,
	SASL_FAILED,
	SASL_TEMP,
	SASL_PASSWORD, /* sasl_name and sasl_secret are to be checked */
	SASL_TOKEN, /* sasl_secret is; sasl_name may be empty */
};

struct sasl;
/* NULL: no such mechanism. cb_type empty: no channel binding. */
struct sasl *sasl_begin(
	struct sasl_library *l, slice mech, slice cb_type, slice cb_data, struct err *e);
/* The next response; NULL slice (p == NULL): the client has not spoken yet. The challenge is
 * borrowed until the next call. */
enum sasl_outcome sasl_step(
	struct sasl *s, slice response, sasl_lookup lookup, void *arg, slice *ret_challenge);
/* The password or the token; borrowed, wiped by sasl_verdict and sasl_end. */
slice sasl_secret(const struct sasl *s);
/* What the caller found: `login` is the canonical login that it belongs to, empty: wrong. SASL_OK; SASL_FAILED also
 * when it is right and wants to act as another account. SASL_MORE: a wrong token, which the client is told about first
 * (the challenge; RFC 7628 3.2.2), and its next answer, whatever it is, ends in SASL_FAILED. */
enum sasl_outcome sasl_verdict(struct sasl *s, slice login, slice *ret_challenge);
slice sasl_login(const struct sasl *s); /* canonical, once the account was found; or empty */
slice sasl_name(const struct sasl *s); /* as the client gave it, or empty */
const char *sasl_why(const struct sasl *s); /* after FAILED, TEMP */
bool sasl_is_token(const struct sasl *s);
void sasl_end(struct sasl *s);
