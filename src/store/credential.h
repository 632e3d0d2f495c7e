/*
 * credential: what is stored in place of accounts' passwords, in a database and a directory of its own,
 * DIR/auth/db/credential.sqlite: so that of all processes only the one that checks passwords can read
 * it. Rows are found by account id; which account a login is, and whether it may, the directory tells.
 */
#pragma once
#include "base/arena.h"
#include "store/sql.h"

struct password;

extern const struct sql_migration credential_migrations[];
extern const size_t credential_migrations_n;

/* Where it lies below the store's directory: for sql_open. From *a. */
slice credential_dir(slice dir, struct arena *a);
#define CREDENTIAL_DB "credential"

/* Verifiers of one account's password. */
struct credential {
	int64_t account_id;
	slice argon2; /* encoded argon2id string */
	slice scram; /* "SCRAM-SHA-256$iter:salt$StoredKey:ServerKey", base64 as in RFC 5803 */
	bool disabled; /* the account or its domain is */
};

/* By login, which is the account's address in any spelling. `directory` and `credentials` are
 * connections for reading. 0, or -1: ERR_NOTFOUND (also an account without a password), ERR_TEMP. */
int credential_find(struct sql *directory, struct sql *credentials, slice login, struct arena *a,
	struct credential *ret, struct err *e);
/* Opens the database of the store `dir`, writes, closes: for the command line. */
int credential_put(slice dir, int64_t account_id, const struct password *p, struct err *e);
int credential_remove(slice dir, int64_t account_id, struct err *e);
