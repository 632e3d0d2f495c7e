/* Networks that may not log in (login.h): made by the command line and by the auth role, obeyed by the auth role. */
#include "base/mem.h"
#include "base/time.h"
#include "run/net.h"
#include "store/login.h"

static int end(struct sql *db, int64_t r, struct err *e)
{
	if (r >= 0)
		r = sql_run(db, e, "UPDATE meta SET bans = bans + 1 WHERE id = 1", "");
	if (r < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

static int count(struct sql *db, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT COUNT(*) FROM ban", e);
	if (!s || sql_step(s, e) <= 0)
		return -1;
	*ret = sql_int(s, 0);
	sql_reset(s);
	return 0;
}

static int64_t put(struct sql *db, const struct ban *b, struct err *e)
{
	int64_t n;
	if (sql_run(db, e, "DELETE FROM ban WHERE ends_at > 0 AND ends_at < $1", "i", wall_now()) <
			0 ||
		count(db, &n, e) < 0)
		return -1;
	if (n >= BANS_MAX)
		return err_set(e, ERR_LIMIT, "%d networks are banned already", BANS_MAX);
	return sql_run(db, e,
		"INSERT INTO ban (network, made_at, ends_at, made_by, why) VALUES ($1, $2, $3, $4, "
		"$5)"
		" ON CONFLICT (network) DO UPDATE SET made_at = excluded.made_at,"
		" ends_at = excluded.ends_at, made_by = excluded.made_by, why = excluded.why",
		"tiitt", slice_trim(b->network), b->made_at, b->until,
		slice_first(b->by, LOGIN_TEXT_MAX), slice_first(b->why, LOGIN_TEXT_MAX));
}

int ban_add(struct sql *db, const struct ban *b, struct err *e)
{
	struct net_cidr parsed;
	if (net_cidr_parse(slice_trim(b->network), &parsed, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	return end(db, put(db, b, e), e);
}

int ban_remove(struct sql *db, slice network, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = sql_run(db, e, "DELETE FROM ban WHERE network = $1", "t", slice_trim(network));
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "%.*s is not banned", SFMT(slice_first(network, 60)));
	return end(db, r, e);
}

int ban_list(struct sql *db, int64_t now, struct arena *a, struct ban **ret, size_t *ret_n,
	struct err *e)
{
	int64_t most;
	size_t n = 0;
	if (count(db, &most, e) < 0)
		return -1;
	struct ban *v = ARENA_ARRAY(a, struct ban, (size_t)most + 1);
	struct sql_stmt *s = sql_prepare(db,
		"SELECT network, made_at, ends_at, made_by, why FROM ban"
		" WHERE ends_at = 0 OR ends_at > $1 ORDER BY made_at DESC LIMIT $2",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, now);
	sql_bind_int(s, 2, most);
	int r;
	while ((r = sql_step(s, e)) == 1)
		v[n++] = (struct ban){arena_dup(a, sql_text(s, 0)), sql_int(s, 1), sql_int(s, 2),
			arena_dup(a, sql_text(s, 3)), arena_dup(a, sql_text(s, 4))};
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

int ban_version(struct sql *db, uint64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT bans FROM meta WHERE id = 1", e);
	if (!s || sql_step(s, e) <= 0)
		return -1;
	*ret = (uint64_t)sql_int(s, 0);
	sql_reset(s);
	return 0;
}
