/*
 * The directory's plain lookups by key. Its tables are in directory_schema.c. What an address means (aliases, details,
 * postmaster) is in directory_resolve.c, changes in directory_change.c, lists in directory_list.c,
 * the servers' cache in directory_cache.c.
 */
#include "store/directory_impl.h"

#include <stdio.h>

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

struct domain directory_read_domain(struct sql_stmt *s, struct arena *a)
{
	return (struct domain){
		.id = sql_int(s, 0),
		.name = arena_dup(a, sql_text(s, 1)),
		.kind = (enum domain_kind)sql_int(s, 2),
		.backend = arena_dup(a, sql_text(s, 3)),
		.callout = sql_int(s, 4) != 0,
		.disabled = sql_int(s, 5) != 0,
		.created_at = sql_int(s, 6),
		.org_id = sql_int(s, 7),
		.stands_for = arena_dup(a, sql_text(s, 8)),
		.org_disabled = sql_int(s, 9) != 0,
	};
}

int directory_domain(struct sql *db, slice name, struct arena *a, struct domain *ret, struct err *e)
{
	slice key;
	if (!directory_domain_name(name, a, &key))
		return err_set(e, ERR_NOTFOUND, "no such domain: %.*s", SFMT(name));
	struct sql_stmt *s =
		sql_prepare(db, "SELECT " DOMAIN_COLUMNS " FROM domain WHERE name = $1", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, key);
	if (only_row(s, "domain", name, e) < 0)
		return -1;
	*ret = directory_read_domain(s, a);
	sql_reset(s);
	return 0;
}

struct account directory_read_account(struct sql_stmt *s, struct arena *a)
{
	int64_t own = sql_int(s, 10), own_messages = sql_int(s, 11);
	return (struct account){
		.id = sql_int(s, 0),
		.domain_id = sql_int(s, 1),
		.address = arena_dup(a, sql_text(s, 2)),
		.name = arena_dup(a, sql_text(s, 3)),
		.disabled = sql_int(s, 4) != 0,
		.quota = directory_own_or_class(own, (uint64_t)sql_int(s, 5)),
		.quota_messages = directory_own_or_class(own_messages, (uint64_t)sql_int(s, 16)),
		.created_at = sql_int(s, 6),
		.kind = (enum account_kind)sql_int(s, 7),
		.class_id = sql_int(s, 8),
		.department_id = sql_int(s, 9),
		.own_quota = own,
		.own_quota_messages = own_messages,
		.services_on = (unsigned)sql_int(s, 12),
		.services_off = (unsigned)sql_int(s, 13),
		.language = arena_dup(a, sql_text(s, 14)),
		.deleted_at = sql_int(s, 15),
	};
}

int directory_account(
	struct sql *db, slice address, struct arena *a, struct account *ret, struct err *e)
{
	slice key;
	if (!directory_canonical(address, a, &key))
		return err_set(e, ERR_NOTFOUND, "no such account: %.*s", SFMT(address));
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " ACCOUNT_COLUMNS " FROM " ACCOUNT_TABLES
		" WHERE account.address = $1 AND account.deleted_at = 0",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, key);
	if (only_row(s, "account", address, e) < 0)
		return -1;
	*ret = directory_read_account(s, a);
	sql_reset(s);
	return 0;
}

int directory_account_by_id(
	struct sql *db, int64_t id, struct arena *a, struct account *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "SELECT " ACCOUNT_COLUMNS " FROM " ACCOUNT_TABLES " WHERE account.id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	char text[24];
	int n = snprintf(text, sizeof text, "%lld", (long long)id);
	if (only_row(s, "account", slice_of(text, (size_t)n), e) < 0)
		return -1;
	*ret = directory_read_account(s, a);
	sql_reset(s);
	return 0;
}

int directory_login(struct sql *db, slice login, struct arena *a, int64_t *ret_id,
	bool *ret_disabled, struct err *e)
{
	struct login_facts f;
	if (directory_login_facts(db, login, a, &f, e) < 0)
		return -1;
	*ret_id = f.id;
	*ret_disabled = f.disabled || f.kind != ACCOUNT_PERSON;
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
