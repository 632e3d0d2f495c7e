/* A database's moment while others write and fold the log; reading it back from its bytes. */
#include "base/buf.h"
#include "base/test.h"
#include "store/sql_image.h"
#include "store/store_testing.h"

static const struct sql_migration steps[] = {
	{1, "t", "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, v TEXT NOT NULL)",
		"DROP TABLE t"},
};

static void fill(struct sql *db, int64_t from, int64_t n)
{
	struct err e;
	char text[600];
	memset(text, 'a' + (int)(from % 26), sizeof text);
	CHECK(sql_begin(db, &e) == 0);
	for (int64_t i = from; i < from + n; i++)
		CHECK(sql_run(db, &e, "INSERT INTO t (id, v) VALUES ($1, $2)", "it", i,
			      slice_of(text, sizeof text)) == 1);
	CHECK(sql_commit(db, &e) == 0);
}

struct bytes {
	slice s;
	bool fail;
};

static int read_bytes(void *arg, uint64_t at, size_t n, char *to, struct err *e)
{
	struct bytes *b = arg;
	if (b->fail)
		return err_set(e, ERR_TEMP, "no");
	memcpy(to, b->s.p + at, n);
	return 0;
}

static void copy_moment(struct sql_moment *m, struct buf *out)
{
	struct err e;
	uint64_t size = sql_moment_size(m);
	for (uint64_t at = 0; at < size; at += 10000) { /* not at pages' ends */
		size_t n = size - at < 10000 ? size - at : 10000;
		CHECK(sql_moment_read(m, at, n, buf_room(out, n), &e) == 0);
		buf_commit(out, n);
	}
}

static void check_source(slice bytes, int64_t rows)
{
	AUTO(arena) struct arena a = {0};
	struct bytes b = {bytes, false};
	struct sql_source source = {bytes.n, read_bytes, &b};
	struct sql *db;
	struct err e;
	slice report;
	CHECK(sql_open_source("copy", &source, &db, &e) == 0);
	CHECK_INT(sql_check(db, &a, &report, &e), 0);
	struct sql_stmt *s = sql_prepare(db, "SELECT COUNT(*) FROM t", &e);
	CHECK(s && sql_step(s, &e) == 1);
	CHECK_INT(sql_int(s, 0), rows);
	sql_reset(s);
	CHECK(sql_begin(db, &e) < 0);
	sql_close(db);
}

/* Variants: how much of the log was folded into the database when the moment begins. */
static void moment_holds(bool fold_before, bool fold_after)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(buf) struct buf copy = BUF(16 << 20);
	struct sql *db;
	struct sql_moment *m;
	struct err e;
	CHECK(sql_open(testdir_slice(&d), "x", &db, &e) == 0);
	CHECK(sql_migrate(db, steps, 1, &e) == 0);
	fill(db, 0, 500);
	if (fold_before)
		CHECK(sql_checkpoint(db, &e) == 0);
	else
		fill(db, 500, 100);
	CHECK(sql_moment_begin(testdir_slice(&d), "x", &m, &e) == 0);
	for (int i = 0; i < 5; i++) {
		fill(db, 1000 + 500 * i, 500);
		if (fold_after)
			CHECK(sql_checkpoint(db, &e) == 0);
	}
	copy_moment(m, &copy);
	sql_moment_end(m);
	check_source(buf_slice(&copy), fold_before ? 500 : 600);
	CHECK(sql_checkpoint(db, &e) == 0);
	sql_close(db);
}

TEST(sql_moment_from_the_log)
{
	moment_holds(false, false);
}

TEST(sql_moment_from_the_log_while_it_is_folded)
{
	moment_holds(false, true);
}

TEST(sql_moment_from_the_file_while_the_log_begins_anew)
{
	moment_holds(true, true);
	moment_holds(true, false);
}

TEST(sql_moment_face_changes_with_commits)
{
	AUTO(testdir) struct testdir d = testdir_make();
	char a[SQL_FACE_MAX], b[SQL_FACE_MAX];
	struct sql *db;
	struct sql_moment *m;
	struct err e;
	CHECK_INT(sql_moment_face(testdir_slice(&d), "x", a), 0);
	CHECK(sql_moment_begin(testdir_slice(&d), "x", &m, &e) < 0);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	CHECK(sql_open(testdir_slice(&d), "x", &db, &e) == 0);
	CHECK(sql_migrate(db, steps, 1, &e) == 0);
	size_t n = sql_moment_face(testdir_slice(&d), "x", a);
	CHECK(n > 0);
	CHECK(sql_moment_begin(testdir_slice(&d), "x", &m, &e) == 0);
	sql_moment_end(m);
	CHECK_INT(sql_moment_face(testdir_slice(&d), "x", b), n);
	CHECK_STR(slice_of(b, n), slice_of(a, n));
	fill(db, 1, 1);
	size_t k = sql_moment_face(testdir_slice(&d), "x", b);
	CHECK(!slice_eq(slice_of(b, k), slice_of(a, n)));
	sql_close(db);
}

TEST(sql_source_that_cannot_be_read)
{
	struct bytes b = {S(""), true};
	struct sql_source source = {1 << 20, read_bytes, &b};
	struct sql *db = NULL;
	struct err e;
	int version;
	int r = sql_open_source("copy", &source, &db, &e);
	CHECK(r < 0 || sql_version(db, &version, &e) < 0);
	CHECK_INT(e.kind, ERR_TEMP);
	if (r == 0)
		sql_close(db);
}
