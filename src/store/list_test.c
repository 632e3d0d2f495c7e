/* Allow and block lists: text, the table, what decides, proof, changes seen by servers, many. */
#include "base/time.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/directory.h"
#include "store/list.h"
#include "store/store_testing.h"

static struct sql *open_db(const struct testdir *d)
{
	struct sql *db;
	struct err e;
	OK(sql_open(testdir_slice(d), "directory", &db, &e));
	OK(sql_migrate(db, directory_migrations, directory_migrations_n, &e));
	return db;
}

static void add(struct sql *db, const char *line)
{
	AUTO(arena) struct arena a = {0};
	const struct lists_entry defaults = {.created_at = wall_now()};
	struct lists_entry entry;
	bool guess;
	size_t bad;
	struct err e;
	if (!lists_line_parse(slice_z(line), &defaults, &a, &entry, &guess, &e) ||
		lists_canonical(&entry, guess, &a, &e) < 0 ||
		lists_add(db, &entry, 1, &bad, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", line, e.text);
}

/* ---- text ---- */

TEST(lists_lines_are_read_and_printed)
{
	static const struct {
		const char *line, *want; /* NULL: refused; "": no entry */
	} cases[] = {
		{"192.0.2.7", "block ip 192.0.2.7\n"},
		{"192.0.2.7/24", "block ip 192.0.2.0/24\n"},
		{"2001:DB8::1/32", "block ip 2001:db8::/32\n"},
		{"allow Partner.Example.", "allow domain partner.example\n"},
		{"allow domain @bücher.example insist",
			"allow domain xn--bcher-kva.example insist\n"},
		{"Bad.Guy@Example.ORG", "block address bad.guy@example.org\n"},
		{"*@Spam.example", "block pattern *@spam.example\n"},
		{"block helo [192.0.2.1]", "block helo [192.0.2.1]\n"},
		{"allow ptr .mx.example", "allow host mx.example\n"},
		{"block x.example level=org:Here.Test comment=\"a \\\"b\\\" c\" by=eve",
			"block domain x.example level=organisation:here.test by=eve comment=\"a "
			"\\\"b\\\" c\"\n"},
		{"block x.example level=user:Ann@Here.Test", "block domain x.example "
							     "level=user:ann@here.test\n"},
		{"x.example expires=2026-12-31T00:00:00Z",
			"block domain x.example expires=2026-12-31T00:00:00.000Z\n"},
		{"x.example expires=2d",
			"block domain x.example expires=1970-01-03T00:00:01.000Z\n"},
		{"x.example expires=never", "block domain x.example\n"},
		{"", ""},
		{"   # a comment", ""},
		{"block", "block domain block\n"},
		{"block ip 192.0.2.256", NULL},
		{"block ip 192.0.2.0/33", NULL},
		{"block address nobody", NULL},
		{"block pattern nostar.example", NULL},
		{"x.example level=org:", NULL},
		{"x.example level=user:nobody", NULL},
		{"x.example level=system:y", NULL},
		{"x.example level=moon", NULL},
		{"x.example expires=soon", NULL},
		{"x.example colour=red", NULL},
		{"x.example comment=\"open", NULL},
		{"x.example y.example", NULL},
		{"domain", "block domain domain\n"},
		{"block domain a..b", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf out = BUF(4096);
		const struct lists_entry defaults = {.created_at = SECOND};
		struct lists_entry entry;
		bool guess;
		struct err e;
		slice line = slice_z(cases[i].line);
		if (!lists_line_parse(line, &defaults, &a, &entry, &guess, &e)) {
			if (!(e.kind == ERR_NONE ? cases[i].want && !*cases[i].want
						 : !cases[i].want))
				test_fail(__FILE__, __LINE__, "%s: %s", cases[i].line, e.text);
			continue;
		}
		entry.created_at = 0;
		if (lists_canonical(&entry, guess, &a, &e) < 0) {
			if (cases[i].want)
				test_fail(__FILE__, __LINE__, "%s: %s", cases[i].line, e.text);
			continue;
		}
		if (!cases[i].want)
			test_fail(__FILE__, __LINE__, "%s was taken", cases[i].line);
		lists_line_print(&out, &entry);
		CHECK_STR(buf_slice(&out), slice_z(cases[i].want));
	}
}

/* ---- what decides ---- */

struct ask {
	const char *ip, *host, *helo, *sender, *from, *proven, *rcpt;
	bool helo_verified;
	const char *want; /* verdict, entry, fact; waiting */
};

static void check_ask(const struct lists_table *t, const struct ask *q)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(1000);
	struct net_addr ip = {0};
	struct lists_answer got;
	struct err e;
	int64_t wall;
	slice proven = slice_z(q->proven);
	CHECK(time_parse(S("2100-06-01"), 0, &wall));
	if (q->ip)
		OK(net_from_ip(slice_z(q->ip), 0, &ip, &e));
	const struct lists_facts f = {.ip = q->ip ? &ip : NULL,
		.host = slice_z(q->host),
		.helo = slice_z(q->helo),
		.helo_verified = q->helo_verified,
		.sender = slice_z(q->sender),
		.from = slice_z(q->from),
		.proven = &proven,
		.nproven = q->proven != NULL,
		.rcpt = slice_z(q->rcpt)};
	lists_table_match(t, &f, wall, &a, &got);
	if (got.by)
		buf_printf(&out, "%s %.*s %.*s", got.verdict == LISTS_ALLOW ? "allow" : "block",
			SFMT(got.by->what), SFMT(got.fact));
	if (got.waiting)
		buf_printf(&out, "%swaiting %.*s", out.n ? ", " : "", SFMT(got.waiting->what));
	CHECK((got.verdict == LISTS_NONE) == !got.by);
	if (!slice_eq(buf_slice(&out), slice_z(q->want)))
		test_fail(__FILE__, __LINE__, "%s %s %s %s %s: got \"%.*s\", want \"%s\"",
			q->ip ? q->ip : "", q->sender ? q->sender : "", q->from ? q->from : "",
			q->proven ? q->proven : "", q->rcpt ? q->rcpt : "", SFMT(buf_slice(&out)),
			q->want);
}

static const char *const rules[] = {
	"block ip 192.0.2.0/24",
	"allow ip 192.0.2.7",
	"block ip 192.0.2.7/30 level=org:strict.test",
	"block ip 2001:db8::/32",
	"allow ip 2001:db8:0:1::/64",
	"allow host good.example",
	"block helo bad-helo.example",
	"allow helo fine.example",
	"allow helo sure.example insist",
	"block domain spam.example",
	"allow domain news.spam.example",
	"allow address friend@spam.example",
	"block address foe@partner.example",
	"allow domain partner.example",
	"allow domain insisted.example insist",
	"block pattern *lottery*@*",
	"allow pattern state-lottery@*.gov.example insist",
	"block domain expired.example expires=2100-01-01",
	"block domain later.example expires=2101-01-01",
	"allow domain spam.example level=user:ann@here.test insist",
	"block domain partner.example level=user:ben@here.test",
	"allow domain orgonly.example level=org:here.test insist",
	"block address a@orgonly.example level=user:ann@here.test",
};

TEST(lists_decide_as_the_manual_says)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_db(&d);
	struct lists_table *t;
	struct err e;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		add(db, rules[i]);
	OK(lists_table_read(db, &t, &e));
	CHECK_INT(lists_table_size(t), sizeof rules / sizeof *rules);
	static const struct ask asks[] = {
		/* networks: the longest prefix */
		{.ip = "192.0.2.9", .want = "block 192.0.2.0/24 192.0.2.9"},
		{.ip = "192.0.2.7", .want = "allow 192.0.2.7 192.0.2.7"},
		{.ip = "::ffff:192.0.2.9", .want = "block 192.0.2.0/24 192.0.2.9"},
		{.ip = "192.0.3.1", .want = ""},
		{.ip = "2001:db8::5", .want = "block 2001:db8::/32 2001:db8::5"},
		{.ip = "2001:db8:0:1::5", .want = "allow 2001:db8:0:1::/64 2001:db8:0:1::5"},
		/* names; an address before a name */
		{.host = "mx1.good.example", .want = "allow good.example mx1.good.example"},
		{.host = "notgood.example", .want = ""},
		{.ip = "192.0.2.9", .host = "good.example", .want = "block 192.0.2.0/24 192.0.2.9"},
		{.helo = "BAD-helo.example", .want = "block bad-helo.example bad-helo.example"},
		{.helo = "fine.example", .want = "waiting fine.example"},
		{.helo = "fine.example",
			.helo_verified = true,
			.want = "allow fine.example fine.example"},
		{.helo = "sure.example", .want = "allow sure.example sure.example"},
		/* senders: address, pattern, domain; proof */
		{.sender = "x@spam.example", .want = "block spam.example x@spam.example"},
		{.sender = "x@deep.SPAM.example", .want = "block spam.example x@deep.spam.example"},
		{.sender = "x@nospam.example", .want = ""},
		{.sender = "x@news.spam.example",
			.want = "block spam.example x@news.spam.example, waiting "
				"news.spam.example"},
		{.sender = "x@news.spam.example",
			.proven = "spam.example",
			.want = "allow news.spam.example x@news.spam.example"},
		{.sender = "Friend+y@spam.example",
			.proven = "spam.example",
			.want = "allow friend@spam.example friend+y@spam.example"},
		{.sender = "friend@spam.example",
			.proven = "pam.example",
			.want = "block spam.example friend@spam.example, waiting "
				"friend@spam.example"},
		{.sender = "x@partner.example", .want = "waiting partner.example"},
		{.sender = "x@partner.example",
			.proven = "other.example",
			.want = "waiting partner.example"},
		{.sender = "x@partner.example",
			.proven = "Partner.example",
			.want = "allow partner.example x@partner.example"},
		{.sender = "x@partner.example",
			.proven = "sub.partner.example",
			.want = "waiting partner.example"},
		{.sender = "foe@partner.example",
			.proven = "partner.example",
			.want = "block foe@partner.example foe@partner.example"},
		{.sender = "x@insisted.example",
			.want = "allow insisted.example x@insisted.example"},
		{.sender = "big-lottery-win@any.example",
			.want = "block *lottery*@* big-lottery-win@any.example"},
		{.sender = "state-lottery@x.gov.example",
			.want = "allow state-lottery@*.gov.example state-lottery@x.gov.example"},
		/* both senders, the connection and the sender: a block counts */
		{.sender = "x@insisted.example",
			.from = "y@spam.example",
			.want = "block spam.example y@spam.example"},
		{.sender = "x@any.example",
			.from = "y@partner.example",
			.proven = "partner.example",
			.want = "allow partner.example y@partner.example"},
		{.sender = "",
			.from = "y@spam.example",
			.want = "block spam.example y@spam.example"},
		{.ip = "192.0.2.7",
			.sender = "x@spam.example",
			.want = "block spam.example x@spam.example"},
		{.ip = "192.0.2.9",
			.sender = "x@insisted.example",
			.want = "block 192.0.2.0/24 192.0.2.9"},
		/* time */
		{.sender = "x@expired.example", .want = ""},
		{.sender = "x@later.example", .want = "block later.example x@later.example"},
		/* levels */
		{.ip = "192.0.2.7",
			.rcpt = "x@strict.test",
			.want = "block 192.0.2.4/30 192.0.2.7"},
		{.ip = "192.0.2.7",
			.rcpt = "x@sub.strict.test",
			.want = "allow 192.0.2.7 192.0.2.7"},
		{.sender = "x@spam.example",
			.rcpt = "ann@here.test",
			.want = "block spam.example x@spam.example"},
		{.sender = "x@partner.example",
			.proven = "partner.example",
			.rcpt = "Ben+list@here.test",
			.want = "block partner.example x@partner.example"},
		{.sender = "x@orgonly.example",
			.rcpt = "ann@here.test",
			.want = "allow orgonly.example x@orgonly.example"},
		{.sender = "a@orgonly.example",
			.rcpt = "ann@here.test",
			.want = "block a@orgonly.example a@orgonly.example"},
		{.sender = "a@orgonly.example", .rcpt = "ann@there.test", .want = ""},
		/* nonsense */
		{.sender = "not an address", .from = "@", .helo = " ", .host = "..", .want = ""},
		{.want = ""},
	};
	for (size_t i = 0; i < sizeof asks / sizeof *asks; i++)
		check_ask(t, &asks[i]);
	lists_table_free(t);
	sql_close(db);
}

TEST(lists_answers_are_explained)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(1000);
	struct sql *db = open_db(&d);
	struct lists_table *t;
	struct lists_answer got;
	struct err e;
	add(db, "block domain x.test level=org:here.test comment=\"phishing of May\"");
	OK(lists_table_read(db, &t, &e));
	lists_table_match(t,
		&(struct lists_facts){.sender = S("a@x.test"), .rcpt = S("b@here.test")}, 1, &a,
		&got);
	lists_explain(&out, &got);
	CHECK_STR(buf_slice(&out),
		S("block domain x.test (organisation here.test, entry 1: phishing of May)"));
	lists_table_free(t);
	sql_close(db);
}

/* ---- the table ---- */

struct shown {
	char text[500];
	size_t n;
	unsigned rows;
};

static bool show(void *arg, const struct lists_entry *entry)
{
	struct shown *s = arg;
	s->rows++;
	if (s->n < sizeof s->text - 100)
		s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, "%s%.*s ",
			entry->allow ? "+" : "-", SFMT(entry->what));
	return true;
}

static unsigned expect(struct sql *db, const struct lists_filter *f, const char *want)
{
	struct shown s = {0};
	struct err e;
	OK(lists_each(db, f, show, &s, &e));
	CHECK_STR(slice_of(s.text, s.n), slice_z(want));
	return s.rows;
}

TEST(lists_are_kept_replaced_removed)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_db(&d);
	struct err e;
	size_t bad;
	add(db, "block a.test");
	add(db, "block b.test level=org:here.test");
	add(db, "allow 192.0.2.1");
	add(db, "block ancient.test expires=2020-01-01"); /* leaves at once */
	const struct lists_entry old = {
		.kind = LISTS_DOMAIN, .what = S("old.test"), .expires_at = wall_now() - 10 * DAY};
	CHECK_INT(lists_add(db, &old, 1, &bad, &e), 1);
	expect(db, &(struct lists_filter){0}, "+192.0.2.1 -a.test -old.test -b.test ");
	expect(db, &(struct lists_filter){.expired = true}, "-old.test ");
	CHECK_INT(lists_remove(db, &(struct lists_filter){.expired = true}, &e), 1);
	add(db, "allow a.test"); /* replaces */
	expect(db, &(struct lists_filter){0}, "+192.0.2.1 +a.test -b.test ");
	expect(db, &(struct lists_filter){.what = S("*.test")}, "+a.test -b.test ");
	expect(db, &(struct lists_filter){.has_level = true, .level = LISTS_ORG}, "-b.test ");
	expect(db, &(struct lists_filter){.scope = S("HERE.test")}, "-b.test ");
	expect(db, &(struct lists_filter){.has_allow = true, .allow = true}, "+192.0.2.1 +a.test ");
	/* One bad entry: none is added. */
	const struct lists_entry pair[] = {{.kind = LISTS_DOMAIN, .what = S("c.test")},
		{.kind = LISTS_IP, .what = S("c.test")}};
	CHECK_INT(lists_add(db, pair, 2, &bad, &e), -1);
	CHECK(e.kind == ERR_PROTO && bad == 2);
	expect(db, &(struct lists_filter){.what = S("c.test")}, "");
	CHECK_INT(lists_remove(db, &(struct lists_filter){0}, &e), -1);
	CHECK_INT(lists_remove(db, &(struct lists_filter){.what = S("nothing")}, &e), 0);
	CHECK_INT(lists_remove(db, &(struct lists_filter){.what = S("a.test")}, &e), 1);
	CHECK_INT(lists_remove(db, &(struct lists_filter){.has_level = true}, &e), 1);
	expect(db, &(struct lists_filter){0}, "-b.test ");
	sql_close(db);
}

TEST(lists_patterns_are_bounded)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_db(&d);
	struct err e;
	size_t bad;
	struct lists_entry *v = ARENA_ARRAY(&a, struct lists_entry, LISTS_PATTERNS_MAX + 1);
	for (int i = 0; i <= LISTS_PATTERNS_MAX; i++)
		v[i] = (struct lists_entry){
			.kind = LISTS_PATTERN, .what = arena_printf(&a, "*x%d@*", i)};
	CHECK_INT(lists_add(db, v, LISTS_PATTERNS_MAX + 1, &bad, &e), -1);
	CHECK(e.kind == ERR_LIMIT);
	CHECK_INT(lists_add(db, v, LISTS_PATTERNS_MAX, &bad, &e), LISTS_PATTERNS_MAX);
	sql_close(db);
}

/* ---- servers ---- */

struct server {
	struct testdir *d;
	struct sql *db;
};

static enum lists_verdict ask_server(struct lists *l, const char *sender)
{
	AUTO(arena) struct arena a = {0};
	struct lists_answer got;
	const struct lists_facts f = {.sender = slice_z(sender)};
	lists_match(l, &f, &a, &got);
	return got.verdict;
}

static void serve(void *arg)
{
	struct server *s = arg;
	struct lists *l;
	struct err e;
	OK(lists_open(testdir_slice(s->d), &l, &e));
	CHECK_INT(ask_server(l, "x@bad.test"), LISTS_NONE);
	add(s->db, "block bad.test");
	OK(co_sleep(instant_in(1100 * MSEC), &e)); /* a lookup after a second waits for the news */
	CHECK_INT(ask_server(l, "x@bad.test"), LISTS_BLOCK);
	CHECK_INT(lists_remove(s->db, &(struct lists_filter){.what = S("bad.test")}, &e), 1);
	instant deadline = instant_in(5 * SECOND);
	while (ask_server(l, "x@bad.test") != LISTS_NONE) { /* or is noticed meanwhile */
		CHECK(instant_now() < deadline);
		OK(co_sleep(instant_in(50 * MSEC), &e));
	}
	lists_close(l);
}

TEST(lists_changes_reach_servers)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct server s = {&d, open_db(&d)};
	loop_init();
	pool_init(2);
	loop_main(serve, &s);
	pool_done();
	loop_done();
	sql_close(s.db);
}

/* A hundred thousand entries: read in seconds, asked in microseconds. */
TEST(lists_many_entries)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_db(&d);
	struct lists_table *t;
	struct err e;
	size_t bad;
	enum { N = 100000 };
	struct lists_entry *v = ARENA_ARRAY(&a, struct lists_entry, N);
	for (unsigned i = 0; i < N; i++)
		v[i] = i % 2 ? (struct lists_entry){.kind = LISTS_IP,
				       .what = arena_printf(&a, "10.%u.%u.0/%u", i >> 9 & 255,
					       i >> 1 & 255, i >= 1 << 17 ? 25 : 24)}
			     : (struct lists_entry){.kind = LISTS_ADDRESS,
				       .what = arena_printf(
					       &a, "user%u@domain%u.test", i, i % 1000)};
	CHECK_INT(lists_add(db, v, N, &bad, &e), N);
	instant began = instant_now();
	OK(lists_table_read(db, &t, &e));
	instant read = instant_now() - began;
	CHECK_INT(lists_table_size(t), N);
	began = instant_now();
	for (unsigned i = 0; i < 10000; i++) {
		AUTO(arena) struct arena once = {0};
		struct lists_answer got;
		struct net_addr ip;
		slice sender = arena_printf(&once, "user%u@domain%u.test", i, i % 1000);
		OK(net_from_ip(S("10.3.4.5"), 0, &ip, &e));
		const struct lists_facts f = {.ip = i % 4 == 1 ? &ip : NULL, .sender = sender};
		lists_table_match(t, &f, 1, &once, &got);
		CHECK((got.verdict == LISTS_BLOCK) == (i % 2 == 0 || i % 4 == 1));
	}
	instant asked = instant_now() - began;
	printf("100000 list entries: read in %lld ms, asked in %lld ns\n", (long long)read / 1000,
		(long long)asked / 10);
	lists_table_free(t);
	sql_close(db);
}
