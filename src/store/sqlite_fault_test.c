/* The disk fails at each call of a commit: it has failed, cleanly, or it is durable; and what comes next works. Files that are damaged, torn, of others. */
#include "store/sqlite_testing.h"

#include <errno.h>
#include <sys/wait.h>

/* ---- calls that fail ---- */

static struct {
	int calls, at; /* the at'th call fails, from 1 on */
	int error; /* 0: half of it is written, and no more */
	bool again; /* and all that follow */
} fault;

static bool strikes(void)
{
	fault.calls++;
	return fault.at && (fault.calls == fault.at || (fault.again && fault.calls > fault.at));
}

static ssize_t failing_write(int fd, const void *p, size_t n, off_t at)
{
	if (!strikes())
		return pwrite(fd, p, n, at);
	if (!fault.error && pwrite(fd, p, n / 2, at) < 0)
		return -1;
	if (!fault.error)
		return (ssize_t)(n / 2); /* SQLite goes on with the rest */
	if (pwrite(fd, p, n / 2, at) < 0) /* what comes to be there before an error */
		return -1;
	errno = fault.error;
	return -1;
}

static void fail_from(int at, int error, bool again)
{
	fault.calls = 0;
	fault.at = at;
	fault.error = error;
	fault.again = again;
	set_call(write_call(), (any_call)failing_write);
}

static void fail_no_more(void)
{
	set_call(write_call(), NULL);
}

enum { BIG = 250 };

/* A transaction that spills pages, and goes on after a statement that failed as long as SQLite does. */
static int big_commit(struct sql *db, int64_t from, struct err *e)
{
	struct err ignored;
	if (sql_begin(db, e) < 0)
		return -1;
	for (int64_t i = from; i < from + BIG; i++) {
		int r = put_row(db, i, e);
		if (r < 0 && !sqlite3_get_autocommit(sqlite_handle(db))) {
			sql_run(db, &ignored, "SELECT SUM(LENGTH(v)) FROM row", "");
			r = put_row(db, i, e);
		}
		if (r < 0) {
			sql_rollback(db);
			return -1;
		}
	}
	if (sql_run(db, e, "UPDATE sum SET n = (SELECT COUNT(*) FROM row) WHERE id = 1", "") < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

static void check_after(const struct testdir *d, struct sql *db, int64_t before, bool committed)
{
	struct sql *other;
	struct err e;
	OK(sql_open_read(testdir_slice(d), "rows", &other, &e));
	CHECK_INT(rows_in(other), committed ? before + BIG : before);
	CHECK_INT(ask_number(other, "SELECT n FROM sum"), committed ? before + BIG : before);
	check_whole(other);
	sql_close(other);
	CHECK_INT(rows_in(db), committed ? before + BIG : before);
	check_whole(db);
}

/* All calls of it are tried; then the log is recovered, as after a crash. */
static void fails_at_each_call(bool encrypted, enum sql_kind kind, int error, bool again)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	int failed = 0, at = 1;
	use_keys(encrypted);
	struct sql *db = open_rows(testdir_slice(&d), kind);
	OK(db->driver->script(db, "PRAGMA cache_size = 10", &e));
	int64_t rows = 0;
	for (;; at += 1 + at / 4) {
		fail_from(at, error, again);
		int r = big_commit(db, 1000 * at, &e);
		int calls = fault.calls;
		fail_no_more();
		failed += r < 0;
		if (r < 0)
			CHECK_INT(e.kind, ERR_TEMP);
		check_after(&d, db, rows, r == 0);
		rows = rows_in(db);
		if (calls < at)
			break; /* it was not reached any more */
		OK(big_commit(db, 1000 * at + 500, &e));
		CHECK_INT(rows_in(db), rows + BIG);
		rows += BIG;
		if (at % 3 == 0) {
			sql_close(db);
			db = open_rows(testdir_slice(&d), kind);
			OK(db->driver->script(db, "PRAGMA cache_size = 10", &e));
		}
	}
	CHECK(at > 3);
	CHECK_INT(failed > 0, error != 0);
	check_whole(db);
	sql_close(db);
	crypt_forget();
}

TEST(vfs_disk_full_once)
{
	fails_at_each_call(false, SQL_CACHE, ENOSPC, false);
	fails_at_each_call(true, SQL_DURABLE, ENOSPC, false);
}

TEST(vfs_disk_full_for_long)
{
	fails_at_each_call(false, SQL_DURABLE, ENOSPC, true);
	fails_at_each_call(true, SQL_CACHE, ENOSPC, true);
}

TEST(vfs_disk_error)
{
	fails_at_each_call(false, SQL_CACHE, EIO, false);
	fails_at_each_call(true, SQL_DURABLE, EIO, true);
}

TEST(vfs_short_writes)
{
	fails_at_each_call(false, SQL_DURABLE, 0, false);
	fails_at_each_call(true, SQL_CACHE, 0, false);
}

/* SQLite rolls back by itself. Who does not look at errors must not commit row by row from then on, nor by reading. */
TEST(vfs_what_follows_a_rollback_of_sqlites)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	struct sql *db = open_rows(testdir_slice(&d), SQL_DURABLE);
	OK(db->driver->script(db, "PRAGMA cache_size = 10", &e));
	OK(commit_rows(db, 0, 20, &e));
	for (int way = 0; way < 3; way++) {
		int64_t at = 100;
		OK(sql_begin(db, &e));
		fail_from(1, ENOSPC, false);
		while (put_row(db, at, &e) == 0)
			at++;
		fail_no_more();
		CHECK(at > 110);
		CHECK(sqlite3_get_autocommit(sqlite_handle(db)));
		CHECK(put_row(db, 5000, &e) < 0);
		CHECK_INT(e.kind, ERR_TEMP);
		CHECK(sql_run(db, &e, "SELECT COUNT(*) FROM row", "") < 0);
		CHECK(db->driver->script(db, "DELETE FROM row", &e) < 0);
		CHECK_INT(e.kind, ERR_TEMP);
		if (way)
			CHECK(sql_commit(db, &e) < 0);
		else
			sql_rollback(db);
		CHECK_INT(rows_in(db), 20 + way);
		OK(commit_rows(db, 200 + way, 1, &e));
		check_whole(db);
	}
	sql_close(db);
}

/* Pages that SQLite believes to be in the log were lost by an error it met while reading: nothing of that transaction may be committed. */
TEST(vfs_lost_pages_are_never_committed)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	struct sql *db = open_rows(testdir_slice(&d), SQL_CACHE);
	OK(db->driver->script(db, "PRAGMA cache_size = 10", &e));
	OK(commit_rows(db, 0, 500, &e));
	int all_struck = 0;
	for (int spilled = 20; spilled < 60; spilled += 3) {
		OK(sql_begin(db, &e));
		for (int64_t i = 0; i < spilled; i++)
			OK(put_row(db, 8 * i, &e));
		fail_from(1, EIO, false);
		int read = sql_run(db, &e, "SELECT SUM(LENGTH(v)) FROM row", "") < 0;
		bool struck = fault.calls > 0;
		fail_no_more();
		int r = sql_run(db, &e, "UPDATE row SET v = v || 'x' WHERE id = 3", "") < 0 ? -1
											    : 0;
		if (r == 0)
			r = sql_commit(db, &e);
		else
			sql_rollback(db);
		CHECK_INT(r < 0, struck);
		CHECK(!struck || read);
		all_struck += struck;
		check_whole(db);
		CHECK_INT(rows_in(db), 500);
	}
	CHECK(all_struck > 0);
	sql_close(db);
}

static enum err_kind kind_of_reading(const struct testdir *d)
{
	AUTO(arena) struct arena a = {0};
	struct sql *db = NULL;
	struct err e;
	slice report;
	int r = sql_open_read(testdir_slice(d), "rows", &db, &e);
	if (r == 0)
		r = sql_check(db, &a, &report, &e);
	sql_close(db);
	return r < 0 ? e.kind : r ? ERR_TEMP : ERR_NONE;
}

/* The log cannot be synced: the commit has failed, and what comes next works. */
static int no_sync(sqlite3_file *f, int flags)
{
	(void)f, (void)flags;
	return strikes() ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static struct vfs_file *log_of(struct sql *db)
{
	sqlite3_file *f = NULL;
	CHECK(sqlite3_file_control(sqlite_handle(db), "main", SQLITE_FCNTL_JOURNAL_POINTER, &f) ==
		SQLITE_OK);
	return (struct vfs_file *)f;
}

TEST(vfs_log_that_cannot_be_synced)
{
	for (int encrypted = 0; encrypted < 2; encrypted++) {
		AUTO(testdir) struct testdir d = testdir_make();
		struct err e;
		use_keys(encrypted);
		struct sql *db = open_rows(testdir_slice(&d), SQL_DURABLE);
		OK(commit_rows(db, 0, 20, &e));
		sqlite3_file *real = vfs_real(log_of(db));
		const sqlite3_io_methods *was = real->pMethods;
		sqlite3_io_methods failing = *was;
		failing.xSync = no_sync;
		fail_from(1, EIO, false);
		fail_no_more();
		real->pMethods = &failing;
		int r = commit_rows(db, 100, 20, &e);
		real->pMethods = was;
		CHECK(r < 0 && fault.calls == 1);
		CHECK_INT(e.kind, ERR_TEMP);
		CHECK_INT(rows_in(db), 20);
		OK(commit_rows(db, 200, 5, &e));
		sql_close(db);
		CHECK_INT(kind_of_reading(&d), ERR_NONE);
		db = open_rows(testdir_slice(&d), SQL_DURABLE);
		CHECK_INT(rows_in(db), 25);
		sql_close(db);
		crypt_forget();
	}
}

/* ---- files ---- */

static bool swap_bytes(const char *path, off_t a, off_t b, size_t n)
{
	AUTO(fd) int fd = open(path, O_RDWR | O_CLOEXEC);
	AUTO(free) char *x = mem_alloc(n);
	AUTO(free) char *y = mem_alloc(n);
	return pread(fd, x, n, a) == (ssize_t)n && pread(fd, y, n, b) == (ssize_t)n &&
	       pwrite(fd, x, n, b) == (ssize_t)n && pwrite(fd, y, n, a) == (ssize_t)n;
}

/* A folded database of some pages. */
static void make_rows(const struct testdir *d, int64_t n)
{
	struct err e;
	struct sql *db = open_rows(testdir_slice(d), SQL_DURABLE);
	OK(commit_rows(db, 0, n, &e));
	sql_close(db);
	CHECK(access(rows_file(d, "sqlite-wal"), F_OK) < 0);
}

TEST(vfs_pages_open_at_their_own_place_alone)
{
	AUTO(testdir) struct testdir a = testdir_make();
	AUTO(testdir) struct testdir b = testdir_make();
	char path[200], page[4096];
	use_keys(true);
	make_rows(&a, 200);
	make_rows(&b, 200);
	CHECK_INT(kind_of_reading(&a), ERR_NONE);
	CHECK(swap_bytes(rows_file(&a, "sqlite"), 3 * 4096, 5 * 4096, 4096));
	CHECK_INT(kind_of_reading(&a), ERR_TEMP);
	CHECK(swap_bytes(rows_file(&a, "sqlite"), 3 * 4096, 5 * 4096, 4096));
	CHECK_INT(kind_of_reading(&a), ERR_NONE);
	/* The same page of another database of the same keys, made in the same way. */
	snprintf(path, sizeof path, "%s", rows_file(&b, "sqlite"));
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(pread(fd, page, sizeof page, 3 * 4096) == 4096);
	CHECK(testdir_overwrite(rows_file(&a, "sqlite"), 3 * 4096, slice_of(page, 4096)) == 0);
	CHECK_INT(kind_of_reading(&a), ERR_TEMP);
	crypt_forget();
}

TEST(vfs_each_byte_of_a_page_counts)
{
	AUTO(testdir) struct testdir d = testdir_make();
	static const int at[] = {24, 99, 100, 3000, 4031, 4035, 4036, 4052, 4075, 4076, 4091};
	char page[4096], other;
	use_keys(true);
	make_rows(&d, 50);
	CHECK_INT(load_file(rows_file(&d, "sqlite"), page, sizeof page), 4096);
	for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
		other = (char)(page[at[i]] ^ 1);
		CHECK(testdir_overwrite(rows_file(&d, "sqlite"), at[i], slice_of(&other, 1)) == 0);
		CHECK(kind_of_reading(&d) != ERR_NONE);
		CHECK(testdir_overwrite(
			      rows_file(&d, "sqlite"), at[i], slice_of(page + at[i], 1)) == 0);
	}
	CHECK_INT(kind_of_reading(&d), ERR_NONE);
	/* Plain pages are not taken for its own. */
	memset(page, 0, sizeof page);
	CHECK(testdir_overwrite(rows_file(&d, "sqlite"), 3 * 4096, slice_of(page, 4096)) == 0);
	CHECK_INT(kind_of_reading(&d), ERR_TEMP);
	crypt_forget();
}

/* Commits, and ends without closing: the log stays, all of it unfolded. */
static void leave_log(const struct testdir *d, int64_t from, int64_t commits)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		struct err e;
		struct sql *db = open_rows(testdir_slice(d), SQL_DURABLE);
		for (int64_t i = 0; i < commits; i++)
			if (commit_rows(db, from + i, 1, &e) < 0)
				_exit(1);
		_exit(0);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static int64_t rows_now(const struct testdir *d)
{
	struct sql *db = open_rows(testdir_slice(d), SQL_DURABLE);
	int64_t n = rows_in(db);
	CHECK_INT(ask_number(db, "SELECT n FROM sum"), n);
	check_whole(db);
	sql_close(db);
	return n;
}

static void torn_tails(bool encrypted)
{
	static const char zeros[5000];
	char junk[5000];
	memset(junk, 0x5a, sizeof junk);
	use_keys(encrypted);
	for (int how = 0; how < 8; how++) {
		AUTO(testdir) struct testdir d = testdir_make();
		struct stat st;
		const char *log = rows_file(&d, "sqlite-wal");
		leave_log(&d, 0, 20);
		log = rows_file(&d, "sqlite-wal");
		CHECK(stat(log, &st) == 0 && st.st_size > 100000);
		off_t cut = how < 4 ? st.st_size - (1 + 1500 * how) : st.st_size;
		CHECK(truncate(log, cut) == 0);
		slice over = slice_of(how % 2 ? zeros : junk, 50 + 1000 * (size_t)(how - 3));
		if (how >= 4)
			CHECK(testdir_overwrite(log, st.st_size - (off_t)over.n, over) == 0);
		CHECK_INT(rows_now(&d), 19);
		leave_log(&d, 100, 3); /* over the torn frames */
		CHECK_INT(rows_now(&d), 22);
	}
	crypt_forget();
}

TEST(vfs_a_torn_log_ends_before_the_tear)
{
	torn_tails(false);
	torn_tails(true);
}

/* While the log's index lives, a frame that was damaged is an error, not the end of the log. */
TEST(vfs_damaged_frame_of_a_live_log)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *other = NULL;
	struct err e;
	struct stat st;
	use_keys(true);
	struct sql *db = open_rows(testdir_slice(&d), SQL_DURABLE);
	OK(commit_rows(db, 0, 100, &e));
	CHECK(stat(rows_file(&d, "sqlite-wal"), &st) == 0 && st.st_size < 1 << 20);
	off_t frame = 24 + 4096;
	for (off_t at = 32 + 24; at < st.st_size; at += frame)
		CHECK(testdir_overwrite(rows_file(&d, "sqlite-wal"), at + 200, S("zz")) == 0);
	int r = sql_open_read(testdir_slice(&d), "rows", &other, &e);
	if (r == 0)
		r = sql_run(other, &e, "SELECT COUNT(*) FROM row", "") < 0 ? -1 : 0;
	CHECK(r < 0);
	CHECK_INT(e.kind, ERR_TEMP);
	CHECK(slice_find(slice_z(e.text), S("encrypted page")) < strlen(e.text));
	sql_close(other);
	sql_close(db);
	crypt_forget();
}

/* ---- keys that are not here ---- */

static void refused(const struct testdir *d)
{
	struct sql *db;
	struct err e;
	CHECK(sql_open(testdir_slice(d), "rows", &db, &e) < 0);
	CHECK_INT(e.kind, ERR_PERM);
	CHECK(slice_find(slice_z(e.text), S("encrypted: the key is missing")) < strlen(e.text));
	CHECK(sql_open_read(testdir_slice(d), "rows", &db, &e) < 0);
	CHECK_INT(e.kind, ERR_PERM);
	CHECK(sql_open_cache(testdir_slice(d), "rows", &db, &e) < 0);
	CHECK_INT(e.kind, ERR_PERM);
}

TEST(vfs_without_its_key_nothing_is_touched)
{
	AUTO(testdir) struct testdir d = testdir_make();
	use_keys(true);
	leave_log(&d, 0, 20); /* all rows are in the log alone */
	crypt_forget();
	refused(&d);
	ring_of(2, 5, true, 7); /* other numbers */
	refused(&d);
	ring_of(1, 1, true, 90); /* another store's */
	refused(&d);
	use_keys(true);
	CHECK_INT(rows_now(&d), 20);
	crypt_forget();
}

/* A newer key writes; both are needed from then on. When encryption is off an encrypted database stays so. */
TEST(vfs_several_keys_in_one_database)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db;
	struct err e;
	use_keys(true);
	make_rows(&d, 300);
	ring_of(1, 2, true, 7);
	db = open_rows(testdir_slice(&d), SQL_DURABLE);
	OK(commit_rows(db, 1000, 1, &e));
	sql_close(db);
	use_keys(true); /* the first alone */
	CHECK_INT(kind_of_reading(&d), ERR_PERM);
	ring_of(1, 2, false, 7);
	leave_log(&d, 2000, 5);
	CHECK_INT(files_with_marker(&d), 0);
	CHECK_INT(rows_now(&d), 306);
	CHECK_INT(files_with_marker(&d), 0);
	ring_of(2, 2, true, 7);
	CHECK_INT(kind_of_reading(&d), ERR_PERM);
	crypt_forget();
}

/* A plain database stays readable, and plain, while encryption is on. */
TEST(vfs_plain_databases_stay_plain)
{
	AUTO(testdir) struct testdir d = testdir_make();
	crypt_forget();
	make_rows(&d, 100);
	use_keys(true);
	leave_log(&d, 1000, 10);
	crypt_forget();
	CHECK_INT(rows_now(&d), 110);
}
