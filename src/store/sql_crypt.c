/*
 * What databases are encrypted by, and making them anew (sql_crypt.h). Called by crypt_usage.c and the command line.
 *
 * A database is made anew by SQLite itself (VACUUM INTO), beside the old one, under a lock that nobody else can have at the same time: an exclusive one that
 * is kept, with the writers' turn, after the log is folded into the database and gone. The copy is compared, checked and put on the disk; then it takes the old one's
 * name. Until then the old one is whole and in place; what a killed run leaves behind is a file NAME.recrypt, which the next one removes. Whoever
 * opens the old file for reading just before it loses its name reads the old one; hence the server is stopped.
 *
 * The blocks of the old file are free afterwards, not overwritten.
 */
#include "store/sql_crypt.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/must.h"
#include "store/sqlite_turn.h"
#include "store/sqlite_vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { LOCK_WAIT_MS = 2000 };
#define TURN_WAIT (2 * SECOND)

/* DIR/db/NAME.end */
static const char *path_of(slice dir, const char *name, const char *end, struct arena *a)
{
	return arena_strz(a, arena_printf(a, "%.*s/db/%s.%s", SFMT(dir), name, end));
}

/* ---- how it stands ---- */

/* A file of SQLite's usual file system: closing a descriptor of ours would end the locks of all connections of the process. */
struct raw {
	sqlite3_file *f;
	const char *name;
};

static void auto_raw(struct raw *r)
{
	if (r->f && r->f->pMethods)
		r->f->pMethods->xClose(r->f);
	free(r->f);
	sqlite3_free_filename(r->name);
}

static int raw_open(const char *path, struct raw *r, struct err *e)
{
	if (access(path, F_OK) < 0)
		return err_sys(e, errno, "%s", path);
	sqlite3_vfs *v = sqlite3_vfs_find(NULL);
	must(v);
	r->f = mem_alloc((size_t)v->szOsFile);
	r->name = sqlite3_create_filename(path, "", "", 0, NULL);
	must(r->name);
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB;
	return v->xOpen(v, r->name, r->f, flags, &flags) == SQLITE_OK
		       ? 0
		       : err_set(e, ERR_TEMP, "%s: cannot be opened", path);
}

static bool raw_read(struct raw *r, char *to, size_t n, uint64_t at)
{
	return r->f->pMethods->xRead(r->f, to, (int)n, (sqlite3_int64)at) == SQLITE_OK;
}

static void add_key(struct sql_crypt_state *s, uint32_t no, uint64_t pages)
{
	size_t i = 0;
	while (i < s->nkeys && s->key[i].no < no)
		i++;
	if (i == s->nkeys || s->key[i].no != no) {
		if (s->nkeys == sizeof s->key / sizeof *s->key) {
			s->strange += pages;
			return;
		}
		memmove(s->key + i + 1, s->key + i, (s->nkeys - i) * sizeof *s->key);
		s->nkeys++;
		s->key[i].no = no;
		s->key[i].pages = 0;
	}
	s->key[i].pages += pages;
}

static int count_pages(struct raw *r, struct sql_crypt_state *s, size_t page_size, struct err *e)
{
	char trailer[PAGE_RESERVE];
	for (uint64_t i = 0; i < s->pages; i++) {
		if (!raw_read(r, trailer, sizeof trailer, (i + 1) * page_size - PAGE_RESERVE))
			return err_set(e, ERR_TEMP, "a page cannot be read");
		uint32_t no = page_key_no(slice_of(trailer, sizeof trailer));
		if (page_is_hole(page_size, (uint32_t)(i + 1)) && !no)
			continue;
		if (s->encrypted ? !no : no)
			s->strange++;
		else
			add_key(s, no, 1);
	}
	return 0;
}

static int look(struct raw *r, struct sql_crypt_state *s, struct err *e)
{
	char header[PAGE_HEADER], trailer[PAGE_RESERVE];
	sqlite3_int64 size = 0;
	if (r->f->pMethods->xFileSize(r->f, &size) != SQLITE_OK)
		return err_set(e, ERR_TEMP, "has no size");
	if (size == 0)
		return 0;
	size_t n = raw_read(r, header, sizeof header, 0) ? page_size_of(header) : 0;
	if (!n)
		return err_set(e, ERR_TEMP, "is no database, or damaged");
	s->pages = (uint64_t)size / n;
	if (page_has_trailers(header) && raw_read(r, trailer, sizeof trailer, n - PAGE_RESERVE)) {
		s->encrypted = page_key_no(slice_of(trailer, sizeof trailer)) != 0;
		return count_pages(r, s, n, e);
	}
	add_key(s, 0, s->pages);
	return 0;
}

int sql_crypt_state_file(const char *path, struct sql_crypt_state *ret, struct err *e)
{
	AUTO(raw) struct raw r = {0};
	AUTO(free) struct sql_crypt_state *s = NEW(struct sql_crypt_state);
	if (raw_open(path, &r, e) < 0)
		return -1;
	if (look(&r, s, e) < 0)
		return err_wrap(e, "%s", path);
	*ret = *s;
	return 0;
}

int sql_crypt_state(slice dir, const char *name, struct sql_crypt_state *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	return sql_crypt_state_file(path_of(dir, name, "sqlite", &a), ret, e);
}

/* ---- making it anew ---- */

static bool is_done(const struct sql_crypt_state *s)
{
	uint32_t now = crypt_now();
	if (s->strange || s->pages == 0)
		return s->pages == 0;
	return s->encrypted == (now != 0) && s->nkeys == 1 && s->key[0].no == now;
}

static void auto_sqlite(sqlite3 **c)
{
	sqlite3_close(*c);
}

static int open_path(const char *path, sqlite3 **ret, struct err *e)
{
	sqlite_vfs_register();
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(path, ret, flags, SQLITE_VFS) != SQLITE_OK)
		return *ret ? sqlite_error(*ret, path, e)
			    : err_set(e, ERR_TEMP, "sqlite: out of memory");
	sqlite3_extended_result_codes(*ret, 1);
	sqlite3_busy_timeout(*ret, LOCK_WAIT_MS);
	return sqlite3_exec(*ret, "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF", NULL,
		       NULL, NULL) == SQLITE_OK
		       ? 0
		       : sqlite_error(*ret, path, e);
}

/* One value; "" when there is no row. */
static int ask(sqlite3 *c, const char *path, const char *sql, char ret[64], struct err *e)
{
	sqlite3_stmt *s;
	if (sqlite3_prepare_v2(c, sql, -1, &s, NULL) != SQLITE_OK)
		return sqlite_error(c, path, e);
	int r = sqlite3_step(s);
	const char *text = r == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
	snprintf(ret, 64, "%s", text ? text : "");
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		sqlite_error(c, path, e);
	sqlite3_finalize(s);
	return r == SQLITE_ROW || r == SQLITE_DONE ? 0 : -1;
}

/* The log goes, which only the last connection can make happen; then nobody comes in. */
static int alone(sqlite3 *c, const char *path, struct err *e)
{
	char mode[64];
	if (ask(c, path, "PRAGMA locking_mode = EXCLUSIVE", mode, e) < 0 ||
		ask(c, path, "PRAGMA journal_mode = DELETE", mode, e) < 0 ||
		sqlite3_exec(c, "BEGIN EXCLUSIVE; COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
		int code = sqlite3_errcode(c);
		if (code != SQLITE_BUSY && code != SQLITE_LOCKED)
			return sqlite_error(c, path, e);
		snprintf(mode, sizeof mode, "busy");
	}
	return strcmp(mode, "delete") == 0 ? 0 : err_set(e, ERR_TEMP, "%s: in use", path);
}

static int same_rows(sqlite3 *a, sqlite3 *b, const char *path, const char *table, struct err *e)
{
	char was[64] = "", is[64] = "";
	char *sql = sqlite3_mprintf("SELECT COUNT(*) FROM \"%w\"", table);
	must(sql);
	int r = ask(a, path, sql, was, e);
	if (r == 0)
		r = ask(b, path, sql, is, e);
	sqlite3_free(sql);
	if (r == 0 && strcmp(was, is) != 0)
		r = err_set(e, ERR_TEMP, "%s: the copy has %s rows of %s in %.60s", path, is, was,
			table);
	return r;
}

static int compare(sqlite3 *a, sqlite3 *b, const char *path, struct err *e)
{
	sqlite3_stmt *s;
	if (sqlite3_prepare_v2(a, "SELECT name FROM sqlite_master WHERE type = 'table'", -1, &s,
		    NULL) != SQLITE_OK)
		return sqlite_error(a, path, e);
	int r = 0, step = SQLITE_ROW;
	while (r == 0 && (step = sqlite3_step(s)) == SQLITE_ROW)
		r = same_rows(a, b, path, (const char *)sqlite3_column_text(s, 0), e);
	if (r == 0 && step != SQLITE_DONE)
		r = sqlite_error(a, path, e);
	sqlite3_finalize(s);
	return r;
}

/* What was copied is right, and as wanted: read anew from its file. Gets a log, as all have. */
static int check_copy(sqlite3 *old, const char *copy, struct err *e)
{
	AUTO(sqlite) sqlite3 *c = NULL;
	AUTO(free) struct sql_crypt_state *s = NEW(struct sql_crypt_state);
	char said[64];
	if (open_path(copy, &c, e) < 0 || ask(c, copy, "PRAGMA integrity_check", said, e) < 0)
		return -1;
	if (strcmp(said, "ok") != 0)
		return err_set(e, ERR_TEMP, "%s: %s", copy, said);
	if (compare(old, c, copy, e) < 0 || ask(c, copy, "PRAGMA journal_mode = WAL", said, e) < 0)
		return -1;
	if (sqlite3_close(take(&c)) != SQLITE_OK || sql_crypt_state_file(copy, s, e) < 0)
		return err_wrap(e, "%s", copy);
	return is_done(s) ? 0 : err_set(e, ERR_BUG, "%s is not as it should be", copy);
}

static int sync_path(const char *path, int flags, struct err *e)
{
	AUTO(fd) int fd = open(path, flags | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? err_sys(e, errno, "%s", path) : 0;
}

/* Its journal is over: the exclusive lock is what keeps SQLite from removing it. It must not lie beside the new file, which it is not of. */
static int take_place(const char *copy, const char *path, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *journal = arena_strz(&a, arena_printf(&a, "%s-journal", path));
	struct stat st;
	size_t slash = slice_rindex(slice_z(path), '/');
	slice dir = path[slash] ? slice_of(path, slash ? slash : 1) : S(".");
	if (stat(path, &st) < 0 || chmod(copy, st.st_mode & 0777) < 0 ||
		chown(copy, st.st_uid, st.st_gid) < 0)
		return err_sys(e, errno, "%s", copy);
	if (sync_path(copy, O_RDONLY, e) < 0)
		return -1;
	if ((unlink(journal) < 0 && errno != ENOENT) || rename(copy, path) < 0)
		return err_sys(e, errno, "%s", path);
	return sync_path(arena_strz(&a, dir), O_RDONLY | O_DIRECTORY, e);
}

static void remove_copy(const char *copy)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		unlink(arena_strz(&a, arena_printf(&a, "%s%s", copy, ends[i])));
}

static int make_anew(const char *path, const char *copy, bool *ret_done, struct err *e)
{
	AUTO(sqlite) sqlite3 *c = NULL;
	AUTO(free) struct sql_crypt_state *s = NEW(struct sql_crypt_state);
	remove_copy(copy);
	if (sql_crypt_state_file(path, s, e) < 0)
		return -1;
	*ret_done = false;
	if (is_done(s))
		return 0;
	if (open_path(path, &c, e) < 0 || alone(c, path, e) < 0)
		return -1;
	if (sqlite_copy(c, path, copy, e) < 0 || check_copy(c, copy, e) < 0 ||
		take_place(copy, path, e) < 0) {
		remove_copy(copy);
		return -1;
	}
	*ret_done = true;
	return 0;
}

int sql_recrypt_file(const char *path, bool *ret_done, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *copy = arena_strz(&a, arena_printf(&a, "%s.recrypt", path));
	return make_anew(path, copy, ret_done, e);
}

int sql_recrypt(slice dir, const char *name, bool *ret_done, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = path_of(dir, name, "sqlite", &a);
	struct turn *turn = NULL;
	if (access(path, F_OK) < 0)
		return err_sys(e, errno, "%s", path);
	int r = turn_open(path_of(dir, name, "lock", &a), &turn, e);
	if (r == 0)
		r = turn_take(turn, TURN_WAIT, e);
	if (r == 0)
		r = sql_recrypt_file(path, ret_done, e);
	turn_close(turn);
	return r;
}
