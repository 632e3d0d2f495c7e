/*
 * keys_wire: what server processes and the keys process say to each other over their link. One
 * call, one answer; errors come by link_refuse.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "senderauth/signer.h"

enum keys_op {
	KEYS_LIST = 1, /* the keys that sign for a domain */
	KEYS_SIGN, /* a digest */
	KEYS_HMAC, /* HMAC-SHA-256 by a named secret */
};

enum {
	KEYS_WIRE_MAX = 16 * 1024,
	KEYS_DIGEST = 32, /* SHA-256 */
	KEYS_HMAC_TEXT_MAX = 4096,
	KEYS_SIGNATURE_MAX = 512, /* RSA with 4096 bits */
};

struct keys_request {
	enum keys_op op;
	slice domain; /* LIST */
	int64_t key; /* SIGN */
	slice digest; /* SIGN */
	slice secret, text; /* HMAC */
	bool old; /* HMAC: by the secret before the last renewal; ERR_NOTFOUND: none */
};
void keys_request_encode(struct buf *out, const struct keys_request *r);
bool keys_request_decode(slice in, struct keys_request *ret); /* borrows from in */

/* The answer to LIST; those to SIGN and HMAC are the bare bytes. */
void keys_list_encode(struct buf *out, const struct signer_key *v, size_t n);
bool keys_list_decode(slice in, struct signer_key ret[SIGNER_KEYS_MAX], size_t *ret_n);
