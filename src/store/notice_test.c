/* The outbox: rows, what is told once an hour, limits. */
#include "base/time.h"
#include "store/notice.h"
#include "store/store_testing.h"

static struct sql *open_queue(const struct testdir *d)
{
	struct err e;
	struct sql *db;
	if (sql_open(testdir_slice(d), "queue", &db, &e) < 0 ||
		sql_migrate(db, queue_migrations, queue_migrations_n, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return db;
}

struct seen {
	unsigned n, most;
	int64_t seq, more;
	char text[200];
};

static bool see(void *arg, const struct notice *n)
{
	struct seen *s = arg;
	size_t at = strlen(s->text);
	snprintf(s->text + at, sizeof s->text - at, "%d %.*s %.*s;", (int)n->kind, SFMT(n->to),
		SFMT(n->data));
	s->seq = n->seq;
	s->more = n->more;
	return ++s->n < s->most;
}

static struct seen look(struct sql *db, int64_t after)
{
	struct seen s = {.most = 10};
	struct err e;
	CHECK(notice_each(db, after, 10, see, &s, &e) == 0);
	return s;
}

TEST(notices_leave_in_their_order)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	struct notice n = {.kind = NOTICE_APPROVE,
		.to = S("boss@example.com"),
		.about = 7,
		.idx = -1,
		.data = S("{}"),
		.at = 5 * DAY};
	CHECK(notice_add_tx(db, &n, &e) == 0);
	n.kind = NOTICE_HELD_SENDER;
	n.to = S("a@example.com");
	CHECK(notice_add_tx(db, &n, &e) == 0);
	struct seen s = look(db, 0);
	CHECK_STR(slice_z(s.text), S("1 boss@example.com {};2 a@example.com {};"));
	s = look(db, s.seq - 1);
	CHECK_STR(slice_z(s.text), S("2 a@example.com {};"));
	CHECK(notice_done_tx(db, s.seq, &e) == 0);
	CHECK(notice_done_tx(db, s.seq, &e) == -1 && e.kind == ERR_NOTFOUND);
	CHECK(look(db, 0).n == 1);
	sql_close(db);
}

TEST(alarms_are_told_once_an_hour)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	const int64_t start = 100 * DAY;
	struct notice n = {.kind = NOTICE_ALARM, .key = S("engine clamd"), .idx = -1};
	static const struct {
		int64_t at;
		unsigned waiting;
		int64_t more;
	} steps[] = {{0, 1, 0}, {MINUTE, 1, 0}, {59 * MINUTE, 1, 0}, {61 * MINUTE, 2, 2},
		{62 * MINUTE, 2, 2}, {-3 * DAY, 3, 1} /* the clock was set back */};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		n.at = start + steps[i].at;
		CHECK(notice_add_tx(db, &n, &e) == 0);
		struct seen s = look(db, 0);
		CHECK(s.n == steps[i].waiting && s.more == steps[i].more);
	}
	n.key = S("another");
	CHECK(notice_add_tx(db, &n, &e) == 0);
	CHECK(look(db, 0).n == 4);
	sql_close(db);
}

TEST(what_is_too_much_is_refused)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	static char long_text[NOTICE_DATA_MAX + 1];
	struct notice n = {.kind = NOTICE_ALARM, .data = slice_of(long_text, sizeof long_text)};
	CHECK(notice_add_tx(db, &n, &e) == -1 && e.kind == ERR_LIMIT);
	n.data = S("");
	n.kind = NOTICE_KINDS;
	CHECK(notice_add_tx(db, &n, &e) == -1 && e.kind == ERR_BUG);
	n.kind = NOTICE_ALARM;
	CHECK(notice_add_tx(db, &n, &e) == 0);
	/* A wide span of numbers alone is not many rows. */
	CHECK(sql_run(db, &e, "UPDATE notice SET seq = seq + $1", "i",
		      (int64_t)NOTICE_WAITING_MAX * 2) == 1);
	CHECK(sql_run(db, &e,
		      "INSERT INTO notice (seq, kind, recipient, about, idx, name, data, at, more)"
		      " VALUES (1, 8, '', 0, 0, '', '', 0, 0)",
		      "") == 1);
	CHECK(notice_add_tx(db, &n, &e) == 0);
	/* As many as may wait. */
	CHECK(sql_run(db, &e,
		      "INSERT INTO notice (kind, recipient, about, idx, name, data, at, more)"
		      " WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < "
		      "$1)"
		      " SELECT 8, '', 0, 0, '', '', 0, 0 FROM c",
		      "i", (int64_t)NOTICE_WAITING_MAX) == NOTICE_WAITING_MAX);
	CHECK(notice_add_tx(db, &n, &e) == -1 && e.kind == ERR_TEMP);
	sql_close(db);
}
