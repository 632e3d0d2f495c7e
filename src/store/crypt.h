/*
 * crypt: encryption at rest. What lies in DATA can be read only with a key that does not lie there: databases page by page (sqlite_vfs.c), packs record by
 * record (pack_*.c).
 *
 * The installation key (32 bytes) is in a file outside of DATA ([encryption] key_file). It opens DATA/crypt, a small file of data keys: each has a
 * number and is wrapped by the installation key, so that changing the installation key rewrites one file and nothing else. Every page and every pack
 * names the data key by which it was written; the newest one writes. A database or pack of another state (plain, an older key) stays readable: being
 * converted is a matter of rewriting, never of being unreadable meanwhile.
 *
 * The keys are the process's own, loaded once before anything is opened and before the sandbox is entered: the master gives them to the roles that
 * may read mail (role.c), the command line reads the file. Without them an encrypted store says ERR_PERM "encrypted: the key is missing", which
 * never counts as damage.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum {
	CRYPT_KEY = 32,
	CRYPT_KEYS_MAX = 256, /* data keys of an installation */
	CRYPT_RING_MAX = 16 + CRYPT_KEYS_MAX * (4 + CRYPT_KEY), /* what crypt_export fills */
};

/* ---- the process's ring ---- */

/* Opens DIR/crypt with the installation key in the file. ERR_NOTFOUND: the store has no data keys, it is plain (then the file is not looked at); ERR_PERM:
 * no key file, one that others may read or that lies in DIR, a key that is not this store's, a damaged DIR/crypt. Before any thread uses the ring. */
int crypt_load(slice dir, slice key_file, struct err *e);
/* The ring as bytes, for a process that is started, and back (sealed memory, never a file). 0 bytes: there is none. */
size_t crypt_export(char ret[CRYPT_RING_MAX]);
int crypt_adopt(slice ring, struct err *e);
/* The keys of another ring, too, for reading what they encrypted; what is written now does not change. ERR_PERM: one number names two keys. ERR_LIMIT. */
int crypt_add(slice ring, struct err *e);
/* Wipes it. For tests, and at the end. No other thread uses it then. */
void crypt_forget(void);

/* What is written now is encrypted by this data key; 0: not encrypted. Numbers are never 0, and go up. */
uint32_t crypt_now(void);
/* A key for one purpose, derived (HKDF-SHA-256) from data key `no`, the purpose ("page", "pack") and a salt. ERR_PERM: no such key is here. From any thread;
 * takes microseconds and allocates, so who needs it often (for each page, each record) keeps what it got and wipes it at the end. */
int crypt_derive(
	uint32_t no, const char *purpose, slice salt, unsigned char ret[CRYPT_KEY], struct err *e);
/* Has this process any keys? It should not be dumped then. */
bool crypt_held(void);
/* Is this data key here? */
bool crypt_has(uint32_t no);
