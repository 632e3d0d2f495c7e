/* Policies of MTA-STS on disk. */
#include "store/tlspolicy.h"

#include "base/buf.h"
#include "store/store_testing.h"
#include <sys/stat.h>

static void on_row(void *arg, const struct sts_row *r)
{
	struct buf *out = arg;
	buf_printf(out, "%.*s %.*s %.*s %d %d %d;", SFMT(r->domain), SFMT(r->id), SFMT(r->policy),
		(int)r->fetched_at, (int)r->expires_at, (int)r->used_at);
}

static void check_rows(struct sql *db, int64_t most, const char *want)
{
	AUTO(buf) struct buf out = BUF(1000);
	struct err e;
	CHECK_INT(sts_rows(db, most, on_row, &out, &e), 0);
	CHECK_STR(buf_slice(&out), slice_z(want));
}

TEST(tlspolicy_rows)
{
	AUTO(testdir) struct testdir dir = testdir_make();
	char path[100];
	struct sql *db;
	struct err e;
	snprintf(path, sizeof path, "%s/db", dir.path);
	CHECK_INT(mkdir(path, 0700), 0);
	CHECK_INT(sql_open(testdir_slice(&dir), TLSPOLICY_DB, &db, &e), 0);
	CHECK_INT(sql_migrate(db, tlspolicy_migrations, tlspolicy_migrations_n, &e), 0);
	const struct sts_row a = {S("a.test"), S("1"), S("A"), 10, 20, 11};
	const struct sts_row b = {S("b.test"), S("2"), S("B"), 10, 30, 12};
	const struct sts_row again = {S("a.test"), S("3"), S("C"), 15, 25, 16};
	CHECK_INT(sts_put_tx(db, &a, &e), 0);
	CHECK_INT(sts_put_tx(db, &b, &e), 0);
	check_rows(db, 10, "b.test 2 B 10 30 12;a.test 1 A 10 20 11;");
	CHECK_INT(sts_put_tx(db, &again, &e), 0);
	check_rows(db, 10, "a.test 3 C 15 25 16;b.test 2 B 10 30 12;");
	check_rows(db, 1, "a.test 3 C 15 25 16;");
	CHECK_INT(sts_expire_tx(db, 25, &e), 0);
	check_rows(db, 10, "b.test 2 B 10 30 12;");
	CHECK_INT(sts_expire_tx(db, 30, &e), 0);
	check_rows(db, 10, "");
	sql_close(db);
}
