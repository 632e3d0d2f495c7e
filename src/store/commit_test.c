/* Group commit: in a loop and without one, failing items, full queues, killed writers. */
#include "base/buf.h"
#include "base/rand.h"
#include "base/test.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/blob_int.h"
#include "store/commit.h"
#include "store/pack_io.h"
#include "store/sql_driver.h"
#include "store/store_testing.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const struct sql_migration steps[] = {
	{1, "rows",
		"CREATE TABLE entry (id BIGINT NOT NULL PRIMARY KEY, blob BIGINT NOT NULL) "
		"{{WITHOUT_ROWID}}",
		"DROP TABLE entry"},
};

struct store {
	struct sql *db;
	struct blobs *blobs;
	struct commit *commit;
};

static struct store open_all(slice dir)
{
	struct store s;
	struct err e;
	if (sql_open(dir, "entry", &s.db, &e) < 0 || sql_migrate(s.db, steps, 1, &e) < 0 ||
		blobs_open(dir, &s.blobs, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	s.commit = commit_new(s.db, s.blobs);
	return s;
}

static void close_all(struct store *s)
{
	commit_drain(s->commit);
	commit_free(s->commit);
	blobs_close(s->blobs);
	sql_close(s->db);
}

struct row {
	int64_t id;
	blob_id blob;
	int runs;
};

static int add_row(struct sql *db, void *arg, struct err *e)
{
	struct row *r = arg;
	r->runs++;
	if (r->id < 0)
		return err_set(e, ERR_PERM, "refused %d", (int)r->id);
	return sql_run(db, e, "INSERT INTO entry (id, blob) VALUES ($1, $2)", "ii", r->id,
		       (int64_t)r->blob) < 0
		       ? -1
		       : 0;
}

static int64_t rows(struct sql *db)
{
	struct err e;
	struct sql_stmt *s = sql_prepare(db, "SELECT COUNT(*) FROM entry", &e);
	CHECK(s && sql_step(s, &e) == 1);
	int64_t n = sql_int(s, 0);
	sql_reset(s);
	return n;
}

TEST(commit_without_a_loop)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct store s = open_all(testdir_slice(&d));
	struct err e;
	struct blob_writer *w = blob_begin(s.blobs);
	struct row r = {.id = 1}, same = {.id = 1};
	uint64_t size;
	CHECK_INT(blob_add(w, S("hello"), &e), 0);
	CHECK_INT(blob_finish(w, &r.blob, &size, &e), 0);
	CHECK_INT(commit_run_blob(s.commit, r.blob, add_row, &r, &e), 0);
	CHECK_INT(hold_find(&s.blobs->holds, blob_pack(r.blob))->users,
		1); /* settled: only being written */
	CHECK_INT(commit_run(s.commit, add_row, &same, &e), -1);
	CHECK_INT(e.kind, ERR_EXISTS);
	CHECK_INT(rows(s.db), 1);
	close_all(&s);
}

/* Of several fresh messages all are synced and settled, or the work fails. */
TEST(commit_of_several_messages)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct store s = open_all(testdir_slice(&d));
	struct err e;
	blob_id v[3];
	uint64_t size;
	for (int i = 0; i < 3; i++) {
		struct blob_writer *w = blob_begin(s.blobs);
		CHECK_INT(blob_add(w, S("hello"), &e), 0);
		CHECK_INT(blob_finish(w, &v[i], &size, &e), 0);
	}
	CHECK_INT(hold_find(&s.blobs->holds, blob_pack(v[0]))->users, 4);
	struct row r = {.id = 1, .blob = v[2]}, bad = {.id = -1};
	CHECK_INT(commit_run_blobs(s.commit, v, 2, add_row, &r, &e), 0);
	CHECK_INT(hold_find(&s.blobs->holds, blob_pack(v[0]))->users, 2);
	CHECK_INT(commit_run_blobs(s.commit, v + 2, 1, add_row, &bad, &e), -1);
	CHECK_INT(hold_find(&s.blobs->holds, blob_pack(v[0]))->users, 1);
	AUTO(buf) struct buf out = BUF(100);
	CHECK_INT(blob_read(s.blobs, v[1], &out, &e), 0);
	CHECK(slice_eq(buf_slice(&out), S("hello")));
	CHECK_INT(rows(s.db), 1);
	close_all(&s);
}

/* Many coroutines; some of their items fail. */
static struct store shared;
static int succeeded, failed, posted;

static void one_commit(void *arg)
{
	int64_t id = (int64_t)(intptr_t)arg;
	struct row r = {.id = id % 10 == 7 ? -id : id % 10 == 3 ? id - 1 : id};
	struct err e;
	int want = id % 10 == 7 ? ERR_PERM : id % 10 == 3 ? ERR_EXISTS : ERR_NONE;
	int got = commit_run(shared.commit, add_row, &r, &e) < 0 ? (int)e.kind : ERR_NONE;
	if (got != want &&
		!(want == ERR_EXISTS && got == ERR_NONE)) /* whoever of the pair came first */
		test_fail(__FILE__, __LINE__, "item %d: %d instead of %d", (int)id, got, want);
	*(got == ERR_NONE ? &succeeded : &failed) += 1;
}

static void on_posted(void *arg, const struct err *e)
{
	CHECK(!e || ((struct row *)arg)->id < 0);
	posted += e ? 100 : 1;
}

static void many(void *arg)
{
	shared = open_all(slice_z(arg));
	struct group g;
	group_init(&g);
	for (intptr_t i = 1; i <= 200; i++)
		group_go(&g, "one", one_commit, (void *)i);
	group_join(&g);
	CHECK_INT(succeeded, 200 - 20 - 20);
	CHECK_INT(failed, 40);
	CHECK_INT(rows(shared.db), succeeded);
	static struct row fine = {.id = 1000}, bad = {.id = -1};
	commit_post(shared.commit, add_row, on_posted, &fine);
	commit_post(shared.commit, add_row, on_posted, &bad);
	commit_drain(shared.commit);
	CHECK_INT(posted, 101);
	close_all(&shared);
}

TEST(commit_failing_items_fail_alone)
{
	AUTO(testdir) struct testdir d = testdir_make();
	loop_init();
	pool_init(4);
	loop_main(many, d.path);
	pool_done();
	loop_done();
}

/* The database is locked by another program: temporary, and nothing is half done. */
TEST(commit_of_a_locked_database_is_temporary)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct store s = open_all(testdir_slice(&d));
	struct sql *other;
	struct err e;
	CHECK_INT(sql_open_twin(s.db, &other, &e), 0);
	CHECK_INT(sql_begin(other, &e), 0);
	sqlite_turn_wait = 200 * MSEC;
	struct row r = {.id = 5};
	CHECK_INT(commit_run(s.commit, add_row, &r, &e), -1);
	CHECK_INT(e.kind, ERR_TEMP);
	CHECK_INT(r.runs, 0);
	sql_rollback(other);
	CHECK_INT(commit_run(s.commit, add_row, &r, &e), 0);
	sql_close(other);
	close_all(&s);
}

static struct sql_driver counting;
static int syncs;

static int count_sync(const struct sql *db, struct err *e)
{
	syncs++;
	return sqlite_driver.sync(db, e);
}

static struct store open_light(slice dir, int64_t sync_after)
{
	struct store s = open_all(dir);
	struct err e;
	commit_free(s.commit);
	sql_close(s.db);
	CHECK_INT(sql_open_cache(dir, "entry", &s.db, &e), 0);
	counting = sqlite_driver;
	counting.sync = count_sync;
	s.db->driver = &counting;
	s.commit = commit_new(s.db, NULL);
	commit_set_sync(s.commit, sync_after);
	return s;
}

/* One for all that was committed meanwhile; the next change has its own; who drains does not wait for the time. */
static void syncing_later(void *arg)
{
	struct err e;
	struct store s = open_light(slice_z(arg), 50 * MSEC);
	syncs = 0;
	for (int i = 1; i <= 3; i++) {
		struct row r = {.id = i};
		CHECK_INT(commit_run(s.commit, add_row, &r, &e), 0);
	}
	instant deadline = instant_in(20 * SECOND);
	while (!syncs && instant_now() < deadline)
		co_sleep(instant_in(10 * MSEC), &e);
	CHECK(syncs >= 1 && syncs <= 3);
	commit_drain(s.commit);
	int before = syncs;
	commit_drain(s.commit);
	CHECK_INT(syncs, before);
	commit_set_sync(s.commit, 1000 * SECOND);
	struct row r = {.id = 4};
	CHECK_INT(commit_run(s.commit, add_row, &r, &e), 0);
	CHECK_INT(syncs, before);
	commit_drain(s.commit);
	CHECK_INT(syncs, before + 1);
	CHECK_INT(rows(s.db), 4);
	close_all(&s);
}

static struct sql *other;
static instant blocked;

/* Somebody else gets the turn as soon as ours is over. */
static void rollback_and_lose(struct sql *db)
{
	struct err e;
	sqlite_driver.rollback(db);
	if (!other->in_tx)
		CHECK_INT(sql_begin(other, &e), 0);
}

static void end_other(void *arg)
{
	struct err e;
	(void)arg;
	blocked = instant_now();
	co_sleep(instant_in(20 * MSEC), &e);
	blocked = instant_now() - blocked;
	sql_rollback(other);
}

static void add_brief(void *arg)
{
	struct err e;
	struct row r = {.id = 7};
	CHECK_INT(commit_run_brief(arg, add_row, &r, &e), 0);
}

static void fail_brief(void *arg)
{
	struct err e;
	struct row r = {.id = -1};
	CHECK_INT(commit_run_brief(arg, add_row, &r, &e), -1);
}

/* The loop goes on while the rest of a group, one of which has failed, waits for its turn. */
static void losing_the_turn(void *arg)
{
	struct err e;
	struct group g;
	struct store s = open_light(slice_z(arg), 1000 * SECOND);
	CHECK_INT(sql_open_twin(s.db, &other, &e), 0);
	counting.rollback = rollback_and_lose;
	sqlite_turn_wait = 5 * SECOND;
	group_init(&g);
	group_go(&g, "fail", fail_brief, s.commit);
	group_go(&g, "add", add_brief, s.commit);
	while (!other->in_tx && co_sleep(instant_in(MSEC), &e) == 0)
		;
	group_go(&g, "end", end_other, NULL);
	group_join(&g);
	CHECK(blocked < 2 * SECOND);
	CHECK_INT(rows(s.db), 1);
	sql_close(other);
	close_all(&s);
}

TEST(commit_in_the_loop_does_not_wait_for_others)
{
	AUTO(testdir) struct testdir d = testdir_make();
	loop_init();
	pool_init(4);
	loop_main(losing_the_turn, d.path);
	pool_done();
	loop_done();
}

TEST(commit_without_sync_is_synced_later)
{
	AUTO(testdir) struct testdir d = testdir_make();
	loop_init();
	pool_init(4);
	loop_main(syncing_later, d.path);
	pool_done();
	loop_done();
	struct store s = open_light(testdir_slice(&d), 1000 * SECOND);
	struct err e;
	struct row r = {.id = 5};
	syncs = 0;
	CHECK_INT(commit_run(s.commit, add_row, &r, &e), 0); /* nobody would come back for it */
	CHECK_INT(syncs, 1);
	close_all(&s);
}

static int broken_sync(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

/* A message finished before a failed sync fails, also when its turn comes in a later group. */
TEST(commit_refuses_messages_that_were_lost)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct store s = open_all(testdir_slice(&d));
	struct err e;
	struct row a = {.id = 1}, b = {.id = 2};
	uint64_t size;
	for (int i = 0; i < 2; i++) {
		struct blob_writer *w = blob_begin(s.blobs);
		CHECK_INT(blob_add(w, S("hello"), &e), 0);
		CHECK_INT(blob_finish(w, i ? &b.blob : &a.blob, &size, &e), 0);
	}
	struct pack_io good = pack_io;
	pack_io.fdatasync = broken_sync;
	CHECK_INT(commit_run_blob(s.commit, a.blob, add_row, &a, &e), -1);
	CHECK_INT(e.kind, ERR_TEMP);
	pack_io = good;
	CHECK_INT(commit_run_blob(s.commit, b.blob, add_row, &b, &e), -1);
	CHECK_INT(e.kind, ERR_TEMP);
	CHECK_INT(rows(s.db), 0);
	close_all(&s);
}

/* What a killed writer acknowledged is there afterwards, byte for byte. */
struct ack {
	blob_id blob;
	int64_t id;
	uint64_t seed;
	uint32_t size;
};
static int ack_fd;
static int64_t next_id;

static void content_of(uint64_t seed, uint32_t size, struct buf *out)
{
	buf_printf(out, "Subject: %llu\r\n\r\n--b\r\n\r\n", (unsigned long long)seed);
	uint64_t x = size > 40000 ? 7 : seed; /* large ones are equal and shared */
	while (out->n < size) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		buf_printf(out, "%016llx\r\n", (unsigned long long)x);
	}
	buf_printf(out, "--b--\r\n");
}

static void write_for_ever(void *arg)
{
	struct store *s = arg;
	for (;;) {
		struct ack a = {.id = next_id++, .seed = rand_u64()};
		a.size = (uint32_t)rand_below(10) ? (uint32_t)rand_below(6000) : 200000;
		AUTO(buf) struct buf m = BUF(1 << 20);
		content_of(a.seed, a.size, &m);
		struct blob_writer *w = blob_begin(s->blobs);
		struct err e;
		uint64_t size;
		for (slice rest = buf_slice(&m); rest.n; rest = slice_skip(rest, 4096)) {
			CHECK_INT(blob_add(w, slice_first(rest, 4096), &e), 0);
			co_yield();
		}
		CHECK_INT(blob_finish(w, &a.blob, &size, &e), 0);
		struct row r = {.id = a.id, .blob = a.blob};
		if (commit_run_blob(s->commit, a.blob, add_row, &r, &e) < 0)
			test_fail(__FILE__, __LINE__, "%s", e.text);
		CHECK(write(ack_fd, &a, sizeof a) == sizeof a);
	}
}

static void victim(void *arg)
{
	shared = open_all(slice_z(arg));
	for (int i = 0; i < 8; i++)
		co_go("writer", write_for_ever, &shared);
	for (struct err e;;)
		co_sleep(INSTANT_NEVER, &e);
}

static void check_acks(struct store *s, const struct ack *acks, size_t n)
{
	struct err e;
	for (size_t i = 0; i < n; i++) {
		struct sql_stmt *q = sql_prepare(s->db, "SELECT blob FROM entry WHERE id = $1", &e);
		sql_bind_int(q, 1, acks[i].id);
		CHECK_INT(sql_step(q, &e), 1);
		CHECK_INT(sql_int(q, 0), (int64_t)acks[i].blob);
		sql_reset(q);
		AUTO(buf) struct buf want = BUF(1 << 20), got = BUF(1 << 20);
		content_of(acks[i].seed, acks[i].size, &want);
		if (blob_read(s->blobs, acks[i].blob, &got, &e) < 0)
			test_fail(__FILE__, __LINE__, "%s", e.text);
		CHECK(slice_eq(buf_slice(&want), buf_slice(&got)));
	}
}

TEST(commit_survives_kills)
{
	enum { KILLS = 50, ACKS_MAX = 200000 };
	AUTO(testdir) struct testdir d = testdir_make();
	struct ack *acks = malloc(ACKS_MAX * sizeof *acks);
	size_t n = 0, checked = 0;
	for (int k = 0; k < KILLS; k++) {
		int fds[2];
		CHECK_INT(pipe(fds), 0);
		next_id = (int64_t)k << 32;
		pid_t pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(fds[0]);
			ack_fd = fds[1];
			loop_init();
			pool_init(3);
			loop_main(victim, d.path);
		}
		CHECK(pid > 0);
		close(fds[1]);
		struct timespec life = {.tv_nsec = (long)rand_below(60) * 1000000 + 5000000};
		nanosleep(&life, NULL);
		kill(pid, SIGKILL);
		int status;
		waitpid(pid, &status, 0);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		for (struct ack a; n < ACKS_MAX && read(fds[0], &a, sizeof a) == sizeof a;)
			acks[n++] = a;
		close(fds[0]);
		struct store s = open_all(testdir_slice(&d));
		check_acks(&s, acks + checked, n - checked);
		checked = n;
		close_all(&s);
	}
	struct store s = open_all(testdir_slice(&d));
	check_acks(&s, acks, n);
	close_all(&s);
	CHECK(n > KILLS);
	free(acks);
}

/* A full disk: everything is temporary, what was acknowledged stays, and it goes on by itself. */
static int store_one(struct store *s, struct ack *a, struct err *e)
{
	AUTO(buf) struct buf m = BUF(1 << 20);
	content_of(a->seed, a->size, &m);
	struct blob_writer *w = blob_begin(s->blobs);
	uint64_t size;
	if (blob_add(w, buf_slice(&m), e) < 0) {
		blob_cancel(w);
		return -1;
	}
	if (blob_finish(w, &a->blob, &size, e) < 0)
		return -1;
	struct row r = {.id = a->id, .blob = a->blob};
	return commit_run_blob(s->commit, a->blob, add_row, &r, e);
}

static void write_filler(const char *path)
{
	FILE *f = fopen(path, "w");
	CHECK(f);
	for (int i = 0; i < 3 << 20; i++)
		fputc('x', f);
	fclose(f);
}

TEST(commit_on_a_full_disk)
{
	enum { MOST = 1000 };
	AUTO(testdir) struct testdir d = testdir_make();
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("none", d.path, "tmpfs", 0, "size=16m") < 0)
		test_skip("a full disk needs the right to mount a small one");
	char filler[100];
	snprintf(filler, sizeof filler, "%s/filler", d.path);
	write_filler(filler);
	struct store s = open_all(testdir_slice(&d));
	static struct ack acks[MOST];
	size_t n = 0, failures = 0;
	struct err e;
	for (int64_t id = 1; failures < 10 && n < MOST; id++) {
		acks[n] = (struct ack){.id = id, .seed = (uint64_t)id, .size = 30000};
		if (store_one(&s, &acks[n], &e) == 0) {
			n++;
		} else {
			CHECK_INT(e.kind, ERR_TEMP);
			failures++;
		}
	}
	CHECK_INT(failures, 10);
	CHECK(n > 50);
	check_acks(&s, acks, n);
	CHECK_INT(unlink(filler), 0);
	acks[n] = (struct ack){.id = 5000, .seed = 5000, .size = 30000};
	CHECK_INT(store_one(&s, &acks[n], &e), 0);
	n++;
	close_all(&s);
	s = open_all(testdir_slice(&d));
	check_acks(&s, acks, n);
	CHECK_INT(rows(s.db), (int64_t)n);
	close_all(&s);
	umount2(d.path, MNT_DETACH);
}
