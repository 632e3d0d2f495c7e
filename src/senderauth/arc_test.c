/* ARC: chains made by our own sealer with keys of the test, verified, broken in every place, and
 * believed or not. That others agree is seen in test/senderauth.py. */
#include "base/test.h"
#include "codec/header.h"
#include "senderauth/arc_impl.h"
#include "senderauth/pubkey.h"
#include "senderauth/signer_testing.h"
#include "senderauth/zone_testing.h"

struct world {
	struct zone zone;
	struct test_signer keys;
	struct arena mem;
};

static void world_init(struct world *w)
{
	static const char *const sealers[] = {"one.test", "two.test", "three.test"};
	*w = (struct world){0};
	for (size_t i = 0; i < 3; i++) {
		slice name = arena_printf(&w->mem, "s._domainkey.%s", sealers[i]);
		test_signer_make(&w->keys, slice_z(sealers[i]), S("s"), false);
		zone_add(&w->zone, name, ZONE_TXT, test_signer_record(&w->keys, i, &w->mem));
	}
}

static void world_done(struct world *w)
{
	zone_done(&w->zone);
	test_signer_done(&w->keys);
	arena_done(&w->mem);
	pubkeys_forget();
}

#define HEADER                                                                                     \
	"From: Ann <ann@author.test>\r\nTo: list@one.test\r\nSubject: hello\r\n"                   \
	"Date: Sun, 22 Nov 2026 05:00:00 +0000\r\nMessage-ID: <1@author.test>\r\n"
#define BODY "Hello,\r\nall of you.\r\n"
static const char message[] = HEADER "\r\n" BODY;
#define AT (1800000000 * SECOND)

static struct arc_result verify_with(struct world *w, slice text, unsigned sets)
{
	slice header = slice_first(text, header_length(text));
	struct body_hashes *b = body_hashes_new(&w->mem);
	struct lookup l = zone_lookup(&w->zone);
	struct arc_result r;
	struct arc *x = arc_begin(header, sets, b, &w->mem);
	body_hashes_add(b, slice_skip(text, header.n));
	body_hashes_end(b);
	w->zone.asked = 0;
	arc_verify(x, b, &l, INSTANT_NEVER, AT, &w->mem, &r);
	body_hashes_free(b);
	return r;
}

static struct arc_result verify(struct world *w, slice text)
{
	return verify_with(w, text, 0);
}

/* The message with our results on top, sealed by `domain`; `why` when it was not. */
static slice sealed(
	struct world *w, slice text, const char *domain, const char *results, slice *why)
{
	AUTO(buf) struct buf out = BUF(1 << 20);
	slice with = arena_printf(
		&w->mem, "Authentication-Results: %s; %s\r\n%.*s", domain, results, SFMT(text));
	struct signer s = test_signer(&w->keys);
	struct err e;
	struct arc_seal q = {
		.header = slice_first(with, header_length(with)),
		.authserv_id = slice_z(domain),
		.domain = slice_z(domain),
		.wall = AT,
	};
	struct body_hashes *b = body_hashes_new(&w->mem);
	int digest = arc_seal_want(b);
	body_hashes_add(b, slice_skip(with, q.header.n));
	body_hashes_end(b);
	CHECK(arc_seal(&q, b, digest, &s, &w->mem, &out, why, &e) == 0);
	CHECK((out.n > 0) != (why->n > 0));
	body_hashes_free(b);
	buf_put(&out, with);
	return arena_dup(&w->mem, buf_slice(&out));
}

static slice seal(struct world *w, slice text, const char *domain, const char *results)
{
	slice why;
	slice got = sealed(w, text, domain, results, &why);
	CHECK_STR(why, S(""));
	return got;
}

/* One, two, three sets. */
static slice chain(struct world *w, unsigned n)
{
	slice text = slice_z(message);
	text = seal(w, text, "one.test",
		"dmarc=pass (p=reject) header.from=author.test;"
		" spf=pass smtp.mailfrom=ann@author.test; arc=none");
	if (n > 1)
		text = seal(w, text, "two.test", "dmarc=fail header.from=author.test; arc=pass");
	if (n > 2)
		text = seal(w, text, "three.test", "spf=pass smtp.mailfrom=x@two.test; arc=pass");
	return text;
}

static slice replaced(struct world *w, slice text, const char *from, const char *to)
{
	size_t at = slice_find(text, slice_z(from));
	CHECK(at < text.n);
	return arena_printf(&w->mem, "%.*s%s%.*s", (int)at, text.p, to,
		SFMT(slice_skip(text, at + strlen(from))));
}

TEST(arc_chains_pass)
{
	struct world w;
	world_init(&w);
	struct arc_result r = verify(&w, slice_z(message));
	CHECK(r.result == AUTH_NONE && !r.reason.n && r.n == 0);
	for (unsigned n = 1; n <= 3; n++) {
		r = verify(&w, chain(&w, n));
		CHECK_STR(r.reason,
			arena_printf(&w.mem, "%u set%s, newest by %s.test", n, n > 1 ? "s" : "",
				n == 1   ? "one"
				: n == 2 ? "two"
					 : "three"));
		CHECK(r.result == AUTH_PASS && r.n == n && r.oldest_pass == 0);
		CHECK_STR(r.hops[0].domain, S("one.test"));
		CHECK(r.hops[0].intact && r.hops[0].covers_from && r.hops[0].authres.n == 3);
		CHECK_INT(w.zone.asked, n); /* each key once */
	}
	world_done(&w);
}

TEST(arc_oldest_pass)
{
	struct world w;
	world_init(&w);
	/* A list changes the message and seals it again. */
	slice text = replaced(&w, chain(&w, 1), "Subject: hello", "Subject: [list] hello");
	CHECK_INT(verify(&w, text).result, AUTH_FAIL);
	text = seal(&w, text, "two.test", "arc=pass");
	struct arc_result r = verify(&w, text);
	CHECK(r.result == AUTH_PASS && r.oldest_pass == 2);
	CHECK(r.hops[1].intact && !r.hops[0].intact);
	text = seal(&w, text, "three.test", "arc=pass");
	r = verify(&w, text);
	CHECK(r.result == AUTH_PASS && r.oldest_pass == 2 && r.hops[2].intact);
	world_done(&w);
}

TEST(arc_chains_fail)
{
	static const struct {
		const char *from, *to, *reason;
	} cases[] = {
		{"all of you", "all of us",
			"ARC-Message-Signature i=2 (two.test): the body was changed"},
		{"Subject: hello", "Subject: hallo",
			"ARC-Message-Signature i=2 (two.test): the signature does not fit header "
			"and "
			"key"},
		{"dmarc=fail header.from=author.test", "dmarc=fail header.from=evil.test",
			"ARC-Seal i=2 (two.test): the signature does not fit header and key"},
		{"ARC-Authentication-Results: i=1; one.test;",
			"ARC-Authentication-Results: i=1; own.test;",
			"ARC-Seal i=1 (one.test): the signature does not fit header and key"},
		{"ARC-Seal: i=1;", "X-Seal: i=1;", "ARC-Seal i=1 is missing"},
		{"ARC-Seal: i=2;", "X-Seal: i=2;", "ARC-Seal i=2 is missing"},
		{"ARC-Message-Signature: i=1;", "X-A: i=1;",
			"ARC-Message-Signature i=1 is missing"},
		{"ARC-Authentication-Results: i=2;", "X-A: i=2;",
			"ARC-Authentication-Results i=2 is missing"},
		{"ARC-Authentication-Results: i=2;", "ARC-Authentication-Results: i=1;",
			"ARC-Authentication-Results i=1: is there twice"},
		{"ARC-Authentication-Results: i=2;", "ARC-Authentication-Results: x",
			"ARC-Authentication-Results: does not begin with an instance number"},
		{"ARC-Authentication-Results: i=2;", "ARC-Authentication-Results: i=51;",
			"ARC-Authentication-Results i=51: too many instances"},
		{"cv=pass", "cv=none", "ARC-Seal i=2: wrong cv="},
		{"cv=none", "cv=pass", "ARC-Seal i=1: wrong cv="},
		{"cv=pass", "cv=fail", "two.test found the chain broken (cv=fail)"},
		{"cv=pass", "cv=maybe", "ARC-Seal i=2: the seal's cv= is not valid"},
		{"a=rsa-sha256", "a=rsa-sha1", "ARC-Seal i=2 (two.test): SHA-1 is not accepted"},
	};
	struct world w;
	world_init(&w);
	slice text = chain(&w, 2);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arc_result r = verify(&w, replaced(&w, text, cases[i].from, cases[i].to));
		CHECK_INT(r.result, AUTH_FAIL);
		if (cases[i].reason)
			CHECK_STR(r.reason, slice_z(cases[i].reason));
	}
	CHECK_INT(verify_with(&w, text, 1).result, AUTH_FAIL);
	world_done(&w);
}

TEST(arc_keys_that_do_not_come)
{
	struct world w;
	world_init(&w);
	slice text = chain(&w, 2);
	zone_done(&w.zone);
	struct arc_result r = verify(&w, text);
	CHECK(r.result == AUTH_FAIL && !r.temporary);
	zone_add(&w.zone, S("s._domainkey.one.test"), ZONE_TIMEOUT, S(""));
	zone_add(&w.zone, S("s._domainkey.two.test"), ZONE_TIMEOUT, S(""));
	r = verify(&w, text);
	CHECK(r.result == AUTH_FAIL && r.temporary);
	CHECK_STR(slice_first(r.reason, 40), S("ARC-Message-Signature i=2 (two.test): th"));
	world_done(&w);
}

TEST(arc_expires)
{
	struct world w;
	world_init(&w);
	slice text = chain(&w, 1);
	slice ams = slice_skip(text, slice_find(text, S("ARC-Message-Signature")));
	slice head = slice_first(text, (size_t)(ams.p - text.p));
	slice after = replaced(&w, ams, "t=1800000000", "t=1700000000; x=1700000001");
	struct arc_result r = verify(&w, arena_printf(&w.mem, "%.*s%.*s", SFMT(head), SFMT(after)));
	CHECK_STR(r.reason, S("ARC-Message-Signature i=1 (one.test): the signature has expired"));
	world_done(&w);
}

TEST(arc_seals_only_what_it_may)
{
	struct world w;
	world_init(&w);
	slice why, text = slice_z(message), one = chain(&w, 1);
	sealed(&w, text, "four.test", "arc=none", &why);
	CHECK_STR(why, S("no key seals for the domain"));
	struct arc_seal q = {.header = text, .authserv_id = S("one.test"), .domain = S("one.test")};
	struct signer s = test_signer(&w.keys);
	struct err e;
	AUTO(buf) struct buf out = BUF(1 << 16);
	CHECK(arc_seal(&q, NULL, 0, &s, &w.mem, &out, &why, &e) == 0 && out.n == 0);
	CHECK_STR(why, S("there are no results of ours"));
	sealed(&w, one, "two.test", "spf=pass", &why);
	CHECK_STR(why, S("our results do not say whether the chain is valid"));
	sealed(&w, replaced(&w, one, "ARC-Seal: i=1;", "X-Seal: i=1;"), "two.test", "arc=pass",
		&why);
	CHECK_STR(why, S("ARC-Seal i=1 is missing"));
	/* The first to find a chain broken says so; nobody seals after that. */
	text = seal(&w, one, "two.test", "arc=fail");
	CHECK(slice_find(text, S("cv=fail")) < text.n);
	CHECK_STR(verify(&w, text).reason, S("two.test found the chain broken (cv=fail)"));
	sealed(&w, text, "three.test", "arc=fail", &why);
	CHECK_STR(why, S("the chain had failed before us"));
	world_done(&w);
}

/* A seal with cv=fail signs its own set alone: put alone on the message, with cv as it is. */
TEST(arc_failed_chain_is_sealed_alone)
{
	AUTO(buf) struct buf data = BUF(1 << 16);
	struct world w;
	world_init(&w);
	slice text = seal(&w, replaced(&w, chain(&w, 1), "hello", "hallo"), "two.test", "arc=fail");
	struct arc x = {0};
	arc_read(&x, S(""), slice_first(text, header_length(text)), ARC_SETS_MAX, &w.mem);
	CHECK(x.n == 2 && x.failed_before);
	arc_seal_data(&data, &x.sets[1]);
	const struct dkim_field *f = &x.sets[1].seal;
	struct dkim_result r = {.field = *f};
	struct dkim_keys keys;
	struct lookup l = zone_lookup(&w.zone);
	dkim_keys_ask(&f, 1, &l, INSTANT_NEVER, &w.mem, &keys);
	dkim_check(&r, buf_slice(&data), &keys, &w.mem);
	CHECK_INT(r.result, AUTH_PASS);
	world_done(&w);
}

TEST(arc_has_fifty_sets_at_most)
{
	struct world w;
	world_init(&w);
	slice why, text = slice_z(message);
	for (unsigned i = 0; i < ARC_SETS_MAX; i++)
		text = seal(&w, text, i % 2 ? "one.test" : "two.test", i ? "arc=pass" : "arc=none");
	struct arc_result r = verify(&w, text);
	CHECK(r.result == AUTH_PASS && r.n == ARC_SETS_MAX && r.oldest_pass == 0);
	CHECK_INT(w.zone.asked, 2);
	sealed(&w, text, "one.test", "arc=pass", &why);
	CHECK_STR(why, S("the chain has 50 sets"));
	world_done(&w);
}

TEST(arc_vouching)
{
	static const struct {
		unsigned sets;
		const char *trusted[3];
		const char *from, *sealer; /* sealer NULL: not believed */
	} cases[] = {
		{1, {"one.test"}, "author.test", "one.test"},
		{1, {"one.test"}, "AUTHOR.test", "one.test"},
		{1, {".test"}, "author.test", "one.test"},
		{1, {"one.test"}, "other.test", NULL},
		{1, {"two.test"}, "author.test", NULL},
		{1, {NULL}, "author.test", NULL},
		{1, {"one.test"}, "", NULL},
		/* What an untrusted first hop says is not believed for a trusted one behind it. */
		{2, {"two.test"}, "author.test", NULL},
		{2, {"one.test"}, "author.test", NULL},
		{2, {"one.test", "two.test"}, "author.test", "one.test"},
		{3, {"one.test", "two.test"}, "author.test", NULL},
		{3, {"three.test", "one.test", "two.test"}, "author.test", "one.test"},
		/* The newest says SPF passed, for another domain. */
		{3, {"three.test"}, "author.test", NULL},
		{3, {"three.test"}, "two.test", "three.test"},
	};
	struct world w;
	world_init(&w);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arc_result r = verify(&w, chain(&w, cases[i].sets));
		slice trusted[3];
		size_t n = 0;
		for (; n < 3 && cases[i].trusted[n]; n++)
			trusted[n] = slice_z(cases[i].trusted[n]);
		struct arc_word word;
		bool believed = arc_vouches(&r, trusted, n, slice_z(cases[i].from), &word);
		if (believed != !!cases[i].sealer)
			test_fail(__FILE__, __LINE__, "case %zu", i);
		if (believed)
			CHECK_STR(word.sealer, slice_z(cases[i].sealer));
		r.result = AUTH_FAIL;
		CHECK(!arc_vouches(&r, trusted, n, slice_z(cases[i].from), &word));
	}
	world_done(&w);
}

TEST(arc_words_that_count)
{
	static const struct {
		const char *results, *method;
	} cases[] = {
		{"dmarc=pass", "dmarc"},
		{"dmarc=pass header.from=author.test", "dmarc"},
		{"dmarc=pass header.from=other.test", NULL},
		{"dmarc=fail; dkim=pass header.d=author.test", NULL},
		{"dkim=pass header.d=other.test; dkim=pass header.i=@author.test", "dkim"},
		{"dkim=fail header.d=author.test", NULL},
		{"spf=pass smtp.mailfrom=x@author.test", "spf"},
		{"spf=pass smtp.helo=author.test", NULL},
		{"spf=softfail smtp.mailfrom=author.test", NULL},
	};
	struct world w;
	world_init(&w);
	slice one = S("one.test");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arc_word word;
		struct arc_result r =
			verify(&w, seal(&w, slice_z(message), "one.test", cases[i].results));
		CHECK_INT(r.result, AUTH_PASS);
		bool got = arc_vouches(&r, &one, 1, S("author.test"), &word);
		CHECK_STR(slice_z(got ? word.method : "no"),
			slice_z(cases[i].method ? cases[i].method : "no"));
	}
	world_done(&w);
}

TEST(arc_results_of_ours)
{
	AUTO(buf) struct buf out = BUF(4096);
	struct world w;
	world_init(&w);
	struct arc_result r = verify(&w, chain(&w, 2));
	struct authres_method m;
	arc_authres(&r, S("192.0.2.1"), &w.mem, &m);
	authres_build(&out, &(struct authres){S("mx"), 1, &m, 1});
	CHECK_STR(buf_slice(&out),
		S("mx;\r\n\tarc=pass (2 sets, newest by two.test) header.oldest-pass=0\r\n"
		  "\t\tsmtp.remote-ip=192.0.2.1"));
	world_done(&w);
}

TEST(arc_instance_numbers)
{
	static const struct {
		const char *in;
		unsigned n;
	} cases[] = {{" i=1; x", 1}, {"i = 50 ;x", 50}, {"\r\n\ti\r\n =\r\n 2;", 2}, {"i=0; x", 0},
		{"i=; x", 0}, {"i=1 x", 0}, {"x; i=1", 0}, {"I=1; x", 0}, {"i=1001; x", 0}, {"", 0},
		{"i=99999999999999999999;", 0}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned n = 0;
		slice rest;
		CHECK_INT(arc_results_instance(slice_z(cases[i].in), &n, &rest), cases[i].n > 0);
		CHECK_INT(n, cases[i].n);
	}
}
