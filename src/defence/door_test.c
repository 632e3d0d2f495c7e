#include "defence/door_testing.h"
#include "run/co.h"

/* A plain day: a company's own server, everything in order. */
static void fill(struct zone *z)
{
	zone_add(z, S("7.2.0.192.in-addr.arpa"), ZONE_PTR, S("mail.good.test"));
	zone_add(z, S("mail.good.test"), ZONE_A, S("192.0.2.7"));
	zone_add(z, S("66.2.0.192.in-addr.arpa"), ZONE_PTR, S("dsl-192-0-2-66.isp.test"));
	zone_add(z, S("dsl-192-0-2-66.isp.test"), ZONE_A, S("192.0.2.66"));
	zone_add(z, S("2.0.0.127.bl.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("66.2.0.192.bl.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("67.2.0.192.bl.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("2.0.0.127.wl.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("8.2.0.192.wl.test"), ZONE_A, S("127.0.5.3"));
	zone_add(z, S("9.100.51.198.in-addr.arpa"), ZONE_PTR, S("out.partner.test"));
	zone_add(z, S("out.partner.test"), ZONE_A, S("198.51.100.9"));
}

static const char rules[] =
	"[dnsbl \"bl\"]\nzone = bl.test\n[dnsbl \"wl\"]\nzone = wl.test\ntype = dnswl\n"
	"[source \"partner\"]\nclass = trusted\nhosts = .partner.test\n";

struct step {
	struct world *w;
	const char *ip, *helo, *sender;
	/* What comes of it. */
	struct door_verdict connect, mail, rcpt, data;
	const char *cls;
	char signals[500];
};

static void visit(void *arg)
{
	struct step *s = arg;
	struct door_caller c = world_caller(s->ip);
	AUTO(arena) struct arena a = {0};
	struct door_verdict v;
	struct door_visit *d = door_enter(s->w->door, &c, &s->connect);
	door_helo(d, &(struct door_helo){.name = slice_z(s->helo)}, &v);
	door_mail(d, &(struct door_mail){.sender = slice_z(s->sender)}, &s->mail);
	if (!door_refuses(&s->mail)) {
		door_rcpt(d, &(struct door_rcpt){.address = S("bob@ours.test")}, &s->rcpt);
		if (!door_refuses(&s->rcpt)) {
			door_rcpt_was(d, DOOR_GOOD);
			door_data(d, &(struct door_evidence){0}, &s->data);
		}
	}
	struct door_words w = door_words(d, &a);
	s->cls = source_class_name(door_source(d)->cls);
	snprintf(s->signals, sizeof s->signals, "%.*s", SFMT(w.signals));
	door_message_was(d, DOOR_STORED);
	door_leave(d, &(struct door_end){.commands = 5});
}

static void run_step(struct step *s)
{
	loop_init();
	loop_main(visit, s);
	loop_done();
}

TEST(door_by_origin)
{
	static const struct {
		const char *ip, *helo, *cls;
		enum door_action rcpt;
		const char *signals;
	} cases[] = {
		{"192.0.2.7", "mail.good.test", "unknown", DOOR_ACCEPT, ""},
		{"127.0.0.1", "x", "known", DOOR_ACCEPT, ""},
		{"10.0.0.1", "192.0.2.1", "known", DOOR_ACCEPT, ""},
		{"198.51.100.9", "nonsense", "trusted", DOOR_ACCEPT, ""},
		{"192.0.2.8", "mail.white.test", "known", DOOR_ACCEPT, "dnswl=-4.0(wl 127.0.5.3)"},
		{"192.0.2.9", "mail.nobody.test", "unknown", DOOR_ACCEPT,
			"ptr-none=1.5 helo-unknown=1.0(mail.nobody.test)"},
		{"192.0.2.66", "localhost", "bad", DOOR_REJECT,
			"dnsbl=4.0(bl 127.0.0.2) ptr-dynamic=2.0(dsl-192-0-2-66.isp.test) "
			"helo-unqualified=1.0(localhost)"},
		{"192.0.2.67", "[192.0.2.67]", "bad", DOOR_REJECT, "dnsbl=4.0"},
		{"192.0.2.10", "mx.ours.test", "unknown", DOOR_REJECT, "helo-ours=6.0"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world w = {0};
		fill(&w.zone);
		world_open(&w, rules);
		struct step s = {&w, cases[i].ip, cases[i].helo, "a@sender.test", .cls = ""};
		run_step(&s);
		if (strcmp(s.cls, cases[i].cls) != 0)
			test_fail(
				__FILE__, __LINE__, "%s is %s: %s", cases[i].ip, s.cls, s.signals);
		enum door_action did = s.rcpt.action == DOOR_MARK ? DOOR_ACCEPT : s.rcpt.action;
		if (did != cases[i].rcpt)
			test_fail(__FILE__, __LINE__, "%s: %s (%s)", cases[i].ip,
				door_action_name(s.rcpt.action), s.signals);
		if (cases[i].signals[0] ? !strstr(s.signals, cases[i].signals) : s.signals[0])
			test_fail(__FILE__, __LINE__, "%s: %s", cases[i].ip, s.signals);
		world_close(&w);
	}
}

TEST(door_words_for_the_peer)
{
	struct world w = {0};
	fill(&w.zone);
	world_open(&w, rules);
	struct step s = {&w, "192.0.2.66", "localhost", "a@sender.test", .cls = ""};
	run_step(&s);
	CHECK_INT(s.rcpt.code, 550);
	CHECK_STR(slice_z(s.rcpt.status), S("5.7.1"));
	CHECK_STR(slice_z(s.rcpt.text),
		S("Not accepted: dnsbl, ptr-dynamic, helo-unqualified [score]"));
	if (!strstr(s.rcpt.why, "dnsbl=4.0(bl 127.0.0.2)"))
		test_fail(__FILE__, __LINE__, "%s", s.rcpt.why);
	world_close(&w);
}

/* Turned off for a section, a check costs nothing and counts nothing (H5). */
TEST(door_checks_can_be_turned_off)
{
	struct world w = {0};
	fill(&w.zone);
	world_open(&w, "[dnsbl \"bl\"]\nzone = bl.test\n"
		       "[source \"unknown\"]\ndnsbl = no\nreverse_dns = no\nhelo = no\n");
	struct step s = {&w, "192.0.2.66", "localhost", "a@sender.test", .cls = ""};
	run_step(&s);
	CHECK_INT(s.rcpt.action, DOOR_ACCEPT);
	CHECK_STR(slice_z(s.signals), S(""));
	CHECK_INT(w.zone.asked, 0);
	world_close(&w);
}

/* ---- rates ---- */

static void check_refused(const struct door_verdict *v, const char *reason, int code)
{
	if (!door_refuses(v) || strcmp(v->reason, reason) != 0 || v->code != code)
		test_fail(__FILE__, __LINE__, "%s %d %s", door_action_name(v->action), v->code,
			v->reason ? v->reason : "");
	CHECK(strstr(v->text, reason));
}

TEST(door_connections_in_a_minute)
{
	struct world w = {0};
	struct door_verdict v;
	world_open(&w, "[source \"unknown\"]\nconnections_per_minute = 10\n"
		       "network_connections_per_minute = 25 drop\n");
	struct door_caller a = world_caller("192.0.2.1"), b = world_caller("192.0.2.2"),
			   c = world_caller("192.0.2.3"), d = world_caller("198.51.100.1");
	for (int i = 0; i < 10; i++) {
		door_knock(w.door, &a, &v);
		CHECK(!door_refuses(&v));
	}
	door_knock(w.door, &a, &v);
	check_refused(&v, "connection-rate", 421);
	for (int i = 0; i < 10; i++) {
		door_knock(w.door, &b, &v);
		CHECK(!door_refuses(&v));
	}
	for (int i = 0; i < 4; i++)
		door_knock(w.door, &c, &v);
	CHECK(!door_refuses(&v));
	door_knock(w.door, &c, &v);
	CHECK_INT(v.action, DOOR_DROP);
	check_refused(&v, "network-rate", 421);
	door_knock(w.door, &d, &v);
	CHECK(!door_refuses(&v));
	world_seconds += 130;
	door_knock(w.door, &a, &v);
	CHECK(!door_refuses(&v));
	world_close(&w);
}

TEST(door_connections_at_a_time)
{
	struct world w = {0};
	struct door_verdict v;
	world_open(&w, "[source \"office\"]\nclass = known\nnetworks = "
		       "198.51.100.0/24\nconnections = 50\n");
	struct door_caller a = world_caller("192.0.2.1"), b = world_caller("198.51.100.1"),
			   l = world_caller("127.0.0.1");
	a.open = b.open = 21;
	l.open = 5000;
	door_knock(w.door, &a, &v);
	check_refused(&v, "connections", 421);
	door_knock(w.door, &b, &v);
	CHECK(!door_refuses(&v));
	door_knock(w.door, &l, &v);
	CHECK(!door_refuses(&v));
	world_close(&w);
}

static void send_many(void *arg)
{
	struct world *w = arg;
	struct door_verdict v;
	struct door_caller c = world_caller("192.0.2.7");
	struct door_visit *d = door_enter(w->door, &c, &v);
	for (int i = 0; i < 30; i++) {
		door_mail(d, &(struct door_mail){.sender = S("a@x.test")}, &v);
		CHECK(!door_refuses(&v));
	}
	door_mail(d, &(struct door_mail){.sender = S("b@x.test")}, &v);
	check_refused(&v, "message-rate", 450); /* D2: thirty in a minute */
	door_login(d, S("user@ours.test"), true); /* who logs in is no stranger */
	for (int i = 0; i < 40; i++) {
		door_mail(d, &(struct door_mail){.sender = S("b@x.test")}, &v);
		CHECK(!door_refuses(&v));
	}
	door_leave(d, &(struct door_end){0});
}

TEST(door_messages_in_a_minute)
{
	struct world w = {0};
	world_open(&w, "");
	loop_init();
	loop_main(send_many, &w);
	loop_done();
	world_close(&w);
}

static void send_from_one(void *arg)
{
	struct world *w = arg;
	struct door_verdict v;
	struct door_caller c = world_caller("192.0.2.7"), other = world_caller("198.51.100.7");
	struct door_visit *d = door_enter(w->door, &c, &v);
	for (int i = 0; i < 3; i++) {
		door_mail(d, &(struct door_mail){.sender = S("a@x.test")}, &v);
		CHECK(!door_refuses(&v));
		for (int k = 0; k < 4; k++) {
			door_rcpt(d, &(struct door_rcpt){.address = S("b@ours.test")}, &v);
			bool fits = i * 4 + k < 10;
			CHECK_INT(!door_refuses(&v), fits);
			if (!fits)
				check_refused(&v, "sender-rate", 450);
			else
				door_rcpt_was(d, DOOR_GOOD);
		}
	}
	door_mail(d, &(struct door_mail){.sender = S("A@X.test")}, &v);
	check_refused(&v, "sender-rate", 450);
	door_mail(d, &(struct door_mail){.sender = S("c@x.test")}, &v);
	CHECK(!door_refuses(&v));
	door_leave(d, &(struct door_end){0});
	/* Somebody elsewhere who uses the same sender has a count of his own. */
	d = door_enter(w->door, &other, &v);
	door_mail(d, &(struct door_mail){.sender = S("a@x.test")}, &v);
	CHECK(!door_refuses(&v));
	door_leave(d, &(struct door_end){0});
}

TEST(door_counts_of_a_sender)
{
	struct world w = {0};
	world_open(&w, "[source \"unknown\"]\nsender_messages_15m = 3\nsender_rcpts_15m = 10\n"
		       "messages_per_minute = 0\n");
	loop_init();
	loop_main(send_from_one, &w);
	loop_done();
	world_close(&w);
}

/* ---- the past of an address ---- */

struct past {
	struct world *w;
	struct door_end end;
	unsigned unknown, good, passwords;
};

static void live_through(void *arg)
{
	struct past *p = arg;
	struct door_verdict v;
	struct door_caller c = world_caller("192.0.2.7");
	struct door_visit *d = door_enter(p->w->door, &c, &v);
	door_mail(d, &(struct door_mail){.sender = S("a@x.test")}, &v);
	for (unsigned i = 0; i < p->unknown + p->good; i++) {
		door_rcpt(d, &(struct door_rcpt){.address = S("x@ours.test")}, &v);
		door_rcpt_was(d, i < p->good ? DOOR_GOOD : DOOR_NO_SUCH_USER);
	}
	for (unsigned i = 0; i < p->passwords; i++)
		door_login(d, S(""), false);
	door_leave(d, &p->end);
}

static void check_past(struct past p, const char *reason)
{
	struct world w = {0};
	struct door_verdict v;
	struct door_caller c = world_caller("192.0.2.7");
	world_open(&w, "[source \"unknown\"]\nsender_rcpts_15m = 0\nrcpts_per_connection = 0\n");
	p.w = &w;
	loop_init();
	loop_main(live_through, &p);
	loop_done();
	door_knock(w.door, &c, &v);
	if (reason)
		check_refused(&v, reason, 421);
	else
		CHECK(!door_refuses(&v));
	world_seconds += 2 * 3600;
	door_knock(w.door, &c, &v);
	CHECK(!door_refuses(&v));
	world_close(&w);
}

TEST(door_remembers_errors)
{
	check_past((struct past){.end = {.commands = 100, .errors = 30}}, NULL);
	check_past((struct past){.end = {.commands = 100, .errors = 60}}, "error-ratio");
	check_past(
		(struct past){.end = {.commands = 30, .errors = 30}}, NULL); /* too few to tell */
}

TEST(door_remembers_harvests)
{
	check_past((struct past){.unknown = 31}, "harvest");
	check_past((struct past){.unknown = 30}, NULL);
	check_past((struct past){.unknown = 60, .good = 40}, NULL); /* a list with dead members */
}

TEST(door_remembers_passwords)
{
	check_past((struct past){.passwords = 21}, "passwords");
	check_past((struct past){.passwords = 20}, NULL);
}

TEST(door_remembers_offences)
{
	struct world w = {0};
	struct door_verdict v;
	struct door_caller c = world_caller("192.0.2.7");
	world_open(&w, "");
	for (int i = 0; i < 6; i++) {
		door_knock(w.door, &c, &v);
		CHECK(!door_refuses(&v));
		struct past p = {.w = &w, .end = {.nonsense = true}};
		loop_init();
		loop_main(live_through, &p);
		loop_done();
	}
	door_knock(w.door, &c, &v);
	CHECK_INT(v.action, DOOR_DROP);
	check_refused(&v, "offences", 421);
	world_close(&w);
}

TEST(door_exceptions)
{
	struct world w = {0};
	struct door_verdict v;
	struct door_caller c = world_caller("192.0.2.7");
	world_open(&w,
		"[source \"unknown\"]\nconnections_per_minute = 1\nexceptions = 192.0.2.0/24\n");
	for (int i = 0; i < 50; i++) {
		door_knock(w.door, &c, &v);
		CHECK(!door_refuses(&v));
	}
	world_close(&w);
}

/* ---- our own users ---- */

TEST(caps_of_a_login)
{
	struct world w = {0};
	struct door_verdict v = {0};
	world_open(&w, "[caps]\nlogin_messages_15m = 5\nlogin_rcpts_15m = 8\norg_rcpts_15m = 12\n"
		       "exceptions = news@ours.test @free.test\n");
	const struct caps_conf *c = conf_get(w.conf, &caps_section);
	for (int i = 0; i < 5; i++)
		caps_ask(c, w.rates, NULL, S("ann@ours.test"), 1, 1, &v);
	CHECK(!door_refuses(&v));
	caps_ask(c, w.rates, NULL, S("ann@ours.test"), 1, 1, &v);
	check_refused(&v, "login-rate", 450);
	v = (struct door_verdict){0};
	for (int i = 0; i < 3; i++)
		caps_ask(c, w.rates, NULL, S("ann@ours.test"), 0, 1, &v);
	CHECK(!door_refuses(&v));
	caps_ask(c, w.rates, NULL, S("ann@ours.test"), 0, 1, &v);
	check_refused(&v, "login-rate", 450);
	v = (struct door_verdict){0};
	for (int i = 0; i < 4; i++)
		caps_ask(c, w.rates, NULL, S("bob@ours.test"), 0, 1, &v);
	CHECK(!door_refuses(&v));
	caps_ask(c, w.rates, NULL, S("bob@ours.test"), 0, 1, &v);
	check_refused(&v, "organisation-rate", 450);
	v = (struct door_verdict){0};
	for (int i = 0; i < 100; i++) {
		caps_ask(c, w.rates, NULL, S("News@ours.test"), 1, 1, &v);
		caps_ask(c, w.rates, NULL, S("x@free.test"), 1, 1, &v);
	}
	CHECK(!door_refuses(&v));
	caps_ask(c, w.rates, NULL, S("eve@other.test"), 1, 1, &v);
	CHECK(!door_refuses(&v));
	world_close(&w);
}
