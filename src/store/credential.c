/*
 * The database of credentials (credential.h): its schema, the main password, suspended accounts.
 * Written by the directory's changes, the command line and (second factors, suspensions) the auth role,
 * which is the only one of the server's processes that reads it.
 */
#include "store/credential.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/credential_impl.h"
#include "store/directory_impl.h"
#include "store/password.h"
#include "store/password_rule.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

const struct sql_migration credential_migrations[] = {
	{1, "credential",
		"CREATE TABLE credential ("
		"account_id {{KEY}}, argon2 TEXT NOT NULL, scram TEXT NOT NULL,"
		"changed_at BIGINT NOT NULL);",
		"DROP TABLE credential;"},
	{2, "programs, second factors, suspensions",
		"CREATE TABLE meta (id {{KEY}}, version BIGINT NOT NULL);"
		"INSERT INTO meta (id, version) VALUES (1, 1);"
		"ALTER TABLE credential ADD COLUMN must_change BIGINT NOT NULL DEFAULT 0;"
		"CREATE TABLE password_history (account_id BIGINT NOT NULL, until BIGINT NOT NULL,"
		"argon2 TEXT NOT NULL, PRIMARY KEY (account_id, until)) {{WITHOUT_ROWID}};"
		"CREATE TABLE app_password (id {{AUTO_KEY}}, account_id BIGINT NOT NULL,"
		"label TEXT NOT NULL, digest {{BLOB}} NOT NULL, services BIGINT NOT NULL,"
		"made_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, made_by TEXT NOT NULL);"
		"CREATE UNIQUE INDEX app_password_digest ON app_password (account_id, digest);"
		"CREATE UNIQUE INDEX app_password_label ON app_password (account_id, label);"
		"CREATE TABLE second_factor (account_id {{KEY}}, secret {{BLOB}} NOT NULL,"
		"fresh {{BLOB}} NOT NULL, confirmed_at BIGINT NOT NULL, last_step BIGINT NOT NULL);"
		"CREATE TABLE recovery_code (account_id BIGINT NOT NULL, digest {{BLOB}} NOT NULL,"
		"PRIMARY KEY (account_id, digest)) {{WITHOUT_ROWID}};"
		"CREATE TABLE suspension (account_id {{KEY}}, suspended_at BIGINT NOT NULL,"
		"suspended_by TEXT NOT NULL, why TEXT NOT NULL);",
		"DROP TABLE suspension; DROP TABLE recovery_code; DROP TABLE second_factor;"
		"DROP TABLE app_password; DROP TABLE password_history;"
		"ALTER TABLE credential DROP COLUMN must_change; DROP TABLE meta;"},
};
const size_t credential_migrations_n =
	sizeof credential_migrations / sizeof credential_migrations[0];

slice credential_dir(slice dir, struct arena *a)
{
	return arena_printf(a, "%.*s/auth", SFMT(dir));
}

int credential_open(slice dir, struct sql **ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct sql *db;
	int version;
	if (sql_open(credential_dir(dir, &a), CREDENTIAL_DB, &db, e) < 0)
		return -1;
	if (sql_version(db, &version, e) < 0 ||
		(version == 0 &&
			sql_migrate(db, credential_migrations, credential_migrations_n, e) < 0)) {
		sql_close(db);
		return -1;
	}
	*ret = db;
	return 0;
}

/* ---- keys ---- */

static void derive(const unsigned char secret[CREDENTIAL_KEY], const char *what,
	unsigned char ret[CREDENTIAL_KEY])
{
	HMAC(EVP_sha256(), secret, CREDENTIAL_KEY, (const unsigned char *)what, strlen(what), ret,
		NULL);
}

void credential_keys_of(const unsigned char secret[CREDENTIAL_KEY], struct credential_keys *ret)
{
	derive(secret, "posthouse: passwords of programs", ret->app);
	derive(secret, "posthouse: second factors", ret->factor);
	derive(secret, "posthouse: recovery codes", ret->recovery);
}

int credential_keys_read(slice dir, struct credential_keys *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	unsigned char secret[CREDENTIAL_KEY];
	const char *path = arena_strz(&a, arena_printf(&a, "%.*s/auth/secret", SFMT(dir)));
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	if (read(fd, secret, sizeof secret) != sizeof secret)
		return err_set(e, ERR_TEMP, "%s: too short", path);
	credential_keys_of(secret, ret);
	OPENSSL_cleanse(secret, sizeof secret);
	return 0;
}

/* ---- transactions ---- */

int credential_end(struct sql *db, int64_t r, struct err *e)
{
	if (r >= 0)
		r = sql_run(db, e, "UPDATE meta SET version = version + 1 WHERE id = 1", "");
	if (r < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

int credential_version(struct sql *db, uint64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT version FROM meta WHERE id = 1", e);
	if (!s)
		return -1;
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_TEMP, "the credentials have no version");
	*ret = (uint64_t)sql_int(s, 0);
	sql_reset(s);
	return 0;
}

/* ---- the main password ---- */

int credential_get(
	struct sql *db, int64_t account_id, struct arena *a, struct credential *ret, struct err *e)
{
	struct credential c = {.account_id = account_id};
	struct sql_stmt *s = sql_prepare(db,
		"SELECT c.argon2, c.scram, c.changed_at, c.must_change,"
		" (SELECT COUNT(*) FROM second_factor f WHERE f.account_id = w.id"
		"  AND f.confirmed_at > 0),"
		" (SELECT COUNT(*) FROM suspension p WHERE p.account_id = w.id)"
		" FROM (SELECT $1 AS id) w LEFT JOIN credential c ON c.account_id = w.id",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_TEMP, "no answer about credentials");
	c.argon2 = arena_dup(a, sql_text(s, 0));
	c.scram = arena_dup(a, sql_text(s, 1));
	c.changed_at = sql_int(s, 2);
	c.must_change = sql_int(s, 3) != 0;
	c.factor = sql_int(s, 4) > 0;
	c.suspended = sql_int(s, 5) > 0;
	sql_reset(s);
	*ret = c;
	return 0;
}

int credential_find(struct sql *directory, struct sql *credentials, slice login, struct arena *a,
	struct credential *ret, struct err *e)
{
	int64_t id;
	bool disabled;
	struct credential c;
	if (directory_login(directory, login, a, &id, &disabled, e) < 0 ||
		credential_get(credentials, id, a, &c, e) < 0)
		return -1;
	if (c.argon2.n == 0)
		return err_set(e, ERR_NOTFOUND, "%.*s has no password", SFMT(login));
	c.disabled = disabled;
	*ret = c;
	return 0;
}

enum { HISTORY_KEPT = 30 };

/* The verifier that is replaced is remembered. */
static int64_t put_tx(struct sql *db, int64_t account_id, const struct password *p,
	bool must_change, struct err *e)
{
	int64_t now = wall_now();
	int64_t r = sql_run(db, e,
		"INSERT INTO password_history (account_id, until, argon2)"
		" SELECT account_id, $2, argon2 FROM credential WHERE account_id = $1 AND argon2 "
		"<> ''",
		"ii", account_id, now);
	if (r > 0)
		r = sql_run(db, e,
			"DELETE FROM password_history WHERE account_id = $1 AND until NOT IN"
			" (SELECT until FROM password_history WHERE account_id = $1"
			"  ORDER BY until DESC LIMIT $2)",
			"ii", account_id, (int64_t)HISTORY_KEPT);
	if (r < 0)
		return -1;
	return sql_run(db, e,
		"INSERT INTO credential (account_id, argon2, scram, changed_at, must_change)"
		" VALUES ($1, $2, $3, $4, $5)"
		" ON CONFLICT (account_id) DO UPDATE SET argon2 = excluded.argon2,"
		" scram = excluded.scram, changed_at = excluded.changed_at,"
		" must_change = excluded.must_change",
		"ittii", account_id, p->argon2, p->scram, now, (int64_t)must_change);
}

int credential_put(slice dir, int64_t account_id, const struct password *p, struct err *e)
{
	struct sql *db;
	if (credential_open(dir, &db, e) < 0)
		return -1;
	int r = sql_begin(db, e);
	if (r == 0)
		r = credential_end(db, put_tx(db, account_id, p, false, e), e);
	sql_close(db);
	return r;
}

int credential_put_all(slice dir, const struct credential_row *v, size_t n, struct err *e)
{
	struct sql *db;
	if (n == 0)
		return 0;
	if (credential_open(dir, &db, e) < 0)
		return -1;
	int r = sql_begin(db, e);
	if (r == 0) {
		int64_t done = 0;
		for (size_t i = 0; i < n && done >= 0; i++)
			done = put_tx(db, v[i].account_id, v[i].password, v[i].must_change, e);
		r = credential_end(db, done, e);
	}
	sql_close(db);
	return r;
}

int64_t credential_remove_tx(struct sql *db, int64_t account_id, struct err *e)
{
	static const char *const texts[] = {"DELETE FROM credential WHERE account_id = $1",
		"DELETE FROM password_history WHERE account_id = $1",
		"DELETE FROM app_password WHERE account_id = $1",
		"DELETE FROM second_factor WHERE account_id = $1",
		"DELETE FROM recovery_code WHERE account_id = $1",
		"DELETE FROM suspension WHERE account_id = $1"};
	int64_t n = 0;
	for (size_t i = 0; i < sizeof texts / sizeof *texts && n >= 0; i++)
		n = sql_run(db, e, texts[i], "i", account_id);
	return n;
}

int credential_remove(slice dir, int64_t account_id, struct err *e)
{
	struct sql *db;
	if (credential_open(dir, &db, e) < 0)
		return -1;
	int r = sql_begin(db, e);
	if (r == 0)
		r = credential_end(db, credential_remove_tx(db, account_id, e), e);
	sql_close(db);
	return r;
}

/* The next account above *at that has a credential; 0: none. */
static int64_t next_credential(struct sql *db, int64_t at, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT account_id FROM credential WHERE account_id > $1 ORDER BY account_id LIMIT "
		"1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, at);
	int r = sql_step(s, e);
	if (r <= 0)
		return r;
	int64_t id = sql_int(s, 0);
	sql_reset(s);
	return id;
}

int64_t credential_sweep(struct sql *directory, struct sql *credentials, struct err *e)
{
	/* An account is seen by others only after its password is stored: above the highest number
	 * there may be one in the making. */
	int64_t highest = directory_number(directory, e, "SELECT MAX(id) FROM account", "");
	int64_t gone = 0, id = 0;
	while (highest > 0 && (id = next_credential(credentials, id, e)) > 0 && id < highest) {
		int64_t there = directory_number(
			directory, e, "SELECT 1 FROM account WHERE id = $1", "i", id);
		if (there < 0 || (there == 0 && sql_begin(credentials, e) < 0) ||
			(there == 0 && credential_end(credentials,
					       credential_remove_tx(credentials, id, e), e) < 0))
			return -1;
		gone += there == 0;
	}
	return highest < 0 || id < 0 ? -1 : gone;
}

/* Is it one of those that were in use lately? Each costs a hash. */
static int was_used(struct sql *db, int64_t account_id, slice password, int64_t history, bool *ret,
	struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice v[HISTORY_KEPT + 1];
	size_t n = 0;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT argon2 FROM ("
		" SELECT argon2, 1 AS now, changed_at AS t FROM credential WHERE account_id = $1"
		" UNION ALL SELECT argon2, 0 AS now, until AS t FROM password_history"
		" WHERE account_id = $1) h ORDER BY now DESC, t DESC LIMIT $2",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, history > HISTORY_KEPT ? HISTORY_KEPT : history);
	int r;
	while ((r = sql_step(s, e)) == 1)
		v[n++] = arena_dup(&a, sql_text(s, 0));
	*ret = false;
	for (size_t i = 0; i < n && r == 0 && !*ret; i++)
		*ret = v[i].n && password_verify(v[i], password);
	return r;
}

static int check_history(struct sql *db, const struct credential_change *c,
	const struct password_rule *rule, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct credential now;
	bool used = false;
	if (credential_get(db, c->account_id, &a, &now, e) < 0)
		return -1;
	if (c->by_owner && rule->min_age > 0 && now.changed_at && !now.must_change &&
		wall_now() - now.changed_at < rule->min_age)
		return err_set(e, ERR_PROTO, "the password was changed too short a time ago");
	if (rule->history > 0 &&
		was_used(db, c->account_id, c->password, rule->history, &used, e) < 0)
		return -1;
	return used ? err_set(e, ERR_PROTO, "the password is one that was used before") : 0;
}

int credential_change(struct sql *db, const struct credential_change *c,
	const struct password_rule *rule, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct password p;
	if (password_check(rule, c->password, c->address, c->name, e) < 0 ||
		check_history(db, c, rule, e) < 0 || password_make(c->password, &a, &p, e) < 0 ||
		sql_begin(db, e) < 0)
		return -1;
	return credential_end(db, put_tx(db, c->account_id, &p, c->must_change, e), e);
}

int credential_must_change(struct sql *db, int64_t account_id, bool must, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = sql_run(db, e, "UPDATE credential SET must_change = $2 WHERE account_id = $1",
		"ii", account_id, (int64_t)must);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "the account has no password here");
	return credential_end(db, r, e);
}

/* ---- suspended accounts ---- */

int suspension_put(struct sql *db, const struct suspension *s, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = sql_run(db, e,
		"INSERT INTO suspension (account_id, suspended_at, suspended_by, why) VALUES ($1, "
		"$2, $3, $4)",
		"iitt", s->account_id, s->at, slice_first(s->by, CREDENTIAL_WHY_MAX),
		slice_first(s->why, CREDENTIAL_WHY_MAX));
	if (r < 0 && e->kind == ERR_EXISTS)
		err_set(e, ERR_EXISTS, "the account is suspended already");
	return credential_end(db, r, e);
}

int suspension_end(struct sql *db, int64_t account_id, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = sql_run(db, e, "DELETE FROM suspension WHERE account_id = $1", "i", account_id);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "the account is not suspended");
	return credential_end(db, r, e);
}

int suspension_list(
	struct sql *db, struct arena *a, struct suspension **ret, size_t *ret_n, struct err *e)
{
	enum { MOST = 10000 };
	struct suspension *v = NULL;
	size_t n = 0, cap = 0;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT account_id, suspended_at, suspended_by, why FROM suspension"
		" ORDER BY suspended_at DESC LIMIT 10000",
		e);
	if (!s)
		return -1;
	int r;
	while ((r = sql_step(s, e)) == 1 && n < MOST) {
		if (n == cap) {
			struct suspension *wide =
				ARENA_ARRAY(a, struct suspension, cap = cap ? cap * 2 : 16);
			if (n)
				memcpy(wide, v, n * sizeof *v);
			v = wide;
		}
		v[n++] = (struct suspension){.account_id = sql_int(s, 0),
			.at = sql_int(s, 1),
			.by = arena_dup(a, sql_text(s, 2)),
			.why = arena_dup(a, sql_text(s, 3))};
	}
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}
