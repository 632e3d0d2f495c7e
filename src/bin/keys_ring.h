/*
 * keys_ring: the keyring in the memory of the keys process: private keys parsed once, found by
 * domain and by id, and what is done with them. Wiped when it goes. Signing may run in several
 * threads at once; a ring that is being used is held by a reference.
 */
#pragma once
#include "bin/keys_wire.h"
#include "store/keyring.h"

struct keys_ring;
/* Reads all active keys and the secrets. Blocks. A key that cannot be parsed is left out and
 * logged. */
int keys_ring_load(struct sql *db, struct keys_ring **ret, struct err *e);
/* Counted references; both in the loop's thread. */
struct keys_ring *keys_ring_ref(struct keys_ring *r);
void keys_ring_unref(struct keys_ring *r); /* NULL is fine */
size_t keys_ring_count(const struct keys_ring *r);

/* Keys for the domain (A-labels, lower case), else for the nearest parent that has any: RSA first,
 * newest first. Borrowed from the ring. */
size_t keys_ring_list(const struct keys_ring *r, slice domain, const struct signer_key **ret);

struct keys_ring_key;
const struct keys_ring_key *keys_ring_find(const struct keys_ring *r, int64_t id); /* or NULL */
bool keys_ring_is_rsa(const struct keys_ring_key *k);
/* ERR_BUG when OpenSSL refuses. Any thread. An RSA key takes a millisecond or several. */
int keys_ring_sign(const struct keys_ring_key *k, slice digest,
	unsigned char ret[KEYS_SIGNATURE_MAX], size_t *ret_n, struct err *e);

/* HMAC-SHA-256. ERR_NOTFOUND: no such secret. */
int keys_ring_hmac(const struct keys_ring *r, slice secret, bool old, slice text,
	unsigned char ret[32], struct err *e);
