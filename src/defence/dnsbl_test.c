#include "defence/dnsbl_list.h"
#include "defence/door_testing.h"

/* ---- codes ---- */

static bool parse_weights(const char *text, struct dnsbl_weights *ret)
{
	static slice words[64];
	struct conf_list list = {words, 0};
	slice in = slice_z(text), w;
	while (in.n && slice_cut(&in, ' ', &w))
		words[list.n++] = w;
	return dnsbl_weights_parse(&list, ret);
}

TEST(dnsbl_codes)
{
	static const struct {
		const char *weights;
		uint32_t answer;
		enum dnsbl_code code;
		float weight;
	} cases[] = {
		{"", 0x7f000002, DNSBL_LISTED, 1},
		{"", 0x7f0a0001, DNSBL_LISTED, 1},
		{"", 0x7ffffffe, DNSBL_ERROR, 0},
		{"", 0x7fffff01, DNSBL_ERROR, 0},
		{"", 0xc0000201, DNSBL_ERROR, 0},
		{"127.255.255.0/24 5", 0x7fffffff, DNSBL_ERROR, 0},
		{"127.0.0.2", 0x7f000002, DNSBL_LISTED, 1},
		{"127.0.0.2", 0x7f000003, DNSBL_NOT, 0},
		{"127.0.0.2 2.5", 0x7f000002, DNSBL_LISTED, 2.5},
		{"127.0.0.4-7 3 127.0.0.10-127.0.0.11 0.5", 0x7f000004, DNSBL_LISTED, 3},
		{"127.0.0.4-7 3 127.0.0.10-127.0.0.11 0.5", 0x7f000007, DNSBL_LISTED, 3},
		{"127.0.0.4-7 3 127.0.0.10-127.0.0.11 0.5", 0x7f000008, DNSBL_NOT, 0},
		{"127.0.0.4-7 3 127.0.0.10-127.0.0.11 0.5", 0x7f00000b, DNSBL_LISTED, 0.5},
		{"127.0.1.0/24 2", 0x7f000180, DNSBL_LISTED, 2},
		{"127.0.1.0/24 2", 0x7f000280, DNSBL_NOT, 0},
		{"&0.0.0.4 1 &0.0.0.2 3", 0x7f000004, DNSBL_LISTED, 1},
		{"&0.0.0.4 1 &0.0.0.2 3", 0x7f000006, DNSBL_LISTED, 3},
		{"&0.0.0.4 1 &0.0.0.2 3", 0x7f000009, DNSBL_NOT, 0},
		{"127.0.0.2 -1 127.0.0.3", 0x7f000002, DNSBL_LISTED, -1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dnsbl_weights w;
		float weight = 0;
		CHECK(parse_weights(cases[i].weights, &w));
		enum dnsbl_code c = dnsbl_code_judge(&w, cases[i].answer, &weight);
		if (c != cases[i].code || (c == DNSBL_LISTED && weight != cases[i].weight))
			test_fail(__FILE__, __LINE__, "case %zu: %d, %f", i, c, (double)weight);
	}
}

TEST(dnsbl_weights_that_are_none)
{
	static const char *const bad[] = {"1.2.3.4", "127.0.0", "127.0.0.256", "127.0.0.7-4",
		"127.0.0.1/33", "127.0.0.1 x", "&0.0.0.0", "&", "127.0.0.1.1", "2 127.0.0.2",
		"127.0.0.2 1 2", "127.0.0.2 1000"};
	struct dnsbl_weights w;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (parse_weights(bad[i], &w))
			test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
}

/* ---- asking ---- */

static const char lists[] =
	"[dnsbl \"good\"]\nzone = good.test\nweights = 127.0.0.2 1 127.0.0.9 2\n"
	"[dnsbl \"wild\"]\nzone = wild.test\n"
	"[dnsbl \"dead\"]\nzone = dead.test\n"
	"[dnsbl \"silent\"]\nzone = silent.test\n"
	"[dnsbl \"public\"]\nzone = public.test\n"
	"[dnsbl \"free\"]\nzone = free.test\ntest_points = none\n"
	"[dnsbl \"white\"]\nzone = white.test\ntype = dnswl\n"
	"[dnsbl \"off\"]\nzone = off.test\nenabled = no\n"
	"[dnsbl \"names\"]\nzone = names.test\ntype = domain\n";

static void fill(struct zone *z)
{
	zone_add(z, S("2.0.0.127.good.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("1.2.0.192.good.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("1.2.0.192.good.test"), ZONE_A, S("127.0.0.9"));
	zone_add(z, S("9.2.0.192.good.test"), ZONE_A, S("127.0.0.77"));
	zone_add(z, S("8.2.0.192.good.test"), ZONE_A, S("127.255.255.254"));
	zone_add(z, S("2.0.0.127.wild.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("1.0.0.127.wild.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("1.2.0.192.wild.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("1.2.0.192.dead.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("2.0.0.127.silent.test"), ZONE_TIMEOUT, S(""));
	zone_add(z, S("1.2.0.192.silent.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("2.0.0.127.public.test"), ZONE_A, S("127.255.255.254"));
	zone_add(z, S("1.2.0.192.public.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("1.2.0.192.free.test"), ZONE_A, S("127.0.0.3"));
	zone_add(z, S("2.0.0.127.white.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("1.2.0.192.white.test"), ZONE_A, S("127.0.5.1"));
	zone_add(z, S("1.2.0.192.off.test"), ZONE_A, S("127.0.0.2"));
	zone_add(z, S("test.names.test"), ZONE_A, S("127.0.1.2"));
	zone_add(z, S("bad.example.names.test"), ZONE_A, S("127.0.1.2"));
}

static void check_result(const struct dnsbl_result *r, bool white, const char *want, float weight)
{
	AUTO(buf) struct buf b = BUF(500);
	float sum = dnsbl_result_print(r, white, &b);
	CHECK_STR(buf_slice(&b), slice_z(want));
	CHECK(sum == weight);
}

static void ask_all(void *arg)
{
	struct world *w = arg;
	struct dnsbl_result r;
	struct door_caller c = world_caller("192.0.2.1");
	instant by = instant_in(10 * SECOND);
	dnsbls_ask_ip(w->dnsbls, &c.ip, by, &r);
	check_result(&r, false, "good 127.0.0.9, free 127.0.0.3", 3);
	check_result(&r, true, "white 127.0.5.1", 1);
	CHECK_INT(r.unknown, 4); /* wild, dead, silent, public */
	unsigned asked = w->zone.asked;
	dnsbls_ask_ip(w->dnsbls, &c.ip, by, &r);
	CHECK_INT(w->zone.asked - asked, 3); /* good, free, white: the others are left alone */
	c = world_caller("192.0.2.9"); /* a code without weight */
	dnsbls_ask_ip(w->dnsbls, &c.ip, by, &r);
	CHECK_INT(r.n, 0);
	c = world_caller("192.0.2.8"); /* an error code later on: the list is left alone */
	dnsbls_ask_ip(w->dnsbls, &c.ip, by, &r);
	CHECK_INT(r.n, 0);
	c = world_caller("192.0.2.1");
	dnsbls_ask_ip(w->dnsbls, &c.ip, by, &r);
	check_result(&r, false, "free 127.0.0.3", 1);
	dnsbls_ask_domain(w->dnsbls, DNSBL_DOMAIN, S("bad.example"), by, &r);
	check_result(&r, false, "names 127.0.1.2", 1);
	dnsbls_ask_domain(w->dnsbls, DNSBL_DOMAIN, S("fine.example"), by, &r);
	CHECK_INT(r.n, 0);
	CHECK_INT(r.unknown, 0);
	dnsbls_ask_domain(w->dnsbls, DNSBL_URI, S("bad.example"), by, &r);
	CHECK_INT(r.n, 0);
}

TEST(dnsbl_asks_only_whom_it_trusts)
{
	struct world w = {0};
	fill(&w.zone);
	world_open(&w, lists);
	CHECK(dnsbls_any(w.dnsbls, DNSBL_DOMAIN) && !dnsbls_any(w.dnsbls, DNSBL_URI));
	loop_init();
	loop_main(ask_all, &w);
	loop_done();
	world_close(&w);
}

static void ask_silent(void *arg)
{
	struct world *w = arg;
	struct door_caller c = world_caller("192.0.2.1");
	struct dnsbl_result r;
	for (int i = 0; i < 20; i++) {
		dnsbls_ask_ip(w->dnsbls, &c.ip, instant_in(SECOND), &r);
		CHECK_INT(r.n, 0);
		CHECK_INT(r.unknown, 1);
	}
	CHECK_INT(w->zone.asked, 10); /* then it is left alone */
}

TEST(dnsbl_that_never_answers)
{
	struct world w = {0};
	zone_add(&w.zone, S("1.2.0.192.x.test"), ZONE_TIMEOUT, S(""));
	world_open(&w, "[dnsbl \"x\"]\nzone = x.test\ntest_points = none\n");
	loop_init();
	loop_main(ask_silent, &w);
	loop_done();
	world_close(&w);
}
