/*
 * Changes of the directory, from the command line: each checks its input, then runs in a
 * transaction that also raises the version, by which servers notice (directory_cache.c).
 */
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "store/credential.h"
#include "store/directory_impl.h"
#include "store/password.h"
#include "store/sql_driver.h"

/* Ends the transaction that sql_begin began; r < 0: it went wrong. */
static int end_change(struct sql *db, int64_t r, struct err *e)
{
	if (r >= 0)
		r = sql_run(db, e, "UPDATE meta SET version = version + 1 WHERE id = 1", "");
	if (r < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

/* Text that people read: one line of UTF-8. */
static bool text_ok(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n <= DIRECTORY_TEXT_MAX && utf8_valid(s);
}

/* Names that stand in destination keys and on command lines. */
static bool name_ok(slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-_.", c))))
			return false;
	}
	return s.n > 0 && s.n <= 64;
}

static int find_local_domain(
	struct sql *db, slice address, struct arena *a, struct domain *ret, struct err *e)
{
	slice name = slice_skip(address, slice_rindex(address, '@') + 1);
	if (directory_domain(db, name, a, ret, e) < 0)
		return -1;
	if (ret->kind != DOMAIN_LOCAL)
		return err_set(e, ERR_PROTO, "%.*s is a backend domain: its addresses are there",
			SFMT(ret->name));
	return 0;
}

/* ---- domains ---- */

int directory_domain_add(struct sql *db, const struct domain *d, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice name;
	struct route route;
	if (!directory_domain_name(d->name, &a, &name))
		return err_set(e, ERR_PROTO, "not a domain name: %.*s", SFMT(d->name));
	if (d->kind == DOMAIN_BACKEND && directory_route(db, d->backend, &a, &route, e) < 0)
		return e->kind == ERR_NOTFOUND
			       ? err_set(e, ERR_NOTFOUND,
					 "no such route: %.*s (add the route first)",
					 SFMT(d->backend))
			       : -1;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = sql_run(db, e,
		"INSERT INTO domain (name, kind, backend, callout, disabled, created_at)"
		" VALUES ($1, $2, $3, $4, $5, $6)",
		"titiii", name, (int64_t)d->kind, d->kind == DOMAIN_BACKEND ? d->backend : S(""),
		(int64_t)d->callout, (int64_t)d->disabled,
		d->created_at ? d->created_at : wall_now());
	if (r < 0 && e->kind == ERR_EXISTS)
		err_set(e, ERR_EXISTS, "domain %.*s exists already", SFMT(name));
	return end_change(db, r, e);
}

/* 0 when the query, with the domain's id as $1, finds nothing. */
static int must_be_empty(
	struct sql *db, const char *query, int64_t id, const char *what, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, query, e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	int r = sql_step(s, e);
	if (r == 1)
		sql_reset(s);
	return r == 1 ? err_set(e, ERR_PERM, "the domain still has %s", what) : r;
}

int directory_domain_remove(struct sql *db, slice name, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct domain d;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_domain(db, name, &a, &d, e);
	if (r == 0)
		r = must_be_empty(db, "SELECT 1 FROM account WHERE domain_id = $1 LIMIT 1", d.id,
			"accounts", e);
	if (r == 0)
		r = must_be_empty(
			db, "SELECT 1 FROM alias WHERE domain_id = $1 LIMIT 1", d.id, "aliases", e);
	if (r == 0)
		r = sql_run(db, e, "DELETE FROM domain WHERE id = $1", "i", d.id);
	return end_change(db, r, e);
}

/* ---- accounts ---- */

static int64_t insert_account(
	struct sql *db, const struct domain *d, slice address, slice name, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"INSERT INTO account (domain_id, address, name, disabled, quota, created_at)"
		" VALUES ($1, $2, $3, 0, 0, $4) RETURNING id",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, d->id);
	sql_bind_text(s, 2, address);
	sql_bind_text(s, 3, name);
	sql_bind_int(s, 4, wall_now());
	if (sql_step(s, e) < 0)
		return e->kind == ERR_EXISTS ? err_set(e, ERR_EXISTS, "account %.*s exists already",
						       SFMT(address))
					     : -1;
	int64_t id = sql_int(s, 0);
	sql_reset(s);
	return id;
}

static int not_an_alias(struct sql *db, slice address, struct arena *a, struct err *e)
{
	slice *targets;
	size_t n;
	if (directory_targets(db, address, a, &targets, &n, e) < 0)
		return -1;
	return n ? err_set(e, ERR_EXISTS, "%.*s is an alias already", SFMT(address)) : 0;
}

int directory_account_add(struct sql *db, slice address, slice name, slice password, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct directory_name n;
	struct domain d;
	struct password p;
	if (!directory_name(address, &a, &n))
		return err_set(e, ERR_PROTO, "not a mail address: %.*s", SFMT(address));
	if (!text_ok(name))
		return err_set(e, ERR_PROTO, "the display name must be one line of UTF-8");
	if (password_make(password, &a, &p, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	int64_t r = find_local_domain(db, n.address, &a, &d, e);
	if (r == 0)
		r = not_an_alias(db, n.address, &a, e);
	if (r == 0)
		r = insert_account(db, &d, n.address, name, e);
	/* Before the account is there for others: no account is ever without its password. A row
	 * left behind by a crash here is replaced by the next account that gets this id. */
	if (r > 0)
		r = credential_put(slice_z(db->dir), r, &p, e);
	return end_change(db, r, e);
}

int directory_account_disable(struct sql *db, slice address, bool disabled, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_account(db, address, &a, &account, e);
	if (r == 0)
		r = sql_run(db, e, "UPDATE account SET disabled = $2 WHERE id = $1", "ii",
			account.id, (int64_t)disabled);
	return end_change(db, r, e);
}

int directory_account_quota(struct sql *db, slice address, uint64_t bytes, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	if (bytes > INT64_MAX)
		return err_set(e, ERR_PROTO, "a quota that large is none");
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_account(db, address, &a, &account, e);
	if (r == 0)
		r = sql_run(db, e, "UPDATE account SET quota = $2 WHERE id = $1", "ii", account.id,
			(int64_t)bytes);
	return end_change(db, r, e);
}

int directory_account_may_go(struct sql *db, slice address, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	if (directory_account(db, address, &a, &account, e) < 0)
		return -1;
	struct sql_stmt *s =
		sql_prepare(db, "SELECT address FROM alias WHERE target = $1 LIMIT 1", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, account.address);
	int r = sql_step(s, e);
	if (r <= 0)
		return r;
	slice alias = sql_text(s, 0);
	err_set(e, ERR_PERM, "the alias %.*s still leads to it", SFMT(alias));
	sql_reset(s);
	return -1;
}

int directory_account_remove(struct sql *db, slice address, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_account(db, address, &a, &account, e);
	if (r == 0)
		r = directory_account_may_go(db, account.address, e);
	if (r == 0)
		r = sql_run(db, e, "DELETE FROM account WHERE id = $1", "i", account.id);
	/* A crash here leaves an account without password, which can be removed again. */
	if (r > 0)
		r = credential_remove(slice_z(db->dir), account.id, e);
	return end_change(db, r, e);
}

int directory_password(struct sql *db, slice address, slice password, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	struct password p;
	if (password_make(password, &a, &p, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_account(db, address, &a, &account, e);
	if (r == 0)
		r = credential_put(slice_z(db->dir), account.id, &p, e);
	return end_change(db, r, e);
}

/* ---- aliases ---- */

static int not_an_account(struct sql *db, slice address, struct arena *a, struct err *e)
{
	struct account account;
	if (slice_starts(address, S("@")))
		return 0;
	if (directory_account(db, address, a, &account, e) == 0)
		return err_set(e, ERR_EXISTS, "%.*s is an account", SFMT(address));
	return e->kind == ERR_NOTFOUND ? 0 : -1;
}

static int64_t insert_alias(
	struct sql *db, slice from, slice to, const struct domain *d, struct err *e)
{
	int64_t r =
		sql_run(db, e, "INSERT INTO alias (address, target, domain_id) VALUES ($1, $2, $3)",
			"tti", from, to, d->id);
	if (r < 0 && e->kind == ERR_EXISTS)
		err_set(e, ERR_EXISTS, "alias %.*s has that target already", SFMT(from));
	return r;
}

int directory_alias_add(struct sql *db, slice address, slice target, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice from, to, *targets;
	size_t n;
	struct domain d;
	if (!directory_canonical_catchall(address, &a, &from))
		return err_set(e, ERR_PROTO, "not a mail address: %.*s", SFMT(address));
	if (!directory_canonical(target, &a, &to))
		return err_set(e, ERR_PROTO, "not a mail address: %.*s", SFMT(target));
	if (slice_eq(from, to))
		return err_set(e, ERR_PROTO, "an alias cannot be its own target");
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = find_local_domain(db, from, &a, &d, e);
	if (r == 0)
		r = not_an_account(db, from, &a, e);
	if (r == 0)
		r = directory_targets(db, from, &a, &targets, &n, e);
	if (r == 0 && n == DIRECTORY_TARGETS_MAX)
		r = err_set(e, ERR_LIMIT, "an alias has at most %d targets", DIRECTORY_TARGETS_MAX);
	if (r == 0)
		r = insert_alias(db, from, to, &d, e);
	return end_change(db, r, e);
}

int directory_alias_remove(struct sql *db, slice address, slice target, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice from, to = {0};
	if (!directory_canonical_catchall(address, &a, &from) ||
		(target.n && !directory_canonical(target, &a, &to)))
		return err_set(e, ERR_NOTFOUND, "no such alias: %.*s", SFMT(address));
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r =
		sql_run(db, e, "DELETE FROM alias WHERE address = $1 AND (target = $2 OR $2 = '')",
			"tt", from, to);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "no such alias: %.*s", SFMT(from));
	return end_change(db, r, e);
}

/* ---- routes ---- */

static bool match_ok(slice match, struct arena *a, slice *ret)
{
	slice domain;
	if (match.n == 0 || slice_eq(match, S("*"))) {
		*ret = match;
		return true;
	}
	if (slice_index(match, '@') < match.n)
		return directory_canonical(match, a, ret);
	bool below = match.p[0] == '.';
	if (!directory_domain_name(slice_skip(match, below), a, &domain))
		return false;
	*ret = arena_printf(a, "%s%.*s", below ? "." : "", SFMT(domain));
	return true;
}

static bool one_of(slice s, const char *const *words)
{
	for (; *words; words++)
		if (slice_eq(s, slice_z(*words)))
			return true;
	return false;
}

static int check_route(const struct route *r, struct arena *a, slice *ret_match, struct err *e)
{
	static const char *const protocols[] = {"smtp", "lmtp", NULL};
	static const char *const tls[] = {
		"opportunistic", "required", "ca", "host", "dane", "none", NULL};
	if (!name_ok(r->name))
		return err_set(e, ERR_PROTO,
			"a route's name is letters, digits, '-', '_', '.', at most 64");
	if (!match_ok(r->match, a, ret_match))
		return err_set(e, ERR_PROTO,
			"match is \"domain\", \".domain\", \"user@domain\" or \"*\", not %.*s",
			SFMT(r->match));
	if (!one_of(r->protocol, protocols))
		return err_set(
			e, ERR_PROTO, "protocol is smtp or lmtp, not %.*s", SFMT(r->protocol));
	if (!one_of(r->tls, tls))
		return err_set(e, ERR_PROTO,
			"tls is opportunistic, required, ca, host, dane or none, not %.*s",
			SFMT(r->tls));
	if (slice_trim(r->hosts).n == 0 || !text_ok(r->hosts) || !text_ok(r->auth_user) ||
		!text_ok(r->auth_secret))
		return err_set(e, ERR_PROTO,
			"a route needs hosts; texts are one line of UTF-8, at most %d bytes",
			DIRECTORY_TEXT_MAX);
	if ((r->auth_user.n == 0) != (r->auth_secret.n == 0))
		return err_set(
			e, ERR_PROTO, "a login at the next hop needs both name and password");
	return 0;
}

static int route_fits(struct sql *db, const struct route *r, slice match, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT COUNT(*), COUNT(CASE WHEN pattern = $1 AND $1 <> '' THEN 1 END) FROM route "
		"WHERE name <> $2",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, match);
	sql_bind_text(s, 2, r->name);
	if (sql_step(s, e) < 0)
		return -1;
	int64_t routes = sql_int(s, 0), same = sql_int(s, 1);
	sql_reset(s);
	if (same)
		return err_set(e, ERR_EXISTS, "another route matches %.*s already", SFMT(match));
	return routes < DIRECTORY_ROUTES_MAX
		       ? 0
		       : err_set(e, ERR_LIMIT, "at most %d routes", DIRECTORY_ROUTES_MAX);
}

int directory_route_add(struct sql *db, const struct route *r, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice match;
	if (check_route(r, &a, &match, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	int64_t n = route_fits(db, r, match, e);
	if (n == 0)
		n = sql_run(db, e,
			"INSERT INTO route (name, pattern, protocol, hosts, tls, auth_user, "
			"auth_secret, disabled)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO UPDATE SET"
			" pattern = excluded.pattern, protocol = excluded.protocol, hosts = "
			"excluded.hosts,"
			" tls = excluded.tls, auth_user = excluded.auth_user, auth_secret = "
			"excluded.auth_secret,"
			" disabled = excluded.disabled",
			"ttttttti", r->name, match, r->protocol, slice_trim(r->hosts), r->tls,
			r->auth_user, r->auth_secret, (int64_t)r->disabled);
	return end_change(db, n, e);
}

int directory_route_remove(struct sql *db, slice name, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	struct sql_stmt *s =
		sql_prepare(db, "SELECT name FROM domain WHERE backend = $1 LIMIT 1", e);
	int64_t r = -1;
	if (s) {
		sql_bind_text(s, 1, name);
		r = sql_step(s, e);
	}
	if (r == 1) {
		err_set(e, ERR_PERM, "domain %.*s uses this route", SFMT(sql_text(s, 0)));
		sql_reset(s);
		r = -1;
	}
	if (r == 0)
		r = sql_run(db, e, "DELETE FROM route WHERE name = $1", "t", name);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "no such route: %.*s", SFMT(name));
	return end_change(db, r, e);
}
