/*
 * crypt_admin: changing the keys of an encrypted store (crypt.h). Each call reads DIR/crypt, changes it, and puts the new one in its place; nothing that lies in
 * packs and databases is touched. No server runs meanwhile, and nobody else who writes to the store, except for crypt_rewrap: processes keep the ring they
 * started with and would not know a new data key.
 */
#pragma once
#include "base/time.h"
#include "store/crypt.h"

/* What is written from now on is encrypted by a new data key, the first one or after an off. ERR_EXISTS: it is on already. */
int crypt_on(slice dir, slice key_file, struct err *e);
/* The same while it is on. ERR_LIMIT: CRYPT_KEYS_MAX. ERR_NOTFOUND: it is off. */
int crypt_rotate(slice dir, slice key_file, struct err *e);
/* What is written from now on is plain; the keys stay, to read what is there. */
int crypt_off(slice dir, slice key_file, struct err *e);
/* Another installation key. */
int crypt_rewrap(slice dir, slice old_file, slice new_file, struct err *e);
/* Forgets data keys that nothing is encrypted by any longer: `used` says so of each (crypt_usage.h). The last one goes with DIR/crypt itself, when it is off.
 * *ret: how many went. */
int crypt_drop(slice dir, slice key_file, bool (*used)(void *arg, uint32_t no), void *arg,
	unsigned *ret, struct err *e);

struct crypt_listed {
	uint32_t no;
	int64_t made_at;
};
struct crypt_list {
	uint32_t now;
	size_t n;
	struct crypt_listed keys[CRYPT_KEYS_MAX];
};
/* ERR_NOTFOUND: not encrypted. */
int crypt_list(slice dir, slice key_file, struct crypt_list *ret, struct err *e);

/* The ring of this process becomes DIR/crypt, wrapped by the key in the file, which is made when there is none: for a store that
 * was restored. *ret_made: it was made. ERR_EXISTS: DIR/crypt is there. */
int crypt_settle(slice dir, slice key_file, bool *ret_made, struct err *e);
