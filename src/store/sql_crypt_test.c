/* Databases are made anew as things stand: encrypted, by another key, plain; nobody else has them open; killed runs leave them whole. */
#include "store/sql_crypt.h"
#include "store/sqlite_testing.h"

#include <sys/wait.h>

static struct sql_crypt_state state;

static void look(const struct testdir *d)
{
	struct err e;
	OK(sql_crypt_state(testdir_slice(d), "rows", &state, &e));
	CHECK_INT(state.strange, 0);
}

static void check_rows(const struct testdir *d, int64_t n)
{
	struct sql *db = open_rows(testdir_slice(d), SQL_DURABLE);
	check_whole(db);
	CHECK_INT(rows_in(db), n);
	sql_close(db);
}

static void recrypt(const struct testdir *d, bool want_done)
{
	struct err e;
	bool done = !want_done;
	OK(sql_recrypt(testdir_slice(d), "rows", &done, &e));
	CHECK_INT(done, want_done);
	look(d);
	CHECK_INT(state.nkeys, 1);
	CHECK_INT(state.key[0].no, crypt_now());
	CHECK_INT(state.encrypted, crypt_now() != 0);
	CHECK_INT(files_with_marker(d) > 0, crypt_now() == 0);
	CHECK(access(rows_file(d, "sqlite-wal"), F_OK) < 0);
	CHECK(access(rows_file(d, "sqlite-journal"), F_OK) < 0);
	CHECK(access(rows_file(d, "sqlite.recrypt"), F_OK) < 0);
}

TEST(recrypt_from_each_state_to_each)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	crypt_forget();
	CHECK(sql_crypt_state(testdir_slice(&d), "rows", &state, &e) < 0);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	struct sql *db = open_rows(testdir_slice(&d), SQL_DURABLE);
	OK(commit_rows(db, 0, 300, &e));
	sql_close(db);
	look(&d);
	CHECK(!state.encrypted && state.nkeys == 1 && state.key[0].no == 0);
	CHECK_INT(state.key[0].pages, state.pages);
	recrypt(&d, false);
	use_keys(true);
	recrypt(&d, true);
	recrypt(&d, false);
	check_rows(&d, 300);
	ring_of(1, 3, true, 7); /* a newer key */
	db = open_rows(testdir_slice(&d), SQL_DURABLE);
	OK(commit_rows(db, 5, 1, &e));
	sql_close(db);
	look(&d);
	CHECK_INT(state.nkeys, 2);
	CHECK(state.key[0].no == 1 && state.key[1].no == 3 && state.key[1].pages > 0);
	recrypt(&d, true);
	ring_of(3, 3, true, 7); /* the old one may go */
	check_rows(&d, 300);
	ring_of(1, 3, false, 7); /* off */
	recrypt(&d, true);
	crypt_forget();
	check_rows(&d, 300);
	use_keys(true); /* and on again, with room for trailers already there */
	recrypt(&d, true);
	check_rows(&d, 300);
	crypt_forget();
}

TEST(recrypt_folds_the_log)
{
	AUTO(testdir) struct testdir d = testdir_make();
	int status;
	crypt_forget();
	pid_t child = fork();
	if (child == 0) {
		struct err e;
		struct sql *db = open_rows(testdir_slice(&d), SQL_DURABLE);
		_exit(commit_rows(db, 0, 300, &e) < 0);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
	CHECK(access(rows_file(&d, "sqlite-wal"), F_OK) == 0);
	use_keys(true);
	recrypt(&d, true);
	check_rows(&d, 300);
	crypt_forget();
}

TEST(recrypt_needs_to_be_alone)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	bool done;
	crypt_forget();
	struct sql *db = open_rows(testdir_slice(&d), SQL_DURABLE);
	OK(commit_rows(db, 0, 30, &e));
	sql_close(db);
	use_keys(true);
	db = open_rows(testdir_slice(&d), SQL_READ_ONLY);
	CHECK_INT(rows_in(db), 30);
	CHECK(sql_recrypt(testdir_slice(&d), "rows", &done, &e) < 0);
	CHECK_INT(e.kind, ERR_TEMP);
	CHECK(slice_ends(slice_z(e.text), S("in use")));
	CHECK_INT(rows_in(db), 30);
	sql_close(db);
	recrypt(&d, true);
	check_rows(&d, 30);
	/* Without its key. */
	crypt_forget();
	CHECK(sql_recrypt(testdir_slice(&d), "rows", &done, &e) < 0);
	CHECK_INT(e.kind, ERR_PERM);
	ring_of(2, 2, true, 7);
	CHECK(sql_recrypt(testdir_slice(&d), "rows", &done, &e) < 0);
	CHECK_INT(e.kind, ERR_PERM);
	look(&d); /* needs none */
	CHECK(state.encrypted && state.key[0].no == 1);
	use_keys(true);
	check_rows(&d, 30);
	crypt_forget();
}

TEST(recrypt_killed_at_any_time)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	bool done;
	int status;
	crypt_forget();
	struct sql *db = open_rows(testdir_slice(&d), SQL_DURABLE);
	OK(commit_rows(db, 0, 3000, &e));
	sql_close(db);
	for (int i = 0; i < 16; i++) {
		ring_of(1, 1 + (uint32_t)i, true, 7);
		pid_t child = fork();
		if (child == 0)
			_exit(sql_recrypt(testdir_slice(&d), "rows", &done, &e) < 0);
		CHECK(child > 0);
		usleep((useconds_t)(3000 * i));
		kill(child, SIGKILL);
		CHECK(waitpid(child, &status, 0) == child);
		check_rows(&d, 3000);
	}
	ring_of(1, 20, true, 7);
	recrypt(&d, true);
	check_rows(&d, 3000);
	crypt_forget();
}

/* A page that does not open stops it, and the old file stays. */
TEST(recrypt_of_a_damaged_database)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	bool done;
	use_keys(true);
	struct sql *db = open_rows(testdir_slice(&d), SQL_DURABLE);
	OK(commit_rows(db, 0, 300, &e));
	sql_close(db);
	ring_of(1, 2, true, 7);
	CHECK(testdir_overwrite(rows_file(&d, "sqlite"), 6 * 4096 + 77, S("junk")) == 0);
	CHECK(sql_recrypt(testdir_slice(&d), "rows", &done, &e) < 0);
	CHECK_INT(e.kind, ERR_TEMP);
	look(&d);
	CHECK(state.encrypted && state.nkeys >= 1 && state.key[0].no == 1);
	CHECK(access(rows_file(&d, "sqlite.recrypt"), F_OK) < 0);
	crypt_forget();
}
