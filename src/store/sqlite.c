/*
 * The SQLite driver (sql_driver.h); only sqlite_*.c see sqlite3.h besides. One file a database in WAL
 * mode with full sync, through a file system of ours (sqlite_vfs.h); what that means for the SQL we write is in doc/notes/sql-dialect.md.
 *
 * Writers take turns by a lock of ours (sqlite_turn.h) around each write transaction; busy_timeout
 * is only a net for foreign programs. The WAL is folded back by sql_checkpoint, not by whichever
 * commit happens to cross a limit.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/must.h"
#include "store/sql_driver.h"
#include "store/sqlite_turn.h"
#include "store/sqlite_vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
	BUSY_TIMEOUT_MS = 5000,
	CHECKPOINT_PAGES = 2048, /* 8 MiB of WAL */
	CHECKPOINT_FORCED = 16384, /* 64 MiB: nobody did it, so the commit does */
	CHECK_LINES_MAX = 100,
	VALUE_MAX = 64 << 20,
};

int64_t sqlite_turn_wait = 10 * SECOND;

struct conn {
	sqlite3 *db;
	struct turn *turn;
	bool claimed; /* the turn is ours already, for the next transaction */
	sqlite3_stmt *begin, *commit; /* of writers, made at their first use */
	_Atomic int wal_pages;
};

static struct conn *conn_of(const struct sql *db)
{
	return db->conn;
}

static enum err_kind kind_of(int extended)
{
	switch (extended) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
		return ERR_EXISTS;
	}
	if (extended == SQLITE_IOERR_AUTH)
		return ERR_PERM;
	switch (extended & 0xff) {
	case SQLITE_TOOBIG:
		return ERR_LIMIT;
	case SQLITE_ERROR:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
	case SQLITE_SCHEMA:
		return ERR_BUG;
	default:
		return ERR_TEMP;
	}
}

static const char *explain(int extended)
{
	if (extended == SQLITE_IOERR_AUTH)
		return "encrypted: the key is missing";
	if (extended == SQLITE_IOERR_DATA)
		return "an encrypted page is damaged, or of another place (posthouse store verify)";
	switch (extended & 0xff) {
	case SQLITE_FULL:
		return "disk full";
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return "locked by another program";
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return "the database file is damaged (posthouse store verify)";
	case SQLITE_READONLY:
		return "the database file is read-only";
	case SQLITE_CANTOPEN:
		return "cannot open the database file";
	default:
		return NULL;
	}
}

int sqlite_error(sqlite3 *conn, const char *name, struct err *e)
{
	int code = sqlite3_extended_errcode(conn);
	const char *why = explain(code);
	err_set(e, kind_of(code), "%s database: %s", name, why ? why : sqlite3_errmsg(conn));
	e->sys = sqlite3_system_errno(conn);
	return -1;
}

static int fail(const struct sql *db, struct err *e)
{
	return sqlite_error(conn_of(db)->db, db->name, e);
}

/*
 * SQLite has rolled back by itself (disk full, I/O error): what comes next would be committed statement by statement. So nothing is run any more until
 * the caller ends what he began.
 */
static int still_open(const struct sql *db, struct err *e)
{
	bool lost = db->in_tx && sqlite3_get_autocommit(conn_of(db)->db);
	return lost ? err_set(e, ERR_TEMP, "%s database: the transaction was rolled back", db->name)
		    : 0;
}

static int script(struct sql *db, const char *text, struct err *e)
{
	if (still_open(db, e) < 0)
		return -1;
	return sqlite3_exec(conn_of(db)->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(db, e);
}

/* DIR/db/NAME.suffix */
static void path_of(const struct sql *db, const char *suffix, struct buf *path)
{
	buf_printf(path, "%s/db/%s.%s", db->dir, db->name, suffix);
	buf_byte(path, 0);
}

static int make_dirs(const struct sql *db, struct err *e)
{
	AUTO(buf) struct buf path = BUF(4096);
	buf_printf(&path, "%s/db", db->dir);
	buf_byte(&path, 0);
	if (!buf_ok(&path))
		return err_set(e, ERR_LIMIT, "path of the store is too long");
	if (mkdir(path.p, 0700) < 0 && errno == ENOENT) {
		if (mkdir(db->dir, 0700) < 0 && errno != EEXIST)
			return err_sys(e, errno, "%s", db->dir);
		mkdir(path.p, 0700);
	}
	return 0;
}

static int on_wal(void *arg, sqlite3 *db, const char *which, int pages)
{
	(void)db;
	(void)which;
	((struct conn *)arg)->wal_pages = pages;
	return SQLITE_OK;
}

/* What is made now is encrypted if anything is: room is left in its pages. */
static int leave_room(struct sql *db, struct err *e)
{
	int bytes = PAGE_RESERVE;
	sqlite3 *c = conn_of(db)->db;
	if (!crypt_now() || !sqlite_vfs_empty(c))
		return 0;
	int r = sqlite3_file_control(c, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes);
	return r == SQLITE_OK ? 0 : fail(db, e);
}

/* What can be made again is replaced again and again: such a file can become shorter (sqlite_room.c). */
static int let_shrink(struct sql *db, struct err *e)
{
	if (db->kind != SQL_CACHE || !sqlite_vfs_empty(conn_of(db)->db))
		return 0;
	return script(db, "PRAGMA auto_vacuum = INCREMENTAL", e);
}

static int configure(struct sql *db, struct err *e)
{
	struct conn *c = conn_of(db);
	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
	sqlite3_limit(c->db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	const char *pragmas = "PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF;"
			      "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096;"
			      /* Mapped pages count as memory of the process, once a connection. */
			      "PRAGMA mmap_size = 16777216;";
	if (script(db, pragmas, e) < 0)
		return -1;
	if (db->kind == SQL_READ_ONLY || db->kind == SQL_SOURCE)
		return script(db, "PRAGMA query_only = ON", e);
	if (leave_room(db, e) < 0 || let_shrink(db, e) < 0)
		return -1;
	if (script(db,
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
		    "PRAGMA wal_autocheckpoint = 0",
		    e) < 0)
		return -1;
	sqlite3_wal_hook(c->db, on_wal, c);
	return db->kind == SQL_DURABLE ? script(db, "PRAGMA synchronous = FULL", e) : 0;
}

/* A new file's name must be on stable storage before the first commit counts. */
static int sync_db_dir(const struct sql *db, struct err *e)
{
	AUTO(buf) struct buf path = BUF(4096);
	buf_printf(&path, "%s/db", db->dir);
	buf_byte(&path, 0);
	AUTO(fd) int fd = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_sys(e, errno, "%s", path.p);
	return 0;
}

/* SQLite would make it as the caller's umask has it; its other files follow this one. Only a file
 * that is made here is closed here: closing ends the locks of all connections of the process. */
static int make_private(const char *path, struct err *e)
{
	AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 && errno != EEXIST ? err_sys(e, errno, "%s", path) : 0;
}

static int open_file(struct sql *db, struct err *e)
{
	AUTO(buf) struct buf path = BUF(4096);
	path_of(db, "sqlite", &path);
	if (!buf_ok(&path))
		return err_set(e, ERR_LIMIT, "path of the store is too long");
	bool fresh = access(path.p, F_OK) < 0;
	if (db->kind == SQL_READ_ONLY && fresh)
		return err_set(e, ERR_NOTFOUND, "no database %s", path.p);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	if (db->kind != SQL_READ_ONLY)
		flags |= SQLITE_OPEN_CREATE;
	if (fresh && make_private(path.p, e) < 0)
		return -1;
	sqlite_vfs_register();
	if (sqlite3_open_v2(path.p, &conn_of(db)->db, flags, SQLITE_VFS) != SQLITE_OK)
		return conn_of(db)->db ? fail(db, e)
				       : err_set(e, ERR_TEMP, "sqlite: out of memory");
	if (configure(db, e) < 0)
		return -1;
	return fresh ? sync_db_dir(db, e) : 0;
}

static void sqlite_close(struct sql *db)
{
	struct conn *c = take(&db->conn);
	sqlite3_finalize(c->begin);
	sqlite3_finalize(c->commit);
	sqlite3_close(c->db);
	turn_close(c->turn);
	free(c);
}

static int open_source(struct sql *db, struct err *e)
{
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(db->dir, &conn_of(db)->db, flags, SQLITE_SOURCE_VFS) != SQLITE_OK)
		return conn_of(db)->db ? fail(db, e)
				       : err_set(e, ERR_TEMP, "sqlite: out of memory");
	return configure(db, e);
}

struct sqlite3 *sqlite_handle(const struct sql *db)
{
	return conn_of(db)->db;
}

static int open_with_turn(struct sql *db, struct err *e)
{
	if (db->kind == SQL_SOURCE)
		return open_source(db, e);
	if (db->kind == SQL_READ_ONLY)
		return open_file(db, e);
	AUTO(buf) struct buf path = BUF(4096);
	path_of(db, "lock", &path);
	if (make_dirs(db, e) < 0)
		return -1;
	struct conn *c = conn_of(db);
	if (turn_open(path.p, &c->turn, e) < 0 || turn_take(c->turn, sqlite_turn_wait, e) < 0)
		return -1;
	int r = open_file(db, e);
	turn_give(c->turn);
	return r;
}

static int sqlite_open(struct sql *db, struct err *e)
{
	db->conn = NEW(struct conn);
	if (open_with_turn(db, e) < 0) {
		sqlite_close(db);
		return -1;
	}
	return 0;
}

static sqlite3_stmt *handle(struct sql_stmt *s)
{
	return s->handle;
}

static int sqlite_prepare(struct sql *db, struct sql_stmt *s, struct err *e)
{
	sqlite3_stmt *h;
	if (sqlite3_prepare_v3(conn_of(db)->db, s->text, -1, SQLITE_PREPARE_PERSISTENT, &h, NULL) !=
		SQLITE_OK)
		return fail(db, e);
	if (!h)
		return err_set(e, ERR_BUG, "empty SQL statement");
	s->handle = h;
	for (int i = sqlite3_bind_parameter_count(h); i > 0; i--) {
		const char *name = sqlite3_bind_parameter_name(h, i);
		uint64_t n = 0;
		if (!name || name[0] != '$' || !slice_u64(slice_z(name + 1), &n) || n < 1 ||
			n > SQL_PARAMS_MAX) {
			sqlite3_finalize(h);
			return err_set(e, ERR_BUG, "parameter %s in SQL: %.100s", name ? name : "?",
				s->text);
		}
		s->param[n] = (uint8_t)i;
	}
	return 0;
}

static void sqlite_finalize(struct sql_stmt *s)
{
	sqlite3_finalize(s->handle);
}

static bool sqlite_bind(struct sql_stmt *s, int n, const struct sql_value *v)
{
	int at = s->param[n];
	const char *bytes = v->s.p ? v->s.p : "";
	switch (v->type) {
	case SQL_INT:
		return sqlite3_bind_int64(handle(s), at, v->i) == SQLITE_OK;
	case SQL_TEXT:
		return sqlite3_bind_text64(handle(s), at, bytes, v->s.n, SQLITE_STATIC,
			       SQLITE_UTF8) == SQLITE_OK;
	case SQL_BLOB:
		return sqlite3_bind_blob64(handle(s), at, bytes, v->s.n, SQLITE_STATIC) ==
		       SQLITE_OK;
	default:
		return sqlite3_bind_null(handle(s), at) == SQLITE_OK;
	}
}

static void sqlite_reset(struct sql_stmt *s)
{
	sqlite3_reset(handle(s));
	sqlite3_clear_bindings(handle(s));
}

static int sqlite_step(struct sql_stmt *s, struct err *e)
{
	if (still_open(s->db, e) < 0) {
		sqlite_reset(s);
		return -1;
	}
	int r = sqlite3_step(handle(s));
	if (r == SQLITE_ROW)
		return 1;
	if (r != SQLITE_DONE)
		fail(s->db, e);
	sqlite_reset(s);
	return r == SQLITE_DONE ? 0 : -1;
}

static int64_t sqlite_int(struct sql_stmt *s, int col)
{
	return sqlite3_column_int64(handle(s), col);
}

static slice sqlite_text(struct sql_stmt *s, int col)
{
	const void *p = sqlite3_column_type(handle(s), col) == SQLITE_BLOB
				? sqlite3_column_blob(handle(s), col)
				: (const void *)sqlite3_column_text(handle(s), col);
	return p ? slice_of(p, (size_t)sqlite3_column_bytes(handle(s), col)) : S("");
}

static bool sqlite_null(struct sql_stmt *s, int col)
{
	return sqlite3_column_type(handle(s), col) == SQLITE_NULL;
}

static int64_t sqlite_changes(struct sql *db)
{
	return sqlite3_changes64(conn_of(db)->db);
}

/* The two statements of every transaction are not parsed each time. */
static int run_kept(struct sql *db, sqlite3_stmt **s, const char *text, struct err *e)
{
	if (!*s && sqlite3_prepare_v3(conn_of(db)->db, text, -1, SQLITE_PREPARE_PERSISTENT, s,
			   NULL) != SQLITE_OK)
		return fail(db, e);
	int r = sqlite3_step(*s) == SQLITE_DONE ? 0 : fail(db, e);
	sqlite3_reset(*s);
	return r;
}

static bool sqlite_claim(struct sql *db)
{
	struct conn *c = conn_of(db);
	must(db->kind != SQL_READ_ONLY && !c->claimed);
	c->claimed = turn_try(c->turn);
	return c->claimed;
}

static int take_turn(struct sql *db, struct err *e)
{
	struct conn *c = conn_of(db);
	if (c->claimed) {
		c->claimed = false;
		return 0;
	}
	return turn_take(c->turn, sqlite_turn_wait, e) < 0 ? err_wrap(e, "%s database", db->name)
							   : 0;
}

static int sqlite_begin(struct sql *db, struct err *e)
{
	struct conn *c = conn_of(db);
	if (db->kind == SQL_READ_ONLY || db->kind == SQL_SOURCE)
		return err_set(e, ERR_BUG, "%s database: opened for reading", db->name);
	if (take_turn(db, e) < 0)
		return -1;
	if (run_kept(db, &c->begin, "BEGIN IMMEDIATE", e) < 0) {
		turn_give(c->turn);
		return -1;
	}
	return 0;
}

/* SQLite may have rolled back by itself (disk full); then there is no transaction to end. */
static void sqlite_rollback(struct sql *db)
{
	struct conn *c = conn_of(db);
	if (!sqlite3_get_autocommit(c->db))
		sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	turn_give(c->turn);
}

static int sqlite_checkpoint(struct sql *db, struct err *e);

static int sqlite_commit(struct sql *db, struct err *e)
{
	struct conn *c = conn_of(db);
	if (sqlite3_get_autocommit(c->db)) {
		turn_give(c->turn);
		return err_set(
			e, ERR_TEMP, "%s database: the transaction was rolled back", db->name);
	}
	if (run_kept(db, &c->commit, "COMMIT", e) < 0) {
		sqlite_rollback(db);
		return -1;
	}
	turn_give(c->turn);
	struct err ignored;
	if (c->wal_pages > CHECKPOINT_FORCED)
		sqlite_checkpoint(db, &ignored); /* the commit stands; the next one tries again */
	return 0;
}

/* SQLite locks nothing of its log (closing another file would end the locks), and what is folded into the database it syncs. */
static int sqlite_sync(const struct sql *db, struct err *e)
{
	AUTO(buf) struct buf path = BUF(4096);
	path_of(db, "sqlite-wal", &path);
	AUTO(fd) int fd = open(path.p, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return 0;
	return fd < 0 || fdatasync(fd) < 0 ? err_sys(e, errno, "%s", path.p) : 0;
}

static bool sqlite_wants_checkpoint(const struct sql *db)
{
	return conn_of(db)->wal_pages > CHECKPOINT_PAGES;
}

static int passive(struct sql *db, bool *ret_all, struct err *e)
{
	int in_log = 0, done = 0;
	int r = sqlite3_wal_checkpoint_v2(
		conn_of(db)->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &done);
	*ret_all = r == SQLITE_OK && in_log == done;
	if (r == SQLITE_BUSY) /* another process is at it */
		return 0;
	return r == SQLITE_OK ? 0 : fail(db, e);
}

/*
 * Two rounds: the first copies the bulk while writers go on; the second, in our turn, the few pages
 * written meanwhile. Without the second a busy database would never reach the point where the log
 * is wholly copied, and the log would grow for ever.
 */
static int sqlite_checkpoint(struct sql *db, struct err *e)
{
	struct conn *c = conn_of(db);
	bool all;
	c->wal_pages = 0; /* until the next commit tells */
	if (passive(db, &all, e) < 0)
		return -1;
	if (turn_take(c->turn, sqlite_turn_wait, e) < 0)
		return -1;
	int r = passive(db, &all, e);
	turn_give(c->turn);
	return r;
}

static int sqlite_check(struct sql *db, struct arena *a, slice *report, struct err *e)
{
	sqlite3_stmt *s;
	char text[64];
	snprintf(text, sizeof text, "PRAGMA integrity_check(%d)", CHECK_LINES_MAX);
	if (sqlite3_prepare_v2(conn_of(db)->db, text, -1, &s, NULL) != SQLITE_OK)
		return fail(db, e);
	AUTO(buf) struct buf lines = BUF(256 * 1024);
	int n = 0, r;
	while ((r = sqlite3_step(s)) == SQLITE_ROW) {
		slice line = slice_z((const char *)sqlite3_column_text(s, 0));
		if (slice_eq(line, S("ok")))
			continue;
		buf_put(&lines, line);
		buf_byte(&lines, '\n');
		n++;
	}
	if (r != SQLITE_DONE && fail(db, e) < 0) {
		bool damage = sqlite3_extended_errcode(conn_of(db)->db) == SQLITE_IOERR_DATA;
		n = damage ? n + 1 : -1;
		buf_printf(&lines, "%s\n", e->text);
	}
	sqlite3_finalize(s);
	if (n > 0 && sqlite_vfs_lacks_key(conn_of(db)->db))
		n = err_set(e, ERR_PERM, "%s database: encrypted: the key is missing", db->name);
	*report = arena_dup(a, buf_slice(&lines));
	return n;
}

static int user_version(struct sql *db, int *ret, struct err *e)
{
	sqlite3_stmt *s;
	if (sqlite3_prepare_v2(conn_of(db)->db, "PRAGMA user_version", -1, &s, NULL) != SQLITE_OK)
		return fail(db, e);
	int r = sqlite3_step(s) == SQLITE_ROW ? 0 : fail(db, e);
	*ret = r == 0 ? sqlite3_column_int(s, 0) : 0;
	sqlite3_finalize(s);
	return r;
}

/* Any page that really changes will do; user_version is ours to use. */
static int sqlite_fence(struct sql *db, struct err *e)
{
	int version = 0;
	char text[64];
	if (sql_begin(db, e) < 0)
		return -1;
	if (user_version(db, &version, e) < 0)
		goto undo;
	snprintf(
		text, sizeof text, "PRAGMA user_version = %d", version < 1000000 ? version + 1 : 1);
	if (script(db, text, e) < 0)
		goto undo;
	return sql_commit(db, e);
undo:
	sql_rollback(db);
	return -1;
}

static int sqlite_reindex(struct sql *db, struct err *e)
{
	return script(db, "REINDEX", e);
}

/* As a URI, which tells the file system below whether what SQLite makes is to be sealed. */
static int uri_of(const char *path, struct buf *uri, struct err *e)
{
	buf_put(uri, S("file:"));
	for (const char *p = path; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || *p == '.' || *p == '_' || *p == '-' ||
			     (*p == '/' && (p == path || p[-1] != '/'));
		if (plain)
			buf_byte(uri, *p);
		else
			buf_printf(uri, "%%%02X", (unsigned)(unsigned char)*p);
	}
	if (crypt_now())
		buf_put(uri, S("?" SQLITE_VFS_SEALED "=1"));
	buf_byte(uri, 0);
	return buf_ok(uri) ? 0 : err_set(e, ERR_LIMIT, "path of a snapshot is too long");
}

static int sync_file(const char *path, struct err *e)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 || fsync(fd) < 0 ? err_sys(e, errno, "%s", path) : 0;
}

int sqlite_copy(sqlite3 *c, const char *name, const char *path, struct err *e)
{
	AUTO(buf) struct buf uri = BUF(16384);
	sqlite3_stmt *s;
	int room = crypt_now() ? PAGE_RESERVE : 0, none = 0;
	if (access(path, F_OK) == 0)
		return err_set(e, ERR_EXISTS, "%s is there already", path);
	if (uri_of(path, &uri, e) < 0)
		return -1;
	if (sqlite3_prepare_v2(c, "VACUUM INTO $1", -1, &s, NULL) != SQLITE_OK)
		return sqlite_error(c, name, e);
	sqlite3_file_control(c, "main", SQLITE_FCNTL_RESERVE_BYTES, &room); /* of the copy */
	sqlite3_bind_text(s, 1, uri.p, -1, SQLITE_STATIC);
	int r = sqlite3_step(s) == SQLITE_DONE ? 0 : sqlite_error(c, name, e);
	sqlite3_finalize(s);
	sqlite3_file_control(c, "main", SQLITE_FCNTL_RESERVE_BYTES, &none);
	if (r == 0)
		r = sync_file(path, e);
	if (r < 0)
		unlink(path);
	return r;
}

static int sqlite_snapshot(struct sql *db, const char *path, struct err *e)
{
	return sqlite_copy(conn_of(db)->db, db->name, path, e);
}

static const char *const words[][2] = {
	{"{{WITHOUT_ROWID}}", "WITHOUT ROWID"},
	{"{{BLOB}}", "BLOB"},
	{"{{AUTO_KEY}}", "INTEGER PRIMARY KEY AUTOINCREMENT"},
	{"{{KEY}}", "INTEGER PRIMARY KEY"},
	{NULL, NULL},
};

const struct sql_driver sqlite_driver = {
	.open = sqlite_open,
	.close = sqlite_close,
	.script = script,
	.prepare = sqlite_prepare,
	.finalize = sqlite_finalize,
	.bind = sqlite_bind,
	.step = sqlite_step,
	.reset = sqlite_reset,
	.column_int = sqlite_int,
	.column_text = sqlite_text,
	.column_null = sqlite_null,
	.changes = sqlite_changes,
	.claim = sqlite_claim,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.sync = sqlite_sync,
	.wants_checkpoint = sqlite_wants_checkpoint,
	.checkpoint = sqlite_checkpoint,
	.check = sqlite_check,
	.fence = sqlite_fence,
	.reindex = sqlite_reindex,
	.snapshot = sqlite_snapshot,
	.words = words,
};
