/*
 * Settling against a real store: what is in the queue, the trace and the mailboxes after each
 * result, who is told, and that nothing goes before its time when commits fail.
 */
#include "base/test.h"
#include "mail/local.h"
#include "mail/settle.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/mailbox.h"
#include "store/store_testing.h"
#include "store/trace.h"

/* ---- one queue process's worth of store ---- */

struct bench {
	struct testdir dir;
	struct sql *queue, *trace, *side, *dirdb, *shard[MAILBOX_SHARDS];
	struct commit *queue_commit, *trace_commit, *shard_commit[MAILBOX_SHARDS];
	struct blobs *blobs;
	struct directory *directory;
	struct route_lookup routes;
	struct settle *settle;
	struct local *local;
	struct retry_config retry;
	struct bounce_config bounce;
	unsigned settled, rerouted;
	struct letter *made[8];
	unsigned nmade;
	struct arena mem;
};

static struct sql *open_db(
	struct bench *b, const char *name, const struct sql_migration *m, size_t n)
{
	struct sql *db;
	struct err e;
	OK(sql_open(testdir_slice(&b->dir), name, &db, &e));
	OK(sql_migrate(db, m, n, &e));
	return db;
}

static void on_settled(void *arg, void *token)
{
	(void)token;
	((struct bench *)arg)->settled++;
}

static void on_made(void *arg, struct letter *l)
{
	struct bench *b = arg;
	CHECK(b->nmade < 8);
	b->made[b->nmade++] = letter_ref(l);
}

static void on_rerouted(void *arg)
{
	((struct bench *)arg)->rerouted++;
}

static void on_local_done(void *arg, struct letter *l, const struct settle_rcpt *v, size_t n,
	const struct expansions *expansions, void *token)
{
	settle_group(((struct bench *)arg)->settle, l, v, n, NULL, expansions, token);
}

static void fill_directory(struct bench *b)
{
	struct err e;
	struct domain home = {.name = S("home.example"), .kind = DOMAIN_LOCAL};
	OK(directory_domain_add(b->dirdb, &home, &e));
	OK(directory_account_add(
		b->dirdb, S("alice@home.example"), S("Alice"), S("wonderland-1"), &e));
	OK(directory_account_add(b->dirdb, S("bob@home.example"), S("Bob"), S("builder-22"), &e));
	OK(directory_alias_add(b->dirdb, S("both@home.example"), S("alice@home.example"), &e));
	OK(directory_alias_add(b->dirdb, S("both@home.example"), S("bob@home.example"), &e));
	OK(directory_alias_add(b->dirdb, S("both@home.example"), S("far@else.example"), &e));
	if (sql_run(b->dirdb, &e, "UPDATE account SET quota = 3000 WHERE address = $1", "t",
		    S("bob@home.example")) != 1)
		test_fail(__FILE__, __LINE__, "quota: %s", e.text);
}

static void open_bench(struct bench *b)
{
	struct err e;
	*b = (struct bench){.dir = testdir_make()};
	slice dir = testdir_slice(&b->dir);
	b->queue = open_db(b, "queue", queue_migrations, queue_migrations_n);
	b->trace = open_db(b, "trace", trace_migrations, trace_migrations_n);
	b->dirdb = open_db(b, "directory", directory_migrations, directory_migrations_n);
	for (int i = 0; i < MAILBOX_SHARDS; i++) {
		b->shard[i] =
			open_db(b, mailbox_db_name(i), mailbox_migrations, mailbox_migrations_n);
		b->shard_commit[i] = commit_new(b->shard[i], NULL);
	}
	OK(sql_open(dir, "queue", &b->side, &e));
	OK(blobs_open(dir, &b->blobs, &e));
	fill_directory(b);
	OK(directory_open(dir, &b->directory, &e));
	b->queue_commit = commit_new(b->queue, b->blobs);
	b->trace_commit = commit_new(b->trace, NULL);
	b->routes = route_lookup_directory(b->directory);
	b->retry = (struct retry_config){.warn_after = 4 * HOUR};
	b->bounce = (struct bounce_config){.hostname = S("mx.home.example"),
		.from = S("mailer-daemon@home.example"),
		.size = 100000,
		.lifetime = 2 * DAY};
	b->settle = settle_new(&(struct settle_config){.queue = b->queue_commit,
		.trace = b->trace_commit,
		.blobs = b->blobs,
		.routes = &b->routes,
		.bounce = &b->bounce,
		.retry = &b->retry,
		.settled = on_settled,
		.made = on_made,
		.rerouted = on_rerouted,
		.arg = b});
	struct local_config l = {.directory = b->directory,
		.routes = &b->routes,
		.blobs = b->blobs,
		.done = on_local_done,
		.arg = b};
	memcpy(l.shards, b->shard_commit, sizeof l.shards);
	b->local = local_new(&l);
}

static void close_bench(struct bench *b)
{
	while (b->nmade)
		letter_unref(b->made[--b->nmade]);
	settle_free(b->settle);
	local_free(b->local);
	commit_free(b->queue_commit);
	commit_free(b->trace_commit);
	for (int i = 0; i < MAILBOX_SHARDS; i++) {
		commit_free(b->shard_commit[i]);
		sql_close(b->shard[i]);
	}
	directory_close(b->directory);
	blobs_close(b->blobs);
	sql_close(b->queue);
	sql_close(b->trace);
	sql_close(b->side);
	sql_close(b->dirdb);
	arena_done(&b->mem);
	auto_testdir(&b->dir);
}

static void in_loop(void (*fn)(void *))
{
	struct bench b;
	loop_init();
	pool_init(3);
	open_bench(&b);
	loop_main(fn, &b);
	close_bench(&b);
	pool_done();
	loop_done();
}

static int add_tx(struct sql *db, void *arg, struct err *e)
{
	return queue_add_tx(db, arg, e);
}

#define BODY "Subject: hello\r\nMessage-ID: <m1@t.example>\r\n\r\nthe body\r\n"

/* A message in the queue, as the edge would leave it, arrived `age` ago. */
static struct letter *post(
	struct bench *b, slice sender, int64_t age, slice body, struct queue_rcpt *rcpts, size_t n)
{
	struct err e;
	int64_t now = wall_now();
	struct queue_msg m = {.id = msg_id_new(),
		.sender = sender,
		.prefix = S("Received: from here\r\n"),
		.arrived_at = now - age,
		.expires_at = now - age + RETRY_LIFETIME,
		.priority = QUEUE_NORMAL,
		.client = S("192.0.2.1 x"),
		.log = S("1 connect ip=192.0.2.1\n"),
		.message_id = S("<m1@t.example>"),
		.subject = S("hello"),
		.rcpts = rcpts,
		.nrcpts = n};
	for (size_t i = 0; i < n; i++)
		rcpts[i].idx = (int32_t)i;
	struct blob_writer *w = blob_begin(b->blobs);
	OK(blob_add(w, body, &e));
	OK(blob_finish(w, &m.blob, &m.size, &e));
	OK(commit_run_blob(b->queue_commit, m.blob, add_tx, &m, &e));
	return letter_copy(&m);
}

static struct settle_rcpt gets(
	uint32_t at, enum result_kind kind, struct status_code status, const char *text)
{
	return (struct settle_rcpt){.at = at,
		.result = {.kind = kind,
			.status = status,
			.mta = S("mx.far.example"),
			.text = slice_z(text),
			.relayed = true}};
}

static void settle_and_wait(
	struct bench *b, struct letter *l, const struct settle_rcpt *v, size_t n)
{
	struct attempt t = {
		.host = S("mx.far.example"), .ip = S("192.0.2.9:25"), .started_at = wall_now()};
	settle_group(b->settle, l, v, n, &t, NULL, NULL);
	CHECK_INT(settle_drain(b->settle, instant_in(20 * SECOND)), 0);
}

/* What is left of a message in the queue: number of recipients, 0 none. */
static size_t in_queue(struct bench *b, msg_id id, struct queue_msg *ret)
{
	struct err e;
	if (queue_load(b->side, id, &b->mem, ret, &e) == 0)
		return ret->nrcpts;
	CHECK_INT(e.kind, ERR_NOTFOUND);
	return 0;
}

struct seen {
	unsigned n;
	int status;
	char log[4096];
};

static bool see(void *arg, const struct trace_row *r)
{
	struct seen *s = arg;
	s->n++;
	s->status = r->status;
	snprintf(s->log, sizeof s->log, "%.*s", SFMT(r->log));
	return true;
}

static struct seen in_trace(struct bench *b, msg_id id)
{
	struct seen s = {0};
	struct err e;
	struct sql *db;
	OK(sql_open_read(testdir_slice(&b->dir), "trace", &db, &e));
	OK(trace_find(db, NULL, &(struct trace_filter){.id = id, .status = -1}, 10, see, &s, &e));
	sql_close(db);
	return s;
}

static slice text_of(struct bench *b, const struct letter *l)
{
	struct err e;
	struct buf *out = ARENA_NEW(&b->mem, struct buf);
	*out = BUF(1 << 20);
	OK(letter_read(b->blobs, &l->m, SIZE_MAX, false, out, &e));
	slice copy = arena_dup(&b->mem, buf_slice(out));
	buf_done(out);
	return copy;
}

#define HAS(text, part) CHECK(slice_find((text), S(part)) < (text).n)
#define HAS_NOT(text, part) CHECK(slice_find((text), S(part)) == (text).n)

/* ---- who is told ---- */

TEST(bounce_rules)
{
	static const struct {
		const char *sender;
		unsigned notify;
		enum queue_priority priority;
		bool failed, delayed, relayed, doubled;
	} t[] = {
		{"a@b", NOTIFY_DEFAULT, QUEUE_NORMAL, true, true, false, false},
		{"a@b", NOTIFY_DEFAULT, QUEUE_BULK, true, false, false, false},
		{"a@b", NOTIFY_NEVER, QUEUE_NORMAL, false, false, false, false},
		{"a@b", NOTIFY_FAILURE, QUEUE_NORMAL, true, false, false, false},
		{"a@b", NOTIFY_SUCCESS, QUEUE_NORMAL, false, false, true, false},
		{"a@b", NOTIFY_DELAY, QUEUE_BULK, false, true, false, false},
		{"a@b", NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY, QUEUE_NORMAL, true, true,
			true, false},
		{"", NOTIFY_DEFAULT, QUEUE_NORMAL, false, false, false, true},
		{"", NOTIFY_SUCCESS | NOTIFY_FAILURE, QUEUE_NORMAL, false, false, false, true},
		{"", NOTIFY_NEVER, QUEUE_NORMAL, false, false, false, false},
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct queue_msg m = {.sender = slice_z(t[i].sender), .priority = t[i].priority};
		struct queue_rcpt r = {.notify = t[i].notify};
		CHECK_INT(bounce_wanted(&m, &r, DSN_FAILED), t[i].failed);
		CHECK_INT(bounce_wanted(&m, &r, DSN_DELAYED), t[i].delayed);
		CHECK_INT(bounce_wanted(&m, &r, DSN_RELAYED), t[i].relayed);
		CHECK_INT(bounce_wanted(&m, &r, DSN_DELIVERED), t[i].relayed);
		CHECK_INT(bounce_is_double(&m, &r), t[i].doubled);
	}
	struct bounce_config c = {.size = 1000};
	struct queue_msg m = {.size = 900, .prefix = S("12345")};
	CHECK(bounce_returns_all(&c, &m, DSN_FAILED));
	CHECK(!bounce_returns_all(&c, &m, DSN_DELAYED));
	m.size = 996;
	CHECK(!bounce_returns_all(&c, &m, DSN_FAILED));
	m.size = 10;
	m.flags = MSG_RET_HDRS;
	CHECK(!bounce_returns_all(&c, &m, DSN_FAILED));
	m.flags = MSG_RET_FULL | MSG_REQUIRETLS;
	CHECK(!bounce_returns_all(&c, &m, DSN_FAILED));
	m.flags = MSG_RET_FULL;
	CHECK(bounce_returns_all(&c, &m, DSN_FAILED));
}

/* ---- results ---- */

static void delivered(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[2] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")},
		{.address = S("y@far.example"), .dest = S("smtp:far.example")}};
	struct letter *l = post(b, S("s@else.example"), MINUTE, S(BODY), r, 2);
	struct settle_rcpt v[2] = {gets(0, RESULT_DELIVERED, STATUS(2, 0, 0), "250 2.0.0 kept"),
		gets(1, RESULT_UNTRIED, STATUS(0, 0, 0), "")};
	settle_and_wait(b, l, v, 2);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_STR(m.rcpts[0].address, S("y@far.example"));
	CHECK_INT(m.rcpts[0].attempts, 0);
	struct seen s = in_trace(b, l->m.id);
	CHECK_INT(s.n, 1);
	CHECK_INT(s.status, TRACE_DELIVERED);
	slice log = slice_z(s.log);
	HAS(log, "1 connect ip=192.0.2.1\n");
	HAS(log, "attempt host=mx.far.example ip=192.0.2.9:25");
	HAS(log, "delivered status=2.0.0 by=mx.far.example reply=\"250 2.0.0 kept\"");
	CHECK_INT(b->nmade, 0);
	CHECK_INT(b->settled, 1);
	v[0] = gets(1, RESULT_DELIVERED, STATUS(2, 0, 0), "250 ok");
	settle_and_wait(b, l, v, 1);
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	letter_unref(l);
}

TEST(settle_delivered)
{
	in_loop(delivered);
}

static void failed(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[3] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")},
		{.address = S("y@far.example"), .dest = S("smtp:far.example")},
		{.address = S("z@far.example"),
			.dest = S("smtp:far.example"),
			.notify = NOTIFY_NEVER}};
	struct letter *l = post(b, S("alice@home.example"), MINUTE, S(BODY), r, 3);
	struct settle_rcpt v[3] = {gets(0, RESULT_FAILED, STATUS(5, 1, 1), "550 5.1.1 no x here"),
		gets(1, RESULT_FAILED, STATUS(5, 2, 1), "550 5.2.1 y is gone"),
		gets(2, RESULT_FAILED, STATUS(5, 1, 1), "550 5.1.1 no z here")};
	settle_and_wait(b, l, v, 3);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	CHECK_INT(b->nmade, 1); /* one report about both */
	CHECK_INT(in_queue(b, b->made[0]->m.id, &m), 1);
	HAS(m.subject, "Undeliverable");
	HAS(m.message_id, "@mx.home.example>");
	CHECK_STR(m.sender, S(""));
	CHECK_STR(m.rcpts[0].address, S("alice@home.example"));
	CHECK_STR(m.rcpts[0].dest, S("local"));
	CHECK(m.flags & MSG_BOUNCE);
	CHECK_INT(m.expires_at - m.arrived_at, 2 * DAY);
	slice text = text_of(b, b->made[0]);
	HAS(text, "x@far.example");
	HAS(text, "550 5.2.1 y is gone");
	HAS(text, "the body");
	HAS_NOT(text, "z@far.example");
	struct seen s = in_trace(b, l->m.id);
	CHECK_INT(s.n, 3);
	CHECK_INT(s.status, TRACE_BOUNCED);
	/* The bounce cannot be delivered either: that is the end. */
	struct settle_rcpt again = gets(0, RESULT_FAILED, STATUS(5, 1, 1), "550 5.1.1 no");
	settle_and_wait(b, b->made[0], &again, 1);
	CHECK_INT(b->nmade, 1);
	CHECK_INT(in_queue(b, b->made[0]->m.id, &m), 0);
	CHECK_INT(in_trace(b, b->made[0]->m.id).status, TRACE_BOUNCED);
	letter_unref(l);
}

TEST(settle_failed_tells_the_sender_once)
{
	in_loop(failed);
}

static void nobody_to_tell(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[1] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")}};
	struct letter *l = post(b, S("nobody@home.example"), MINUTE, S(BODY), r, 1);
	struct settle_rcpt v = gets(0, RESULT_FAILED, STATUS(5, 1, 1), "550 no");
	settle_and_wait(b, l, &v, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	CHECK_INT(b->nmade, 0);
	letter_unref(l);
}

TEST(settle_failed_of_a_sender_that_does_not_exist)
{
	in_loop(nobody_to_tell);
}

static void deferred(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[1] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")}};
	struct letter *l = post(b, S("alice@home.example"), MINUTE, S(BODY), r, 1);
	struct settle_rcpt v = gets(0, RESULT_DEFERRED, STATUS(4, 4, 1), "451 4.4.1 later");
	settle_and_wait(b, l, &v, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_INT(m.rcpts[0].attempts, 1);
	CHECK_STR(m.rcpts[0].reason, S("451 4.4.1 later"));
	CHECK(m.rcpts[0].next_at > wall_now() + 4 * MINUTE &&
		m.rcpts[0].next_at < wall_now() + 6 * MINUTE);
	CHECK(!m.rcpts[0].warned);
	HAS(m.rcpts[0].log, "deferred status=4.4.1");
	CHECK_INT(in_trace(b, l->m.id).n, 0);
	CHECK_INT(b->nmade, 0);
	letter_unref(l);
	/* After five hours the sender is told, once. */
	l = post(b, S("alice@home.example"), 5 * HOUR, S(BODY), r, 1);
	settle_and_wait(b, l, &v, 1);
	CHECK_INT(b->nmade, 1);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK(m.rcpts[0].warned);
	HAS(text_of(b, b->made[0]), "delayed");
	struct letter *later = letter_copy(&m);
	settle_and_wait(b, later, &v, 1);
	CHECK_INT(b->nmade, 1);
	letter_unref(later);
	letter_unref(l);
}

TEST(settle_deferred)
{
	in_loop(deferred);
}

/* Nobody was asked: no attempt, and the schedule stays where it is. */
static void skipped(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[1] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")}};
	struct settle_rcpt v = gets(0, RESULT_DEFERRED, STATUS(4, 4, 1), "destination is down");
	v.result.skipped = true;
	struct queue_msg m;
	struct letter *l = post(b, S("alice@home.example"), MINUTE, S(BODY), r, 1);
	settle_and_wait(b, l, &v, 1);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_INT(m.rcpts[0].attempts, 0);
	CHECK_STR(m.rcpts[0].reason, S("destination is down"));
	CHECK(m.rcpts[0].next_at < wall_now() + 6 * MINUTE);
	letter_unref(l);
	r[0].attempts = 2;
	l = post(b, S("alice@home.example"), 3 * HOUR, S(BODY), r, 1); /* a quarter of its age */
	settle_and_wait(b, l, &v, 1);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_INT(m.rcpts[0].attempts, 2);
	CHECK(m.rcpts[0].next_at > wall_now() + 40 * MINUTE &&
		m.rcpts[0].next_at < wall_now() + 50 * MINUTE);
	letter_unref(l);
}

TEST(settle_skipped_is_no_attempt)
{
	in_loop(skipped);
}

static void expired(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[1] = {
		{.address = S("x@far.example"), .dest = S("smtp:far.example"), .warned = true}};
	struct letter *l = post(b, S("alice@home.example"), RETRY_LIFETIME, S(BODY), r, 1);
	struct settle_rcpt v = gets(0, RESULT_DEFERRED, STATUS(4, 4, 1), "connection timed out");
	settle_and_wait(b, l, &v, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	CHECK_INT(in_trace(b, l->m.id).status, TRACE_EXPIRED);
	CHECK_INT(b->nmade, 1);
	slice text = text_of(b, b->made[0]);
	HAS(text, "5.4.7");
	HAS(text, "connection timed out");
	letter_unref(l);
}

TEST(settle_expired)
{
	in_loop(expired);
}

static void success_reports(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[2] = {{.address = S("x@far.example"),
					  .dest = S("smtp:far.example"),
					  .notify = NOTIFY_SUCCESS},
		{.address = S("y@far.example"),
			.dest = S("smtp:far.example"),
			.notify = NOTIFY_SUCCESS}};
	struct letter *l = post(b, S("alice@home.example"), MINUTE, S(BODY), r, 2);
	struct settle_rcpt v[2] = {gets(0, RESULT_DELIVERED, STATUS(2, 0, 0), "250 ok"),
		gets(1, RESULT_DELIVERED, STATUS(2, 0, 0), "250 ok")};
	v[0].result.dsn = true; /* the next hop reports */
	settle_and_wait(b, l, v, 1);
	CHECK_INT(b->nmade, 0);
	CHECK_INT(in_trace(b, l->m.id).status, TRACE_RELAYED_DSN);
	settle_and_wait(b, l, v + 1, 1);
	CHECK_INT(b->nmade, 1);
	slice text = text_of(b, b->made[0]);
	HAS(text, "relayed");
	HAS_NOT(text, "the body");
	letter_unref(l);
}

TEST(settle_reports_success_when_asked)
{
	in_loop(success_reports);
}

static void rerouted(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[1] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")}};
	struct letter *l = post(b, S("alice@home.example"), MINUTE, S(BODY), r, 1);
	struct settle_rcpt v = gets(0, RESULT_REROUTED, STATUS(0, 0, 0), "");
	v.result.dest = S("backend:new");
	settle_and_wait(b, l, &v, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_STR(m.rcpts[0].dest, S("backend:new"));
	CHECK_INT(m.rcpts[0].attempts, 0);
	CHECK_INT(b->rerouted, 1);
	letter_unref(l);
}

TEST(settle_rerouted)
{
	in_loop(rerouted);
}

/* ---- when the disk does not take it ---- */

static void sabotage(struct bench *b, const char *db, const char *statement)
{
	struct err e;
	struct sql *s;
	OK(sql_open(testdir_slice(&b->dir), db, &s, &e));
	OK((int)sql_run(s, &e, statement, ""));
	sql_close(s);
}

static void failing_commits(void *arg)
{
	struct bench *b = arg;
	struct err e;
	struct queue_rcpt r[1] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")}};
	struct letter *l = post(b, S("alice@home.example"), MINUTE, S(BODY), r, 1);
	struct settle_rcpt v = gets(0, RESULT_FAILED, STATUS(5, 1, 1), "550 no");
	struct queue_msg m;
	/* The trace cannot be written: the queue keeps its row, and no bounce leaves. */
	sabotage(b, "trace", "ALTER TABLE trace RENAME TO hidden");
	settle_group(b->settle, l, &v, 1, NULL, NULL, NULL);
	OK(co_sleep(instant_in(1200 * MSEC), &e)); /* tried at least twice */
	CHECK_INT(settle_pending(b->settle), 1);
	CHECK_INT(b->settled, 0);
	CHECK_INT(b->nmade, 0);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	/* Now the trace works and the queue does not. */
	sabotage(b, "queue",
		"CREATE TRIGGER stuck BEFORE DELETE ON rcpt BEGIN SELECT RAISE(ABORT, 'stuck'); "
		"END");
	sabotage(b, "trace", "ALTER TABLE hidden RENAME TO trace");
	OK(co_sleep(instant_in(2500 * MSEC), &e));
	CHECK_INT(b->settled, 0);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_INT(in_trace(b, l->m.id).n, 1);
	sabotage(b, "queue", "DROP TRIGGER stuck");
	CHECK_INT(settle_drain(b->settle, instant_in(20 * SECOND)), 0);
	CHECK_INT(b->settled, 1);
	CHECK_INT(b->nmade, 1); /* one, however often it was tried */
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	struct seen s = in_trace(b, l->m.id);
	char id[MSG_ID_TEXT];
	msg_id_print(b->made[0]->m.id, id);
	CHECK(strstr(s.log, id) != NULL); /* the trace names the report that was sent */
	letter_unref(l);
}

TEST(settle_keeps_results_until_the_disk_takes_them)
{
	in_loop(failing_commits);
}

/* ---- local delivery ---- */

struct inbox {
	unsigned n;
	char prefix[2000];
	uint64_t size;
};

static bool count(void *arg, const struct mailbox_message *m)
{
	struct inbox *i = arg;
	i->n++;
	i->size = m->size;
	snprintf(i->prefix, sizeof i->prefix, "%.*s", SFMT(m->prefix));
	return true;
}

static struct inbox inbox_of(struct bench *b, slice address)
{
	struct err e;
	struct account a;
	struct inbox i = {0};
	OK(directory_account(b->dirdb, address, &b->mem, &a, &e));
	int shard = mailbox_shard(a.id);
	if (mailbox_list(b->shard[shard], a.id, S("INBOX"), 0, 100, count, &i, &e) < 0)
		CHECK_INT(e.kind, ERR_NOTFOUND);
	return i;
}

static void deliver_and_wait(struct bench *b, struct letter *l, const uint32_t *at, size_t n)
{
	unsigned before = b->settled;
	struct err e;
	const struct local_rules rules = {
		.plus_folders = true, .forward_outside = true, .autoreply = true};
	local_deliver(b->local, l, at, n, &rules, b);
	for (int i = 0; i < 1000 && b->settled == before; i++)
		OK(co_sleep(instant_in(10 * MSEC), &e));
	CHECK_INT(b->settled, before + 1);
}

static void local_delivery(void *arg)
{
	struct bench *b = arg;
	const uint32_t both[] = {0, 1};
	struct queue_rcpt r[2] = {{.address = S("alice@home.example"), .dest = S("local")},
		{.address = S("nobody@home.example"), .dest = S("local")}};
	struct letter *l = post(b, S("s@else.example"), MINUTE, S(BODY), r, 2);
	deliver_and_wait(b, l, both, 2);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	struct inbox i = inbox_of(b, S("alice@home.example"));
	CHECK_INT(i.n, 1);
	CHECK_STR(slice_z(i.prefix), S("Return-Path: <s@else.example>\r\nDelivered-To: "
				       "alice@home.example\r\nReceived: from here\r\n"));
	CHECK_INT(i.size, strlen(i.prefix) + strlen(BODY));
	CHECK_INT(b->nmade, 1); /* nobody@ bounced */
	/* The same once more, as after a crash before the queue's commit: no second copy. */
	local_deliver(b->local, l, both, 1, &(const struct local_rules){0}, b);
	struct err e;
	OK(co_sleep(instant_in(300 * MSEC), &e));
	CHECK_INT(inbox_of(b, S("alice@home.example")).n, 1);
	letter_unref(l);
}

TEST(local_delivery_is_exactly_once)
{
	in_loop(local_delivery);
}

static void quota(void *arg)
{
	struct bench *b = arg;
	const uint32_t first[] = {0};
	struct queue_rcpt r[1] = {{.address = S("bob@home.example"), .dest = S("local")}};
	AUTO(buf) struct buf large = BUF(10000);
	buf_put(&large, S("Subject: large\r\n\r\n"));
	buf_fill(&large, 'x', 2500);
	struct letter *l = post(b, S("s@else.example"), MINUTE, buf_slice(&large), r, 1);
	deliver_and_wait(b, l, first, 1);
	CHECK_INT(inbox_of(b, S("bob@home.example")).n, 1);
	/* Once more, as after a crash: it is there, so the mailbox is not too full for it. */
	struct err e;
	OK(queue_add_tx(b->side, &l->m, &e));
	deliver_and_wait(b, l, first, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	letter_unref(l);
	l = post(b, S("s@else.example"), MINUTE, buf_slice(&large), r, 1);
	deliver_and_wait(b, l, first, 1);
	CHECK_INT(inbox_of(b, S("bob@home.example")).n, 1);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_STR(m.rcpts[0].reason, S("mailbox is full"));
	CHECK(m.rcpts[0].next_at > wall_now() + 25 * MINUTE);
	letter_unref(l);
}

TEST(local_full_mailbox_defers)
{
	in_loop(quota);
}

static void alias(void *arg)
{
	struct bench *b = arg;
	const uint32_t first[] = {0}, second[] = {1};
	struct queue_rcpt r[1] = {
		{.address = S("both@home.example"), .dest = S("local"), .notify = NOTIFY_FAILURE}};
	struct letter *l = post(b, S("s@else.example"), MINUTE, S(BODY), r, 1);
	deliver_and_wait(b, l, first, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	CHECK_INT(b->nmade, 1);
	struct letter *x = b->made[0];
	CHECK_INT(in_queue(b, x->m.id, &m), 3);
	CHECK_INT(m.blob, l->m.blob);
	CHECK_STR(m.sender, S("s@else.example"));
	CHECK_STR(m.rcpts[0].address, S("alice@home.example"));
	CHECK_STR(m.rcpts[0].dest, S("local"));
	CHECK_STR(m.rcpts[2].address, S("far@else.example"));
	CHECK_STR(m.rcpts[2].dest, S("smtp:else.example"));
	CHECK_STR(m.rcpts[2].orcpt, S("rfc822;both@home.example"));
	CHECK_INT(m.rcpts[2].notify, NOTIFY_FAILURE);
	HAS(m.prefix, "Delivered-To: both@home.example\r\n");
	deliver_and_wait(b, x, second, 1);
	CHECK_INT(inbox_of(b, S("bob@home.example")).n, 1);
	letter_unref(l);
	/* It comes back from outside: the alias was passed before. */
	l = post(b, S("s@else.example"), MINUTE, S("Delivered-To: Both@home.example\r\n" BODY), r,
		1);
	deliver_and_wait(b, l, first, 1);
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	struct seen s = in_trace(b, l->m.id);
	CHECK_INT(s.status, TRACE_BOUNCED);
	CHECK(strstr(s.log, "5.4.6") != NULL);
	letter_unref(l);
}

TEST(local_alias_becomes_a_message_of_its_own)
{
	in_loop(alias);
}

/* A keys process of sorts. */
static int srs_hmac(void *arg, bool old, slice text, unsigned char ret[32], struct err *e)
{
	const bool *down = arg;
	if (*down)
		return err_set(e, ERR_TEMP, "down");
	if (old)
		return err_set(e, ERR_NOTFOUND, "no old secret");
	memset(ret, 0, 32);
	for (size_t i = 0; i < text.n; i++)
		ret[i % 32] = (unsigned char)(ret[i % 32] * 31 + (unsigned char)text.p[i]);
	return 0;
}

static const struct queue_msg *made_for(
	struct bench *b, slice dest, unsigned nrcpts, struct queue_msg *m)
{
	for (unsigned i = 0; i < b->nmade; i++)
		if (slice_eq(b->made[i]->m.rcpts[0].dest, dest)) {
			CHECK_INT(in_queue(b, b->made[i]->m.id, m), nrcpts);
			return m;
		}
	test_fail(__FILE__, __LINE__, "no message for %.*s", SFMT(dest));
}

static void forwarding(void *arg)
{
	struct bench *b = arg;
	bool down = true;
	struct srs srs = {.hmac = srs_hmac, .arg = &down, .valid_days = 21};
	const struct forward f = {.srs = &srs, .routes = &b->routes, .blobs = b->blobs};
	const struct local_rules rules = {.forward = &f, .forward_outside = true};
	const uint32_t first[] = {0};
	struct queue_rcpt r[1] = {{.address = S("both@home.example"), .dest = S("local")}};
	struct queue_msg m;
	struct err e;
	b->routes.srs = &srs;
	struct letter *l = post(b, S("s@else.example"), MINUTE, S(BODY), r, 1);
	/* Without the secret nothing is passed on, and nothing is lost. */
	local_deliver(b->local, l, first, 1, &rules, b);
	for (int i = 0; i < 1000 && b->settled == 0; i++)
		OK(co_sleep(instant_in(10 * MSEC), &e));
	CHECK_INT(b->nmade, 0);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK(m.rcpts[0].next_at > wall_now());
	/* With it, those elsewhere get a message with a sender of ours, those here keep the true
	 * one. */
	down = false;
	local_deliver(b->local, l, first, 1, &rules, b);
	for (int i = 0; i < 1000 && b->settled == 1; i++)
		OK(co_sleep(instant_in(10 * MSEC), &e));
	CHECK_INT(b->nmade, 2);
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	made_for(b, S("local"), 2, &m);
	CHECK_STR(m.sender, S("s@else.example"));
	HAS(m.prefix, "Delivered-To: both@home.example\r\n");
	made_for(b, S("smtp:else.example"), 1, &m);
	CHECK(slice_starts(m.sender, S("SRS0=")));
	CHECK(slice_ends(m.sender, S("=else.example=s@home.example")));
	CHECK_STR(m.rcpts[0].address, S("far@else.example"));
	HAS(m.prefix, "Delivered-To: both@home.example\r\n");
	/* It bounces: the report goes to the true sender. */
	struct letter *x = slice_eq(b->made[0]->m.sender, m.sender) ? b->made[0] : b->made[1];
	struct settle_rcpt failed = {.at = 0,
		.result = {.kind = RESULT_FAILED, .status = STATUS(5, 1, 1), .text = S("550 no")}};
	settle_group(b->settle, x, &failed, 1, NULL, NULL, b);
	for (int i = 0; i < 1000 && b->nmade == 2; i++)
		OK(co_sleep(instant_in(10 * MSEC), &e));
	CHECK_INT(b->nmade, 3);
	CHECK_STR(b->made[2]->m.rcpts[0].address, S("s@else.example"));
	CHECK_STR(b->made[2]->m.rcpts[0].dest, S("smtp:else.example"));
	CHECK_STR(b->made[2]->m.sender, S(""));
	letter_unref(l);
}

TEST(local_alias_elsewhere_is_forwarded_with_a_sender_of_ours)
{
	in_loop(forwarding);
}

/* What an address that looks like a rewritten sender means. */
static void rewritten_senders(void *arg)
{
	struct bench *b = arg;
	bool down = false;
	struct srs srs = {.hmac = srs_hmac, .arg = &down, .valid_days = 21};
	struct route_decision d;
	struct arena a = {0};
	struct err e;
	slice there, expired, elsewhere;
	int64_t now = wall_now();
	OK(srs_forward(&srs, S("s@else.example"), S("home.example"), now, &a, &there, &e));
	OK(srs_forward(
		&srs, S("s@else.example"), S("home.example"), now - 30 * DAY, &a, &expired, &e));
	OK(srs_forward(&srs, S("s@else.example"), S("third.example"), now, &a, &elsewhere, &e));
	OK(route_decide(&b->routes, there, false, &a, &d, &e));
	CHECK(d.kind == ROUTE_ERROR && d.stands_for.n == 0); /* nobody knows the secret */
	b->routes.srs = &srs;
	OK(route_decide(&b->routes, there, true, &a, &d, &e));
	CHECK(d.kind == ROUTE_SMTP && d.ours && d.nwhy > 0);
	CHECK_STR(d.stands_for, S("s@else.example"));
	CHECK_STR(d.dest, S("smtp:else.example"));
	OK(route_decide(&b->routes, expired, false, &a, &d, &e));
	CHECK(d.kind == ROUTE_ERROR && d.ours && d.status.cls == 5 && d.stands_for.n == 0);
	OK(route_decide(&b->routes, elsewhere, false, &a, &d, &e));
	CHECK(d.kind == ROUTE_SMTP && !d.ours && d.stands_for.n == 0);
	CHECK_STR(d.dest, S("smtp:third.example"));
	/* A domain for them alone need not be in the directory. */
	srs.domain = S("third.example");
	OK(route_decide(&b->routes, elsewhere, false, &a, &d, &e));
	CHECK_STR(d.stands_for, S("s@else.example"));
	CHECK(d.ours);
	OK(route_decide(&b->routes, S("SRS0=AAAAAA=AA=x.org=u@third.example"), false, &a, &d, &e));
	CHECK(d.kind == ROUTE_ERROR && d.ours);
	down = true;
	CHECK(route_decide(&b->routes, there, false, &a, &d, &e) < 0);
	CHECK_INT(e.kind, ERR_TEMP);
	arena_done(&a);
}

TEST(route_leads_rewritten_senders_back)
{
	in_loop(rewritten_senders);
}

static void moved(void *arg)
{
	struct bench *b = arg;
	const uint32_t first[] = {0};
	struct queue_rcpt r[1] = {{.address = S("x@gone.example"), .dest = S("local")}};
	struct letter *l = post(b, S("s@else.example"), MINUTE, S(BODY), r, 1);
	deliver_and_wait(b, l, first, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_STR(m.rcpts[0].dest, S("smtp:gone.example"));
	letter_unref(l);
}

TEST(local_domain_that_is_no_longer_ours)
{
	in_loop(moved);
}
