/*
 * pubkey: public keys of DKIM records as OpenSSL knows them, parsed once and kept while they are in
 * use (least recently used go first). Used by DKIM and ARC. For the loop's thread alone.
 */
#pragma once
#include "codec/dkim_record.h"

enum {
	PUBKEYS_KEPT = 1000, /* parsed keys in memory, of a process */
	PUBKEY_RSA_MIN = 1024, /* bits: RFC 8301 section 3.2 */
	PUBKEY_RSA_MAX = 8192, /* larger ones are refused before anything is computed */
	PUBKEY_EXPONENT_MAX = 64, /* bits of an RSA exponent, for the same reason */
};

enum pubkey_fault {
	PUBKEY_FINE = 0,
	PUBKEY_BAD, /* no key of that type */
	PUBKEY_SMALL, /* below PUBKEY_RSA_MIN */
	PUBKEY_LARGE, /* above PUBKEY_RSA_MAX or PUBKEY_EXPONENT_MAX */
};

struct pubkey;
/* *ret is borrowed until the next call of this function; it is set for SMALL, too, *ret_bits for
 * SMALL and LARGE. */
enum pubkey_fault pubkey_get(
	const struct dkim_record *r, const struct pubkey **ret, unsigned *ret_bits);
/* The text of the fault, for traces. */
const char *pubkey_fault_text(enum pubkey_fault f);

/* data: what was signed (the canonical header). False also when the key is of another type. */
bool pubkey_verify(
	const struct pubkey *k, enum dkim_algorithm algorithm, slice data, slice signature);
size_t pubkeys_kept(void);
void pubkeys_forget(void); /* all of them: at the end, and for tests */

/* SHA-256 of data: what a signer signs. */
void pubkey_sha256(slice data, unsigned char ret[32]);
