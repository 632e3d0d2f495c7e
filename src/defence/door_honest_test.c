/* What must not happen to honest senders at the door, and what attackers must not gain from it. */
#include "defence/door_testing.h"
#include "run/co.h"
#include "run/pool.h"

#define RUN(fn, w)                                                                                 \
	do {                                                                                       \
		loop_init();                                                                       \
		pool_init(1);                                                                      \
		loop_main(fn, w);                                                                  \
		pool_done();                                                                       \
		loop_done();                                                                       \
	} while (0)

static struct door_visit *arrive(struct world *w, const char *ip, const char *helo)
{
	struct door_verdict v;
	struct door_caller c = world_caller(ip);
	struct door_visit *d = door_enter(w->door, &c, &v);
	CHECK(!door_refuses(&v));
	door_helo(d, &(struct door_helo){.name = slice_z(helo)}, &v);
	return d;
}

static void say_mail(struct door_visit *d, const char *sender)
{
	struct door_verdict v;
	door_mail(d, &(struct door_mail){.sender = slice_z(sender)}, &v);
	CHECK(!door_refuses(&v));
}

static struct door_verdict say_rcpt(struct door_visit *d, const char *rcpt, bool complaint)
{
	struct door_verdict v;
	door_rcpt(d, &(struct door_rcpt){.address = slice_z(rcpt), .postmaster = complaint}, &v);
	if (!door_refuses(&v))
		door_greylist(d, &v);
	return v;
}

static double score_of(struct world *w, enum rep_kind kind, const char *name)
{
	struct rep_answer a;
	kv_flush(w->kv);
	return reputation_ask(w->reputation, kind, slice_z(name), &a) ? a.score : 0;
}

/* ---- one message with many recipients ---- */

static void send_to_a_thousand(void *arg)
{
	struct world *w = arg;
	struct door_verdict v = {0};
	struct door_visit *d = arrive(w, "192.0.2.7", "mail.x.test");
	int good = 0, put_off = 0;
	say_mail(d, "list@x.test");
	for (int i = 0; i < 1000; i++) {
		v = say_rcpt(d, "bob@ours.test", false);
		if (v.action == DOOR_DROP)
			test_fail(__FILE__, __LINE__, "dropped at %d, with %d recipients", i, good);
		if (door_refuses(&v))
			put_off++;
		else
			door_rcpt_was(d, DOOR_GOOD), good++;
	}
	CHECK_INT(good, 500);
	CHECK_INT(put_off, 500);
	door_leave(d, &(struct door_end){.commands = 1005});
}

/* Above its count the others are put off, and the ones before get their message. */
TEST(door_many_recipients_are_put_off_not_cut_off)
{
	struct world w = {.remembers = true};
	struct door_verdict v;
	struct door_caller c = world_caller("192.0.2.7");
	world_open(&w, "[greylist]\nenabled = no\n");
	for (int i = 0; i < 7; i++) {
		RUN(send_to_a_thousand, &w);
		world_seconds += 1860;
	}
	door_knock(w.door, &c, &v);
	CHECK(!door_refuses(&v));
	CHECK(score_of(&w, REP_IP, "192.0.2.7") >= 0);
	world_close(&w);
}

/* ---- lists with dead members ---- */

static void send_to_old_list(void *arg)
{
	struct door_visit *d = arrive(arg, "192.0.2.7", "mail.x.test");
	say_mail(d, "list@x.test");
	for (int i = 0; i < 60; i++) {
		say_rcpt(d, "bob@ours.test", false);
		door_rcpt_was(d, i % 6 ? DOOR_GOOD : DOOR_NO_SUCH_USER);
	}
	door_leave(d, &(struct door_end){.commands = 70, .harvest = true});
}

TEST(door_a_list_with_dead_members_is_no_harvest)
{
	struct world w = {.remembers = true};
	struct door_verdict v;
	struct door_caller c = world_caller("192.0.2.7");
	world_open(&w, "");
	for (int i = 0; i < 7; i++)
		RUN(send_to_old_list, &w);
	door_knock(w.door, &c, &v);
	CHECK(!door_refuses(&v));
	CHECK(score_of(&w, REP_IP, "192.0.2.7") >= 0);
	world_close(&w);
}

/* ---- an office behind one address ---- */

TEST(door_one_old_password_does_not_lock_an_office_out)
{
	struct world w = {0};
	struct door_verdict v;
	struct door_caller c = world_caller("192.0.2.7");
	c.service = DOOR_SUBMISSION;
	world_open(&w, "");
	for (int i = 0; i < 120; i++) { /* a telephone that tries twice a minute, and its office */
		struct door_visit *d = door_enter(w.door, &c, &v);
		door_login(d, S(""), false);
		door_leave(d, &(struct door_end){.auth_failures = 1});
		d = door_enter(w.door, &c, &v);
		door_login(d, S("ann@ours.test"), true);
		door_leave(d, &(struct door_end){0});
	}
	door_knock(w.door, &c, &v);
	CHECK(!door_refuses(&v));
	struct door_visit *d = door_enter(w.door, &c, &v);
	door_may_login(d, &v);
	CHECK(!door_refuses(&v));
	door_leave(d, &(struct door_end){0});
	world_close(&w);
}

static void see_failed_logins(void *arg)
{
	struct world *w = arg;
	struct door_verdict v;
	struct door_caller c = world_caller("192.0.2.7");
	c.service = DOOR_SUBMISSION;
	struct door_visit *d = door_enter(w->door, &c, &v);
	for (int i = 0; i < 6; i++)
		door_login(d, S(""), false);
	door_leave(d, &(struct door_end){0});
	d = arrive(w, "192.0.2.7", "mail.x.test");
	say_mail(d, "a@x.test");
	CHECK(signals_has(door_signals(d), SIGNAL_PASSWORDS));
	door_leave(d, &(struct door_end){0});
	d = arrive(w, "192.0.2.8", "mail.x.test");
	say_mail(d, "a@x.test");
	CHECK(!signals_has(door_signals(d), SIGNAL_PASSWORDS));
	door_leave(d, &(struct door_end){0});
}

TEST(door_failed_logins_count_against_mail)
{
	struct world w = {0};
	world_open(&w, "");
	RUN(see_failed_logins, &w);
	world_close(&w);
}

/* ---- neighbours ---- */

static void check_class(struct world *w, const char *ip, const char *want)
{
	struct door_visit *d = arrive(w, ip, "mail.x.test");
	say_mail(d, "a@x.test");
	slice got = slice_z(source_class_name(door_source(d)->cls));
	CHECK_STR(got, slice_z(want));
	door_leave(d, &(struct door_end){0});
}

static void meet_neighbours(void *arg)
{
	struct world *w = arg;
	struct net_addr bad = test_ip("192.0.2.66"), good = test_ip("198.51.100.66");
	for (int i = 0; i < 200; i++) {
		reputation_note(w->reputation, &(struct rep_subjects){.ip = &bad}, REP_SPAM, 1);
		reputation_note(
			w->reputation, &(struct rep_subjects){.ip = &good}, REP_ACCEPTED, 1);
	}
	kv_flush(w->kv);
	check_class(w, "192.0.2.66", "bad");
	check_class(w, "192.0.2.7", "unknown");
	check_class(w, "198.51.100.66", "known");
	check_class(w, "198.51.100.7", "unknown");
}

/* What others of its network did makes nobody bad, and nobody known. */
TEST(door_neighbours_do_not_choose_the_class)
{
	struct world w = {.remembers = true};
	world_open(&w, "");
	RUN(meet_neighbours, &w);
	world_close(&w);
}

/* ---- what is learnt ---- */

struct sent {
	struct world *w;
	const char *ip, *helo;
	bool complaint;
	enum door_action data;
};

static void send_one(void *arg)
{
	struct sent *s = arg;
	struct door_verdict v;
	struct door_visit *d = arrive(s->w, s->ip, s->helo);
	say_mail(d, "a@x.test");
	v = say_rcpt(d, s->complaint ? "postmaster@ours.test" : "bob@ours.test", s->complaint);
	s->data = v.action;
	if (!door_refuses(&v)) {
		door_rcpt_was(d, DOOR_GOOD);
		door_data(d, &(struct door_evidence){0}, &v);
		s->data = v.action;
		door_message_was(d, door_refuses(&v) ? DOOR_REFUSED_BAD : DOOR_STORED);
	}
	door_leave(d, &(struct door_end){.commands = 5});
}

TEST(door_marked_mail_earns_no_good_name)
{
	struct world w = {.remembers = true};
	world_open(&w, "[greylist]\nenabled = no\n[source \"unknown\"]\ngreylist = no\n"
		       "messages_per_minute = 0\ndelay = 0s\n");
	struct sent s = {&w, "192.0.2.7", "[192.0.2.99]", false, DOOR_ACCEPT};
	for (int i = 0; i < 30; i++) {
		RUN(send_one, &s);
		CHECK_INT(s.data, DOOR_MARK); /* a foreign address, and no name */
	}
	CHECK(score_of(&w, REP_IP, "192.0.2.7") <= 0);
	CHECK(score_of(&w, REP_NET, "192.0.2.0/24") <= 0);
	world_close(&w);
}

/* Complaints reach us whoever sends them; but nobody becomes known by writing to postmaster. */
TEST(door_complaints)
{
	struct world w = {.remembers = true};
	world_open(&w, "");
	struct sent s = {&w, "192.0.2.7", "mx.ours.test", true, DOOR_DROP};
	for (int i = 0; i < 20; i++) {
		RUN(send_one, &s);
		CHECK_INT(s.data, DOOR_ACCEPT);
	}
	CHECK(score_of(&w, REP_IP, "192.0.2.7") <= 0);
	s.complaint = false;
	RUN(send_one, &s);
	CHECK_INT(s.data, DOOR_REJECT);
	world_close(&w);
}

/* ---- a friend's name on a stranger's mail ---- */

static void forge_a_friend(void *arg)
{
	struct world *w = arg;
	struct door_verdict v;
	autowhite_note_sent(w->autowhite, S("bob@ours.test"), S("friend@bank.test"), S(""));
	kv_flush(w->kv);
	struct door_visit *d = arrive(w, "192.0.2.7", "nobody.test"); /* no name: greylisted */
	const struct door_evidence spf = {.spf = AUTH_FAIL, .spf_domain = S("bank.test")};
	say_mail(d, "friend@bank.test");
	door_rcpt(d, &(struct door_rcpt){.address = S("bob@ours.test"), .evidence = &spf}, &v);
	door_greylist(d, &v);
	CHECK(!door_refuses(&v)); /* a signature might come with the message */
	door_rcpt_was(d, DOOR_GOOD);
	door_data(d, &spf, &v);
	CHECK_INT(v.action, DOOR_GREYLIST);
	CHECK_INT(v.code, 451);
	door_leave(d, &(struct door_end){0});
	/* And the friend himself is never asked to come again. */
	slice signs[] = {S("bank.test")};
	const struct door_evidence proven = {.dkim = signs, .ndkim = 1};
	d = arrive(w, "192.0.2.8", "nobody.test");
	say_mail(d, "friend@bank.test");
	v = say_rcpt(d, "bob@ours.test", false);
	CHECK(!door_refuses(&v));
	door_rcpt_was(d, DOOR_GOOD);
	door_data(d, &proven, &v);
	CHECK(!door_refuses(&v));
	door_leave(d, &(struct door_end){0});
}

TEST(door_a_forged_friend_is_greylisted)
{
	struct world w = {.remembers = true};
	world_open(&w, "");
	RUN(forge_a_friend, &w);
	world_close(&w);
}

/* ---- names without end ---- */

static void change_names(void *arg)
{
	struct world *w = arg;
	struct door_verdict v;
	char name[40];
	struct door_visit *d = arrive(w, "192.0.2.7", "a.x.test");
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "n%d.x.test", i);
		door_helo(d, &(struct door_helo){.name = slice_z(name)}, &v);
	}
	say_mail(d, "a@x.test");
	door_leave(d, &(struct door_end){0});
	CHECK(w->zone.asked < 40);
}

TEST(door_changing_names_costs_no_lookups)
{
	struct world w = {0};
	world_open(&w, "");
	RUN(change_names, &w);
	world_close(&w);
}

/* ---- a pool of hosts ---- */

static enum door_action try_from(struct world *w, const char *ip, enum auth_result spf)
{
	struct door_verdict v;
	const struct door_evidence ev = {.spf = spf, .spf_domain = S("x.test")};
	struct door_visit *d = arrive(w, ip, "nobody.test");
	say_mail(d, "a@x.test");
	door_rcpt(d, &(struct door_rcpt){.address = S("bob@ours.test"), .evidence = &ev}, &v);
	door_greylist(d, &v);
	door_leave(d, &(struct door_end){0});
	kv_flush(w->kv);
	return v.action;
}

static void come_from_a_pool(void *arg)
{
	struct world *w = arg;
	CHECK_INT(try_from(w, "192.0.2.7", AUTH_PASS), DOOR_GREYLIST);
	CHECK_INT(try_from(w, "192.0.3.7", AUTH_NEUTRAL), DOOR_GREYLIST);
	test_now += 400;
	/* All that the domain names are one sender; what it does not name is another. */
	CHECK(try_from(w, "198.51.100.7", AUTH_PASS) < DOOR_GREYLIST);
	CHECK_INT(try_from(w, "203.0.113.7", AUTH_NEUTRAL), DOOR_GREYLIST);
	CHECK(try_from(w, "192.0.3.9", AUTH_NEUTRAL) < DOOR_GREYLIST);
}

TEST(door_greylisting_knows_pools)
{
	struct world w = {.remembers = true};
	world_open(&w, "[source \"unknown\"]\ngreylist_score = 2\n");
	RUN(come_from_a_pool, &w);
	world_close(&w);
}
