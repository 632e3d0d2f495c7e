/* Verify finds every kind of damage; repair mends it, and a second look finds nothing. */
#include "base/buf.h"
#include "base/test.h"
#include "store/blob_int.h"
#include "store/mailbox.h"
#include "store/pack_format.h"
#include "store/store.h"
#include "store/store_testing.h"

#include <dirent.h>

enum { BIG = 300000 };

struct fixture {
	struct testdir dir;
	blob_id small[4], big[2];
	struct buf seen; /* kinds of problems, a line each; '+' when repaired */
};

static void ok(int64_t r, const struct err *e)
{
	if (r < 0)
		test_fail(__FILE__, __LINE__, "%s", e->text);
}

static void make(struct buf *m, int seed, size_t attachment)
{
	buf_printf(m, "Subject: %d\r\n\r\nHello %d\r\n--x\r\nA: b\r\n\r\n", seed, seed);
	for (size_t i = 0; i < attachment; i += 64)
		buf_printf(m, "%030zu..%030zu\r\n", i * 7919, i);
	buf_printf(m, "--x--\r\n");
}

static blob_id put(struct blobs *b, int seed, size_t attachment, uint64_t *ret_size)
{
	AUTO(buf) struct buf m = BUF(8 << 20);
	make(&m, seed, attachment);
	struct err e = {0};
	struct blob_writer *w = blob_begin(b);
	blob_id id = 0;
	ok(blob_add(w, buf_slice(&m), &e), &e);
	ok(blob_finish(w, &id, ret_size, &e), &e);
	ok(blobs_sync(b, &e), &e);
	blobs_idle(b);
	blob_settle(b, id);
	return id;
}

static void enqueue(struct sql *db, msg_id id, blob_id blob, uint64_t size)
{
	struct err e = {0};
	struct queue_rcpt r = {.address = S("to@example.com"), .dest = S("smtp:example.com")};
	struct queue_msg m = {.id = id,
		.sender = S("from@example.com"),
		.blob = blob,
		.size = size,
		.rcpts = &r,
		.nrcpts = 1};
	ok(sql_begin(db, &e), &e);
	ok(queue_add_tx(db, &m, &e), &e);
	ok(sql_commit(db, &e), &e);
}

static void deliver(struct sql *db, msg_id id, blob_id blob, uint64_t size)
{
	struct err e = {0};
	struct mailbox_place place;
	struct mailbox_delivery d = {.account_id = 1,
		.folder = S("INBOX"),
		.queue_id = id,
		.blob = blob,
		.size = size,
		.prefix = S("Delivered-To: x\r\n")};
	ok(sql_begin(db, &e), &e);
	ok(mailbox_deliver_tx(db, &d, &place, &e), &e);
	ok(sql_commit(db, &e), &e);
}

/* Two small messages queued, two in a mailbox, one large one each; the second large one shares. */
static void setup(struct fixture *f)
{
	struct err e = {0};
	*f = (struct fixture){.dir = testdir_make(), .seen = BUF(1 << 20)};
	slice d = testdir_slice(&f->dir);
	struct blobs *b;
	struct sql *queue, *mail;
	uint64_t size;
	ok(store_prepare(d, &e), &e);
	ok(sql_open(d, "queue", &queue, &e), &e);
	ok(sql_open(d, "mail-01", &mail, &e), &e);
	ok(blobs_open(d, &b, &e), &e);
	for (int i = 0; i < 4; i++) {
		f->small[i] = put(b, i, 1000, &size);
		if (i < 2)
			enqueue(queue, i + 1, f->small[i], size);
		else
			deliver(mail, i + 1, f->small[i], size);
	}
	f->big[0] = put(b, 10, BIG, &size);
	enqueue(queue, 10, f->big[0], size);
	blobs_close(b);
	ok(blobs_open(d, &b, &e), &e);
	f->big[1] = put(b, 11, BIG, &size);
	deliver(mail, 11, f->big[1], size);
	blobs_close(b);
	sql_close(queue);
	sql_close(mail);
	CHECK(blob_pack(f->big[0]) == 1 && blob_pack(f->big[1]) == 2);
}

static void teardown(struct fixture *f)
{
	buf_done(&f->seen);
	auto_testdir(&f->dir);
}

static void note(void *arg, const struct store_problem *p)
{
	struct fixture *f = arg;
	CHECK(p->text.n > 0);
	buf_printf(&f->seen, "%s%s\n", p->kind, p->repaired ? "+" : "");
}

static int look(struct fixture *f, bool repair)
{
	struct err e = {0};
	buf_reset(&f->seen);
	int n = store_verify(testdir_slice(&f->dir), repair, note, f, &e);
	ok(n, &e);
	return n;
}

static bool saw(const struct fixture *f, const char *kind)
{
	char line[64];
	snprintf(line, sizeof line, "%s\n", kind);
	return slice_find(buf_slice(&f->seen), slice_z(line)) < f->seen.n;
}

static void wants(struct fixture *f, const char *kind)
{
	if (!saw(f, kind))
		test_fail(__FILE__, __LINE__, "no %s in: %.*s", kind, SFMT(buf_slice(&f->seen)));
}

static void run_sql(struct fixture *f, const char *db, const char *sql)
{
	struct sql *c;
	struct err e = {0};
	ok(sql_open(testdir_slice(&f->dir), db, &c, &e), &e);
	ok(sql_run(c, &e, sql, ""), &e);
	sql_close(c);
}

static void hurt(struct fixture *f, uint32_t pack, uint64_t at)
{
	char path[120];
	snprintf(path, sizeof path, "%s/blob/%09u.pack", f->dir.path, pack);
	CHECK_INT(testdir_overwrite(path, (off_t)at, S("damage")), 0);
}

static int lost_files(struct fixture *f, const char *part)
{
	char path[120];
	snprintf(path, sizeof path, "%s/lost", f->dir.path);
	DIR *d = opendir(path);
	int n = 0;
	for (struct dirent *x; d && (x = readdir(d));)
		n += strstr(x->d_name, part) != NULL;
	if (d)
		closedir(d);
	return n;
}

static void check_reads(struct fixture *f, blob_id id, int seed, size_t attachment)
{
	struct blobs *b;
	struct err e = {0};
	ok(blobs_open(testdir_slice(&f->dir), &b, &e), &e);
	AUTO(buf) struct buf want = BUF(8 << 20), got = BUF(8 << 20);
	make(&want, seed, attachment);
	ok(blob_read(b, id, &got, &e), &e);
	CHECK(slice_eq(buf_slice(&want), buf_slice(&got)));
	blobs_close(b);
}

/* Finds `kind`; repair mends all; nothing is left. */
static void found_and_mended(struct fixture *f, const char *kind, const char *mended)
{
	CHECK(look(f, false) > 0);
	wants(f, kind);
	CHECK(look(f, true) > 0);
	wants(f, mended);
	slice seen = buf_slice(&f->seen), line;
	while (slice_cut(&seen, '\n', &line)) /* the exit code counts what is not */
		CHECK(line.n == 0 || line.p[line.n - 1] == '+');
	int left = look(f, false);
	if (left)
		test_fail(__FILE__, __LINE__, "left: %.*s", SFMT(buf_slice(&f->seen)));
}

TEST_PLAIN_AND_ENCRYPTED(verify_finds_nothing_in_a_good_store)
{
	struct fixture f;
	setup(&f);
	CHECK_INT(look(&f, false), 0);
	CHECK_INT(look(&f, true), 0);
	check_reads(&f, f.big[1], 11, BIG);
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(verify_damaged_message)
{
	struct fixture f;
	setup(&f);
	hurt(&f, 1, blob_offset(f.small[0]) + 100);
	hurt(&f, 1, blob_offset(f.small[2]) + 3); /* its head */
	CHECK(look(&f, false) > 0);
	wants(&f, "blob-damaged");
	found_and_mended(&f, "pack-damaged", "pack-salvaged+");
	CHECK_INT(lost_files(&f, "queue-"), 1);
	CHECK_INT(lost_files(&f, "account-1-"), 1);
	CHECK_INT(lost_files(&f, "000000001.pack"), 1);
	check_reads(&f, f.small[1], 1, 1000);
	check_reads(&f, f.small[3], 3, 1000);
	check_reads(&f, f.big[0], 10, BIG);
	check_reads(&f, f.big[1], 11, BIG);
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(verify_damaged_segment_hits_all_who_share_it)
{
	struct fixture f;
	setup(&f);
	hurt(&f, 1, blob_offset(f.big[0]) - 1000);
	CHECK(look(&f, false) > 0);
	wants(&f, "blob-damaged");
	found_and_mended(&f, "pack-damaged", "blob-missing+");
	CHECK_INT(lost_files(&f, ".eml"), 2);
	check_reads(&f, f.small[0], 0, 1000);
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(verify_torn_tail_is_no_damage)
{
	struct fixture f;
	setup(&f);
	char path[120];
	snprintf(path, sizeof path, "%s/blob/000000002.pack", f.dir.path);
	FILE *p = fopen(path, "ab");
	CHECK(p && fwrite("PHr\x01 torn record", 1, 16, p) == 16);
	for (int i = 0; i < 10000; i++)
		fputc(0, p);
	fclose(p);
	CHECK_INT(look(&f, false), 0);
	CHECK_INT(look(&f, true), 0);
	struct stat st;
	CHECK_INT(stat(path, &st), 0);
	CHECK(st.st_size < 10000 + PACK_RECORDS_AT);
	check_reads(&f, f.big[1], 11, BIG);
	teardown(&f);
}

/* One of so many bytes, put beside the one before. */
static blob_id put_bytes(struct blobs *b, size_t n)
{
	static char text[8192];
	struct err e = {0};
	struct blob_writer *w = blob_begin(b);
	blob_id id = 0;
	uint64_t size;
	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + (i * 7919 + i / 31 * 104729) % 26);
	ok(blob_add(w, slice_of(text, n), &e), &e);
	ok(blob_finish(w, &id, &size, &e), &e);
	blob_settle(b, id);
	return id;
}

/* How many bytes a message must have for the smallest record that takes `padded` bytes. */
static size_t smallest(struct blobs *b, uint64_t padded)
{
	for (size_t n = padded - 200; n < padded; n++) {
		uint64_t first = blob_offset(put_bytes(b, n));
		if (blob_offset(put_bytes(b, n)) - first == padded)
			return n;
	}
	return 0;
}

/* The walk reads a piece of the file at a time, which may end between a record and its padding. */
TEST_PLAIN_AND_ENCRYPTED(verify_walks_on_where_a_record_ends_with_what_was_read)
{
	struct fixture f;
	struct blobs *b;
	struct sql *queue;
	struct err e = {0};
	setup(&f);
	slice d = testdir_slice(&f.dir);
	ok(blobs_open(d, &b, &e), &e);
	size_t n = smallest(b, 4096);
	CHECK(n > 0);
	blob_id last = 0;
	for (int i = 0; i < 1000; i++)
		last = put_bytes(b, n);
	ok(blobs_sync(b, &e), &e);
	blobs_close(b);
	ok(sql_open(d, "queue", &queue, &e), &e);
	enqueue(queue, 20, last, n);
	sql_close(queue);
	CHECK_INT(look(&f, false), 0);
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(verify_damaged_head_has_a_copy)
{
	struct fixture f;
	setup(&f);
	hurt(&f, 1, 10);
	check_reads(&f, f.small[0], 0, 1000);
	found_and_mended(&f, "pack-damaged", "pack-damaged+");
	CHECK_INT(lost_files(&f, "."), 0);
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(verify_missing_pack)
{
	struct fixture f;
	setup(&f);
	char path[120];
	snprintf(path, sizeof path, "%s/blob/000000001.pack", f.dir.path);
	CHECK_INT(unlink(path), 0);
	found_and_mended(&f, "blob-missing", "blob-missing+");
	CHECK_INT(lost_files(&f, "queue-"), 3);
	CHECK_INT(lost_files(&f, "account-"), 3);
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(verify_forgotten_link)
{
	struct fixture f;
	setup(&f);
	char path[120];
	snprintf(path, sizeof path, "%s/blob/000000002.pack", f.dir.path);
	CHECK_INT(testdir_overwrite(path, PACK_LINKS_AT, S("\0\0\0\0\0\0\0\0")), 0);
	found_and_mended(&f, "pack-link", "pack-link+");
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(verify_queue_pairs)
{
	struct fixture f;
	setup(&f);
	run_sql(&f, "queue", "DELETE FROM rcpt WHERE msg = 1");
	run_sql(&f, "queue", "DELETE FROM msg WHERE id = 2");
	CHECK(look(&f, false) > 0);
	wants(&f, "queue-orphan");
	found_and_mended(&f, "queue-empty", "queue-empty+");
	CHECK_INT(lost_files(&f, "queue-recipients.txt"), 1);
	CHECK_INT(lost_files(&f, ".eml"), 1);
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(verify_counts_of_folders)
{
	struct fixture f;
	setup(&f);
	run_sql(&f, "mail-01", "UPDATE folder SET messages = 99, uidnext = 1");
	run_sql(&f, "mail-01", "UPDATE message SET folder_id = 77 WHERE uid = 2");
	CHECK(look(&f, false) > 0);
	wants(&f, "mailbox-orphan");
	wants(&f, "mailbox-uid");
	found_and_mended(&f, "mailbox-count", "mailbox-count+");
	run_sql(&f, "mail-01", "UPDATE email SET size = 5 WHERE queue_id = 3");
	found_and_mended(&f, "size-wrong", "size-wrong+");
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(verify_wrong_index)
{
	struct fixture f;
	setup(&f);
	run_sql(&f, "segment", "UPDATE segment SET size = size + 1");
	found_and_mended(&f, "segment-index", "segment-index+");
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(verify_damaged_index_is_made_anew)
{
	struct fixture f;
	setup(&f);
	char path[120];
	snprintf(path, sizeof path, "%s/db/segment.sqlite", f.dir.path);
	CHECK_INT(testdir_overwrite(path, 4096,
			  S("\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377")),
		0);
	CHECK_INT(testdir_overwrite(path, 8192,
			  S("\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377")),
		0);
	found_and_mended(&f, "sqlite", "sqlite+");
	struct segments *s = segments_new(f.dir.path);
	uint64_t n = 0;
	struct err e = {0};
	ok(segments_count(s, &n, &e), &e);
	CHECK_INT(n, 2);
	segments_free(s);
	teardown(&f);
}
