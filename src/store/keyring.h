/*
 * keyring: private keys that sign our mail (DKIM, RFC 6376 and 8463; ARC) and named secrets, in a
 * database and a directory of its own, DIR/keys/db/keyring.sqlite: so that of all processes only
 * the one that signs can read it.
 *
 * A key's life: prepared (published, does not sign yet) - active (signs) - retired (signs no more,
 * its record stays published while mail with its signatures may still be verified) - revoked (its
 * record says p= and nothing). Who did what when is kept.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "store/sql.h"

enum {
	KEYRING_DOMAIN_KEYS_MAX = 64, /* keys of one domain, in all states */
	KEYRING_ACTIVE_MAX = 8, /* of these active: each costs a signature a message */
	KEYRING_SELECTOR_MAX = 63, /* a single label or several */
	KEYRING_SECRET = 32, /* bytes of a named secret */
	KEYRING_PEM_MAX = 64 * 1024,
};

extern const struct sql_migration keyring_migrations[];
extern const size_t keyring_migrations_n;

/* Where it lies below the store's directory: for sql_open. From *a. */
slice keyring_dir(slice dir, struct arena *a);
#define KEYRING_DB "keyring"

enum keyring_algorithm {
	KEYRING_RSA2048 = 1,
	KEYRING_RSA3072,
	KEYRING_RSA4096,
	KEYRING_ED25519,
	KEYRING_RSA_OTHER, /* imported: 1024 to 4096 bits */
};
const char *keyring_algorithm_name(enum keyring_algorithm g); /* "rsa2048", "ed25519" ... */
bool keyring_algorithm_parse(slice s, enum keyring_algorithm *ret); /* those that can be made */
static inline bool keyring_is_rsa(enum keyring_algorithm g)
{
	return g != KEYRING_ED25519;
}

enum keyring_state { KEYRING_PREPARED = 1, KEYRING_ACTIVE, KEYRING_RETIRED, KEYRING_REVOKED };
const char *keyring_state_name(enum keyring_state s); /* "prepared" ... */

struct keyring_key {
	int64_t id;
	slice domain; /* lower-case A-labels */
	slice selector; /* lower case */
	enum keyring_algorithm algorithm;
	unsigned bits; /* RSA: of the modulus; Ed25519: 256 */
	slice private_der; /* PKCS #8; empty where a function says so, and when revoked */
	slice public_key; /* what p= carries, raw: RSA SubjectPublicKeyInfo, Ed25519 32 bytes */
	enum keyring_state state;
	int64_t created_at, activated_at, retired_at, revoked_at; /* wall; 0: not yet */
	slice by; /* who made the last change */
};

/* ---- keys in memory; blocks (RSA takes a second): in the pool, or on the command line ---- */

/* Fills algorithm, bits, private_der, public_key. */
int keyring_generate(
	enum keyring_algorithm g, struct arena *a, struct keyring_key *ret, struct err *e);
/* The same from a PEM file's text (PKCS #8 or PKCS #1, no passphrase), for keys of other systems.
 * ERR_PROTO: no such key; ERR_DENIED: RSA below 1024 bits or above 4096, another algorithm. */
int keyring_import(slice pem, struct arena *a, struct keyring_key *ret, struct err *e);
int keyring_export(
	const struct keyring_key *k, struct buf *ret_pem, struct err *e); /* PKCS #8 PEM */

/* ---- the database: connections by sql_open(keyring_dir(dir), KEYRING_DB) ---- */

/* Opens it for writing, with its schema: for the command line. */
int keyring_open(slice dir, struct sql **ret, struct err *e);

/* Domain and selector are made canonical. ERR_EXISTS: that selector is taken (also by a revoked
 * key); ERR_LIMIT; ERR_PROTO: bad name. */
int keyring_add(struct sql *db, const struct keyring_key *k, slice by, int64_t now, int64_t *ret_id,
	struct err *e);
/* Any state may follow any other but revoked, which is the end: the private key is wiped.
 * ERR_NOTFOUND, ERR_DENIED (revoked), ERR_LIMIT (too many active). */
int keyring_set_state(
	struct sql *db, int64_t id, enum keyring_state to, slice by, int64_t now, struct err *e);
/* Forgets the key altogether. */
int keyring_remove(struct sql *db, int64_t id, struct err *e);

/* By domain and selector; domain empty: of all. Without private keys. */
int keyring_list(struct sql *db, slice domain, struct arena *a, struct keyring_key **ret,
	size_t *ret_n, struct err *e);
int keyring_find(struct sql *db, slice domain, slice selector, struct arena *a,
	struct keyring_key *ret, struct err *e); /* ERR_NOTFOUND; with its private key */
/* All keys that can sign now (active), with private keys: for the keys process. */
int keyring_active(
	struct sql *db, struct arena *a, struct keyring_key **ret, size_t *ret_n, struct err *e);

struct keyring_secret {
	slice name; /* "srs" */
	slice bytes; /* KEYRING_SECRET */
	slice old; /* the one before a renewal: still good for checking; or empty */
};
/* Makes the secret when it is not there yet. */
int keyring_secret_make(struct sql *db, slice name, int64_t now, struct err *e);
/* A new one; the present one becomes the old one. */
int keyring_secret_renew(struct sql *db, slice name, int64_t now, struct err *e);
int keyring_secrets(
	struct sql *db, struct arena *a, struct keyring_secret **ret, size_t *ret_n, struct err *e);

/* The number that every change of the database raises. */
int keyring_version(struct sql *db, uint64_t *ret, struct err *e);
