/*
 * Changes of domains, aliases and routes: each checks its input, then runs in a transaction that also
 * raises the version, by which servers notice (directory_cache.c).
 */
#include "base/mem.h"
#include "base/time.h"
#include "store/directory_impl.h"

/* ---- domains ---- */

/* What a domain refers to must be there: its route, the domain that it stands for, its organisation.
 * *ret_real: that domain in its one spelling. */
static int check_domain(struct sql *db, const struct domain *d, slice name, struct arena *a,
	slice *ret_real, struct err *e)
{
	struct route route;
	struct domain real = {.name = S("")};
	if (d->kind == DOMAIN_BACKEND && directory_route(db, d->backend, a, &route, e) < 0)
		return e->kind == ERR_NOTFOUND
			       ? err_set(e, ERR_NOTFOUND,
					 "no such route: %.*s (add the route first)",
					 SFMT(d->backend))
			       : -1;
	if (d->kind == DOMAIN_ALIAS) {
		if (directory_domain(db, d->stands_for, a, &real, e) < 0)
			return -1;
		if (real.kind != DOMAIN_LOCAL || slice_eq(real.name, name))
			return err_set(e, ERR_PROTO,
				"a domain can stand for another one with mailboxes here, not for "
				"%.*s",
				SFMT(real.name));
	}
	if (d->org_id) {
		int64_t n =
			directory_number(db, e, "SELECT 1 FROM org WHERE id = $1", "i", d->org_id);
		if (n <= 0)
			return n < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such organisation");
	}
	*ret_real = real.name;
	return 0;
}

int directory_domain_add(struct sql *db, const struct domain *d, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice name, real;
	if (!directory_domain_name(d->name, &a, &name))
		return err_set(e, ERR_PROTO, "not a domain name: %.*s", SFMT(d->name));
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = check_domain(db, d, name, &a, &real, e);
	if (r == 0)
		r = sql_run(db, e,
			"INSERT INTO domain (name, kind, backend, callout, disabled, created_at,"
			" org_id, stands_for) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			"titiiiit", name, (int64_t)d->kind,
			d->kind == DOMAIN_BACKEND ? d->backend : S(""), (int64_t)d->callout,
			(int64_t)d->disabled, d->created_at ? d->created_at : wall_now(),
			d->org_id ? d->org_id : (int64_t)DIRECTORY_FIRST, real);
	if (r < 0 && e->kind == ERR_EXISTS)
		err_set(e, ERR_EXISTS, "domain %.*s exists already", SFMT(name));
	return directory_end_change(db, r, e);
}

static int must_be_empty(struct sql *db, const struct domain *d, struct err *e)
{
	static const struct {
		const char *query, *what;
	} uses[] = {
		{"SELECT 1 FROM account WHERE domain_id = $1 LIMIT 1",
			"accounts (also deleted ones count until they are purged)"},
		{"SELECT 1 FROM alias WHERE domain_id = $1 LIMIT 1", "aliases"},
		{"SELECT 1 FROM mailgroup WHERE domain_id = $1 LIMIT 1", "groups"},
		{"SELECT 1 FROM maillist WHERE domain_id = $1 LIMIT 1", "mailing lists"},
		{"SELECT 1 FROM domain AS other, domain AS this WHERE this.id = $1"
		 " AND other.kind = 3 AND other.stands_for = this.name LIMIT 1",
			"domains that stand for it"},
	};
	for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
		int64_t n = directory_number(db, e, uses[i].query, "i", d->id);
		if (n)
			return n < 0 ? -1
				     : err_set(e, ERR_PERM, "the domain still has %s",
					       uses[i].what);
	}
	return 0;
}

int directory_domain_remove(struct sql *db, slice name, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct domain d;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_domain(db, name, &a, &d, e);
	if (r == 0)
		r = must_be_empty(db, &d, e);
	if (r == 0)
		r = sql_run(db, e,
			"DELETE FROM script WHERE account_id = 0 AND scope = 3 AND scope_id = $1",
			"i", d.id);
	if (r >= 0)
		r = sql_run(db, e, "DELETE FROM domain WHERE id = $1", "i", d.id);
	return directory_end_change(db, r, e);
}

/* ---- aliases ---- */

static int not_something_else(struct sql *db, slice address, struct err *e)
{
	if (slice_starts(address, S("@")))
		return 0;
	if (directory_not_taken(db, address, TAKEN_ACCOUNT | TAKEN_GROUP, e) < 0)
		return -1;
	int64_t n = directory_number(
		db, e, "SELECT 1 FROM alias WHERE address = $1 AND account_id > 0", "t", address);
	return n > 0 ? err_set(e, ERR_EXISTS, "%.*s is an account's own further address",
			       SFMT(address))
		     : (int)n;
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
	int64_t r = directory_local_domain(db, from, &a, &d, e);
	if (r == 0)
		r = not_something_else(db, from, e);
	if (r == 0)
		r = directory_targets(db, from, &a, &targets, &n, e);
	if (r == 0 && n == DIRECTORY_TARGETS_MAX)
		r = err_set(e, ERR_LIMIT, "an alias has at most %d targets", DIRECTORY_TARGETS_MAX);
	if (r == 0)
		r = insert_alias(db, from, to, &d, e);
	return directory_end_change(db, r, e);
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
	return directory_end_change(db, r, e);
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
	if (!directory_word_ok(r->name))
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
	if (slice_trim(r->hosts).n == 0 || !directory_text_ok(r->hosts) ||
		!directory_text_ok(r->auth_user) || !directory_text_ok(r->auth_secret))
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
	return directory_end_change(db, n, e);
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
	return directory_end_change(db, r, e);
}
