/* Webhooks that wait: in their order, one of an account's to one URL at a time, and no more than the limits. */
#include "base/time.h"
#include "store/queue.h"
#include "store/store_testing.h"
#include "store/webhook.h"
#include <stdio.h>

static int64_t count(struct sql *db)
{
	struct err e;
	struct sql_stmt *s = sql_prepare(db, "SELECT COUNT(*) FROM webhook", &e);
	int64_t n = s && sql_step(s, &e) == 1 ? sql_int(s, 0) : -1;
	sql_reset(s);
	return n;
}

static void add(struct sql *db, int64_t account, slice url, slice body, int64_t at)
{
	struct err e;
	const struct webhook w = {
		.account_id = account, .url = url, .body = body, .made_at = at, .next_at = at};
	OK(webhook_add_tx(db, &w, &e));
}

/* The bodies of those that are due, one after another. */
static slice due(struct sql *db, int64_t now, struct arena *a, int64_t *ret_next)
{
	struct webhook *v;
	size_t n = 0;
	struct err e;
	slice all = S("");
	OK(webhook_due(db, now, 10, a, &v, &n, ret_next, &e));
	for (size_t i = 0; i < n; i++)
		all = arena_printf(a, "%.*s%.*s", SFMT(all), SFMT(v[i].body));
	return all;
}

TEST(webhooks_wait_for_those_before_them)
{
	AUTO(testdir) struct testdir dir = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db;
	struct err e;
	int64_t next;
	const slice one = S("https://a.test/1"), two = S("https://a.test/2");
	OK(sql_open(testdir_slice(&dir), "queue", &db, &e));
	OK(sql_migrate(db, queue_migrations, queue_migrations_n, &e));
	add(db, 7, one, S("a"), 100);
	add(db, 7, one, S("b"), 101);
	add(db, 7, two, S("c"), 102);
	add(db, 8, one, S("d"), 103);
	CHECK_STR(due(db, 200, &a, &next), S("acd"));
	CHECK_INT(next, INT64_MAX);
	CHECK_STR(due(db, 102, &a, &next), S("ac"));
	CHECK_INT(next, 103);
	OK(webhook_later_tx(db, 1, 500, &e));
	CHECK_STR(due(db, 200, &a, &next), S("cd")); /* b still waits for a */
	CHECK_INT(next, 500);
	OK(webhook_done_tx(db, 1, &e));
	CHECK_STR(due(db, 200, &a, &next), S("bcd"));
	sql_close(db);
}

TEST(webhooks_of_an_account_are_limited)
{
	AUTO(testdir) struct testdir dir = testdir_make();
	struct sql *db;
	struct err e;
	char url[WEBHOOK_URL_MAX + 2] = "https://a.test/";
	const struct webhook long_one = {
		.account_id = 9, .url = slice_of(url, sizeof url), .body = S("x")};
	OK(sql_open(testdir_slice(&dir), "queue", &db, &e));
	OK(sql_migrate(db, queue_migrations, queue_migrations_n, &e));
	OK(sql_begin(db, &e));
	for (int i = 0; i < WEBHOOK_ACCOUNT_MAX + 10; i++)
		add(db, 7, S("https://a.test/"), S("x"), i);
	CHECK_INT(count(db), WEBHOOK_ACCOUNT_MAX);
	add(db, 8, S("https://a.test/"), S("x"), 1);
	CHECK_INT(count(db), WEBHOOK_ACCOUNT_MAX + 1);
	CHECK(webhook_add_tx(db, &long_one, &e) < 0 && e.kind == ERR_LIMIT);
	OK(sql_commit(db, &e));
	sql_close(db);
}
