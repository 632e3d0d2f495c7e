/* What the tests of databases' pages share: a ring of keys, looking for a word in everything that SQLite writes, and its system calls. */
#pragma once
#include "base/buf.h"
#include "base/must.h"
#include "base/test.h"
#include "store/crypt.h"
#include "store/sql_driver.h"
#include "store/sqlite_vfs.h"
#include "store/store_testing.h"

#include <dirent.h>
#include <sys/stat.h>

#define MARKER "a-word-of-a-letter-that-nobody-may-read"

/* Keys `first` .. `last`, of which the last one writes (now: it does). Filled with `seed` and their number. */
static inline void ring_of(uint32_t first, uint32_t last, bool now, unsigned char seed)
{
	AUTO(buf) struct buf b = BUF(CRYPT_RING_MAX);
	unsigned char key[CRYPT_KEY];
	struct err e;
	buf_u32(&b, 1);
	buf_u32(&b, last - first + 1);
	buf_u32(&b, now ? last : 0);
	buf_u32(&b, 0);
	for (uint32_t no = first; no <= last; no++) {
		memset(key, seed + (int)no, sizeof key);
		buf_u32(&b, no);
		buf_put(&b, slice_of(key, sizeof key));
	}
	OK(crypt_adopt(buf_slice(&b), &e));
}

/* Tests run once plain and once encrypted. */
static inline void use_keys(bool encrypted)
{
	if (encrypted)
		ring_of(1, 1, true, 7);
	else
		crypt_forget();
}

static const struct sql_migration row_steps[] = {
	{1, "row", "CREATE TABLE row (id BIGINT NOT NULL PRIMARY KEY, v TEXT NOT NULL)",
		"DROP TABLE row"},
	{2, "sum",
		"CREATE TABLE sum (id BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL);"
		"INSERT INTO sum (id, n) VALUES (1, 0)",
		"DROP TABLE sum"},
};

static inline struct sql *open_rows(slice dir, enum sql_kind kind)
{
	struct sql *db;
	struct err e;
	OK(sql_open_kind(dir, "rows", kind, &db, &e));
	if (kind != SQL_READ_ONLY)
		OK(sql_migrate(db, row_steps, 2, &e));
	return db;
}

/* A row of some hundred bytes that has the marker in it. */
static inline int put_row(struct sql *db, int64_t id, struct err *e)
{
	AUTO(buf) struct buf v = BUF(8192);
	for (int i = 0; i < 1 + 3 * (int)(id % 7); i++)
		buf_printf(&v, "%d " MARKER " %d. ", (int)id, i);
	return sql_run(db, e,
		       "INSERT INTO row (id, v) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET v = "
		       "excluded.v || ' '",
		       "it", id, buf_slice(&v)) < 0
		       ? -1
		       : 0;
}

/* One transaction: rows from .. from + n - 1, and their number added to the sum. */
static inline int commit_rows(struct sql *db, int64_t from, int64_t n, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int r = 0;
	for (int64_t i = from; r == 0 && i < from + n; i++)
		r = put_row(db, i, e);
	if (r == 0)
		r = sql_run(db, e, "UPDATE sum SET n = n + $1 WHERE id = 1", "i", n) < 0 ? -1 : 0;
	if (r == 0)
		return sql_commit(db, e);
	sql_rollback(db);
	return -1;
}

static inline int64_t ask_number(struct sql *db, const char *sql)
{
	struct err e;
	struct sql_stmt *s = sql_prepare(db, sql, &e);
	if (!s || sql_step(s, &e) != 1)
		test_fail(__FILE__, __LINE__, "%s: %s", sql, e.text);
	int64_t n = sql_int(s, 0);
	sql_reset(s);
	return n;
}

static inline int64_t rows_in(struct sql *db)
{
	return ask_number(db, "SELECT COUNT(*) FROM row");
}

static inline void check_whole(struct sql *db)
{
	AUTO(arena) struct arena a = {0};
	struct err e;
	slice report;
	int n = sql_check(db, &a, &report, &e);
	if (n)
		test_fail(__FILE__, __LINE__, "%s%.*s", n < 0 ? e.text : "", SFMT(report));
}

static inline const char *rows_file(const struct testdir *d, const char *end)
{
	static char path[200];
	snprintf(path, sizeof path, "%s/db/rows.%s", d->path, end);
	return path;
}

static inline size_t load_file(const char *path, char *to, size_t cap)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : pread(fd, to, cap, 0);
	return n > 0 ? (size_t)n : 0;
}

/* How many files below hold the word. */
static int grep_found;
static inline int grep_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)at;
	if (type != FTW_F || st->st_size == 0)
		return 0;
	AUTO(free) char *p = mem_alloc((size_t)st->st_size);
	size_t n = load_file(path, p, (size_t)st->st_size);
	grep_found += slice_find(slice_of(p, n), S(MARKER)) < n;
	return 0;
}

static inline int files_with_marker(const struct testdir *d)
{
	grep_found = 0;
	nftw(d->path, grep_one, 16, FTW_PHYS);
	return grep_found;
}

/* ---- SQLite's system calls ---- */

typedef void (*any_call)(void);
static inline void set_call(const char *name, any_call call)
{
	sqlite3_vfs *v = sqlite3_vfs_find(NULL);
	must(v && v->xSetSystemCall(v, name, (sqlite3_syscall_ptr)call) == SQLITE_OK);
}

/* How it writes. */
static inline const char *write_call(void)
{
	sqlite3_vfs *v = sqlite3_vfs_find(NULL);
	return v->xGetSystemCall(v, "pwrite64") ? "pwrite64" : "pwrite";
}
