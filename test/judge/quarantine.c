/*
 * Fills and measures the quarantine of a store, for test/quarantine.py and bench/quarantine.py: what the edge
 * would add, in the same transactions. The store exists (posthouse init, or a server that ran).
 *
 *	quarantine hold DIR N FILE SENDER SIGNALS CLASS RCPT...	N messages of these bytes; prints their ids
 *	quarantine fill DIR N				N rows of many senders, recipients, days; no bytes
 *	quarantine ask DIR				the questions of lists, each page timed
 *	quarantine release DIR N			N releases, 200 a transaction: a second
 *	quarantine due DIR N				the time of the N oldest is up
 *	quarantine expire DIR				what the keeper does, until nothing is left
 *	quarantine commits DIR SECONDS			small queue transactions meanwhile: percentiles of their time
 */
#include "store/quarantine.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/blob.h"
#include "store/trace.h"

#include <stdio.h>
#include <time.h>

enum { A_TRANSACTION = 200, PAGE = 50 };

_Noreturn static void die(const struct err *e)
{
	fprintf(stderr, "quarantine: %s\n", e->text);
	exit(1);
}

#define OK(call)                                                                                   \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			die(&e);                                                                   \
	} while (0)

static struct sql *open_db(const char *dir, const char *name)
{
	struct err e;
	struct sql *db;
	OK(sql_open(slice_z(dir), name, &db, &e));
	return db;
}

/* ---- hold ---- */

static blob_id store(struct blobs *b, slice bytes)
{
	struct err e;
	blob_id id;
	uint64_t size;
	struct blob_writer *w = blob_begin(b);
	OK(blob_add(w, bytes, &e));
	OK(blob_finish(w, &id, &size, &e));
	return id;
}

static void hold(char **a, int n)
{
	struct err e;
	struct blobs *blobs;
	struct sql *db = open_db(a[0], "queue");
	uint64_t count = strtoull(a[1], NULL, 10);
	AUTO(buf) struct buf letter = BUF(100 << 20);
	FILE *f = fopen(a[2], "rb");
	enum quarantine_class class = QUARANTINE_SPAM;
	quarantine_class_parse(slice_z(a[5]), &class);
	for (size_t got = 1; f && got;) {
		char *room = buf_room(&letter, 65536);
		got = fread(room, 1, 65536, f);
		buf_commit(&letter, got);
	}
	fclose(f);
	OK(blobs_open(slice_z(a[0]), &blobs, &e));
	static struct quarantine_rcpt rcpts[64];
	size_t nrcpts = 0;
	for (int i = 6; i < n && nrcpts < 64; i++, nrcpts++)
		rcpts[nrcpts] = (struct quarantine_rcpt){
			.idx = (int32_t)nrcpts, .address = slice_z(a[i]), .dest = S("local")};
	int64_t now = wall_now();
	for (uint64_t done = 0; done < count;) {
		static msg_id ids[A_TRANSACTION];
		static blob_id fresh[A_TRANSACTION];
		unsigned k = 0;
		for (; k < A_TRANSACTION && done + k < count; k++)
			fresh[k] = store(blobs, buf_slice(&letter));
		OK(blobs_sync(blobs, &e));
		OK(sql_begin(db, &e));
		for (unsigned i = 0; i < k; i++) {
			struct quarantine_msg m = {
				.msg = {.id = ids[i] = msg_id_new(),
					.sender = slice_z(a[3]),
					.blob = fresh[i],
					.size = letter.n,
					.prefix = S("Received: from judge by here\r\n"),
					.arrived_at = now,
					.client = S("192.0.2.1 judge"),
					.log = S("1 connect\n"),
					.message_id = S("<1@judge>"),
					.subject = S("held")},
				.kind = QUARANTINE_HELD,
				.class = class,
				.direction = 1,
				.probability = 0.97,
				.score = 8,
				.from = slice_z(a[3]),
				.policy = S("thresholds"),
				.signals = slice_z(a[4]),
				.held_at = now,
				.expires_at = now + 30 * DAY,
				.rcpts = rcpts,
				.nrcpts = nrcpts};
			OK(quarantine_add_tx(db, &m, &e));
		}
		OK(sql_commit(db, &e));
		for (unsigned i = 0; i < k; i++) {
			char text[MSG_ID_TEXT];
			blob_settle(blobs, fresh[i]);
			msg_id_print(ids[i], text);
			puts(text);
		}
		done += k;
	}
	blobs_close(blobs);
	sql_close(db);
}

/* ---- fill ---- */

static uint64_t state = 88172645463325252u;
static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

/* Many senders and recipients, few of which get much; thirty days; ten to fifteen of 200 signals each. */
static void fill_one(struct sql *db, uint64_t i, uint64_t n, int64_t now)
{
	struct err e;
	char sender[64], rcpt[64], second[64], signals[800], subject[80];
	static const char log[] =
		"1795309870123456 connect ip=192.0.2.7 helo=mail.example.org\n"
		"1795309870223456 envelope from=a@b rcpts=1\n"
		"1795309870323456 data bytes=14230\n"
		"1795309870423456 signals list=\"bayes-spam=3.0 link-new-domain=1.5\" score=8.2\n";
	uint64_t r = next_random();
	snprintf(sender, sizeof sender, "sender%llu@domain%llu.example",
		(unsigned long long)(r % 50), (unsigned long long)(r >> 8) % 20000);
	snprintf(rcpt, sizeof rcpt, "user%llu@org%llu.example",
		(unsigned long long)((r >> 16) % 20000), (unsigned long long)((r >> 24) % 5));
	snprintf(second, sizeof second, "list%llu@org0.example", (unsigned long long)(r % 300));
	snprintf(subject, sizeof subject, "Message number %llu about an invoice",
		(unsigned long long)i);
	size_t at = 0;
	for (unsigned k = 0; k < 10 + r % 6; k++)
		at += (size_t)snprintf(signals + at, sizeof signals - at, "signal-%u=%.1f(detail) ",
			(unsigned)(next_random() % 200), 3.0 - 0.2 * k);
	int64_t when = now - (int64_t)((n - i) * (30.0 * DAY / (double)n));
	struct quarantine_rcpt v[2] = {{.idx = 0, .address = slice_z(rcpt), .dest = S("local")},
		{.idx = 1, .address = slice_z(second), .dest = S("local")}};
	struct quarantine_msg m = {
		.msg = {.id = msg_id_floor(when) + (msg_id)(i & 0x1fffff),
			.sender = slice_z(sender),
			.blob = (1ull << 36) + i * 64,
			.size = 14000,
			.prefix = S(
				"Received: from mail.example.org (mail.example.org [192.0.2.7])\r\n"
				"\tby mx.example.com with ESMTPS id 0G3K5N2M1P0QR; Sun, 22 Nov "
				"2026 09:11:10 +0000\r\n"),
			.arrived_at = when,
			.client = S("192.0.2.7 mail.example.org"),
			.log = slice_of(log, sizeof log - 1),
			.message_id = S("<20261122091110.1234@mail.example.org>"),
			.subject = slice_z(subject)},
		.kind = QUARANTINE_HELD,
		.class = (enum quarantine_class)(1 + r % 9),
		.direction = 1,
		.probability = 0.8 + (double)(r % 1000) / 5000,
		.score = 8,
		.from = S("Some Body <somebody@example.org>"),
		.policy = r % 10 ? S("") : S("Invoices"),
		.policy_version = 3,
		.signals = slice_of(signals, at),
		.text = S("Dear customer, please find attached the invoice that you asked for "
			  "last week. It is due within three days."),
		.held_at = when,
		.expires_at = when + 30 * DAY + HOUR,
		.rcpts = v,
		.nrcpts = r % 10 ? 1 : 2};
	OK(quarantine_add_tx(db, &m, &e));
}

static double seconds(instant since)
{
	return (double)(instant_now() - since) / 1e6;
}

static void fold(struct sql *db)
{
	struct err e;
	if (sql_wants_checkpoint(db))
		OK(sql_checkpoint(db, &e));
}

static void fill(char **a)
{
	struct err e;
	struct sql *db = open_db(a[0], "queue");
	uint64_t n = strtoull(a[1], NULL, 10);
	int64_t now = wall_now();
	instant began = instant_now();
	for (uint64_t i = 0; i < n;) {
		OK(sql_begin(db, &e));
		for (unsigned k = 0; k < A_TRANSACTION && i < n; k++, i++)
			fill_one(db, i, n, now);
		OK(sql_commit(db, &e));
		fold(db);
	}
	printf("{\"held\": %llu, \"seconds\": %.2f, \"per_second\": %.0f}\n", (unsigned long long)n,
		seconds(began), (double)n / seconds(began));
	sql_close(db);
}

/* ---- ask ---- */

static bool count_row(void *arg, const struct quarantine_row *r)
{
	(void)r;
	++*(uint64_t *)arg;
	return true;
}

static void ask_one(
	struct sql *db, const char *name, const struct quarantine_filter *f, bool likely, bool last)
{
	struct err e;
	AUTO(buf) struct buf cursor = BUF(100);
	struct quarantine_order o = {likely, &cursor};
	double worst = 0, first = 0;
	uint64_t rows = 0;
	int pages = 0;
	do {
		instant began = instant_now();
		OK(quarantine_list(db, f, &o, PAGE, count_row, &rows, &e));
		double took = seconds(began) * 1000;
		first = pages ? first : took;
		worst = took > worst ? took : worst;
	} while (cursor.n && ++pages < 40);
	uint64_t all;
	instant began = instant_now();
	OK(quarantine_count(db, f, &all, &e));
	printf("{\"query\": \"%s\", \"rows\": %llu, \"pages\": %d, \"first_ms\": %.1f, "
	       "\"worst_page_ms\": %.1f, \"all\": %llu, \"count_ms\": %.1f}%s\n",
		name, (unsigned long long)rows, pages, first, worst, (unsigned long long)all,
		seconds(began) * 1000, last ? "" : ",");
}

#define ANY .kind = -1, .class = -1, .state = -1, .direction = -1

static void ask(char **a)
{
	struct sql *db = open_db(a[0], "queue");
	int64_t now = wall_now();
	const struct {
		const char *name;
		struct quarantine_filter f;
		bool likely;
	} q[] = {
		{"newest", {ANY}, false},
		{"recipient", {ANY, .rcpt = S("user77@org2.example")}, false},
		{"recipient, likely mistakes", {ANY, .rcpt = S("list7@org0.example")}, true},
		{"recipient domain", {ANY, .rcpt = S("org3.example")}, false},
		{"sender", {ANY, .sender = S("sender7@domain77.example")}, false},
		{"sender domain", {ANY, .sender = S("domain77.example")}, false},
		{"rule", {ANY, .signal = S("signal-17")}, false},
		{"rule that nothing has", {ANY, .signal = S("signal-x")}, false},
		{"class", {.kind = -1, .class = 6, .state = -1, .direction = -1}, false},
		{"policy", {ANY, .policy = S("Invoices")}, false},
		{"day", {ANY, .after = now - 11 * DAY, .before = now - 10 * DAY}, false},
		{"day and class",
			{.kind = -1,
				.class = 6,
				.state = -1,
				.direction = -1,
				.after = now - 11 * DAY,
				.before = now - 10 * DAY},
			false},
		{"asked for", {.kind = -1, .class = -1, .state = 1, .direction = -1}, false},
		{"likely mistakes of all", {.kind = 1, .class = -1, .state = -1, .direction = -1},
			true},
	};
	size_t n = sizeof q / sizeof q[0];
	puts("[");
	for (size_t i = 0; i < n; i++)
		ask_one(db, q[i].name, &q[i].f, q[i].likely, i + 1 == n);
	puts("]");
	sql_close(db);
}

/* ---- release, expire ---- */

struct ids {
	msg_id *v;
	size_t n;
};

static bool collect(void *arg, const struct quarantine_row *r)
{
	struct ids *ids = arg;
	if (r->idx == 0)
		ids->v[ids->n++] = r->id;
	return true;
}

static void release(char **a)
{
	struct err e;
	struct sql *db = open_db(a[0], "queue");
	uint64_t n = strtoull(a[1], NULL, 10);
	struct ids ids = {mem_alloc((n + 1) * sizeof(msg_id)), 0};
	struct quarantine_filter f = {
		.kind = 1, .class = -1, .state = QUARANTINE_WAITS, .direction = -1};
	AUTO(arena) struct arena mem = {0};
	struct queue_msg q;
	OK(quarantine_list(db, &f, NULL, n, collect, &ids, &e));
	instant began = instant_now();
	for (size_t i = 0; i < ids.n;) {
		OK(sql_begin(db, &e));
		for (unsigned k = 0; k < A_TRANSACTION && i < ids.n; k++, i++) {
			struct quarantine_release r = {.id = ids.v[i],
				.idx = 0,
				.as = msg_id_new(),
				.by = S("judge"),
				.now = wall_now(),
				.lifetime = DAY};
			arena_reset(&mem);
			OK(quarantine_release_tx(db, &r, &mem, &q, &e));
		}
		OK(sql_commit(db, &e));
		fold(db);
	}
	printf("{\"released\": %zu, \"seconds\": %.2f, \"per_second\": %.0f}\n", ids.n,
		seconds(began), (double)ids.n / seconds(began));
	free(ids.v);
	sql_close(db);
}

static void due(char **a)
{
	struct err e;
	struct sql *db = open_db(a[0], "queue");
	int64_t n = sql_run(db, &e,
		"UPDATE held SET expires_at = $1 WHERE id IN"
		" (SELECT id FROM held ORDER BY expires_at, id LIMIT $2)",
		"ii", wall_now() - DAY, (int64_t)strtoull(a[1], NULL, 10));
	OK(n);
	printf("{\"due\": %lld}\n", (long long)n);
	sql_close(db);
}

static void rest(int ms)
{
	struct timespec t = {0, ms * 1000000};
	nanosleep(&t, NULL);
}

static void expire(char **a)
{
	struct err e;
	struct sql *db = open_db(a[0], "queue"), *trace = open_db(a[0], "trace");
	instant began = instant_now();
	int64_t n, total = 0;
	while ((n = quarantine_expire(db, trace, wall_now(), 10, &e)) > 0) {
		total += n;
		rest(10); /* as the keeper does */
	}
	OK(n);
	printf("{\"expired\": %lld, \"seconds\": %.2f, \"per_second\": %.0f}\n", (long long)total,
		seconds(began), (double)total / seconds(began));
	sql_close(db);
	sql_close(trace);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void commits(char **a)
{
	struct err e;
	struct sql *db = open_db(a[0], "queue");
	instant until = instant_in(strtoll(a[1], NULL, 10) * SECOND);
	enum { MOST = 200000 };
	double *took = mem_alloc(MOST * sizeof *took);
	size_t n = 0;
	while (instant_now() < until && n < MOST) {
		struct queue_rcpt r = {.address = S("x@org1.example"), .dest = S("smtp:x.example")};
		struct queue_msg m = {.id = msg_id_new(), .blob = 77, .rcpts = &r, .nrcpts = 1};
		int32_t idx = 0;
		instant began = instant_now();
		OK(sql_begin(db, &e));
		OK(queue_add_tx(db, &m, &e));
		OK(sql_commit(db, &e));
		took[n++] = seconds(began) * 1000;
		OK(sql_begin(db, &e));
		OK(queue_end_tx(db, m.id, &idx, 1, &e));
		OK(sql_commit(db, &e));
		rest(2);
	}
	qsort(took, n, sizeof *took, by_size);
	printf("{\"commits\": %zu, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f}\n", n,
		took[n / 2], took[n * 99 / 100], took[n - 1]);
	free(took);
	sql_close(db);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int least;
		void (*run)(char **a);
	} verbs[] = {{"fill", 4, fill}, {"ask", 3, ask}, {"release", 4, release}, {"due", 4, due},
		{"expire", 3, expire}, {"commits", 4, commits}};
	if (argc > 8 && strcmp(argv[1], "hold") == 0) {
		hold(argv + 2, argc - 2);
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++)
		if (strcmp(argv[1], verbs[i].name) == 0 && argc >= verbs[i].least) {
			verbs[i].run(argv + 2);
			return 0;
		}
	fputs("usage: see the head of test/judge/quarantine.c\n", stderr);
	return 2;
}
