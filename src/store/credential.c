/*
 * The database of credentials (credential.h). Written by directory_change.c, read by the auth role.
 */
#include "store/credential.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/directory_impl.h"
#include "store/password.h"

const struct sql_migration credential_migrations[] = {
	{1, "credential",
		"CREATE TABLE credential ("
		"account_id {{KEY}}, argon2 TEXT NOT NULL, scram TEXT NOT NULL,"
		"changed_at BIGINT NOT NULL);",
		"DROP TABLE credential;"},
};
const size_t credential_migrations_n = sizeof credential_migrations / sizeof credential_migrations[0];

slice credential_dir(slice dir, struct arena *a)
{
	return arena_printf(a, "%.*s/auth", SFMT(dir));
}

int credential_find(struct sql *directory, struct sql *credentials, slice login, struct arena *a,
	struct credential *ret, struct err *e)
{
	struct credential c;
	if (directory_login(directory, login, a, &c.account_id, &c.disabled, e) < 0)
		return -1;
	struct sql_stmt *s = sql_prepare(
		credentials, "SELECT argon2, scram FROM credential WHERE account_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, c.account_id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "%.*s has no password", SFMT(login));
	c.argon2 = arena_dup(a, sql_text(s, 0));
	c.scram = arena_dup(a, sql_text(s, 1));
	sql_reset(s);
	*ret = c;
	return 0;
}

static int put(struct sql *db, int64_t account_id, const struct password *p, struct err *e)
{
	int version;
	if (sql_version(db, &version, e) < 0)
		return -1;
	if (version == 0 && sql_migrate(db, credential_migrations, credential_migrations_n, e) < 0)
		return -1;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = sql_run(db, e,
		"INSERT INTO credential (account_id, argon2, scram, changed_at) VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (account_id) DO UPDATE SET argon2 = excluded.argon2,"
		" scram = excluded.scram, changed_at = excluded.changed_at",
		"itti", account_id, p->argon2, p->scram, wall_now());
	if (r < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

int credential_put(slice dir, int64_t account_id, const struct password *p, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct sql *db;
	if (sql_open(credential_dir(dir, &a), CREDENTIAL_DB, &db, e) < 0)
		return -1;
	int r = put(db, account_id, p, e);
	sql_close(db);
	return r;
}

int credential_remove(slice dir, int64_t account_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct sql *db;
	if (sql_open(credential_dir(dir, &a), CREDENTIAL_DB, &db, e) < 0)
		return -1;
	int64_t r = sql_run(
		db, e, "DELETE FROM credential WHERE account_id = $1", "i", account_id);
	sql_close(db);
	return r < 0 ? -1 : 0;
}
