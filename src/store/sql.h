/*
 * sql: one database behind one interface; SQLite now, PostgreSQL is one more driver (sql_driver.h).
 * Statements use $1, $2 ... and the SQL both engines understand (see doc/notes/sql-dialect.md).
 *
 * A `struct sql` is one connection, used by one thread at a time. All calls block: they run in the
 * pool (pool_call, commit_run), never on the loop.
 * Errors: ERR_TEMP (busy, full, I/O, damaged), ERR_EXISTS (unique violation), ERR_LIMIT (value too
 * large), ERR_BUG (bad SQL, other constraints).
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct sql;
struct sql_stmt;

enum {
	SQL_PARAMS_MAX = 40, /* $1 .. $40 */
	SQL_STATEMENTS_MAX = 400, /* kept prepared a connection */
	SQL_SCRIPT_MAX = 256 * 1024,
};

/* One numbered step of a schema. `up` and `down` are SQL scripts. Words that engines spell in their
 * own way are replaced: {{WITHOUT_ROWID}} (after a table's closing parenthesis), {{BLOB}} (a type),
 * {{KEY}} (type and constraint of an integer key), {{AUTO_KEY}} (one that numbers itself and never
 * uses a number again; with RETURNING). */
struct sql_migration {
	int version;
	const char *name, *up, *down;
};

/* Opens (and creates) the database `name` (queue, trace, directory, mail-00 ...) of the store
 * `dir`: DIR/db/NAME.sqlite. COMMIT is on stable storage. Writers of all processes take turns. */
int sql_open(slice dir, const char *name, struct sql **ret, struct err *e);
/* Cannot change anything; ERR_NOTFOUND when the database was never made. */
int sql_open_read(slice dir, const char *name, struct sql **ret, struct err *e);
/* For what can be made again: the last COMMITs may be undone by a power failure (nothing worse). */
int sql_open_cache(slice dir, const char *name, struct sql **ret, struct err *e);
/* One more connection of the same kind to the same database. */
int sql_open_twin(const struct sql *db, struct sql **ret, struct err *e);
void sql_close(struct sql *db); /* rolls back what is open; NULL is fine */
const char *sql_name(const struct sql *db);

/* Brings the schema up to the last migration; takes a snapshot file first when there is anything to
 * change in a database that is not empty. ERR_PERM when the database is newer than the program. */
int sql_migrate(struct sql *db, const struct sql_migration *m, size_t n, struct err *e);
/* Undoes steps by the scripts that were stored with them, so that an older program can go back from
 * a newer schema. Takes a snapshot first. */
int sql_migrate_down(struct sql *db, int to_version, struct err *e);
int sql_version(struct sql *db, int *ret, struct err *e);

/* Prepared once per connection and text (the pointer is the key: pass literals). Step it to its end
 * or reset it. While one is in use another call with the same text gets a second statement. */
struct sql_stmt *sql_prepare(struct sql *db, const char *text, struct err *e); /* NULL on error */
void sql_bind_int(struct sql_stmt *s, int n, int64_t v);
void sql_bind_text(struct sql_stmt *s, int n, slice v); /* borrowed until the next reset */
void sql_bind_blob(struct sql_stmt *s, int n, slice v);
void sql_bind_null(struct sql_stmt *s, int n);
int sql_step(struct sql_stmt *s, struct err *e); /* 1 a row, 0 done (and reset), -1 (and reset) */
int64_t sql_int(struct sql_stmt *s, int col); /* columns from 0 */
slice sql_text(struct sql_stmt *s, int col); /* borrowed until the next step; NULL is empty */
bool sql_is_null(struct sql_stmt *s, int col);
void sql_reset(struct sql_stmt *s);

/* Binds by letters and steps to the end: i int64_t, t slice text, b slice blob, n NULL (no
 * argument). sql_run(db, e, "DELETE FROM rcpt WHERE msg = $1", "i", id)   -> rows changed, or -1 */
int64_t sql_run(struct sql *db, struct err *e, const char *text, const char *types, ...);

int sql_begin(struct sql *db, struct err *e); /* waits for the writers' turn; at last ERR_TEMP */
/* Whether it is nobody else's turn now: then it is ours, and the sql_begin that must follow does not wait. */
bool sql_claim(struct sql *db);
/* Several reads see one state of the database, and its locks are taken once: for short jobs, since a reader keeps the engine's log
 * from being folded. Ends with sql_read_end, whatever happened. */
int sql_read_begin(struct sql *db, struct err *e);
void sql_read_end(struct sql *db);
int sql_commit(struct sql *db, struct err *e); /* on failure everything is rolled back */
void sql_rollback(struct sql *db);

/* What was committed without a sync (sql_open_cache) reaches stable storage. Does not use the connection: another thread may
 * be in a transaction with it. */
int sql_sync(const struct sql *db, struct err *e);

/* The engine's log has grown enough to be folded into the database. Should be done off the commit
 * path, through a twin; sql_commit does it itself when the log is several times as large. */
bool sql_wants_checkpoint(const struct sql *db);
int sql_checkpoint(struct sql *db, struct err *e);
/* Gives room that deletions left back to the file system, 4 MiB a call, when it is more than an eighth of the file: of databases that sql_open_cache made.
 * In a transaction of its own. 1 call again, 0 nothing to do, -1. */
int sql_give_back(struct sql *db, struct err *e);

/* Integrity of the engine's own structures; a line each problem into *report. Returns their number.
 */
int sql_check(struct sql *db, struct arena *a, slice *report, struct err *e);
/* After this, a transaction that a process had under way when it was killed is either visible or
 * can never become so. (SQLite: its last frames may lie in the log without being announced, and
 * come to life when the log is recovered; a commit of ours overwrites them.) */
int sql_fence(struct sql *db, struct err *e);
/* Makes all indexes anew from their tables: mends damage that is in indexes only. */
int sql_reindex(struct sql *db, struct err *e);
int sql_snapshot(struct sql *db, const char *path, struct err *e);
