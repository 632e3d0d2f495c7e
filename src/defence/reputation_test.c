/* Reputation: scores, fading, chains, forgeries, volume, who only sends, words. */
#include "base/time.h"
#include "defence/kv_testing.h"
#include "defence/reputation_impl.h"

#include <math.h>

struct rep {
	struct test_kv t;
	struct reputation *r;
};

static void open_rep(struct rep *r, const char *conf)
{
	const struct reputation_conf *c = test_kv_open(&r->t, &reputation_section, conf);
	r->r = reputation_open(r->t.kv, c);
}

static void close_rep(struct rep *r)
{
	reputation_close(r->r);
	test_kv_close(&r->t);
}

static void note(struct rep *r, const struct rep_subjects *s, enum rep_event e, int times)
{
	for (int i = 0; i < times; i++)
		reputation_note(r->r, s, e, 1);
	kv_flush(r->t.kv);
}

static double score(struct rep *r, enum rep_kind kind, const char *name)
{
	struct rep_answer a;
	return reputation_ask(r->r, kind, slice_z(name), &a) ? a.score : NAN;
}

TEST(reputation_grows_with_evidence)
{
	struct rep r;
	open_rep(&r, "");
	struct net_addr ip = test_ip("192.0.2.1");
	const struct rep_subjects s = {.ip = &ip};
	CHECK(isnan(score(&r, REP_IP, "192.0.2.1")));
	note(&r, &s, REP_SPAM, 1);
	CHECK(score(&r, REP_IP, "192.0.2.1") < 0 && score(&r, REP_IP, "192.0.2.1") > -0.2);
	note(&r, &s, REP_SPAM, 50);
	CHECK(score(&r, REP_IP, "192.0.2.1") < -0.9);
	note(&r, &s, REP_ACCEPTED, 1000); /* mostly good after all */
	CHECK(score(&r, REP_IP, "192.0.2.1") > 0.7);
	struct rep_answer a;
	CHECK(reputation_ask(r.r, REP_NET, S("192.0.2.0/24"), &a));
	CHECK(a.confidence > 0.9 && fabs(a.messages - 1051) < 1 &&
		fabs(a.bad_share - 51.0 / 1051) < 0.01);
	close_rep(&r);
}

TEST(reputation_fades)
{
	struct rep r;
	open_rep(&r, "[reputation]\nhalf_life = 10d\nkeep = 90d\n");
	struct net_addr ip = test_ip("2001:db8:1:2:3::1");
	const struct rep_subjects s = {.ip = &ip};
	struct rep_answer a;
	note(&r, &s, REP_SPAM, 19);
	note(&r, &s, REP_SPAM, 1); /* of one that is known by now */
	CHECK(reputation_ask(r.r, REP_IP, S("2001:db8:1:2::/64"), &a));
	CHECK(fabs(a.score + 0.8) < 0.01); /* 40 bad, 10 doubt */
	test_now += 10 * 86400;
	CHECK(reputation_ask(r.r, REP_IP, S("2001:db8:1:2::/64"), &a));
	CHECK(fabs(a.score + 20.0 / 30) < 0.01 && fabs(a.events[REP_SPAM] - 10) < 0.1);
	test_now += 10 * 86400;
	CHECK(fabs(score(&r, REP_IP, "2001:db8:1:2::/64") + 0.5) < 0.01);
	test_now += 15 * 86400; /* the window has moved on */
	CHECK(reputation_ask(r.r, REP_IP, S("2001:db8:1:2::/64"), &a));
	CHECK(a.messages < 1);
	test_now += 60 * 86400;
	CHECK(isnan(score(&r, REP_IP, "2001:db8:1:2::/64"))); /* forgotten */
	close_rep(&r);
}

/* Names that occur once are forgotten sooner than those with a history. */
TEST(reputation_hardly_known_is_kept_shortly)
{
	struct rep r;
	open_rep(&r, "[reputation]\nkeep = 80d\n");
	const struct rep_subjects once = {.sender = S("a@once.test"), .sender_proven = true},
				  often = {.sender = S("a@often.test"), .sender_proven = true};
	note(&r, &once, REP_ACCEPTED, 1);
	for (int i = 0; i < 10; i++)
		note(&r, &often, REP_ACCEPTED, 1);
	test_now += 11 * 86400;
	CHECK(isnan(score(&r, REP_DOMAIN, "once.test")));
	CHECK(score(&r, REP_DOMAIN, "often.test") > 0);
	close_rep(&r);
}

TEST(reputation_is_not_forged)
{
	struct rep r;
	open_rep(&r, "");
	struct net_addr bad = test_ip("198.51.100.7"), good = test_ip("192.0.2.1");
	const struct rep_subjects forged = {.ip = &bad, .sender = S("Boss@Bank.test")},
				  real = {.ip = &good,
					  .sender = S("boss@bank.test"),
					  .sender_proven = true};
	note(&r, &forged, REP_PHISHING, 30);
	CHECK(isnan(score(&r, REP_DOMAIN, "bank.test")));
	CHECK(isnan(score(&r, REP_SENDER, "boss@bank.test")));
	CHECK(score(&r, REP_DOMAIN, "bank.test|198.51.100.0/24") < -0.8);
	note(&r, &real, REP_ACCEPTED, 30);
	CHECK(score(&r, REP_SENDER, "boss@bank.test") > 0.7);
	/* and the good name does not help the forger */
	AUTO(arena) struct arena a = {0};
	struct signals s = {.mem = &a};
	CHECK(reputation_message(r.r, &forged, &s, NULL) < -0.7);
	CHECK(signals_has(&s, SIGNAL_REP_SENDER_BAD) && !signals_has(&s, SIGNAL_REP_DOMAIN_GOOD));
	close_rep(&r);
}

static double ask_connection(struct rep *r, const char *ip, const char *helo, struct signals *s)
{
	struct net_addr addr = test_ip(ip);
	const struct rep_subjects q = {.ip = &addr, .helo = slice_z(helo)};
	return reputation_connection(r->r, &q, s, NULL);
}

TEST(reputation_of_neighbours_counts_until_own_is_known)
{
	struct rep r;
	AUTO(arena) struct arena a = {0};
	open_rep(&r, "");
	for (int i = 1; i <= 20; i++) {
		char text[32];
		snprintf(text, sizeof text, "192.0.2.%d", i);
		struct net_addr ip = test_ip(text);
		const struct rep_subjects s = {.ip = &ip, .helo = S("bot.example")};
		note(&r, &s, REP_SPAM, 5);
	}
	struct signals s = {.mem = &a};
	CHECK(ask_connection(&r, "192.0.2.200", "x.example", &s) < -0.8); /* never seen itself */
	CHECK(signals_has(&s, SIGNAL_REP_ADDRESS_BAD));
	CHECK(slice_starts(
		s.v[0].detail, S("network 192.0.2.0/24: 100 messages in 30 days, 100 % bad")));
	s = (struct signals){.mem = &a};
	CHECK(ask_connection(&r, "192.0.3.1", "x.example", &s) == 0 && s.n == 0);
	s = (struct signals){.mem = &a};
	ask_connection(&r, "192.0.3.1", "BOT.example", &s); /* by its name */
	CHECK(s.n == 1 && signals_has(&s, SIGNAL_REP_HELO_BAD));
	struct net_addr fine = test_ip("192.0.2.99");
	note(&r, &(struct rep_subjects){.ip = &fine}, REP_ACCEPTED, 200);
	s = (struct signals){.mem = &a};
	CHECK(ask_connection(&r, "192.0.2.99", "bot.example", &s) > 0.7);
	CHECK(s.n == 1 && signals_has(&s, SIGNAL_REP_ADDRESS_GOOD)); /* the name is no argument */
	close_rep(&r);
}

/* A signature by a well-known service does not hide what is known of the domain itself. */
TEST(reputation_of_several_domains_is_that_of_the_worst)
{
	struct rep r;
	AUTO(arena) struct arena a = {0};
	open_rep(&r, "");
	const slice esp = S("esp.test"), bad = S("bad.test"), both[] = {esp, bad};
	note(&r, &(struct rep_subjects){.dkim = &esp, .ndkim = 1}, REP_ACCEPTED, 500);
	note(&r, &(struct rep_subjects){.dkim = &bad, .ndkim = 1}, REP_SPAM, 50);
	struct signals s = {.mem = &a};
	reputation_message(r.r, &(struct rep_subjects){.dkim = both, .ndkim = 2}, &s, NULL);
	CHECK(signals_has(&s, SIGNAL_REP_DOMAIN_BAD) && !signals_has(&s, SIGNAL_REP_DOMAIN_GOOD));
	s = (struct signals){.mem = &a};
	reputation_message(r.r, &(struct rep_subjects){.dkim = both, .ndkim = 1}, &s, NULL);
	CHECK(signals_has(&s, SIGNAL_REP_DOMAIN_GOOD));
	close_rep(&r);
}

TEST(reputation_of_the_origin)
{
	struct rep r;
	AUTO(arena) struct arena a = {0};
	open_rep(&r, "[reputation]\ntrusted_hops = 198.51.100.0/24 2001:db8::/32\n");
	const struct origin_ip bot = {.family = 4, .ip = {203, 0, 113, 5}},
			       hop = {.family = 4, .ip = {198, 51, 100, 9}};
	CHECK(reputation_trusts_hop(r.r, &hop) && !reputation_trusts_hop(r.r, &bot));
	note(&r, &(struct rep_subjects){.origin = &bot}, REP_SPAM, 30);
	struct signals s = {.mem = &a};
	reputation_message(r.r, &(struct rep_subjects){.origin = &bot}, &s, NULL);
	CHECK(s.n == 1 && signals_has(&s, SIGNAL_REP_ORIGIN_BAD));
	CHECK(score(&r, REP_ORIGIN, "203.0.113.5") < -0.8);
	close_rep(&r);
}

TEST(reputation_sudden_volume)
{
	struct rep r;
	AUTO(arena) struct arena a = {0};
	open_rep(&r, "[reputation]\nsurge_factor = 10\nsurge_minimum = 50\n");
	const struct rep_subjects s = {.sender = S("a@shop.test"), .sender_proven = true};
	for (int hour = 0; hour < 24 * 14; hour++) { /* four an hour for two weeks */
		for (int i = 0; i < 4; i++)
			reputation_note(r.r, &s, REP_ACCEPTED, 1);
		test_now += 3600;
	}
	kv_flush(r.t.kv);
	struct signals out = {.mem = &a};
	reputation_message(r.r, &s, &out, NULL);
	CHECK(!signals_has(&out, SIGNAL_REP_SURGE));
	note(&r, &s, REP_ACCEPTED, 100); /* within a moment */
	out = (struct signals){.mem = &a};
	reputation_message(r.r, &s, &out, NULL);
	CHECK(signals_has(&out, SIGNAL_REP_SURGE));
	test_now += 6 * 3600;
	out = (struct signals){.mem = &a};
	reputation_message(r.r, &s, &out, NULL);
	CHECK(!signals_has(&out, SIGNAL_REP_SURGE));
	/* A new one must send more before it is remarkable. */
	const struct rep_subjects fresh = {.sender = S("a@new.test"), .sender_proven = true};
	note(&r, &fresh, REP_ACCEPTED, 100);
	out = (struct signals){.mem = &a};
	reputation_message(r.r, &fresh, &out, NULL);
	CHECK(!signals_has(&out, SIGNAL_REP_SURGE));
	note(&r, &fresh, REP_ACCEPTED, 200);
	out = (struct signals){.mem = &a};
	reputation_message(r.r, &fresh, &out, NULL);
	CHECK(signals_has(&out, SIGNAL_REP_SURGE));
	close_rep(&r);
}

TEST(reputation_of_who_only_sends)
{
	struct rep r;
	AUTO(arena) struct arena a = {0};
	open_rep(&r, "[reputation]\nmute_messages = 20\n");
	const struct rep_subjects s = {.sender = S("ads@shop.test"), .sender_proven = true};
	note(&r, &s, REP_ACCEPTED, 19);
	struct signals out = {.mem = &a};
	reputation_message(r.r, &s, &out, NULL);
	CHECK(!signals_has(&out, SIGNAL_REP_ONLY_SENDS));
	note(&r, &s, REP_ACCEPTED, 5);
	out = (struct signals){.mem = &a};
	reputation_message(r.r, &s, &out, NULL);
	CHECK(signals_has(&out, SIGNAL_REP_ONLY_SENDS));
	reputation_sent(r.r, S("Ads@Shop.test"));
	out = (struct signals){.mem = &a};
	reputation_message(r.r, &s, &out, NULL);
	CHECK(!signals_has(&out, SIGNAL_REP_ONLY_SENDS));
	close_rep(&r);
}

TEST(reputation_a_report_takes_back_what_was_good)
{
	struct rep_record one = {0}, two = {0};
	rep_record_note(&one, 1000, 1e6, REP_ACCEPTED, 1);
	rep_record_note(&one, 1000, 1e6, REP_REPORTED, 1);
	rep_record_note(&two, 1000, 1e6, REP_ACCEPTED, 1);
	CHECK(one.good == 0 && one.bad == 3 && two.good == 1);
	/* A clock that went back, weights that are none, broken records. */
	rep_record_note(&two, 500, 1e6, REP_ACCEPTED, 1);
	CHECK(two.good == 2);
	rep_record_note(&two, 1000, 1e6, REP_ACCEPTED, NAN);
	rep_record_note(&two, 1000, 1e6, REP_ACCEPTED, -5);
	rep_record_note(&two, 1000, 1e6, REP_SPAM, 1e300);
	CHECK(two.good == 2 && two.bad == 2 * REP_WEIGHT_MAX);
	CHECK(!rep_record_read(S("nonsense"), &one) && one.first == 0);
}

TEST(reputation_in_words)
{
	AUTO(buf) struct buf en = BUF(500), zh = BUF(500);
	const struct rep_answer a = {.messages = 212.4,
		.bad_share = 0.031,
		.window_days = 30,
		.events = {[REP_ACCEPTED] = 205, [REP_SPAM] = 6, [REP_UNKNOWN_USER] = 2}};
	reputation_explain(&en, REP_NET, S("192.0.2.0/24"), &a, CONF_EN);
	reputation_explain(&zh, REP_NET, S("192.0.2.0/24"), &a, CONF_ZH);
	CHECK_STR(
		buf_slice(&en), S("network 192.0.2.0/24: 212 messages in 30 days, 3 % bad (spam 6, "
				  "unknown-user 2)"));
	CHECK_STR(buf_slice(&zh), S("network 192.0.2.0/24：30 天内 212 封邮件，3% 不良（spam "
				    "6, unknown-user 2）"));
}

static bool count_one(void *arg, enum rep_kind kind, slice name, const struct rep_answer *answer)
{
	unsigned *n = arg;
	CHECK(name.n > 0 && answer->last_at == test_now);
	n[kind]++;
	return true;
}

TEST(reputation_is_shown_and_forgotten)
{
	struct rep r;
	struct err e;
	unsigned n[REP_KINDS] = {0}, again[REP_KINDS] = {0};
	open_rep(&r, "");
	struct net_addr ip = test_ip("192.0.2.1");
	const slice dkim[] = {S("d.test"), S("e.test")};
	note(&r,
		&(struct rep_subjects){.ip = &ip,
			.helo = S("H.test"),
			.sender = S("a@b.test"),
			.sender_proven = true,
			.dkim = dkim,
			.ndkim = 2},
		REP_ACCEPTED, 1);
	CHECK(reputation_each(r.r, REP_KINDS, count_one, n, &e) == 0);
	const unsigned want[REP_KINDS] = {1, 1, 0, 1, 1, 2, 1, 0};
	CHECK(memcmp(n, want, sizeof n) == 0);
	reputation_forget(r.r, REP_DKIM, S("d.test"));
	kv_flush(r.t.kv);
	CHECK(reputation_each(r.r, REP_DKIM, count_one, again, &e) == 0);
	CHECK(again[REP_DKIM] == 1 && again[REP_IP] == 0);
	close_rep(&r);
}

TEST(reputation_without_a_store_knows_nothing)
{
	struct rep r;
	AUTO(arena) struct arena a = {0};
	open_rep(&r, "");
	struct kv *none = kv_open(S("/proc/none"), 16 << 20);
	struct kv *const kvs[] = {none, NULL};
	struct net_addr ip = test_ip("192.0.2.1");
	const struct rep_subjects s = {.ip = &ip, .sender = S("a@b.test"), .helo = S("\xff\x01")};
	for (int i = 0; i < 2; i++) {
		struct reputation *lost =
			reputation_open(kvs[i], conf_get(r.t.conf, &reputation_section));
		struct signals out = {.mem = &a};
		double sure = 1;
		reputation_note(lost, &s, REP_SPAM, 1);
		reputation_sent(lost, S("x@y.test"));
		CHECK(reputation_connection(lost, &s, &out, &sure) == 0 && sure == 0);
		CHECK(reputation_message(lost, &s, &out, &sure) == 0 && out.n == 0);
		reputation_close(lost);
	}
	kv_close(none);
	close_rep(&r);
}
