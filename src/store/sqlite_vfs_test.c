/* The file system of SQLite's: a commit is one write; whatever is done, what is read is what was written; nothing of an encrypted database is plain in any file. */
#include "store/sqlite_testing.h"

#include "store/sql_image.h"

#include <errno.h>
#include <sys/wait.h>

#define BOTH(name)                                                                                 \
	static void name(bool encrypted);                                                          \
	TEST(vfs_##name##_plain)                                                                   \
	{                                                                                          \
		use_keys(false);                                                                   \
		name(false);                                                                       \
	}                                                                                          \
	TEST(vfs_##name##_encrypted)                                                               \
	{                                                                                          \
		use_keys(true);                                                                    \
		name(true);                                                                        \
		crypt_forget();                                                                    \
	}                                                                                          \
	static void name(bool encrypted)

/* With the environment's POSTHOUSE_TEST_CRYPT all tests of the folder work on an encrypted store, until one of them takes its own keys. */
__attribute__((constructor)) static void encrypt_all(void)
{
	if (getenv("POSTHOUSE_TEST_CRYPT"))
		use_keys(true);
}

/* ---- what is written ---- */

static int writes, marked;

static ssize_t watched_write(int fd, const void *p, size_t n, off_t at)
{
	writes++;
	marked += slice_find(slice_of(p, n), S(MARKER)) < n;
	return pwrite(fd, p, n, at);
}

static void watch(void)
{
	writes = marked = 0;
	set_call(write_call(), (any_call)watched_write);
}

static void unwatch(void)
{
	set_call(write_call(), NULL);
}

BOTH(a_commit_is_one_write)
{
	static const enum sql_kind kinds[] = {SQL_DURABLE, SQL_CACHE};
	struct err e;
	(void)encrypted;
	for (int i = 0; i < 2; i++) {
		AUTO(testdir) struct testdir d = testdir_make();
		struct sql *db = open_rows(testdir_slice(&d), kinds[i]);
		OK(commit_rows(db, 0, 100, &e));
		watch();
		OK(commit_rows(db, 3, 1, &e));
		int one = writes;
		OK(commit_rows(db, 200, 200, &e)); /* more than fits into one */
		unwatch();
		CHECK_INT(one, 1);
		CHECK(writes - one < 10);
		CHECK_INT(rows_in(db), 300);
		sql_close(db);
	}
}

/* Through every way by which SQLite writes: making, log, spilled transactions, folding, schema steps, snapshots, reindexing. */
BOTH(no_word_of_it_in_any_file)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	watch();
	struct sql *db = open_rows(testdir_slice(&d), SQL_DURABLE);
	OK(db->driver->script(db, "PRAGMA cache_size = 10", &e));
	OK(commit_rows(db, 0, 2000, &e));
	OK(sql_begin(db, &e));
	OK(sql_run(db, &e, "UPDATE row SET v = v || '" MARKER "'", ""));
	OK(sql_run(db, &e, "SAVEPOINT s", "")); /* journals of statements and savepoints */
	OK(sql_run(db, &e, "UPDATE row SET v = v || $1, id = id + 10000", "t", S(MARKER)));
	OK(sql_run(db, &e, "ROLLBACK TO s", ""));
	OK(sql_commit(db, &e));
	OK(sql_run(db, &e, "CREATE INDEX by_v ON row (v)", "")); /* sorts it all */
	int in_log = files_with_marker(&d);
	OK(sql_checkpoint(db, &e));
	OK(sql_reindex(db, &e));
	OK(sql_migrate_down(db, 1, &e));
	OK(sql_migrate(db, row_steps, 2, &e));
	int at_end = files_with_marker(&d);
	OK(db->driver->script(db, "VACUUM", &e));
	check_whole(db);
	CHECK_INT(rows_in(db), 2000);
	sql_close(db);
	unwatch();
	CHECK_INT(in_log > 0, !encrypted);
	CHECK_INT(at_end > 2, !encrypted); /* database, log, snapshots */
	CHECK_INT(files_with_marker(&d) > 0, !encrypted);
	CHECK_INT(marked > 0, !encrypted);
}

/* A model beside: what is read is what was written, with spilled pages, savepoints and several connections. */
BOTH(is_what_was_written)
{
	enum { N = 400 };
	AUTO(testdir) struct testdir d = testdir_make();
	int64_t model[N] = {0}, saved[N], sum = 0, had;
	uint32_t x = encrypted + 5;
	struct err e;
	struct sql *db = open_rows(testdir_slice(&d), SQL_CACHE), *other;
	OK(db->driver->script(db, "PRAGMA cache_size = 10", &e));
	OK(sql_open_twin(db, &other, &e));
	for (int round = 0; round < 60; round++) {
		OK(sql_begin(db, &e));
		for (int step = 0; step < 4; step++) {
			memcpy(saved, model, sizeof model);
			OK(sql_run(db, &e, "SAVEPOINT s", ""));
			for (int i = 0; i < 40; i++) {
				x = x * 1103515245 + 12345;
				int64_t id = (x >> 8) % N, n = (x >> 16) % 3000;
				AUTO(free) char *text = mem_alloc((size_t)n + 1);
				memset(text, 'a' + (int)(id % 26), (size_t)n);
				model[id] = n;
				CHECK(sql_run(db, &e,
					      "INSERT INTO row (id, v) VALUES ($1, $2) ON CONFLICT "
					      "(id) DO UPDATE SET v = excluded.v",
					      "it", id, slice_of(text, (size_t)n)) == 1);
			}
			bool back = (x >> 20) % 3 == 0;
			if (back)
				memcpy(model, saved, sizeof model);
			if (back)
				OK(sql_run(db, &e, "ROLLBACK TO s", ""));
			OK(sql_run(db, &e, "RELEASE s", ""));
		}
		bool undo = (x >> 12) % 5 == 0;
		had = sum;
		sum = 0;
		for (int i = 0; i < N; i++)
			sum += model[i];
		CHECK_INT(ask_number(db, "SELECT SUM(LENGTH(v)) FROM row"), sum);
		if (round)
			CHECK_INT(ask_number(other, "SELECT COALESCE(SUM(LENGTH(v)), 0) FROM row"),
				had);
		if (undo && round) {
			sql_rollback(db);
			struct sql_stmt *s = sql_prepare(db, "SELECT id, LENGTH(v) FROM row", &e);
			memset(model, 0, sizeof model);
			while (sql_step(s, &e) == 1)
				model[sql_int(s, 0)] = sql_int(s, 1);
			sum = had;
		} else {
			OK(sql_commit(db, &e));
		}
		if (round % 9 == 8)
			OK(sql_checkpoint(other, &e));
		CHECK_INT(ask_number(other, "SELECT SUM(LENGTH(v)) FROM row"), sum);
	}
	check_whole(other);
	sql_close(other);
	sql_close(db);
	db = open_rows(testdir_slice(&d), SQL_READ_ONLY);
	CHECK_INT(ask_number(db, "SELECT SUM(LENGTH(v)) FROM row"), sum);
	check_whole(db);
	sql_close(db);
}

static int image_read(void *arg, uint64_t at, size_t n, char *to, struct err *e)
{
	return sql_moment_read(arg, at, n, to, e);
}

/* A moment's bytes are plain, and are a database; others write and fold meanwhile. */
BOTH(a_moment_is_plain)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql_moment *m;
	struct sql *image;
	struct err e;
	struct sql *db = open_rows(testdir_slice(&d), SQL_DURABLE);
	(void)encrypted;
	OK(commit_rows(db, 0, 300, &e));
	OK(sql_checkpoint(db, &e));
	OK(commit_rows(db, 100, 300, &e));
	OK(sql_moment_begin(testdir_slice(&d), "rows", &m, &e));
	OK(commit_rows(db, 1000, 300, &e));
	OK(sql_checkpoint(db, &e));
	AUTO(free) char *bytes = mem_alloc(sql_moment_size(m));
	for (uint64_t at = 0; at < sql_moment_size(m);) { /* not at pages' ends */
		size_t n = sql_moment_size(m) - at < 999 ? sql_moment_size(m) - at : 999;
		OK(sql_moment_read(m, at, n, bytes + at, &e));
		at += n;
	}
	slice all = slice_of(bytes, sql_moment_size(m));
	CHECK(slice_find(all, S(MARKER)) < all.n);
	struct sql_source source = {sql_moment_size(m), image_read, m};
	use_keys(false);
	OK(sql_open_source("copy", &source, &image, &e));
	use_keys(encrypted);
	check_whole(image);
	CHECK_INT(rows_in(image), 400);
	sql_close(image);
	sql_moment_end(m);
	sql_close(db);
}

/* ---- several processes ---- */

/* The end of a child; tests' failures leave by longjmp, which must not go on in it. */
static void child_ends(bool good)
{
	_exit(good ? 0 : 1);
}

static void write_rows(const struct testdir *d, enum sql_kind kind, int64_t from)
{
	struct sql *db;
	struct err e;
	bool good = sql_open_kind(testdir_slice(d), "rows", kind, &db, &e) == 0;
	for (int i = 0; good && i < 60; i++)
		good = commit_rows(db, from + 10 * i, 10, &e) == 0 &&
		       (i % 20 || sql_checkpoint(db, &e) == 0);
	if (!good)
		fprintf(stderr, "%s\n", e.text);
	child_ends(good);
}

static void read_rows(const struct testdir *d)
{
	struct sql *db;
	struct err e;
	bool good = sql_open_read(testdir_slice(d), "rows", &db, &e) == 0;
	for (int i = 0; good && i < 200; i++) {
		good = sql_read_begin(db, &e) == 0;
		int64_t sum = good ? ask_number(db, "SELECT n FROM sum") : 0;
		good = good && sum == rows_in(db) && sum % 10 == 0;
		sql_read_end(db);
	}
	child_ends(good);
}

BOTH(processes_write_and_read)
{
	AUTO(testdir) struct testdir d = testdir_make();
	pid_t child[5];
	int status;
	(void)encrypted;
	sql_close(open_rows(testdir_slice(&d), SQL_DURABLE));
	for (int i = 0; i < 5; i++) {
		child[i] = fork();
		if (child[i] == 0 && i < 3)
			write_rows(&d, i == 2 ? SQL_DURABLE : SQL_CACHE, 1000 * i);
		if (child[i] == 0)
			read_rows(&d);
	}
	for (int i = 0; i < 5; i++) {
		CHECK(child[i] > 0 && waitpid(child[i], &status, 0) == child[i]);
		CHECK_INT(status, 0);
	}
	struct sql *db = open_rows(testdir_slice(&d), SQL_READ_ONLY);
	CHECK_INT(rows_in(db), 1800);
	check_whole(db);
	sql_close(db);
}

/* Commits until it is killed, and tells each that was answered. */
static void commit_for_ever(const struct testdir *d, enum sql_kind kind, int tell)
{
	struct sql *db;
	struct err e;
	if (sql_open_kind(testdir_slice(d), "rows", kind, &db, &e) < 0)
		child_ends(false);
	for (int64_t n = rows_in(db);; n += 3) {
		if (commit_rows(db, n, 3, &e) < 0 || write(tell, &n, sizeof n) != sizeof n)
			child_ends(false);
		if (n % 50 == 0 && sql_checkpoint(db, &e) < 0)
			child_ends(false);
	}
}

BOTH(killed_while_it_commits)
{
	AUTO(testdir) struct testdir d = testdir_make();
	(void)encrypted;
	sql_close(open_rows(testdir_slice(&d), SQL_DURABLE));
	for (int round = 0; round < 12; round++) {
		int ends[2], status;
		int64_t told = -3, n;
		CHECK(pipe(ends) == 0);
		pid_t child = fork();
		if (child == 0)
			commit_for_ever(&d, round % 2 ? SQL_DURABLE : SQL_CACHE, ends[1]);
		CHECK(child > 0);
		close(ends[1]);
		for (int i = 0; i < 10 + 7 * round && read(ends[0], &n, sizeof n) == sizeof n; i++)
			told = n;
		usleep((useconds_t)(round * 137));
		kill(child, SIGKILL);
		while (read(ends[0], &n, sizeof n) == sizeof n)
			told = n;
		close(ends[0]);
		waitpid(child, &status, 0);
		CHECK(WIFSIGNALED(status) && told >= 0);
		struct sql *db = open_rows(testdir_slice(&d), SQL_DURABLE);
		check_whole(db);
		n = rows_in(db);
		CHECK(n == told + 3 ||
			n == told + 6); /* the last one may have had no time to tell */
		CHECK_INT(ask_number(db, "SELECT n FROM sum"), n);
		sql_close(db);
	}
}
