/* SPF's evaluation against made zones: limits, recursion, identities, explanations. The community's
 * suite is run by test/senderauth.py; here stands what it does not ask. */
#include "base/test.h"
#include "senderauth/spf.h"
#include "senderauth/zone_testing.h"

#include <stdio.h>

static struct zone zone;
static struct arena mem;

static void txt(const char *name, const char *text)
{
	zone_add(&zone, slice_z(name), ZONE_TXT, slice_z(text));
}

static struct spf_query query(const char *ip, const char *from, const char *helo)
{
	struct spf_query q = {
		.helo = slice_z(helo), .mail_from = slice_z(from), .deadline = INSTANT_NEVER};
	struct err e;
	CHECK(net_from_ip(slice_z(ip), 0, &q.ip, &e) == 0);
	return q;
}

static struct spf_result run(const struct spf_query *q)
{
	struct spf_result r;
	struct lookup l = zone_lookup(&zone);
	zone.asked = 0;
	spf_check(&l, q, &mem, &r);
	return r;
}

static struct spf_result check(const char *ip, const char *from)
{
	struct spf_query q = query(ip, from, "helo.test");
	return run(&q);
}

static void fresh(void)
{
	zone_done(&zone);
	arena_done(&mem);
}

#define CHECK_RESULT(r, want)                                                                      \
	CHECK_STR(slice_z(auth_result_name((r).result)), slice_z(auth_result_name(want)))

TEST(spf_says_what_matched)
{
	fresh();
	txt("a.test", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/33 redirect=b.test");
	txt("b.test", "v=spf1 ?ip4:198.51.100.0/25 ~all");
	struct spf_result r = check("192.0.2.77", "user@A.test");
	CHECK_RESULT(r, AUTH_PASS);
	CHECK_STR(r.mechanism, S("ip4:192.0.2.0/24"));
	CHECK_STR(r.domain, S("a.test"));
	CHECK_STR(r.identity, S("user@a.test"));
	CHECK_STR(r.record_domain, S("a.test"));
	CHECK_INT(r.lookups, 0);
	r = check("::ffff:192.0.2.77", "user@a.test");
	CHECK_STR(r.mechanism, S("ip4:192.0.2.0/24"));
	r = check("2001:db8:7fff::1", "user@a.test");
	CHECK_STR(r.mechanism, S("ip6:2001:db8::/33"));
	r = check("2001:db8:8000::1", "user@a.test");
	CHECK_RESULT(r, AUTH_SOFTFAIL);
	CHECK_STR(r.record_domain, S("b.test"));
	CHECK_INT(r.lookups, 1);
	r = check("198.51.100.127", "user@a.test");
	CHECK_RESULT(r, AUTH_NEUTRAL);
	CHECK_STR(r.mechanism, S("?ip4:198.51.100.0/25"));
	fresh();
}

TEST(spf_identities)
{
	fresh();
	txt("mx.h.test", "v=spf1 ip4:192.0.2.1 -all");
	txt("xn--bcher-kva.test", "v=spf1 ip4:192.0.2.1 -all");
	txt("l.test", "v=spf1 a:%{l}.l.test -all");
	zone_add(&zone, S("me.l.test"), ZONE_A, S("192.0.2.1"));
	struct spf_query q = query("192.0.2.1", "", "MX.H.test.");
	struct spf_result r = run(&q);
	CHECK_RESULT(r, AUTH_PASS);
	CHECK_INT(r.scope, SPF_HELO);
	CHECK_STR(r.identity, S("postmaster@mx.h.test"));
	q = query("192.0.2.2", "user@elsewhere.test", "mx.h.test");
	q.scope = SPF_HELO;
	r = run(&q);
	CHECK_RESULT(r, AUTH_FAIL);
	CHECK_STR(r.domain, S("mx.h.test"));
	static const char *const none[] = {"user@[192.0.2.1]", "user@localhost", "user@", "user",
		"user@a..test", "user@nowhere.test", "user@b\xff.test"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		r = check("192.0.2.1", none[i]);
		CHECK_RESULT(r, AUTH_NONE);
	}
	r = check("192.0.2.1", "user@b\xc3\xbc"
			       "cher.test");
	CHECK_RESULT(r, AUTH_PASS);
	CHECK_STR(r.domain, S("xn--bcher-kva.test"));
	CHECK_RESULT(check("192.0.2.1", "me@l.test"), AUTH_PASS);
	/* RFC 8616 4: not looked up, no match, no error */
	r = check("192.0.2.1", "m\xc3\xa9@l.test");
	CHECK_RESULT(r, AUTH_FAIL);
	CHECK_INT(zone.asked, 1);
	fresh();
}

TEST(spf_endless_includes_end)
{
	fresh();
	txt("loop.test", "v=spf1 include:loop.test -all");
	txt("redirect.test", "v=spf1 redirect=redirect.test");
	txt("grow.test", "v=spf1 include:x.%{d} -all");
	for (int i = 0; i < 40; i++) {
		char name[40], text[60];
		snprintf(name, sizeof name, "c%d.test", i);
		snprintf(text, sizeof text, "v=spf1 include:c%d.test include:c%d.test -all", i + 1,
			i + 1);
		txt(name, text);
	}
	static const char *const from[] = {"u@loop.test", "u@redirect.test", "u@c0.test"};
	for (int i = 0; i < 3; i++) {
		struct spf_result r = check("192.0.2.1", from[i]);
		CHECK_RESULT(r, AUTH_PERMERROR);
		CHECK_INT(r.problem.reason, SPF_LOOKUPS_MANY);
		CHECK_INT(zone.asked, SPF_LOOKUPS_MAX + 1);
	}
	struct spf_result r = check("192.0.2.1", "u@grow.test");
	CHECK_INT(r.problem.reason, SPF_TARGET_NONE);
	fresh();
}

TEST(spf_ten_lookups_are_allowed)
{
	fresh();
	txt("ten.test",
		"v=spf1 a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test "
		"a:h.test a:h.test -all");
	txt("eleven.test",
		"v=spf1 a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test "
		"a:h.test a:h.test a:h.test -all");
	zone_add(&zone, S("h.test"), ZONE_A, S("198.51.100.1"));
	struct spf_result r = check("192.0.2.1", "u@ten.test");
	CHECK_RESULT(r, AUTH_FAIL);
	CHECK_INT(r.lookups, 10);
	r = check("192.0.2.1", "u@eleven.test");
	CHECK_RESULT(r, AUTH_PERMERROR);
	CHECK_STR(spf_problem_text(&r.problem, &mem),
		S("eleven.test: a:h.test: more than 10 terms ask the DNS"));
	CHECK_INT(zone.asked, 11);
	fresh();
}

TEST(spf_voids_are_counted)
{
	fresh();
	txt("two.test", "v=spf1 a:no1.test exists:no2.test -all");
	txt("three.test", "v=spf1 a:no1.test mx:no2.test exists:no3.test -all");
	/* Hosts without addresses of the client's family are no void lookups. */
	txt("v6.test", "v=spf1 mx -all");
	for (int i = 0; i < 5; i++) {
		char host[20];
		snprintf(host, sizeof host, "m%d.test", i);
		zone_add_mx(&zone, S("v6.test"), 10, slice_z(host));
		zone_add(&zone, slice_z(host), ZONE_A, S("192.0.2.5"));
	}
	struct spf_result r = check("192.0.2.1", "u@two.test");
	CHECK_RESULT(r, AUTH_FAIL);
	CHECK_INT(r.voids, 2);
	r = check("192.0.2.1", "u@three.test");
	CHECK_RESULT(r, AUTH_PERMERROR);
	CHECK_INT(r.problem.reason, SPF_VOIDS_MANY);
	r = check("2001:db8::1", "u@v6.test");
	CHECK_RESULT(r, AUTH_FAIL);
	CHECK_INT(r.voids, 0);
	fresh();
}

TEST(spf_many_hosts)
{
	fresh();
	txt("ten.test", "v=spf1 mx -all");
	txt("many.test", "v=spf1 mx -all");
	txt("ptr.test", "v=spf1 ptr -all");
	for (int i = 0; i < 60; i++) {
		char host[20];
		snprintf(host, sizeof host, "m%d.test", i);
		zone_add_mx(&zone, S("many.test"), 10, slice_z(host));
		zone_add(&zone, S("1.2.0.192.in-addr.arpa"), ZONE_PTR, slice_z(host));
		zone_add(&zone, slice_z(host), ZONE_A, S("192.0.2.200"));
		if (i < 10)
			zone_add_mx(&zone, S("ten.test"), 10, slice_z(host));
	}
	CHECK_RESULT(check("192.0.2.200", "u@ten.test"), AUTH_PASS);
	CHECK_RESULT(check("192.0.2.1", "u@ten.test"), AUTH_FAIL);
	CHECK_INT(zone.asked, 1 + 1 + SPF_NAMES_MAX);
	struct spf_result r = check("192.0.2.1", "u@many.test");
	CHECK_INT(r.problem.reason, SPF_NAMES_MANY);
	CHECK_INT(zone.asked, 2);
	CHECK_RESULT(check("192.0.2.1", "u@ptr.test"), AUTH_FAIL);
	CHECK_INT(zone.asked, 1 + 1 + SPF_NAMES_MAX);
	fresh();
}

TEST(spf_ptr_is_validated)
{
	fresh();
	txt("p.test", "v=spf1 ptr exists:%{p}.log.test -all");
	zone_add(&zone, S("1.2.0.192.in-addr.arpa"), ZONE_PTR, S("forged.p.test"));
	zone_add(&zone, S("2.2.0.192.in-addr.arpa"), ZONE_PTR, S("deep.mail.p.test"));
	zone_add(&zone, S("3.2.0.192.in-addr.arpa"), ZONE_PTR, S("mailp.test"));
	zone_add(&zone, S("deep.mail.p.test"), ZONE_A, S("192.0.2.2"));
	zone_add(&zone, S("mailp.test"), ZONE_A, S("192.0.2.3"));
	zone_add(&zone, S("mailp.test.log.test"), ZONE_A, S("127.0.0.2"));
	CHECK_RESULT(check("192.0.2.1", "u@p.test"), AUTH_FAIL);
	CHECK_STR(check("192.0.2.2", "u@p.test").mechanism, S("ptr"));
	CHECK_STR(check("192.0.2.3", "u@p.test").mechanism, S("exists:%{p}.log.test"));
	fresh();
}

TEST(spf_macro_bombs_are_permerrors)
{
	fresh();
	AUTO(buf) struct buf b = BUF(SPF_RECORD_MAX);
	buf_put(&b, S("v=spf1 exists:"));
	for (int i = 0; i < 5000; i++)
		buf_put(&b, S("%{s}"));
	buf_put(&b, S(" -all"));
	zone_add(&zone, S("bomb.test"), ZONE_TXT, buf_slice(&b));
	struct spf_result r = check("192.0.2.1", "u@bomb.test");
	CHECK_INT(r.problem.reason, SPF_EXPANSION_LONG);
	CHECK_INT(zone.asked, 1);
	/* Long, but not that long: labels go from the left. */
	buf_reset(&b);
	buf_put(&b, S("v=spf1 exists:"));
	for (int i = 0; i < 100; i++)
		buf_put(&b, S("%{l}.x."));
	buf_put(&b, S("end.test -all"));
	zone_add(&zone, S("long.test"), ZONE_TXT, buf_slice(&b));
	r = check("192.0.2.1", "u@long.test");
	CHECK_RESULT(r, AUTH_FAIL);
	CHECK_INT(r.voids, 1);
	fresh();
}

TEST(spf_names_the_dns_cannot_hold_match_nothing)
{
	fresh();
	txt("bad.test", "v=spf1 exists:%{l}.bad.test a:%{l}.bad.test mx:%{l}.bad.test -all");
	struct spf_result r = check("192.0.2.1", "a..b@bad.test");
	CHECK_RESULT(r, AUTH_FAIL);
	CHECK_INT(zone.asked, 1);
	CHECK_INT(r.voids, 0);
	/* 4.3, 5.2: a domain that cannot be has no record, and include needs one. */
	txt("inc.test", "v=spf1 include:%{l}.bad.test -all");
	r = check("192.0.2.1", "a..b@inc.test");
	CHECK_INT(r.problem.reason, SPF_TARGET_NONE);
	r = check("192.0.2.1", "\xc3\xa9@inc.test");
	CHECK_RESULT(r, AUTH_FAIL);
	fresh();
}

TEST(spf_keeps_its_deadline)
{
	fresh();
	txt("t.test", "v=spf1 -all");
	struct spf_query q = query("192.0.2.1", "u@t.test", "h.test");
	q.deadline = instant_now() - SECOND;
	struct spf_result r = run(&q);
	CHECK_RESULT(r, AUTH_TEMPERROR);
	CHECK_INT(r.problem.reason, SPF_TOO_LATE);
	CHECK_INT(zone.asked, 0);
	fresh();
}

TEST(spf_explains_a_fail)
{
	fresh();
	txt("e.test", "v=spf1 include:inner.test -all exp=why.%{d}");
	txt("why.e.test", "%{i} may not send for %{o}; see http://e.test/?s=%{S}");
	txt("inner.test", "v=spf1 -all exp=inner-why.test");
	txt("inner-why.test", "wrong");
	txt("utf8.test", "v=spf1 -all exp=why-utf8.test");
	txt("why-utf8.test", "%{l} is not known");
	txt("two.test", "v=spf1 -all exp=why-two.test");
	txt("why-two.test", "one");
	txt("why-two.test", "two");
	struct spf_result r = check("192.0.2.1", "me@e.test");
	CHECK_RESULT(r, AUTH_FAIL);
	CHECK_STR(r.explanation,
		S("192.0.2.1 may not send for e.test; see http://e.test/?s=me%40e.test"));
	CHECK_STR(check("192.0.2.1", "me@utf8.test").explanation, S("me is not known"));
	CHECK_STR(check("192.0.2.1", "m\xc3\xa9@utf8.test").explanation, S(""));
	CHECK_STR(check("192.0.2.1", "me@two.test").explanation, S(""));
	fresh();
}

static void note(void *arg, const struct spf_step *s)
{
	static const char *const events[] = {
		"record", "match", "no", "descend", "return", "problem"};
	buf_printf(arg, "%u %s %.*s|", s->depth, events[s->event], SFMT(s->term));
}

TEST(spf_tells_its_steps)
{
	fresh();
	AUTO(buf) struct buf steps = BUF(10000);
	txt("a.test", "v=spf1 ip4:192.0.2.9 include:%{d1}.b.test moo=x redirect=c.test");
	txt("test.b.test", "v=spf1 -all");
	struct spf_query q = query("192.0.2.1", "u@a.test", "h.test");
	q.step = note;
	q.arg = &steps;
	CHECK_RESULT(run(&q), AUTH_PERMERROR);
	CHECK_STR(buf_slice(&steps),
		S("0 record |0 no ip4:192.0.2.9|0 descend include:%{d1}.b.test|1 record |1 match "
		  "-all|0 return include:%{d1}.b.test|0 no include:%{d1}.b.test|0 descend "
		  "redirect=c.test|1 problem |0 return redirect=c.test|0 problem "
		  "redirect=c.test|"));
	fresh();
}

TEST(spf_in_authentication_results)
{
	fresh();
	txt("a.test", "v=spf1 mix:x -all");
	struct authres_method m;
	struct spf_result r = check("192.0.2.1", "u@a.test");
	spf_authres(&r, &mem, &m);
	CHECK_STR(m.method, S("spf"));
	CHECK_STR(m.result, S("permerror"));
	CHECK_STR(m.reason, S("a.test: mix:x: no such mechanism"));
	CHECK_INT(m.nprops, 1);
	CHECK_STR(m.props[0].ptype, S("smtp"));
	CHECK_STR(m.props[0].property, S("mailfrom"));
	CHECK_STR(m.props[0].value, S("u@a.test"));
	r = check("192.0.2.1", "");
	spf_authres(&r, &mem, &m);
	CHECK_STR(m.result, S("none"));
	CHECK_STR(m.props[0].property, S("helo"));
	CHECK_STR(m.props[0].value, S("helo.test"));
	fresh();
}
