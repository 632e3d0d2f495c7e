/*
 * Public keys of DKIM records (RFC 6376 section 3.6.1, RFC 8463 section 4.2): read by OpenSSL, kept
 * in a cache, since a busy domain signs thousands of messages with one key and reading it costs
 * more than verifying with it. RSA keys come as SubjectPublicKeyInfo, and bare RSAPublicKey as some
 * publish. Called by dkim_check.c, the lookup tools and the keyring's checks.
 */
#include "senderauth/pubkey.h"

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/must.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

struct pubkey {
	struct list used; /* most recently used first */
	slice name; /* in the cache: a letter for the type and the record's bytes */
	enum dkim_key_type type;
	EVP_PKEY *key;
	unsigned bits;
};

static struct map by_name;
static struct list by_use = {&by_use, &by_use};

const char *pubkey_fault_text(enum pubkey_fault f)
{
	static const char *const texts[] = {
		[PUBKEY_FINE] = "the key is fine",
		[PUBKEY_BAD] = "the key record holds no readable key",
		[PUBKEY_SMALL] = "the key is shorter than 1024 bits",
		[PUBKEY_LARGE] = "the key is longer than 8192 bits or has a huge exponent",
	};
	return texts[f];
}

static void auto_pkey(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void forget(struct pubkey *k)
{
	map_remove(&by_name, k->name);
	list_remove(&k->used);
	EVP_PKEY_free(k->key);
	free((char *)k->name.p);
	free(k);
}

void pubkeys_forget(void)
{
	while (!list_empty(&by_use))
		forget(list_entry(by_use.next, struct pubkey, used));
	map_done(&by_name);
}

size_t pubkeys_kept(void)
{
	return by_name.n;
}

static EVP_PKEY *read_rsa(slice bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)bytes.n);
	if (!key) {
		p = (const unsigned char *)bytes.p;
		key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)bytes.n);
	}
	ERR_clear_error();
	if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static bool exponent_fine(const EVP_PKEY *key)
{
	BIGNUM *e = NULL;
	bool fine = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
		    BN_num_bits(e) <= PUBKEY_EXPONENT_MAX;
	BN_free(e);
	return fine;
}

static EVP_PKEY *read_key(const struct dkim_record *r)
{
	if (r->type == DKIM_KEY_RSA)
		return read_rsa(r->key);
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(
		EVP_PKEY_ED25519, NULL, (const unsigned char *)r->key.p, r->key.n);
	ERR_clear_error();
	return key;
}

static enum pubkey_fault judge(const struct pubkey *k)
{
	if (k->type == DKIM_KEY_ED25519)
		return PUBKEY_FINE;
	if (k->bits > PUBKEY_RSA_MAX)
		return PUBKEY_LARGE;
	return k->bits < PUBKEY_RSA_MIN ? PUBKEY_SMALL : PUBKEY_FINE;
}

static struct pubkey *keep(const struct dkim_record *r, slice name, EVP_PKEY *key)
{
	struct pubkey *k = NEW(struct pubkey);
	k->type = r->type;
	k->key = key;
	k->bits = (unsigned)EVP_PKEY_get_bits(key);
	k->name = slice_of(mem_dup(name.p, name.n), name.n);
	map_put(&by_name, k->name, k);
	list_prepend(&by_use, &k->used);
	if (by_name.n > PUBKEYS_KEPT)
		forget(list_entry(by_use.prev, struct pubkey, used));
	return k;
}

/* Parsed now and kept, unless it is refused. */
static enum pubkey_fault read_new(
	const struct dkim_record *r, slice name, struct pubkey **ret, unsigned *ret_bits)
{
	AUTO(pkey) EVP_PKEY *key = read_key(r);
	if (!key)
		return PUBKEY_BAD;
	*ret_bits = (unsigned)EVP_PKEY_get_bits(key);
	if (*ret_bits > PUBKEY_RSA_MAX || (r->type == DKIM_KEY_RSA && !exponent_fine(key)))
		return PUBKEY_LARGE;
	*ret = keep(r, name, take(&key));
	return PUBKEY_FINE;
}

enum pubkey_fault pubkey_get(
	const struct dkim_record *r, const struct pubkey **ret, unsigned *ret_bits)
{
	AUTO(buf) struct buf name = BUF(DKIM_RECORD_MAX + 1);
	buf_byte(&name, r->type == DKIM_KEY_RSA ? 'r' : 'e');
	buf_put(&name, r->key);
	if (!buf_ok(&name))
		return PUBKEY_LARGE;
	struct pubkey *k = map_get(&by_name, buf_slice(&name));
	if (!k) {
		enum pubkey_fault fault = read_new(r, buf_slice(&name), &k, ret_bits);
		if (fault)
			return fault;
	}
	list_remove(&k->used);
	list_prepend(&by_use, &k->used);
	*ret = k;
	*ret_bits = k->bits;
	return judge(k);
}

void pubkey_sha256(slice data, unsigned char ret[32])
{
	must(EVP_Digest(data.p, data.n, ret, NULL, EVP_sha256(), NULL) == 1);
}

static bool verify_rsa(const struct pubkey *k, const EVP_MD *md, slice data, slice signature)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size;
	must(EVP_Digest(data.p, data.n, digest, &size, md, NULL) == 1);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->key, NULL);
	bool ok = ctx && EVP_PKEY_verify_init(ctx) == 1 &&
		  EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
		  EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
		  EVP_PKEY_verify(
			  ctx, (const unsigned char *)signature.p, signature.n, digest, size) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* RFC 8463 section 3: PureEdDSA over the SHA-256 digest. */
static bool verify_ed25519(const struct pubkey *k, slice data, slice signature)
{
	unsigned char digest[32];
	pubkey_sha256(data, digest);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k->key) == 1 &&
		  EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n, digest,
			  sizeof digest) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool pubkey_verify(
	const struct pubkey *k, enum dkim_algorithm algorithm, slice data, slice signature)
{
	bool ed = algorithm == DKIM_ED25519_SHA256;
	if (ed != (k->type == DKIM_KEY_ED25519))
		return false;
	const EVP_MD *md = algorithm == DKIM_RSA_SHA1 ? EVP_sha1() : EVP_sha256();
	bool ok = ed ? verify_ed25519(k, data, signature) : verify_rsa(k, md, data, signature);
	ERR_clear_error();
	return ok;
}
