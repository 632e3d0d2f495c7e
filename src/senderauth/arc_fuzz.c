/* A whole message through reading, verifying and believing a chain, with a zone that has the key of
 * the seeds; a chain that passes can be sealed, and passes again. */
#include "base/must.h"
#include "codec/header.h"
#include "senderauth/arc_impl.h"
#include "senderauth/signer_testing.h"
#include "senderauth/zone_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct world {
	struct zone zone;
	struct test_signer keys;
	struct lookup lookup;
	struct signer signer;
} * w; /* one for the whole run */

static void world_make(void)
{
	AUTO(arena) struct arena a = {0};
	w = NEW(struct world);
	test_signer_make(&w->keys, S("example.org"), S("own"), false);
	zone_add(&w->zone, S("own._domainkey.example.org"), ZONE_TXT,
		test_signer_record(&w->keys, 0, &a));
	/* Of test/fuzz/arc: its private key is nowhere. */
	zone_add(&w->zone, S("s._domainkey.seed.test"), ZONE_TXT,
		S("v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCaTjdZdyTvvAzCU976I2edrg"
		  "X3tAWJiebhz1VmFSqzK9zRlt0/DYPQUCKahU79qfk0STRfm/w/H0eTCqJM8TH8D0en9vzn57vqlbg09G"
		  "0A3q810ghR5WfY6p2qOa/uwuuWydxYHL5ox9EVVGeyngd65Yu4WRkzrR+55MM5dmItIwIDAQAB"));
	w->lookup = zone_lookup(&w->zone);
	w->signer = test_signer(&w->keys);
}

static struct arc_result verify(slice header, slice body, struct arena *a, struct arc **ret)
{
	struct body_hashes *b = body_hashes_new(a);
	struct arc_result r;
	struct arc *x = arc_begin(header, 0, b, a);
	body_hashes_add(b, body);
	body_hashes_end(b);
	arc_verify(x, b, &w->lookup, INSTANT_NEVER, 1800000000 * SECOND, a, &r);
	body_hashes_free(b);
	*ret = x;
	return r;
}

static void seal_again(slice header, slice body, enum auth_result before, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(1 << 24);
	struct err e;
	struct arc *x;
	slice why, with = arena_printf(a, "Authentication-Results: example.org; arc=%s\r\n%.*s",
			   auth_result_name(before), SFMT(header));
	struct arc_seal q = {.header = with,
		.authserv_id = S("example.org"),
		.domain = S("example.org"),
		.wall = 1800000000 * SECOND};
	struct body_hashes *b = body_hashes_new(a);
	int digest = arc_seal_want(b);
	body_hashes_add(b, body);
	body_hashes_end(b);
	must(arc_seal(&q, b, digest, &w->signer, a, &out, &why, &e) == 0);
	body_hashes_free(b);
	if (why.n)
		return;
	buf_put(&out, with);
	struct arc_result r = verify(buf_slice(&out), body, a, &x);
	must(r.result == (before == AUTH_FAIL ? AUTH_FAIL : AUTH_PASS));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	slice message = slice_of(data, n), header = slice_first(message, header_length(message));
	slice body = slice_skip(message, header.n), trusted = S(".test");
	struct arc_word word;
	struct authres_method m;
	struct arc *x;
	if (!w)
		world_make();
	struct arc_result r = verify(header, body, &a, &x);
	must((r.result == AUTH_NONE) == !arc_is_there(x) && r.n <= ARC_SETS_MAX);
	must((r.result == AUTH_NONE) == !r.reason.n);
	must(r.result == AUTH_NONE || r.result == AUTH_PASS || r.result == AUTH_FAIL);
	if (arc_vouches(&r, &trusted, 1, S("author.test"), &word))
		must(r.result == AUTH_PASS && word.instance >= 1 && word.instance <= r.n);
	arc_authres(&r, S("192.0.2.1"), &a, &m);
	if (r.result != AUTH_FAIL)
		seal_again(header, body, r.result, &a);
	return 0;
}
