/* The quarantine: rows come back whole, states follow the rules, release is once, searches find, expiry leaves a trace. */
#include "base/time.h"
#include "store/gc.h"
#include "store/quarantine_impl.h"
#include "store/store_testing.h"
#include "store/trace.h"

static struct sql *open_db(
	const struct testdir *d, const char *name, const struct sql_migration *m, size_t n)
{
	struct err e;
	struct sql *db;
	if (sql_open(testdir_slice(d), name, &db, &e) < 0 || sql_migrate(db, m, n, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return db;
}

static struct sql *open_queue(const struct testdir *d)
{
	return open_db(d, "queue", queue_migrations, queue_migrations_n);
}

static struct sql *open_trace(const struct testdir *d)
{
	return open_db(d, "trace", trace_migrations, trace_migrations_n);
}

struct letter {
	msg_id id; /* 0: a new one */
	slice sender, rcpt, signals, policy, virus;
	enum quarantine_class class;
	enum quarantine_kind kind;
	double probability;
	int64_t held_at, expires_at;
};

/* Two recipients: the one given, and second@example.net. */
static msg_id hold(struct sql *db, const struct letter *l)
{
	struct err e;
	struct quarantine_rcpt r[2] = {
		{.idx = 0, .address = l->rcpt, .dest = S("local"), .notify = NOTIFY_FAILURE},
		{.idx = 3, .address = S("second@example.net"), .orcpt = S("rfc822;x@y")}};
	struct quarantine_msg m = {.msg = {.id = l->id ? l->id : msg_id_new(),
					   .sender = l->sender,
					   .blob = 1ull << 40,
					   .size = 5000,
					   .prefix = S("Received: \0\xff\r\n"),
					   .flags = MSG_8BIT,
					   .arrived_at = 11,
					   .envid = S("QQ"),
					   .client = S("192.0.2.1 helo"),
					   .log = S("1 connect\n"),
					   .message_id = S("<1@x>"),
					   .subject = S("发票 invoice")},
		.kind = l->kind ? l->kind : QUARANTINE_HELD,
		.class = l->class,
		.direction = 1,
		.probability = l->probability,
		.score = 7.25,
		.from = S("Eve <eve@example.com>"),
		.policy = l->policy,
		.policy_version = 4,
		.signals = l->signals,
		.virus = l->virus,
		.text = S("Please pay"),
		.held_at = l->held_at ? l->held_at : wall_now(),
		.expires_at = l->expires_at ? l->expires_at : wall_now() + DAY,
		.rcpts = r,
		.nrcpts = 2};
	if (quarantine_add_tx(db, &m, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return m.msg.id;
}

static const struct letter plain = {.sender = S_INIT("eve@example.com"),
	.rcpt = S_INIT("bob@example.net"),
	.signals = S_INIT("spf-fail=2.5 dnsbl=4.0(zen.example 127.0.0.4)"),
	.policy = S_INIT("Invoices"),
	.class = QUARANTINE_SPAM,
	.probability = 0.97};

static struct quarantine_release release_of(msg_id id, int32_t idx)
{
	return (struct quarantine_release){.id = id,
		.idx = idx,
		.as = msg_id_new(),
		.by = S("root"),
		.field = S("X-Posthouse-Released: now\r\n"),
		.now = wall_now(),
		.lifetime = DAY};
}

static enum quarantine_state state_of(struct sql *db, msg_id id, size_t i)
{
	AUTO(arena) struct arena a = {0};
	struct quarantine_msg m;
	struct err e;
	OK(quarantine_load(db, id, &a, &m, &e));
	CHECK(i < m.nrcpts);
	return m.rcpts[i].state;
}

TEST(what_is_held_comes_back_whole)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	AUTO(arena) struct arena a = {0};
	struct quarantine_msg m;
	struct err e;
	msg_id id = hold(db, &plain);
	OK(quarantine_load(db, id, &a, &m, &e));
	CHECK_STR(m.msg.sender, plain.sender);
	CHECK_STR(m.msg.prefix, S("Received: \0\xff\r\n"));
	CHECK_STR(m.msg.subject, S("发票 invoice"));
	CHECK_STR(m.signals, plain.signals);
	CHECK_STR(m.policy, plain.policy);
	CHECK_STR(m.from, S("Eve <eve@example.com>"));
	CHECK(m.origin == id && m.kind == QUARANTINE_HELD && m.class == QUARANTINE_SPAM);
	CHECK(m.probability > 0.9699 && m.probability < 0.9701 && m.score == 7.25);
	CHECK_INT(m.nrcpts, 2);
	CHECK_INT(m.rcpts[1].idx, 3);
	CHECK_STR(m.rcpts[1].orcpt, S("rfc822;x@y"));
	CHECK_INT(m.rcpts[0].notify, NOTIFY_FAILURE);
	struct quarantine_msg again = m;
	CHECK(quarantine_add_tx(db, &again, &e) < 0 && e.kind == ERR_EXISTS);
	CHECK(quarantine_load(db, id + 1, &a, &m, &e) < 0 && e.kind == ERR_NOTFOUND);
	sql_close(db);
}

TEST(approvers_come_back)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	AUTO(arena) struct arena a = {0};
	struct quarantine_msg m;
	struct err e;
	const slice approvers[] = {S("boss@example.net"), S("王@例子.中国")};
	struct quarantine_rcpt r = {.address = S("x@y")};
	struct quarantine_msg in = {.msg = {.id = msg_id_new()},
		.kind = QUARANTINE_HELD,
		.class = QUARANTINE_APPROVAL,
		.approvers = approvers,
		.napprovers = 2,
		.rcpts = &r,
		.nrcpts = 1};
	OK(quarantine_add_tx(db, &in, &e));
	OK(quarantine_load(db, in.msg.id, &a, &m, &e));
	CHECK_INT(m.napprovers, 2);
	CHECK_STR(m.approvers[1], approvers[1]);
	sql_close(db);
}

TEST(release_is_once_and_brings_the_original)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	AUTO(arena) struct arena a = {0};
	struct queue_msg q, back;
	struct err e;
	msg_id id = hold(db, &plain);
	struct quarantine_release r = release_of(id, 0), again = release_of(id, 0);
	OK(quarantine_release_tx(db, &r, &a, &q, &e));
	OK(queue_load(db, r.as, &a, &back, &e));
	CHECK_INT(back.nrcpts, 1);
	CHECK_STR(back.rcpts[0].address, plain.rcpt);
	CHECK_STR(back.prefix, S("X-Posthouse-Released: now\r\nReceived: \0\xff\r\n"));
	CHECK_INT(back.blob, 1ull << 40);
	CHECK_INT(back.flags, MSG_8BIT);
	CHECK(slice_find(back.log, S("released by=root from=")) < back.log.n);
	CHECK(quarantine_release_tx(db, &again, &a, &q, &e) < 0 && e.kind == ERR_EXISTS);
	CHECK(queue_load(db, again.as, &a, &back, &e) < 0 && e.kind == ERR_NOTFOUND);
	struct quarantine_release rest = release_of(id, -1);
	OK(quarantine_release_tx(db, &rest, &a, &q, &e));
	CHECK_INT(q.nrcpts, 1);
	CHECK_INT(q.rcpts[0].idx, 3);
	sql_close(db);
}

TEST(release_to_another_address_and_copies)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	AUTO(arena) struct arena a = {0};
	struct queue_msg q;
	struct err e;
	msg_id id = hold(db, &plain);
	struct quarantine_release r = release_of(id, -1);
	r.to = S("audit@example.net");
	r.to_dest = S("smtp:example.net");
	r.copy = true;
	OK(quarantine_release_tx(db, &r, &a, &q, &e));
	CHECK_INT(q.nrcpts, 1);
	CHECK_STR(q.rcpts[0].address, r.to);
	CHECK_STR(q.rcpts[0].dest, r.to_dest);
	CHECK_INT(state_of(db, id, 0), QUARANTINE_WAITS);
	struct quarantine_release all = release_of(id, -1);
	OK(quarantine_release_tx(db, &all, &a, &q, &e));
	CHECK_INT(q.nrcpts, 2);
	sql_close(db);
}

TEST(recall_brings_back_what_is_still_queued)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	AUTO(arena) struct arena a = {0};
	struct queue_msg q;
	struct err e;
	msg_id id = hold(db, &plain);
	struct quarantine_release r = release_of(id, -1);
	OK(quarantine_release_tx(db, &r, &a, &q, &e));
	int32_t gone = 0;
	OK(queue_end_tx(db, r.as, &gone, 1, &e)); /* delivered */
	CHECK_INT(quarantine_recall_tx(db, id, -1, QUARANTINE_ASKED, S("root"), 5, &e), 1);
	CHECK_INT(state_of(db, id, 0), QUARANTINE_RELEASED);
	CHECK_INT(state_of(db, id, 1), QUARANTINE_ASKED);
	CHECK(queue_load(db, r.as, &a, &q, &e) < 0 && e.kind == ERR_NOTFOUND);
	CHECK(quarantine_recall_tx(db, id, 3, QUARANTINE_WAITS, S("root"), 5, &e) < 0);
	CHECK_INT(e.kind, ERR_PERM);
	sql_close(db);
}

TEST(states_follow_the_rules)
{
	static const struct {
		enum quarantine_state first, then;
		int64_t want; /* -1: ERR_PERM */
	} cases[] = {
		{QUARANTINE_WAITS, QUARANTINE_ASKED, 1},
		{QUARANTINE_WAITS, QUARANTINE_WAITS, 0},
		{QUARANTINE_ASKED, QUARANTINE_WAITS, 1},
		{QUARANTINE_ASKED, QUARANTINE_ASKED, 0},
		{QUARANTINE_ASKED, QUARANTINE_DELETED, 1},
		{QUARANTINE_DELETED, QUARANTINE_WAITS, 1},
		{QUARANTINE_DELETED, QUARANTINE_ASKED, -1},
		{QUARANTINE_DELETED, QUARANTINE_REFUSED, -1},
		{QUARANTINE_REFUSED, QUARANTINE_WAITS, 1},
		{QUARANTINE_EXPIRED, QUARANTINE_WAITS, -1},
		{QUARANTINE_EXPIRED, QUARANTINE_DELETED, -1},
		{QUARANTINE_RELEASED, QUARANTINE_WAITS, -1},
		{QUARANTINE_RELEASED, QUARANTINE_DELETED, -1},
		{QUARANTINE_DISCARDED, QUARANTINE_DELETED, 1},
		{QUARANTINE_DISCARDED, QUARANTINE_ASKED, -1},
	};
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err e;
		msg_id id = hold(db, &plain);
		OK(sql_run(db, &e, "UPDATE held_rcpt SET state = $2 WHERE msg = $1 AND idx = 0",
			"ii", id, (int64_t)cases[i].first));
		int64_t r = quarantine_change_tx(db, id, 0, cases[i].then, S("bob"), 7, &e);
		if (r != cases[i].want || (r < 0 && e.kind != ERR_PERM))
			test_fail(__FILE__, __LINE__, "case %zu: %lld", i, (long long)r);
		CHECK_INT(state_of(db, id, 0), r == 1 ? cases[i].then : cases[i].first);
	}
	sql_close(db);
}

TEST(what_left_cannot_be_released)
{
	static const enum quarantine_state states[] = {
		QUARANTINE_DELETED, QUARANTINE_REFUSED, QUARANTINE_EXPIRED};
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	AUTO(arena) struct arena a = {0};
	struct queue_msg q;
	struct err e;
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		msg_id id = hold(db, &plain);
		OK(sql_run(db, &e, "UPDATE held_rcpt SET state = $2 WHERE msg = $1", "ii", id,
			(int64_t)states[i]));
		struct quarantine_release r = release_of(id, -1);
		CHECK(quarantine_release_tx(db, &r, &a, &q, &e) < 0 && e.kind == ERR_PERM);
	}
	struct letter l = plain;
	l.kind = QUARANTINE_RECENT;
	struct quarantine_release r = release_of(hold(db, &l), -1);
	CHECK(quarantine_release_tx(db, &r, &a, &q, &e) < 0 && e.kind == ERR_PERM);
	l.kind = QUARANTINE_REJECTED;
	r = release_of(hold(db, &l), -1);
	OK(quarantine_release_tx(db, &r, &a, &q, &e));
	sql_close(db);
}

/* ---- searching ---- */

struct seen {
	msg_id ids[64];
	int32_t idx[64];
	size_t n;
	slice signals;
};

static bool see(void *arg, const struct quarantine_row *r)
{
	struct seen *s = arg;
	CHECK(s->n < 64);
	s->ids[s->n] = r->id;
	s->idx[s->n++] = r->idx;
	CHECK(r->signals.n > 0 && r->text.n > 0);
	return true;
}

#define ANY .kind = -1, .class = -1, .state = -1, .direction = -1

static struct seen find(struct sql *db, struct quarantine_filter f)
{
	struct seen s = {0};
	struct err e;
	uint64_t n;
	OK(quarantine_list(db, &f, NULL, 64, see, &s, &e));
	OK(quarantine_count(db, &f, &n, &e));
	CHECK_INT(n, s.n);
	return s;
}

TEST(every_field_finds)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	int64_t now = wall_now();
	struct letter other = {.sender = S("Ann@Partner.Example"),
		.rcpt = S("carol@mail.example.net"),
		.signals = S("bayes=3.0"),
		.policy = S("p2"),
		.virus = S("ClamAV: Eicar"),
		.class = QUARANTINE_VIRUS,
		.probability = 0.2,
		.held_at = now - 1000};
	msg_id one = hold(db, &plain), two = hold(db, &other);
	CHECK_INT(quarantine_change_tx(db, two, 0, QUARANTINE_ASKED, S("carol"), 1, &e), 1);
	const struct {
		struct quarantine_filter f;
		msg_id id;
		size_t n;
	} cases[] = {
		{{ANY}, 0, 4},
		{{ANY, .id = one}, one, 2},
		{{ANY, .origin = two}, two, 2},
		{{ANY, .rcpt = S("BOB@example.NET")}, one, 1},
		{{ANY, .rcpt = S("mail.example.net")}, two, 1},
		{{ANY, .rcpt = S("example.net")}, 0, 3},
		{{ANY, .rcpt = S("*o*@*")}, 0, 4},
		{{ANY, .sender = S("ann@partner.example")}, two, 2},
		{{ANY, .sender = S("partner.example")}, two, 2},
		{{ANY, .sender = S("*@example.com")}, one, 2},
		{{ANY, .subject = S("INVOICE")}, 0, 4},
		{{ANY, .signal = S("spf-fail")}, one, 2},
		{{ANY, .signal = S("spf")}, 0, 0},
		{{ANY, .signal = S("bayes"), .rcpt = S("carol@mail.example.net")}, two, 1},
		{{ANY, .policy = S("Invoices")}, one, 2},
		{{ANY, .virus = S("*")}, two, 2},
		{{ANY, .virus = S("eicar")}, two, 2},
		{{ANY, .virus = S("other")}, 0, 0},
		{{.kind = QUARANTINE_REJECTED, .class = -1, .state = -1, .direction = -1}, 0, 0},
		{{.kind = -1, .class = QUARANTINE_VIRUS, .state = -1, .direction = -1}, two, 2},
		{{ANY, .classes = 1u << QUARANTINE_SPAM}, one, 2},
		{{ANY, .classes = 1u << QUARANTINE_SPAM | 1u << QUARANTINE_VIRUS}, 0, 4},
		{{.kind = -1, .class = -1, .state = QUARANTINE_ASKED, .direction = -1}, two, 1},
		{{.kind = -1, .class = -1, .state = QUARANTINE_WAITS, .direction = -1}, 0, 3},
		{{.kind = -1, .class = -1, .state = -1, .direction = 2}, 0, 0},
		{{ANY, .before = now - 500}, two, 2},
		{{ANY, .after = now - 500}, one, 2},
		{{ANY, .probability_from = 0.9, .probability_to = 1}, one, 2},
		{{ANY, .expires_before = now}, 0, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct seen s = find(db, cases[i].f);
		if (s.n != cases[i].n || (cases[i].id && s.n && s.ids[0] != cases[i].id))
			test_fail(__FILE__, __LINE__, "case %zu: %zu rows", i, s.n);
		for (size_t k = 1; k < s.n; k++)
			CHECK(s.ids[k] < s.ids[k - 1] ||
				(s.ids[k] == s.ids[k - 1] && s.idx[k] < s.idx[k - 1]));
	}
	sql_close(db);
}

/* Page by page, in both orders, along every way: each row once, in order. */
/* Three days, a message every 17 minutes; held up to 50 minutes after its id was made. */
static void hold_days(struct sql *db, int64_t from, int64_t to)
{
	struct err e;
	OK(sql_begin(db, &e));
	int n = 0;
	for (int64_t at = from; at < to; at += 17 * MINUTE, n++) {
		struct letter l = plain;
		l.id = msg_id_floor(at) + n;
		l.held_at = at + n % 6 * 10 * MINUTE;
		l.kind = n % 4 ? QUARANTINE_HELD : QUARANTINE_REJECTED;
		l.class = n % 3 ? QUARANTINE_SPAM : QUARANTINE_VIRUS;
		hold(db, &l);
	}
	OK(sql_commit(db, &e));
}

static uint64_t count_of(struct sql *db, const struct quarantine_filter *f)
{
	struct err e;
	uint64_t n = 0;
	OK(quarantine_count(db, f, &n, &e));
	return n;
}

static bool add_up(void *arg, const struct quarantine_row *r)
{
	(void)r;
	++*(uint64_t *)arg;
	return true;
}

static void count_and_list(struct sql *db, struct quarantine_filter f)
{
	struct err e;
	uint64_t listed = 0;
	OK(quarantine_list(db, &f, NULL, UINT64_MAX, add_up, &listed, &e));
	CHECK_INT(count_of(db, &f), listed);
}

TEST(counts_are_what_lists_have)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	int64_t to = wall_now() / MINUTE * MINUTE, from = to - 3 * DAY;
	hold_days(db, from, to);
	struct err e;
	msg_id first = msg_id_floor(from);
	CHECK_INT(quarantine_change_tx(db, first, 0, QUARANTINE_DELETED, S("root"), to, &e), 1);
	CHECK_INT(count_of(db, &(struct quarantine_filter){ANY}), 2 * 255);
	for (int state = -1; state <= QUARANTINE_DELETED; state++)
		count_and_list(
			db, (struct quarantine_filter){
				    .kind = -1, .class = -1, .state = state, .direction = -1});
	for (int64_t after = 0; after < 3 * DAY; after += 13 * HOUR + 7 * MINUTE)
		for (int64_t before = 0; before < 3 * DAY; before += 11 * HOUR + 3 * MINUTE)
			for (int way = 0; way < 6; way++)
				count_and_list(
					db, (struct quarantine_filter){
						    .kind = way == 1 ? QUARANTINE_REJECTED : -1,
						    .class = way == 2 ? QUARANTINE_VIRUS : -1,
						    .classes = way == 3 ? 1u << QUARANTINE_SPAM : 0,
						    .state = -1,
						    .direction = -1,
						    .rcpt = way == 4 ? plain.rcpt : S(""),
						    .signal = way == 5 ? S("spf-fail") : S(""),
						    .after = after ? from + after : 0,
						    .before = before ? from + before : 0});
	sql_close(db);
}

TEST(pages_are_whole)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	enum { N = 20 };
	for (int i = 0; i < N; i++) {
		struct letter l = plain;
		l.probability = (double)((i * 7) % 5) / 10;
		hold(db, &l);
	}
	const struct quarantine_filter filters[] = {{ANY}, {ANY, .rcpt = S("bob@example.net")},
		{ANY, .sender = S("example.com")}, {ANY, .signal = S("dnsbl")},
		{.kind = QUARANTINE_HELD, .class = -1, .state = QUARANTINE_WAITS, .direction = -1}};
	for (size_t f = 0; f < sizeof filters / sizeof *filters; f++)
		for (int likely = 0; likely < 2; likely++) {
			AUTO(buf) struct buf cursor = BUF(100);
			struct quarantine_order o = {likely, &cursor};
			struct seen s = {0};
			int pages = 0;
			do
				OK(quarantine_list(db, &filters[f], &o, 7, see, &s, &e));
			while (cursor.n && ++pages < 50);
			size_t want = f == 1 ? N : 2 * N;
			if (s.n != want)
				test_fail(__FILE__, __LINE__, "filter %zu order %d: %zu", f, likely,
					s.n);
			for (size_t i = 0; i < s.n; i++)
				for (size_t k = 0; k < i; k++)
					CHECK(s.ids[i] != s.ids[k] || s.idx[i] != s.idx[k]);
		}
	sql_close(db);
}

TEST(a_cursor_from_elsewhere_is_refused)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	struct seen s = {0};
	AUTO(buf) struct buf cursor = BUF(100);
	struct quarantine_order o = {false, &cursor};
	struct quarantine_filter f = {ANY};
	buf_put(&cursor, S("1.2"));
	CHECK(quarantine_list(db, &f, &o, 7, see, &s, &e) < 0 && e.kind == ERR_PROTO);
	sql_close(db);
}

/* ---- leaving ---- */

static bool keep_trace(void *arg, const struct trace_row *r)
{
	struct buf *out = arg;
	buf_printf(out, "%.*s %s %.*s", SFMT(r->rcpt), trace_status_name(r->status), SFMT(r->log));
	return true;
}

static slice traced(struct sql *trace, struct sql *queue, msg_id id, struct buf *out)
{
	struct err e;
	struct trace_filter f = {.id = id, .status = -1};
	buf_reset(out);
	OK(trace_find(trace, queue, &f, 10, keep_trace, out, &e));
	return buf_slice(out);
}

TEST(what_expires_is_in_the_trace)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d), *trace = open_trace(&d);
	AUTO(buf) struct buf out = BUF(100000);
	AUTO(arena) struct arena a = {0};
	struct quarantine_msg m;
	struct quarantine_totals t;
	struct err e;
	struct letter l = plain;
	l.expires_at = 1000;
	msg_id old = hold(db, &l), young = hold(db, &plain);
	slice before = traced(trace, db, old, &out);
	CHECK(slice_find(before, S("bob@example.net quarantined 1 connect")) < before.n);
	CHECK_INT(quarantine_change_tx(db, old, 3, QUARANTINE_DELETED, S("root"), 9, &e), 1);
	OK(quarantine_totals(db, &t, &e));
	CHECK_INT(t.messages, 2);
	CHECK_INT(quarantine_expire(db, trace, 2000, 10, &e), 1);
	CHECK(quarantine_load(db, old, &a, &m, &e) < 0 && e.kind == ERR_NOTFOUND);
	slice after = traced(trace, db, old, &out);
	CHECK(slice_find(after, S("bob@example.net quarantined 1 connect")) < after.n);
	CHECK(slice_find(after, S("expired")) < after.n &&
		slice_find(after, S("deleted by=root")) < after.n);
	OK(quarantine_load(db, young, &a, &m, &e));
	CHECK_INT(quarantine_expire(db, trace, 2000, 10, &e), 0);
	OK(quarantine_totals(db, &t, &e));
	CHECK_INT(t.messages, 1);
	CHECK_INT(t.bytes, 5000);
	CHECK_INT(t.v[QUARANTINE_HELD][QUARANTINE_SPAM].messages, 1);
	struct sql_stmt *s = sql_prepare(db, "SELECT COUNT(*) FROM held_by_term", &e);
	CHECK(s && sql_step(s, &e) == 1);
	CHECK_INT(sql_int(s, 0), 5); /* kind, class, policy, two signals of the young one */
	sql_reset(s);
	sql_close(db);
	sql_close(trace);
}

TEST(room_is_made_from_the_least_worth)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d), *trace = open_trace(&d);
	AUTO(arena) struct arena a = {0};
	struct quarantine_msg m;
	struct err e;
	struct letter l = plain;
	l.class = QUARANTINE_APPROVAL;
	msg_id approval = hold(db, &l);
	l.class = QUARANTINE_SPAM;
	msg_id spam = hold(db, &l);
	l.class = QUARANTINE_BULK;
	msg_id bulk1 = hold(db, &l), bulk2 = hold(db, &l);
	l.kind = QUARANTINE_RECENT;
	msg_id recent = hold(db, &l);
	const msg_id order[] = {recent, bulk1, bulk2, spam};
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		CHECK_INT(quarantine_squeeze_tx(db, 5000, 1, &e), 1);
		CHECK_INT(quarantine_expire(db, trace, 5000, 10, &e), 1);
		CHECK(quarantine_load(db, order[i], &a, &m, &e) < 0);
	}
	CHECK_INT(quarantine_squeeze_tx(db, 5000, 1, &e), 0);
	OK(quarantine_load(db, approval, &a, &m, &e));
	sql_close(db);
	sql_close(trace);
}

TEST(another_look_changes_the_class)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	struct err e;
	struct quarantine_totals t;
	msg_id id = hold(db, &plain);
	OK(quarantine_reclass_tx(db, id, QUARANTINE_VIRUS, S("ClamAV: X"), S("rescan"), 5, &e));
	CHECK_INT(find(db, (struct quarantine_filter){ANY, .virus = S("*")}).n, 2);
	CHECK_INT(find(db, (struct quarantine_filter){ANY, .classes = 1 << QUARANTINE_SPAM}).n, 0);
	CHECK_INT(find(db, (struct quarantine_filter){ANY, .signal = S("dnsbl")}).n, 2);
	OK(quarantine_totals(db, &t, &e));
	CHECK_INT(t.v[QUARANTINE_HELD][QUARANTINE_VIRUS].messages, 1);
	CHECK_INT(t.v[QUARANTINE_HELD][QUARANTINE_SPAM].messages, 0);
	sql_close(db);
}

TEST(deeds_remember_what_was_before)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	AUTO(arena) struct arena a = {0};
	struct err e;
	struct quarantine_deed deed = {
		.at = 5, .by = S("root"), .verb = S("delete"), .query = S("--class spam")};
	int64_t no = 0;
	OK(quarantine_deed_new_tx(db, &deed, &no, &e));
	for (int i = 1; i <= 3; i++)
		OK(quarantine_deed_item_tx(db, no, i, 0, QUARANTINE_ASKED, &e));
	struct quarantine_deed_item after = {0}, items[2];
	CHECK_INT(quarantine_deed_items(db, no, &after, items, 2, &e), 2);
	OK(quarantine_deed_undone_tx(db, no, &items[0], 9, &e));
	CHECK_INT(quarantine_deed_items(db, no, &after, items, 2, &e), 1);
	CHECK(items[0].id == 3 && items[0].before == QUARANTINE_ASKED);
	after = (struct quarantine_deed_item){0};
	CHECK_INT(quarantine_deed_items(db, no, &after, items, 2, &e), 2);
	OK(quarantine_deed_get(db, no, &a, &deed, &e));
	CHECK_INT(deed.items, 3);
	CHECK_INT(deed.undone_at, 9);
	CHECK(quarantine_deed_get(db, no + 1, &a, &deed, &e) < 0 && e.kind == ERR_NOTFOUND);
	CHECK_INT(quarantine_deeds_expire_tx(db, 100, 50, &e), 3);
	CHECK(quarantine_deed_get(db, no, &a, &deed, &e) < 0 && e.kind == ERR_NOTFOUND);
	sql_close(db);
}

/* Messages are alive as long as the queue or the quarantine refers to them. */
static int add_reference(void *arg, int db, blob_id id, uint64_t size, struct err *e)
{
	(void)db, (void)e;
	*(uint64_t *)arg += id == 1ull << 40 && size == 5000;
	return 0;
}

TEST(gc_knows_what_is_held)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_queue(&d);
	AUTO(arena) struct arena a = {0};
	struct queue_msg q;
	struct err e;
	struct refs refs;
	uint64_t n = 0;
	blob_id lowest = 0;
	msg_id id = hold(db, &plain);
	struct quarantine_release r = release_of(id, 0);
	OK(quarantine_release_tx(db, &r, &a, &q, &e));
	OK(refs_open(testdir_slice(&d), &refs, &e));
	OK(refs_each(&refs, 1, INT64_MAX, add_reference, &n, &e));
	CHECK_INT(n, 2);
	CHECK_INT(refs_next(&refs, 5, &lowest, &e), 1);
	CHECK_INT(lowest, 1ull << 40);
	OK(refs_count(&refs, &n, &e));
	CHECK_INT(n, 2);
	refs_close(&refs);
	sql_close(db);
}
