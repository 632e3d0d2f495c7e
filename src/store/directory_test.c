/* The directory: changes, what addresses mean, the cached view of servers. */
#include "base/buf.h"
#include "base/time.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/credential.h"
#include "store/directory_testing.h"
#include "store/password.h"

#include <sys/wait.h>

static void add_domain(struct sql *db, slice name, slice backend)
{
	struct err e;
	struct domain d = {.name = name,
		.kind = backend.n ? DOMAIN_BACKEND : DOMAIN_LOCAL,
		.backend = backend,
		.callout = backend.n > 0};
	OK(directory_domain_add(db, &d, &e));
}

static struct route make_route(slice name, slice match)
{
	return (struct route){.name = name,
		.match = match,
		.protocol = S("smtp"),
		.hosts = S("mx.test:25"),
		.tls = S("opportunistic")};
}

static void add_account(struct sql *db, const char *address)
{
	struct err e;
	OK(directory_account_add(db, slice_z(address), S("Name"), S("long enough"), &e));
}

/* Domains here.test and 例子.测试, backend back.test; ann, bob, an alias team, a catch-all at
 * all.test. */
static void fill(struct sql *db)
{
	struct err e;
	struct route r = make_route(S("main"), S(""));
	OK(directory_route_add(db, &r, &e));
	add_domain(db, S("Here.TEST."), S(""));
	add_domain(db, S("例子.测试"), S(""));
	add_domain(db, S("all.test"), S(""));
	add_domain(db, S("back.test"), S("main"));
	add_account(db, "Ann@here.test");
	add_account(db, "bob@HERE.test");
	add_account(db, "王@例子.测试");
	OK(directory_alias_add(db, S("team@here.test"), S("ann@here.test"), &e));
	OK(directory_alias_add(db, S("team@here.test"), S("out@far.test"), &e));
	OK(directory_alias_add(db, S("all@here.test"), S("team@here.test"), &e));
	OK(directory_alias_add(db, S("all@here.test"), S("bob+all@here.test"), &e));
	OK(directory_alias_add(db, S("loop@here.test"), S("loop2@here.test"), &e));
	OK(directory_alias_add(db, S("loop2@here.test"), S("loop@here.test"), &e));
	OK(directory_alias_add(db, S("@all.test"), S("bob@here.test"), &e));
	OK(directory_alias_add(db, S("@all.test"), S("nobody@all.test"), &e));
}

TEST(changes_are_checked)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = directory_testing_open(&d);
	struct err e;
	fill(db);
	struct domain dom = {.name = S("here.test"), .kind = DOMAIN_LOCAL};
	FAILS(directory_domain_add(db, &dom, &e), ERR_EXISTS);
	dom.name = S("not a domain");
	FAILS(directory_domain_add(db, &dom, &e), ERR_PROTO);
	dom = (struct domain){.name = S("x.test"), .kind = DOMAIN_BACKEND, .backend = S("none")};
	FAILS(directory_domain_add(db, &dom, &e), ERR_NOTFOUND);
	FAILS(directory_domain_remove(db, S("here.test"), &e), ERR_PERM);
	FAILS(directory_domain_remove(db, S("all.test"), &e), ERR_PERM);
	FAILS(directory_domain_remove(db, S("nope.test"), &e), ERR_NOTFOUND);
	FAILS(directory_account_add(db, S("ANN@here.test"), S(""), S("long enough"), &e),
		ERR_EXISTS);
	FAILS(directory_account_add(db, S("team@here.test"), S(""), S("long enough"), &e),
		ERR_EXISTS);
	FAILS(directory_account_add(db, S("x@back.test"), S(""), S("long enough"), &e), ERR_PROTO);
	FAILS(directory_account_add(db, S("x@nope.test"), S(""), S("long enough"), &e),
		ERR_NOTFOUND);
	FAILS(directory_account_add(db, S("x"), S(""), S("long enough"), &e), ERR_PROTO);
	FAILS(directory_account_add(db, S("x@here.test"), S("a\nb"), S("long enough"), &e),
		ERR_PROTO);
	FAILS(directory_account_add(db, S("x@here.test"), S(""), S(""), &e), ERR_PROTO);
	FAILS(directory_account_disable(db, S("x@here.test"), true, &e), ERR_NOTFOUND);
	FAILS(directory_account_quota(db, S("x@here.test"), 1, &e), ERR_NOTFOUND);
	FAILS(directory_account_remove(db, S("x@here.test"), &e), ERR_NOTFOUND);
	FAILS(directory_account_remove(db, S("ann@here.test"), &e), ERR_PERM); /* of an alias */
	FAILS(directory_password(db, S("x@here.test"), S("long enough"), &e), ERR_NOTFOUND);
	FAILS(directory_alias_add(db, S("ann@here.test"), S("bob@here.test"), &e), ERR_EXISTS);
	FAILS(directory_alias_add(db, S("team@here.test"), S("ANN@here.test"), &e), ERR_EXISTS);
	FAILS(directory_alias_add(db, S("x@here.test"), S("x@here.test"), &e), ERR_PROTO);
	FAILS(directory_alias_add(db, S("x@here.test"), S("@here.test"), &e), ERR_PROTO);
	FAILS(directory_alias_remove(db, S("x@here.test"), S(""), &e), ERR_NOTFOUND);
	FAILS(directory_route_remove(db, S("main"), &e), ERR_PERM);
	FAILS(directory_route_remove(db, S("nope"), &e), ERR_NOTFOUND);
	struct route r = make_route(S("a b"), S(""));
	FAILS(directory_route_add(db, &r, &e), ERR_PROTO);
	r = make_route(S("a"), S("not a match"));
	FAILS(directory_route_add(db, &r, &e), ERR_PROTO);
	r = make_route(S("a"), S("x.test"));
	OK(directory_route_add(db, &r, &e));
	r.name = S("b");
	FAILS(directory_route_add(db, &r, &e), ERR_EXISTS);
	r.match = S("");
	r.tls = S("maybe");
	FAILS(directory_route_add(db, &r, &e), ERR_PROTO);
	r.tls = S("host");
	r.auth_user = S("me");
	FAILS(directory_route_add(db, &r, &e), ERR_PROTO);
	r = make_route(S("b"), S(""));
	r.hosts = S("  ");
	FAILS(directory_route_add(db, &r, &e), ERR_PROTO);
	sql_close(db);
}

TEST(lists_are_complete)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = directory_testing_open(&d);
	struct err e;
	struct arena a = {0};
	fill(db);
	struct domain *domains;
	struct account *accounts;
	struct alias *aliases;
	struct route *routes;
	size_t n;
	OK(directory_domains(db, &a, &domains, &n, &e));
	CHECK_INT(n, 4);
	CHECK_STR(domains[1].name, S("back.test"));
	CHECK(domains[1].kind == DOMAIN_BACKEND && domains[1].callout &&
		slice_eq(domains[1].backend, S("main")));
	OK(directory_accounts(db, S(""), &a, &accounts, &n, &e));
	CHECK_INT(n, 3);
	OK(directory_accounts(db, S("HERE.test"), &a, &accounts, &n, &e));
	CHECK_INT(n, 2);
	CHECK_STR(accounts[0].address, S("ann@here.test"));
	FAILS(directory_accounts(db, S("nope.test"), &a, &accounts, &n, &e), ERR_NOTFOUND);
	OK(directory_aliases(db, S("all.test"), &a, &aliases, &n, &e));
	CHECK_INT(n, 2);
	CHECK_STR(aliases[0].address, S("@all.test"));
	OK(directory_routes(db, &a, &routes, &n, &e));
	CHECK_INT(n, 1);
	OK(directory_alias_remove(db, S("@all.test"), S("bob@here.test"), &e));
	OK(directory_alias_remove(db, S("@all.test"), S(""), &e));
	OK(directory_domain_remove(db, S("all.test"), &e));
	OK(directory_domains(db, &a, &domains, &n, &e));
	CHECK_INT(n, 3);
	arena_done(&a);
	sql_close(db);
}

TEST(credentials)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = directory_testing_open(&d);
	struct err e;
	struct arena a = {0};
	struct credential c;
	struct sql *secrets;
	fill(db);
	OK(sql_open_read(credential_dir(testdir_slice(&d), &a), CREDENTIAL_DB, &secrets, &e));
	OK(credential_find(db, secrets, S("ANN@Here.Test"), &a, &c, &e));
	CHECK(password_verify(c.argon2, S("long enough")) && !c.disabled);
	OK(directory_password(db, S("ann@here.test"), S("another one"), &e));
	OK(directory_account_disable(db, S("ann@here.test"), true, &e));
	OK(credential_find(db, secrets, S("ann@here.test"), &a, &c, &e));
	CHECK(password_verify(c.argon2, S("another one")) && c.disabled);
	CHECK(!password_verify(c.argon2, S("long enough")));
	FAILS(credential_find(db, secrets, S("team@here.test"), &a, &c, &e), ERR_NOTFOUND);
	FAILS(credential_find(db, secrets, S("ann"), &a, &c, &e), ERR_NOTFOUND);
	sql_close(secrets);
	arena_done(&a);
	sql_close(db);
}

/* ---- the cached view ---- */

struct cached {
	slice dir;
	struct sql *db; /* of the test, as another program would have it */
	void (*run)(struct cached *c);
	struct directory *d;
	struct arena a;
};

static void run_cached(void *arg)
{
	struct cached *c = arg;
	struct err e;
	OK(directory_open(c->dir, &c->d, &e));
	c->run(c);
	directory_close(c->d);
	arena_done(&c->a);
}

static void with_cache(void (*run)(struct cached *c))
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct cached c = {.dir = testdir_slice(&d), .db = directory_testing_open(&d), .run = run};
	fill(c.db);
	loop_init();
	pool_init(3);
	loop_main(run_cached, &c);
	pool_done();
	loop_done();
	sql_close(c.db);
}

static slice describe(struct cached *c, const char *address)
{
	struct err e;
	struct rcpt_answer r;
	OK(directory_rcpt(c->d, slice_z(address), &c->a, &r, &e));
	static const char *const kinds[] = {"foreign", "local", "backend", "nobody", "disabled"};
	AUTO(buf) struct buf out = BUF(1000);
	buf_printf(&out, "%s %lld %.*s%s", kinds[r.kind], (long long)r.account_id, SFMT(r.backend),
		r.callout ? "?" : "");
	for (size_t i = 0; i < r.ntargets; i++)
		buf_printf(&out, " %.*s", SFMT(r.targets[i]));
	return arena_dup(&c->a, buf_slice(&out));
}

static void check_meanings(struct cached *c)
{
	static const struct {
		const char *address, *want;
	} cases[] = {
		{"ann@here.test", "local 1 "},
		{"ANN+x@HERE.TEST", "local 1 "},
		{"\"ann\"@here.test", "local 1 "},
		{"+x@here.test", "nobody 0 "},
		{"王@例子.测试", "local 3 "},
		{"王@xn--fsqu00a.xn--0zwm56d", "local 3 "},
		{"carl@here.test", "nobody 0 "},
		{"team@here.test", "local 0  ann@here.test out@far.test"},
		{"team+x@here.test", "local 0  ann@here.test out@far.test"},
		{"all@here.test", "local 0  bob+all@here.test ann@here.test out@far.test"},
		{"loop@here.test", "nobody 0 "},
		{"anything@all.test", "local 0  bob@here.test"},
		{"x@back.test", "backend 0 main?"},
		{"x@far.test", "foreign 0 "},
		{"no address", "foreign 0 "},
		{"postmaster@here.test", "local 1 "},
		{"Postmaster@xn--fsqu00a.xn--0zwm56d", "local 3 "},
		{"postmaster@all.test", "local 0  bob@here.test"},
	};
	for (int round = 0; round < 2; round++) /* asked, then remembered */
		for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
			CHECK_STR(describe(c, cases[i].address), slice_z(cases[i].want));
}

TEST(accounts_have_quotas_and_go_with_their_password)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = directory_testing_open(&d), *secrets;
	struct account ben, next;
	struct credential c;
	struct err e;
	fill(db);
	OK(directory_account_add(db, S("gone@here.test"), S(""), S("long enough"), &e));
	OK(directory_account_quota(db, S("gone@here.test"), 5 << 20, &e));
	OK(directory_account(db, S("gone@here.test"), &a, &ben, &e));
	CHECK_INT(ben.quota, 5 << 20);
	OK(sql_open_read(credential_dir(testdir_slice(&d), &a), CREDENTIAL_DB, &secrets, &e));
	OK(directory_account_remove(db, S("Gone@Here.test"), &e));
	FAILS(directory_account(db, S("gone@here.test"), &a, &next, &e), ERR_NOTFOUND);
	OK(directory_account_add(db, S("gone@here.test"), S(""), S("other words"), &e));
	OK(directory_account(db, S("gone@here.test"), &a, &next, &e));
	CHECK(next.id > ben.id && next.quota == 0); /* nobody inherits a mailbox */
	OK(credential_find(db, secrets, S("gone@here.test"), &a, &c, &e));
	CHECK(password_verify(c.argon2, S("other words")));
	sql_close(secrets);
	sql_close(db);
}

TEST(addresses_mean_what_they_should)
{
	with_cache(check_meanings);
}

static void check_senders(struct cached *c)
{
	static const struct {
		const char *login, *address;
		bool may;
	} cases[] = {
		{"ann@here.test", "ann@here.test", true},
		{"ann@here.test", "Ann+x@HERE.test", true},
		{"ann@here.test", "team@here.test", true},
		{"ann@here.test", "all@here.test", true},
		{"ann@here.test", "", true},
		{"ann@here.test", "bob@here.test", false},
		{"ann@here.test", "ann@far.test", false},
		{"ann@here.test", "loop@here.test", false},
		{"bob@here.test", "any@all.test", true},
		{"ann@here.test", "any@all.test", false},
		{"nobody@here.test", "nobody@here.test", false},
		{"", "", false},
		{"team@here.test", "team@here.test", false},
	};
	struct err e;
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
			bool may;
			OK(directory_may_send_as(c->d, slice_z(cases[i].login),
				slice_z(cases[i].address), &may, &e));
			if (may != cases[i].may)
				test_fail(__FILE__, __LINE__, "%s as %s: %d", cases[i].login,
					cases[i].address, may);
		}
}

TEST(senders_are_bound_to_logins)
{
	with_cache(check_senders);
}

static void check_routes(struct cached *c)
{
	struct err e;
	static const struct {
		const char *name, *match;
	} routes[] = {{"any", "*"}, {"edu", ".edu.test"}, {"uni", "uni.edu.test"},
		{"boss", "boss@uni.edu.test"}};
	struct route r;
	FAILS(directory_get_route_for(c->d, S("x@y.test"), &c->a, &r, &e), ERR_NOTFOUND);
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		r = make_route(slice_z(routes[i].name), slice_z(routes[i].match));
		OK(directory_route_add(c->db, &r, &e));
	}
	OK(co_sleep(instant_in(1100 * MSEC), &e));
	static const struct {
		const char *address, *want;
	} cases[] = {{"BOSS@uni.edu.test", "boss"}, {"boss+x@uni.edu.test", "boss"},
		{"x@uni.edu.test", "uni"}, {"x@sub.uni.edu.test", "edu"}, {"x@edu.test", "edu"},
		{"x@else.test", "any"}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct route direct;
		OK(directory_get_route_for(c->d, slice_z(cases[i].address), &c->a, &r, &e));
		CHECK_STR(r.name, slice_z(cases[i].want));
		OK(directory_route_for(c->db, slice_z(cases[i].address), &c->a, &direct, &e));
		CHECK_STR(direct.name, slice_z(cases[i].want));
	}
	OK(directory_get_route(c->d, S("edu"), &c->a, &r, &e));
	CHECK_STR(r.hosts, S("mx.test:25"));
	FAILS(directory_get_route(c->d, S("none"), &c->a, &r, &e), ERR_NOTFOUND);
}

TEST(routes_match_best_first)
{
	with_cache(check_routes);
}

static void check_postmaster(struct cached *c)
{
	struct err e;
	directory_set_postmaster(c->d, S("bob@here.test"));
	CHECK_STR(describe(c, "postmaster@here.test"), S("local 2 "));
	directory_set_postmaster(c->d, S("mailer-daemon@mx.server.test"));
	CHECK_STR(describe(c, "postmaster@mx.server.test"), S("local 1 "));
	CHECK_STR(describe(c, "mailer-daemon@mx.server.test"), describe(c, "x@far.test"));
	directory_set_postmaster(c->d, S("gone@here.test"));
	CHECK_STR(describe(c, "postmaster@here.test"), S("local 1 "));
	OK(directory_account_disable(c->db, S("ann@here.test"), true, &e));
	OK(directory_alias_add(
		c->db, S("postmaster@xn--fsqu00a.xn--0zwm56d"), S("x@far.test"), &e));
	OK(co_sleep(instant_in(1100 * MSEC), &e));
	CHECK_STR(describe(c, "postmaster@here.test"), S("local 2 "));
	CHECK_STR(describe(c, "ann@here.test"), S("disabled 1 "));
	CHECK_STR(describe(c, "postmaster@例子.测试"), S("local 0  x@far.test"));
}

TEST(postmaster_always_works)
{
	with_cache(check_postmaster);
}

/* Another process adds and disables while this one keeps asking: seen within a second (and a bit).
 */
static void change_in_child(slice dir)
{
	struct err e;
	struct sql *db;
	OK(sql_open(dir, "directory", &db, &e));
	OK(directory_account_add(db, S("new@here.test"), S(""), S("long enough"), &e));
	sql_close(db);
	_exit(0);
}

/* A change must be seen a second later; the limit leaves room for a machine that is busy. */
static void wait_for_answer(struct cached *c, slice want)
{
	struct err e;
	instant limit = instant_in(5 * SECOND);
	while (!slice_starts(describe(c, "new@here.test"), want)) {
		CHECK(instant_now() < limit);
		OK(co_sleep(instant_in(5 * MSEC), &e));
	}
}

static void check_other_process(struct cached *c)
{
	struct err e;
	CHECK_STR(describe(c, "new@here.test"), S("nobody 0 "));
	pid_t pid = fork();
	if (pid == 0)
		change_in_child(c->dir);
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	wait_for_answer(c, S("local"));
	/* Nobody asked for long: the first answer is right nevertheless. */
	OK(co_sleep(instant_in(1100 * MSEC), &e));
	CHECK(slice_starts(describe(c, "new@here.test"), S("local")));
	instant looked = instant_now();
	OK(directory_account_disable(c->db, S("new@here.test"), true, &e));
	/* Within the second the answer comes from memory, unless this machine was too slow to tell. */
	bool from_memory = slice_starts(describe(c, "new@here.test"), S("local"));
	CHECK(from_memory || instant_now() - looked >= SECOND);
	wait_for_answer(c, S("disabled"));
	OK(directory_account_disable(c->db, S("new@here.test"), false, &e));
	OK(co_sleep(instant_in(1100 * MSEC), &e));
	CHECK(slice_starts(describe(c, "new@here.test"), S("local")));
}

TEST(changes_of_other_processes_are_seen_within_a_second)
{
	with_cache(check_other_process);
}

static void ask_many(void *arg)
{
	struct cached *c = arg;
	struct arena a = {0};
	for (int i = 0; i < 200; i++) {
		struct err e;
		struct rcpt_answer r;
		OK(directory_rcpt(c->d, arena_printf(&a, "u%d@here.test", i), &a, &r, &e));
		CHECK_INT(r.kind, RCPT_NO_SUCH_USER);
		OK(directory_rcpt(c->d, S("bob@here.test"), &a, &r, &e));
		CHECK_INT(r.account_id, 2);
		arena_reset(&a);
	}
	arena_done(&a);
}

static void check_crowd(struct cached *c)
{
	struct group g;
	group_init(&g);
	for (int i = 0; i < 20; i++)
		group_go(&g, "asker", ask_many, c);
	group_join(&g);
}

TEST(many_coroutines_ask_at_once)
{
	with_cache(check_crowd);
}

static void check_bound(struct cached *c)
{
	struct err e;
	struct rcpt_answer r;
	struct arena a = {0};
	for (int i = 0; i < DIRECTORY_CACHE_MAX + DIRECTORY_CACHE_MAX / 5; i++) {
		OK(directory_rcpt(c->d, arena_printf(&a, "u%d@here.test", i), &a, &r, &e));
		if (i % 100 == 0)
			CHECK_STR(describe(c, "team@here.test"),
				S("local 0  ann@here.test out@far.test"));
		arena_reset(&a);
	}
	instant from = instant_now();
	for (int i = 0; i < 20000; i++) {
		OK(directory_rcpt(c->d, S("ann@here.test"), &a, &r, &e));
		arena_reset(&a);
	}
	if (getenv("DIRECTORY_TEST_TIMES"))
		fprintf(stderr, "%.2f us a known recipient\n",
			(double)(instant_now() - from) / 20000);
	arena_done(&a);
}

TEST(cache_turns_over)
{
	with_cache(check_bound);
}
