/*
 * sql: one database behind one interface; SQLite now, PostgreSQL is one more driver. Statements use
 * $1, $2 ... and the SQL both engines understand (see doc/notes/sql-dialect.md).
 *
 * A `struct sql` is one connection, used by one thread at a time. All calls block: they run in the
 * pool (pool_call, commit_run, sql_read), never on the loop.
 * Errors: ERR_TEMP (busy, full, I/O, out of memory), ERR_EXISTS (unique violation), ERR_BUG (SQL).
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct sql;
struct sql_stmt;

/* One numbered step of a schema. `up` and `down` are SQL scripts. Text "{{WITHOUT_ROWID}}" and
 * "{{BLOB}}" is replaced by what the engine needs. */
struct sql_migration {
	int version;
	const char *name, *up, *down;
};

/* Opens (and creates) the database `name` (queue, trace, directory, mail-00 ...) under dir. Durable
 * means that COMMIT is on stable storage. Writers of all processes take turns through a lock file. */
int sql_open(slice dir, const char *name, struct sql **ret, struct err *e);
int sql_open_read(slice dir, const char *name, struct sql **ret, struct err *e);
void sql_close(struct sql *db);

/* Brings the schema up to the last migration; takes a snapshot file first when there is anything to
 * change in a database that is not empty. ERR_PERM when the database is newer than the program. */
int sql_migrate(struct sql *db, const struct sql_migration *m, size_t n, struct err *e);
int sql_migrate_down(struct sql *db, const struct sql_migration *m, size_t n, int to_version, struct err *e);
int sql_version(struct sql *db, int *ret, struct err *e);

/* Prepared once per connection and text (the pointer is the key: pass literals). */
struct sql_stmt *sql_prepare(struct sql *db, const char *text, struct err *e); /* NULL on error */
void sql_bind_int(struct sql_stmt *s, int n, int64_t v);
void sql_bind_text(struct sql_stmt *s, int n, slice v); /* borrowed until the next reset */
void sql_bind_blob(struct sql_stmt *s, int n, slice v);
void sql_bind_null(struct sql_stmt *s, int n);
int sql_step(struct sql_stmt *s, struct err *e); /* 1 a row, 0 done (and reset), -1 (and reset) */
int64_t sql_int(struct sql_stmt *s, int col);	 /* columns from 0 */
slice sql_text(struct sql_stmt *s, int col);	 /* borrowed until the next step; NULL is empty */
bool sql_is_null(struct sql_stmt *s, int col);
void sql_reset(struct sql_stmt *s);

/* Binds by letters and steps to the end: i int64_t, t slice text, b slice blob, n NULL (no argument).
 *	sql_run(db, e, "DELETE FROM rcpt WHERE msg = $1", "i", id)   -> rows changed, or -1 */
int64_t sql_run(struct sql *db, struct err *e, const char *text, const char *types, ...);

int sql_begin(struct sql *db, struct err *e);	/* waits for the writers' turn */
int sql_commit(struct sql *db, struct err *e); /* on failure everything is rolled back */
void sql_rollback(struct sql *db);
/* Integrity of the engine's own structures; a line each problem into *report. Returns their number. */
int sql_check(struct sql *db, struct arena *a, slice *report, struct err *e);
int sql_snapshot(struct sql *db, const char *path, struct err *e);
