/* The trace: timelines, rows, searching it together with the queue. */
#include "base/time.h"
#include "store/store_testing.h"
#include "store/trace_rows.h"
#include "store/wildcard.h"

TEST(wildcards)
{
	static const struct {
		const char *pattern, *text;
		bool whole, address;
	} cases[] = {
		{"", "x", true, true},
		{"*", "", true, true},
		{"a*c", "abcabc", true, true},
		{"a*c", "abcabd", false, false},
		{"**b**", "abc", true, true},
		{"A@B", "a@b", true, true},
		{"b.example", "a@B.example", false, true},
		{"b.example", "a@c.b.example", false, false},
		{"*@b.example", "a@b.example", true, true},
		{"a", "ab", false, false},
		{"*ab", "aab", true, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		CHECK_INT(wildcard_match(slice_z(cases[i].pattern), slice_z(cases[i].text)),
			cases[i].whole);
		CHECK_INT(wildcard_match_address(slice_z(cases[i].pattern), slice_z(cases[i].text)),
			cases[i].address);
	}
	CHECK(wildcard_contains(S("BUSY"), S("451 busy")) && wildcard_contains(S(""), S("")));
	CHECK(!wildcard_contains(S("busy!"), S("451 busy")) && !wildcard_contains(S("a"), S("")));
}

TEST(timeline_is_written_and_read)
{
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	trace_event(&log, 1000, "connect", "ip", S("192.0.2.1"), "helo", S(""), NULL);
	trace_event(&log, 2000, "attempt", "reply", S("451 say \"later\" \\ then\r\nmore\x01"),
		"bytes", S("a\xff=b"), NULL);
	CHECK_STR(buf_slice(&log), S("1000 connect ip=192.0.2.1\n"
				     "2000 attempt reply=\"451 say \\\"later\\\" \\\\ then  more "
				     "\" bytes=\"a\xef\xbf\xbd=b\"\n"));
	slice rest = buf_slice(&log), event, fields, key, value;
	int64_t wall;
	struct arena a = {0};
	CHECK(trace_next_event(&rest, &wall, &event, &fields) && wall == 1000);
	CHECK(trace_next_event(&rest, &wall, &event, &fields) && wall == 2000);
	CHECK_STR(event, S("attempt"));
	CHECK(trace_field(&fields, &a, &key, &value));
	CHECK_STR(key, S("reply"));
	CHECK_STR(value, S("451 say \"later\" \\ then  more "));
	CHECK(trace_field(&fields, &a, &key, &value));
	CHECK_STR(key, S("bytes"));
	CHECK(!trace_field(&fields, &a, &key, &value) &&
		!trace_next_event(&rest, &wall, &event, &fields));
	rest = S("garbage\n\nx y\n5 fine a=b");
	CHECK(trace_next_event(&rest, &wall, &event, &fields) && wall == 5);
	CHECK_STR(event, S("fine"));
	fields = S("k=\"open");
	CHECK(trace_field(&fields, &a, &key, &value));
	CHECK_STR(value, S("open"));
	arena_done(&a);
}

TEST(timeline_keeps_its_ends_when_it_is_full)
{
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	char reply[400];
	memset(reply, 'r', sizeof reply);
	for (int i = 0; i < 1000; i++)
		trace_event(&log, i + 1, "attempt", "reply", slice_of(reply, sizeof reply), NULL);
	CHECK(log.n <= TRACE_LOG_MAX && log.n > TRACE_LOG_MAX / 2 && buf_ok(&log));
	slice rest = buf_slice(&log), event, fields;
	int64_t wall, n = 0, omitted = 0, last = 0;
	while (trace_next_event(&rest, &wall, &event, &fields)) {
		CHECK(wall > last);
		last = wall;
		n++;
		if (n <= 8)
			CHECK_INT(wall, n);
		if (slice_eq(event, S("omitted"))) {
			uint64_t v;
			CHECK(slice_u64(slice_skip(fields, 7), &v) && omitted == 0);
			omitted = (int64_t)v;
			n--;
		}
	}
	CHECK_INT(n + omitted, 1000);
	CHECK_INT(last, 1000);
}

static struct sql *open_db(
	const struct testdir *d, const char *name, const struct sql_migration *m, size_t n)
{
	struct err e;
	struct sql *db;
	if (sql_open(testdir_slice(d), name, &db, &e) < 0 || sql_migrate(db, m, n, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return db;
}

static bool list_row(void *arg, const struct trace_row *r)
{
	struct buf *out = arg;
	buf_printf(out, "%lld.%d/%s ", (long long)(msg_id_wall(r->id) / HOUR % 1000), r->idx,
		trace_status_name(r->status));
	return true;
}

#define T0 (1800000LL * 1000 * SECOND) /* hour 500000 */

static struct trace_row row_at(int hour, int32_t idx, const char *sender, const char *rcpt)
{
	return (struct trace_row){.id = msg_id_floor(T0 + hour * HOUR),
		.idx = idx,
		.arrived_at = T0 + hour * HOUR,
		.ended_at = T0 + hour * HOUR + 5,
		.sender = slice_z(sender),
		.rcpt = slice_z(rcpt),
		.client = S("192.0.2.1 helo"),
		.message_id = S("<a@b>"),
		.subject = S("Quarterly Report"),
		.size = 5,
		.status = TRACE_DELIVERED,
		.log = S("1 x\n")};
}

TEST(trace_is_searched_with_the_queue)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	struct sql *trace = open_db(&d, "trace", trace_migrations, trace_migrations_n);
	struct sql *queue = open_db(&d, "queue", queue_migrations, queue_migrations_n);
	for (int hour = 0; hour < 5; hour++) {
		struct trace_row r =
			row_at(hour, 0, "Ann@A.test", hour % 2 ? "bob@b.test" : "eve@c.test");
		OK(trace_add_tx(trace, &r, &e));
		r.idx = 1;
		r.rcpt = S("dan@b.test.example");
		r.status = TRACE_BOUNCED;
		OK(trace_add_tx(trace, &r, &e));
		OK(trace_add_tx(trace, &r, &e)); /* again: replaced */
	}
	struct queue_rcpt rc[2] = {{.idx = 0, .address = S("bob@b.test"), .log = S("2 y\n")},
		{.idx = 1, .address = S("dan@b.test.example")}};
	struct queue_msg m = {.id = msg_id_floor(T0 + 3 * HOUR),
		.sender = S("ann@a.test"),
		.arrived_at = T0 + 3 * HOUR,
		.log = S("1 x\n"),
		.rcpts = rc,
		.nrcpts = 2}; /* ended, not yet removed */
	OK(queue_add_tx(queue, &m, &e));
	m.id = msg_id_floor(T0 + 7 * HOUR);
	m.arrived_at = T0 + 7 * HOUR;
	m.nrcpts = 1;
	OK(queue_add_tx(queue, &m, &e));
	static const struct {
		struct trace_filter f;
		uint64_t most;
		const char *want;
	} cases[] = {
		{{.status = -1}, 3, "7.0/queued 4.1/bounced 4.0/delivered "},
		{{.status = -1, .to = S_INIT("BOB@b.test")}, 99,
			"7.0/queued 3.0/delivered 1.0/delivered "},
		{{.status = -1, .to = S_INIT("b.test")}, 99,
			"7.0/queued 3.0/delivered 1.0/delivered "},
		{{.status = -1, .to = S_INIT("b*@b.test")}, 99,
			"7.0/queued 3.0/delivered 1.0/delivered "},
		{{.status = -1, .to = S_INIT("b*@b.te*")}, 99,
			"7.0/queued 3.0/delivered 1.0/delivered "},
		{{.status = TRACE_DELIVERED,
			 .from = S_INIT("a.test"),
			 .since = T0 + 2 * HOUR,
			 .until = T0 + 4 * HOUR},
			99, "3.0/delivered 2.0/delivered "},
		{{.status = 0}, 99, "7.0/queued 3.1/queued 3.0/queued "},
		{{.status = TRACE_DELIVERED, .subject = S_INIT("report"), .since = T0 + 3 * HOUR},
			99, "4.0/delivered 3.0/delivered "},
		{{.status = TRACE_DELIVERED, .subject = S_INIT("report*"), .since = T0 + 3 * HOUR},
			99, ""},
		{{.status = TRACE_DELIVERED, .client = S_INIT("192.0.2.1"), .until = T0 + HOUR}, 99,
			"0.0/delivered "},
		{{.status = TRACE_DELIVERED, .message_id = S_INIT("a@b"), .until = T0 + HOUR}, 99,
			"0.0/delivered "},
		{{.status = -1, .from = S_INIT("nobody@a.test")}, 99, ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf) struct buf out = BUF(4000);
		OK(trace_find(trace, queue, &cases[i].f, cases[i].most, list_row, &out, &e));
		CHECK_STR(buf_slice(&out), slice_z(cases[i].want));
	}
	AUTO(buf) struct buf out = BUF(4000);
	OK(trace_find(trace, queue,
		&(struct trace_filter){.id = msg_id_floor(T0 + 3 * HOUR), .status = -1}, 9,
		list_row, &out, &e));
	CHECK_STR(buf_slice(&out), S("3.1/bounced 3.0/delivered "));
	buf_reset(&out);
	CHECK_INT(trace_expire_tx(trace, T0 + 2 * HOUR, 3, &e), 3);
	CHECK_INT(trace_expire_tx(trace, T0 + 2 * HOUR, 3, &e), 1);
	CHECK_INT(trace_expire_tx(trace, T0 + 2 * HOUR, 3, &e), 0);
	OK(trace_find(trace, NULL, &(struct trace_filter){.status = TRACE_DELIVERED}, 9, list_row,
		&out, &e));
	CHECK_STR(buf_slice(&out), S("4.0/delivered 3.0/delivered 2.0/delivered "));
	sql_close(trace);
	sql_close(queue);
}

TEST(trace_row_is_told_more_once)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	struct sql *db = open_db(&d, "trace", trace_migrations, trace_migrations_n);
	struct trace_row r = row_at(0, 2, "a@b.example", "c@d.example");
	AUTO(buf) struct buf more = BUF(1000);
	r.log = S("5 queued\n9 delivered\n");
	OK(trace_add_tx(db, &r, &e));
	trace_event(&more, 20, "infected", "virus", S("x: Eicar Test"), NULL);
	OK(trace_note_tx(db, r.id, 2, buf_slice(&more), &e));
	buf_reset(&more);
	trace_event(&more, 30, "infected", "virus", S("x: Eicar Test"), NULL);
	trace_event(&more, 30, "infected", "virus", S("x: Other"), NULL);
	OK(trace_note_tx(db, r.id, 2, buf_slice(&more), &e));
	CHECK(trace_note_tx(db, r.id, 1, buf_slice(&more), &e) < 0 && e.kind == ERR_NOTFOUND);
	struct sql_stmt *s = sql_prepare(db, "SELECT log FROM trace", &e);
	CHECK_INT(sql_step(s, &e), 1);
	CHECK_STR(sql_text(s, 0), S("5 queued\n9 delivered\n"
				    "20 infected virus=\"x: Eicar Test\"\n"
				    "30 infected virus=\"x: Other\"\n"));
	sql_reset(s);
	sql_close(db);
}

static bool count_row(void *arg, const struct trace_row *r)
{
	(void)r;
	++*(int *)arg;
	return true;
}

/* TRACE_TEST_ROWS=1000000 shows the numbers of a large trace. */
TEST(trace_search_does_not_read_everything)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	struct sql *db = open_db(&d, "trace", trace_migrations, trace_migrations_n);
	const char *rows = getenv("TRACE_TEST_ROWS");
	int n = rows ? atoi(rows) : 30000;
	char log[600];
	memset(log, 'x', sizeof log);
	instant t0 = instant_now();
	for (int i = 0; i < n; i++) {
		char from[40], to[40];
		snprintf(from, sizeof from, "u%d@s%d.example", i % 1009, i % 101);
		snprintf(to, sizeof to, "r%d@d%d.example", i % 10007, i % 1013);
		struct trace_row r = row_at(0, 0, from, to);
		r.id = msg_id_floor(T0 + (int64_t)i * 100 * MSEC);
		r.arrived_at = msg_id_wall(r.id);
		r.log = slice_of(log, sizeof log);
		if (i % 1000 == 0)
			OK(sql_begin(db, &e));
		OK(trace_add_tx(db, &r, &e));
		if (i % 1000 == 999 || i == n - 1)
			OK(sql_commit(db, &e));
	}
	instant t1 = instant_now();
	int seen = 0;
	OK(trace_find(db, NULL, &(struct trace_filter){.status = -1, .to = S("r77@d77.example")},
		1000, count_row, &seen, &e));
	instant t2 = instant_now();
	if (rows)
		fprintf(stderr, "%d rows: add %.1f us, find %d by recipient %.2f ms\n", n,
			(double)(t1 - t0) / n, seen, (double)(t2 - t1) / 1e3);
	CHECK(seen >= 1);
	CHECK(t2 - t1 < 200 * MSEC);
	sql_close(db);
}
