/*
 * Whether a list is believed. Before its first use, and every hour, its test points are asked
 * (RFC 5782 section 5): one that must be listed and one that must not. A list that fails this, or
 * that answers with an error code (127.255.255.0/24: asked through a public resolver, too often,
 * ...), or with an address outside 127.0.0.0/8, is left alone for `pause`; one that does not answer
 * many times in a row, for five minutes. Each time the log says so once.
 */
#include "defence/dnsbl_list.h"

#include "base/mem.h"
#include "run/dns.h"
#include "run/log.h"
#include "run/metrics.h"
#include <arpa/inet.h>

enum { FAILURES_MAX = 10 };
#define TEST_EVERY HOUR
#define SILENCE_PAUSE (5 * MINUTE)
#define TEST_TIME (10 * SECOND)

METRIC_COUNTER(suspended, "posthouse_dnsbl_suspended_total", "",
	"Times that a DNS list was left alone for a while: errors, failed tests, silence.");

static const char *ip_text(uint32_t code, char out[INET_ADDRSTRLEN])
{
	struct in_addr a = {htonl(code)};
	return inet_ntop(AF_INET, &a, out, INET_ADDRSTRLEN);
}

static void pause_list(struct dnsbl_list *l, int64_t how_long, const char *why)
{
	if (l->trust == TRUST_PAUSED)
		return;
	l->trust = TRUST_PAUSED;
	l->until = instant_in(how_long);
	metric_add(&suspended, 1);
	log_warn(NULL, "dnsbl.suspended", F("list", l->name), F("zone", l->conf->zone),
		F("why", why), F_USEC("for", how_long));
}

static const char *meaning(uint32_t code)
{
	switch (code) {
	case 0x7ffffffc:
		return "it says 127.255.255.252: the zone is misspelt";
	case 0x7ffffffe:
		return "it says 127.255.255.254: it is asked through a public resolver; set [dns] "
		       "mode = "
		       "recurse or your own servers";
	case 0x7fffffff:
		return "it says 127.255.255.255: too many queries; its operator offers a data feed "
		       "or a "
		       "local copy";
	default:
		return code >> 24 == 127 ? "it answers with an error code"
					 : "it answers with an address outside 127.0.0.0/8: its "
					   "domain may belong to somebody else now";
	}
}

void dnsbl_error(struct dnsbl_list *l, uint32_t code)
{
	char text[INET_ADDRSTRLEN];
	if (l->trust != TRUST_PAUSED)
		log_warn(NULL, "dnsbl.error", F("list", l->name), F("answer", ip_text(code, text)));
	pause_list(l, l->conf->pause, meaning(code));
}

void dnsbl_noted(struct dnsbl_list *l, enum lookup_status s)
{
	l->failures = s == LOOKUP_TEMP ? l->failures + 1 : 0;
	if (l->failures < FAILURES_MAX)
		return;
	l->failures = 0;
	pause_list(l, SILENCE_PAUSE, "it does not answer");
}

/* ---- test points ---- */

static slice point(const struct dnsbl_list *l, bool listed, struct arena *a)
{
	struct net_addr ip;
	struct err e;
	slice given = l->conf->test_points.n == 2 ? l->conf->test_points.v[!listed] : S("");
	if (!given.n && (l->conf->type == DNSBL_DOMAIN || l->conf->type == DNSBL_URI))
		return listed ? S("test") : S("invalid");
	if (!given.n)
		given = listed ? S("127.0.0.2") : S("127.0.0.1");
	if (net_from_ip(given, 0, &ip, &e) < 0)
		return given;
	return dns_reverse(&ip, S(""), a);
}

/* 1: as it must be, 0: not, -1: no answer. */
static int try_point(struct dnsbls *d, struct dnsbl_list *l, bool listed)
{
	AUTO(arena) struct arena a = {0};
	enum dnsbl_code code;
	uint32_t answer = 0;
	float weight;
	slice what = point(l, listed, &a);
	enum lookup_status s =
		dnsbl_query(d, l, what, instant_in(TEST_TIME), &code, &answer, &weight);
	if (s == LOOKUP_TEMP)
		return -1;
	if (code == DNSBL_ERROR) {
		dnsbl_error(l, answer);
		return 0;
	}
	return (s == LOOKUP_OK) == listed;
}

static void judge(struct dnsbls *d, struct dnsbl_list *l)
{
	int good = try_point(d, l, true);
	int clean = l->trust == TRUST_TESTING ? try_point(d, l, false) : 1;
	if (l->trust != TRUST_TESTING)
		return; /* an error code has decided */
	if (good == 0)
		pause_list(l, l->conf->pause,
			"its test point is not listed: the zone is dead or "
			"misspelt");
	else if (clean == 0)
		pause_list(l, l->conf->pause, "it lists everything, also what must not be listed");
	else if (good < 0 || clean < 0)
		pause_list(l, SILENCE_PAUSE, "its test points do not answer");
	else {
		l->trust = TRUST_GOOD;
		l->until = instant_in(TEST_EVERY);
	}
}

struct test {
	struct dnsbls *d;
	struct dnsbl_list *l;
};

static void test_run(void *arg)
{
	AUTO(free) struct test *t = arg;
	judge(t->d, t->l);
	cond_wake_all(&t->l->tested);
}

static void start_test(struct dnsbls *d, struct dnsbl_list *l)
{
	struct test *t = NEW(struct test);
	*t = (struct test){d, l};
	l->trust = TRUST_TESTING;
	group_go(&d->tests, "dnsbl.test", test_run, t);
}

bool dnsbl_trusted(struct dnsbls *d, struct dnsbl_list *l, instant deadline)
{
	struct err e;
	bool due =
		l->trust == TRUST_NEW || (l->trust != TRUST_TESTING && instant_now() >= l->until);
	if (l->conf->test_points.n == 1 && l->trust != TRUST_PAUSED)
		return true; /* "none" */
	if (due && l->conf->test_points.n == 1)
		l->trust = TRUST_GOOD;
	else if (due)
		start_test(d, l);
	while (l->trust == TRUST_TESTING)
		if (cond_wait(&l->tested, deadline, &e) < 0)
			return false;
	return l->trust == TRUST_GOOD;
}
