/* Messages in packs: byte for byte back, sharing of attachments, rotation, damage, failing disks.
 */
#include "base/buf.h"
#include "base/rand.h"
#include "base/test.h"
#include "store/blob_int.h"
#include "store/pack_io.h"
#include "store/store_testing.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct blobs *open_store(const struct testdir *d)
{
	struct blobs *b;
	struct err e;
	if (blobs_open(testdir_slice(d), &b, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return b;
}

static int store_in(struct blobs *b, slice msg, size_t chunk, blob_id *ret, struct err *e)
{
	struct blob_writer *w = blob_begin(b);
	for (slice s = msg; s.n; s = slice_skip(s, chunk))
		if (blob_add(w, slice_first(s, chunk), e) < 0) {
			blob_cancel(w);
			return -1;
		}
	uint64_t size;
	if (blob_finish(w, ret, &size, e) < 0)
		return -1;
	CHECK_INT(size, msg.n);
	return 0;
}

static blob_id store(struct blobs *b, slice msg, size_t chunk)
{
	struct err e;
	blob_id id;
	if (store_in(b, msg, chunk, &id, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return id;
}

static void check_read(struct blobs *b, blob_id id, slice want)
{
	AUTO(buf) struct buf got = BUF(want.n + 1);
	struct err e;
	if (blob_read(b, id, &got, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	CHECK_INT(got.n, want.n);
	CHECK(slice_eq(buf_slice(&got), want));
}

/* Lines of base64-like noise. */
static void noise(struct buf *out, size_t n, unsigned seed)
{
	unsigned x = seed * 2654435761u + 1;
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525u + 1013904223u;
		buf_byte(out, i % 78 == 76   ? '\r'
			      : i % 78 == 77 ? '\n'
					     : "ABCDEFGHIJKLMNOP"[x >> 28]);
	}
}

static void multipart(struct buf *out, const char *subject, size_t attachment, unsigned seed)
{
	buf_printf(
		out, "Subject: %s\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\n", subject);
	buf_printf(out,
		"--xx\r\nContent-Type: text/plain\r\n\r\nHello %s\r\n--xx\r\nContent-Type: "
		"x/y\r\n\r\n",
		subject);
	noise(out, attachment, seed);
	buf_printf(out, "\r\n--xx--\r\n");
}

static int64_t pack_bytes(const struct testdir *d)
{
	char path[200];
	snprintf(path, sizeof path, "%s/blob", d->path);
	DIR *dir = opendir(path);
	int64_t sum = 0;
	struct stat st;
	for (struct dirent *f; (f = readdir(dir));)
		if (strstr(f->d_name, ".pack") && fstatat(dirfd(dir), f->d_name, &st, 0) == 0)
			sum += st.st_size;
	closedir(dir);
	return sum;
}

TEST_PLAIN_AND_ENCRYPTED(blob_reads_back_every_size)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct blobs *b = open_store(&d);
	static const size_t sizes[] = {0, 1, 100, 4096, BLOB_SEGMENT_MIN - 1, BLOB_SEGMENT_MIN,
		BLOB_SEGMENT_MAX - 1, BLOB_SEGMENT_MAX, BLOB_SEGMENT_MAX + 1,
		3 * BLOB_SEGMENT_MAX + 17};
	static const size_t chunks[] = {7, 1000, 4096, 1 << 20};
	enum { N = sizeof sizes / sizeof *sizes, C = sizeof chunks / sizeof *chunks };
	blob_id plain[N][C], parts[N][C];
	struct err e;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < N; i++) {
			AUTO(buf) struct buf text = BUF(4 << 20);
			AUTO(buf) struct buf multi = BUF(4 << 20);
			noise(&text, sizes[i], 1);
			multipart(&multi, "x", sizes[i], 2);
			for (int c = 0; c < C; c++) {
				if (round == 0) {
					plain[i][c] = store(b, buf_slice(&text), chunks[c]);
					parts[i][c] = store(b, buf_slice(&multi), chunks[c]);
				}
				check_read(b, plain[i][c],
					buf_slice(&text)); /* also before the sync */
				check_read(b, parts[i][c], buf_slice(&multi));
			}
			if (i % 3 == 0)
				CHECK_INT(blobs_sync(b, &e), 0);
		}
	blobs_close(b);
}

TEST_PLAIN_AND_ENCRYPTED(blob_attachments_are_shared)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct blobs *b = open_store(&d);
	struct err e;
	AUTO(buf) struct buf first = BUF(4 << 20), second = BUF(4 << 20);
	multipart(&first, "one", 1000000, 5);
	multipart(&second, "the second one, longer", 1000000, 5);
	blob_id one = store(b, buf_slice(&first), 4096);
	blob_id two = store(b, buf_slice(&second), 1777); /* shares what is not even written yet */
	CHECK_INT(blobs_sync(b, &e), 0);
	CHECK(pack_bytes(&d) < 5 << 20);
	blobs_idle(b);
	blob_settle(b, one);
	blob_settle(b, two);
	blobs_close(b);
	CHECK(pack_bytes(&d) < 1100000);
	b = open_store(&d); /* another process finds them by the index */
	blob_id three = store(b, buf_slice(&second), 65536);
	CHECK_INT(blobs_sync(b, &e), 0);
	CHECK(blob_pack(three) != blob_pack(two));
	check_read(b, one, buf_slice(&first));
	check_read(b, two, buf_slice(&second));
	check_read(b, three, buf_slice(&second));
	uint32_t links[PACK_LINKS_MAX];
	unsigned n;
	struct pack_in *p;
	CHECK_INT(pack_in_open(b->dir, blob_pack(three), &p, &e), 0);
	CHECK_INT(pack_in_links(p, links, &n, &e), 0);
	CHECK_INT(n, 1);
	CHECK_INT(links[0], blob_pack(one));
	pack_in_close(p);
	blobs_close(b);
	CHECK(pack_bytes(&d) < 1200000);
	char path[200];
	snprintf(path, sizeof path, "%s/db/segment.sqlite", d.path);
	CHECK_INT(access(path, F_OK), 0);
}

/* What rotted on the disk is not shared any further: the next message brings its own copy. */
TEST_PLAIN_AND_ENCRYPTED(blob_damaged_segments_are_not_shared)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct blobs *b = open_store(&d);
	struct err e;
	AUTO(buf) struct buf m = BUF(4 << 20);
	multipart(&m, "one", 200000, 5);
	blob_id one = store(b, buf_slice(&m), 4096);
	CHECK_INT(blobs_sync(b, &e), 0);
	blobs_idle(b);
	blob_settle(b, one);
	blobs_close(b);
	char name[PACK_NAME_MAX], path[200];
	pack_name(blob_pack(one), name);
	snprintf(path, sizeof path, "%s/blob/%s", d.path, name);
	int fd = open(path, O_RDWR);
	CHECK_INT(pwrite(fd, "rot", 3, PACK_RECORDS_AT + 100000), 3);
	close(fd);
	b = open_store(&d);
	blob_id two = store(b, buf_slice(&m), 4096);
	CHECK_INT(blobs_sync(b, &e), 0);
	check_read(b, two, buf_slice(&m));
	blobs_close(b);
}

TEST_PLAIN_AND_ENCRYPTED(blob_small_messages_leave_the_index_alone)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct blobs *b = open_store(&d);
	struct err e;
	AUTO(buf) struct buf m = BUF(1 << 20);
	multipart(&m, "small", BLOB_SEGMENT_MIN - 100, 3);
	blob_id id = store(b, buf_slice(&m), 4096);
	CHECK_INT(id & BLOB_HAS_REFS, 0);
	CHECK_INT(blobs_sync(b, &e), 0);
	blobs_idle(b);
	blobs_close(b);
	char path[200];
	snprintf(path, sizeof path, "%s/db", d.path);
	CHECK(access(path, F_OK) < 0);
}

TEST_PLAIN_AND_ENCRYPTED(blob_odd_messages)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct blobs *b = open_store(&d);
	for (unsigned seed = 0; seed < 40; seed++) {
		AUTO(buf) struct buf m = BUF(8 << 20);
		for (unsigned i = 0; i < 30; i++) {
			unsigned kind = (seed * 7 + i * 13) % 5;
			buf_printf(&m, "%s",
				kind == 0   ? "--b\r\n\r\n"
				: kind == 1 ? "--b\n--c\n"
					    : "\r\n");
			noise(&m, kind == 2 ? 40000 : kind == 3 ? 1000 * seed : seed * i, seed % 3);
		}
		check_read(b, store(b, buf_slice(&m), 1 + seed * 997), buf_slice(&m));
	}
	blobs_close(b);
}

TEST_PLAIN_AND_ENCRYPTED(blob_packs_rotate)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct blobs *b = open_store(&d);
	struct err e;
	AUTO(buf) struct buf m = BUF(12 << 20);
	noise(&m, 10 << 20, 9);
	blob_id ids[15];
	for (int i = 0; i < 15; i++) {
		m.p[0] = (char)('a' + i);
		ids[i] = store(b, buf_slice(&m), 1 << 20);
	}
	CHECK_INT(blobs_sync(b, &e), 0);
	CHECK(blob_pack(ids[0]) != blob_pack(ids[14]));
	for (int i = 0; i < 15; i++) {
		m.p[0] = (char)('a' + i);
		check_read(b, ids[i], buf_slice(&m));
		blob_settle(b, ids[i]);
	}
	CHECK(!hold_find(&b->holds, blob_pack(ids[0])));
	CHECK(hold_find(&b->holds, blob_pack(ids[14])) != NULL);
	blobs_close(b);
}

TEST_PLAIN_AND_ENCRYPTED(blob_damage_is_found)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct blobs *b = open_store(&d);
	struct err e;
	AUTO(buf) struct buf m = BUF(1 << 20);
	noise(&m, 5000, 4);
	blob_id id = store(b, buf_slice(&m), 5000), next = store(b, buf_slice(&m), 5000);
	CHECK_INT(blobs_sync(b, &e), 0);
	blobs_close(b);
	char path[200];
	snprintf(path, sizeof path, "%s/blob/000000001.pack", d.path);
	CHECK_INT(testdir_overwrite(path, (off_t)blob_offset(id) + 1000, S("damage")), 0);
	b = open_store(&d);
	AUTO(buf) struct buf got = BUF(1 << 20);
	CHECK_INT(blob_read(b, id, &got, &e), -1);
	CHECK_INT(e.kind, ERR_PERM);
	check_read(b, next, buf_slice(&m));
	CHECK_INT(blob_read(b, blob_id_make(77, 4096, 0), &got, &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	CHECK_INT(blob_read(b, id + 8, &got, &e), -1);
	CHECK_INT(e.kind, ERR_PERM);
	blobs_close(b);
}

/* A disk that fails at the nth call. */
static int calls_left, fail_errno;
static bool only_sync;

static ssize_t bad_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (!only_sync && calls_left-- <= 0) {
		errno = fail_errno;
		return -1;
	}
	return pwrite(fd, p, !only_sync && n > 100 ? n / 2 : n, at); /* short writes are legal */
}

static int bad_fdatasync(int fd)
{
	if (calls_left-- <= 0) {
		errno = fail_errno;
		return -1;
	}
	return fdatasync(fd);
}

TEST_PLAIN_AND_ENCRYPTED(blob_disk_failures_lose_only_what_was_not_synced)
{
	AUTO(buf) struct buf m = BUF(1 << 20), multi = BUF(4 << 20);
	noise(&m, 5000, 4);
	multipart(&multi, "s", 600000, 8);
	struct pack_io good = pack_io;
	for (int n = 0; n < 24; n++) {
		AUTO(testdir) struct testdir d = testdir_make();
		struct blobs *b = open_store(&d);
		struct err e;
		blob_id safe = store(b, buf_slice(&m), 5000);
		CHECK_INT(blobs_sync(b, &e), 0);
		pack_io.pwrite = bad_pwrite;
		pack_io.fdatasync = bad_fdatasync;
		calls_left = n / 2;
		only_sync = n % 2;
		fail_errno = n % 3 ? ENOSPC : EIO;
		struct blob_writer *w = blob_begin(b);
		blob_id lost = 0, ids[40];
		CHECK_INT(blob_add(w, slice_first(buf_slice(&multi), 500000), &e), 0);
		bool failed = false;
		int stored = 0;
		for (int i = 0; i < 40 && !failed; i++) {
			if (store_in(b, buf_slice(&m), 5000, &ids[i], &e) < 0) {
				failed = true;
				break;
			}
			stored = i + 1;
			if (blobs_sync(b, &e) < 0) {
				CHECK_INT(e.kind, ERR_TEMP);
				lost = ids[i];
				failed = true;
			}
		}
		CHECK(failed);
		pack_io = good;
		CHECK(!blobs_lost(b, safe));
		if (lost)
			CHECK(blobs_lost(b, lost));
		uint64_t size;
		/* It has a segment in the abandoned pack. */
		blob_id id;
		if (blob_add(w, slice_skip(buf_slice(&multi), 500000), &e) < 0)
			blob_cancel(w);
		else
			CHECK_INT(blob_finish(w, &id, &size, &e), -1);
		CHECK_INT(e.kind, ERR_TEMP);
		CHECK(strstr(e.text, "while the message was received"));
		blob_id later = store(b, buf_slice(&m), 100);
		CHECK_INT(blobs_sync(b, &e), 0);
		CHECK(!blobs_lost(b, later));
		check_read(b, safe, buf_slice(&m));
		check_read(b, later, buf_slice(&m));
		for (int i = 0; i < stored; i++)
			if (!blobs_lost(b, ids[i]))
				check_read(b, ids[i], buf_slice(&m));
		blobs_close(b);
	}
}

TEST_PLAIN_AND_ENCRYPTED(blob_file_size_limit_is_temporary)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(buf) struct buf m = BUF(8 << 20);
	noise(&m, 6 << 20, 4);
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit none, small = {.rlim_cur = 1 << 20};
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &none), 0);
	small.rlim_max = none.rlim_max;
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
	struct blobs *b = open_store(&d);
	struct err e;
	blob_id id;
	int r = store_in(b, buf_slice(&m), 65536, &id, &e);
	if (r == 0)
		r = blobs_sync(b, &e);
	CHECK_INT(r, -1);
	CHECK_INT(e.kind, ERR_TEMP);
	blob_id small_one = store(b, slice_first(buf_slice(&m), 4096), 4096);
	CHECK_INT(blobs_sync(b, &e), 0);
	check_read(b, small_one, slice_first(buf_slice(&m), 4096));
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &none), 0);
	id = store(b, buf_slice(&m), 65536);
	CHECK_INT(blobs_sync(b, &e), 0);
	check_read(b, id, buf_slice(&m));
	blobs_close(b);
}

static void check_part(struct blob_reader *r, slice want, size_t at, size_t n)
{
	AUTO(buf) struct buf got = BUF(want.n + BLOB_SEGMENT_MAX);
	struct err e;
	slice piece;
	blob_seek(r, at);
	while (got.n < n && blob_next(r, &piece, &e) == 1) {
		CHECK(piece.n > 0);
		buf_put(&got, piece);
	}
	want = slice_first(slice_skip(want, at), n);
	CHECK(slice_eq(slice_first(buf_slice(&got), want.n), want));
	CHECK(got.n >= want.n);
}

TEST_PLAIN_AND_ENCRYPTED(blob_is_read_from_any_place)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(buf) struct buf msg = BUF(4 << 20);
	multipart(&msg, "places", 900000, 3);
	struct blobs *b = open_store(&d);
	struct blob_reader *r;
	struct err e;
	CHECK(blob_open(b, store(b, buf_slice(&msg), 5000), &r, &e) == 0);
	CHECK_INT(blob_size(r), msg.n);
	CHECK(!blob_at_hand(r));
	for (int i = 0; i < 300; i++) {
		size_t at = (size_t)rand_below(msg.n + 3);
		check_part(r, buf_slice(&msg), at, (size_t)rand_below(i % 7 ? 3000 : 400000));
	}
	blob_close(r);
	CHECK(blob_open(b, store(b, S("Subject: small\r\n\r\nx\r\n"), 7), &r, &e) == 0);
	CHECK(blob_at_hand(r));
	check_part(r, S("Subject: small\r\n\r\nx\r\n"), 9, 5);
	blob_close(r);
	blobs_close(b);
}
