/* Garbage collection: what may go goes, what anybody needs stays; rewritten packs keep their ids.
 */
#include "store/gc.h"

#include "base/test.h"
#include "base/time.h"
#include "store/blob_int.h"
#include "store/store_testing.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct fixture {
	struct testdir dir;
	struct blobs *blobs;
	struct sql *queue, *mail;
};

static void ok(int r, const struct err *e)
{
	if (r < 0)
		test_fail(__FILE__, __LINE__, "%s", e->text);
}

static void setup_in(struct fixture *f)
{
	struct err e = {0};
	slice d = testdir_slice(&f->dir);
	ok(blobs_open(d, &f->blobs, &e), &e);
	ok(sql_open(d, "queue", &f->queue, &e), &e);
	ok(sql_open(d, "mail-01", &f->mail, &e), &e);
}

static void setup(struct fixture *f)
{
	struct err e = {0};
	f->dir = testdir_make();
	ok(store_prepare(testdir_slice(&f->dir), &e), &e);
	setup_in(f);
}

static void teardown(struct fixture *f)
{
	blobs_close(f->blobs);
	sql_close(f->queue);
	sql_close(f->mail);
	auto_testdir(&f->dir);
}

/* The writer goes on in a new pack, as after a restart. */
static void restart(struct fixture *f)
{
	struct err e = {0};
	blobs_close(f->blobs);
	ok(blobs_open(testdir_slice(&f->dir), &f->blobs, &e), &e);
}

static void make(struct buf *m, int seed, size_t attachment)
{
	buf_printf(m, "Subject: %d\r\n\r\nHello %d\r\n--x\r\nA: b\r\n\r\n", seed, seed);
	for (size_t i = 0; i < attachment; i += 64)
		buf_printf(m, "%030zu..%030zu\r\n", i * 7919, i);
	buf_printf(m, "--x--\r\n");
}

static blob_id put(struct fixture *f, int seed, size_t attachment)
{
	AUTO(buf) struct buf m = BUF(8 << 20);
	make(&m, seed, attachment);
	struct err e = {0};
	struct blob_writer *w = blob_begin(f->blobs);
	blob_id id = 0;
	uint64_t size;
	ok(blob_add(w, buf_slice(&m), &e), &e);
	ok(blob_finish(w, &id, &size, &e), &e);
	ok(blobs_sync(f->blobs, &e), &e);
	blobs_idle(f->blobs);
	return id;
}

static void queue_row_sized(struct fixture *f, msg_id id, blob_id blob, uint64_t size)
{
	struct err e = {0};
	struct queue_rcpt r = {.address = S("a@example.com"), .dest = S("smtp:example.com")};
	struct queue_msg m = {.id = id, .blob = blob, .size = size, .rcpts = &r, .nrcpts = 1};
	ok(sql_begin(f->queue, &e), &e);
	ok(queue_add_tx(f->queue, &m, &e), &e);
	ok(sql_commit(f->queue, &e), &e);
}

static void unqueue(struct fixture *f, msg_id id)
{
	struct err e = {0};
	int32_t idx = 0;
	ok(sql_begin(f->queue, &e), &e);
	ok(queue_end_tx(f->queue, id, &idx, 1, &e), &e);
	ok(sql_commit(f->queue, &e), &e);
}

static void deliver_sized(struct fixture *f, msg_id id, blob_id blob, uint64_t size)
{
	struct err e = {0};
	struct mailbox_place place;
	struct mailbox_delivery d = {
		.account_id = 1, .folder = S("INBOX"), .queue_id = id, .blob = blob, .size = size};
	ok(sql_begin(f->mail, &e), &e);
	ok(mailbox_deliver_tx(f->mail, &d, &place, &e), &e);
	ok(sql_commit(f->mail, &e), &e);
}

static void queue_row(struct fixture *f, msg_id id, blob_id blob)
{
	queue_row_sized(f, id, blob, 1);
}

static void deliver(struct fixture *f, msg_id id, blob_id blob)
{
	deliver_sized(f, id, blob, 1);
}

static struct store_gc_result collect(struct fixture *f, bool quick)
{
	struct err e = {0};
	struct store_gc_result r = {0};
	struct store_gc *g;
	if (!quick) {
		ok(store_gc(testdir_slice(&f->dir), &r, &e), &e);
		return r;
	}
	ok(store_gc_open(testdir_slice(&f->dir), &g, &e), &e);
	ok(store_gc_quick(g, &r, &e), &e);
	store_gc_close(g);
	return r;
}

static bool pack_there(struct fixture *f, uint32_t no, int64_t *ret_size)
{
	char path[120];
	struct stat st;
	snprintf(path, sizeof path, "%s/blob/%09u.pack", f->dir.path, no);
	if (stat(path, &st) < 0)
		return false;
	if (ret_size)
		*ret_size = st.st_size;
	return true;
}

static void check(struct fixture *f, blob_id id, int seed, size_t attachment)
{
	AUTO(buf) struct buf want = BUF(8 << 20), got = BUF(8 << 20);
	make(&want, seed, attachment);
	struct err e = {0};
	ok(blob_read(f->blobs, id, &got, &e), &e);
	CHECK(slice_eq(buf_slice(&want), buf_slice(&got)));
}

static void make_old(struct fixture *f, uint32_t no, int64_t age)
{
	char path[120];
	snprintf(path, sizeof path, "%s/blob/%09u.pack", f->dir.path, no);
	struct timespec t[2] = {
		{.tv_sec = (wall_now() - age) / SECOND}, {.tv_sec = (wall_now() - age) / SECOND}};
	CHECK_INT(utimensat(AT_FDCWD, path, t, 0), 0);
}

TEST_PLAIN_AND_ENCRYPTED(gc_deletes_what_nobody_refers_to)
{
	struct fixture f;
	setup(&f);
	blob_id a = put(&f, 1, 0);
	uint32_t first = blob_pack(a);
	CHECK_INT(collect(&f, true).packs_deleted, 0); /* being written */
	blob_settle(f.blobs, a);
	CHECK_INT(collect(&f, true).packs_deleted, 0); /* still being written */
	restart(&f);
	blob_id b = put(&f, 2, 0);
	queue_row(&f, 1, b);
	blob_settle(f.blobs, b);
	struct store_gc_result r = collect(&f, true);
	CHECK_INT(r.packs_deleted, 1);
	CHECK(r.bytes_freed > 0);
	CHECK(!pack_there(&f, first, NULL));
	restart(&f);
	blob_id c = put(&f, 3, 0);
	CHECK(blob_pack(c) > blob_pack(b));
	CHECK_INT(collect(&f, true).packs_deleted, 0); /* b is queued */
	deliver(&f, 1, b);
	unqueue(&f, 1);
	CHECK_INT(collect(&f, true).packs_deleted, 0); /* b is in a mailbox */
	check(&f, b, 2, 0);
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(gc_of_dead_packs_looks_at_old_ones_too)
{
	struct fixture f;
	struct err e = {0};
	struct store_gc *g;
	struct store_gc_result r = {0};
	setup(&f);
	blob_id a = put(&f, 1, 0);
	blob_settle(f.blobs, a);
	restart(&f);
	blob_id b = put(&f, 2, 0);
	queue_row(&f, 1, b);
	blob_settle(f.blobs, b);
	restart(&f);
	make_old(&f, blob_pack(a), 3 * HOUR);
	make_old(&f, blob_pack(b), 3 * HOUR);
	CHECK_INT(collect(&f, true).packs_deleted, 0);
	ok(store_gc_open(testdir_slice(&f.dir), &g, &e), &e);
	ok(store_gc_dead(g, &r, &e), &e);
	store_gc_close(g);
	CHECK_INT(r.packs_deleted, 1);
	CHECK(!pack_there(&f, blob_pack(a), NULL));
	check(&f, b, 2, 0);
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(gc_waits_for_unsettled_messages)
{
	struct fixture f;
	setup(&f);
	blob_id a = put(&f, 1, 0);
	struct err e = {0};
	CHECK_INT(blobs_rotate(f.blobs, blob_pack(a), &e), 0);
	CHECK_INT(collect(&f, true).packs_deleted, 0); /* finished, its row may still come */
	CHECK_INT(blob_hold(f.blobs, a, &e), 0);
	blob_settle(f.blobs, a);
	CHECK_INT(collect(&f, true).packs_deleted, 0); /* held */
	blob_settle(f.blobs, a);
	CHECK_INT(collect(&f, true).packs_deleted, 1);
	CHECK_INT(blob_hold(f.blobs, a, &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	AUTO(buf) struct buf out = BUF(1 << 20);
	CHECK_INT(blob_read(f.blobs, a, &out, &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(gc_keeps_shared_segments)
{
	enum { BIG = 600000 };
	struct fixture f;
	setup(&f);
	blob_id a = put(&f, 1, BIG);
	queue_row(&f, 1, a);
	blob_settle(f.blobs, a);
	restart(&f);
	blob_id b = put(&f, 2, BIG); /* its segments are in a's pack */
	uint32_t pack_a = blob_pack(a), pack_b = blob_pack(b);
	CHECK(pack_a != pack_b);
	int64_t size;
	CHECK(pack_there(&f, pack_b, &size));
	queue_row(&f, 2, b);
	unqueue(&f, 1);
	CHECK_INT(collect(&f, true).packs_deleted, 0); /* b is unsettled: holds both */
	blob_settle(f.blobs, b);
	restart(&f);
	CHECK_INT(collect(&f, true).packs_deleted, 0);
	check(&f, b, 2, BIG);
	blob_id c = put(&f, 3, BIG);
	check(&f, c, 3, BIG);
	blob_settle(f.blobs, c);
	unqueue(&f, 2);
	restart(&f);
	CHECK_INT(collect(&f, true).packs_deleted, 3);
	blob_id d = put(&f, 4, BIG); /* the index forgot, or is not believed */
	check(&f, d, 4, BIG);
	teardown(&f);
}

/* a uses b's segments and b uses a's: together they go when nobody needs either. */
TEST_PLAIN_AND_ENCRYPTED(gc_takes_circles)
{
	enum { BIG = 100000 };
	struct fixture f;
	setup(&f);
	struct blobs *other;
	struct err e = {0};
	ok(blobs_open(testdir_slice(&f.dir), &other, &e), &e);
	struct fixture g = f;
	g.blobs = other;
	blob_id a1 = put(&f, 1, BIG), b1 = put(&g, 2, 2 * BIG);
	blob_id a2 = put(&f, 3, 2 * BIG), b2 = put(&g, 4, BIG);
	CHECK(blob_pack(a1) == blob_pack(a2) && blob_pack(b1) == blob_pack(b2) &&
		blob_pack(a1) != blob_pack(b1));
	blob_settle(f.blobs, a1);
	blob_settle(f.blobs, a2);
	blob_settle(other, b1);
	blob_settle(other, b2);
	queue_row(&f, 1, a2);
	blobs_close(other);
	restart(&f);
	CHECK_INT(collect(&f, true).packs_deleted, 0);
	check(&f, a2, 3, 2 * BIG);
	unqueue(&f, 1);
	CHECK_INT(collect(&f, true).packs_deleted, 2);
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(gc_rewrites_and_ids_stay)
{
	enum { N = 200, BIG = 300000 };
	struct fixture f;
	setup(&f);
	blob_id small[N], big[3];
	for (int i = 0; i < N; i++) {
		small[i] = put(&f, i, 20000);
		queue_row(&f, i + 1, small[i]);
		blob_settle(f.blobs, small[i]);
	}
	for (int i = 0; i < 3; i++) { /* the same attachment; only the last one lives */
		big[i] = put(&f, 1000 + i, BIG);
		queue_row(&f, 1000 + i, big[i]);
		blob_settle(f.blobs, big[i]);
	}
	uint32_t pack = blob_pack(small[0]);
	restart(&f);
	blob_id far = put(&f, 2000, BIG); /* from another pack */
	deliver(&f, 2000, far);
	blob_settle(f.blobs, far);
	restart(&f);
	for (int i = 0; i < N; i++)
		if (i % 5)
			unqueue(&f, i + 1);
	unqueue(&f, 1000);
	unqueue(&f, 1001);
	int64_t before, after, again;
	CHECK(pack_there(&f, pack, &before));
	CHECK_INT(collect(&f, false).packs_rewritten, 0); /* too recent */
	make_old(&f, pack, HOUR);
	blob_id held = put(&f, 3000, BIG); /* uses its segments, unsettled */
	CHECK_INT(collect(&f, false).packs_rewritten, 0);
	blob_settle(f.blobs, held);
	struct store_gc_result r = collect(&f, false);
	CHECK_INT(r.packs_rewritten, 1);
	CHECK_INT(r.references, N / 5 + 2);
	CHECK(pack_there(&f, pack, &after));
	CHECK(after * 3 < before);
	for (int round = 0; round < 2;
		round++) { /* through the old file that is still open, and the new one */
		for (int i = 0; i < N; i += 5)
			check(&f, small[i], i, 20000);
		check(&f, big[2], 1002, BIG);
		check(&f, far, 2000, BIG);
		restart(&f);
	}
	AUTO(buf) struct buf out = BUF(1 << 20);
	struct err e = {0};
	CHECK_INT(blob_read(f.blobs, small[1], &out, &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	unqueue(&f, 1002); /* the segments live on by `far` alone */
	for (int i = 0; i < N; i += 5)
		unqueue(&f, i + 1);
	make_old(&f, pack, HOUR);
	collect(&f, false);
	CHECK(pack_there(&f, pack, &again));
	check(&f, far, 2000, BIG);
	blob_id next = put(&f, 4000, BIG); /* and are found by the index where they are now */
	check(&f, next, 4000, BIG);
	CHECK(blob_pack(next) != pack);
	teardown(&f);
}

TEST_PLAIN_AND_ENCRYPTED(gc_compresses_cold_packs)
{
	struct fixture f;
	setup(&f);
	blob_id ids[50];
	for (int i = 0; i < 50; i++) {
		ids[i] = put(&f, i, 40000 + (size_t)i * 64);
		deliver(&f, i + 1, ids[i]);
		blob_settle(f.blobs, ids[i]);
	}
	uint32_t pack = blob_pack(ids[0]);
	restart(&f);
	make_old(&f, pack, 8 * DAY);
	int64_t before, after;
	CHECK(pack_there(&f, pack, &before));
	CHECK_INT(collect(&f, false).packs_rewritten, 1);
	CHECK(pack_there(&f, pack, &after));
	CHECK(after * 2 < before);
	for (int i = 0; i < 50; i++)
		check(&f, ids[i], i, 40000 + (size_t)i * 64);
	make_old(&f, pack, 8 * DAY);
	CHECK_INT(collect(&f, false).packs_rewritten, 0); /* once is enough */
	struct store_stat st;
	struct err e = {0};
	ok(store_stat(testdir_slice(&f.dir), &st, &e), &e);
	CHECK_INT(st.packs, 1);
	CHECK_INT(st.mailbox_messages, 50);
	CHECK(st.segments > 0 && st.db_bytes > 0 && st.free_bytes > 0);
	teardown(&f);
}

/* Writers, deliveries and gc in processes of their own, all killed at random: whatever a row refers
 * to is there, byte for byte. */
static void make_from_id(struct buf *m, msg_id id)
{
	make(m, (int)id, id % 7 == 0 ? 40000 + 1000 * (size_t)(id % 3) : (size_t)(id % 5) * 1000);
}

static void churn(struct fixture *f, msg_id first)
{
	struct err e = {0};
	setup_in(f);
	for (msg_id id = first;; id++) {
		AUTO(buf) struct buf m = BUF(1 << 20);
		make_from_id(&m, id);
		struct blob_writer *w = blob_begin(f->blobs);
		blob_id blob = 0;
		uint64_t size;
		ok(blob_add(w, buf_slice(&m), &e), &e);
		ok(blob_finish(w, &blob, &size, &e), &e);
		ok(blobs_sync(f->blobs, &e), &e);
		queue_row_sized(f, id, blob, size);
		blob_settle(f->blobs, blob);
		blobs_idle(f->blobs);
		if (id % 11 == 0)
			deliver_sized(f, id, blob, size);
		if (id - first >= 5 && id % 13)
			unqueue(f, id - 5);
		if (id % 40 == 0) /* many packs */
			ok(blobs_rotate(f->blobs, blob_pack(blob), &e), &e);
	}
}

static void collect_for_ever(struct fixture *f, bool quick)
{
	gc_rest_age = -HOUR;
	for (;;)
		collect(f, quick);
}

static int check_row(void *arg, int db, blob_id id, uint64_t size, struct err *e)
{
	struct fixture *f = arg;
	AUTO(buf) struct buf got = BUF(1 << 20), want = BUF(1 << 20);
	(void)db;
	if (blob_read(f->blobs, id, &got, e) < 0)
		return -1;
	uint64_t seed = 0;
	slice s = slice_skip(buf_slice(&got), 9), line;
	CHECK(slice_cut(&s, '\r', &line) && slice_u64(line, &seed));
	make_from_id(&want, (msg_id)seed);
	CHECK_INT(want.n, size);
	CHECK(slice_eq(buf_slice(&want), buf_slice(&got)));
	return 0;
}

static void complain(void *arg, const struct store_problem *p)
{
	(void)arg;
	test_fail(__FILE__, __LINE__, "%s: %.*s", p->kind, SFMT(p->text));
}

TEST(gc_beside_writers_that_are_killed)
{
	enum { ROUNDS = 12, WRITERS = 2, ALL = WRITERS + 2 };
	struct fixture f;
	setup(&f);
	blobs_close(f.blobs);
	sql_close(f.queue);
	sql_close(f.mail);
	for (int round = 0; round < ROUNDS; round++) {
		pid_t pids[ALL];
		for (int i = 0; i < ALL; i++) {
			pids[i] = fork();
			if (pids[i] == 0)
				prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (pids[i] == 0 && i < WRITERS)
				churn(&f, (round * WRITERS + i + 1) * 1000000);
			if (pids[i] == 0)
				collect_for_ever(&f, i == WRITERS);
		}
		usleep(150000 + 10000 * (unsigned)round);
		for (int i = 0, status; i < ALL; i++) {
			kill(pids[i], SIGKILL);
			CHECK(waitpid(pids[i], &status, 0) == pids[i]);
			CHECK(WIFSIGNALED(status));
		}
		struct err e = {0};
		ok(store_verify(testdir_slice(&f.dir), false, complain, NULL, &e), &e);
	}
	setup_in(&f);
	struct refs refs;
	struct err e = {0};
	uint64_t n = 0;
	ok(refs_open(testdir_slice(&f.dir), &refs, &e), &e);
	ok(refs_count(&refs, &n, &e), &e);
	CHECK(n > ROUNDS);
	ok(refs_each(&refs, 0, INT64_MAX, check_row, &f, &e), &e);
	refs_close(&refs);
	teardown(&f);
}
