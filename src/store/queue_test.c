/* The queue: ids, rows, changes that meet, the fair sweep, lists. */
#include "base/time.h"
#include "store/queue.h"
#include "store/store_testing.h"
#include "store/trace.h"

static struct sql *open_queue(const struct testdir *d)
{
	struct err e;
	struct sql *db;
	if (sql_open(testdir_slice(d), "queue", &db, &e) < 0 ||
		sql_migrate(db, queue_migrations, queue_migrations_n, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return db;
}

/* A message of one recipient, due at `next_at`. */
static msg_id add(
	struct sql *db, slice sender, slice dest, enum queue_priority priority, int64_t next_at)
{
	struct err e;
	struct queue_rcpt r = {.address = S("bob@example.net"), .dest = dest, .next_at = next_at};
	struct queue_msg m = {
		.id = msg_id_new(),
		.sender = sender,
		.blob = 77,
		.size = 4096,
		.prefix = S("Received: x\r\n"),
		.priority = priority,
		.arrived_at = 1000,
		.expires_at = 2000,
		.rcpts = &r,
		.nrcpts = 1,
	};
	if (queue_add_tx(db, &m, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return m.id;
}

TEST(msg_ids_are_unique_and_sort_by_time)
{
	msg_id last = 0;
	enum { N = 100000 };
	msg_id *ids = mem_alloc(N * sizeof *ids);
	for (int i = 0; i < N; i++) {
		ids[i] = msg_id_new();
		CHECK(ids[i] > 0 && ids[i] >> 21 >= last >> 21); /* milliseconds never go back */
		last = ids[i];
	}
	CHECK(wall_now() + SECOND >= msg_id_wall(last) - 4 * SECOND);
	for (int i = 1; i < N; i++)
		CHECK(ids[i] != ids[i - 1]);
	int64_t now = wall_now();
	CHECK(msg_id_floor(now) <= msg_id_new() &&
		msg_id_wall(msg_id_floor(now)) == now / MSEC * MSEC);
	free(ids);
}

TEST(msg_id_text)
{
	char z[MSG_ID_TEXT];
	msg_id id = msg_id_new(), back = 0;
	msg_id_print(id, z);
	CHECK_INT(strlen(z), 13);
	CHECK(msg_id_parse(slice_z(z), &back) && back == id);
	CHECK(!msg_id_parse(S(""), &back) && !msg_id_parse(S("0000000000000"), &back));
	CHECK(!msg_id_parse(S("VVVVVVVVVVVVV"), &back) && !msg_id_parse(S("00000000000Z1"), &back));
}

TEST(queue_row_comes_back_whole)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	struct queue_rcpt in[2] = {
		{.idx = 0,
			.address = S("a@example.com"),
			.orcpt = S("rfc822;A@example.com"),
			.notify = 6,
			.dest = S("smtp:example.com"),
			.next_at = 5,
			.log = S("1 queued\n")},
		{.idx = 7,
			.address = S("王@例子.中国"),
			.dest = S("local"),
			.state = RCPT_HELD,
			.attempts = 3,
			.next_at = 9,
			.warned = true,
			.reason = S("451 later")},
	};
	struct queue_msg m = {.id = msg_id_new(),
		.sender = S(""),
		.blob = 1ull << 50,
		.size = 12345,
		.prefix = S("Received: \0\xff\r\n"),
		.flags = MSG_8BIT | MSG_SMTPUTF8,
		.priority = QUEUE_BULK,
		.arrived_at = 11,
		.expires_at = 22,
		.envid = S("QQ"),
		.auth = S("me@x"),
		.client = S("192.0.2.1 helo"),
		.log = S("0 connect\n"),
		.message_id = S("<1@x>"),
		.subject = S("你好"),
		.rcpts = in,
		.nrcpts = 2};
	OK(queue_add_tx(db, &m, &e));
	CHECK(queue_add_tx(db, &m, &e) < 0 && e.kind == ERR_EXISTS);
	struct arena a = {0};
	struct queue_msg out;
	OK(queue_load(db, m.id, &a, &out, &e));
	CHECK_STR(out.sender, m.sender);
	CHECK_STR(out.prefix, m.prefix);
	CHECK(out.blob == m.blob && out.size == 12345 && out.flags == m.flags &&
		out.priority == QUEUE_BULK);
	CHECK(out.arrived_at == 11 && out.expires_at == 22);
	CHECK_STR(out.envid, m.envid);
	CHECK_STR(out.auth, m.auth);
	CHECK_STR(out.client, m.client);
	CHECK_STR(out.log, m.log);
	CHECK_STR(out.message_id, m.message_id);
	CHECK_STR(out.subject, m.subject);
	CHECK_INT(out.nrcpts, 2);
	for (int i = 0; i < 2; i++) {
		CHECK(out.rcpts[i].idx == in[i].idx && out.rcpts[i].state == in[i].state);
		CHECK(out.rcpts[i].attempts == in[i].attempts &&
			out.rcpts[i].next_at == in[i].next_at);
		CHECK(out.rcpts[i].warned == in[i].warned && out.rcpts[i].notify == in[i].notify);
		CHECK_STR(out.rcpts[i].address, in[i].address);
		CHECK_STR(out.rcpts[i].orcpt, in[i].orcpt);
		CHECK_STR(out.rcpts[i].dest, in[i].dest);
		CHECK_STR(out.rcpts[i].reason, in[i].reason);
		CHECK_STR(out.rcpts[i].log, in[i].log);
	}
	OK(queue_end_tx(db, m.id, &(int32_t){7}, 1, &e));
	OK(queue_load(db, m.id, &a, &out, &e));
	CHECK_INT(out.nrcpts, 1);
	OK(queue_end_tx(db, m.id, &(int32_t){0}, 1, &e));
	CHECK(queue_load(db, m.id, &a, &out, &e) < 0 && e.kind == ERR_NOTFOUND);
	struct queue_totals t;
	OK(queue_totals(db, &t, &e));
	CHECK(t.messages == 0 && t.recipients == 0 && t.bytes == 0);
	arena_done(&a);
	sql_close(db);
}

TEST(administrators_changes_win)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	struct arena a = {0};
	struct queue_msg m;
	msg_id id = add(db, S("s@x"), S("smtp:example.net"), QUEUE_NORMAL, 50);
	OK(queue_load(db, id, &a, &m, &e));
	/* Held while an attempt was under way, which then was deferred. */
	OK(queue_change_tx(db, id, 0, QUEUE_HOLD, S("root"), S("look at it"), &e));
	m.rcpts[0].attempts = 1;
	m.rcpts[0].next_at = 900;
	m.rcpts[0].reason = S("451 busy");
	OK(queue_update_tx(db, id, m.rcpts, 1, &e));
	OK(queue_load(db, id, &a, &m, &e));
	CHECK(m.rcpts[0].state == RCPT_HELD && m.rcpts[0].attempts == 1);
	CHECK_STR(m.rcpts[0].reason, S("look at it"));
	OK(queue_change_tx(db, id, 0, QUEUE_RELEASE, S("root"), S(""), &e));
	OK(queue_load(db, id, &a, &m, &e));
	CHECK(m.rcpts[0].state == RCPT_WAITING && m.rcpts[0].next_at > 900);
	CHECK(slice_find(m.rcpts[0].log, S(" released by=root\n")) < m.rcpts[0].log.n);
	OK(queue_change_tx(db, id, 0, QUEUE_BOUNCE, S("root"), S("no longer wanted"), &e));
	OK(queue_update_tx(db, id, m.rcpts, 1, &e));
	OK(queue_load(db, id, &a, &m, &e));
	CHECK_STR(m.rcpts[0].dest, S(QUEUE_DEST_BOUNCE));
	CHECK_STR(m.rcpts[0].reason, S("no longer wanted"));
	CHECK(queue_change_tx(db, id, 1, QUEUE_RETRY, S("root"), S(""), &e) < 0 &&
		e.kind == ERR_NOTFOUND);
	arena_done(&a);
	sql_close(db);
}

TEST(hasten_makes_one_destination_due)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	char sender[20];
	for (int i = 0; i < 40; i++) {
		snprintf(sender, sizeof sender, "s%d@x", i);
		add(db, slice_z(sender), i % 4 ? S("smtp:a") : S("smtp:b"), i % QUEUE_PRIORITIES,
			i < 10 ? 50 : 1000 + i);
	}
	CHECK_INT(queue_hasten_tx(db, S("smtp:a"), 100, 15, &e), 15);
	CHECK_INT(queue_hasten_tx(db, S("smtp:a"), 100, 15, &e), 8);
	CHECK_INT(queue_hasten_tx(db, S("smtp:a"), 100, 15, &e), 0);
	CHECK_INT(queue_hasten_tx(db, S("smtp:b"), 100, 15, &e), 7);
	sql_close(db);
}

TEST(rows_of_a_wrong_clock_are_mended)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	struct arena a = {0};
	struct queue_msg m;
	int64_t now = wall_now(), wrong = now + 300 * DAY;
	msg_id good = add(db, S("s@x"), S("smtp:a"), QUEUE_NORMAL, now + HOUR);
	msg_id late = add(db, S("s@x"), S("smtp:a"), QUEUE_NORMAL, wrong);
	struct queue_rcpt r = {.address = S("r@a"), .dest = S("smtp:a"), .next_at = wrong};
	struct queue_msg future = {.id = msg_id_floor(wrong) + 1,
		.arrived_at = wrong,
		.expires_at = wrong + 5 * DAY,
		.rcpts = &r,
		.nrcpts = 1};
	OK(queue_add_tx(db, &future, &e));
	bool beyond = false;
	OK(queue_dated_beyond(db, now + DAY, &beyond, &e));
	CHECK(beyond);
	CHECK_INT(queue_clock_tx(db, now, DAY, 1000, &e), 2);
	CHECK_INT(queue_clock_tx(db, now, DAY, 1000, &e), 0);
	OK(queue_dated_beyond(db, now + DAY, &beyond, &e));
	CHECK(!beyond);
	OK(queue_load(db, good, &a, &m, &e));
	CHECK_INT(m.rcpts[0].next_at, now + HOUR);
	OK(queue_load(db, late, &a, &m, &e));
	CHECK_INT(m.rcpts[0].next_at, now);
	OK(queue_load(db, future.id, &a, &m, &e));
	CHECK(m.rcpts[0].next_at == now && m.arrived_at == now);
	CHECK_INT(m.expires_at, now + 5 * DAY);
	arena_done(&a);
	sql_close(db);
}

struct sweep_log {
	struct {
		char dest[32], sender[32];
		msg_id id;
		enum queue_priority priority;
	} due[5000];
	size_t n;
	unsigned skips;
};

static bool skip_dead(void *arg, slice dest)
{
	struct sweep_log *log = arg;
	bool dead = slice_starts(dest, S("dead"));
	log->skips += dead;
	return dead;
}

static void note_due(void *arg, const struct queue_due *due)
{
	struct sweep_log *log = arg;
	CHECK(log->n < sizeof log->due / sizeof log->due[0]);
	snprintf(log->due[log->n].dest, 32, "%.*s", SFMT(due->dest));
	snprintf(log->due[log->n].sender, 32, "%.*s", SFMT(due->sender));
	log->due[log->n].id = due->id;
	log->due[log->n++].priority = due->priority;
}

static int64_t sweep(struct sql *db, struct sweep_log *log, unsigned most, unsigned per_dest,
	int64_t now, struct buf *cursor)
{
	struct err e;
	int64_t next_at;
	struct queue_sweep s = {.now = now,
		.most = most,
		.per_dest = per_dest,
		.skip = skip_dead,
		.found = note_due,
		.arg = log};
	log->n = log->skips = 0;
	OK(queue_sweep(db, &s, cursor, &next_at, &e));
	return next_at;
}

TEST(sweep_is_fair_to_destinations)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	struct sweep_log *log = NEW(struct sweep_log);
	AUTO(buf) struct buf cursor = BUF(100);
	OK(sql_begin(db, &e));
	for (int i = 0; i < 1000; i++) {
		add(db, S("s@x"), S("big"), QUEUE_NORMAL, 10 + i);
		add(db, S("s@x"), S("dead1"), QUEUE_NORMAL, 10);
	}
	add(db, S("s@x"), S("small"), QUEUE_NORMAL, 5000);
	add(db, S("s@x"), S("later"), QUEUE_NORMAL, 9000);
	OK(sql_commit(db, &e));
	CHECK_INT(sweep(db, log, 500, 20, 6000, &cursor), 9000);
	CHECK_INT(log->n, 21);
	CHECK_INT(log->skips, 1);
	CHECK_STR(slice_z(log->due[0].dest), S("big"));
	CHECK_STR(slice_z(log->due[20].dest), S("small"));
	CHECK_INT(cursor.n, 0);
	/* In two steps: the cursor goes on where the first ended. */
	CHECK_INT(sweep(db, log, 20, 20, 6000, &cursor), INT64_MAX);
	CHECK_STR(buf_slice(&cursor), S("big"));
	CHECK_INT(sweep(db, log, 20, 20, 6000, &cursor), 9000);
	CHECK_INT(log->n, 1);
	CHECK_INT(cursor.n, 0);
	/* Nothing due: the time of the first. */
	CHECK_INT(sweep(db, log, 20, 20, 5, &cursor), 10);
	CHECK_INT(log->n, 0);
	free(log);
	sql_close(db);
}

TEST(sweep_is_fair_to_senders_and_priorities)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	struct sweep_log *log = NEW(struct sweep_log);
	AUTO(buf) struct buf cursor = BUF(100);
	OK(sql_begin(db, &e));
	for (int i = 0; i < 500; i++)
		add(db, S("many@x"), S("a"), QUEUE_NORMAL, 10);
	add(db, S("one@x"), S("a"), QUEUE_NORMAL, 20);
	for (int i = 0; i < 100; i++) {
		add(db, S("u@x"), S("b"), QUEUE_URGENT, 10);
		add(db, S("n@x"), S("b"), QUEUE_NORMAL, 10);
		add(db, S("l@x"), S("b"), QUEUE_BULK, 10);
	}
	add(db, S("u@x"), S("c"), QUEUE_BULK, 30);
	add(db, S("u@x"), S("c"), QUEUE_URGENT, 40);
	OK(sql_commit(db, &e));
	sweep(db, log, 500, 24, 6000, &cursor);
	unsigned one = 0, by[3] = {0}, a = 0;
	for (size_t i = 0; i < log->n; i++) {
		one += strcmp(log->due[i].sender, "one@x") == 0;
		a += strcmp(log->due[i].dest, "a") == 0;
		by[log->due[i].priority] += strcmp(log->due[i].dest, "b") == 0;
	}
	CHECK_INT(one, 1);
	CHECK(a >= 12 && a <= 24);
	CHECK_INT(by[QUEUE_URGENT], 18);
	CHECK_INT(by[QUEUE_NORMAL], 3);
	CHECK_INT(by[QUEUE_BULK], 3);
	CHECK(log->due[log->n - 2].priority == QUEUE_URGENT &&
		log->due[log->n - 1].priority == QUEUE_BULK);
	free(log);
	sql_close(db);
}

TEST(sweep_groups_recipients_and_finds_bounces)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	struct sweep_log *log = NEW(struct sweep_log);
	AUTO(buf) struct buf cursor = BUF(100);
	struct queue_rcpt r[50];
	for (int i = 0; i < 50; i++)
		r[i] = (struct queue_rcpt){
			.idx = i, .address = S("a@b"), .dest = i < 40 ? S("x") : S("y")};
	struct queue_msg m = {.id = msg_id_new(), .sender = S("s@x"), .rcpts = r, .nrcpts = 50};
	OK(queue_add_tx(db, &m, &e));
	sweep(db, log, 500, 20, 1, &cursor);
	CHECK_INT(log->n, 2);
	CHECK(log->due[0].id == m.id && log->due[1].id == m.id);
	for (int i = 0; i < 50; i++)
		OK(queue_change_tx(
			db, m.id, i, i < 25 ? QUEUE_HOLD : QUEUE_BOUNCE, S("root"), S("x"), &e));
	sweep(db, log, 500, 20, wall_now() + SECOND, &cursor);
	for (size_t i = 0; i < log->n; i++)
		CHECK_STR(slice_z(log->due[i].dest), S("bounce"));
	CHECK(log->n > 0);
	free(log);
	sql_close(db);
}

/* QUEUE_TEST_ROWS=1000000 shows the numbers of a large queue. */
TEST(sweep_does_not_read_the_whole_queue)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	const char *rows = getenv("QUEUE_TEST_ROWS");
	int n = rows ? atoi(rows) : 50000, ndest = n / 20;
	instant t0 = instant_now();
	for (int i = 0; i < n; i++) {
		char dest[32], sender[32];
		if (i % 1000 == 0)
			OK(sql_begin(db, &e));
		int len = snprintf(dest, sizeof dest, "smtp:d%d.example",
			i % 3 ? (int)((i * 2654435761u) % (unsigned)ndest) : 7);
		int slen = snprintf(sender, sizeof sender, "u%d@x.example", i % 100);
		add(db, slice_of(sender, (size_t)slen), slice_of(dest, (size_t)len), QUEUE_NORMAL,
			1000 + i);
		if (i % 1000 == 999 || i == n - 1)
			OK(sql_commit(db, &e));
	}
	instant t1 = instant_now();
	struct sweep_log *log = NEW(struct sweep_log);
	AUTO(buf) struct buf cursor = BUF(100);
	instant worst = 0, total = 0;
	for (int i = 0; i < 20; i++) {
		instant from = instant_now();
		sweep(db, log, 500, 20, INT64_MAX, &cursor);
		instant took = instant_now() - from;
		CHECK_INT(log->n, 500);
		worst = took > worst ? took : worst;
		total += took;
	}
	instant t2 = instant_now();
	cursor.n = 0;
	sweep(db, log, 500, 20, 0, &cursor); /* nothing due: steps only */
	instant t3 = instant_now();
	if (rows)
		fprintf(stderr,
			"%d rows: insert %.1f us, sweep of 500 %.2f ms (worst %.2f), %d idle "
			"destinations %.1f ms\n",
			n, (double)(t1 - t0) / n, (double)total / 20e3, (double)worst / 1e3, ndest,
			(double)(t3 - t2) / 1e3);
	CHECK(worst < 2 * SECOND / 10);
	free(log);
	sql_close(db);
}

struct listing {
	char text[4000];
	size_t n;
};

static bool list_row(void *arg, const struct queue_row *r)
{
	struct listing *l = arg;
	l->n += (size_t)snprintf(l->text + l->n, sizeof l->text - l->n, "%.*s>%.*s ",
		SFMT(r->sender), SFMT(r->rcpt));
	return true;
}

TEST(queue_filters)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	struct queue_rcpt r[2] = {{.idx = 0,
					  .address = S("bob@example.net"),
					  .dest = S("smtp:example.net"),
					  .reason = S("451 Busy")},
		{.idx = 1,
			.address = S("eve@sub.example.net"),
			.dest = S("backend:main"),
			.state = RCPT_HELD}};
	struct queue_msg m = {.id = msg_id_floor(100 * SECOND + 1577836800LL * SECOND),
		.sender = S("ann@a.test"),
		.arrived_at = 100 * SECOND,
		.rcpts = r,
		.nrcpts = 2,
		.size = 10};
	msg_id first = m.id;
	OK(queue_add_tx(db, &m, &e));
	m.id++;
	m.sender = S("");
	m.nrcpts = 1;
	m.arrived_at = 200 * SECOND;
	m.priority = QUEUE_BULK;
	OK(queue_add_tx(db, &m, &e));
#define A "ann@a.test>bob@example.net "
#define B "ann@a.test>eve@sub.example.net "
#define C ">bob@example.net "
	static const struct {
		struct queue_filter f;
		uint64_t most;
		const char *want;
	} cases[] = {
		{{.state = -1, .priority = -1}, 10, A B C},
		{{.state = -1, .priority = -1}, 2, A B},
		{{.state = -1, .priority = -1}, 0, ""},
		{{.state = RCPT_HELD, .priority = -1}, 10, B},
		{{.state = -1, .priority = QUEUE_BULK}, 10, C},
		{{.state = -1, .priority = -1, .sender = S_INIT("A.TEST")}, 10, A B},
		{{.state = -1, .priority = -1, .sender = S_INIT("a*@a.t*")}, 10, A B},
		{{.state = -1, .priority = -1, .rcpt = S_INIT("example.net")}, 10, A C},
		{{.state = -1, .priority = -1, .domain = S_INIT("*.example.net")}, 10, B},
		{{.state = -1, .priority = -1, .dest = S_INIT("backend")}, 10, B},
		{{.state = -1, .priority = -1, .reason = S_INIT("busy")}, 10, A C},
		{{.state = -1, .priority = -1, .before = 200 * SECOND}, 10, A B},
		{{.state = -1, .priority = -1, .after = 200 * SECOND}, 10, C},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct listing l = {.n = 0};
		OK(queue_list(db, &cases[i].f, cases[i].most, list_row, &l, &e));
		CHECK_STR(slice_of(l.text, l.n), slice_z(cases[i].want));
	}
	struct listing l = {.n = 0};
	OK(queue_list(db, &(struct queue_filter){.id = first, .state = -1, .priority = -1}, 10,
		list_row, &l, &e));
	CHECK_STR(slice_of(l.text, l.n), S(A B));
	struct queue_totals t;
	OK(queue_totals(db, &t, &e));
	CHECK(t.messages == 2 && t.recipients == 3 && t.held == 1 && t.deferred == 2 &&
		t.bytes == 20);
	CHECK_INT(t.oldest_at, 100 * SECOND);
	sql_close(db);
}
