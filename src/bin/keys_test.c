/* The keys role from inside: the ring of keys, and the client over a link to a serving end that
 * answers as the role does, goes away, and comes back. */
#include "bin/keys_client.h"
#include "bin/keys_ring.h"

#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/store_testing.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

#define NOW (1700000000LL * SECOND)

static int64_t add(struct sql *db, slice domain, slice selector, enum keyring_algorithm g,
	enum keyring_state state, int64_t at, struct arena *a)
{
	struct keyring_key k;
	struct err e;
	int64_t id;
	CHECK(keyring_generate(g, a, &k, &e) == 0);
	k.domain = domain;
	k.selector = selector;
	k.state = state;
	if (keyring_add(db, &k, S("test"), at, &id, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return id;
}

static struct keys_ring *load(struct sql *db)
{
	struct keys_ring *r;
	struct err e;
	if (keys_ring_load(db, &r, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return r;
}

static struct sql *open_keyring(const struct testdir *d)
{
	struct sql *db;
	struct err e;
	if (keyring_open(testdir_slice(d), &db, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return db;
}

TEST(keys_ring_lists_by_domain_and_parents)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_keyring(&d);
	add(db, S("example.com"), S("e1"), KEYRING_ED25519, KEYRING_ACTIVE, NOW, &a);
	add(db, S("example.com"), S("r1"), KEYRING_RSA2048, KEYRING_ACTIVE, NOW, &a);
	add(db, S("example.com"), S("p1"), KEYRING_ED25519, KEYRING_PREPARED, NOW, &a);
	add(db, S("sub.example.com"), S("s1"), KEYRING_ED25519, KEYRING_ACTIVE, NOW, &a);
	struct keys_ring *r = load(db);
	static const struct {
		slice domain;
		const char *selectors[3];
	} all[] = {{S_INIT("example.com"), {"r1", "e1"}}, {S_INIT("a.b.example.com"), {"r1", "e1"}},
		{S_INIT("sub.example.com"), {"s1"}}, {S_INIT("x.sub.example.com"), {"s1"}},
		{S_INIT("com"), {NULL}}, {S_INIT("notexample.com"), {NULL}}, {S_INIT(""), {NULL}}};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		const struct signer_key *v;
		size_t n = keys_ring_list(r, all[i].domain, &v);
		for (size_t k = 0; k < n; k++)
			CHECK_STR(v[k].selector, slice_z(all[i].selectors[k]));
		CHECK(!all[i].selectors[n]);
	}
	CHECK_INT(keys_ring_count(r), 3);
	keys_ring_unref(r);
	sql_close(db);
}

/* Does the public half, as it is published, accept it? */
static bool fits(const struct keyring_key *k, slice digest, slice signature)
{
	const unsigned char *der = (const unsigned char *)k->public_key.p;
	bool rsa = keyring_is_rsa(k->algorithm), fine;
	EVP_PKEY *pkey =
		rsa ? d2i_PUBKEY(NULL, &der, (long)k->public_key.n)
		    : EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, der, k->public_key.n);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(pkey, NULL);
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	const unsigned char *sig = (const unsigned char *)signature.p,
			    *text = (const unsigned char *)digest.p;
	if (rsa)
		fine = EVP_PKEY_verify_init(c) == 1 &&
		       EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1 &&
		       EVP_PKEY_verify(c, sig, signature.n, text, digest.n) == 1;
	else
		fine = EVP_DigestVerifyInit(m, NULL, NULL, NULL, pkey) == 1 &&
		       EVP_DigestVerify(m, sig, signature.n, text, digest.n) == 1;
	EVP_MD_CTX_free(m);
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(pkey);
	return fine;
}

TEST(keys_ring_signs)
{
	static const enum keyring_algorithm kinds[] = {KEYRING_RSA2048, KEYRING_ED25519};
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_keyring(&d);
	unsigned char out[KEYS_SIGNATURE_MAX], digest[KEYS_DIGEST] = {1, 2, 3};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		slice selector = arena_printf(&a, "s%zu", i);
		int64_t id = add(db, S("example.com"), selector, kinds[i], KEYRING_ACTIVE, NOW, &a);
		struct keys_ring *r = load(db);
		struct keyring_key k;
		struct err e;
		size_t n;
		CHECK(keyring_find(db, S("example.com"), selector, &a, &k, &e) == 0);
		CHECK(keys_ring_sign(keys_ring_find(r, id), slice_of(digest, sizeof digest), out,
			      &n, &e) == 0);
		CHECK(fits(&k, slice_of(digest, sizeof digest), slice_of(out, n)));
		out[5] ^= 1;
		CHECK(!fits(&k, slice_of(digest, sizeof digest), slice_of(out, n)));
		CHECK(!keys_ring_find(r, id + 1000));
		keys_ring_unref(r);
	}
	sql_close(db);
}

TEST(keys_ring_hmacs)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_keyring(&d);
	unsigned char one[32], again[32], two[32];
	struct err e;
	CHECK(keyring_secret_make(db, S("srs"), NOW, &e) == 0);
	struct keys_ring *r = load(db);
	CHECK(keys_ring_hmac(r, S("srs"), false, S("text"), one, &e) == 0);
	CHECK(keys_ring_hmac(r, S("srs"), false, S("texu"), two, &e) == 0);
	CHECK(memcmp(one, two, 32) != 0);
	CHECK(keys_ring_hmac(r, S("srs"), true, S("text"), two, &e) < 0);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	CHECK(keys_ring_hmac(r, S("other"), false, S("text"), two, &e) < 0);
	keys_ring_unref(r);
	CHECK(keyring_secret_renew(db, S("srs"), NOW, &e) == 0);
	r = load(db);
	CHECK(keys_ring_hmac(r, S("srs"), true, S("text"), again, &e) == 0);
	CHECK(memcmp(one, again, 32) == 0);
	keys_ring_unref(r);
	sql_close(db);
}

TEST(keys_wire_refuses_what_it_does_not_know)
{
	struct keys_request q;
	AUTO(buf) struct buf b = BUF(KEYS_WIRE_MAX);
	char digest[KEYS_DIGEST] = {0};
	const struct keys_request all[] = {{.op = KEYS_LIST, .domain = S("example.com")},
		{.op = KEYS_SIGN, .key = 7, .digest = slice_of(digest, sizeof digest)},
		{.op = KEYS_HMAC, .secret = S("srs"), .text = S("t"), .old = true}};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		buf_reset(&b);
		keys_request_encode(&b, &all[i]);
		CHECK(keys_request_decode(buf_slice(&b), &q));
		CHECK(q.op == all[i].op && q.key == all[i].key && q.old == all[i].old);
		CHECK(slice_eq(q.domain, all[i].domain) && slice_eq(q.digest, all[i].digest));
		CHECK(slice_eq(q.secret, all[i].secret) && slice_eq(q.text, all[i].text));
		for (size_t n = 0; n < b.n; n++)
			CHECK(!keys_request_decode(slice_of(b.p, n), &q));
		buf_byte(&b, 0);
		CHECK(!keys_request_decode(buf_slice(&b), &q));
	}
	CHECK(!keys_request_decode(S("\x09"), &q));
	buf_reset(&b);
	keys_request_encode(&b, &(struct keys_request){.op = KEYS_SIGN, .digest = S("no digest")});
	CHECK(!keys_request_decode(buf_slice(&b), &q));
}

/* ---- the client ---- */

struct served {
	struct link_server *server;
	struct link *link;
	unsigned lists, signs;
	bool gone; /* the key */
};

static void on_request(void *arg, struct link_request *r, slice request)
{
	struct served *s = arg;
	struct keys_request q;
	struct err e;
	CHECK(keys_request_decode(request, &q));
	if (q.op == KEYS_LIST) {
		const struct signer_key k = {.id = 42,
			.domain = S("example.com"),
			.selector = S("sel"),
			.algorithm = DKIM_ED25519_SHA256};
		AUTO(buf) struct buf out = BUF(KEYS_WIRE_MAX);
		s->lists++;
		keys_list_encode(&out, &k, !s->gone && slice_eq(q.domain, S("example.com")));
		link_reply(r, buf_slice(&out));
		return;
	}
	s->signs++;
	if (s->gone) {
		err_set(&e, ERR_NOTFOUND, "gone");
		link_refuse(r, &e);
	} else {
		link_reply(r, q.op == KEYS_SIGN ? S("signature") : slice_of(q.text.p, 32));
	}
}

static void serve(struct served *s)
{
	struct err e;
	int ends[2];
	CHECK(link_pair(ends, &e) == 0);
	const struct link_service service = {NULL, on_request, NULL, s};
	s->server = link_serve("test", ends[1], &service);
	link_attach(s->link, ends[0]);
}

static void serve_later(void *arg)
{
	struct err e;
	co_sleep(instant_in(50 * MSEC), &e);
	serve(arg);
}

static void client_main(void *arg)
{
	struct served *s = arg;
	AUTO(arena) struct arena a = {0};
	struct keys_client *c = keys_client_new(s->link, 300 * MSEC);
	struct signer signer = keys_client_signer(c);
	struct signer_key v[SIGNER_KEYS_MAX];
	unsigned char mac[32];
	struct err e;
	slice sig;
	size_t n;
	/* Nobody there yet: the call waits for the process. */
	co_go("later", serve_later, s);
	CHECK(signer.keys(signer.arg, S("example.com"), &a, v, &n, &e) == 0);
	CHECK(n == 1 && v[0].id == 42 && v[0].algorithm == DKIM_ED25519_SHA256);
	CHECK_STR(v[0].selector, S("sel"));
	/* Remembered, also that there are none. */
	CHECK(signer.keys(signer.arg, S("example.com"), &a, v, &n, &e) == 0 && n == 1);
	CHECK(signer.keys(signer.arg, S("example.org"), &a, v, &n, &e) == 0 && n == 0);
	CHECK(signer.keys(signer.arg, S("example.org"), &a, v, &n, &e) == 0 && n == 0);
	CHECK_INT(s->lists, 2);
	CHECK(signer.sign(signer.arg, 42, slice_of(mac, 32), &a, &sig, &e) == 0);
	CHECK_STR(sig, S("signature"));
	memset(mac, 7, sizeof mac);
	CHECK(keys_client_hmac(c, S("srs"), false, slice_of(mac, 32), mac, &e) == 0 &&
		mac[31] == 7);
	/* A key that is gone makes the list be read again. */
	s->gone = true;
	CHECK(signer.sign(signer.arg, 42, slice_of(mac, 32), &a, &sig, &e) < 0);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	CHECK(signer.keys(signer.arg, S("example.com"), &a, v, &n, &e) == 0 && n == 0);
	CHECK_INT(s->lists, 3);
	/* The process is away: after the time given the call fails. */
	link_server_close(s->server);
	co_sleep(instant_in(20 * MSEC), &e);
	CHECK(signer.sign(signer.arg, 42, slice_of(mac, 32), &a, &sig, &e) < 0);
	CHECK(e.kind == ERR_TEMP || e.kind == ERR_TIMEOUT);
	/* And when it is back within that time, it works. */
	s->gone = false;
	co_go("later", serve_later, s);
	CHECK(signer.sign(signer.arg, 42, slice_of(mac, 32), &a, &sig, &e) == 0);
	link_server_close(s->server);
	keys_client_free(c);
	loop_stop();
}

TEST(keys_client_asks_remembers_and_waits)
{
	struct served s = {0};
	loop_init();
	s.link = link_new("keys");
	co_go("client", client_main, &s);
	loop_run();
	link_free(s.link);
	loop_done();
}
