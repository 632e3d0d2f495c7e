#include "defence/helo.h"

#include "defence/door_testing.h"

static const char *told(struct signals *s, char out[300])
{
	size_t n = 0;
	out[0] = 0;
	for (unsigned i = 0; i < s->n; i++)
		n += (size_t)snprintf(
			out + n, 300 - n, "%s%s", i ? " " : "", s->v[i].def->name);
	return out;
}

TEST(helo_form)
{
	static const struct {
		const char *ip, *helo, *name, *want;
		bool odd;
	} cases[] = {
		{"192.0.2.7", "mail.example.com", "", "", false},
		{"192.0.2.7", "mail.example.com.", "", "", false},
		{"192.0.2.7", "[192.0.2.7]", "", "", false},
		{"192.0.2.7", "[192.0.2.8]", "", "helo-foreign-ip", false},
		{"2001:db8::7", "[IPv6:2001:db8::7]", "", "", false},
		{"2001:db8::7", "[IPv6:2001:db8::8]", "", "helo-foreign-ip", false},
		{"192.0.2.7", "192.0.2.7", "", "helo-bare-ip", true},
		{"192.0.2.7", "198.51.100.1", "", "helo-bare-ip helo-foreign-ip", true},
		{"192.0.2.7", "mx.ours.test", "", "helo-ours", false},
		{"192.0.2.7", "MX.Ours.Test.", "", "helo-ours", false},
		{"192.0.2.7", "ours.test", "", "helo-ours", false},
		{"192.0.2.7", "ours.test", "ours.test", "", false}, /* it is that host */
		{"192.0.2.7", "localhost", "", "helo-unqualified", false},
		{"192.0.2.7", "WIN-9A8B7C", "", "helo-unqualified", false},
		{"192.0.2.7", "a_b c", "", "helo-syntax", true},
		{"192.0.2.7", "dsl-192-0-2-7.isp.example", "", "helo-dynamic", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(free) struct signals *s = NEW(struct signals);
		s->mem = &a;
		char text[300];
		struct door_caller c = world_caller(cases[i].ip);
		const struct iprev p = {.name = slice_z(cases[i].name)};
		helo_judge_form(&(struct helo_facts){.helo = slice_z(cases[i].helo),
					.odd = cases[i].odd,
					.peer = &c.ip,
					.hostname = S("mx.ours.test"),
					.ours = world_ours,
					.iprev = &p},
			s);
		CHECK_STR(slice_z(told(s, text)), slice_z(cases[i].want));
	}
}

TEST(helo_name_in_the_dns)
{
	struct zone z = {0};
	zone_add(&z, S("mail.example.com"), ZONE_A, S("192.0.2.7"));
	zone_add(&z, S("other.example.com"), ZONE_A, S("192.0.2.8"));
	zone_add(&z, S("six.example.com"), ZONE_AAAA, S("2001:db8::1"));
	zone_add_mx(&z, S("example.com"), 10, S("mail.example.com"));
	zone_add(&z, S("slow.example.com"), ZONE_TIMEOUT, S(""));
	zone_add(&z, S("text.example.com"), ZONE_TXT, S("x"));
	static const struct {
		const char *helo, *want;
	} cases[] = {
		{"mail.example.com", ""},
		{"other.example.com", "helo-mismatch"},
		{"six.example.com", "helo-mismatch"},
		{"example.com", "helo-mismatch"},
		{"none.example.com", "helo-unknown"},
		{"text.example.com", "helo-unknown"},
		{"slow.example.com", ""},
		{"[192.0.2.7]", ""},
		{"localhost", ""},
	};
	struct lookup l = zone_lookup(&z);
	struct door_caller c = world_caller("192.0.2.7");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(free) struct signals *s = NEW(struct signals);
		s->mem = &a;
		char text[300];
		const struct helo_facts f = {.helo = slice_z(cases[i].helo), .peer = &c.ip};
		helo_judge_name(&f, &l, instant_in(SECOND), &a, s);
		CHECK_STR(slice_z(told(s, text)), slice_z(cases[i].want));
	}
	zone_done(&z);
}

TEST(names_of_customers_lines)
{
	static const struct {
		const char *ip, *name;
		bool dynamic;
	} cases[] = {
		{"192.0.2.7", "mail.example.com", false},
		{"192.0.2.7", "mx1.example.com", false},
		{"192.0.2.7", "192-0-2-7.example.net", true},
		{"192.0.2.7", "ip-7-2-0-192.isp.example.net", true},
		{"192.0.2.7", "c-0-2-7.hsd1.ca.isp.example", true},
		{"192.0.2.7", "c0000207.isp.example", true},
		{"192.0.2.7", "192000002007.isp.example", true},
		{"192.0.2.7", "p123.dyn.isp.example", true},
		{"192.0.2.7", "adsl.isp.example", true},
		{"192.0.2.7", "pool-12-34.isp.example", true},
		{"192.0.2.7", "mail-192-0-2-7.example.com", false},
		{"192.0.2.7", "static-192-0-2-7.isp.example", false},
		{"192.0.2.7", "mail.pool.example", false},
		{"192.0.2.7", "www.cable.example", false},
		{"192.0.2.7", "a1.smtp-out.example.com", false},
		{"192.0.2.7", "o1.ptr3.esp.example", false},
		{"2001:db8::7", "x.dyn.isp.example", true},
		{"2001:db8::7", "mta.isp.example", false},
		{"192.0.2.7", "localhost", false},
		{"192.0.2.7", "", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct door_caller c = world_caller(cases[i].ip);
		if (host_looks_dynamic(slice_z(cases[i].name), &c.ip) != cases[i].dynamic)
			test_fail(__FILE__, __LINE__, "%s", cases[i].name);
	}
}

TEST(iprev_confirms)
{
	struct zone z = {0};
	zone_add(&z, S("7.2.0.192.in-addr.arpa"), ZONE_PTR, S("lies.example.com"));
	zone_add(&z, S("7.2.0.192.in-addr.arpa"), ZONE_PTR, S("mail.example.com"));
	zone_add(&z, S("mail.example.com"), ZONE_A, S("192.0.2.7"));
	zone_add(&z, S("lies.example.com"), ZONE_A, S("192.0.2.9"));
	zone_add(&z, S("8.2.0.192.in-addr.arpa"), ZONE_PTR, S("lies.example.com"));
	zone_add(&z, S("9.2.0.192.in-addr.arpa"), ZONE_TIMEOUT, S(""));
	zone_add(&z, S("6.2.0.192.in-addr.arpa"), ZONE_PTR, S("slow.example.com"));
	zone_add(&z, S("slow.example.com"), ZONE_TIMEOUT, S(""));
	static const struct {
		const char *ip;
		enum auth_result result;
		const char *name, *unconfirmed;
	} cases[] = {
		{"192.0.2.7", AUTH_PASS, "mail.example.com", ""},
		{"192.0.2.8", AUTH_FAIL, "", "lies.example.com"},
		{"192.0.2.9", AUTH_TEMPERROR, "", ""},
		{"192.0.2.6", AUTH_TEMPERROR, "", "slow.example.com"},
		{"192.0.2.5", AUTH_PERMERROR, "", ""},
	};
	struct lookup l = zone_lookup(&z);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(arena) struct arena a = {0};
		struct door_caller c = world_caller(cases[i].ip);
		struct iprev r = iprev_check(&l, &c.ip, instant_in(SECOND), &a);
		CHECK_INT(r.result, cases[i].result);
		CHECK_STR(r.name, slice_z(cases[i].name));
		CHECK_STR(r.unconfirmed, slice_z(cases[i].unconfirmed));
	}
	zone_done(&z);
}
