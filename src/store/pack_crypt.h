/*
 * pack_crypt: packs of an encrypted store (crypt.h). The head names a data key and has a salt of its own, from which and the pack's number the key of this one file is
 * derived. A record's payload is then a nonce (12 random bytes: a place is never written twice with the same one, whatever became of the first), the
 * digest and content, encrypted, and a tag (AES-256-GCM). The record's head is authenticated with it, so that no record passes for another one; the CRC is
 * that of the encrypted payload, so that damage is seen without the key.
 *
 * When gc rewrites a pack the new file has a new salt.
 */
#pragma once
#include "store/crypt.h"
#include "store/pack_format.h"

struct pack_key {
	uint32_t no; /* the data key; 0: the pack is plain */
	bool there; /* the data key is in this process's ring */
	unsigned char key[CRYPT_KEY];
};

/* For a pack that begins: what is written now (crypt_now). Fills the head in, too. */
void pack_key_new(struct pack_head *h, struct pack_key *ret);
void pack_key_of(const struct pack_head *h, struct pack_key *ret);
void pack_key_done(struct pack_key *k);
static inline bool pack_key_missing(const struct pack_key *k)
{
	return k->no && !k->there;
}
/* "pack 7 is encrypted: the key is missing". ERR_TEMP: nothing is wrong with the pack. */
int pack_key_fail(uint32_t pack, const struct pack_key *k, struct err *e);

/* A record of this pack: type, RECORD_ZSTD, raw and offset are given, digest and content as they shall be stored; sets the rest but the CRC. Its whole size. */
uint64_t record_fit(const struct pack_key *k, struct record *r, slice digest, slice content);
/* So many bytes: head, payload, padding. */
void record_build(const struct pack_key *k, uint64_t salt, struct record *r, slice digest,
	slice content, char *to);
/* The payload as text (digest and content), decrypted where it lies. False: not this record's, or changed. The key must not be missing. */
bool record_open(
	const struct pack_key *k, uint64_t salt, const struct record *r, char *payload, slice *ret);
