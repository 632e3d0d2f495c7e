#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"
#include "codec/dmarc_record.h"

TEST(dmarc_record_version)
{
	static const struct {
		const char *text;
		bool is;
	} t[] = {
		{"v=DMARC1; p=none", true},
		{"v=DMARC1;p=none", true},
		{"v = DMARC1 ; p=none", true},
		{"  v=DMARC1; p=none", true},
		{"v=DMARC1", true},
		{"V=DMARC1;p=none", true},
		{"v=dmarc1; p=none", false}, /* RFC 9989 4.8: the value is case-sensitive */
		{"v=DMARC1p=none", false},
		{"v=DMARC10; p=none", false},
		{"v=DMARC2; p=none", false},
		{"p=none; v=DMARC1", false}, /* must be first */
		{"v=spf1 -all", false},
		{"", false},
		{";v=DMARC1", false},
	};
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (dmarc_record_is(slice_z(t[i].text)) != t[i].is)
			test_fail(__FILE__, __LINE__, "\"%s\"", t[i].text);
}

/* Policies, alignments, testing, pct, psd as one word: "p/sp/np rs t100u". */
static slice show(struct arena *a, const struct dmarc_record *r)
{
	return arena_printf(a, "%s/%s/%s %c%c %s%u%c", dmarc_policy_name(r->p),
		dmarc_policy_name(r->sp), dmarc_policy_name(r->np), r->strict_dkim ? 's' : 'r',
		r->strict_spf ? 's' : 'r', r->testing ? "t" : "", r->pct, r->psd);
}

TEST(dmarc_record_values)
{
	static const struct {
		const char *text, *want; /* want NULL: no DMARC applies */
		bool problem;
	} t[] = {
		{"v=DMARC1; p=none", "none/none/none rr 100u", false},
		{"v=DMARC1; p=reject;", "reject/reject/reject rr 100u", false},
		{"v=DMARC1; p=reject; ", "reject/reject/reject rr 100u", false},
		{"v=DMARC1; P=REJECT", "reject/reject/reject rr 100u", false},
		{"v=DMARC1; p=reject; sp=none", "reject/none/none rr 100u", false},
		{"v=DMARC1; p=none; sp=quarantine; np=reject", "none/quarantine/reject rr 100u",
			false},
		{"v=DMARC1; p=none; np=reject", "none/none/reject rr 100u", false},
		{"v=DMARC1; p=reject; adkim=s; aspf=r", "reject/reject/reject sr 100u", false},
		{"v=DMARC1; p=reject; adkim=x; aspf=s", "reject/reject/reject rs 100u", true},
		{"v=DMARC1; p=reject; t=y", "reject/reject/reject rr t100u", false},
		{"v=DMARC1; p=reject; t=x", "reject/reject/reject rr 100u", true},
		{"v=DMARC1; p=reject; pct=20", "reject/reject/reject rr 20u", false},
		{"v=DMARC1; p=reject; pct=101", "reject/reject/reject rr 100u", true},
		{"v=DMARC1; p=reject; pct=-1", "reject/reject/reject rr 100u", true},
		{"v=DMARC1; p=none; psd=y", "none/none/none rr 100y", false},
		{"v=DMARC1; p=none; psd=N", "none/none/none rr 100n", false},
		/* What is unknown or no tag is passed over; the order is free. */
		{"v=DMARC1; x=1; p=none", "none/none/none rr 100u", false},
		{"v=DMARC1;; p=none", "none/none/none rr 100u", true},
		{"v=DMARC1; nonsense; p=none", "none/none/none rr 100u", true},
		{"v=DMARC1; sp=none; p=reject", "reject/none/none rr 100u", false},
		{"v=DMARC1; p=none; p=reject", "none/none/none rr 100u", true},
		/* RFC 9989 4.7: with a way to tell them it counts as none, else it does not count.
		 */
		{"v=DMARC1", NULL, true},
		{"v=DMARC1; p=", NULL, true},
		{"v=DMARC1; p=rejct", NULL, true},
		{"v=DMARC1; p=reject; sp=x", NULL, true},
		{"v=DMARC1; p=reject; np=x", NULL, true},
		{"v=DMARC1; rua=mailto:a@example.com", "none/none/none rr 100u", true},
		{"v=DMARC1; p=rejct; rua=mailto:a@example.com", "none/none/none rr 100u", true},
		{"v=DMARC1; p=reject; sp=x; rua=mailto:a@example.com", "none/none/none rr 100u",
			true},
		{"v=DMARC1; p=rejct; rua=mailto:nobody", NULL, true},
	};
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct dmarc_record r;
		slice problem;
		bool good = dmarc_record_parse(slice_z(t[i].text), &a, &r, &problem);
		slice got = good ? show(&a, &r) : S("(none)");
		slice want = t[i].want ? slice_z(t[i].want) : S("(none)");
		if (!slice_eq(got, want) || (problem.n > 0) != t[i].problem)
			test_fail(__FILE__, __LINE__, "%s: %.*s (%.*s)", t[i].text, SFMT(got),
				SFMT(problem));
	}
}

TEST(dmarc_record_addresses)
{
	static const struct {
		const char *rua, *want; /* address!size, address ... */
	} t[] = {
		{"mailto:a@example.com", "a@example.com!0 "},
		{"mailto:a@example.com!10m", "a@example.com!10485760 "},
		{"mailto:a@example.com!1K , MAILTO:b@example.org!5",
			"a@example.com!1024 b@example.org!5 "},
		{"mailto:a%2Bx@example.com", "a+x@example.com!0 "},
		{"mailto:a%21b@example.com", "a!b@example.com!0 "},
		{"mailto:a@example.com?subject=x", "a@example.com!0 "},
		{"https://example.com/r, mailto:a@example.com", "!0 a@example.com!0 "},
		{"mailto:a@example.com,mailto:A@example.com", "a@example.com!0 "},
		{"a@example.com", ""},
		{"mailto:a@example.com!10x", ""},
		{"mailto:a@example.com!0", ""},
		{"mailto:a@example.com!99999999999999t", ""},
		{"mailto:a%0d%0ab@example.com", ""},
		{"mailto:a%2@example.com", ""},
		{"mailto:@example.com,mailto:x@example.com", "x@example.com!0 "},
		{"mailto:a@[192.0.2.1]", ""},
	};
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		AUTO(buf) struct buf got = BUF(1000);
		struct dmarc_record r;
		slice text =
			arena_printf(&a, "v=DMARC1; p=none; rua=%s; ruf=%s", t[i].rua, t[i].rua);
		CHECK(dmarc_record_parse(text, &a, &r, NULL));
		CHECK_INT(r.nruf, r.nrua);
		for (unsigned k = 0; k < r.nrua; k++)
			buf_printf(&got, "%.*s!%llu ", SFMT(r.rua[k].address),
				(unsigned long long)r.rua[k].size);
		CHECK_STR(buf_slice(&got), slice_z(t[i].want));
	}
}

TEST(dmarc_record_limits)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(100000);
	struct dmarc_record r;
	buf_put(&text, S("v=DMARC1; p=none; rua=mailto:x0@example.com"));
	for (int i = 1; i < 50; i++)
		buf_printf(&text, ",mailto:x%d@example.com", i);
	CHECK(dmarc_record_parse(buf_slice(&text), &a, &r, NULL));
	CHECK_INT(r.nrua, DMARC_URIS_MAX);
	buf_fill(&text, ' ', DMARC_RECORD_MAX);
	buf_byte(&text, '.');
	CHECK(!dmarc_record_is(buf_slice(&text)));
}

TEST(dmarc_record_failure_options)
{
	static const struct {
		const char *fo;
		unsigned want;
	} t[] = {{"0", DMARC_FO_ALL}, {"1", DMARC_FO_ANY}, {"d:s", DMARC_FO_DKIM | DMARC_FO_SPF},
		{"D : 1", DMARC_FO_DKIM | DMARC_FO_ANY}, {"x", DMARC_FO_ALL}, {"x:s", DMARC_FO_SPF},
		{"", DMARC_FO_ALL}};
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct dmarc_record r;
		CHECK(dmarc_record_parse(
			arena_printf(&a, "v=DMARC1; p=none; fo=%s", t[i].fo), &a, &r, NULL));
		CHECK_INT(r.fo, t[i].want);
	}
}
