/*
 * credential: what is stored in place of accounts' passwords, in a database and a directory of its own,
 * DIR/auth/db/credential.sqlite: so that of all processes only the one that checks passwords can read
 * it. Rows are found by account id; which account a login is, and whether it may, the directory tells.
 *
 *	credential        verifiers of the main password
 *	app_password      passwords for one program each (credential_app.c): random, shown once
 *	second_factor     secrets of codes (RFC 6238) and recovery codes (credential_factor.c)
 *	suspension        accounts that may not log in until somebody has looked
 *
 * Each change raises a version in the same transaction, by which sessions notice (credential_version).
 */
#pragma once
#include "base/arena.h"
#include "store/sql.h"

struct password;
struct password_rule;

extern const struct sql_migration credential_migrations[];
extern const size_t credential_migrations_n;

enum {
	CREDENTIAL_KEY = 32,
	APP_PASSWORD_BITS = 100,
	APP_PASSWORDS_MAX = 50, /* of one account */
	APP_LABEL_MAX = 60, /* bytes */
	FACTOR_CODES = 10, /* recovery codes */
	FACTOR_CODE_MAX = 20,
	CREDENTIAL_WHY_MAX = 300,
};

/* Where it lies below the store's directory: for sql_open. From *a. */
slice credential_dir(slice dir, struct arena *a);
#define CREDENTIAL_DB "credential"
/* For writing; made when it is not there. */
int credential_open(slice dir, struct sql **ret, struct err *e);

/* Keys that digests and secrets are made with come from DIR/auth/secret, which is made once
 * (bin/prepare.c): who has only the database has no password of a program and no second factor. */
struct credential_keys {
	unsigned char app[CREDENTIAL_KEY], factor[CREDENTIAL_KEY], recovery[CREDENTIAL_KEY];
};
int credential_keys_read(slice dir, struct credential_keys *ret, struct err *e);
void credential_keys_of(const unsigned char secret[CREDENTIAL_KEY], struct credential_keys *ret);

/* Raised by each change. */
int credential_version(struct sql *db, uint64_t *ret, struct err *e);

/* ---- the main password ---- */

struct credential {
	slice argon2; /* encoded argon2id string; empty: no main password here */
	slice scram; /* "SCRAM-SHA-256$iter:salt$StoredKey:ServerKey", base64 as in RFC 5803 */
	int64_t changed_at; /* wall; 0: never set */
	bool must_change;
	bool factor; /* a second factor is confirmed */
	bool suspended;
	int64_t account_id;
	bool disabled; /* by credential_find: the account or its domain is */
};
/* 0 also for an account without anything; -1: ERR_TEMP. */
int credential_get(
	struct sql *db, int64_t account_id, struct arena *a, struct credential *ret, struct err *e);

/* By login, which is the account's address in any spelling. `directory` and `credentials` are connections for
 * reading. 0, or -1: ERR_NOTFOUND (also an account without a password), ERR_TEMP. */
int credential_find(struct sql *directory, struct sql *credentials, slice login, struct arena *a,
	struct credential *ret, struct err *e);

/* Opens the database of the store `dir`, writes, closes: what directory*.c need. No rules. */
int credential_put(slice dir, int64_t account_id, const struct password *p, struct err *e);
int credential_remove(slice dir, int64_t account_id, struct err *e); /* with all that is about it */

/* Many at once, in one transaction: for imports. */
struct credential_row {
	int64_t account_id;
	const struct password *password;
	bool must_change;
};
int credential_put_all(slice dir, const struct credential_row *v, size_t n, struct err *e);
/* Removes all that is about accounts that are in the directory no more (those that the keeper purged). Returns how
 * many, or -1. For the auth process, now and then. */
int64_t credential_sweep(struct sql *directory, struct sql *credentials, struct err *e);

struct credential_change {
	int64_t account_id;
	slice address, name; /* that the password must not be */
	slice password;
	bool by_owner; /* the minimum age holds; an administrator's change may come at once */
	bool must_change; /* afterwards: an initial password */
};
/* Checks the rules (store/password_rule.h), makes verifiers, stores. The former verifier goes into the
 * history. Blocks for as long as some passwords take to hash. ERR_PROTO: a rule, which the text names. */
int credential_change(struct sql *db, const struct credential_change *c,
	const struct password_rule *rule, struct err *e);
int credential_must_change(struct sql *db, int64_t account_id, bool must, struct err *e);

/* ---- passwords of programs ---- */

struct app_password {
	int64_t id, account_id;
	slice label; /* "phone": one line, unique within the account */
	unsigned services; /* enum service of store/directory.h */
	int64_t made_at, expires_at; /* wall; expires_at 0: never */
	slice made_by;
};
/* The password itself is given back once, in *ret_text: "abcd-efgh-jkmn-pqrs-tuvw". ERR_EXISTS (label),
 * ERR_LIMIT, ERR_PROTO (label, services). */
int app_password_make(struct sql *db, const struct credential_keys *k,
	const struct app_password *app, struct arena *a, slice *ret_text, struct err *e);
/* Could this be one at all? What people choose themselves is hardly ever: then nothing is asked. */
bool app_password_shape(slice password);
/* Spaces, hyphens and capitals do not matter. ERR_NOTFOUND: none of this account; also one whose time
 * is over at `now`. */
int app_password_match(struct sql *db, const struct credential_keys *k, int64_t account_id,
	slice password, int64_t now, struct arena *a, struct app_password *ret, struct err *e);
int app_password_list(struct sql *db, int64_t account_id, struct arena *a,
	struct app_password **ret, size_t *ret_n, struct err *e);
/* By number or label; both empty: all. ERR_NOTFOUND. *ret_n: how many went. */
int app_password_revoke(
	struct sql *db, int64_t account_id, slice which, int64_t *ret_n, struct err *e);
/* Is it still there and valid? */
int app_password_still(
	struct sql *db, int64_t account_id, int64_t id, int64_t now, bool *ret, struct err *e);

/* ---- the second factor ---- */

/* Begins to enrol: a new secret, which counts from factor_confirm on. A confirmed one stays in force
 * until then. *ret_secret: base32, for the person's program. */
int factor_begin(struct sql *db, const struct credential_keys *k, int64_t account_id,
	struct arena *a, slice *ret_secret, struct err *e);
/* With a code that the program shows. ERR_DENIED: wrong code; ERR_NOTFOUND: not begun. Gives recovery
 * codes, shown once; former ones are void. */
int factor_confirm(struct sql *db, const struct credential_keys *k, int64_t account_id, slice code,
	int64_t now, struct arena *a, slice ret_codes[FACTOR_CODES], struct err *e);
/* A code of the program (one step early or late is fine; none a second time) or a recovery code (once).
 * 0: right. ERR_DENIED: wrong or used. ERR_NOTFOUND: no second factor. */
int factor_check(struct sql *db, const struct credential_keys *k, int64_t account_id, slice code,
	int64_t now, struct err *e);
int factor_remove(struct sql *db, int64_t account_id, struct err *e); /* ERR_NOTFOUND */
/* How many recovery codes are left. */
int factor_codes_left(struct sql *db, int64_t account_id, int64_t *ret, struct err *e);

/* ---- suspended accounts ---- */

struct suspension {
	int64_t account_id;
	int64_t at; /* wall */
	slice by, why; /* "auth", "admin@host"; a sentence */
};
int suspension_put(struct sql *db, const struct suspension *s, struct err *e); /* ERR_EXISTS */
int suspension_end(struct sql *db, int64_t account_id, struct err *e); /* ERR_NOTFOUND */
int suspension_list(
	struct sql *db, struct arena *a, struct suspension **ret, size_t *ret_n, struct err *e);
