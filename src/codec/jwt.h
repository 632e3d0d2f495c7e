/*
 * jwt: signed tokens (JWT, RFC 7519; JWS compact, RFC 7515) and sets of public keys (JWK, RFC 7517). Only public-key algorithms:
 * RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA (Ed25519). An algorithm counts only with a key of its own
 * kind, so "none", HMAC with a public key as secret, and other confusions have nothing to hold on to (RFC 8725).
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include <jansson.h>

enum {
	JWT_MAX = 16 * 1024, /* bytes of a token */
	JWKS_MAX = 256 * 1024, /* of a set of keys */
	JWKS_KEYS_MAX = 100,
};

struct jwks;
/* Keys that cannot be used (symmetric ones, too small, of unknown kinds, for encryption) are left out. ERR_PROTO: no set of keys. */
int jwks_parse(slice json, struct jwks **ret, struct err *e);
void jwks_free(struct jwks *k); /* NULL is fine */
size_t jwks_count(const struct jwks *k);

struct jwt_expect {
	slice issuer; /* exactly */
	const slice *audiences; /* one of them must be in "aud" */
	size_t naudiences;
	int64_t now, skew; /* seconds since 1970; how far clocks may differ */
	int64_t max_life; /* of a token, exp - iat where it has both; 0: any */
};
/* 0 and the claims, to be json_decref()ed. -1: ERR_NOTFOUND: signed by a key that is not in the set (which may be old), ERR_DENIED: any other
 * reason, which the text names: for logs. */
int jwt_verify(const struct jwks *k, slice token, const struct jwt_expect *x, json_t **ret_claims,
	struct err *e);
