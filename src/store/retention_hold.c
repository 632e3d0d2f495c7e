/*
 * Legal holds (retention.h): their table, whom they are for, and what each shard knows of it. A hold that is released stays in the
 * list, for auditors.
 */
#include "base/mem.h"
#include "base/time.h"
#include "store/directory_impl.h"
#include "store/retention.h"

static int check(const struct hold *h, struct err *e)
{
	if (!h->name.n || h->name.n > HOLD_NAME_MAX || !directory_text_ok(h->name))
		return err_set(e, ERR_PROTO, "the name of a hold is one line of 1 to %d bytes",
			HOLD_NAME_MAX);
	if (h->reason.n > HOLD_REASON_MAX || !directory_text_ok(h->reason))
		return err_set(e, ERR_PROTO, "the reason is one line of at most %d bytes",
			HOLD_REASON_MAX);
	if (h->scope < RETENTION_ALL || h->scope > RETENTION_ACCOUNT ||
		(h->scope == RETENTION_ALL) != (h->scope_id == 0))
		return err_set(e, ERR_PROTO, "no such scope");
	return 0;
}

int hold_set(struct sql *db, const struct hold *h, struct err *e)
{
	if (check(h, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	int64_t r = sql_run(db, e,
		"INSERT INTO hold (name, scope, scope_id, reason, set_by, set_at, released_by,"
		" released_at) VALUES ($1, $2, $3, $4, $5, $6, '', 0)",
		"tiitti", h->name, (int64_t)h->scope, h->scope_id, h->reason, h->set_by,
		wall_now());
	if (r < 0 && e->kind == ERR_EXISTS)
		err_set(e, ERR_EXISTS, "there is a hold %.*s, or was one", SFMT(h->name));
	return directory_end_change(db, r, e);
}

int hold_release(struct sql *db, slice name, slice by, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = sql_run(db, e,
		"UPDATE hold SET released_at = $2, released_by = $3 WHERE name = $1 AND "
		"released_at = 0",
		"tit", name, wall_now(), by);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "no hold %.*s is in force", SFMT(name));
	return directory_end_change(db, r, e);
}

static void read_hold(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct hold *)row = (struct hold){.id = sql_int(s, 0),
		.name = arena_dup(a, sql_text(s, 1)),
		.scope = (enum retention_scope)sql_int(s, 2),
		.scope_id = sql_int(s, 3),
		.reason = arena_dup(a, sql_text(s, 4)),
		.set_by = arena_dup(a, sql_text(s, 5)),
		.set_at = sql_int(s, 6),
		.released_by = arena_dup(a, sql_text(s, 7)),
		.released_at = sql_int(s, 8),
		.scope_name = arena_dup(a, sql_text(s, 9))};
}

int hold_list(struct sql *db, struct arena *a, struct hold **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT h.id, h.name, h.scope, h.scope_id, h.reason, h.set_by, h.set_at, "
		"h.released_by,"
		" h.released_at, " RETENTION_NAME(
			"h") " FROM hold h ORDER BY h.released_at > 0, h.set_at",
		"");
	return s ? directory_collect(s, sizeof **ret, read_hold, a, (void **)ret, ret_n, e) : -1;
}

int hold_on(struct sql *db, int64_t account_id, struct err *e)
{
	return (int)directory_number(db, e,
		"SELECT 1 FROM account, hold h WHERE account.id = $1 AND" HOLDS_ACCOUNT " LIMIT 1",
		"i", account_id);
}

int directory_not_held(
	struct sql *db, enum retention_scope scope, int64_t scope_id, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT name FROM hold WHERE released_at = 0 AND scope = $1 AND scope_id = $2 LIMIT 1",
		"ii", (int64_t)scope, scope_id);
	int r = s ? sql_step(s, e) : -1;
	if (r <= 0)
		return r;
	slice name = sql_text(s, 0);
	err_set(e, ERR_PERM,
		"legal hold %.*s is on this %s: whoever leaves it would lose the hold; release it, or set one "
		"for the accounts themselves and release this one",
		SFMT(name), scope == RETENTION_ORG ? "organisation" : "class");
	sql_reset(s);
	return -1;
}

static void read_id(struct sql_stmt *s, struct arena *a, void *row)
{
	(void)a;
	*(int64_t *)row = sql_int(s, 0);
}

int hold_accounts(struct sql *db, struct arena *a, int64_t **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT account.id FROM account WHERE EXISTS (SELECT 1 FROM hold h "
		"WHERE" HOLDS_ACCOUNT ") ORDER BY account.id",
		"");
	return s ? directory_collect(s, sizeof **ret, read_id, a, (void **)ret, ret_n, e) : -1;
}

int hold_version(struct sql *db, int64_t *ret, struct err *e)
{
	*ret = directory_number(db, e,
		"SELECT COALESCE(MAX(set_at), 0) + COALESCE(MAX(released_at), 0) FROM hold", "");
	return *ret < 0 ? -1 : 0;
}

/* ---- what a shard knows ---- */

static int mark(struct sql *shard, int64_t id, bool on, struct err *e)
{
	return sql_run(shard, e,
		       "UPDATE mailbox SET held = $2 WHERE account_id = $1 AND held <> $2", "ii",
		       id, (int64_t)on) < 0
		       ? -1
		       : 0;
}

static bool is_among(const int64_t *v, size_t n, int64_t id)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (v[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && v[low] == id;
}

static int let_go(struct sql *shard, const int64_t *ids, size_t n, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	int64_t *held;
	size_t nheld;
	struct sql_stmt *s =
		directory_query(shard, e, "SELECT account_id FROM mailbox WHERE held > 0", "");
	if (!s || directory_collect(s, sizeof *held, read_id, &a, (void **)&held, &nheld, e) < 0)
		return -1;
	for (size_t i = 0; i < nheld; i++)
		if (!is_among(ids, n, held[i]) && mark(shard, held[i], false, e) < 0)
			return -1;
	return 0;
}

int mailbox_hold_tx(struct sql *shard, const int64_t *ids, size_t n, bool release, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (mark(shard, ids[i], true, e) < 0)
			return -1;
	return release ? let_go(shard, ids, n, e) : 0;
}

int mailbox_on_hold(struct sql *shard, int64_t account_id, struct err *e)
{
	return (int)directory_number(
		shard, e, "SELECT held FROM mailbox WHERE account_id = $1", "i", account_id);
}
