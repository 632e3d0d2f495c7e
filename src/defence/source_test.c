#include "defence/source_conf.h"

#include "defence/door_testing.h"

static struct net_addr addr(const char *ip)
{
	return world_caller(ip).ip;
}

TEST(sources_inherit)
{
	struct world w = {0};
	struct sources s;
	struct err e;
	world_open(&w,
		"[source \"unknown\"]\nmessages_per_minute = 60 reject\nspf = no\nreject_score = "
		"9.5\n"
		"connections = 7\nmax_header = 32k\nidle_time = 90s\n"
		"[source \"partner\"]\nclass = trusted\nnetworks = 198.51.100.0/24\n"
		"hosts = mx.partner.test .big.partner.test\nconnections = 3 drop\n"
		"[source \"guests\"]\nclass = unknown\nnetworks = 198.51.100.7 203.0.113.0/24\n"
		"exceptions = 203.0.113.9\ngreylist = no\n"
		"[scores]\nspf-fail = 1.5\nptr-none = 0\n");
	CHECK(sources_make(w.conf, &w.mem, &s, &e) == 0);
	const struct source *u = &s.classes[SOURCE_UNKNOWN];
	CHECK_INT(u->limits[LIMIT_MESSAGE_RATE].n, 60);
	CHECK_INT(u->limits[LIMIT_MESSAGE_RATE].action, DOOR_REJECT);
	CHECK_INT(u->limits[LIMIT_CONNECTIONS].n, 7);
	CHECK_INT(u->limits[LIMIT_CONNECTIONS].action, DOOR_DEFER); /* the built-in one */
	CHECK_INT(u->limits[LIMIT_OFFENCES].action, DOOR_DROP);
	CHECK_INT(u->numbers[NUMBER_HEADER], 32 << 10);
	CHECK_INT(u->numbers[NUMBER_IDLE], 90 * SECOND);
	CHECK(u->thresholds[DOOR_REJECT] == 9.5F && u->thresholds[DOOR_MARK] == 5);
	CHECK(u->scores[SIGNAL_SPF_FAIL] == 0 && u->scores[SIGNAL_PTR_NONE] == 0);
	CHECK(s.classes[SOURCE_KNOWN].scores[SIGNAL_SPF_FAIL] == 1.5F);
	/* Ranges: the longest prefix, the class below. */
	struct net_addr a = addr("198.51.100.6"), b = addr("198.51.100.7"), c = addr("203.0.113.9"),
			d = addr("192.0.2.1"), l = addr("127.0.0.1"), p = addr("10.1.2.3");
	CHECK_STR(sources_by_address(&s, &a)->name, S("partner"));
	CHECK_INT(sources_by_address(&s, &a)->cls, SOURCE_TRUSTED);
	CHECK_INT(sources_by_address(&s, &a)->limits[LIMIT_CONNECTIONS].n, 3);
	CHECK_INT(sources_by_address(&s, &a)->limits[LIMIT_MESSAGE_RATE].n, 0);
	const struct source *g = sources_by_address(&s, &b);
	CHECK_STR(g->name, S("guests"));
	CHECK_INT(g->limits[LIMIT_MESSAGE_RATE].n, 60);
	CHECK(!(g->checks & CHECK_GREYLIST) && !(g->checks & CHECK_SPF) &&
		(g->checks & CHECK_DNSBL));
	CHECK(source_excepts(g, &c) && !source_excepts(g, &b));
	CHECK(sources_by_address(&s, &d) == NULL);
	CHECK_STR(sources_by_address(&s, &l)->name, S("local"));
	CHECK_STR(sources_by_address(&s, &p)->name, S("local"));
	CHECK_INT(sources_by_address(&s, &p)->limits[LIMIT_CONNECTION_RATE].n, 0);
	/* Hosts. */
	CHECK_STR(sources_by_host(&s, S("MX.partner.test"))->name, S("partner"));
	CHECK_STR(sources_by_host(&s, S("a.big.partner.test"))->name, S("partner"));
	CHECK(sources_by_host(&s, S("big.partner.test")) == NULL);
	CHECK(sources_by_host(&s, S("x.mx.partner.test")) == NULL);
	world_close(&w);
}

TEST(source_local_can_be_changed)
{
	struct world w = {0};
	struct sources s;
	struct err e;
	world_open(&w, "[source \"local\"]\nnetworks = 127.0.0.1\nmessages_per_minute = 5\n");
	CHECK(sources_make(w.conf, &w.mem, &s, &e) == 0);
	struct net_addr a = addr("127.0.0.1"), b = addr("10.0.0.1");
	CHECK_INT(sources_by_address(&s, &a)->limits[LIMIT_MESSAGE_RATE].n, 5);
	CHECK(sources_by_address(&s, &b) == NULL);
	world_close(&w);
}

TEST(source_mistakes)
{
	static const char *const bad[] = {
		"[source \"unknown\"]\nconnections = many\n",
		"[source \"unknown\"]\nconnections = 5 maybe\n",
		"[source \"unknown\"]\nconnections = 5 greylist\n",
		"[source \"unknown\"]\nconnections = 5 drop 7\n",
		"[source \"unknown\"]\nmark_score = high\n",
		"[source \"unknown\"]\nmax_header = x\n",
		"[source \"unknown\"]\nidle_time = 2d\n",
		"[source \"unknown\"]\nnetworks = 192.0.2.0/24\n",
		"[source \"unknown\"]\nclass = bad\n",
		"[source \"x\"]\nclass = bad\n",
		"[source \"x\"]\nnetworks = 192.0.2.0/24\n",
		"[scores]\nspf-fail = nan\n",
		"[scores]\nspf-fail = 101\n",
		"[dnsbl \"x\"]\n",
		"[dnsbl \"x\"]\nzone = x.test\nweights = 7\n",
		"[mirror \"x\"]\n",
		"[mirror \"x\"]\nfile = ../x\n",
		"[mirror \"x/y\"]\nfile = x\n",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		AUTO(arena) struct arena a = {0};
		struct conf_errors errors = {0};
		struct conf *conf;
		struct err e;
		if (conf_parse(slice_z(bad[i]), S("test"), world_sections, CONF_EN, &a, &conf,
			    &errors, &e) == 0)
			test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
	}
}

TEST(every_signal_has_a_score)
{
	struct world w = {0};
	struct sources s;
	struct err e;
	world_open(&w, "");
	CHECK(sources_make(w.conf, &w.mem, &s, &e) == 0);
	for (unsigned i = 0; i < SIGNALS_KNOWN; i++)
		CHECK(s.classes[SOURCE_UNKNOWN].scores[i] == signal_def((enum signal_id)i)->score);
	world_close(&w);
}
