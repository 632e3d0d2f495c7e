/* Versions of the policies and facts of letters in their tables. */
#include "store/policies.h"

#include "base/time.h"
#include "store/directory.h"
#include "store/store_testing.h"
#include "store/trace.h"

static int64_t put(struct sql *db, slice text, int64_t based_on)
{
	const struct policies_version v = {
		.at = 1000, .by = S("ann"), .note = S("why"), .text = text};
	int64_t version = -1;
	struct err e;
	return policies_put(db, &v, based_on, &version, &e) < 0 ? -(int64_t)e.kind : version;
}

static bool count_versions(void *arg, const struct policies_version *v)
{
	int64_t *last = arg;
	CHECK(*last == 0 || v->version == *last - 1);
	CHECK(v->current == (*last == 0));
	CHECK_STR(v->by, S("ann"));
	CHECK_STR(v->note, S("why"));
	*last = v->version;
	return true;
}

TEST(versions_of_policies_are_kept)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db;
	struct err e;
	struct policies_version v;
	int64_t newest, last = 0;
	OK(sql_open(testdir_slice(&d), "directory", &db, &e));
	OK(sql_migrate(db, directory_migrations, directory_migrations_n, &e));
	OK(policies_current_version(db, &newest, &e));
	CHECK_INT(newest, 0);
	CHECK(policies_get(db, 0, &a, &v, &e) < 0 && e.kind == ERR_NOTFOUND);
	CHECK_INT(put(db, S("one"), 0), 1);
	CHECK_INT(put(db, S("two"), 1), 2);
	CHECK_INT(put(db, S("three"), 1), -ERR_EXISTS); /* somebody was faster */
	CHECK_INT(put(db, S("three"), 2), 3);
	OK(policies_get(db, 0, &a, &v, &e));
	CHECK(v.version == 3 && v.current && v.at == 1000);
	CHECK_STR(v.text, S("three"));
	OK(policies_get(db, 1, &a, &v, &e));
	CHECK(v.version == 1 && !v.current);
	CHECK_STR(v.text, S("one"));
	CHECK(policies_get(db, 4, &a, &v, &e) < 0 && e.kind == ERR_NOTFOUND);
	OK(policies_history(db, 10, count_versions, &last, &e));
	CHECK_INT(last, 1);
	last = 0;
	OK(policies_history(db, 2, count_versions, &last, &e));
	CHECK_INT(last, 2);
	sql_close(db);
}

static bool sum_up(void *arg, const struct policies_fact *f)
{
	int64_t *sum = arg;
	CHECK_STR(f->facts, S("{}"));
	CHECK_STR(f->decided, S("x"));
	CHECK_INT(f->at, (int64_t)f->id * 10);
	*sum = *sum * 100 + (int64_t)f->id;
	return *sum < 10000;
}

TEST(facts_of_letters_are_kept_for_a_time)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db;
	struct err e;
	int64_t sum = 0;
	OK(sql_open(testdir_slice(&d), "trace", &db, &e));
	OK(sql_migrate(db, trace_migrations, trace_migrations_n, &e));
	OK(sql_begin(db, &e));
	for (msg_id id = 1; id <= 9; id++) {
		const struct policies_fact f = {
			.id = id, .at = (int64_t)id * 10, .facts = S("{}"), .decided = S("x")};
		OK(policies_fact_add_tx(db, &f, &e));
		OK(policies_fact_add_tx(db, &f, &e)); /* once more after a crash: no mistake */
	}
	OK(sql_commit(db, &e));
	OK(policies_facts_each(db, 80, 100, sum_up, &sum, &e));
	CHECK_INT(sum, 908);
	sum = 0;
	OK(policies_facts_each(db, 0, 100, sum_up, &sum, &e)); /* three are enough for it */
	CHECK_INT(sum, 90807);
	OK(sql_begin(db, &e));
	CHECK_INT(policies_facts_expire_tx(db, 80, 3, &e), 3);
	CHECK_INT(policies_facts_expire_tx(db, 80, 100, &e), 4);
	OK(sql_commit(db, &e));
	sum = 0;
	OK(policies_facts_each(db, 0, 100, sum_up, &sum, &e));
	CHECK_INT(sum, 908);
	sql_close(db);
}
