/*
 * SQLite's rollback journal (https://sqlite.org/fileformat2.html#the_rollback_journal): in use while a database is made and has no log yet, and when it is changed to one
 * of the other kind. Holds pages as they were; those of encrypted databases are sealed in it.
 *
 * SQLite writes a page's number, the page, and a checksum, each by itself. A page that does not open is where a torn journal ends, which SQLite is told by the code for a
 * file that is too short: the journal's own checksum looks at every 200th byte only.
 */
#include "store/sqlite_vfs.h"

enum { SMALL_MAX = 512, NUMBER = 4 }; /* heads of a journal are a sector; all else is shorter */

static struct vfs_file *file_of(sqlite3_file *f)
{
	return (struct vfs_file *)f;
}

static bool is_head(const char *p, size_t n)
{
	static const char magic[8] = {
		'\xd9', '\xd5', '\x05', '\xf9', '\x20', '\xa1', '\x63', '\xd7'};
	return n >= sizeof magic && memcmp(p, magic, sizeof magic) == 0;
}

static int number_before(struct vfs_file *f, int64_t at, uint32_t *ret)
{
	char number[NUMBER];
	int r = at < NUMBER ? SQLITE_IOERR : vfs_real_read(f, number, NUMBER, at - NUMBER);
	*ret = r == SQLITE_OK ? vfs_word(number) : 0;
	return r;
}

static int write_encrypted(struct vfs_file *f, const char *p, size_t n, int64_t at)
{
	uint32_t no;
	if (n <= SMALL_MAX && n < f->db->page_size)
		return vfs_real_write(f, p, n, at);
	if (n != f->db->page_size || is_head(p, n))
		return SQLITE_IOERR_WRITE;
	char *sealed = vfs_room(f, f->page_size = n);
	int r = number_before(f, at, &no);
	if (r == SQLITE_OK)
		r = vfs_seal_page(f->db, no, p, sealed);
	return r == SQLITE_OK ? vfs_real_write(f, sealed, n, at) : r;
}

static int journal_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	struct vfs_file *f = file_of(file);
	int r = vfs_decide(f->db);
	if (r != SQLITE_OK)
		return r;
	return f->db->state == VFS_ENCRYPTED ? write_encrypted(f, p, (size_t)n, at)
					     : vfs_real_write(f, p, (size_t)n, at);
}

static int journal_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
	struct vfs_file *f = file_of(file);
	uint32_t no;
	int r = vfs_decide(f->db);
	if (r == SQLITE_OK)
		r = vfs_real_read(f, to, (size_t)n, at);
	if (r != SQLITE_OK || f->db->state != VFS_ENCRYPTED || (size_t)n != f->db->page_size)
		return r;
	r = number_before(f, at, &no);
	if (r != SQLITE_OK)
		return r;
	switch (page_open(&f->db->book, no, to, (size_t)n)) {
	case PAGE_OK:
		return SQLITE_OK;
	case PAGE_NO_KEY:
		return SQLITE_IOERR_AUTH;
	default:
		return SQLITE_IOERR_SHORT_READ;
	}
}

const sqlite3_io_methods vfs_journal_methods = {
	.iVersion = 1,
	.xClose = vfs_close,
	.xRead = journal_read,
	.xWrite = journal_write,
	.xTruncate = vfs_truncate,
	.xSync = vfs_sync,
	.xFileSize = vfs_size,
	.xLock = vfs_no_lock,
	.xUnlock = vfs_no_lock,
	.xCheckReservedLock = vfs_no_reserved,
	.xFileControl = vfs_control,
	.xSectorSize = vfs_sector,
	.xDeviceCharacteristics = vfs_traits,
};
