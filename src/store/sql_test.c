/* The SQL layer on the SQLite driver: values, errors, turns of writers, migrations and snapshots.
 */
#include "base/buf.h"
#include "base/test.h"
#include "base/time.h"
#include "store/sql.h"
#include "store/sqlite_turn.h"
#include "store/store_testing.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct sql_migration steps[] = {
	{1, "things",
		"CREATE TABLE thing (id BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, data "
		"{{BLOB}})"
		"{{WITHOUT_ROWID}}; CREATE UNIQUE INDEX thing_name ON thing (name)",
		"DROP TABLE thing"},
	{2, "numbers", "CREATE TABLE number (id {{AUTO_KEY}}, v BIGINT NOT NULL)",
		"DROP TABLE number"},
};
static const struct sql_migration third[] = {
	{1, "things", "", ""},
	{2, "numbers", "", ""},
	{3, "bad", "CREATE TABLE other (id BIGINT); SELECT nonsense FROM nowhere", ""},
};

static struct sql *open_things(slice dir)
{
	struct sql *db;
	struct err e;
	if (sql_open(dir, "thing", &db, &e) < 0 || sql_migrate(db, steps, 2, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return db;
}

static int64_t insert(struct sql *db, int64_t id, slice name, slice data, struct err *e)
{
	return sql_run(db, e, "INSERT INTO thing (id, name, data) VALUES ($1, $2, $3)", "itb", id,
		name, data);
}

static int64_t count(struct sql *db)
{
	struct err e;
	struct sql_stmt *s = sql_prepare(db, "SELECT COUNT(*) FROM thing", &e);
	if (!s || sql_step(s, &e) != 1)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	int64_t n = sql_int(s, 0);
	sql_reset(s);
	return n;
}

static int files_in(slice dir, const char *sub)
{
	char path[300];
	snprintf(path, sizeof path, "%.*s/%s", SFMT(dir), sub);
	DIR *d = opendir(path);
	int n = 0;
	for (struct dirent *f; d && (f = readdir(d));)
		n += f->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

TEST(sql_values_come_back)
{
	AUTO(testdir) struct testdir dir = testdir_make();
	struct sql *db = open_things(testdir_slice(&dir));
	struct err e;
	static const slice values[] = {S_INIT(""), S_INIT("plain"), S_INIT("nul\0inside"),
		S_INIT("\xff\xfe not utf-8 \xc0\x80"), S_INIT("\xe4\xb8\xad\xe6\x96\x87"),
		S_INIT("'; DROP")};
	for (int64_t i = 0; i < 6; i++)
		CHECK_INT(insert(db, i, values[i], values[i], &e), 1);
	struct sql_stmt *s = sql_prepare(db, "SELECT name, data FROM thing WHERE id = $1", &e);
	CHECK(s);
	for (int i = 0; i < 6; i++) {
		sql_bind_int(s, 1, i);
		CHECK_INT(sql_step(s, &e), 1);
		CHECK_STR(sql_text(s, 0), values[i]);
		CHECK_STR(sql_text(s, 1), values[i]);
		CHECK(!sql_is_null(s, 0));
		CHECK_INT(sql_step(s, &e), 0);
	}
	CHECK_INT(sql_run(db, &e, "INSERT INTO thing (id, name, data) VALUES ($2, $1, $3)", "tin",
			  S("null"), (int64_t)INT64_MIN),
		1);
	s = sql_prepare(db, "SELECT data FROM thing WHERE name = $1", &e);
	sql_bind_text(s, 1, S("null"));
	CHECK_INT(sql_step(s, &e), 1);
	CHECK(sql_is_null(s, 0));
	CHECK_STR(sql_text(s, 0), S(""));
	sql_close(db);
}

TEST(sql_errors_have_kinds)
{
	AUTO(testdir) struct testdir dir = testdir_make();
	struct sql *db = open_things(testdir_slice(&dir));
	struct err e;
	CHECK_INT(insert(db, 1, S("a"), S(""), &e), 1);
	CHECK_INT(insert(db, 1, S("b"), S(""), &e), -1);
	CHECK_INT(e.kind, ERR_EXISTS);
	CHECK_INT(insert(db, 2, S("a"), S(""), &e), -1);
	CHECK_INT(e.kind, ERR_EXISTS);
	CHECK(!sql_prepare(db, "SELECT FROM", &e));
	CHECK_INT(e.kind, ERR_BUG);
	CHECK(!sql_prepare(db, "SELECT ?", &e));
	CHECK_INT(e.kind, ERR_BUG);
	CHECK_INT(sql_run(db, &e, "DELETE FROM thing WHERE id = $1", "ii", (int64_t)1, (int64_t)2),
		-1);
	CHECK_INT(e.kind, ERR_BUG);
	CHECK_INT(sql_run(db, &e, "DELETE FROM thing WHERE id = $1", "i", (int64_t)1), 1);
	sql_close(db);
	struct sql *r;
	CHECK_INT(sql_open_read(testdir_slice(&dir), "never", &r, &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	CHECK_INT(sql_open(testdir_slice(&dir), "../up", &r, &e), -1);
	CHECK_INT(e.kind, ERR_BUG);
	CHECK_INT(sql_open_read(testdir_slice(&dir), "thing", &r, &e), 0);
	CHECK_INT(insert(r, 3, S("c"), S(""), &e), -1);
	CHECK_INT(count(r), 0);
	sql_close(r);
}

TEST(sql_statement_in_use_is_not_shared)
{
	AUTO(testdir) struct testdir dir = testdir_make();
	struct sql *db = open_things(testdir_slice(&dir));
	struct err e;
	for (int64_t i = 0; i < 3; i++)
		CHECK_INT(insert(db, i, slice_of(&"xyz"[i], 1), S(""), &e), 1);
	static const char all[] = "SELECT id FROM thing ORDER BY id";
	struct sql_stmt *outer = sql_prepare(db, all, &e);
	int rows = 0;
	while (sql_step(outer, &e) == 1) {
		struct sql_stmt *inner = sql_prepare(db, all, &e);
		CHECK(inner != outer);
		CHECK_INT(sql_step(inner, &e), 1);
		CHECK_INT(sql_int(inner, 0), 0);
		sql_reset(inner);
		CHECK_INT(sql_int(outer, 0), rows++);
	}
	CHECK_INT(rows, 3);
	sql_close(db);
}

TEST(sql_transactions)
{
	AUTO(testdir) struct testdir dir = testdir_make();
	struct sql *db = open_things(testdir_slice(&dir)), *other;
	struct err e;
	CHECK_INT(sql_open_twin(db, &other, &e), 0);
	CHECK_INT(sql_begin(db, &e), 0);
	CHECK_INT(insert(db, 1, S("a"), S(""), &e), 1);
	CHECK_INT(count(other), 0);
	sql_rollback(db);
	CHECK_INT(count(db), 0);
	CHECK_INT(sql_begin(db, &e), 0);
	CHECK_INT(insert(db, 1, S("a"), S(""), &e), 1);
	CHECK_INT(sql_commit(db, &e), 0);
	CHECK_INT(count(other), 1);
	sql_close(other);
	sql_close(db);
}

/* Writers of several processes take turns; none is starved and nothing is lost. */
TEST(sql_writers_take_turns)
{
	enum { WRITERS = 4, EACH = 60 };
	AUTO(testdir) struct testdir dir = testdir_make();
	sql_close(open_things(testdir_slice(&dir)));
	for (int w = 0; w < WRITERS; w++) {
		if (fork())
			continue;
		struct sql *db = open_things(testdir_slice(&dir));
		struct err e;
		for (int i = 0; i < EACH; i++) {
			char name[32];
			int n = snprintf(name, sizeof name, "%d/%d", w, i);
			CHECK_INT(sql_begin(db, &e), 0);
			CHECK_INT(
				insert(db, w * EACH + i, slice_of(name, (size_t)n), S(""), &e), 1);
			CHECK_INT(sql_commit(db, &e), 0);
		}
		sql_close(db);
		_exit(0);
	}
	for (int w = 0, status; w < WRITERS; w++)
		CHECK(wait(&status) > 0 && status == 0);
	struct sql *db = open_things(testdir_slice(&dir));
	CHECK_INT(count(db), WRITERS * EACH);
	sql_close(db);
}

TEST(turn_ends_with_its_holder)
{
	AUTO(testdir) struct testdir dir = testdir_make();
	char path[300];
	snprintf(path, sizeof path, "%s/t.lock", dir.path);
	struct err e;
	struct turn *mine, *other;
	CHECK_INT(turn_open(path, &mine, &e), 0);
	CHECK_INT(turn_open(path, &other, &e), 0);
	CHECK_INT(turn_take(mine, SECOND, &e), 0);
	instant before = instant_now();
	CHECK_INT(turn_take(other, 50 * MSEC, &e), -1);
	CHECK_INT(e.kind, ERR_TEMP);
	CHECK(instant_now() - before < 5 * SECOND);
	turn_give(mine);
	CHECK_INT(turn_take(other, SECOND, &e), 0);
	turn_give(other);
	int ready[2];
	CHECK_INT(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct turn *t;
		if (turn_open(path, &t, &e) < 0 || turn_take(t, SECOND, &e) < 0)
			_exit(1);
		CHECK(write(ready[1], "x", 1) == 1);
		pause();
	}
	CHECK(pid > 0);
	char c;
	CHECK(read(ready[0], &c, 1) == 1);
	CHECK_INT(turn_take(mine, 30 * MSEC, &e), -1);
	kill(pid, SIGKILL);
	CHECK_INT(turn_take(mine, 5 * SECOND, &e), 0);
	waitpid(pid, NULL, 0);
	turn_close(mine);
	turn_close(other);
}

TEST(sql_migrations_snapshot_and_go_back)
{
	AUTO(testdir) struct testdir dir = testdir_make();
	slice d = testdir_slice(&dir);
	struct sql *db;
	struct err e;
	int v;
	CHECK_INT(sql_open(d, "thing", &db, &e), 0);
	CHECK_INT(sql_version(db, &v, &e), 0);
	CHECK_INT(v, 0);
	CHECK_INT(sql_migrate(db, steps, 1, &e), 0);
	CHECK_INT(files_in(d, "snapshot"), 0);
	CHECK_INT(insert(db, 1, S("kept"), S(""), &e), 1);
	CHECK_INT(sql_migrate(db, steps, 2, &e), 0);
	CHECK_INT(files_in(d, "snapshot"), 1);
	CHECK_INT(sql_migrate(db, steps, 2, &e), 0);
	CHECK_INT(files_in(d, "snapshot"), 1);
	CHECK_INT(sql_migrate(db, third, 3, &e), -1);
	CHECK_INT(sql_version(db, &v, &e), 0);
	CHECK_INT(v, 2);
	CHECK(!sql_prepare(db, "SELECT id FROM other", &e)); /* the bad step left nothing */
	CHECK_INT(sql_migrate(db, steps, 1, &e), -1);
	CHECK_INT(e.kind, ERR_PERM);
	CHECK_INT(sql_migrate_down(db, 1, &e), 0);
	CHECK_INT(sql_version(db, &v, &e), 0);
	CHECK_INT(v, 1);
	CHECK(!sql_prepare(db, "SELECT v FROM number", &e));
	CHECK_INT(count(db), 1);
	CHECK_INT(sql_migrate(db, steps, 2, &e), 0);
	sql_close(db);
}

TEST(sql_check_finds_damage)
{
	AUTO(testdir) struct testdir dir = testdir_make();
	struct sql *db = open_things(testdir_slice(&dir));
	struct err e;
	AUTO(arena) struct arena a = {0};
	slice report;
	AUTO(buf) struct buf big = BUF(4000);
	buf_fill(&big, 'x', 3000);
	for (int64_t i = 0; i < 200; i++) {
		char name[16];
		CHECK_INT(insert(db, i, slice_of(name, (size_t)snprintf(name, 16, "%d", (int)i)),
				  buf_slice(&big), &e),
			1);
	}
	CHECK_INT(sql_check(db, &a, &report, &e), 0);
	CHECK_STR(report, S(""));
	sql_close(db);
	char path[300];
	snprintf(path, sizeof path, "%s/db/thing.sqlite", dir.path);
	CHECK_INT(testdir_overwrite(
			  path, 20 * 4096, S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
		0);
	CHECK_INT(sql_open(testdir_slice(&dir), "thing", &db, &e), 0);
	CHECK(sql_check(db, &a, &report, &e) > 0);
	CHECK(report.n > 0);
	sql_close(db);
}

static void fill_and_empty(struct sql *db)
{
	struct err e;
	AUTO(buf) struct buf data = BUF(8192);
	while (data.n < 8000)
		buf_put(&data, S("much of what was derived "));
	CHECK(sql_begin(db, &e) == 0);
	for (int i = 0; i < 2000; i++) {
		char name[16];
		int n = snprintf(name, sizeof name, "n%d", i);
		CHECK(insert(db, i, slice_of(name, (size_t)n), buf_slice(&data), &e) == 1);
	}
	CHECK(sql_commit(db, &e) == 0);
	CHECK(sql_run(db, &e, "DELETE FROM thing WHERE id >= 10", "") == 1990);
}

TEST_PLAIN_AND_ENCRYPTED(sql_room_is_given_back)
{
	AUTO(testdir) struct testdir dir = testdir_make();
	struct sql *db;
	struct err e;
	CHECK(sql_open_cache(testdir_slice(&dir), "thing", &db, &e) == 0 &&
		sql_migrate(db, steps, 2, &e) == 0);
	fill_and_empty(db);
	int calls = 0, more;
	while ((more = sql_give_back(db, &e)) == 1 && calls < 100)
		calls++;
	CHECK_INT(more, 0);
	CHECK(calls >= 3);
	CHECK(sql_checkpoint(db, &e) == 0);
	CHECK(count(db) == 10);
	AUTO(arena) struct arena a = {0};
	slice report;
	CHECK_INT(sql_check(db, &a, &report, &e), 0);
	sql_close(db);
	char path[300];
	struct stat st;
	snprintf(path, sizeof path, "%s/db/thing.sqlite", dir.path);
	CHECK(stat(path, &st) == 0 && st.st_size < 6 << 20);
}

/* Nothing is moved about in what must be fast. */
TEST(sql_room_of_what_lasts_is_kept)
{
	AUTO(testdir) struct testdir dir = testdir_make();
	struct sql *db = open_things(testdir_slice(&dir));
	struct err e;
	fill_and_empty(db);
	CHECK_INT(sql_give_back(db, &e), 0);
	sql_close(db);
}
