/*
 * Writing packs (see the header); used by blob.c and gc. A file grows in steps of ALLOCATE_STEP so
 * that most syncs change no metadata. A failed write or sync is never tried again on the same file
 * (the kernel may have dropped the dirty pages and would then report success): the caller abandons
 * the pack at what was synced before.
 */
#include "store/pack_out.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/rand.h"
#include "base/time.h"
#include "store/pack_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
	ALLOCATE_STEP = 4 << 20,
	ZERO_STEP = 128 * 1024,
	ZERO_BELOW =
		32 *
		1024, /* bytes of one sync: for more than that zeros would cost as much as they save */
};

static int io_fallocate(int fd, int mode, off_t at, off_t n)
{
	return fallocate(fd, mode, at, n);
}

struct pack_io pack_io = {pwrite, fdatasync, io_fallocate, ftruncate};

/* The number after the one in DIR/counter: numbers are not used again, so that an old blob_id in
 * some process's memory never names a new message. Not synced: a power failure ends those processes
 * too. */
static int next_number(int dir, uint32_t *ret, struct err *e)
{
	AUTO(fd) int fd = openat(dir, "counter", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fd < 0 || fcntl(fd, F_OFD_SETLKW, &lock) < 0)
		return err_sys(e, errno, "pack counter");
	char text[16];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	if (n < 0)
		return err_sys(e, errno, "pack counter");
	uint64_t last = 0;
	slice digits = slice_trim(slice_of(text, (size_t)n));
	if (!slice_u64(digits, &last))
		last = 0; /* new or lost: claim() steps over the numbers in use */
	if (last >= PACK_NO_MAX)
		return err_set(e, ERR_PERM, "no pack numbers are left");
	int len = snprintf(text, sizeof text, "%09llu\n", (unsigned long long)last + 1);
	if (pack_io.pwrite(fd, text, (size_t)len, 0) != len)
		return err_sys(e, errno ? errno : ENOSPC, "pack counter");
	*ret = (uint32_t)last + 1;
	return 0;
}

static int claim(int dir, uint32_t *ret_no, int *ret_fd, struct err *e)
{
	for (;;) {
		if (next_number(dir, ret_no, e) < 0)
			return -1;
		char name[PACK_NAME_MAX];
		pack_name(*ret_no, name);
		*ret_fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (*ret_fd >= 0)
			return 0;
		if (errno != EEXIST)
			return err_sys(e, errno, "%s", name);
	}
}

/* 1 ours; 0 gc found it between making and this, empty and without an owner; -1. */
static int lock_shared(int fd, uint32_t no, struct err *e)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	struct stat st;
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return errno == EAGAIN || errno == EACCES ? 0 : err_sys(e, errno, "pack %u", no);
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "pack %u", no);
	return st.st_nlink > 0;
}

static int claim_and_lock(int dir, uint32_t *ret_no, int *ret_fd, struct err *e)
{
	for (int tries = 0; tries < 20; tries++) {
		AUTO(fd) int fd = -1;
		if (claim(dir, ret_no, &fd, e) < 0)
			return -1;
		int r = lock_shared(fd, *ret_no, e);
		if (r < 0)
			return -1;
		if (r) {
			*ret_fd = take_fd(&fd);
			return 0;
		}
	}
	return err_set(e, ERR_TEMP, "new packs are collected at once");
}

static int allocate(struct pack_out *p, uint64_t until, struct err *e)
{
	while (p->allocated < until) {
		int r = pack_io.fallocate(p->fd, 0, (off_t)p->allocated, ALLOCATE_STEP);
		if (r < 0 && errno != EOPNOTSUPP && errno != EFBIG)
			return err_sys(e, errno, "pack %u", p->no);
		p->allocated += ALLOCATE_STEP;
	}
	return 0;
}

static int write_all(struct pack_out *p, slice s, uint64_t at, struct err *e)
{
	while (s.n) {
		ssize_t n = pack_io.pwrite(p->fd, s.p, s.n, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(e, n < 0 ? errno : ENOSPC, "pack %u", p->no);
		s = slice_skip(s, (size_t)n);
		at += (uint64_t)n;
	}
	p->dirty = true;
	return 0;
}

static int write_head(struct pack_out *p, struct err *e)
{
	struct pack_head h = {.no = p->no, .salt = p->salt, .created_at = wall_now()};
	pack_key_new(&h, &p->key);
	char bytes[PACK_HEAD_COPY_AT + PACK_HEAD_SIZE] = {0};
	pack_head_put(&h, bytes);
	pack_head_put(&h, bytes + PACK_HEAD_COPY_AT);
	if (write_all(p, slice_of(bytes, sizeof bytes), 0, e) < 0)
		return -1;
	return allocate(p, PACK_RECORDS_AT, e);
}

int pack_out_create(int dir, struct pack_out **ret, struct err *e)
{
	AUTO(fd) int fd = -1;
	uint32_t no = 0;
	if (claim_and_lock(dir, &no, &fd, e) < 0)
		return -1;
	struct pack_out *p = NEW(struct pack_out);
	*p = (struct pack_out){.no = no, .fd = fd, .salt = rand_u64(), .end = PACK_RECORDS_AT};
	p->pending = BUF(SIZE_MAX / 2);
	int r = write_head(p, e);
	if (r == 0 && fsync(dir) < 0)
		r = err_sys(e, errno, "pack directory");
	if (r < 0) {
		char name[PACK_NAME_MAX];
		pack_name(no, name);
		unlinkat(dir, name, 0);
		pack_key_done(&p->key);
		free(p);
		return -1;
	}
	take_fd(&fd);
	p->synced = PACK_RECORDS_AT;
	*ret = p;
	return 0;
}

bool pack_out_append(struct pack_out *p, enum record_type type, slice digest, slice content,
	uint64_t *ret_offset)
{
	must(digest.n == (type == RECORD_SEGMENT ? DIGEST_SIZE : 0));
	struct record r = {.type = type, .offset = p->end};
	r.raw = (uint32_t)content.n;
	uint64_t size = record_fit(&p->key, &r, digest, content);
	if (p->full || p->end + size > BLOB_PACK_MAX)
		return false;
	record_build(&p->key, p->salt, &r, digest, content, buf_room(&p->pending, size));
	buf_commit(&p->pending, size);
	*ret_offset = p->end;
	p->end += size;
	return true;
}

bool pack_out_link(struct pack_out *p, uint32_t other)
{
	for (unsigned i = 0; i < p->nlinks; i++)
		if (p->links[i] == other)
			return true;
	if (other == p->no)
		return true;
	if (p->nlinks == PACK_LINKS_MAX)
		return false;
	p->links[p->nlinks++] = other;
	return true;
}

void pack_out_take(struct pack_out *p, struct buf *spare, struct pack_job *ret)
{
	ret->at = p->end - p->pending.n;
	ret->nlinks = p->nlinks;
	ret->bytes = p->pending;
	p->pending = *spare;
	*spare = (struct buf){0};
}

static int write_links(struct pack_out *p, unsigned until, struct err *e)
{
	char slots[8 * PACK_LINKS_MAX];
	unsigned from = p->links_written;
	if (from == until)
		return 0;
	for (unsigned i = from; i < until; i++)
		pack_link_put(p->salt, p->links[i], slots + 8 * (i - from));
	if (write_all(p, slice_of(slots, 8 * (until - from)), PACK_LINKS_AT + 8 * from, e) < 0)
		return -1;
	p->links_written = until;
	return 0;
}

/* Blocks that were only allocated become written ones by a change of metadata, which each sync has to write, too. So with few messages
 * a sync zeros go there beforehand, many messages' worth at once; the records that come are written over them. */
static int write_ahead(struct pack_out *p, const struct pack_job *j, struct err *e)
{
	static const char zeros[ZERO_STEP];
	uint64_t end = j->at + j->bytes.n;
	if (end <= p->written)
		return 0;
	p->written = end;
	if (j->bytes.n > ZERO_BELOW)
		return 0;
	uint64_t until = (end / ZERO_STEP + 1) * ZERO_STEP;
	if (until > p->allocated)
		until = p->allocated;
	if (until > end && write_all(p, slice_of(zeros, until - end), end, e) < 0)
		return -1;
	p->written = until;
	return 0;
}

int pack_out_write(struct pack_out *p, const struct pack_job *j, struct err *e)
{
	if (write_links(p, j->nlinks, e) < 0)
		return -1;
	if (!j->bytes.n)
		return 0;
	if (allocate(p, j->at + j->bytes.n, e) < 0 ||
		write_all(p, buf_slice(&j->bytes), j->at, e) < 0)
		return -1;
	return write_ahead(p, j, e);
}

int pack_out_sync(struct pack_out *p, struct err *e)
{
	if (!p->dirty)
		return 0;
	if (pack_io.fdatasync(p->fd) < 0)
		return err_sys(e, errno, "pack %u: sync", p->no);
	p->dirty = false;
	return 0;
}

int pack_out_close(struct pack_out *p)
{
	int fd = p->fd;
	if (pack_io.ftruncate(fd, (off_t)p->synced) < 0)
		p->dirty = true; /* what is behind the last record is skipped by every reader */
	buf_done(&p->pending);
	pack_key_done(&p->key);
	free(p);
	return fd;
}
