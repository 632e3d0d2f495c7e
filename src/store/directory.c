/*
 * The directory's tables and its plain lookups by key. What an address means (aliases, details,
 * postmaster) is in directory_resolve.c, changes in directory_change.c, lists in directory_list.c,
 * the servers' cache in directory_cache.c.
 */
#include "store/directory_impl.h"

#include <stdio.h>

const struct sql_migration directory_migrations[] = {
	{1, "directory",
		"CREATE TABLE meta (id {{KEY}}, version BIGINT NOT NULL);"
		"INSERT INTO meta (id, version) VALUES (1, 1);"
		"CREATE TABLE domain ("
		"id {{AUTO_KEY}}, name TEXT NOT NULL UNIQUE, kind BIGINT NOT NULL, backend TEXT "
		"NOT NULL,"
		"callout BIGINT NOT NULL, disabled BIGINT NOT NULL, created_at BIGINT NOT NULL);"
		"CREATE TABLE account ("
		"id {{AUTO_KEY}}, domain_id BIGINT NOT NULL, address TEXT NOT NULL UNIQUE, name "
		"TEXT NOT NULL,"
		"disabled BIGINT NOT NULL, quota BIGINT NOT NULL, created_at BIGINT NOT NULL);"
		"CREATE INDEX account_domain ON account (domain_id, address);"
		"CREATE TABLE alias ("
		"address TEXT NOT NULL, target TEXT NOT NULL, domain_id BIGINT NOT NULL,"
		"PRIMARY KEY (address, target)) {{WITHOUT_ROWID}};"
		"CREATE INDEX alias_domain ON alias (domain_id, address);"
		"CREATE TABLE route ("
		"id {{AUTO_KEY}}, name TEXT NOT NULL UNIQUE, pattern TEXT NOT NULL, protocol TEXT "
		"NOT NULL,"
		"hosts TEXT NOT NULL, tls TEXT NOT NULL, auth_user TEXT NOT NULL, auth_secret TEXT "
		"NOT NULL,"
		"disabled BIGINT NOT NULL);"
		"CREATE INDEX route_pattern ON route (pattern);",
		"DROP TABLE route; DROP TABLE alias; DROP TABLE account;"
		"DROP TABLE domain; DROP TABLE meta;"},
	{2, "lists", /* list.c; meta 2 is the version of this table alone */
		"CREATE TABLE list_entry ("
		"id {{AUTO_KEY}}, level BIGINT NOT NULL, scope TEXT NOT NULL, kind BIGINT NOT "
		"NULL, what TEXT NOT NULL, allow BIGINT NOT NULL, insist BIGINT NOT NULL, "
		"expires_at BIGINT NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL,"
		"comment TEXT NOT NULL);"
		"CREATE UNIQUE INDEX list_entry_what ON list_entry (level, scope, kind, what);"
		"CREATE INDEX list_entry_expires ON list_entry (expires_at);"
		"INSERT INTO meta (id, version) VALUES (2, 1);",
		"DROP TABLE list_entry; DELETE FROM meta WHERE id = 2;"},
	{3, "digest", /* digest.c; meta 3 counts its changes */
		"CREATE TABLE digest_setting ("
		"name TEXT PRIMARY KEY, enabled BIGINT NOT NULL, every BIGINT NOT NULL,"
		"hour BIGINT NOT NULL, weekday BIGINT NOT NULL, only_new BIGINT NOT NULL,"
		"zone TEXT NOT NULL, language TEXT NOT NULL, send_to TEXT NOT NULL,"
		"covers TEXT NOT NULL, changed_at BIGINT NOT NULL, changed_by TEXT NOT NULL)"
		" {{WITHOUT_ROWID}};",
		"DROP TABLE digest_setting; DELETE FROM meta WHERE id = 3;"},
	{4, "policies", /* policies.c: versions of the policy document; the highest is in force */
		"CREATE TABLE policies ("
		"version {{KEY}}, made_at BIGINT NOT NULL, made_by TEXT NOT NULL,"
		"note TEXT NOT NULL, body TEXT NOT NULL);",
		"DROP TABLE policies;"},
};
const size_t directory_migrations_n = sizeof directory_migrations / sizeof directory_migrations[0];

int directory_version(struct sql *db, uint64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT version FROM meta WHERE id = 1", e);
	if (!s)
		return -1;
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_BUG, "the directory has no version");
	*ret = (uint64_t)sql_int(s, 0);
	sql_reset(s);
	return 0;
}

/* Steps to the only row; ERR_NOTFOUND with the text when there is none. */
static int only_row(struct sql_stmt *s, const char *what, slice name, struct err *e)
{
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	return r ? 0 : err_set(e, ERR_NOTFOUND, "no such %s: %.*s", what, SFMT(name));
}

int directory_domain(struct sql *db, slice name, struct arena *a, struct domain *ret, struct err *e)
{
	slice key;
	if (!directory_domain_name(name, a, &key))
		return err_set(e, ERR_NOTFOUND, "no such domain: %.*s", SFMT(name));
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id, name, kind, backend, callout, disabled, created_at FROM domain WHERE "
		"name = $1",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, key);
	if (only_row(s, "domain", name, e) < 0)
		return -1;
	*ret = (struct domain){
		.id = sql_int(s, 0),
		.name = arena_dup(a, sql_text(s, 1)),
		.kind = (enum domain_kind)sql_int(s, 2),
		.backend = arena_dup(a, sql_text(s, 3)),
		.callout = sql_int(s, 4) != 0,
		.disabled = sql_int(s, 5) != 0,
		.created_at = sql_int(s, 6),
	};
	sql_reset(s);
	return 0;
}

static void read_account(struct sql_stmt *s, struct arena *a, struct account *ret)
{
	*ret = (struct account){
		.id = sql_int(s, 0),
		.domain_id = sql_int(s, 1),
		.address = arena_dup(a, sql_text(s, 2)),
		.name = arena_dup(a, sql_text(s, 3)),
		.disabled = sql_int(s, 4) != 0,
		.quota = (uint64_t)sql_int(s, 5),
		.created_at = sql_int(s, 6),
	};
	sql_reset(s);
}

int directory_account(
	struct sql *db, slice address, struct arena *a, struct account *ret, struct err *e)
{
	slice key;
	if (!directory_canonical(address, a, &key))
		return err_set(e, ERR_NOTFOUND, "no such account: %.*s", SFMT(address));
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id, domain_id, address, name, disabled, quota, created_at FROM account"
		" WHERE address = $1",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, key);
	if (only_row(s, "account", address, e) < 0)
		return -1;
	read_account(s, a, ret);
	return 0;
}

int directory_account_by_id(
	struct sql *db, int64_t id, struct arena *a, struct account *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id, domain_id, address, name, disabled, quota, created_at FROM account "
		"WHERE id = $1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	char text[24];
	int n = snprintf(text, sizeof text, "%lld", (long long)id);
	if (only_row(s, "account", slice_of(text, (size_t)n), e) < 0)
		return -1;
	read_account(s, a, ret);
	return 0;
}

int directory_login(struct sql *db, slice login, struct arena *a, int64_t *ret_id,
	bool *ret_disabled, struct err *e)
{
	slice key;
	if (!directory_canonical(login, a, &key))
		return err_set(e, ERR_NOTFOUND, "no such account: %.*s", SFMT(login));
	struct sql_stmt *s = sql_prepare(db,
		"SELECT account.id, account.disabled + domain.disabled FROM account"
		" JOIN domain ON domain.id = account.domain_id WHERE address = $1",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, key);
	if (only_row(s, "account", login, e) < 0)
		return -1;
	*ret_id = sql_int(s, 0);
	*ret_disabled = sql_int(s, 1) != 0;
	sql_reset(s);
	return 0;
}

struct route directory_read_route(struct sql_stmt *s, struct arena *a)
{
	return (struct route){
		.id = sql_int(s, 0),
		.name = arena_dup(a, sql_text(s, 1)),
		.match = arena_dup(a, sql_text(s, 2)),
		.protocol = arena_dup(a, sql_text(s, 3)),
		.hosts = arena_dup(a, sql_text(s, 4)),
		.tls = arena_dup(a, sql_text(s, 5)),
		.auth_user = arena_dup(a, sql_text(s, 6)),
		.auth_secret = arena_dup(a, sql_text(s, 7)),
		.disabled = sql_int(s, 8) != 0,
	};
}

int directory_route(struct sql *db, slice name, struct arena *a, struct route *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT " ROUTE_COLUMNS " FROM route WHERE name = $1", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, name);
	if (only_row(s, "route", name, e) < 0)
		return -1;
	*ret = directory_read_route(s, a);
	sql_reset(s);
	return 0;
}

struct route_search {
	struct sql *db;
	struct arena *a;
	struct route *ret;
	struct err *e;
	int result; /* 0 found, -1 not yet, -2 error */
};

static bool try_route(void *arg, slice key)
{
	struct route_search *rs = arg;
	struct sql_stmt *s = sql_prepare(rs->db,
		"SELECT " ROUTE_COLUMNS
		" FROM route WHERE pattern = $1 AND disabled = 0 ORDER BY name LIMIT 1",
		rs->e);
	if (s)
		sql_bind_text(s, 1, key);
	int r = s ? sql_step(s, rs->e) : -1;
	if (r == 1) {
		*rs->ret = directory_read_route(s, rs->a);
		sql_reset(s);
	}
	rs->result = r == 1 ? 0 : r == 0 ? -1 : -2;
	return r != 0;
}

int directory_route_for(
	struct sql *db, slice address, struct arena *a, struct route *ret, struct err *e)
{
	struct route_search rs = {.db = db, .a = a, .ret = ret, .e = e, .result = -1};
	directory_route_keys(address, a, try_route, &rs);
	if (rs.result == -1)
		return err_set(e, ERR_NOTFOUND, "no route matches %.*s", SFMT(address));
	return rs.result ? -1 : 0;
}
