/*
 * The file system of SQLite's by which every database of ours is opened (sqlite.c), over SQLite's usual one, whose locks, shared memory and system calls it uses. It does
 * two things: pages of encrypted databases are sealed on their way to the disk and opened on their way back (sqlite_page.h), and what a commit writes into the log
 * goes there at once (sqlite_vfs_log.c). doc/notes/sqlite-vfs.md tells why both are safe.
 *
 * Here are opening files and databases themselves. What a database is tells its page 1, which is looked at under a lock of SQLite's; as long as one is held it stays
 * so. A database is not mapped into memory when it is encrypted. Temporary files are refused: everything temporary is in memory (PRAGMA temp_store).
 */
#include "store/sqlite_vfs.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/log.h"

#include <pthread.h>
#include <sodium.h>

static sqlite3_vfs *below;

static struct vfs_file *file_of(sqlite3_file *f)
{
	return (struct vfs_file *)f;
}

uint32_t vfs_word(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

char *vfs_room(struct vfs_file *f, size_t page_size)
{
	enum { FRAME_HEAD = 24 };
	if (!f->room)
		f->room = mem_alloc(page_size + FRAME_HEAD);
	return f->room;
}

/* ---- what a database is ---- */

int vfs_decide(struct vfs_file *db)
{
	char header[PAGE_HEADER], trailer[PAGE_RESERVE];
	sqlite3_int64 size = 0;
	if (db->state != VFS_UNDECIDED)
		return SQLITE_OK;
	int r = vfs_size(&db->base, &size);
	if (r != SQLITE_OK || size == 0)
		return r;
	r = vfs_real_read(db, header, sizeof header, 0);
	if (r == SQLITE_OK && !header[0])
		return r; /* made longer before its first page is written */
	size_t n = r == SQLITE_OK && page_has_trailers(header) ? page_size_of(header) : 0;
	if (n)
		r = vfs_real_read(db, trailer, sizeof trailer, (int64_t)n - PAGE_RESERVE);
	if (r != SQLITE_OK && r != SQLITE_IOERR_SHORT_READ)
		return r;
	if (r != SQLITE_OK || !n || !page_key_no(slice_of(trailer, sizeof trailer))) {
		db->state = VFS_PLAIN;
		return SQLITE_OK;
	}
	page_book_of(&db->book, slice_of(trailer, sizeof trailer));
	if (!page_book_opens(&db->book, slice_of(trailer, sizeof trailer)))
		return SQLITE_IOERR_AUTH;
	db->page_size = n;
	db->state = VFS_ENCRYPTED;
	return SQLITE_OK;
}

/* The first page of an empty file is written. One that nobody made room in for trailers must not come to be while things are encrypted. */
static int begin_database(struct vfs_file *db, const char *page, size_t n, int64_t at)
{
	bool first = at == 0 && n >= PAGE_MIN;
	if (!db->sealed && !crypt_now()) {
		db->state = VFS_PLAIN;
		return SQLITE_OK;
	}
	if (!db->sealed && !(first && page_has_trailers(page) && page_size_of(page) == n)) {
		log_error(NULL, "store.page", F("database", db->name),
			F("error", "a new database has no room for encryption"));
		return SQLITE_IOERR_WRITE;
	}
	page_book_new(&db->book);
	db->page_size = n;
	db->state = VFS_ENCRYPTED;
	return SQLITE_OK;
}

static void tell(struct vfs_file *db, uint32_t no, const char *what)
{
	if (!db->told)
		log_error(NULL, "store.page", F("database", db->name), F("page", no),
			F("error", what));
	db->told = true;
}

static int code_of(struct vfs_file *db, uint32_t no, enum page_result r)
{
	switch (r) {
	case PAGE_OK:
		return SQLITE_OK;
	case PAGE_NO_KEY:
		tell(db, no, "encrypted: the key is missing");
		db->no_key = true;
		return SQLITE_IOERR_AUTH;
	default:
		tell(db, no, "an encrypted page does not open: it is damaged, or of another place");
		return SQLITE_IOERR_DATA;
	}
}

static bool is_hole(const struct vfs_file *db, uint32_t no, const char *page)
{
	return page_is_hole(db->page_size, no) &&
	       sodium_is_zero((const unsigned char *)page, db->page_size);
}

int vfs_open_page(struct vfs_file *db, uint32_t no, void *page)
{
	if (is_hole(db, no, page))
		return SQLITE_OK;
	return code_of(db, no, page_open(&db->book, no, page, db->page_size));
}

int vfs_seal_page(struct vfs_file *db, uint32_t no, const void *page, void *out)
{
	return code_of(db, no, page_seal(&db->book, no, page, db->page_size, out));
}

/* ---- a database's methods ---- */

static int read_page(struct vfs_file *db, uint32_t no, char *to)
{
	int r = vfs_real_read(db, to, db->page_size, (int64_t)(no - 1) * (int64_t)db->page_size);
	return r == SQLITE_OK ? vfs_open_page(db, no, to) : r;
}

/* Any part of any pages. */
static int read_encrypted(struct vfs_file *db, char *to, size_t n, uint64_t at)
{
	size_t size = db->page_size;
	char *room = vfs_room(db, size);
	while (n) {
		size_t within = at % size, part = size - within < n ? size - within : n;
		int r = read_page(db, (uint32_t)(at / size + 1), room);
		if (r != SQLITE_OK) {
			memset(to, 0, n);
			return r;
		}
		memcpy(to, room + within, part);
		to += part, n -= part, at += part;
	}
	return SQLITE_OK;
}

static int db_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
	struct vfs_file *db = file_of(file);
	if (at + n <= PAGE_HEADER)
		return vfs_real_read(db, to, (size_t)n, at);
	int r = vfs_decide(db);
	if (r != SQLITE_OK)
		return r;
	if (db->state != VFS_ENCRYPTED)
		return vfs_real_read(db, to, (size_t)n, at);
	if ((size_t)n == db->page_size && (size_t)at % db->page_size == 0)
		return read_page(db, (uint32_t)((size_t)at / db->page_size + 1), to);
	return read_encrypted(db, to, (size_t)n, (uint64_t)at);
}

static int db_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	struct vfs_file *db = file_of(file);
	int r = vfs_decide(db);
	if (r == SQLITE_OK && db->state == VFS_UNDECIDED)
		r = begin_database(db, p, (size_t)n, at);
	if (r != SQLITE_OK)
		return r;
	if (db->state == VFS_PLAIN)
		return vfs_real_write(db, p, (size_t)n, at);
	if ((size_t)n != db->page_size || (size_t)at % db->page_size ||
		(at == 0 && !page_has_trailers(p)))
		return SQLITE_IOERR_WRITE;
	char *sealed = vfs_room(db, db->page_size);
	r = vfs_seal_page(db, (uint32_t)((size_t)at / db->page_size + 1), p, sealed);
	return r == SQLITE_OK ? vfs_real_write(db, sealed, (size_t)n, at) : r;
}

int vfs_close(sqlite3_file *file)
{
	struct vfs_file *f = file_of(file);
	if (f->log)
		f->log->db = NULL;
	if (f->db && f->db->log == f)
		f->db->log = NULL;
	int r = vfs_real(f)->pMethods->xClose(vfs_real(f));
	if (f->room)
		sodium_memzero(f->room, f->page_size);
	free(f->room);
	free(f->pending.p);
	page_book_wipe(&f->book);
	return r;
}

int vfs_truncate(sqlite3_file *file, sqlite3_int64 n)
{
	sqlite3_file *real = vfs_real(file_of(file));
	return real->pMethods->xTruncate(real, n);
}

int vfs_sync(sqlite3_file *file, int flags)
{
	sqlite3_file *real = vfs_real(file_of(file));
	return real->pMethods->xSync(real, flags);
}

int vfs_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	sqlite3_file *real = vfs_real(file_of(file));
	return real->pMethods->xFileSize(real, ret);
}

int vfs_control(sqlite3_file *file, int op, void *arg)
{
	sqlite3_file *real = vfs_real(file_of(file));
	return real->pMethods->xFileControl(real, op, arg);
}

int vfs_sector(sqlite3_file *file)
{
	sqlite3_file *real = vfs_real(file_of(file));
	return real->pMethods->xSectorSize(real);
}

int vfs_traits(sqlite3_file *file)
{
	sqlite3_file *real = vfs_real(file_of(file));
	return real->pMethods->xDeviceCharacteristics(real);
}

/* From no lock to one, and back, another process may have made the database meanwhile. */
static int db_lock(sqlite3_file *file, int level)
{
	struct vfs_file *db = file_of(file);
	int r = vfs_real(db)->pMethods->xLock(vfs_real(db), level);
	if (r == SQLITE_OK && db->locked == SQLITE_LOCK_NONE)
		db->state = VFS_UNDECIDED;
	if (r == SQLITE_OK && db->locked < level)
		db->locked = level;
	return r;
}

static int db_unlock(sqlite3_file *file, int level)
{
	struct vfs_file *db = file_of(file);
	int r = vfs_real(db)->pMethods->xUnlock(vfs_real(db), level);
	if (db->locked > level)
		db->locked = level;
	if (level == SQLITE_LOCK_NONE)
		db->state = VFS_UNDECIDED;
	return r;
}

/* To make room beforehand SQLite's unix layer maps the file. */
static int db_control(sqlite3_file *file, int op, void *arg)
{
	bool mapped = op == SQLITE_FCNTL_SIZE_HINT && file_of(file)->state != VFS_PLAIN;
	return mapped ? SQLITE_OK : vfs_control(file, op, arg);
}

static int db_reserved(sqlite3_file *file, int *ret)
{
	sqlite3_file *real = vfs_real(file_of(file));
	return real->pMethods->xCheckReservedLock(real, ret);
}

static int db_shm_map(sqlite3_file *file, int part, int size, int extend, void volatile **ret)
{
	sqlite3_file *real = vfs_real(file_of(file));
	return real->pMethods->xShmMap(real, part, size, extend, ret);
}

/* The first of these locks is the right to write the log. */
static int db_shm_lock(sqlite3_file *file, int first, int n, int flags)
{
	struct vfs_file *db = file_of(file);
	if (db->log && first == 0 && (flags & SQLITE_SHM_EXCLUSIVE))
		vfs_log_turn(db->log);
	return vfs_real(db)->pMethods->xShmLock(vfs_real(db), first, n, flags);
}

static void db_shm_barrier(sqlite3_file *file)
{
	sqlite3_file *real = vfs_real(file_of(file));
	real->pMethods->xShmBarrier(real);
}

static int db_shm_unmap(sqlite3_file *file, int erase)
{
	sqlite3_file *real = vfs_real(file_of(file));
	return real->pMethods->xShmUnmap(real, erase);
}

static int db_fetch(sqlite3_file *file, sqlite3_int64 at, int n, void **ret)
{
	struct vfs_file *db = file_of(file);
	*ret = NULL;
	int r = vfs_decide(db);
	if (r != SQLITE_OK || db->state != VFS_PLAIN)
		return r;
	return vfs_real(db)->pMethods->xFetch(vfs_real(db), at, n, ret);
}

static int db_unfetch(sqlite3_file *file, sqlite3_int64 at, void *p)
{
	sqlite3_file *real = vfs_real(file_of(file));
	return real->pMethods->xUnfetch(real, at, p);
}

static const sqlite3_io_methods db_methods = {
	.iVersion = 3,
	.xClose = vfs_close,
	.xRead = db_read,
	.xWrite = db_write,
	.xTruncate = vfs_truncate,
	.xSync = vfs_sync,
	.xFileSize = vfs_size,
	.xLock = db_lock,
	.xUnlock = db_unlock,
	.xCheckReservedLock = db_reserved,
	.xFileControl = db_control,
	.xSectorSize = vfs_sector,
	.xDeviceCharacteristics = vfs_traits,
	.xShmMap = db_shm_map,
	.xShmLock = db_shm_lock,
	.xShmBarrier = db_shm_barrier,
	.xShmUnmap = db_shm_unmap,
	.xFetch = db_fetch,
	.xUnfetch = db_unfetch,
};

/* Logs and journals are never locked. */
int vfs_no_lock(sqlite3_file *f, int level)
{
	(void)f, (void)level;
	return SQLITE_OK;
}

int vfs_no_reserved(sqlite3_file *f, int *ret)
{
	(void)f;
	*ret = 0;
	return SQLITE_OK;
}

/* ---- opening ---- */

/* Whether its key is here is asked at once: then nothing of it is touched. What it is will be found out under a lock. */
static int look_at_database(struct vfs_file *db)
{
	int r = vfs_decide(db);
	db->state = VFS_UNDECIDED;
	return r;
}

static int attach(struct vfs_file *f, const char *name, int flags)
{
	if (flags & SQLITE_OPEN_MAIN_DB) {
		f->base.pMethods = &db_methods;
		f->sealed = sqlite3_uri_boolean(name, SQLITE_VFS_SEALED, 0);
		return look_at_database(f);
	}
	f->db = file_of(sqlite3_database_file_object(name));
	if (flags & SQLITE_OPEN_WAL) {
		f->base.pMethods = &vfs_log_methods;
		f->db->log = f;
	} else {
		f->base.pMethods = &vfs_journal_methods;
	}
	return SQLITE_OK;
}

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	struct vfs_file *f = file_of(file);
	(void)v;
	memset(f, 0, sizeof *f);
	if (!name || !(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)))
		return SQLITE_CANTOPEN;
	f->name = name;
	int r = below->xOpen(below, name, vfs_real(f), flags, ret_flags);
	if (r != SQLITE_OK)
		return r;
	r = attach(f, name, flags);
	if (r != SQLITE_OK) {
		vfs_close(file);
		file->pMethods = NULL;
	}
	return r;
}

static int vfs_delete(sqlite3_vfs *v, const char *name, int sync_dir)
{
	(void)v;
	return below->xDelete(below, name, sync_dir);
}

static int vfs_access(sqlite3_vfs *v, const char *name, int flags, int *ret)
{
	(void)v;
	return below->xAccess(below, name, flags, ret);
}

static int vfs_path(sqlite3_vfs *v, const char *name, int n, char *out)
{
	(void)v;
	return below->xFullPathname(below, name, n, out);
}

/* What is not about files is the layer's below. */
static void register_once(void)
{
	static sqlite3_vfs vfs;
	must(sodium_init() >= 0);
	below = sqlite3_vfs_find(NULL);
	must(below);
	vfs = *below;
	vfs.pNext = NULL;
	vfs.szOsFile = (int)sizeof(struct vfs_file) + below->szOsFile;
	vfs.zName = SQLITE_VFS;
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	vfs.xAccess = vfs_access;
	vfs.xFullPathname = vfs_path;
	must(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}

void sqlite_vfs_register(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, register_once);
}

static struct vfs_file *main_file(sqlite3 *db)
{
	sqlite3_file *f = NULL;
	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &f) != SQLITE_OK || !f ||
		f->pMethods != &db_methods)
		return NULL;
	return file_of(f);
}

bool sqlite_vfs_empty(sqlite3 *db)
{
	struct vfs_file *f = main_file(db);
	sqlite3_int64 size = 1;
	return f && vfs_size(&f->base, &size) == SQLITE_OK && size == 0;
}

bool sqlite_vfs_lacks_key(sqlite3 *db)
{
	struct vfs_file *f = main_file(db);
	return f && f->no_key;
}
