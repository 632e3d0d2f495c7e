#include "base/mem.h"
#include "base/test.h"
#include "content/lookalike.h"
#include "senderauth/psl.h"

static enum lookalike compare(const char *host, const char *of)
{
	AUTO(arena) struct arena a = {0};
	const struct url_names names = {psl_is_suffix, psl_org_domain};
	struct lookalike_host h;
	struct lookalike_name n;
	lookalike_host(slice_z(host), &names, &a, &h);
	lookalike_prepare(slice_z(of), &names, &a, &n);
	return lookalike_compare(&h, &n, &a);
}

TEST(what_looks_like_a_domain)
{
	static const struct {
		const char *host, *of;
		enum lookalike want;
	} v[] = {
		{"examp1e.com", "example.com", LOOKALIKE_LETTERS},
		{"exarnple.com", "example.com", LOOKALIKE_LETTERS},
		{"paypaI.com", "paypal.com", LOOKALIKE_LETTERS},
		{"vvindows.com", "windows.com", LOOKALIKE_LETTERS},
		{"c1oud-mail.com", "cloud-mail.com", LOOKALIKE_LETTERS},
		{"xn--pypal-4ve.com", "paypal.com", LOOKALIKE_LETTERS}, /* Cyrillic a */
		{"mail.g00gle.com", "google.com", LOOKALIKE_LETTERS},
		{"exmaple.com", "example.com", LOOKALIKE_NEAR},
		{"exampel.com", "example.com", LOOKALIKE_NEAR},
		{"exampple.com", "example.com", LOOKALIKE_NEAR},
		{"examle.com", "example.com", LOOKALIKE_NEAR},
		{"microsoftonlime.com", "microsoftonline.com", LOOKALIKE_NEAR},
		{"micosoftonlne.com", "microsoftonline.com", LOOKALIKE_NEAR}, /* two */
		{"exam-ple.com", "example.com", LOOKALIKE_HYPHEN},
		{"sfexpress.com", "sf-express.com", LOOKALIKE_HYPHEN},
		{"example-login.com", "example.com", LOOKALIKE_AFFIX},
		{"secure-example.net", "example.com", LOOKALIKE_AFFIX},
		{"examplebank.com", "example.com", LOOKALIKE_AFFIX},
		{"icbc-verify.com", "icbc.com.cn", LOOKALIKE_AFFIX},
		{"example.com.evil.net", "example.com", LOOKALIKE_INSIDE},
		{"www.example-com.evil.net", "example.com", LOOKALIKE_INSIDE},
		{"boc.cn.evil.net", "boc.cn", LOOKALIKE_INSIDE},
		{"example.service.net", "example.com", LOOKALIKE_BELOW},
		{"example.net", "example.com", LOOKALIKE_TOP},
		/* and what does not */
		{"example.com", "example.com", LOOKALIKE_NO},
		{"mail.example.com", "example.com", LOOKALIKE_NO},
		{"ample.com", "apple.com", LOOKALIKE_NO},
		{"maple.com", "apple.com", LOOKALIKE_NO},
		{"simple.com", "sample.com", LOOKALIKE_NEAR},
		{"icb.com", "icbc.com.cn", LOOKALIKE_NO},
		{"hp.com", "hpe.com", LOOKALIKE_NO},
		{"corn.com", "com.com", LOOKALIKE_NO}, /* too short */
		{"jd.shop.net", "jd.com", LOOKALIKE_NO},
		{"exemplary.com", "example.com", LOOKALIKE_NO},
		{"counterexample.com", "example.com", LOOKALIKE_NO},
		{"unrelated.org", "example.com", LOOKALIKE_NO},
		{"", "example.com", LOOKALIKE_NO},
		{"localhost", "example.com", LOOKALIKE_NO},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		enum lookalike got = compare(v[i].host, v[i].of);
		if (got != v[i].want)
			test_fail(__FILE__, __LINE__, "%s ~ %s: %s, not %s", v[i].host, v[i].of,
				lookalike_text(got), lookalike_text(v[i].want));
	}
}
