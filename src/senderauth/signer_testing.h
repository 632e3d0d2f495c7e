/*
 * A struct signer with keys of its own: for unit tests, and for the judges of suites that give
 * private keys.
 *
 *	struct test_signer t = {0};
 *	test_signer_add(&t, S("example.org"), S("sel"), pem);	or test_signer_make(..., false)
 *	struct signer s = test_signer(&t);  ...  test_signer_done(&t);
 *
 * test_signer_record() gives what stands at SELECTOR._domainkey.DOMAIN.
 */
#pragma once
#include "base/mem.h"
#include "base/must.h"
#include "codec/dkim_record.h"
#include "senderauth/signer.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { TEST_SIGNER_KEYS = 4 };

struct test_signer {
	struct signer_key keys[TEST_SIGNER_KEYS];
	EVP_PKEY *pkey[TEST_SIGNER_KEYS];
	size_t n;
	unsigned signed_n; /* signatures made */
	struct arena mem;
};

static inline int test_signer_put(
	struct test_signer *t, slice domain, slice selector, EVP_PKEY *key)
{
	size_t i = t->n++;
	must(t->n <= TEST_SIGNER_KEYS);
	t->pkey[i] = key;
	t->keys[i] = (struct signer_key){
		.id = (int64_t)i,
		.domain = arena_dup(&t->mem, domain),
		.selector = arena_dup(&t->mem, selector),
		.algorithm = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? DKIM_ED25519_SHA256
									   : DKIM_RSA_SHA256,
	};
	return (int)i;
}

/* False: no private key. */
static inline bool test_signer_add(struct test_signer *t, slice domain, slice selector, slice pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (key)
		test_signer_put(t, domain, selector, key);
	return key != NULL;
}

static inline void test_signer_make(
	struct test_signer *t, slice domain, slice selector, bool ed25519)
{
	EVP_PKEY *key = ed25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
				: EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	must(key != NULL);
	test_signer_put(t, domain, selector, key);
}

/* The key record of key i. */
static inline slice test_signer_record(const struct test_signer *t, size_t i, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(DKIM_RECORD_MAX);
	bool ed25519 = t->keys[i].algorithm == DKIM_ED25519_SHA256;
	unsigned char raw[32], *der = raw;
	size_t n = sizeof raw;
	if (ed25519)
		EVP_PKEY_get_raw_public_key(t->pkey[i], raw, &n);
	else {
		der = NULL;
		n = (size_t)i2d_PUBKEY(t->pkey[i], &der);
	}
	dkim_record_build(&out, ed25519 ? DKIM_KEY_ED25519 : DKIM_KEY_RSA, slice_of(der, n), false);
	if (!ed25519)
		OPENSSL_free(der);
	return arena_dup(a, buf_slice(&out));
}

static inline int test_signer_keys(void *arg, slice domain, struct arena *a, struct signer_key *ret,
	size_t *ret_n, struct err *e)
{
	struct test_signer *t = arg;
	(void)a, (void)e;
	*ret_n = 0;
	for (size_t i = 0; i < t->n; i++)
		if (slice_ieq(t->keys[i].domain, domain))
			ret[(*ret_n)++] = t->keys[i];
	return 0;
}

static inline int test_signer_sign(
	void *arg, int64_t key, slice digest, struct arena *a, slice *ret, struct err *e)
{
	struct test_signer *t = arg;
	if (key < 0 || (size_t)key >= t->n)
		return err_set(e, ERR_NOTFOUND, "no such key");
	bool ed25519 = t->keys[key].algorithm == DKIM_ED25519_SHA256;
	unsigned char *out = arena_alloc(a, 1024);
	size_t n = 1024;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(t->pkey[key], NULL);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = ed25519 ? EVP_DigestSignInit(md, NULL, NULL, NULL, t->pkey[key]) > 0 &&
				    EVP_DigestSign(md, out, &n, (const unsigned char *)digest.p,
					    digest.n) > 0
			  : EVP_PKEY_sign_init(ctx) > 0 &&
				    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0 &&
				    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) > 0 &&
				    EVP_PKEY_sign(ctx, out, &n, (const unsigned char *)digest.p,
					    digest.n) > 0;
	EVP_PKEY_CTX_free(ctx);
	EVP_MD_CTX_free(md);
	must(ok);
	t->signed_n++;
	*ret = slice_of(out, n);
	return 0;
}

static inline struct signer test_signer(struct test_signer *t)
{
	return (struct signer){test_signer_keys, test_signer_sign, t};
}

static inline void test_signer_done(struct test_signer *t)
{
	for (size_t i = 0; i < t->n; i++)
		EVP_PKEY_free(t->pkey[i]);
	arena_done(&t->mem);
	*t = (struct test_signer){0};
}
