/*
 * seal: the cryptography of repositories, by OpenSSL. An object is sealed with a key of its own (AES-256-GCM), agreed on between a key pair
 * that is made for the object and the repository's public key (X25519), together with a secret that writer and reader share: without the
 * private key nobody reads it, without the secret nobody makes one that passes for the server's.
 */
#pragma once
#include "store/backup_format.h"

struct buf;

/* What a writer needs. */
struct backup_writer_key {
	unsigned char repository[BACKUP_ID], public_key[BACKUP_KEY], secret[BACKUP_KEY];
};

int backup_pair_make(
	unsigned char ret_private[BACKUP_KEY], unsigned char ret_public[BACKUP_KEY], struct err *e);
int backup_pair_public(const unsigned char private_key[BACKUP_KEY],
	unsigned char ret_public[BACKUP_KEY], struct err *e);

/* An object's sealing: one a thread. */
struct backup_seal;
struct backup_seal *backup_seal_new(void);
void backup_seal_free(struct backup_seal *s); /* NULL is fine */
/* For a new object; fills in ephemeral. */
int backup_seal_begin(struct backup_seal *s, const struct backup_writer_key *k,
	struct backup_head *h, struct err *e);
/* For one that is there. */
int backup_seal_open(struct backup_seal *s, const unsigned char private_key[BACKUP_KEY],
	const unsigned char secret[BACKUP_KEY], const struct backup_head *h, struct err *e);
/* Appends the whole frame that lies at `at` in its object: head and sealed chunk (already compressed). */
int backup_seal_frame(struct backup_seal *s, uint64_t at, const struct backup_frame *f, slice chunk,
	struct buf *out, struct err *e);
/* Appends the chunk of a frame: `sealed` is what lies behind its head. ERR_PERM: it is not what was sealed. */
int backup_seal_read(struct backup_seal *s, uint64_t at, const struct backup_frame *f, slice sealed,
	struct buf *out, struct err *e);

/* A small secret under a key of 32 bytes: nonce, sealed bytes, tag; and back (false: another key). */
enum { BACKUP_BOX = 12 + BACKUP_TAG };
int backup_box(const unsigned char key[BACKUP_KEY], slice bytes, struct buf *out, struct err *e);
bool backup_unbox(const unsigned char key[BACKUP_KEY], slice box, struct buf *out);
/* The same for the holder of a private key: ephemeral key, box. */
int backup_box_for(
	const unsigned char public_key[BACKUP_KEY], slice bytes, struct buf *out, struct err *e);
bool backup_unbox_mine(const unsigned char private_key[BACKUP_KEY], slice box, struct buf *out);

/* argon2id of a passphrase. */
struct backup_kdf {
	uint32_t kib, passes;
	unsigned char salt[16];
};
extern struct backup_kdf backup_kdf_default; /* tests make it cheap */
int backup_kdf(
	const struct backup_kdf *k, slice passphrase, unsigned char ret[BACKUP_KEY], struct err *e);
