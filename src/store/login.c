/*
 * The log of logins, known places and the last use of application passwords (login.h). Bans are in login_ban.c. Written by
 * the auth role (bin/auth_log.c), read by the command line.
 */
#include "store/login.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/credential.h"
#include <openssl/evp.h>
#include <openssl/sha.h>

const struct sql_migration login_migrations[] = {
	{1, "login",
		"CREATE TABLE meta (id {{KEY}}, bans BIGINT NOT NULL);"
		"INSERT INTO meta (id, bans) VALUES (1, 1);"
		"CREATE TABLE login (id {{AUTO_KEY}}, same {{BLOB}} NOT NULL, first_at BIGINT NOT "
		"NULL,"
		"last_at BIGINT NOT NULL, times BIGINT NOT NULL, account_id BIGINT NOT NULL,"
		"login TEXT NOT NULL, service TEXT NOT NULL, ip TEXT NOT NULL, how TEXT NOT NULL,"
		"client TEXT NOT NULL, country TEXT NOT NULL, why TEXT NOT NULL,"
		"result BIGINT NOT NULL, secure BIGINT NOT NULL);"
		"CREATE UNIQUE INDEX login_same ON login (same);"
		"CREATE INDEX login_time ON login (last_at);"
		"CREATE INDEX login_name ON login (login, last_at);"
		"CREATE TABLE place (account_id BIGINT NOT NULL, kind BIGINT NOT NULL,"
		"value TEXT NOT NULL, first_at BIGINT NOT NULL, last_at BIGINT NOT NULL,"
		"PRIMARY KEY (account_id, kind, value)) {{WITHOUT_ROWID}};"
		"CREATE TABLE app_used (app_id {{KEY}}, used_at BIGINT NOT NULL, ip TEXT NOT NULL,"
		"service TEXT NOT NULL);"
		"CREATE TABLE ban (network TEXT NOT NULL PRIMARY KEY, made_at BIGINT NOT NULL,"
		"ends_at BIGINT NOT NULL, made_by TEXT NOT NULL, why TEXT NOT NULL);",
		"DROP TABLE ban; DROP TABLE app_used; DROP TABLE place; DROP TABLE login;"
		"DROP TABLE meta;"},
};
const size_t login_migrations_n = sizeof login_migrations / sizeof login_migrations[0];

int login_open(slice dir, struct sql **ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct sql *db;
	int version;
	if (sql_open(credential_dir(dir, &a), LOGIN_DB, &db, e) < 0)
		return -1;
	if (sql_version(db, &version, e) < 0 ||
		(version == 0 && sql_migrate(db, login_migrations, login_migrations_n, e) < 0)) {
		sql_close(db);
		return -1;
	}
	*ret = db;
	return 0;
}

static const char *const results[] = {"", "ok", "failed", "refused", "not-here", "expired", "temp"};
_Static_assert(sizeof results / sizeof *results == LOGIN_RESULTS, "a name for each");

const char *login_result_name(enum login_result r)
{
	return (unsigned)r < LOGIN_RESULTS ? results[r] : "";
}

bool login_result_parse(slice s, enum login_result *ret)
{
	for (int i = 1; i < LOGIN_RESULTS; i++)
		if (slice_eq(s, slice_z(results[i]))) {
			*ret = (enum login_result)i;
			return true;
		}
	return false;
}

/* ---- the log ---- */

static slice cut(slice s)
{
	return slice_first(s, LOGIN_TEXT_MAX);
}

/* What rows that are one have in common. */
static void sameness(const struct login_row *r, unsigned char out[32])
{
	AUTO(buf) struct buf text = BUF(4096);
	buf_u64(&text, (uint64_t)(r->at / HOUR));
	buf_u64(&text, (uint64_t)r->account_id);
	buf_u8(&text, (uint8_t)r->result);
	buf_u8(&text, r->secure);
	const slice texts[] = {r->login, r->service, r->ip, r->how, r->client, r->why};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		buf_str(&text, cut(texts[i]));
	SHA256((const unsigned char *)text.p, text.n, out);
}

int login_add_tx(struct sql *db, const struct login_row *r, struct err *e)
{
	unsigned char same[32];
	sameness(r, same);
	int64_t n = sql_run(db, e,
		"INSERT INTO login (same, first_at, last_at, times, account_id, login, service, "
		"ip, how,"
		" client, country, why, result, secure)"
		" VALUES ($1, $2, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
		" ON CONFLICT (same) DO UPDATE SET times = login.times + 1, last_at = "
		"excluded.last_at",
		"biitttttttii", slice_of(same, 16), r->at, r->account_id, cut(r->login),
		cut(r->service), cut(r->ip), cut(r->how), cut(r->client), cut(r->country),
		cut(r->why), (int64_t)r->result, (int64_t)r->secure);
	return n < 0 ? -1 : 0;
}

static struct login_row read_row(struct sql_stmt *s)
{
	return (struct login_row){.id = sql_int(s, 0),
		.at = sql_int(s, 1),
		.last_at = sql_int(s, 2),
		.times = sql_int(s, 3),
		.account_id = sql_int(s, 4),
		.login = sql_text(s, 5),
		.service = sql_text(s, 6),
		.ip = sql_text(s, 7),
		.how = sql_text(s, 8),
		.client = sql_text(s, 9),
		.country = sql_text(s, 10),
		.why = sql_text(s, 11),
		.result = (enum login_result)sql_int(s, 12),
		.secure = sql_int(s, 13) != 0};
}

#define SELECT_ROWS                                                                                \
	"SELECT id, first_at, last_at, times, account_id, login, service, ip, how, client, "       \
	"country,"                                                                                 \
	" why, result, secure FROM login"
#define WHERE_REST                                                                                 \
	" AND ($2 = '' OR ip = $2) AND last_at >= $3 AND ($4 = 0 OR result = $4)"                  \
	" ORDER BY last_at DESC, id DESC LIMIT $5"

int login_each(struct sql *db, const struct login_filter *f,
	bool (*fn)(void *arg, const struct login_row *r), void *arg, struct err *e)
{
	/* Two texts, so that each finds its index. */
	struct sql_stmt *s =
		f->login.n ? sql_prepare(db, SELECT_ROWS " WHERE login = $1" WHERE_REST, e)
			   : sql_prepare(db, SELECT_ROWS " WHERE $1 = ''" WHERE_REST, e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, f->login.p ? f->login : S(""));
	sql_bind_text(s, 2, f->ip.p ? f->ip : S(""));
	sql_bind_int(s, 3, f->since);
	sql_bind_int(s, 4, f->result);
	sql_bind_int(s, 5, f->most);
	int r;
	while ((r = sql_step(s, e)) == 1) {
		struct login_row row = read_row(s);
		if (!fn(arg, &row)) {
			sql_reset(s);
			return 0;
		}
	}
	return r;
}

int login_trim(struct sql *db, int64_t before, int64_t *ret_n, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t n = sql_run(db, e,
		"DELETE FROM login WHERE id IN (SELECT id FROM login WHERE last_at < $1"
		" ORDER BY last_at LIMIT $2)",
		"ii", before, (int64_t)LOGIN_TRIM_MAX);
	if (n < 0) {
		sql_rollback(db);
		return -1;
	}
	*ret_n = n;
	return sql_commit(db, e);
}

int login_forget(struct sql *db, int64_t account_id, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	if (sql_run(db, e, "DELETE FROM login WHERE account_id = $1", "i", account_id) < 0 ||
		sql_run(db, e, "DELETE FROM place WHERE account_id = $1", "i", account_id) < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

/* ---- places ---- */

static int look_around(struct sql *db, int64_t account_id, enum place_kind kind, int64_t *ret_since,
	int64_t *ret_of_kind, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT MIN(first_at), SUM(CASE WHEN kind = $2 THEN 1 ELSE 0 END), COUNT(*) FROM "
		"place"
		" WHERE account_id = $1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, kind);
	int r = sql_step(s, e);
	if (r <= 0)
		return -1;
	*ret_since = sql_int(s, 0);
	*ret_of_kind = sql_int(s, 1);
	sql_reset(s);
	return 0;
}

int place_note_tx(struct sql *db, int64_t account_id, enum place_kind kind, slice value, int64_t at,
	bool *ret_new, int64_t *ret_known_since, struct err *e)
{
	int64_t since, of_kind;
	*ret_new = false;
	*ret_known_since = at;
	int64_t n = sql_run(db, e,
		"UPDATE place SET last_at = $4 WHERE account_id = $1 AND kind = $2 AND value = $3",
		"iiti", account_id, (int64_t)kind, cut(value), at);
	if (n != 0)
		return n < 0 ? -1 : 0;
	if (look_around(db, account_id, kind, &since, &of_kind, e) < 0)
		return -1;
	if (of_kind >= PLACES_MAX && sql_run(db, e,
					     "DELETE FROM place WHERE account_id = $1 AND kind = "
					     "$2 AND value IN (SELECT value"
					     " FROM place WHERE account_id = $1 AND kind = $2 "
					     "ORDER BY last_at LIMIT 10)",
					     "ii", account_id, (int64_t)kind) < 0)
		return -1;
	n = sql_run(db, e,
		"INSERT INTO place (account_id, kind, value, first_at, last_at)"
		" VALUES ($1, $2, $3, $4, $4)",
		"iiti", account_id, (int64_t)kind, cut(value), at);
	*ret_new = of_kind > 0;
	*ret_known_since = since ? since : at;
	return n < 0 ? -1 : 0;
}

int place_is_new(struct sql *db, int64_t account_id, int64_t since, bool *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT MIN(first_at), MAX(first_at) FROM place WHERE account_id = $1 AND kind = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, PLACE_NETWORK);
	int r = sql_step(s, e);
	if (r <= 0)
		return -1;
	*ret = !sql_is_null(s, 0) && sql_int(s, 1) >= since && sql_int(s, 0) < sql_int(s, 1);
	sql_reset(s);
	return 0;
}

/* ---- application passwords ---- */

int app_used_tx(struct sql *db, int64_t app_id, int64_t at, slice ip, slice service, struct err *e)
{
	int64_t n = sql_run(db, e,
		"INSERT INTO app_used (app_id, used_at, ip, service) VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (app_id) DO UPDATE SET used_at = excluded.used_at, ip = excluded.ip,"
		" service = excluded.service",
		"iitt", app_id, at, cut(ip), cut(service));
	return n < 0 ? -1 : 0;
}

int app_used(struct sql *db, int64_t app_id, struct arena *a, struct app_used *ret, struct err *e)
{
	struct app_used u = {0};
	struct sql_stmt *s =
		sql_prepare(db, "SELECT used_at, ip, service FROM app_used WHERE app_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, app_id);
	int r = sql_step(s, e);
	if (r == 1) {
		u = (struct app_used){
			sql_int(s, 0), arena_dup(a, sql_text(s, 1)), arena_dup(a, sql_text(s, 2))};
		sql_reset(s);
	}
	if (r >= 0)
		*ret = u;
	return r < 0 ? -1 : 0;
}
