/* Own accounts that send too much, with a clock of our own; and the table of suspensions. */
#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "defence/kv_testing.h"
#include "defence/outbound.h"
#include "store/queue.h"

struct guard {
	struct test_kv t;
	struct outbound o;
	struct arena a;
};

static void open_guard(struct guard *g, const char *conf)
{
	*g = (struct guard){0};
	g->o.conf = test_kv_open(&g->t, &outbound_section, conf);
	g->o.kv = g->t.kv;
	test_now = 1800000000; /* a whole hour */
}

static void close_guard(struct guard *g)
{
	arena_done(&g->a);
	test_kv_close(&g->t);
}

static void sent(struct guard *g, slice who, unsigned inside, unsigned outside)
{
	const struct outbound_count m = {inside, outside};
	outbound_sent(&g->o, who, &m);
	kv_flush(g->t.kv);
}

static bool may(struct guard *g, slice who, unsigned inside, unsigned outside)
{
	const struct outbound_count m = {inside, outside};
	struct outbound_cap cap;
	outbound_ask(&g->o, who, &m, &cap);
	return !cap.reached;
}

static bool sudden(struct guard *g, slice who, unsigned outside)
{
	const struct outbound_count m = {0, outside};
	slice detail;
	return outbound_is_sudden(&g->o, who, &m, &g->a, &detail);
}

TEST(outbound_caps)
{
	struct guard g;
	open_guard(&g, "[outbound]\noutside_hour = 10\noutside_day = 15\ninside_hour = 20\n"
		       "org_outside_hour = 12\nexceptions = news@ours.test @lists.test\n");
	slice ann = S("ann@ours.test"), bob = S("bob@ours.test"), eve = S("eve@else.test");
	sent(&g, ann, 0, 9);
	CHECK(may(&g, ann, 0, 1));
	CHECK(!may(&g, ann, 0, 2));
	CHECK(!may(&g, S("ANN@ours.test"), 0, 2));
	CHECK(may(&g, ann, 20, 0)); /* inside has its own */
	CHECK(!may(&g, ann, 21, 0));
	CHECK(may(&g, bob, 0, 3)); /* 12 of the organisation */
	CHECK(!may(&g, bob, 0, 4));
	CHECK(may(&g, eve, 0, 10));
	CHECK(may(&g, S("news@ours.test"), 0, 1000));
	CHECK(may(&g, S("any@lists.test"), 0, 1000));
	test_now += 2 * 3600; /* the hour is over, the day is not */
	CHECK(may(&g, ann, 0, 6));
	CHECK(!may(&g, ann, 0, 7));
	test_now += 2 * 86400;
	CHECK(may(&g, ann, 0, 10));
	close_guard(&g);
}

TEST(outbound_windows_slide)
{
	struct guard g;
	open_guard(&g, "[outbound]\noutside_hour = 10\n");
	slice ann = S("ann@ours.test");
	sent(&g, ann, 0, 10);
	test_now += 3600 + 1800; /* half of it is still inside */
	CHECK(may(&g, ann, 0, 5));
	CHECK(!may(&g, ann, 0, 6));
	close_guard(&g);
}

TEST(outbound_sudden_volume_is_against_the_habit)
{
	struct guard g;
	open_guard(&g, "[outbound]\nsudden_minimum = 100\nsudden_factor = 20\n");
	slice busy = S("busy@ours.test"), calm = S("calm@ours.test");
	for (int hour = 0; hour < 24; hour++) {
		sent(&g, busy, 0, 40);
		sent(&g, calm, 300, 1); /* large, but inside */
		test_now += 3600;
	}
	CHECK(!sudden(&g, calm, 98));
	CHECK(sudden(&g, calm, 99));
	CHECK(!sudden(&g, busy, 700)); /* usual: 40 an hour */
	CHECK(sudden(&g, busy, 800));
	CHECK(sudden(&g, S("unknown@ours.test"), 100));
	struct outbound_facts f;
	outbound_facts(&g.o, busy, &f);
	CHECK_INT((int)f.usual, 40);
	sent(&g, calm, 5000, 0);
	CHECK(!sudden(&g, calm, 0)); /* only recipients outside count */
	close_guard(&g);
}

TEST(outbound_new_accounts_have_a_small_cap)
{
	struct guard g;
	open_guard(&g, "[outbound]\nnew_outside_day = 50\nnew_for = 3d\n");
	slice old = S("old@ours.test"), young = S("young@ours.test");
	sent(&g, old, 0, 1);
	CHECK(may(&g, old, 0, 200)); /* when the counting begins all are as good as old */
	CHECK(may(&g, young, 0, 200));
	test_now += 4 * 86400;
	CHECK(may(&g, old, 0, 200));
	CHECK(!may(&g, young, 0, 51));
	CHECK(may(&g, young, 0, 50));
	sent(&g, young, 0, 1);
	test_now += 4 * 86400;
	CHECK(may(&g, young, 0, 51));
	close_guard(&g);
}

TEST(outbound_spam_again_and_again)
{
	struct guard g;
	slice ann = S("ann@ours.test"), detail;
	open_guard(&g, "[outbound]\nspam_minimum = 5\nspam_percent = 50\n");
	for (int i = 0; i < 4; i++)
		outbound_judged(&g.o, ann, true);
	CHECK(!outbound_is_spam(&g.o, ann, &g.a, &detail));
	for (int i = 0; i < 6; i++)
		outbound_judged(&g.o, ann, false);
	outbound_judged(&g.o, ann, true); /* 5 of 11 */
	CHECK(!outbound_is_spam(&g.o, ann, &g.a, &detail));
	outbound_judged(&g.o, ann, true); /* 6 of 12 */
	CHECK(outbound_is_spam(&g.o, ann, &g.a, &detail));
	CHECK_STR(detail, S("6 of 12 messages in an hour are spam"));
	test_now += 2 * 3600;
	CHECK(!outbound_is_spam(&g.o, ann, &g.a, &detail));
	close_guard(&g);
}

TEST(outbound_recipients_that_do_not_exist)
{
	struct guard g;
	slice detail;
	open_guard(&g, "[outbound]\nfailing_minimum = 50\nfailing_percent = 40\n");
	const struct outbound_conf *c = g.o.conf;
	CHECK(!outbound_is_failing(c, 49, 49, &g.a, &detail));
	CHECK(outbound_is_failing(c, 50, 50, &g.a, &detail));
	CHECK(!outbound_is_failing(c, 126, 50, &g.a, &detail));
	CHECK(outbound_is_failing(c, 125, 50, &g.a, &detail));
	close_guard(&g);
}

TEST(outbound_switched_off)
{
	struct guard g;
	open_guard(&g, "[outbound]\nenabled = no\noutside_hour = 1\nsudden_minimum = 1\n");
	sent(&g, S("a@ours.test"), 9, 9);
	CHECK(may(&g, S("a@ours.test"), 9, 9));
	CHECK(!sudden(&g, S("a@ours.test"), 1000));
	g.o.kv = NULL; /* and without a store nothing is known */
	CHECK(may(&g, S("a@ours.test"), 9, 9));
	close_guard(&g);
}

/* ---- the table ---- */

static void add_letter(struct sql *db, msg_id id, slice auth, enum rcpt_state state)
{
	struct err e;
	struct queue_rcpt r[2] = {
		{.idx = 0, .address = S("x@far.test"), .dest = S("smtp:far.test"), .state = state},
		{.idx = 1, .address = S("y@far.test"), .dest = S("smtp:far.test"), .state = state}};
	struct queue_msg m = {.id = id,
		.sender = auth,
		.auth = auth,
		.blob = 1,
		.client = S("192.0.2.7 host.test"),
		.rcpts = r,
		.nrcpts = 2};
	OK(queue_add_tx(db, &m, &e));
}

TEST(outbound_suspensions)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db;
	struct err e;
	struct outbound_suspension got;
	OK(sql_open(testdir_slice(&d), "queue", &db, &e));
	OK(sql_migrate(db, queue_migrations, queue_migrations_n, &e));
	struct outbound_suspension s = {.who = S("Ann@ours.test"),
		.why = OUTBOUND_SPAM,
		.detail = S("d"),
		.since = 1000,
		.until = 2000};
	CHECK_INT(outbound_suspend_tx(db, &s, &e), 1);
	CHECK_INT(outbound_suspend_tx(db, &s, &e), 0);
	CHECK_INT(outbound_suspended(db, S("ann@OURS.test"), 1500, &a, &got, &e), 1);
	CHECK_INT(got.why, OUTBOUND_SPAM);
	CHECK_INT(outbound_suspended(db, S("ann@ours.test"), 2000, &a, &got, &e), 0);
	CHECK_INT(outbound_suspended(db, S("bob@ours.test"), 1500, &a, &got, &e), 0);
	s.why = OUTBOUND_ADMIN;
	s.who = S("@ours.test");
	s.until = 0;
	CHECK_INT(outbound_suspend_tx(db, &s, &e), 1);
	CHECK_INT(outbound_suspended(db, S("bob@ours.test"), 1500, &a, &got, &e), 1);
	CHECK_INT(outbound_lift_tx(db, S("@OURS.test"), &e), 0);
	CHECK_INT(outbound_lift_tx(db, S("@ours.test"), &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	sql_close(db);
}

TEST(outbound_mail_that_waits_is_held)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db;
	struct err e;
	OK(sql_open(testdir_slice(&d), "queue", &db, &e));
	OK(sql_migrate(db, queue_migrations, queue_migrations_n, &e));
	add_letter(db, 1, S("ann@ours.test"), RCPT_WAITING);
	add_letter(db, 2, S("ann@ours.test"), RCPT_WAITING);
	add_letter(db, 3, S("bob@ours.test"), RCPT_WAITING);
	add_letter(db, 4, S("xann@ours.test"), RCPT_WAITING);
	add_letter(db, 5, S("ann@ours.test"), RCPT_HELD); /* by hand, for something else */
	add_letter(db, 6, S(""), RCPT_WAITING);
	CHECK_INT(outbound_hold_tx(db, S("ann@ours.test"), S("t"), 3, &e), 3);
	CHECK_INT(outbound_hold_tx(db, S("ann@ours.test"), S("t"), 10, &e), 1);
	CHECK_INT(outbound_held(db, S("ann@ours.test"), &e), 4);
	CHECK_INT(outbound_release_tx(db, S("ann@ours.test"), S("t"), 10, &e), 4);
	CHECK_INT(outbound_held(db, S("ann@ours.test"), &e), 0);
	CHECK_INT(outbound_hold_tx(db, S("@ours.test"), S("t"), 100, &e), 8);
	CHECK_INT(outbound_hold_tx(db, S("ip:192.0.2.7"), S("t"), 100, &e), 2);
	CHECK_INT(outbound_hold_tx(db, S("ip:192.0.2"), S("t"), 100, &e), 0);
	sql_close(db);
}
