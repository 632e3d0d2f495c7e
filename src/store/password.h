/*
 * password: what is stored in place of a password, and checking one. Two verifiers are kept:
 * argon2id (RFC 9106) for PLAIN and LOGIN, and the keys of SCRAM-SHA-256 (RFC 5802, 7677), from
 * which neither the password nor a login can be made. Passwords are prepared by SASLprep (RFC 4013)
 * first, so that every client's spelling of the same characters is the same.
 *
 * Both calls take tens of milliseconds and argon2 its memory: run them in the pool, few at once.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum {
	PASSWORD_MAX = 1000, /* bytes */
	PASSWORD_ARGON_KIB =
		19 * 1024, /* OWASP's first choice for argon2id: 19 MiB, 2 passes, 1 lane */
	PASSWORD_ARGON_PASSES = 2,
	PASSWORD_SCRAM_ITERATIONS = 65536,
};

struct password {
	slice argon2; /* "$argon2id$v=19$m=...$salt$hash" */
	slice scram; /* "SCRAM-SHA-256$iter:salt$StoredKey:ServerKey", base64 (RFC 5803) */
};
/* Strings from *a. Rules for what people may choose are in password_rule.h. ERR_PROTO: empty, too long, or characters that SASLprep forbids. */
int password_make(slice password, struct arena *a, struct password *ret, struct err *e);

/* Does the password belong to this argon2 verifier? Fails closed: whatever is malformed, of another
 * kind, or asks for absurd resources is a no. An empty verifier is a no that takes as long as a
 * yes: ask it for unknown accounts. */
bool password_verify(slice argon2, slice password);

/* The parts of a SCRAM verifier, borrowed: for the SASL library. False: malformed. */
struct password_scram {
	slice iterations, salt, stored_key, server_key; /* decimal; base64 */
};
bool password_scram_parse(slice scram, struct password_scram *ret);
