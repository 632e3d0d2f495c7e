/* Signing, and what later changes break: always verified by our own verifier; others judge in
 * test/senderauth.py. */
#include "senderauth/dkim_testing.h"
#include "senderauth/pubkey.h"

TEST(dkim_signs_with_all_keys)
{
	struct dkim_bench b;
	bench_init(&b);
	slice signed_mail = sign(&b, (struct dkim_sign_how){.domain = S("example.com")}, S(MAIL));
	struct dkim_results r = verify(&b.z, &b.mem, signed_mail);
	size_t n = r.n;
	bool good = n == 2 && r.v[0].result == AUTH_PASS && r.v[1].result == AUTH_PASS;
	bool rsa_first = n == 2 && r.v[0].field.algorithm == DKIM_RSA_SHA256;
	slice none = sign(&b, (struct dkim_sign_how){.domain = S("other.example")}, S(MAIL));
	bool unsigned_other = slice_eq(none, S(MAIL));
	bench_done(&b);
	CHECK(good && rsa_first && unsigned_other);
}

/* A field put on top, or one changed, after signing: which of them break the signature. */
TEST(dkim_oversigning)
{
	static const struct {
		const char *top;
		enum auth_result want;
	} cases[] = {
		{"", AUTH_PASS},
		{"Received: from c by d\r\n", AUTH_PASS},
		{"X-Spam: no\r\n", AUTH_PASS},
		{"From: evil@example.net\r\n", AUTH_FAIL},
		{"Subject: evil\r\n", AUTH_FAIL},
		{"To: evil\r\n", AUTH_FAIL},
		{"Cc: evil\r\n", AUTH_FAIL},
		{"Date: today\r\n", AUTH_FAIL},
		{"Reply-To: evil@example.net\r\n", AUTH_FAIL},
		{"Message-ID: <x@y>\r\n", AUTH_FAIL},
		{"Content-Type: text/html\r\n", AUTH_FAIL},
		{"MIME-Version: 1.0\r\n", AUTH_FAIL},
	};
	struct dkim_bench b;
	unsigned wrong = 0, froms = 0;
	bench_init(&b);
	slice mail = sign(&b, (struct dkim_sign_how){.domain = S("example.com")}, S(MAIL));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		slice changed = arena_printf(&b.mem, "%s%.*s", cases[i].top, SFMT(mail));
		struct dkim_results r = verify(&b.z, &b.mem, changed);
		if (r.n != 2 || r.v[0].result != cases[i].want || r.v[1].result != cases[i].want)
			wrong |= 1u << i;
		froms += r.from_fields;
	}
	bench_done(&b);
	CHECK_INT(wrong, 0);
	CHECK_INT(froms, sizeof cases / sizeof *cases + 1);
}

/* Fields of the signature judged by time. */
TEST(dkim_times)
{
	static const struct {
		int64_t signed_at, lifetime, now;
		enum auth_result want;
	} cases[] = {
		{NOW, 0, NOW, AUTH_PASS},
		{NOW, 0, NOW + 86400 * 3000LL, AUTH_PASS},
		{NOW, 3600, NOW + 3600, AUTH_PASS},
		{NOW, 3600, NOW + 3600 + 599, AUTH_PASS},
		{NOW, 3600, NOW + 3600 + 601, AUTH_NEUTRAL},
		{NOW + 3600, 0, NOW, AUTH_PASS},
		{NOW + 13 * 3600, 0, NOW, AUTH_POLICY},
	};
	struct dkim_bench b;
	unsigned wrong = 0;
	bench_init(&b);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dkim_sign_how how = {.domain = S("example.com"),
			.now = cases[i].signed_at,
			.lifetime = cases[i].lifetime};
		slice mail = sign(&b, how, S(MAIL));
		struct dkim_results r =
			verify_with(&b.z, &b.mem, mail, &DKIM_POLICY_DEFAULT, cases[i].now);
		wrong |= (unsigned)(r.v[0].result != cases[i].want) << i;
	}
	bench_done(&b);
	CHECK_INT(wrong, 0);
}

TEST(dkim_identity_and_words)
{
	AUTO(buf) struct buf out = BUF(10000);
	struct dkim_bench b;
	struct authres_method m;
	bench_init(&b);
	struct dkim_sign_how how = {
		.domain = S("example.com"), .identity = S("a b=c;@sub.example.com")};
	struct dkim_results r = verify(&b.z, &b.mem, sign(&b, how, S(MAIL)));
	dkim_result_method(&r, 1, &b.mem, &m);
	for (unsigned i = 0; i < m.nprops; i++)
		buf_printf(&out, "%.*s.%.*s=%.*s ", SFMT(m.props[i].ptype),
			SFMT(m.props[i].property), SFMT(m.props[i].value));
	slice b_text = slice_first(r.v[1].field.b_text, 8);
	slice want = arena_printf(&b.mem,
		"header.d=example.com header.i=a b=c;@sub.example.com header.s=ed "
		"header.a=ed25519-sha256 header.b=%.*s ",
		SFMT(b_text));
	bool same = slice_eq(buf_slice(&out), want) && slice_eq(m.method, S("dkim")) &&
		    slice_eq(m.result, S("pass")) && slice_eq(m.comment, S("256-bit key"));
	how.identity = S("a@elsewhere.example"); /* not below the domain: left out */
	struct dkim_results other = verify(&b.z, &b.mem, sign(&b, how, S(MAIL)));
	bool left_out = other.v[0].result == AUTH_PASS && other.v[0].field.identity.n == 0;
	bench_done(&b);
	CHECK(same && left_out);
}

/* header.b grows until it tells two signatures apart (RFC 6008). */
TEST(dkim_words_tell_signatures_apart)
{
	AUTO(arena) struct arena a = {0};
	struct dkim_result v[] = {{.field.b_text = S("abcdefghij1")},
		{.field.b_text = S("abcdefghij2")}, {.field.b_text = S("abcdefghij2")}};
	struct dkim_results all = {.v = v, .n = 3};
	struct authres_method m;
	dkim_result_method(&all, 0, &a, &m);
	CHECK_STR(m.props[m.nprops - 1].value, S("abcdefghij1"));
	v[0].field.b_text = S("xbc");
	dkim_result_method(&all, 0, &a, &m);
	CHECK_STR(m.props[m.nprops - 1].value, S("xbc"));
	dkim_result_method(&all, 1, &a, &m);
	CHECK_STR(m.props[m.nprops - 1].value, S("abcdefgh"));
}

/* A field with l=: signed by hand, since we do not sign so. */
static slice sign_with_limit(struct dkim_bench *b, int64_t limit, slice signed_body, slice mail)
{
	AUTO(buf) struct buf line = BUF(10000), data = BUF(10000);
	unsigned char bh[32], digest[32];
	slice from = S("From"), signature;
	struct err e;
	pubkey_sha256(signed_body, bh);
	struct dkim_field f = {.algorithm = DKIM_RSA_SHA256,
		.header_canon = CANON_RELAXED,
		.body_canon = CANON_RELAXED,
		.domain = S("example.com"),
		.selector = S("rsa"),
		.names = &from,
		.nnames = 1,
		.body_hash = slice_of(bh, 32),
		.signed_at = -1,
		.expires_at = -1};
	dkim_field_begin(&line, &f);
	line.n -= 2; /* "b=" */
	buf_printf(&line, "l=%lld; b=", (long long)limit);
	struct dkim_header *h = dkim_header_new((slice){0}, mail, &b->mem);
	dkim_header_select(h, &from, 1, CANON_RELAXED, NULL, &data);
	dkim_canon_signature(&data, CANON_RELAXED, buf_slice(&line), (slice){0});
	pubkey_sha256(buf_slice(&data), digest);
	must(test_signer_sign(&b->t, 0, slice_of(digest, 32), &b->mem, &signature, &e) == 0);
	dkim_field_finish(&line, signature);
	buf_put(&line, mail);
	return arena_dup(&b->mem, buf_slice(&line));
}

TEST(dkim_partial_bodies)
{
	struct dkim_bench b;
	struct dkim_policy lenient = DKIM_POLICY_DEFAULT;
	lenient.partial_body = true;
	bench_init(&b);
	slice whole = sign_with_limit(&b, 5, S("abc\r\n"), S("From: a\r\n\r\nabc\r\n"));
	slice added = sign_with_limit(&b, 5, S("abc\r\n"), S("From: a\r\n\r\nabc\r\nmore\r\n"));
	slice cut = sign_with_limit(&b, 9, S("abc\r\n"), S("From: a\r\n\r\nabc\r\n"));
	struct dkim_results w = verify(&b.z, &b.mem, whole), p = verify(&b.z, &b.mem, added),
			    c = verify(&b.z, &b.mem, cut);
	struct dkim_results l = verify_with(&b.z, &b.mem, added, &lenient, NOW);
	bool good = w.v[0].result == AUTH_PASS && !w.v[0].partial;
	bool marked = p.v[0].result == AUTH_POLICY && p.v[0].partial;
	bool accepted = l.v[0].result == AUTH_PASS && l.v[0].partial;
	bool shorter = c.v[0].result == AUTH_FAIL;
	bench_done(&b);
	CHECK(good && marked && accepted && shorter);
}

/* What is put on top of a message whose signature covers each field once. */
TEST(dkim_fields_that_were_added)
{
	static const struct {
		const char *added;
		enum auth_result want;
	} cases[] = {
		{"", AUTH_PASS},
		{"Subject: other\r\n", AUTH_POLICY},
		{"from: b@example.com\r\n", AUTH_POLICY},
		{"Content-Type: text/html\r\n", AUTH_PASS}, /* not signed at all */
		{"Received: x\r\nX-Other: 2\r\nTo: d@other.example\r\n", AUTH_PASS},
	};
	static const slice names[] = {S_INIT("From"), S_INIT("Subject"), S_INIT("To")};
	const struct dkim_sign_how how = {.domain = S("example.com"), .names = names, .nnames = 3};
	struct dkim_bench b;
	unsigned wrong = 0;
	bench_init(&b);
	slice mail = sign(&b, how, S(MAIL));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		slice more = arena_printf(&b.mem, "%s%.*s", cases[i].added, SFMT(mail));
		struct dkim_results r = verify(&b.z, &b.mem, more);
		wrong |= (unsigned)(r.v[0].result != cases[i].want) << i;
	}
	bench_done(&b);
	CHECK_INT(wrong, 0);
}

/* A signer whose RSA key, the first one, cannot be used. */
struct half_signer {
	struct test_signer *keys;
	enum err_kind kind;
};

static int half_keys(void *arg, slice domain, struct arena *a, struct signer_key *ret,
	size_t *ret_n, struct err *e)
{
	struct half_signer *h = arg;
	return test_signer(h->keys).keys(h->keys, domain, a, ret, ret_n, e);
}

static int half_sign(
	void *arg, int64_t key, slice digest, struct arena *a, slice *ret, struct err *e)
{
	struct half_signer *h = arg;
	return key == 0 ? err_set(e, h->kind, "not this one")
			: test_signer(h->keys).sign(h->keys, key, digest, a, ret, e);
}

TEST(dkim_one_key_that_cannot_sign)
{
	static const struct {
		enum err_kind kind;
		bool other_signs;
	} cases[] = {{ERR_TEMP, false}, {ERR_TIMEOUT, false}, {ERR_CLOSED, false},
		{ERR_NOTFOUND, true}, {ERR_PERM, true}};
	struct dkim_bench b;
	unsigned wrong = 0;
	bench_init(&b);
	const struct dkim_sign_how how = {.domain = S("example.com"), .now = NOW};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf) struct buf out = BUF(4096);
		struct half_signer half = {&b.t, cases[i].kind};
		struct signer s = {half_keys, half_sign, &half};
		struct err e;
		int rc = dkim_sign(&s, &how, (slice){0}, S("From: a@example.com\r\n\r\n"),
			slice_of("0123456789abcdef0123456789abcdef", 32), &b.mem, &out, &e);
		bool good = cases[i].other_signs ? rc == 0 && out.n > 0
						 : rc < 0 && e.kind == cases[i].kind && !out.n;
		wrong |= (unsigned)!good << i;
	}
	bench_done(&b);
	CHECK_INT(wrong, 0);
}
