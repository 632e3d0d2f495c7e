/* What the tests of settling and of local delivery share: one queue process's worth of store, letters in its queue, what is seen of them. */
#pragma once
#include "base/test.h"
#include "mail/local.h"
#include "mail/settle.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/mailbox.h"
#include "store/store_testing.h"
#include "store/trace.h"

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

static inline struct sql *open_db(
	struct bench *b, const char *name, const struct sql_migration *m, size_t n)
{
	struct sql *db;
	struct err e;
	OK(sql_open(testdir_slice(&b->dir), name, &db, &e));
	OK(sql_migrate(db, m, n, &e));
	return db;
}

static inline void on_settled(void *arg, void *token)
{
	(void)token;
	((struct bench *)arg)->settled++;
}

static inline void on_made(void *arg, struct letter *l)
{
	struct bench *b = arg;
	CHECK(b->nmade < 8);
	b->made[b->nmade++] = letter_ref(l);
}

static inline void on_rerouted(void *arg)
{
	((struct bench *)arg)->rerouted++;
}

static inline void on_local_done(void *arg, struct letter *l, const struct settle_rcpt *v, size_t n,
	const struct expansions *expansions, void *token)
{
	settle_group(((struct bench *)arg)->settle, l, v, n, NULL, expansions, token);
}

static inline void fill_directory(struct bench *b)
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

static inline void open_bench(struct bench *b)
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

static inline void close_bench(struct bench *b)
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

static inline void in_loop(void (*fn)(void *))
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

static inline int add_tx(struct sql *db, void *arg, struct err *e)
{
	return queue_add_tx(db, arg, e);
}

#define BODY "Subject: hello\r\nMessage-ID: <m1@t.example>\r\n\r\nthe body\r\n"

/* A message in the queue, as the edge would leave it, arrived `age` ago. */
static inline struct letter *post(
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

static inline struct settle_rcpt gets(
	uint32_t at, enum result_kind kind, struct status_code status, const char *text)
{
	return (struct settle_rcpt){.at = at,
		.result = {.kind = kind,
			.status = status,
			.mta = S("mx.far.example"),
			.text = slice_z(text),
			.relayed = true}};
}

static inline void settle_and_wait(
	struct bench *b, struct letter *l, const struct settle_rcpt *v, size_t n)
{
	struct attempt t = {
		.host = S("mx.far.example"), .ip = S("192.0.2.9:25"), .started_at = wall_now()};
	settle_group(b->settle, l, v, n, &t, NULL, NULL);
	CHECK_INT(settle_drain(b->settle, instant_in(20 * SECOND)), 0);
}

/* What is left of a message in the queue: number of recipients, 0 none. */
static inline size_t in_queue(struct bench *b, msg_id id, struct queue_msg *ret)
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

static inline bool see(void *arg, const struct trace_row *r)
{
	struct seen *s = arg;
	s->n++;
	s->status = r->status;
	snprintf(s->log, sizeof s->log, "%.*s", SFMT(r->log));
	return true;
}

static inline struct seen in_trace(struct bench *b, msg_id id)
{
	struct seen s = {0};
	struct err e;
	struct sql *db;
	OK(sql_open_read(testdir_slice(&b->dir), "trace", &db, &e));
	OK(trace_find(db, NULL, &(struct trace_filter){.id = id, .status = -1}, 10, see, &s, &e));
	sql_close(db);
	return s;
}

static inline slice text_of(struct bench *b, const struct letter *l)
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
