/* What is demanded of a host, by the administrator's word, MTA-STS and the message. DANE is proven
 * with a signed DNS in test/safe_transport.py. */
#include "mail/tls_policy.h"

#include "base/mem.h"
#include "base/test.h"

static const struct {
	enum tls_level least;
	const char *policy; /* of MTA-STS, for mx.good.test; NULL: none */
	bool fetch_failed, require, route, mx_secure;
	const char *host;
	/* expected */
	int result; /* -1: refused with that failure and status */
	enum tls_level level;
	enum tls_failure failure; /* or doubt */
	bool authentic;
	const char *name;
} cases[] = {
	{TLS_LEVEL_MAYBE, NULL, 0, 0, 0, 0, "mx.good.test", 0, TLS_LEVEL_MAYBE, 0, false, ""},
	{TLS_LEVEL_ALWAYS, NULL, 0, 0, 0, 0, "mx.good.test", 0, TLS_LEVEL_ALWAYS, 0, false, ""},
	/* enforce raises, and never lowers */
	{TLS_LEVEL_MAYBE, "enforce", 0, 0, 0, 0, "mx.good.test", 0, TLS_LEVEL_HOST, 0, true,
		"mta-sts"},
	{TLS_LEVEL_CA, "enforce", 0, 0, 0, 0, "MX.good.test", 0, TLS_LEVEL_HOST, 0, true,
		"mta-sts"},
	{TLS_LEVEL_HOST, "enforce", 0, 0, 0, 0, "mx.good.test", 0, TLS_LEVEL_HOST, 0, true,
		"mta-sts"},
	{TLS_LEVEL_MAYBE, "enforce", 0, 0, 0, 0, "mx.bad.test", -1, 0, TLS_FAIL_VALIDATION, false,
		"mta-sts"},
	/* none: the administrator wants no TLS at all */
	{TLS_LEVEL_NEVER, "enforce", 0, 0, 0, 0, "mx.bad.test", 0, TLS_LEVEL_NEVER, 0, false, ""},
	{TLS_LEVEL_MAYBE, "testing", 0, 0, 0, 0, "mx.good.test", 0, TLS_LEVEL_MAYBE, 0, false,
		"mta-sts-testing"},
	{TLS_LEVEL_MAYBE, "testing", 0, 0, 0, 0, "mx.bad.test", 0, TLS_LEVEL_MAYBE,
		TLS_FAIL_VALIDATION, false, "mta-sts-testing"},
	{TLS_LEVEL_MAYBE, "none", 0, 0, 0, 0, "mx.bad.test", 0, TLS_LEVEL_MAYBE, 0, false, ""},
	{TLS_LEVEL_MAYBE, NULL, 1, 0, 0, 0, "mx.good.test", 0, TLS_LEVEL_MAYBE, TLS_FAIL_STS_FETCH,
		false, "mta-sts-testing"},
	/* a policy in force counts although it could not be fetched again */
	{TLS_LEVEL_MAYBE, "enforce", 1, 0, 0, 0, "mx.good.test", 0, TLS_LEVEL_HOST, 0, true,
		"mta-sts"},
	/* RFC 8689: somebody must vouch for the host's name */
	{TLS_LEVEL_MAYBE, NULL, 0, 1, 0, 0, "mx.good.test", -1, 0, TLS_FAIL_VALIDATION, false, ""},
	{TLS_LEVEL_MAYBE, NULL, 0, 1, 0, 1, "mx.good.test", 0, TLS_LEVEL_HOST, 0, true, ""},
	{TLS_LEVEL_NEVER, NULL, 0, 1, 1, 0, "mx.good.test", 0, TLS_LEVEL_HOST, 0, true, ""},
	{TLS_LEVEL_MAYBE, "enforce", 0, 1, 0, 0, "mx.good.test", 0, TLS_LEVEL_HOST, 0, true,
		"mta-sts"},
	{TLS_LEVEL_MAYBE, "testing", 0, 1, 0, 0, "mx.good.test", -1, 0, TLS_FAIL_VALIDATION, false,
		"mta-sts-testing"},
	/* mandatory DANE without a signed DNS */
	{TLS_LEVEL_DANE, NULL, 0, 0, 0, 0, "mx.good.test", -1, 0, TLS_FAIL_DANE_REQUIRED, false,
		"dane"},
};

static void check(size_t i)
{
	AUTO(arena) struct arena a = {0};
	const struct tls_rules rules = {
		.least = cases[i].least, .require = cases[i].require, .mx = !cases[i].route};
	struct tls_domain d = {.rules = &rules, .domain = S("good.test")};
	const struct host h = {.name = slice_z(cases[i].host), .mx_secure = cases[i].mx_secure};
	const char *why;
	if (cases[i].policy) {
		slice text =
			arena_printf(&a, "version: STSv1\nmode: %s\nmax_age: 1\nmx: mx.good.test\n",
				cases[i].policy);
		d.sts.found = mta_sts_policy_parse(text, &d.sts.policy, &why);
		CHECK(d.sts.found);
	}
	d.sts.failure = cases[i].fetch_failed ? TLS_FAIL_STS_FETCH : TLS_FAIL_NONE;
	struct tls_policy p;
	struct result result = {0};
	enum tls_failure failure = TLS_FAIL_NONE;
	int r = tls_policy_host(&d, &h, 0, &a, &p, &result, &failure);
	if (r != cases[i].result)
		test_fail(__FILE__, __LINE__, "case %zu gives %d", i, r);
	CHECK_INT(r < 0 ? failure : p.doubt, cases[i].failure);
	CHECK_STR(slice_z(tls_policy_name(&p)), slice_z(cases[i].name));
	if (r < 0) {
		CHECK_INT(result.status.subject, 7);
		CHECK(result.text.n > 0);
		CHECK_INT(result.kind, result.status.cls == 5 ? RESULT_FAILED : RESULT_DEFERRED);
		return;
	}
	CHECK_STR(p.want.host, h.name);
	if (p.level != cases[i].level || p.authentic != cases[i].authentic)
		test_fail(__FILE__, __LINE__, "case %zu: level %d", i, (int)p.level);
}

TEST(tls_policy_table)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check(i);
}

TEST(tls_policy_exceptions)
{
	const slice list[] = {S_INIT("one.test"), S_INIT(".two.test")};
	const struct tls_rules rules = {
		.least = TLS_LEVEL_MAYBE, .mx = true, .exceptions = list, .nexceptions = 2};
	static const struct {
		slice domain;
		bool excepted;
	} v[] = {{S_INIT("one.test"), true}, {S_INIT("ONE.test"), true},
		{S_INIT("sub.one.test"), false}, {S_INIT("two.test"), false},
		{S_INIT("sub.two.test"), true}, {S_INIT("three.test"), false}};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(arena) struct arena a = {0};
		struct tls_domain d;
		tls_policy_domain(&rules, v[i].domain, 0, &a, &d);
		CHECK_INT(d.excepted, v[i].excepted);
	}
}
