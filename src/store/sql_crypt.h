/*
 * Encryption of databases (crypt.h has the keys, sqlite_vfs.c and sqlite_page.c the pages): what a database is made of, and making it anew.
 *
 * A database is either plain or encrypted as a whole; page 1 decides. A new one is as crypt_now() says when it is made; afterwards it stays what it is,
 * whatever crypt_now() says, until sql_recrypt. What is written into an encrypted one is sealed by the newest key, so several keys may be
 * in use in one file.
 *
 * `posthouse encryption` calls these; the server is stopped for sql_recrypt.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"
#include "store/crypt.h"

struct sql_crypt_state {
	bool encrypted;
	uint64_t pages; /* of the file; what lies in the log alone is not counted */
	uint64_t
		strange; /* pages that name no key where one must be named, or one more than there may be */
	size_t nkeys;
	struct {
		uint32_t no; /* 0: plain pages of a plain database */
		uint64_t pages;
	} key[CRYPT_KEYS_MAX + 1]; /* ascending */
};

/* How DIR/db/NAME.sqlite stands. Needs no key and takes no lock: a running server may have it open. ERR_NOTFOUND: no such database. */
int sql_crypt_state(slice dir, const char *name, struct sql_crypt_state *ret, struct err *e);
int sql_crypt_state_file(
	const char *path, struct sql_crypt_state *ret, struct err *e); /* a snapshot's */

/*
 * Makes the database anew as things stand now: encrypted by the newest key, or plain when crypt_now() is 0. Nothing is done when every page is so already
 * (*ret_done false). Nobody may have it open: ERR_TEMP "in use" otherwise. The old file is there until the new one is checked and on the disk, so
 * there must be room for both; whatever interrupts it, one of both is whole and in place. ERR_PERM: a key is missing.
 */
int sql_recrypt(slice dir, const char *name, bool *ret_done, struct err *e);
/* The same of a file that nobody opens, as snapshots are. */
int sql_recrypt_file(const char *path, bool *ret_done, struct err *e);
