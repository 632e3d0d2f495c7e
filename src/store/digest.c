/*
 * Digests' settings, and what is due and was sent (digest.h). Tables: digest_setting of the directory's database
 * (directory.c), digest_due, digest_last and digest_mark of the queue's (queue.c). Called by the queue process
 * (bin/queue_digest.c) and the command line (bin/cli_digest.c). When digests are due is mail/digest.h's matter.
 */
#include "store/digest.h"

#include "base/time.h"

#define SETTING_COLUMNS                                                                            \
	"name, enabled, every, hour, weekday, only_new, zone, language, send_to, covers,"          \
	" changed_at, changed_by"

/* ---- settings ---- */

static int check_setting(const struct digest_setting *s, struct err *e)
{
	if (s->name.n == 0 || s->name.n > DIGEST_NAME_MAX)
		return err_set(e, ERR_LIMIT, "a digest's name has 1 to %d bytes", DIGEST_NAME_MAX);
	if (s->to.n > DIGEST_LIST_MAX || s->covers.n > DIGEST_LIST_MAX || s->zone.n > 100)
		return err_set(e, ERR_LIMIT, "a list of more than %d bytes", DIGEST_LIST_MAX);
	return 0;
}

/* 1 when one more group may be added, or this one is there. */
static int check_groups(struct sql *db, slice name, struct err *e)
{
	if (!slice_starts(name, S(DIGEST_GROUP)))
		return 0;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT COUNT(*) FROM digest_setting WHERE name >= 'group ' AND name < 'group!'"
		" AND name <> $1",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, name);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	bool full = sql_int(s, 0) >= DIGEST_GROUPS_MAX;
	sql_reset(s);
	return full ? err_set(e, ERR_LIMIT, "more than %d groups", DIGEST_GROUPS_MAX) : 0;
}

/* The number of changes: a removal counts, too. */
static int count_change(struct sql *db, struct err *e)
{
	return sql_run(db, e,
		       "INSERT INTO meta (id, version) VALUES (3, 1)"
		       " ON CONFLICT (id) DO UPDATE SET version = meta.version + 1",
		       "") < 0
		       ? -1
		       : 0;
}

static int put(struct sql *db, const struct digest_setting *s, struct err *e)
{
	if (check_groups(db, s->name, e) < 0 ||
		sql_run(db, e, "DELETE FROM digest_setting WHERE name = $1", "t", s->name) < 0 ||
		sql_run(db, e,
			"INSERT INTO digest_setting (" SETTING_COLUMNS ")"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
			"tiiiiittttit", s->name, (int64_t)s->on, s->every, (int64_t)s->hour,
			(int64_t)s->weekday, (int64_t)s->only_new, s->zone, s->language, s->to,
			s->covers, s->changed_at, s->changed_by) < 0)
		return -1;
	return count_change(db, e);
}

static int in_transaction(struct sql *db, int status, struct err *e)
{
	if (status == 0)
		return sql_commit(db, e);
	sql_rollback(db);
	return -1;
}

int digest_setting_put(struct sql *db, const struct digest_setting *s, struct err *e)
{
	if (check_setting(s, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	return in_transaction(db, put(db, s, e), e);
}

static int remove_one(struct sql *db, slice name, struct err *e)
{
	int64_t n = sql_run(db, e, "DELETE FROM digest_setting WHERE name = $1", "t", name);
	if (n <= 0)
		return n < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no setting for %.*s", SFMT(name));
	return count_change(db, e);
}

int digest_setting_remove(struct sql *db, slice name, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	return in_transaction(db, remove_one(db, name, e), e);
}

static struct digest_setting read_setting(struct sql_stmt *s)
{
	return (struct digest_setting){
		.name = sql_text(s, 0),
		.on = (int)sql_int(s, 1),
		.every = sql_int(s, 2),
		.hour = (int)sql_int(s, 3),
		.weekday = (int)sql_int(s, 4),
		.only_new = (int)sql_int(s, 5),
		.zone = sql_text(s, 6),
		.language = sql_text(s, 7),
		.to = sql_text(s, 8),
		.covers = sql_text(s, 9),
		.changed_at = sql_int(s, 10),
		.changed_by = sql_text(s, 11),
	};
}

int digest_setting_get(
	struct sql *db, slice name, struct arena *a, struct digest_setting *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "SELECT " SETTING_COLUMNS " FROM digest_setting WHERE name = $1", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, name);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no setting for %.*s", SFMT(name));
	struct digest_setting v = read_setting(s);
	slice *const texts[] = {&v.name, &v.zone, &v.language, &v.to, &v.covers, &v.changed_by};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_dup(a, *texts[i]);
	sql_reset(s);
	*ret = v;
	return 0;
}

int digest_settings_each(struct sql *db, bool groups,
	bool (*fn)(void *arg, const struct digest_setting *s), void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " SETTING_COLUMNS " FROM digest_setting WHERE $1 = 0"
		" OR (name >= 'group ' AND name < 'group!')"
		" ORDER BY name",
		e);
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, groups);
	while ((r = sql_step(s, e)) == 1) {
		struct digest_setting v = read_setting(s);
		if (!fn(arg, &v)) {
			sql_reset(s);
			return 0;
		}
	}
	return r;
}

int digest_settings_version(struct sql *db, struct arena *a, slice *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT COALESCE((SELECT version FROM meta WHERE id = 3), 0)", e);
	int r = s ? sql_step(s, e) : -1;
	if (r <= 0)
		return -1;
	*ret = arena_printf(a, "%lld", (long long)sql_int(s, 0));
	sql_reset(s);
	return 0;
}

/* ---- what is due ---- */

static int done(int64_t n)
{
	return n < 0 ? -1 : 0;
}

int digest_due_add_tx(struct sql *db, const struct digest_due *d, struct err *e)
{
	return done(sql_run(db, e,
		"INSERT INTO digest_due (name, since, due_at) VALUES ($1, $2, $3)"
		" ON CONFLICT (name) DO UPDATE SET since = excluded.since,"
		" due_at = excluded.due_at WHERE excluded.since = 0",
		"tii", d->name, d->since, d->due_at));
}

int digest_due_move_tx(struct sql *db, slice name, int64_t due_at, struct err *e)
{
	return done(sql_run(
		db, e, "UPDATE digest_due SET due_at = $2 WHERE name = $1", "ti", name, due_at));
}

int digest_due_drop_tx(struct sql *db, slice name, struct err *e)
{
	return done(sql_run(db, e, "DELETE FROM digest_due WHERE name = $1", "t", name));
}

int digest_due_next(
	struct sql *db, int64_t now, struct arena *a, struct digest_due *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT name, since, due_at FROM digest_due WHERE due_at <= $1"
		" ORDER BY due_at LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, now);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no digest is due");
	*ret = (struct digest_due){arena_dup(a, sql_text(s, 0)), sql_int(s, 1), sql_int(s, 2)};
	sql_reset(s);
	return 0;
}

int digest_due_of(struct sql *db, slice name, struct digest_due *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT since, due_at FROM digest_due WHERE name = $1", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, name);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	*ret = (struct digest_due){.name = name};
	if (r == 1) {
		*ret = (struct digest_due){name, sql_int(s, 0), sql_int(s, 1)};
		sql_reset(s);
	}
	return 0;
}

int digest_due_each(struct sql *db, slice after, uint64_t most,
	bool (*fn)(void *arg, const struct digest_due *d), void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT name, since, due_at FROM digest_due WHERE name > $1 ORDER BY name LIMIT $2",
		e);
	int r;
	if (!s)
		return -1;
	sql_bind_text(s, 1, after);
	sql_bind_int(s, 2, most < INT64_MAX ? (int64_t)most : INT64_MAX);
	while ((r = sql_step(s, e)) == 1) {
		struct digest_due d = {sql_text(s, 0), sql_int(s, 1), sql_int(s, 2)};
		if (!fn(arg, &d)) {
			sql_reset(s);
			return 0;
		}
	}
	return r;
}

/* ---- what was sent ---- */

int digest_last_get(struct sql *db, slice name, struct digest_last *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "SELECT sent_at, seen_at, msg, listed FROM digest_last WHERE name = $1", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, name);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	*ret = (struct digest_last){0};
	if (r == 1) {
		*ret = (struct digest_last){
			sql_int(s, 0), sql_int(s, 1), sql_int(s, 2), sql_int(s, 3)};
		sql_reset(s);
	}
	return 0;
}

int digest_last_put_tx(struct sql *db, slice name, const struct digest_last *l, struct err *e)
{
	return done(sql_run(db, e,
		"INSERT INTO digest_last (name, sent_at, seen_at, msg, listed)"
		" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO UPDATE SET"
		" sent_at = excluded.sent_at, seen_at = excluded.seen_at,"
		" msg = excluded.msg, listed = excluded.listed",
		"tiiii", name, l->sent_at, l->seen_at, l->msg, l->listed));
}

int64_t digest_last_expire_tx(struct sql *db, int64_t before, uint64_t most, struct err *e)
{
	return sql_run(db, e,
		"DELETE FROM digest_last WHERE name IN"
		" (SELECT name FROM digest_last WHERE sent_at < $1 LIMIT $2)",
		"ii", before, (int64_t)most);
}

int digest_mark_get(struct sql *db, struct arena *a, struct digest_mark *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT read_at, settings FROM digest_mark WHERE id = 1", e);
	int r = s ? sql_step(s, e) : -1;
	if (r < 0)
		return -1;
	*ret = (struct digest_mark){0};
	if (r == 1) {
		*ret = (struct digest_mark){sql_int(s, 0), arena_dup(a, sql_text(s, 1))};
		sql_reset(s);
	}
	return 0;
}

int digest_mark_put_tx(struct sql *db, const struct digest_mark *m, struct err *e)
{
	return done(sql_run(db, e,
		"INSERT INTO digest_mark (id, read_at, settings) VALUES (1, $1, $2)"
		" ON CONFLICT (id) DO UPDATE SET read_at = excluded.read_at,"
		" settings = excluded.settings",
		"it", m->read_at, m->settings));
}
