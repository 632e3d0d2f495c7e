/* The policies in force: new versions are noticed, broken ones change nothing, what is held stays. */
#include "bin/policies.h"

#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/directory.h"
#include "store/policies.h"
#include "store/store_testing.h"

#define BROKEN "[policy \"a\"]\ndo = nothing-of-the-kind\n"
#define GOOD "[policy \"a\"]\ndo = mark\n"
#define BETTER "[policy \"a\"]\ndo = mark\n[policy \"b\"]\ndo = mark\n"

struct place {
	struct testdir d;
	struct sql *db;
};

static void put(struct sql *db, const char *text)
{
	struct policies_version v = {.at = wall_now(), .by = S("test"), .text = slice_z(text)};
	struct err e;
	OK(policies_put(db, &v, 0, &v.version, &e));
}

/* Until that version is in force: how many policies it has; -1 when there are none. */
static int64_t count_of(struct policies *p, int64_t version)
{
	instant until = instant_in(5 * SECOND);
	struct err e;
	for (;;) {
		AUTO(policy_set) const struct policy_set *set = NULL;
		int64_t now;
		OK(policies_current(p, &set, &now, &e));
		if (now == version)
			return set ? (int64_t)policy_count(set) : -1;
		if (instant_now() > until)
			test_fail(__FILE__, __LINE__, "version %lld, not %lld", (long long)now,
				(long long)version);
		OK(co_sleep(instant_in(50 * MSEC), &e));
	}
}

static void follow_versions(void *arg)
{
	struct place *at = arg;
	struct policies *p;
	const struct policy_set *kept;
	struct err e;
	int64_t version;
	OK(policies_open(testdir_slice(&at->d), &p, &e));
	CHECK_INT(count_of(p, 0), -1);
	put(at->db, GOOD);
	CHECK_INT(count_of(p, 1), 1);
	OK(policies_current(p, &kept, &version, &e));
	put(at->db, BROKEN); /* as if by another program */
	OK(co_sleep(instant_in(1200 * MSEC), &e));
	CHECK_INT(count_of(p, 1), 1);
	put(at->db, BETTER);
	CHECK_INT(count_of(p, 3), 2);
	CHECK_INT(policy_count(kept), 1); /* held over all that */
	policy_release(kept);
	policies_close(p);
}

static void begin_with_broken(void *arg)
{
	struct place *at = arg;
	struct policies *p;
	const struct policy_set *set = NULL;
	struct err e;
	int64_t version;
	put(at->db, BROKEN);
	OK(policies_open(testdir_slice(&at->d), &p, &e));
	CHECK(policies_current(p, &set, &version, &e) < 0 && e.kind == ERR_TEMP);
	put(at->db, GOOD);
	OK(co_sleep(instant_in(1100 * MSEC), &e));
	CHECK_INT(count_of(p, 2), 1);
	policies_close(p);
	put(at->db, BROKEN);
	put(at->db, BROKEN);
	OK(policies_open(testdir_slice(&at->d), &p, &e));
	CHECK_INT(count_of(p, 2), 1); /* the newest good one */
	policies_close(p);
}

static void run(void (*fn)(void *arg))
{
	struct place at = {.d = testdir_make()};
	struct err e;
	OK(sql_open(testdir_slice(&at.d), "directory", &at.db, &e));
	OK(sql_migrate(at.db, directory_migrations, directory_migrations_n, &e));
	loop_init();
	pool_init(2);
	loop_main(fn, &at);
	pool_done();
	loop_done();
	sql_close(at.db);
	auto_testdir(&at.d);
}

TEST(policies_are_followed)
{
	run(follow_versions);
}

TEST(policies_that_cannot_be_read_let_nothing_through)
{
	run(begin_with_broken);
}
