/*
 * crypt_file: what lies on the disk of encryption at rest (crypt.h): the installation key's file, and DIR/crypt with the data keys.
 *
 *	DIR/crypt	magic, version, salt (new each time the file is written), check value of the installation key, the number that writes now, how many;
 *			then for each data key: number, when it was made, the key and its tag (AES-256-GCM); a MAC over all (HMAC-SHA-256)
 *
 * The keys for wrapping and for the MAC are derived from the installation key and the salt, so each wraps one list only, and a key's number is its nonce.
 */
#pragma once
#include "store/crypt.h"

struct crypt_key {
	uint32_t no;
	int64_t made_at;
	unsigned char key[CRYPT_KEY];
};
struct crypt_file {
	uint32_t now; /* 0: nothing is encrypted any more */
	size_t n;
	struct crypt_key keys[CRYPT_KEYS_MAX]; /* numbers ascending */
};
/* In memory that is locked, not dumped, and wiped by free. */
struct crypt_file *crypt_file_new(void);
void crypt_file_free(struct crypt_file *f); /* NULL is fine */
/* A copy of the process's ring (crypt.c); false: there is none. */
bool crypt_ring(struct crypt_file *ret);
const struct crypt_key *crypt_file_find(const struct crypt_file *f, uint32_t no);

/* ERR_NOTFOUND: there is none; ERR_PERM: not this key, or damaged. */
int crypt_file_read(
	slice dir, const unsigned char key[CRYPT_KEY], struct crypt_file *ret, struct err *e);
/* Takes the old one's place when it is on stable storage. */
int crypt_file_write(
	slice dir, const unsigned char key[CRYPT_KEY], const struct crypt_file *f, struct err *e);
/* Is there a DIR/crypt? 1, 0, -1. */
int crypt_file_there(slice dir, struct err *e);

/* The installation key: one line of 64 hexadecimal digits, or base64 of 32 bytes. ERR_PERM with what is wrong, also: a file in DIR, or that group or others
 * may read. */
int crypt_key_read(slice path, slice dir, unsigned char ret[CRYPT_KEY], struct err *e);
/* A new one, 0400. ERR_EXISTS: there is a file of that name. */
int crypt_key_make(slice path, slice dir, struct err *e);
/* What may be in such a file. */
bool crypt_key_parse(slice text, unsigned char ret[CRYPT_KEY]);

/* HKDF-SHA-256 of a key, a salt and words. */
void crypt_hkdf(const unsigned char key[CRYPT_KEY], slice salt, const char *purpose,
	unsigned char ret[CRYPT_KEY]);

/* AES-256-GCM with a nonce of 12 bytes that is never used twice under one key. `to` gets text.n bytes and the tag. */
enum { CRYPT_NONCE = 12, CRYPT_TAG = 16 };
void crypt_gcm_seal(const unsigned char key[CRYPT_KEY], const unsigned char nonce[CRYPT_NONCE],
	slice about, slice text, char *to);
/* False: it was changed. `to` gets sealed.n - CRYPT_TAG bytes, which mean nothing then. */
bool crypt_gcm_open(const unsigned char key[CRYPT_KEY], const unsigned char nonce[CRYPT_NONCE],
	slice about, slice sealed, char *to);
