/*
 * seal: secrets that anybody here may put away and one process alone can read: passwords of accounts elsewhere. Sealed for a public key (X25519, an
 * ephemeral key each, HKDF-SHA-256, AES-256-GCM; bound to what it belongs to), opened by the private one, which lies where only that process
 * may read: DATA/collect/secret.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum {
	SEAL_KEY = 32,
	SEAL_OVERHEAD = 1 + SEAL_KEY + 16, /* version, ephemeral key, tag */
	SEAL_TEXT_MAX = 64 * 1024,
};
void seal_make(unsigned char ret_private[SEAL_KEY], unsigned char ret_public[SEAL_KEY]);
/* `about`: what it belongs to, the same when it is opened. Appends. */
int seal_close(const unsigned char public_key[SEAL_KEY], slice about, slice text, struct buf *out,
	struct err *e);
/* ERR_PERM: not sealed for this key, for something else, or changed. */
int seal_open(const unsigned char private_key[SEAL_KEY], slice about, slice sealed, struct buf *out,
	struct err *e);
void seal_public_of(const unsigned char private_key[SEAL_KEY], unsigned char ret[SEAL_KEY]);
