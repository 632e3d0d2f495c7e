/*
 * SQLite databases as bytes (sql_image.h); called by backup_run.c, backup_mail.c and backup_verify.c.
 *
 * A moment: a connection of ours stays in a read transaction, so that what it sees is neither overwritten in the database file nor lost from
 * the write-ahead log (https://sqlite.org/walformat.html). Its pages are then read by us: the newest one in the log up to that moment, else
 * the one in the database file. Where the log ended at that moment tells the head of the index in shared memory, which is looked at in our
 * turn of writing, while nothing can be committed. Copying by SQLite's own backup calls would need the room of the whole database a second
 * time, and pages would have to be gathered from there.
 *
 * Files are read through SQLite's own handles: closing a descriptor of ours would end the locks of all its connections in this process.
 */
#include "base/cur.h"
#include "base/mem.h"
#include "store/sql_driver.h"
#include "store/sql_image.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
	WAL_HEAD = 32,
	FRAME_HEAD = 24,
	INDEX_MX_FRAME = 16, /* in the head of the log's index, in the machine's byte order */
	INDEX_PAGES = 20,
	INDEX_SALT = 32, /* two words, as they stand in the log */
	INDEX_BACKFILLED = 96,
	INDEX_PART = 32768,
	HEADER_VERSIONS = 18, /* in the database's header: two bytes, 2: with a log */
};

struct sql_moment {
	struct sql *db;
	sqlite3_file *file, *log;
	uint32_t page_size;
	uint64_t pages;
	uint32_t *
		frame; /* by page number: its newest frame in the log; 0: none. NULL: the log is not needed */
};

static int broken(const struct sql_moment *m, const char *what, struct err *e)
{
	return err_set(e, ERR_TEMP, "%s database: %s", sql_name(m->db), what);
}

static int read_file(
	const struct sql_moment *m, sqlite3_file *f, uint64_t at, size_t n, char *to, struct err *e)
{
	int r = f->pMethods->xRead(f, to, (int)n, (sqlite3_int64)at);
	return r == SQLITE_OK ? 0 : broken(m, "cannot be read", e);
}

/* The log's index: mapped by SQLite as long as the connection is open. */
static int index_head(const struct sql_moment *m, const char **ret, struct err *e)
{
	void volatile *part = NULL;
	const sqlite3_io_methods *io = m->file->pMethods;
	if (io->iVersion < 2 || io->xShmMap(m->file, 0, INDEX_PART, 0, &part) != SQLITE_OK || !part)
		return broken(m, "the index of its log cannot be read", e);
	*ret = (const char *)(uintptr_t)part;
	return 0;
}

static uint32_t word_at(const char *p, size_t at)
{
	uint32_t v;
	memcpy(&v, p + at, sizeof v);
	return v;
}

static int find_files(struct sql_moment *m, struct err *e)
{
	sqlite3 *c = sqlite_handle(m->db);
	if (sqlite3_file_control(c, "main", SQLITE_FCNTL_FILE_POINTER, &m->file) != SQLITE_OK ||
		sqlite3_file_control(c, "main", SQLITE_FCNTL_JOURNAL_POINTER, &m->log) !=
			SQLITE_OK ||
		!m->file || !m->file->pMethods)
		return broken(m, "no handle of its file", e);
	char size[2];
	if (read_file(m, m->file, 16, sizeof size, size, e) < 0)
		return -1;
	uint32_t n = (uint32_t)(unsigned char)size[0] << 8 | (unsigned char)size[1];
	m->page_size = n == 1 ? 65536 : n;
	if (m->page_size < 512 || (m->page_size & (m->page_size - 1)))
		return broken(m, "its header is damaged", e);
	return 0;
}

/* Which pages stand in the log, frames 1 to last. */
static int map_log(struct sql_moment *m, uint32_t last, const char *salt, struct err *e)
{
	char head[FRAME_HEAD];
	m->frame = mem_alloc((m->pages + 1) * sizeof *m->frame);
	for (uint32_t i = 1; i <= last; i++) {
		uint64_t at = WAL_HEAD + (uint64_t)(i - 1) * (FRAME_HEAD + m->page_size);
		if (read_file(m, m->log, at, sizeof head, head, e) < 0)
			return -1;
		struct cur c = cur_of(slice_of(head, sizeof head));
		uint32_t page = cur_u32(&c);
		if (memcmp(head + 8, salt, 8) != 0)
			return broken(m, "its log began anew meanwhile", e);
		if (page >= 1 && page <= m->pages)
			m->frame[page] = i;
	}
	return 0;
}

/* In our turn: nothing is committed meanwhile. */
static int look_at_log(struct sql_moment *m, uint32_t *ret_last, char ret_salt[8], struct err *e)
{
	const char *index = NULL;
	sqlite3_int64 size;
	if (find_files(m, e) < 0 || index_head(m, &index, e) < 0)
		return -1;
	uint32_t last = word_at(index, INDEX_MX_FRAME);
	uint32_t done = word_at(index, INDEX_BACKFILLED);
	if (m->file->pMethods->xFileSize(m->file, &size) != SQLITE_OK)
		return broken(m, "has no size", e);
	m->pages = last ? word_at(index, INDEX_PAGES) : (uint64_t)size / m->page_size;
	memcpy(ret_salt, index + INDEX_SALT, 8);
	/* Wholly folded into the database: then nothing newer gets there, and the log may begin anew. */
	*ret_last = done >= last ? 0 : last;
	return 0;
}

static int begin_reading(struct sql *db, struct err *e)
{
	if (sqlite3_exec(sqlite_handle(db), "BEGIN; SELECT COUNT(*) FROM sqlite_master", NULL, NULL,
		    NULL) != SQLITE_OK)
		return err_set(e, ERR_TEMP, "%s database: %s", sql_name(db),
			sqlite3_errmsg(sqlite_handle(db)));
	return 0;
}

static int take_moment(struct sql_moment *m, struct sql *writer, struct err *e)
{
	uint32_t last = 0;
	char salt[8];
	if (sql_begin(writer, e) < 0)
		return -1;
	int r = begin_reading(m->db, e);
	if (r == 0)
		r = look_at_log(m, &last, salt, e);
	sql_rollback(writer);
	return r == 0 && last ? map_log(m, last, salt, e) : r;
}

int sql_moment_begin(slice dir, const char *name, struct sql_moment **ret, struct err *e)
{
	struct sql_moment *m = NEW(struct sql_moment);
	struct sql *writer = NULL;
	int r = sql_open_read(dir, name, &m->db, e);
	if (r == 0)
		r = sql_open(dir, name, &writer, e);
	if (r == 0)
		r = take_moment(m, writer, e);
	sql_close(writer);
	if (r < 0) {
		sql_moment_end(m);
		return -1;
	}
	*ret = m;
	return 0;
}

uint64_t sql_moment_size(const struct sql_moment *m)
{
	return m->pages * m->page_size;
}

int sql_moment_read(struct sql_moment *m, uint64_t at, size_t n, char *to, struct err *e)
{
	while (n) {
		uint64_t page = at / m->page_size + 1, within = at % m->page_size;
		size_t part = m->page_size - within < n ? m->page_size - within : n;
		uint32_t frame = m->frame ? m->frame[page] : 0;
		uint64_t from = WAL_HEAD + (uint64_t)(frame - 1) * (FRAME_HEAD + m->page_size) +
				FRAME_HEAD + within;
		if (read_file(m, frame ? m->log : m->file, frame ? from : at, part, to, e) < 0)
			return -1;
		at += part, to += part, n -= part;
	}
	return 0;
}

void sql_moment_end(struct sql_moment *m)
{
	if (!m)
		return;
	if (m->db)
		sqlite3_exec(sqlite_handle(m->db), "ROLLBACK", NULL, NULL, NULL);
	sql_close(m->db);
	free(m->frame);
	free(m);
}

size_t sql_moment_face(slice dir, const char *name, char ret[SQL_FACE_MAX])
{
	char path[3000];
	struct stat db, log = {0};
	snprintf(path, sizeof path, "%.*s/db/%s.sqlite", SFMT(dir), name);
	if (stat(path, &db) < 0)
		return 0;
	snprintf(path, sizeof path, "%.*s/db/%s.sqlite-wal", SFMT(dir), name);
	if (stat(path, &log) < 0)
		log = (struct stat){0};
	int n = snprintf(ret, SQL_FACE_MAX, "%llx %llx %llx.%lx %llx %llx.%lx",
		(unsigned long long)db.st_ino, (unsigned long long)db.st_size,
		(unsigned long long)db.st_mtim.tv_sec, (unsigned long)db.st_mtim.tv_nsec,
		(unsigned long long)log.st_size, (unsigned long long)log.st_mtim.tv_sec,
		(unsigned long)log.st_mtim.tv_nsec);
	return n > 0 && n < SQL_FACE_MAX ? (size_t)n : 0;
}

/* ---- sources: a file system of SQLite's with one read-only file ---- */

struct source_file {
	sqlite3_file base;
	const struct sql_source *source;
};

static int source_close(sqlite3_file *f)
{
	(void)f;
	return SQLITE_OK;
}

/* The header says that there is no log, as is true of what a backup holds. */
static void hide_log(char *to, uint64_t at, size_t n)
{
	for (uint64_t i = HEADER_VERSIONS; i < HEADER_VERSIONS + 2; i++)
		if (i >= at && i < at + n && to[i - at] == 2)
			to[i - at] = 1;
}

static int source_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	const struct sql_source *s = ((struct source_file *)f)->source;
	struct err e;
	uint64_t from = (uint64_t)at, want = (uint64_t)n;
	uint64_t there = from >= s->size ? 0 : s->size - from < want ? s->size - from : want;
	memset((char *)to + there, 0, want - there);
	if (there && s->read(s->arg, from, there, to, &e) < 0)
		return SQLITE_IOERR_READ;
	hide_log(to, from, there);
	return there < want ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int source_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)((struct source_file *)f)->source->size;
	return SQLITE_OK;
}

static int source_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	(void)f, (void)p, (void)n, (void)at;
	return SQLITE_READONLY;
}

static int source_truncate(sqlite3_file *f, sqlite3_int64 n)
{
	(void)f, (void)n;
	return SQLITE_READONLY;
}

static int source_flags(sqlite3_file *f, int flags)
{
	(void)f, (void)flags;
	return SQLITE_OK;
}

static int source_reserved(sqlite3_file *f, int *ret)
{
	(void)f;
	*ret = 0;
	return SQLITE_OK;
}

static int source_control(sqlite3_file *f, int op, void *arg)
{
	(void)f, (void)op, (void)arg;
	return SQLITE_NOTFOUND;
}

static int source_sector(sqlite3_file *f)
{
	(void)f;
	return 4096;
}

static int source_traits(sqlite3_file *f)
{
	(void)f;
	return SQLITE_IOCAP_IMMUTABLE;
}

static const sqlite3_io_methods source_methods = {
	.iVersion = 1,
	.xClose = source_close,
	.xRead = source_read,
	.xWrite = source_write,
	.xTruncate = source_truncate,
	.xSync = source_flags,
	.xFileSize = source_size,
	.xLock = source_flags,
	.xUnlock = source_flags,
	.xCheckReservedLock = source_reserved,
	.xFileControl = source_control,
	.xSectorSize = source_sector,
	.xDeviceCharacteristics = source_traits,
};

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
	struct source_file *s = (struct source_file *)f;
	uintptr_t p = 0;
	(void)v;
	f->pMethods = NULL;
	if (!(flags & SQLITE_OPEN_MAIN_DB) || !name || sscanf(name, "source-%" SCNxPTR, &p) != 1)
		return SQLITE_CANTOPEN;
	f->pMethods = &source_methods;
	s->source = (const struct sql_source *)p;
	if (ret_flags)
		*ret_flags = SQLITE_OPEN_READONLY;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *v, const char *name, int sync_dir)
{
	(void)v, (void)name, (void)sync_dir;
	return SQLITE_READONLY;
}

static int vfs_access(sqlite3_vfs *v, const char *name, int flags, int *ret)
{
	(void)v, (void)name, (void)flags;
	*ret = 0;
	return SQLITE_OK;
}

static int vfs_path(sqlite3_vfs *v, const char *name, int n, char *out)
{
	(void)v;
	snprintf(out, (size_t)n, "%s", name);
	return SQLITE_OK;
}

/* What is not about files is the usual system's. */
static void register_vfs(void)
{
	static sqlite3_vfs vfs;
	vfs = *sqlite3_vfs_find(NULL);
	vfs.pNext = NULL;
	vfs.szOsFile = sizeof(struct source_file);
	vfs.zName = SQLITE_SOURCE_VFS;
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	vfs.xAccess = vfs_access;
	vfs.xFullPathname = vfs_path;
	sqlite3_vfs_register(&vfs, 0);
}

int sql_open_source(const char *name, const struct sql_source *s, struct sql **ret, struct err *e)
{
	char file[64];
	if (!sqlite3_vfs_find(SQLITE_SOURCE_VFS))
		register_vfs();
	int n = snprintf(file, sizeof file, "source-%" PRIxPTR, (uintptr_t)s);
	return sql_open_kind(slice_of(file, (size_t)n), name, SQL_SOURCE, ret, e);
}
