/*
 * Schemas move by numbered steps. Each step runs in one transaction together with its line in
 * schema_version, which also keeps the script that undoes it: an older program can thereby leave a
 * newer schema. Before anything changes in a database that has content, a snapshot is written to
 * DIR/snapshot/NAME-vN-TIME.sqlite.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/sql_driver.h"

#include <errno.h>
#include <sys/stat.h>

static const char create_versions[] =
	"CREATE TABLE IF NOT EXISTS schema_version ("
	"version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL,"
	"down TEXT NOT NULL)";

/* Replaces the engine's words in a script. */
static int translate(const struct sql *db, slice text, struct buf *out, struct err *e)
{
	while (text.n) {
		size_t at = slice_find(text, S("{{"));
		buf_put(out, slice_first(text, at));
		text = slice_skip(text, at);
		const char *const(*w)[2] = db->driver->words;
		while (text.n && (*w)[0] && !slice_starts(text, slice_z((*w)[0])))
			w++;
		if (text.n && !(*w)[0])
			return err_set(e, ERR_BUG, "unknown word in SQL: %.*s",
				(int)(text.n < 30 ? text.n : 30), text.p);
		if (text.n) {
			buf_put(out, slice_z((*w)[1]));
			text = slice_skip(text, strlen((*w)[0]));
		}
	}
	buf_byte(out, 0);
	return buf_ok(out) ? 0 : err_set(e, ERR_BUG, "SQL script is too long");
}

static int run_script(struct sql *db, slice text, struct err *e)
{
	AUTO(buf) struct buf sql = BUF(SQL_SCRIPT_MAX);
	if (translate(db, text, &sql, e) < 0)
		return -1;
	return db->driver->script(db, sql.p, e);
}

int sql_version(struct sql *db, int *ret, struct err *e)
{
	struct err missing;
	struct sql_stmt *s =
		sql_prepare(db, "SELECT COALESCE(MAX(version), 0) FROM schema_version", &missing);
	if (!s && missing.kind == ERR_BUG) { /* no such table: nothing was ever made here */
		*ret = 0;
		return 0;
	}
	if (!s) {
		*e = missing;
		return -1;
	}
	if (sql_step(s, e) < 0)
		return -1;
	*ret = (int)sql_int(s, 0);
	sql_reset(s);
	return 0;
}

static int snapshot_before_change(struct sql *db, int version, struct err *e)
{
	AUTO(buf) struct buf path = BUF(4096);
	char when[TIME_ISO_MAX];
	size_t n = time_iso(wall_now(), when);
	for (size_t i = 0; i < n; i++)
		if (when[i] == ':')
			when[i] = '-'; /* other systems refuse it in names */
	buf_printf(&path, "%s/snapshot", db->dir);
	buf_byte(&path, 0);
	if (!buf_ok(&path))
		return err_set(e, ERR_LIMIT, "path of the store is too long");
	if (mkdir(path.p, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", path.p);
	path.n--;
	buf_printf(&path, "/%s-v%d-%.*s.sqlite", db->name, version, (int)n, when);
	buf_byte(&path, 0);
	if (!buf_ok(&path))
		return err_set(e, ERR_LIMIT, "path of the store is too long");
	return sql_snapshot(db, path.p, e) < 0 ? err_wrap(e, "snapshot before a schema change") : 0;
}

static int one_up(struct sql *db, const struct sql_migration *m, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int version;
	if (sql_version(db, &version, e) < 0)
		goto undo;
	if (version >= m->version) { /* another process was faster */
		sql_rollback(db);
		return 0;
	}
	if (run_script(db, slice_z(m->up), e) < 0 ||
		sql_run(db, e,
			"INSERT INTO schema_version (version, name, applied_at, down) VALUES ($1, "
			"$2, $3, $4)",
			"itit", (int64_t)m->version, slice_z(m->name), wall_now(),
			slice_z(m->down)) < 0)
		goto undo;
	return sql_commit(db, e);
undo:
	sql_rollback(db);
	return err_wrap(e, "schema step %d (%s)", m->version, m->name);
}

static int make_version_table(struct sql *db, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	if (db->driver->script(db, create_versions, e) < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

static int check_steps(const struct sql_migration *m, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (m[i].version < 1 || (i && m[i].version <= m[i - 1].version))
			return err_set(
				e, ERR_BUG, "schema steps are out of order at %d", m[i].version);
	return 0;
}

int sql_migrate(struct sql *db, const struct sql_migration *m, size_t n, struct err *e)
{
	int version, last = n ? m[n - 1].version : 0;
	if (check_steps(m, n, e) < 0 || sql_version(db, &version, e) < 0)
		return -1;
	if (version > last)
		return err_set(e, ERR_PERM,
			"%s database has schema %d, this program knows %d: use the newer program, "
			"or its "
			"snapshot in %.100s/snapshot",
			db->name, version, last, db->dir);
	if (version == last)
		return 0;
	if (version > 0 && snapshot_before_change(db, version, e) < 0)
		return -1;
	if (make_version_table(db, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (m[i].version > version && one_up(db, &m[i], e) < 0)
			return -1;
	return 0;
}

static int one_down(struct sql *db, int version, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT down FROM schema_version WHERE version = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, version);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	AUTO(buf) struct buf down = BUF(SQL_SCRIPT_MAX);
	if (r == 1) {
		buf_put(&down, sql_text(s, 0));
		sql_reset(s);
	}
	if (sql_begin(db, e) < 0)
		return -1;
	if (run_script(db, buf_slice(&down), e) < 0 ||
		sql_run(db, e, "DELETE FROM schema_version WHERE version = $1", "i",
			(int64_t)version) < 0) {
		sql_rollback(db);
		return err_wrap(e, "undoing schema step %d", version);
	}
	return sql_commit(db, e);
}

int sql_migrate_down(struct sql *db, int to_version, struct err *e)
{
	int version;
	if (sql_version(db, &version, e) < 0)
		return -1;
	if (version > to_version && snapshot_before_change(db, version, e) < 0)
		return -1;
	while (version > to_version)
		if (one_down(db, version, e) < 0 || sql_version(db, &version, e) < 0)
			return -1;
	return 0;
}
