/* Keys that are weak, huge, bare, broken; the cache of them. */
#include "senderauth/dkim_testing.h"
#include "senderauth/pubkey.h"
#include <openssl/core_names.h>
#include <openssl/param_build.h>

static enum auth_result result_with_bits(int bits, unsigned *ret_bits)
{
	struct dkim_bench b = {0};
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
	test_signer_put(&b.t, S("example.com"), S("sized"), key);
	bench_publish(&b);
	slice mail = sign(&b, (struct dkim_sign_how){.domain = S("example.com")}, S(MAIL));
	struct dkim_results r = verify(&b.z, &b.mem, mail);
	enum auth_result result = r.n == 1 ? r.v[0].result : AUTH_NONE;
	*ret_bits = r.n == 1 ? r.v[0].bits : 0;
	bench_done(&b);
	return result;
}

TEST(dkim_weak_keys_count_for_nothing)
{
	unsigned bits;
	CHECK_INT(result_with_bits(512, &bits), AUTH_POLICY);
	CHECK_INT(bits, 512);
	CHECK_INT(result_with_bits(1024, &bits), AUTH_PASS);
	CHECK_INT(result_with_bits(2048, &bits), AUTH_PASS);
	CHECK_INT(bits, 2048);
}

/* A SubjectPublicKeyInfo with a modulus of that size, which nobody need know the factors of. */
static slice huge_key(int bits, const char *exponent, struct arena *a)
{
	BIGNUM *n = BN_new(), *e = NULL;
	must(BN_set_bit(n, bits - 1) && BN_set_bit(n, 0) && BN_hex2bn(&e, exponent));
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM_BLD_push_BN(build, "n", n);
	OSSL_PARAM_BLD_push_BN(build, "e", e);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	must(EVP_PKEY_fromdata_init(ctx) == 1 &&
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	slice r = arena_dup(a, slice_of(der, (size_t)len));
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(e);
	return r;
}

TEST(dkim_huge_keys_are_refused)
{
	AUTO(arena) struct arena a = {0};
	const struct pubkey *k;
	unsigned bits = 0;
	struct dkim_record r = {.type = DKIM_KEY_RSA, .key = huge_key(16384, "010001", &a)};
	CHECK_INT(pubkey_get(&r, &k, &bits), PUBKEY_LARGE);
	CHECK_INT(bits, 16384);
	r.key = huge_key(8192, "010001", &a);
	CHECK_INT(pubkey_get(&r, &k, &bits), PUBKEY_FINE);
	r.key = huge_key(2048, "010000000000000001", &a);
	CHECK_INT(pubkey_get(&r, &k, &bits), PUBKEY_LARGE);
	r.key = huge_key(2048, "FFFFFFFFFFFFFFFF", &a);
	CHECK_INT(pubkey_get(&r, &k, &bits), PUBKEY_FINE);
	r.key = S("no key");
	CHECK_INT(pubkey_get(&r, &k, &bits), PUBKEY_BAD);
	pubkeys_forget();
}

TEST(dkim_keys_are_kept_within_a_limit)
{
	const struct pubkey *k;
	unsigned bits;
	for (int i = 0; i < 3 * PUBKEYS_KEPT; i++) {
		unsigned char raw[DKIM_ED25519_KEY] = {(unsigned char)i, (unsigned char)(i >> 8)};
		struct dkim_record r = {.type = DKIM_KEY_ED25519, .key = slice_of(raw, sizeof raw)};
		CHECK_INT(pubkey_get(&r, &k, &bits), PUBKEY_FINE);
	}
	CHECK(pubkeys_kept() == PUBKEYS_KEPT);
	pubkeys_forget();
	CHECK(pubkeys_kept() == 0);
}

/* A bare RSAPublicKey in p=, as some publish (RFC 6376 3.6.1 allows it by reference). */
TEST(dkim_bare_rsa_keys)
{
	struct dkim_bench b = {0};
	AUTO(buf) struct buf record = BUF(10000);
	unsigned char *der = NULL;
	test_signer_make(&b.t, S("example.com"), S("bare"), false);
	int n = i2d_PublicKey(b.t.pkey[0], &der);
	dkim_record_build(&record, DKIM_KEY_RSA, slice_of(der, (size_t)n), true);
	OPENSSL_free(der);
	add_key(&b.z, S("bare._domainkey.example.com"), buf_slice(&record));
	slice mail = sign(&b, (struct dkim_sign_how){.domain = S("example.com")}, S(MAIL));
	struct dkim_results r = verify(&b.z, &b.mem, mail);
	bool good = r.n == 1 && r.v[0].result == AUTH_PASS && r.v[0].testing;
	bench_done(&b);
	CHECK(good);
}
