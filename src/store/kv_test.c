/* The key-value store: reading and writing, time, several processes, kill and stop, damage, no
 * room. */
#include "base/rand.h"
#include "base/time.h"
#include "run/loop.h"
#include "run/pool.h"
#include "run/sandbox.h"
#include "store/kv_impl.h"
#include "store/store_testing.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { SIZE = 16 << 20 };

static int64_t fake_now = 1800000000;
static int64_t fake_clock(void)
{
	return __atomic_load_n(&fake_now, __ATOMIC_RELAXED);
}

static struct kv *open_kv(const struct testdir *d)
{
	struct kv *kv = kv_open(testdir_slice(d), SIZE);
	kv_set_clock(kv, fake_clock);
	return kv;
}

static slice get(struct kv *kv, const char *key, struct arena *a)
{
	slice v = {0};
	return kv_get(kv, slice_z(key), a, &v) == KV_FOUND ? v : S("(none)");
}

static int64_t count(struct kv *kv, const char *key)
{
	int64_t n = -1;
	return kv_count(kv, slice_z(key), &n) == KV_UNKNOWN ? -2 : n;
}

TEST(kv_keeps_what_is_put_for_its_time)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct kv *kv = open_kv(&d);
	CHECK(kv_works(kv));
	CHECK_STR(get(kv, "t:a", &a), S("(none)"));
	kv_put(kv, S("t:a"), S("one"), 100);
	kv_put(kv, S("t:b"), S(""), 200);
	CHECK_STR(get(kv, "t:a", &a), S("one")); /* before it is written */
	kv_flush(kv);
	CHECK_STR(get(kv, "t:a", &a), S("one"));
	CHECK_STR(get(kv, "t:b", &a), S(""));
	kv_put(kv, S("t:a"), S("two"), 100);
	kv_delete(kv, S("t:b"));
	CHECK_STR(get(kv, "t:a", &a), S("two"));
	CHECK_STR(get(kv, "t:b", &a), S("(none)"));
	kv_close(kv);
	kv = open_kv(&d);
	CHECK_STR(get(kv, "t:a", &a), S("two"));
	CHECK_STR(get(kv, "t:b", &a), S("(none)"));
	fake_now += 99;
	CHECK_STR(get(kv, "t:a", &a), S("two"));
	fake_now += 1;
	CHECK_STR(get(kv, "t:a", &a), S("(none)"));
	kv_close(kv);
}

TEST(kv_adds_and_tells_at_once)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct kv *kv = open_kv(&d);
	for (int i = 1; i <= 2000; i++) { /* over many transactions: none counts twice or never */
		kv_add(kv, S("n:x"), 1, 60);
		CHECK_INT(count(kv, "n:x"), i);
		if (i % 100 == 0)
			usleep(1000);
	}
	kv_flush(kv);
	CHECK_INT(count(kv, "n:x"), 2000);
	kv_add(kv, S("n:x"), -500, 60);
	CHECK_INT(count(kv, "n:x"), 1500);
	kv_delete(kv, S("n:x"));
	CHECK_INT(count(kv, "n:x"), 0);
	kv_add(kv, S("n:x"), 7, 60);
	CHECK_INT(count(kv, "n:x"), 7);
	kv_flush(kv);
	fake_now += 50;
	kv_add(kv, S("n:x"), 1, 60); /* does not make it live longer */
	kv_flush(kv);
	CHECK_INT(count(kv, "n:x"), 8);
	fake_now += 10;
	CHECK_INT(count(kv, "n:x"), 0);
	kv_add(kv, S("n:x"), 3, 60); /* begins anew */
	CHECK_INT(count(kv, "n:x"), 3);
	kv_flush(kv);
	CHECK_INT(count(kv, "n:x"), 3);
	kv_close(kv);
}

static void append(slice old, slice arg, struct buf *out)
{
	buf_put(out, old);
	buf_put(out, arg);
	if (slice_eq(arg, S("-")))
		buf_reset(out);
}

TEST(kv_updates_run_in_order)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct kv *kv = open_kv(&d);
	kv_update(kv, S("u:x"), append, S("a"), 100);
	kv_update(kv, S("u:x"), append, S("b"), 100);
	kv_flush(kv);
	kv_update(kv, S("u:x"), append, S("c"), 100);
	kv_flush(kv);
	CHECK_STR(get(kv, "u:x", &a), S("abc"));
	fake_now += 90;
	kv_update(kv, S("u:x"), append, S("d"), 100); /* lives on */
	kv_flush(kv);
	fake_now += 90;
	CHECK_STR(get(kv, "u:x", &a), S("abcd"));
	char big[KV_VALUE_MAX + 1];
	memset(big, 'x', sizeof big);
	kv_update(kv, S("u:x"), append, slice_of(big, sizeof big), 100); /* too long: dropped */
	kv_flush(kv);
	CHECK_STR(get(kv, "u:x", &a), S("abcd"));
	kv_update(kv, S("u:x"), append, S("-"), 100);
	kv_flush(kv);
	CHECK_STR(get(kv, "u:x", &a), S("(none)"));
	kv_close(kv);
}

TEST(kv_long_keys_are_apart)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct kv *kv = open_kv(&d);
	char k[2000];
	memset(k, 'k', sizeof k);
	slice one = slice_of(k, sizeof k), two = slice_of(k, sizeof k - 1), v;
	kv_put(kv, one, S("1"), 9);
	kv_put(kv, two, S("2"), 9);
	kv_flush(kv);
	CHECK(kv_get(kv, one, &a, &v) == KV_FOUND && slice_eq(v, S("1")));
	CHECK(kv_get(kv, two, &a, &v) == KV_FOUND && slice_eq(v, S("2")));
	kv_close(kv);
}

struct seen {
	char text[400];
	size_t n;
	unsigned entries;
};

static bool note(void *arg, slice key, slice value, int64_t ends_at)
{
	struct seen *s = arg;
	s->entries++;
	if (s->n < sizeof s->text - 100)
		s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, "%.*s=%.*s@%lld ",
			SFMT(key), SFMT(value), (long long)(ends_at - fake_now));
	return true;
}

TEST(kv_each_walks_a_prefix)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct kv *kv = open_kv(&d);
	struct kv_stat st;
	struct seen s = {0};
	struct err e;
	kv_put(kv, S("b:2"), S("y"), 20);
	kv_put(kv, S("a:1"), S("w"), 10);
	kv_put(kv, S("b:1"), S("x"), 10);
	kv_put(kv, S("c:1"), S("z"), 10);
	kv_put(kv, S("b:0"), S("gone"), 1);
	kv_flush(kv);
	fake_now += 5;
	CHECK(kv_each(kv, S("b:"), note, &s, &e) == 0);
	CHECK_STR(slice_of(s.text, s.n), S("b:1=x@5 b:2=y@15 "));
	for (int i = 0; i < 3000; i++) {
		char k[32];
		snprintf(k, sizeof k, "many:%d", i);
		kv_put(kv, slice_z(k), S("v"), 100);
	}
	kv_flush(kv);
	s = (struct seen){0};
	CHECK(kv_each(kv, S("many:"), note, &s, &e) == 0);
	CHECK_INT(s.entries, 3000);
	s = (struct seen){0};
	CHECK(kv_each(kv, S(""), note, &s, &e) == 0);
	CHECK_INT(s.entries, 3004);
	CHECK(kv_stat(kv, &st, &e) == 0 && st.size == SIZE && st.entries == 3005);
	kv_close(kv);
}

/* ---- several processes ---- */

static pid_t child(const struct testdir *d, void (*fn)(struct kv *kv, int n), int n)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid)
		return pid;
	struct kv *kv = open_kv(d);
	fn(kv, n);
	kv_close(kv);
	_exit(0);
}

static void wait_for(pid_t pid)
{
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void add_many(struct kv *kv, int n)
{
	for (int i = 0; i < n; i++) {
		kv_add(kv, S("shared"), 1, 1000);
		if (i % 50 == 0)
			usleep(500);
	}
	kv_flush(kv);
}

TEST(kv_processes_share_one_count)
{
	AUTO(testdir) struct testdir d = testdir_make();
	pid_t pids[4];
	for (int i = 0; i < 4; i++)
		pids[i] = child(&d, add_many, 1000);
	for (int i = 0; i < 4; i++)
		wait_for(pids[i]);
	struct kv *kv = open_kv(&d);
	CHECK_INT(count(kv, "shared"), 4000);
	kv_close(kv);
}

static void write_without_end(struct kv *kv, int n)
{
	for (unsigned i = 0;; i++) {
		char k[32];
		snprintf(k, sizeof k, "k:%d:%u", n, i % 5000);
		kv_add(kv, slice_z(k), 1, 1000);
		if (i % 100 == 0)
			usleep(100);
	}
}

TEST(kv_survives_killed_writers)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct kv *kv = open_kv(&d);
	for (int round = 0; round < 12; round++) {
		pid_t pids[2];
		for (int i = 0; i < 2; i++)
			pids[i] = child(&d, write_without_end, i);
		usleep(20000 + (useconds_t)rand_below(40000));
		for (int i = 0; i < 2; i++) {
			kill(pids[i], SIGKILL);
			CHECK(waitpid(pids[i], NULL, 0) == pids[i]);
		}
		kv_add(kv, S("mine"), 1, 1000);
		kv_flush(kv);
		CHECK_INT(count(kv, "mine"), round + 1);
	}
	kv_close(kv);
	struct err e;
	CHECK(kv_prepare(testdir_slice(&d), &e) == 0); /* reads all of it */
	kv = open_kv(&d);
	CHECK_INT(count(kv, "mine"), 12);
	kv_close(kv);
}

static void hold_lock(struct kv *kv, int n)
{
	MDB_txn *txn;
	(void)n;
	pthread_mutex_lock(&kv->lock);
	CHECK(mdb_txn_begin(kv->db->env, NULL, 0, &txn) == 0);
	raise(SIGSTOP);
	mdb_txn_abort(txn);
	pthread_mutex_unlock(&kv->lock);
}

TEST(kv_stopped_process_blocks_nobody)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct kv *kv = open_kv(&d);
	kv_put(kv, S("old"), S("value"), 1000);
	kv_flush(kv);
	pid_t pid = child(&d, hold_lock, 0);
	int status;
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	instant began = instant_now();
	for (int i = 0; i < KV_PENDING_MAX + 1000; i++) {
		char k[32];
		snprintf(k, sizeof k, "p:%d", i);
		kv_put(kv, slice_z(k), S("v"), 1000);
		kv_add(kv, S("number"), 1, 1000);
	}
	CHECK_STR(get(kv, "old", &a), S("value"));
	CHECK_STR(get(kv, "p:5", &a), S("v"));
	CHECK(count(kv, "number") > 40000);
	CHECK(instant_now() - began < 5 * SECOND);
	CHECK_STR(get(kv, "p:100999", &a), S("(none)")); /* too many wait: dropped */
	kill(pid, SIGCONT);
	wait_for(pid);
	kv_flush(kv);
	CHECK_STR(get(kv, "p:5", &a), S("v"));
	kv_close(kv);
}

/* What a close does while another process holds the lock: it does not wait for it. */
static void close_beside(struct kv *kv, int n)
{
	instant began = instant_now();
	(void)n;
	kv_put(kv, S("late"), S("x"), 10);
	usleep(50000);
	kv_close(kv);
	_exit(instant_now() - began < 4 * SECOND ? 0 : 1);
}

TEST(kv_close_does_not_wait_for_others)
{
	AUTO(testdir) struct testdir d = testdir_make();
	pid_t holder = child(&d, hold_lock, 0);
	int status;
	CHECK(waitpid(holder, &status, WUNTRACED) == holder && WIFSTOPPED(status));
	pid_t closer = child(&d, close_beside, 0);
	wait_for(closer);
	kill(holder, SIGCONT);
	wait_for(holder);
}

/* ---- damage ---- */

static char *path_in(const struct testdir *d, const char *name, struct arena *a)
{
	return arena_strz(a, arena_printf(a, "%s/kv/%s", d->path, name));
}

static void fill(struct kv *kv, int n)
{
	for (int i = 0; i < n; i++) {
		char k[32];
		snprintf(k, sizeof k, "fill:%d", i);
		kv_put(kv, slice_z(k), S("some value of some length, so that there are pages"),
			10000);
	}
	kv_flush(kv);
}

static void write_file(const char *path, slice content)
{
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, content.p, content.n) == (ssize_t)content.n);
}

TEST(kv_garbage_is_moved_aside)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct err e;
	char *junk = arena_alloc(&a, 100000);
	rand_bytes(junk, 100000);
	CHECK(kv_prepare(testdir_slice(&d), &e) == 0);
	static const size_t sizes[] = {1, 100, 4096, 8192, 100000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		write_file(path_in(&d, "data.mdb", &a), slice_of(junk, sizes[i]));
		struct kv *kv = open_kv(&d);
		CHECK(kv_works(kv));
		CHECK_INT(count(kv, "x"), 0);
		kv_add(kv, S("x"), 1, 100);
		kv_flush(kv);
		CHECK_INT(count(kv, "x"), 1);
		kv_close(kv);
		CHECK(access(path_in(&d, "data.damaged", &a), F_OK) == 0);
	}
}

/* Some bytes of some pages of a good file, as a power failure may leave them. */
static void damage(const char *path, struct arena *a)
{
	struct stat st;
	CHECK(stat(path, &st) == 0 && st.st_size > 16 * 4096);
	uint64_t pages = (uint64_t)st.st_size / 4096;
	char *junk = arena_alloc(a, 4096);
	for (int i = 0; i < 6; i++) {
		rand_bytes(junk, 4096);
		off_t at = (off_t)(2 + rand_below(pages - 2)) * 4096;
		size_t n = i % 3 == 0 ? 4096 : i % 3 == 1 ? 512 : 64;
		CHECK(testdir_overwrite(path, at, slice_of(junk, n)) == 0);
	}
}

TEST(kv_check_finds_what_a_power_failure_left)
{
	AUTO(arena) struct arena a = {0};
	unsigned found = 0;
	enum { ROUNDS = 12 };
	for (int i = 0; i < ROUNDS; i++) {
		AUTO(testdir) struct testdir d = testdir_make();
		struct err e;
		struct kv *kv = open_kv(&d);
		fill(kv, 5000);
		kv_close(kv);
		damage(path_in(&d, "data.mdb", &a), &a);
		CHECK(kv_prepare(testdir_slice(&d), &e) == 0);
		found += access(path_in(&d, "data.damaged", &a), F_OK) == 0;
		kv = open_kv(&d); /* sound, or new */
		CHECK(kv_works(kv));
		fill(kv, 5000);
		CHECK(kv_works(kv));
		kv_close(kv);
	}
	CHECK(found >= ROUNDS - 1); /* only free pages may have been hit */
}

TEST(kv_check_is_made_once_a_boot_and_leaves_good_files)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct err e;
	struct kv *kv = open_kv(&d);
	fill(kv, 3000);
	for (int i = 0; i < 3000; i += 2) {
		char k[32];
		snprintf(k, sizeof k, "fill:%d", i);
		kv_delete(kv, slice_z(k));
	}
	kv_close(kv);
	CHECK(kv_prepare(testdir_slice(&d), &e) == 0);
	CHECK(access(path_in(&d, "data.damaged", &a), F_OK) < 0);
	kv = open_kv(&d);
	CHECK(count(kv, "fill:1") == 0); /* no number, but there */
	CHECK(slice_starts(get(kv, "fill:1", &a), S("some value")));
	kv_close(kv);
	if (access("/proc/sys/kernel/random/boot_id", R_OK) < 0)
		return;
	write_file(path_in(&d, "data.mdb", &a), S("junk"));
	CHECK(kv_prepare(testdir_slice(&d), &e) == 0);
	CHECK(access(path_in(&d, "data.damaged", &a), F_OK) < 0); /* was looked at in this boot */
	write_file(path_in(&d, "boot", &a), S("another"));
	CHECK(kv_prepare(testdir_slice(&d), &e) == 0);
	CHECK(access(path_in(&d, "data.damaged", &a), F_OK) == 0);
}

/* The file loses its end while a process has it mapped: the process dies, the next begins anew. */
static void read_cut_file(struct kv *kv, int n)
{
	AUTO(arena) struct arena a = {0};
	AUTO(free) char *path;
	(void)n;
	signal(SIGABRT, SIG_DFL);
	CHECK(asprintf(&path, "%s/data.mdb", kv->dir) > 0);
	CHECK(truncate(path, 3 * 4096) == 0);
	close(2); /* what a sanitizer says about it */
	for (int i = 0; i < 5000; i++) {
		char k[32];
		snprintf(k, sizeof k, "fill:%d", i);
		get(kv, k, &a);
	}
}

TEST(kv_crash_inside_is_followed_by_a_new_beginning)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct kv *kv = open_kv(&d);
	int status;
	fill(kv, 5000);
	kv_close(kv);
	pid_t pid = child(&d, read_cut_file, 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
	CHECK(access(path_in(&d, "damaged", &a), F_OK) == 0);
	kv = open_kv(&d);
	CHECK(kv_works(kv));
	CHECK(access(path_in(&d, "data.damaged", &a), F_OK) == 0);
	CHECK_STR(get(kv, "fill:1", &a), S("(none)"));
	fill(kv, 10);
	CHECK(slice_starts(get(kv, "fill:1", &a), S("some value")));
	kv_close(kv);
}

static void wait_works(struct kv *kv, const char *key)
{
	instant deadline = instant_in(8 * SECOND);
	for (;;) {
		kv_add(kv, slice_z(key), 1, 100);
		kv_flush(kv);
		if (count(kv, key) > 0 && instant_now() > 0) {
			struct stat st;
			AUTO(free) char *path;
			CHECK(asprintf(&path, "%s/data.mdb", kv->dir) > 0);
			if (stat(path, &st) == 0 && kv_works(kv))
				return;
		}
		CHECK(instant_now() < deadline);
		usleep(20000);
	}
}

TEST(kv_directory_that_goes_away_is_made_again)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct kv *kv = open_kv(&d);
	kv_add(kv, S("x"), 5, 100);
	kv_flush(kv);
	for (int round = 0; round < 2; round++) {
		const char *dir = arena_strz(&a, arena_printf(&a, "%s/kv", d.path));
		nftw(dir, testdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
		wait_works(kv, "after");
	}
	kv_close(kv);
	kv = open_kv(&d);
	CHECK_INT(count(kv, "x"), 0);
	CHECK(count(kv, "after") > 0);
	kv_close(kv);
}

TEST(kv_without_a_place_knows_nothing)
{
	struct kv *kv = kv_open(S("/proc/none"), SIZE);
	AUTO(arena) struct arena a = {0};
	slice v;
	int64_t n;
	CHECK(!kv_works(kv));
	kv_put(kv, S("a"), S("b"), 10);
	kv_add(kv, S("n"), 1, 10);
	CHECK(kv_get(kv, S("a"), &a, &v) == KV_UNKNOWN);
	CHECK(kv_count(kv, S("n"), &n) == KV_UNKNOWN && n == 0);
	kv_flush(kv);
	kv_close(kv);
}

/* ---- no room ---- */

static void full_disk(struct kv *kv, int n)
{
	AUTO(arena) struct arena a = {0};
	(void)n;
	fill(kv, 1000);
	struct rlimit was, small;
	signal(SIGXFSZ, SIG_IGN);
	CHECK(getrlimit(RLIMIT_FSIZE, &was) == 0);
	small = was;
	small.rlim_cur = 512 << 10;
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	fill(kv, 20000); /* cannot all be written */
	for (int i = 0; i < 20000; i += 1000) {
		char k[32];
		snprintf(k, sizeof k, "more:%d", i);
		kv_put(kv, slice_z(k), S("x"), 10000);
		kv_flush(kv);
	}
	if (!slice_starts(get(kv, "fill:1", &a), S("some value")))
		_exit(2); /* what was there is still read */
	CHECK(setrlimit(RLIMIT_FSIZE, &was) == 0);
	kv_put(kv, S("again"), S("yes"), 10000);
	kv_flush(kv);
	if (!slice_eq(get(kv, "again", &a), S("yes")))
		_exit(3);
}

TEST(kv_full_disk_is_survived)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	wait_for(child(&d, full_disk, 0));
	struct kv *kv = open_kv(&d);
	CHECK_STR(get(kv, "again", &a), S("yes"));
	kv_close(kv);
	struct err e;
	CHECK(kv_prepare(testdir_slice(&d), &e) == 0);
	CHECK(access(path_in(&d, "data.damaged", &a), F_OK) < 0);
}

TEST(kv_makes_room_for_what_is_new)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct kv *kv = open_kv(&d); /* 16 MiB */
	enum { N = 400000 }; /* would take twice as much */
	char value[40] = {0};
	kv_put(kv, S("long"), S("x"), 1000000);
	for (int i = 0; i < N; i++) {
		char k[32];
		snprintf(k, sizeof k, "flood:%d", (int)((unsigned)i * 2654435761u % N));
		kv_put(kv, slice_z(k), slice_of(value, sizeof value), 3600 + (uint32_t)(i / 100));
		if (i % 20000 == 0)
			kv_flush(kv);
	}
	kv_flush(kv);
	struct kv_stat st;
	struct err e;
	CHECK(kv_works(kv));
	CHECK(kv_stat(kv, &st, &e) == 0);
	CHECK(st.bytes <= st.size && st.entries > 50000 && st.entries < N);
	CHECK_STR(get(kv, "long", &a), S("x")); /* ends last, goes last */
	kv_put(kv, S("new"), S("y"), 100);
	kv_flush(kv);
	CHECK_STR(get(kv, "new", &a), S("y"));
	kv_close(kv);
}

TEST(kv_sweeps_what_has_ended)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct kv *kv = open_kv(&d);
	struct kv_stat st;
	struct err e;
	fill(kv, 3000);
	fake_now += 20000;
	kv_put(kv, S("alive"), S("x"), 1000);
	kv_flush(kv);
	instant deadline = instant_in(20 * SECOND);
	do {
		usleep(50000);
		CHECK(kv_stat(kv, &st, &e) == 0);
		CHECK(instant_now() < deadline);
	} while (st.entries > 1);
	kv_close(kv);
}

/* Coroutines may flush; the others run meanwhile. */
static void flush_in_coroutine(void *arg)
{
	struct kv *kv = arg;
	kv_add(kv, S("co"), 2, 100);
	kv_flush(kv);
	CHECK_INT(count(kv, "co"), 2);
}

TEST(kv_flush_in_a_coroutine)
{
	AUTO(testdir) struct testdir d = testdir_make();
	loop_init();
	pool_init(2);
	struct kv *kv = open_kv(&d);
	loop_main(flush_in_coroutine, kv);
	kv_close(kv);
	pool_done();
	loop_done();
}

/* ---- confined as the server's processes are ---- */

static void confine(const struct testdir *d)
{
	AUTO(arena) struct arena a = {0};
	struct sandbox s = {.mode = SANDBOX_AUTO, .user = S("nobody")};
	struct err e;
	s.paths[s.npaths++] = (struct sandbox_path){arena_printf(&a, "%s/kv", d->path), true};
	if (sandbox_enter(&s, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
}

static pid_t confined_child(const struct testdir *d, void (*fn)(struct kv *kv, int n), int n)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid)
		return pid;
	confine(d);
	struct kv *kv = open_kv(d);
	CHECK(kv_works(kv));
	fn(kv, n);
	kv_close(kv);
	_exit(0);
}

static void write_with_lock_held(struct kv *kv, int n)
{
	MDB_txn *txn;
	(void)n;
	CHECK(mdb_txn_begin(kv->db->env, NULL, 0, &txn) == 0);
	raise(SIGSTOP);
}

static void count_to(struct kv *kv, int n)
{
	for (int i = 0; i < n; i++)
		kv_add(kv, S("n"), 1, 100);
	kv_flush(kv);
	CHECK_INT(count(kv, "n"), n);
}

TEST(kv_works_in_the_sandbox)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	unsigned uid, gid;
	int status;
	CHECK(kv_prepare(testdir_slice(&d), &e) == 0);
	if (geteuid() == 0) {
		AUTO(arena) struct arena a = {0};
		CHECK(sandbox_user_ids(S("nobody"), &uid, &gid, &e) == 0);
		CHECK(chmod(d.path, 0755) == 0 && chown(path_in(&d, "", &a), uid, gid) == 0 &&
			chown(path_in(&d, "boot", &a), uid, gid) == 0);
	}
	pid_t pid = confined_child(&d, write_with_lock_held, 0);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	kill(pid, SIGKILL); /* with the lock: the next one takes it over */
	CHECK(waitpid(pid, &status, 0) == pid);
	wait_for(confined_child(&d, count_to, 1000));
}
