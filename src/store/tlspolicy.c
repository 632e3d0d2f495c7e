/*
 * The table of MTA-STS policies (tlspolicy.h). Called by mail/sts.c.
 */
#include "store/tlspolicy.h"

const struct sql_migration tlspolicy_migrations[] = {
	{1, "sts",
		"CREATE TABLE sts ("
		"domain TEXT NOT NULL PRIMARY KEY, id TEXT NOT NULL, policy TEXT NOT NULL,"
		"fetched_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT NOT NULL"
		") {{WITHOUT_ROWID}};",
		"DROP TABLE sts;"},
};
const size_t tlspolicy_migrations_n = sizeof tlspolicy_migrations / sizeof tlspolicy_migrations[0];

int sts_put_tx(struct sql *db, const struct sts_row *r, struct err *e)
{
	return sql_run(db, e,
		       "INSERT INTO sts (domain, id, policy, fetched_at, expires_at, used_at)"
		       " VALUES ($1, $2, $3, $4, $5, $6)"
		       " ON CONFLICT (domain) DO UPDATE SET id = excluded.id,"
		       " policy = excluded.policy, fetched_at = excluded.fetched_at,"
		       " expires_at = excluded.expires_at, used_at = excluded.used_at",
		       "tttiii", r->domain, r->id, r->policy, r->fetched_at, r->expires_at,
		       r->used_at) < 0
		       ? -1
		       : 0;
}

int sts_expire_tx(struct sql *db, int64_t wall, struct err *e)
{
	return sql_run(db, e, "DELETE FROM sts WHERE expires_at <= $1", "i", wall) < 0 ? -1 : 0;
}

int sts_rows(struct sql *db, int64_t most, void (*row)(void *arg, const struct sts_row *r),
	void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT domain, id, policy, fetched_at, expires_at, used_at FROM sts"
		" ORDER BY used_at DESC LIMIT $1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, most);
	int more;
	while ((more = sql_step(s, e)) > 0) {
		const struct sts_row r = {.domain = sql_text(s, 0),
			.id = sql_text(s, 1),
			.policy = sql_text(s, 2),
			.fetched_at = sql_int(s, 3),
			.expires_at = sql_int(s, 4),
			.used_at = sql_int(s, 5)};
		row(arg, &r);
	}
	return more;
}
