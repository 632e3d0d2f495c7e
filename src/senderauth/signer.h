/*
 * signer: how the code that builds a signature reaches private keys, which live in another process
 * (keys) and never leave it: through a table of functions. In the product bin/ implements it over
 * the link to the keys process; in tests it holds keys of its own. Both functions may wait.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/time.h"
#include "codec/dkim_record.h"

enum { SIGNER_KEYS_MAX = 8 }; /* keys that sign for one domain at a time */

struct signer_key {
	int64_t id;
	slice domain; /* d=: the domain asked for, or a parent of it that has keys */
	slice selector; /* s= */
	enum dkim_algorithm algorithm;
};

struct signer {
	/* Keys that are to sign for mail of `domain`, best first; 0 keys is no error. -1: ERR_TEMP,
	 * ERR_TIMEOUT. */
	int (*keys)(void *arg, slice domain, struct arena *a, struct signer_key *ret, size_t *ret_n,
		struct err *e);
	/* The signature of a SHA-256 digest: RSASSA-PKCS1-v1_5 (RFC 8017), or Ed25519 over the
	 * digest (RFC 8463 section 3). Raw bytes. ERR_NOTFOUND: the key is gone. */
	int (*sign)(
		void *arg, int64_t key, slice digest, struct arena *a, slice *ret, struct err *e);
	void *arg;
};
