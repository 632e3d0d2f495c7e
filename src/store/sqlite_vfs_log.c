/*
 * SQLite's write-ahead log (https://sqlite.org/walformat.html): a commit becomes one write, and pages of encrypted databases are sealed in it.
 *
 * SQLite writes the head of each frame and its page by themselves. Here they wait until the frame that ends the transaction has come (its head says so), and go to the
 * file by one call, which is made by SQLite's write of that last page: so its error is that write's, and the commit fails as it always did. Nothing of the transaction is
 * published before: SQLite announces it in the log's index afterwards, and syncs before that if it must. Whatever else is asked of the log writes first what
 * is pending. If that fails, the pages that SQLite believes to be in the log are not there, and the transaction can only be rolled back: everything that it writes from then
 * on fails until the right to write is given back. What is pending then was never committed, and must not be written any more: others may stand at its place.
 *
 * Frames' heads are as SQLite makes them, and its checksums are those of plain pages.
 */
#include "store/sqlite_vfs.h"

#include "base/mem.h"

enum {
	LOG_HEAD = 32,
	LOG_SALT = 16, /* in the log's head, 8 bytes; also in that of each of its frames: */
	FRAME_HEAD = 24,
	FRAME_COMMIT = 4, /* not 0: the transaction ends */
	FRAME_SALT = 8,
	JOIN_FIRST = 32 << 10,
	JOIN_KEPT = 64 << 10, /* more is given back */
	JOIN_MAX =
		120 << 10, /* of one write; SQLite's unix layer takes less than 128 KiB at once */
};
_Static_assert(JOIN_MAX >= FRAME_HEAD + PAGE_MAX, "a frame must have room");

static struct vfs_file *file_of(sqlite3_file *f)
{
	return (struct vfs_file *)f;
}

static void forget(struct log_pending *p)
{
	p->n = 0;
	p->awaits_page = p->commits = false;
	if (p->cap > JOIN_KEPT) {
		free(take(&p->p));
		p->cap = 0;
	}
}

void vfs_log_turn(struct vfs_file *log)
{
	forget(&log->pending);
	log->pending.through = false;
	log->pending.failed = SQLITE_OK;
}

static int flush(struct vfs_file *f)
{
	struct log_pending *p = &f->pending;
	if (p->failed || !p->n)
		return p->failed;
	p->failed = vfs_real_write(f, p->p, p->n, p->at);
	if (!p->failed)
		forget(p);
	return p->failed;
}

static char *room_for(struct log_pending *p, size_t n)
{
	size_t cap = p->cap ? p->cap : JOIN_FIRST;
	while (cap < p->n + n)
		cap *= 2;
	if (cap > p->cap)
		p->p = mem_grow(p->p, p->cap = cap);
	return p->p + p->n;
}

static bool is_page_size(const struct vfs_file *f, size_t n)
{
	if (f->db->state == VFS_ENCRYPTED)
		return n == f->db->page_size;
	return n >= PAGE_MIN && n <= PAGE_MAX && !(n & (n - 1));
}

/* Does it go on what is pending, or begin it? */
static bool joins(const struct vfs_file *f, size_t n, int64_t at)
{
	const struct log_pending *p = &f->pending;
	if (p->through || (p->n && at != p->at + (int64_t)p->n))
		return false;
	return p->awaits_page ? is_page_size(f, n) : n == FRAME_HEAD && at >= LOG_HEAD;
}

static int join_page(struct vfs_file *f, const char *page, size_t n)
{
	struct log_pending *p = &f->pending;
	char *to = room_for(p, n);
	if (f->db->state == VFS_ENCRYPTED)
		p->failed = vfs_seal_page(f->db, vfs_word(to - FRAME_HEAD), page, to);
	else
		memcpy(to, page, n);
	if (p->failed)
		return p->failed;
	p->n += n;
	p->awaits_page = false;
	p->through = p->commits;
	return p->commits || p->n + FRAME_HEAD + n > JOIN_MAX ? flush(f) : SQLITE_OK;
}

static int join(struct vfs_file *f, const char *bytes, size_t n, int64_t at)
{
	struct log_pending *p = &f->pending;
	if (p->awaits_page)
		return join_page(f, bytes, n);
	if (!p->n)
		p->at = at;
	memcpy(room_for(p, n), bytes, n);
	p->n += n;
	p->awaits_page = true;
	p->commits = vfs_word(bytes + FRAME_COMMIT) != 0;
	return SQLITE_OK;
}

/* Where a frame's page begins, or that it is none. */
static bool at_page(const struct vfs_file *f, int64_t at)
{
	int64_t frame = FRAME_HEAD + (int64_t)f->db->page_size;
	return at >= LOG_HEAD && (at - LOG_HEAD) % frame == FRAME_HEAD;
}

/* A page is put into its frame once more. */
static int write_sealed(struct vfs_file *f, const char *page, int64_t at)
{
	char head[FRAME_HEAD], *sealed = vfs_room(f, f->page_size = f->db->page_size);
	int r = vfs_real_read(f, head, sizeof head, at - FRAME_HEAD);
	if (r == SQLITE_OK)
		r = vfs_seal_page(f->db, vfs_word(head), page, sealed);
	return r == SQLITE_OK ? vfs_real_write(f, sealed, f->page_size, at) : r;
}

/* Nothing that might be part of a page is written as it is. */
static int write_through(struct vfs_file *f, const char *bytes, size_t n, int64_t at)
{
	if (f->db->state != VFS_ENCRYPTED)
		return vfs_real_write(f, bytes, n, at);
	if (n == f->db->page_size && at_page(f, at))
		return write_sealed(f, bytes, at);
	if ((n == LOG_HEAD && at == 0) || (n == FRAME_HEAD && at_page(f, at + FRAME_HEAD)))
		return vfs_real_write(f, bytes, n, at);
	return SQLITE_IOERR_WRITE;
}

/* A log whose database is not there, or nothing, cannot be. */
static int decide(struct vfs_file *f)
{
	if (!f->db)
		return SQLITE_IOERR;
	int r = vfs_decide(f->db);
	return r == SQLITE_OK && f->db->state == VFS_UNDECIDED ? SQLITE_IOERR : r;
}

static int log_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
	struct vfs_file *f = file_of(file);
	int r = f->pending.failed ? f->pending.failed : decide(f);
	if (r == SQLITE_OK && !joins(f, (size_t)n, at))
		r = flush(f);
	if (r != SQLITE_OK)
		return r;
	return joins(f, (size_t)n, at) ? join(f, bytes, (size_t)n, at)
				       : write_through(f, bytes, (size_t)n, at);
}

/* ---- reading ---- */

/* Whether a frame is of this log, not of one before it at the same place. */
static int is_current(struct vfs_file *f, const char *frame, bool *ret)
{
	char salt[8];
	int r = vfs_real_read(f, salt, sizeof salt, LOG_SALT);
	*ret = r == SQLITE_OK && memcmp(salt, frame + FRAME_SALT, sizeof salt) == 0;
	return r;
}

/* SQLite looks for the end of the log: what does not open is not of it, and must not look as if it were, since reserved bytes are zero in each page. */
static int open_recovered(struct vfs_file *f, char *frame)
{
	bool current = false;
	int r = is_current(f, frame, &current);
	if (r != SQLITE_OK)
		return r;
	enum page_result opened = current ? page_open(&f->db->book, vfs_word(frame),
						    frame + FRAME_HEAD, f->db->page_size)
					  : PAGE_STRANGE;
	if (opened == PAGE_STRANGE)
		memset(frame + FRAME_HEAD, 0xff, f->db->page_size);
	return opened == PAGE_NO_KEY ? SQLITE_IOERR_AUTH : SQLITE_OK;
}

/* Frames are read whole by recovery, and by a commit that makes its checksums anew. */
static int read_frame(struct vfs_file *f, int64_t at, bool recovery)
{
	size_t n = f->page_size = f->db->page_size;
	char *frame = vfs_room(f, n);
	int r = vfs_real_read(f, frame, FRAME_HEAD + n, at);
	if (r != SQLITE_OK)
		return r;
	return recovery ? open_recovered(f, frame)
			: vfs_open_page(f->db, vfs_word(frame), frame + FRAME_HEAD);
}

static int read_part(struct vfs_file *f, char *to, size_t n, int64_t at, size_t *ret_part)
{
	size_t frame = FRAME_HEAD + f->db->page_size;
	size_t within = at < LOG_HEAD ? 0 : (size_t)(at - LOG_HEAD) % frame;
	size_t part = at < LOG_HEAD ? (size_t)(LOG_HEAD - at) : frame - within;
	*ret_part = part = part < n ? part : n;
	if (at < LOG_HEAD || within + part <= FRAME_HEAD)
		return vfs_real_read(f, to, part, at);
	int r = read_frame(f, at - (int64_t)within, part == frame && !f->pending.through);
	if (r == SQLITE_OK)
		memcpy(to, f->room + within, part);
	return r;
}

static bool is_pending(const struct vfs_file *f, size_t n, int64_t at)
{
	const struct log_pending *p = &f->pending;
	return at < p->at + (int64_t)p->n && p->at < at + (int64_t)n;
}

static int log_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at)
{
	struct vfs_file *f = file_of(file);
	size_t n = (size_t)size, part;
	char *p = to;
	int r = decide(f);
	if (r == SQLITE_OK && is_pending(f, n, at))
		r = flush(f);
	if (r != SQLITE_OK)
		return r;
	if (f->db->state != VFS_ENCRYPTED)
		return vfs_real_read(f, to, n, at);
	while (n) {
		r = read_part(f, p, n, at, &part);
		if (r != SQLITE_OK) {
			memset(p, 0, n);
			return r;
		}
		p += part, n -= part, at += (int64_t)part;
	}
	return SQLITE_OK;
}

/* ---- what else is asked of it comes after what is pending ---- */

static int log_truncate(sqlite3_file *f, sqlite3_int64 n)
{
	int r = flush(file_of(f));
	return r == SQLITE_OK ? vfs_truncate(f, n) : r;
}

static int log_sync(sqlite3_file *f, int flags)
{
	int r = flush(file_of(f));
	return r == SQLITE_OK ? vfs_sync(f, flags) : r;
}

static int log_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	int r = flush(file_of(f));
	return r == SQLITE_OK ? vfs_size(f, ret) : r;
}

const sqlite3_io_methods vfs_log_methods = {
	.iVersion = 1,
	.xClose = vfs_close,
	.xRead = log_read,
	.xWrite = log_write,
	.xTruncate = log_truncate,
	.xSync = log_sync,
	.xFileSize = log_size,
	.xLock = vfs_no_lock,
	.xUnlock = vfs_no_lock,
	.xCheckReservedLock = vfs_no_reserved,
	.xFileControl = vfs_control,
	.xSectorSize = vfs_sector,
	.xDeviceCharacteristics = vfs_traits,
};
