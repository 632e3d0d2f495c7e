/* Greylisting: first attempt, retries, evidence, networks, time, a store that is gone. */
#include "base/time.h"
#include "defence/greylist.h"
#include "defence/kv_testing.h"

struct grey {
	struct test_kv t;
	struct greylist *g;
};

static void open_grey(struct grey *g, const char *conf)
{
	const struct greylist_conf *c = test_kv_open(&g->t, &greylist_section, conf);
	g->g = greylist_open(g->t.kv, c);
}

static void close_grey(struct grey *g)
{
	greylist_close(g->g);
	test_kv_close(&g->t);
}

static struct greylist_answer ask(
	struct grey *g, const char *ip, const char *sender, const char *rcpt, double doubt)
{
	struct greylist_answer a;
	struct net_addr addr = test_ip(ip);
	const struct greylist_facts f = {.ip = &addr,
		.helo = S("helo.example"),
		.sender = slice_z(sender),
		.rcpt = slice_z(rcpt),
		.doubt = doubt};
	greylist_ask(g->g, &f, &a);
	kv_flush(g->t.kv);
	CHECK(a.pass == (a.wait == 0));
	return a;
}

#define SAYS(answer, name) CHECK_STR(slice_z(greylist_why_name((answer).why)), S(name))

TEST(greylist_who_comes_back_passes)
{
	struct grey g;
	open_grey(&g, "[greylist]\ndelay_min = 1m\ndelay_max = 5m\nnetwork_passes = 0\n");
	struct greylist_answer a = ask(&g, "192.0.2.1", "x@a.test", "me@here.test", 0);
	SAYS(a, "new");
	CHECK(!a.pass && a.wait == 60 * SECOND && a.tries == 1 && a.first_at == 0);
	a = ask(&g, "192.0.2.1", "x@a.test", "you@here.test", 0); /* the next recipient */
	SAYS(a, "new");
	CHECK_INT(a.tries, 1);
	test_now += 30;
	a = ask(&g, "192.0.2.77", "bounce-7@a.test", "me@here.test", 0); /* same network, domain */
	SAYS(a, "early");
	CHECK(a.wait == 30 * SECOND && a.tries == 2);
	test_now += 29;
	SAYS(ask(&g, "192.0.2.1", "x@a.test", "me@here.test", 0), "early");
	test_now += 1;
	SAYS(ask(&g, "192.0.3.1", "x@a.test", "me@here.test", 0), "new"); /* another network */
	SAYS(ask(&g, "192.0.2.1", "x@b.test", "me@here.test", 0), "new"); /* another domain */
	a = ask(&g, "192.0.2.1", "x@a.test", "me@here.test", 0);
	SAYS(a, "came-back");
	CHECK(a.pass);
	SAYS(ask(&g, "192.0.2.2", "y@a.test", "me@here.test", 1), "known");
	test_now += 35 * 86400;
	SAYS(ask(&g, "192.0.2.2", "y@a.test", "me@here.test", 1), "known");
	test_now += 35 * 86400; /* counted from the last mail */
	SAYS(ask(&g, "192.0.2.2", "y@a.test", "me@here.test", 1), "known");
	test_now += 37 * 86400;
	SAYS(ask(&g, "192.0.2.2", "y@a.test", "me@here.test", 1), "new");
	close_grey(&g);
}

TEST(greylist_more_doubt_waits_longer_and_is_judged_anew)
{
	struct grey g;
	open_grey(&g, "[greylist]\ndelay_min = 1m\ndelay_max = 5m\n");
	CHECK(ask(&g, "2001:db8:1:2::1", "x@a.test", "", 1).wait == 300 * SECOND);
	CHECK(ask(&g, "2001:db8:1:2::1", "x@b.test", "", 0.5).wait == 180 * SECOND);
	test_now += 61;
	/* What is known now decides: the one still looks bad, the other does not. */
	SAYS(ask(&g, "2001:db8:1:2::1", "x@a.test", "", 1), "early");
	SAYS(ask(&g, "2001:db8:1:2::ffff", "x@b.test", "", 0), "came-back");
	SAYS(ask(&g, "2001:db8:1:3::1", "x@b.test", "", 0), "new"); /* another /64 */
	close_grey(&g);
}

TEST(greylist_too_late_begins_anew)
{
	struct grey g;
	open_grey(&g, "[greylist]\nwindow = 1h\n");
	SAYS(ask(&g, "192.0.2.1", "x@a.test", "", 0), "new");
	test_now += 3601;
	SAYS(ask(&g, "192.0.2.1", "x@a.test", "", 0), "new");
	test_now += 100;
	SAYS(ask(&g, "192.0.2.1", "x@a.test", "", 0), "came-back");
	close_grey(&g);
}

TEST(greylist_evidence_releases_and_takes_back)
{
	struct grey g;
	open_grey(&g, "");
	struct net_addr ip = test_ip("192.0.2.1");
	const struct greylist_facts f = {.ip = &ip, .sender = S("x@a.test")};
	SAYS(ask(&g, "192.0.2.1", "x@a.test", "", 1), "new");
	greylist_release(g.g, &f);
	kv_flush(g.t.kv);
	SAYS(ask(&g, "192.0.2.9", "x@a.test", "", 1), "released");
	greylist_distrust(g.g, &f);
	kv_flush(g.t.kv);
	SAYS(ask(&g, "192.0.2.9", "x@a.test", "", 1), "new");
	close_grey(&g);
}

TEST(greylist_network_that_proved_itself)
{
	struct grey g;
	open_grey(&g, "[greylist]\nnetwork_passes = 3\n");
	static const char *const senders[] = {"x@a.test", "x@b.test", "y@a.test", "x@c.test"};
	for (int i = 0; i < 4; i++)
		CHECK(!ask(&g, "192.0.2.1", senders[i], "", 0).pass);
	test_now += 100;
	SAYS(ask(&g, "192.0.2.1", "x@a.test", "", 0), "came-back");
	SAYS(ask(&g, "192.0.2.1", "x@b.test", "", 0), "came-back");
	SAYS(ask(&g, "192.0.2.1", "new@d.test", "", 0), "new"); /* two so far */
	SAYS(ask(&g, "192.0.2.1", "x@c.test", "", 0), "came-back");
	SAYS(ask(&g, "192.0.2.200", "new@e.test", "", 1), "network");
	SAYS(ask(&g, "192.0.3.1", "new@e.test", "", 1), "new");
	close_grey(&g);
}

TEST(greylist_null_sender_is_known_by_helo)
{
	struct grey g;
	open_grey(&g, "");
	SAYS(ask(&g, "192.0.2.1", "", "", 0), "new");
	SAYS(ask(&g, "192.0.2.1", "x@helo.example", "", 0), "new"); /* not the same */
	test_now += 61;
	SAYS(ask(&g, "192.0.2.1", "", "", 0), "came-back");
	close_grey(&g);
}

TEST(greylist_by_recipient)
{
	struct grey g;
	open_grey(&g, "[greylist]\nby_recipient = yes\n");
	SAYS(ask(&g, "192.0.2.1", "x@a.test", "me@one.test", 0), "new");
	test_now += 61;
	SAYS(ask(&g, "192.0.2.1", "x@a.test", "me@two.test", 0), "new");
	SAYS(ask(&g, "192.0.2.1", "x@a.test", "you@one.test", 0), "came-back");
	close_grey(&g);
}

TEST(greylist_hurts_nobody_when_it_cannot_remember)
{
	struct grey g;
	open_grey(&g, "[greylist]\nenabled = no\n");
	SAYS(ask(&g, "192.0.2.1", "x@a.test", "", 1), "off");
	close_grey(&g);
	open_grey(&g, "");
	struct kv *none = kv_open(S("/proc/none"), 16 << 20);
	struct greylist *lost =
		greylist_open(none, g.g ? conf_get(g.t.conf, &greylist_section) : NULL);
	struct net_addr ip = test_ip("192.0.2.1");
	struct greylist_answer a;
	greylist_ask(lost, &(struct greylist_facts){.ip = &ip, .sender = S("x@a.test")}, &a);
	SAYS(a, "unknown");
	CHECK(a.pass);
	greylist_close(lost);
	kv_close(none);
	greylist_ask(g.g, &(struct greylist_facts){.sender = S("x@a.test")}, &a); /* no address */
	CHECK(a.pass);
	close_grey(&g);
}
