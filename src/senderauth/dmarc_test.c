#include "senderauth/dmarc.h"

#include "base/test.h"
#include "senderauth/psl.h"
#include "senderauth/zone_testing.h"

/* "name TYPE data" lines. */
static const char zone_text[] =
	"_dmarc.example.com TXT v=DMARC1; p=reject; sp=quarantine; np=reject\n"
	"www.example.com A 192.0.2.1\n"
	"mail.example.com A 192.0.2.1\n"
	"_dmarc.strict.test TXT v=DMARC1; p=reject; adkim=s; aspf=s\n"
	"_dmarc.none.test TXT v=DMARC1; p=none\n"
	"_dmarc.testing.test TXT v=DMARC1; p=reject; t=y\n"
	"_dmarc.testq.test TXT v=DMARC1; p=quarantine; t=y; pct=0\n"
	"_dmarc.pct.test TXT v=DMARC1; p=reject; pct=30\n"
	"_dmarc.pctn.test TXT v=DMARC1; p=reject; pct=30; t=n\n"
	"_dmarc.twice.test TXT v=DMARC1; p=reject\n"
	"_dmarc.twice.test TXT v=DMARC1; p=none\n"
	"_dmarc.beside.test TXT v=spf1 -all\n"
	"_dmarc.beside.test TXT v=DMARC1; p=quarantine\n"
	"_dmarc.bad.none.test TXT v=DMARC1; sp=none\n"
	"_dmarc.two.testq.test TXT v=DMARC1; p=reject\n"
	"_dmarc.two.testq.test TXT v=DMARC1; p=none\n"
	"_dmarc.broken.test TXT v=DMARC1; p=rejct\n"
	"_dmarc.told.test TXT v=DMARC1; p=rejct; rua=mailto:a@told.test\n"
	"_dmarc.slow.test TIMEOUT -\n"
	"_dmarc.sub.slowtop.test TXT v=DMARC1; p=reject\n"
	"_dmarc.slowtop.test TIMEOUT -\n"
	/* A tree with psd: bank is a suffix with a policy of its own, shop.bank is independent. */
	"_dmarc.bank TXT v=DMARC1; p=reject; np=reject; sp=none; psd=y\n"
	"_dmarc.shop.bank TXT v=DMARC1; p=quarantine\n"
	"known.bank A 192.0.2.3\n"
	"a.known.bank A 192.0.2.3\n"
	"_dmarc.dept.corp.test TXT v=DMARC1; p=reject; psd=n\n"
	"_dmarc.corp.test TXT v=DMARC1; p=none\n"
	/* A suffix of the list. */
	"_dmarc.firm.co.uk TXT v=DMARC1; p=reject\n"
	"_dmarc.only.firm2.co.uk TXT v=DMARC1; p=reject\n";

static void fill(struct zone *z)
{
	slice text = slice_z(zone_text), line, name, type;
	while (slice_cut(&text, '\n', &line)) {
		if (!slice_cut(&line, ' ', &name) || !slice_cut(&line, ' ', &type))
			continue;
		zone_add(z, name,
			slice_eq(type, S("A"))     ? ZONE_A
			: slice_eq(type, S("TXT")) ? ZONE_TXT
						   : ZONE_TIMEOUT,
			line);
	}
}

enum { SIGNATURES = 4 };
struct example {
	const char *from; /* domain, or whole header with its colon */
	const char *spf, *dkim; /* "pass example.com"; dkim: several by commas */
	const char *want; /* result disposition record-domain [spf] [dkim] */
	enum dmarc_method method;
	unsigned sample;
};

static struct dmarc_dkim one(slice word)
{
	struct dmarc_dkim d = {0};
	slice result;
	slice_cut(&word, ' ', &result);
	CHECK(auth_result_parse(result, &d.result));
	d.domain = word;
	return d;
}

static slice run(const struct lookup *l, const struct example *x, struct arena *a)
{
	struct dmarc_dkim dkim[SIGNATURES];
	struct dmarc_from from;
	struct dmarc_result r;
	struct dmarc_query q = {.from = &from,
		.dkim = dkim,
		.method = x->method,
		.sample = x->sample,
		.deadline = instant_in(SECOND)};
	slice header = strchr(x->from, ':') || !*x->from
			       ? slice_z(x->from)
			       : arena_printf(a, "From: a@%s\r\n\r\n", x->from);
	dmarc_from(header, a, &from);
	if (x->spf) {
		struct dmarc_dkim s = one(slice_z(x->spf));
		q.spf = s.result;
		q.spf_domain = s.domain;
	}
	slice list = slice_z(x->dkim), word;
	while (slice_cut(&list, ',', &word))
		dkim[q.ndkim++] = one(word);
	dmarc_check(l, &q, a, &r);
	CHECK(r.reason.n > 0);
	return arena_printf(a, "%s %s %.*s%s%s", auth_result_name(r.result),
		dmarc_policy_name(r.disposition),
		SFMT(r.record_domain.n ? r.record_domain : S("-")), r.spf_aligned ? " spf" : "",
		r.dkim_aligned ? " dkim" : "");
}

static void run_all(const struct example *v, size_t n)
{
	AUTO(arena) struct arena a = {0};
	struct zone z = {0};
	fill(&z);
	struct lookup l = zone_lookup(&z);
	for (size_t i = 0; i < n; i++) {
		slice got = run(&l, &v[i], &a);
		if (!slice_eq(got, slice_z(v[i].want)))
			test_fail(__FILE__, __LINE__, "%zu: %s | %s | %s: %.*s, not %s", i,
				v[i].from, v[i].spf ? v[i].spf : "", v[i].dkim ? v[i].dkim : "",
				SFMT(got), v[i].want);
	}
	zone_done(&z);
}
#define RUN(v) run_all(v, sizeof v / sizeof v[0])

/* RFC 7489 appendix B.1, RFC 9989 appendix B.1. */
TEST(dmarc_alignment_of_the_appendix)
{
	static const struct example v[] = {
		{"example.com", "pass example.com", NULL, "pass none example.com spf", 0, 0},
		{"example.com", "pass child.example.com", NULL, "pass none example.com spf", 0, 0},
		{"child.example.com", "pass example.com", NULL, "pass none example.com spf", 0, 0},
		{"example.com", "pass sample.net", NULL, "fail reject example.com", 0, 0},
		{"example.com", NULL, "pass example.com", "pass none example.com dkim", 0, 0},
		{"child.example.com", NULL, "pass example.com", "pass none example.com dkim", 0, 0},
		{"example.com", NULL, "pass sample.net", "fail reject example.com", 0, 0},
		{"example.com", "fail example.com", "pass sample.net,pass example.com",
			"pass none example.com dkim", 0, 0},
		{"example.com", "pass example.com", "pass example.com",
			"pass none example.com spf dkim", 0, 0},
		{"EXAMPLE.com", "pass Example.COM", NULL, "pass none example.com spf", 0, 0},
		{"example.com", "pass a.Example.COM", "pass B.example.com",
			"pass none example.com spf dkim", 0, 0},
		/* Strict. */
		{"strict.test", "pass strict.test", "pass strict.test",
			"pass none strict.test spf dkim", 0, 0},
		{"strict.test", "pass a.strict.test", "pass a.strict.test",
			"fail reject strict.test", 0, 0},
		/* Names that only end alike. */
		{"example.com", "pass badexample.com", "pass xexample.com",
			"fail reject example.com", 0, 0},
		{"example.com", "pass com", "pass com", "fail reject example.com", 0, 0},
		/* Nothing but pass counts. */
		{"example.com", "softfail example.com", "neutral example.com,policy example.com",
			"fail reject example.com", 0, 0},
		{"example.com", "none ", NULL, "fail reject example.com", 0, 0},
	};
	RUN(v);
}

TEST(dmarc_policies)
{
	static const struct example v[] = {
		{"www.example.com", NULL, NULL, "fail quarantine example.com", 0, 0}, /* sp */
		{"nowhere.example.com", NULL, NULL, "fail reject example.com", 0, 0}, /* np */
		{"none.test", NULL, NULL, "fail none none.test", 0, 0},
		{"testing.test", NULL, NULL, "fail quarantine testing.test", 0, 0},
		{"testq.test", NULL, NULL, "fail none testq.test", 0, 0},
		{"pct.test", NULL, NULL, "fail reject pct.test", 0, 29},
		{"pct.test", NULL, NULL, "fail quarantine pct.test", 0, 30},
		{"pctn.test", NULL, NULL, "fail reject pctn.test", 0, 99},
		{"unknown.test", "pass unknown.test", NULL, "none none -", 0, 0},
		{"twice.test", NULL, NULL, "permerror none -", 0, 0},
		{"beside.test", NULL, NULL, "fail quarantine beside.test", 0, 0},
		{"broken.test", NULL, NULL, "permerror none -", 0, 0},
		{"told.test", NULL, NULL, "fail none told.test", 0, 0},
		/* A record of its own that cannot be used ends the search; several do not. */
		{"bad.none.test", NULL, NULL, "permerror none -", 0, 0},
		{"bad.none.test", NULL, NULL, "permerror none -", DMARC_PUBLIC_SUFFIX, 0},
		{"two.testq.test", NULL, NULL, "fail none testq.test", 0, 0},
		{"two.testq.test", NULL, NULL, "permerror none -", DMARC_PUBLIC_SUFFIX, 0},
		{"slow.test", "pass slow.test", NULL, "temperror none -", 0, 0},
		/* The nearer record counts, and what is aligned exactly needs no walk. */
		{"sub.slowtop.test", "pass sub.slowtop.test", NULL,
			"pass none sub.slowtop.test spf", 0, 0},
		{"sub.slowtop.test", "pass slowtop.test", NULL, "temperror none sub.slowtop.test",
			0, 0},
		{"example.com", "temperror example.com", NULL, "temperror none example.com", 0, 0},
		{"example.com", NULL, "temperror a.example.com", "temperror none example.com", 0,
			0},
		{"example.com", "temperror sample.net", NULL, "fail reject example.com", 0, 0},
		{"example.com", "temperror example.com", "pass example.com",
			"pass none example.com dkim", 0, 0},
	};
	RUN(v);
}

/* RFC 9989 section 4.10. */
TEST(dmarc_walks_the_tree)
{
	static const struct example v[] = {
		{"shop.bank", "pass mail.shop.bank", NULL, "pass none shop.bank spf", 0, 0},
		{"shop.bank", "pass other.bank", NULL, "fail quarantine shop.bank", 0, 0},
		{"shop.bank", "pass bank", NULL, "fail quarantine shop.bank", 0, 0},
		{"known.bank", NULL, NULL, "fail none bank", 0, 0}, /* sp of the suffix */
		{"made-up.bank", NULL, NULL, "fail reject bank", 0, 0}, /* np of the suffix */
		{"a.known.bank", "pass known.bank", NULL, "pass none bank spf", 0, 0},
		{"a.known.bank", "pass other.bank", NULL, "fail none bank", 0, 0},
		{"dept.corp.test", "pass corp.test", NULL, "fail reject dept.corp.test", 0, 0},
		{"x.dept.corp.test", "pass y.dept.corp.test", NULL, "pass none dept.corp.test spf",
			0, 0},
		{"x.corp.test", "pass y.corp.test", NULL, "pass none corp.test spf", 0, 0},
		/* By the list of suffixes they would be one organisation; the tree says otherwise.
		 */
		{"only.firm2.co.uk", "pass firm2.co.uk", NULL, "fail reject only.firm2.co.uk", 0,
			0},
		{"only.firm2.co.uk", "pass firm2.co.uk", NULL, "pass none only.firm2.co.uk spf",
			DMARC_PUBLIC_SUFFIX, 0},
		{"a.firm.co.uk", "pass b.firm.co.uk", NULL, "pass none firm.co.uk spf",
			DMARC_PUBLIC_SUFFIX, 0},
		{"firm.co.uk", "pass other.co.uk", NULL, "fail reject firm.co.uk",
			DMARC_PUBLIC_SUFFIX, 0},
		{"x.dept.corp.test", "pass corp.test", NULL, "pass none corp.test spf",
			DMARC_PUBLIC_SUFFIX, 0},
		{"slow.test", NULL, NULL, "temperror none -", DMARC_PUBLIC_SUFFIX, 0},
	};
	RUN(v);
}

TEST(dmarc_from_of_every_kind)
{
	static const struct example v[] = {
		{"", NULL, NULL, "permerror none -", 0, 0},
		{"Subject: x\r\n\r\nFrom: a@example.com\r\n", NULL, NULL, "permerror none -", 0, 0},
		{"From: nobody\r\n\r\n", NULL, NULL, "permerror none -", 0, 0},
		{"From:\r\n\r\n", NULL, NULL, "permerror none -", 0, 0},
		{"From: undisclosed:;\r\n\r\n", NULL, NULL, "permerror none -", 0, 0},
		{"From: a@[192.0.2.1]\r\n\r\n", NULL, NULL, "permerror none -", 0, 0},
		{"From: \"x@none.test\" <a@example.com>\r\n\r\n", NULL, NULL,
			"fail reject example.com", 0, 0},
		{"FROM: =?utf-8?q?x?= <a@Example.Com.>\r\n\r\n", NULL, NULL,
			"fail reject example.com", 0, 0},
		/* The worst of several. */
		{"From: a@none.test, b@example.com\r\n\r\n", "pass none.test", NULL,
			"fail reject example.com", 0, 0},
		{"From: a@none.test\r\nFrom: b@example.com\r\n\r\n", "pass none.test", NULL,
			"fail reject example.com", 0, 0},
		{"From: a@example.com, b@unknown.test\r\n\r\n", "pass example.com", NULL,
			"none none -", 0, 0},
		{"From: a@example.com, b@none.test\r\n\r\n", "pass example.com", "pass none.test",
			"pass none example.com spf", 0, 0},
		/* Never a pass beside something that cannot be judged. */
		{"From: a@example.com, nobody\r\n\r\n", "pass example.com", NULL,
			"permerror none example.com spf", 0, 0},
		{"From: a@example.com, nobody\r\n\r\n", NULL, NULL, "fail reject example.com", 0,
			0},
		{"From: a@d1.test,a@d2.test,a@d3.test,a@d4.test,a@d5.test,a@d6.test,a@d7.test,"
		 "a@d8.test,a@example.com\r\n\r\n",
			"pass example.com", NULL, "permerror none -", 0, 0},
		/* A second From under a signature that covers one (RFC 6376 section 8.15). */
		{"From: CEO <ceo@example.com>\r\nFrom: news@example.com\r\n\r\n", NULL,
			"pass example.com", "permerror none example.com dkim", 0, 0},
		{"From: news@example.com\r\nFrom:  news@example.com \r\n\r\n", NULL,
			"pass example.com", "pass none example.com dkim", 0, 0},
		/* Where others may read another address. */
		{"From: a@none.test b@example.com\r\n\r\n", "pass none.test", NULL,
			"fail reject example.com", 0, 0},
		{"From: b@example.com a@none.test\r\n\r\n", "pass none.test", NULL,
			"fail reject example.com", 0, 0},
		{"From: b@example.com@none.test\r\n\r\n", "pass none.test", NULL,
			"fail reject example.com", 0, 0},
		{"From: <a@none.test> b@example.com\r\n\r\n", "pass none.test", NULL,
			"fail reject example.com", 0, 0},
		{"From: a@none.test: b@example.com;\r\n\r\n", "pass none.test", NULL,
			"fail reject example.com", 0, 0},
		{"From: b@example.com via list <a@none.test>\r\n\r\n", "pass none.test", NULL,
			"pass none none.test spf", 0, 0},
		/* Labels that no host may have do not hide whose domain it is. */
		{"From: b@my_host.example.com\r\n\r\n", NULL, NULL, "fail reject example.com", 0,
			0},
		{"From: b@my_host.example.com\r\n\r\n", "pass example.com", NULL,
			"pass none example.com spf", 0, 0},
		{"From: b@.example.com..\r\n\r\n", NULL, NULL, "fail reject example.com", 0, 0},
		{"From: b@x_.com\r\n\r\n", NULL, NULL, "permerror none -", 0, 0},
	};
	RUN(v);
}

/* RFC 9989 section 4.10: eight questions at most, names of many labels jump to seven. */
TEST(dmarc_walk_is_short)
{
	AUTO(arena) struct arena a = {0};
	struct zone z = {0};
	struct lookup l = zone_lookup(&z);
	struct dmarc_found f;
	static const char *const want[] = {"a.b.c.d.e.f.g.h.i.j.mail.example.com",
		"g.h.i.j.mail.example.com", "h.i.j.mail.example.com", "i.j.mail.example.com",
		"j.mail.example.com", "mail.example.com", "example.com", "com"};
	dmarc_find(&l, slice_z(want[0]), DMARC_TREE_WALK, instant_in(SECOND), &a, &f);
	CHECK_INT(f.n, 8);
	CHECK_INT(z.asked, 8);
	for (unsigned i = 0; i < 8; i++)
		CHECK_STR(f.steps[i].name, slice_z(want[i]));
	CHECK_STR(f.org_domain, S("example.com")); /* of the list of suffixes: no record at all */
	zone_done(&z);
}

/* A message with a hundred passing signatures of subdomains costs a bounded number of questions. */
TEST(dmarc_questions_are_bounded)
{
	enum { MANY = 100 };
	AUTO(arena) struct arena a = {0};
	struct zone z = {0};
	fill(&z);
	struct lookup l = zone_lookup(&z);
	struct dmarc_dkim *dkim = ARENA_ARRAY(&a, struct dmarc_dkim, MANY);
	struct dmarc_from from;
	struct dmarc_result r;
	/* Each is an organisation of its own below the author's: psd=n. */
	for (int i = 0; i < MANY; i++) {
		slice d = arena_printf(&a, "d%d.example.com", i);
		zone_add(&z, arena_printf(&a, "_dmarc.%.*s", SFMT(d)), ZONE_TXT,
			S("v=DMARC1; p=none; psd=n"));
		dkim[i] = (struct dmarc_dkim){d, S("s"), AUTH_PASS};
	}
	dmarc_from(S("From: a@example.com\r\n\r\n"), &a, &from);
	const struct dmarc_query q = {.from = &from, .dkim = dkim, .ndkim = MANY};
	dmarc_check(&l, &q, &a, &r);
	CHECK_INT(r.result, AUTH_TEMPERROR);
	CHECK(z.asked <= DMARC_LOOKUPS_MAX);
	zone_done(&z);
}

TEST(dmarc_reports_elsewhere)
{
	static const struct {
		const char *domain, *to;
		int want;
		const char *rua;
	} t[] = {
		{"example.com", "example.com", 1, ""},
		{"example.com", "reports.example.com", 1, ""},
		{"www.example.com", "example.com", 1, ""},
		{"example.com", "agrees.test", 1, ""},
		{"example.com", "refuses.test", 0, ""},
		{"other.test", "agrees.test", 0, ""},
		{"other.test", "any.test", 1, ""},
		{"example.com", "elsewhere.test", 1, "box@elsewhere.test"},
		{"example.com", "abroad.test", 1, ""},
		{"example.com", "asleep.test", -1, ""},
	};
	AUTO(arena) struct arena a = {0};
	struct zone z = {0};
	fill(&z);
	zone_add(&z, S("example.com._report._dmarc.agrees.test"), ZONE_TXT, S("v=DMARC1"));
	zone_add(&z, S("example.com._report._dmarc.refuses.test"), ZONE_TXT, S("v=spf1"));
	zone_add(&z, S("other.test._report._dmarc.any.test"), ZONE_TXT, S("v=DMARC1;"));
	zone_add(&z, S("example.com._report._dmarc.elsewhere.test"), ZONE_TXT,
		S("v=DMARC1; rua=mailto:box@elsewhere.test"));
	zone_add(&z, S("example.com._report._dmarc.abroad.test"), ZONE_TXT,
		S("v=DMARC1; rua=mailto:box@victim.test"));
	zone_add(&z, S("example.com._report._dmarc.asleep.test"), ZONE_TIMEOUT, S(""));
	struct lookup l = zone_lookup(&z);
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		slice rua;
		int got = dmarc_report_allowed(&l, slice_z(t[i].domain), slice_z(t[i].to),
			DMARC_TREE_WALK, instant_in(SECOND), &a, &rua);
		if (got != t[i].want || !slice_eq(rua, slice_z(t[i].rua)))
			test_fail(__FILE__, __LINE__, "%s to %s: %d %.*s", t[i].domain, t[i].to,
				got, SFMT(rua));
	}
	zone_done(&z);
}

TEST(dmarc_in_authentication_results)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(1000);
	struct zone z = {0};
	fill(&z);
	struct lookup l = zone_lookup(&z);
	struct dmarc_from from;
	struct dmarc_result r;
	struct authres_method m;
	dmarc_from(S("From: a@www.example.com\r\n\r\n"), &a, &from);
	const struct dmarc_query q = {.from = &from};
	dmarc_check(&l, &q, &a, &r);
	dmarc_authres(&r, &a, &m);
	const struct authres all = {.authserv_id = S("mx.test"), .v = &m, .n = 1};
	authres_build(&out, &all);
	CHECK(slice_find(buf_slice(&out), S("dmarc=fail")) < out.n);
	CHECK(slice_find(buf_slice(&out), S("(p=reject sp=quarantine np=reject dis=quarantine)")) <
		out.n);
	CHECK(slice_find(buf_slice(&out), S("header.from=www.example.com")) < out.n);
	CHECK(slice_find(buf_slice(&out), S("policy.dmarc=quarantine")) < out.n);
	zone_done(&z);
}

TEST(psl_org_domains)
{
	static const char *const t[][2] = {{"a.b.example.co.uk", "example.co.uk"},
		{"example.co.uk", "example.co.uk"}, {"co.uk", "co.uk"}, {"uk", "uk"}, {"", ""},
		{"mail.example.com.cn", "example.com.cn"}, {"www.ck", "www.ck"},
		{"a.b.c.ck", "b.c.ck"}, {"a.b.nosuchtld", "b.nosuchtld"}};
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		CHECK_STR(psl_org_domain(slice_z(t[i][0])), slice_z(t[i][1]));
	CHECK(psl_is_suffix(S("co.uk")) && psl_is_suffix(S("com")));
	CHECK(!psl_is_suffix(S("example.com")));
}
