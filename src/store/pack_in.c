/*
 * Reading one pack file (pack_in.h): used by blob readers in every process, gc and verify. Nothing
 * on disk is believed before its CRC matched. Walking through whole packs is pack_scan.c.
 */
#include "store/pack_in.h"

#include "base/cur.h"
#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <zstd.h>

enum { READ_FIRST = 8192 };

/* Reads up to n bytes at `at`; fewer only at the end of the file. */
static ssize_t read_at(int fd, char *to, size_t n, uint64_t at)
{
	size_t got = 0;
	while (got < n) {
		ssize_t r = pread(fd, to + got, n - got, (off_t)(at + got));
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

static int damaged(const struct pack_in *p, uint64_t at, const char *what, struct err *e)
{
	return err_set(
		e, ERR_PERM, "pack %u is damaged at %llu: %s", p->no, (unsigned long long)at, what);
}

/* Short reads: gc empties a pack that nobody refers to before it removes it. */
static int gone_or_damaged(const struct pack_in *p, uint64_t at, const char *what, struct err *e)
{
	struct stat st;
	if (fstat(p->fd, &st) == 0 && (st.st_nlink == 0 || st.st_size == 0))
		return err_set(e, ERR_NOTFOUND, "pack %u is gone", p->no);
	return damaged(p, at, what, e);
}

static int load_map(struct pack_in *p, struct err *e)
{
	uint32_t n = p->head.map_n;
	if (!p->head.map_at)
		return 0;
	if (n > BLOB_PACK_MAX / RECORD_HEAD_SIZE)
		return damaged(p, p->head.map_at, "map", e);
	AUTO(buf) struct buf bytes = BUF((size_t)n * 8 + 4);
	size_t size = (size_t)n * 8 + 4;
	char *room = buf_room(&bytes, size);
	if (read_at(p->fd, room, size, p->head.map_at) != (ssize_t)size)
		return damaged(p, p->head.map_at, "map", e);
	struct cur c = cur_of(slice_of(room, size));
	p->map = mem_alloc(((size_t)n * 2 + 1) * sizeof *p->map);
	for (uint32_t i = 0; i < 2 * n; i++)
		p->map[i] = cur_u32(&c);
	if (cur_u32(&c) != crc32c(0, slice_of(room, size - 4)))
		return damaged(p, p->head.map_at, "map", e);
	return 0;
}

static int read_head_block(struct pack_in *p, struct err *e)
{
	char block[PACK_HEAD_COPY_AT + PACK_HEAD_SIZE];
	ssize_t n = read_at(p->fd, block, sizeof block, 0);
	if (n < 0)
		return err_sys(e, errno, "pack %u", p->no);
	slice s = slice_of(block, (size_t)n);
	if (pack_head_parse(s, &p->head) && p->head.no == p->no)
		return 0;
	p->head_damaged = true;
	if (pack_head_parse(slice_skip(s, PACK_HEAD_COPY_AT), &p->head) && p->head.no == p->no)
		return 0;
	return gone_or_damaged(p, 0, "head", e);
}

int pack_in_open_name(int dir, const char *name, uint32_t no, struct pack_in **ret, struct err *e)
{
	AUTO(fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? err_set(e, ERR_NOTFOUND, "pack %u is gone", no)
				       : err_sys(e, errno, "%s", name);
	struct pack_in *p = NEW(struct pack_in);
	p->no = no;
	p->fd = take_fd(&fd);
	int r = read_head_block(p, e);
	if (r == 0)
		pack_key_of(&p->head, &p->key);
	if (r == 0)
		r = load_map(p, e);
	if (r < 0) {
		pack_in_close(p);
		return -1;
	}
	*ret = p;
	return 0;
}

int pack_in_open(int dir, uint32_t no, struct pack_in **ret, struct err *e)
{
	char name[PACK_NAME_MAX];
	pack_name(no, name);
	return pack_in_open_name(dir, name, no, ret, e);
}

void pack_in_close(struct pack_in *p)
{
	if (!p)
		return;
	close(p->fd);
	pack_key_done(&p->key);
	free(p->map);
	free(p);
}

int pack_in_links(struct pack_in *p, uint32_t ret[PACK_LINKS_MAX], unsigned *ret_n, struct err *e)
{
	AUTO(buf) struct buf block = BUF(PACK_RECORDS_AT);
	char *room = buf_room(&block, PACK_RECORDS_AT);
	ssize_t n = read_at(p->fd, room, PACK_RECORDS_AT, 0);
	if (n < 0)
		return err_sys(e, errno, "pack %u", p->no);
	if (n < PACK_RECORDS_AT)
		return gone_or_damaged(p, PACK_LINKS_AT, "links", e);
	if (!pack_links_parse(slice_of(room, PACK_RECORDS_AT), p->head.salt, ret, ret_n))
		return damaged(p, PACK_LINKS_AT, "links", e);
	return 0;
}

int64_t pack_in_size(struct pack_in *p, struct err *e)
{
	struct stat st;
	return fstat(p->fd, &st) < 0 ? err_sys(e, errno, "pack %u", p->no) : st.st_size;
}

bool pack_in_place(const struct pack_in *p, uint64_t offset, uint64_t *ret)
{
	if (!p->map) {
		*ret = offset;
		return true;
	}
	uint32_t low = 0, high = p->head.map_n;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		uint64_t name = (uint64_t)p->map[2 * mid] * PACK_ALIGN;
		if (name == offset) {
			*ret = (uint64_t)p->map[2 * mid + 1] * PACK_ALIGN;
			return true;
		}
		if (name < offset)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* *got bytes from the record's head on are in ret->stored. */
static int read_head(struct pack_in *p, uint64_t offset, size_t first, struct pack_record *ret,
	size_t *got, uint64_t *ret_place, struct err *e)
{
	uint64_t place;
	if (!pack_in_place(p, offset, &place))
		return err_set(e, ERR_NOTFOUND, "pack %u has no record %llu", p->no,
			(unsigned long long)offset);
	ret->stored.limit = RECORD_HEAD_SIZE + RECORD_STORED_MAX;
	buf_reset(&ret->stored);
	char *room = buf_room(&ret->stored, first);
	ssize_t n = read_at(p->fd, room, first, place);
	if (n < 0)
		return err_sys(e, errno, "pack %u", p->no);
	if (!record_parse(slice_of(room, (size_t)n), p->head.salt, &ret->head) ||
		ret->head.offset != offset)
		return gone_or_damaged(p, place, "record", e);
	*got = (size_t)n;
	*ret_place = place;
	return 0;
}

static int expand(struct pack_in *p, slice stored, struct pack_record *ret, struct err *e)
{
	if (!(ret->head.flags & RECORD_ZSTD)) {
		ret->content = stored;
		return 0;
	}
	ret->plain.limit = RECORD_STORED_MAX;
	buf_reset(&ret->plain);
	char *room = buf_room(&ret->plain, ret->head.raw ? ret->head.raw : 1);
	size_t n = ZSTD_decompress(room, ret->head.raw, stored.p, stored.n);
	if (ZSTD_isError(n) || n != ret->head.raw)
		return damaged(p, ret->head.offset, "compressed content", e);
	buf_commit(&ret->plain, n);
	ret->content = buf_slice(&ret->plain);
	return 0;
}

int pack_in_read(
	struct pack_in *p, uint64_t offset, uint32_t hint, struct pack_record *ret, struct err *e)
{
	size_t more = RECORD_HEAD_SIZE + DIGEST_SIZE + (p->key.no ? SEALED_MORE : 0);
	size_t first = hint ? more + (size_t)hint : READ_FIRST, got;
	uint64_t place;
	if (first > RECORD_HEAD_SIZE + RECORD_STORED_MAX ||
		read_head(p, offset, first, ret, &got, &place, e) < 0)
		return -1;
	size_t whole = RECORD_HEAD_SIZE + (size_t)ret->head.stored;
	if (whole > got) {
		buf_commit(&ret->stored, got);
		char *room = buf_room(&ret->stored, whole - got);
		ssize_t n = read_at(p->fd, room, whole - got, place + got);
		if (n < 0)
			return err_sys(e, errno, "pack %u", p->no);
		if ((size_t)n < whole - got)
			return gone_or_damaged(p, place, "record ends early", e);
	}
	slice payload = slice_of(ret->stored.p + RECORD_HEAD_SIZE, ret->head.stored);
	if (record_crc(p->head.salt, payload) != ret->head.crc)
		return gone_or_damaged(p, place, "CRC", e);
	if (pack_key_missing(&p->key))
		return pack_key_fail(p->no, &p->key, e);
	if (!record_open(&p->key, p->head.salt, &ret->head, ret->stored.p + RECORD_HEAD_SIZE, &payload))
		return gone_or_damaged(p, place, "it is not the record that was encrypted here", e);
	size_t digest = ret->head.type == RECORD_SEGMENT ? DIGEST_SIZE : 0;
	ret->digest = slice_first(payload, digest);
	return expand(p, slice_skip(payload, digest), ret, e);
}

int pack_in_peek(struct pack_in *p, uint64_t offset, struct record *ret, struct err *e)
{
	AUTO(pack_record) struct pack_record r = {0};
	size_t got;
	uint64_t place;
	if (read_head(p, offset, RECORD_HEAD_SIZE, &r, &got, &place, e) < 0)
		return -1;
	*ret = r.head;
	return 0;
}

int pack_in_digest(struct pack_in *p, uint64_t offset, struct record *ret,
	char ret_digest[DIGEST_SIZE], struct err *e)
{
	AUTO(pack_record) struct pack_record r = {0};
	size_t got;
	uint64_t place;
	if (p->key.no) {
		if (pack_in_read(p, offset, 0, &r, e) < 0)
			return -1;
		if (r.digest.n)
			memcpy(ret_digest, r.digest.p, DIGEST_SIZE);
		*ret = r.head;
		return 0;
	}
	if (read_head(p, offset, RECORD_HEAD_SIZE + DIGEST_SIZE, &r, &got, &place, e) < 0)
		return -1;
	if (r.head.type == RECORD_SEGMENT) {
		if (got < RECORD_HEAD_SIZE + DIGEST_SIZE)
			return gone_or_damaged(p, place, "record ends early", e);
		memcpy(ret_digest, r.stored.p + RECORD_HEAD_SIZE, DIGEST_SIZE);
	}
	*ret = r.head;
	return 0;
}

void pack_record_done(struct pack_record *r)
{
	buf_done(&r->stored);
	buf_done(&r->plain);
}
