/*
 * Parsed keys (keys_ring.h): RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2), Ed25519 over
 * the digest (RFC 8463 section 3), HMAC-SHA-256 (RFC 2104). By OpenSSL. Used by the keys role
 * alone.
 */
#include "bin/keys_ring.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/must.h"
#include "run/log.h"
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

struct keys_ring_key {
	int64_t id;
	EVP_PKEY *pkey;
	bool rsa;
};

struct domain_keys {
	struct signer_key v[SIGNER_KEYS_MAX];
	size_t n;
};

struct keys_ring {
	unsigned refs;
	struct arena mem;
	struct map by_id, by_domain; /* struct keys_ring_key, struct domain_keys */
	struct keys_ring_key *keys;
	size_t n;
	struct keyring_secret *secrets;
	size_t nsecrets;
};

/* ---- loading ---- */

static void wipe(slice secret)
{
	if (secret.n)
		OPENSSL_cleanse((char *)secret.p, secret.n);
}

static slice id_key(const int64_t *id)
{
	return slice_of(id, sizeof *id);
}

static struct signer_key signer_key_of(const struct keyring_key *k)
{
	return (struct signer_key){
		.id = k->id,
		.domain = k->domain,
		.selector = k->selector,
		.algorithm = keyring_is_rsa(k->algorithm) ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256,
	};
}

/* RSA stands before Ed25519: more verifiers know it. */
static void add_to_domain(struct keys_ring *r, const struct keyring_key *k)
{
	struct domain_keys *d = map_get(&r->by_domain, k->domain);
	if (!d) {
		d = ARENA_NEW(&r->mem, struct domain_keys);
		map_put(&r->by_domain, k->domain, d);
	}
	if (d->n == SIGNER_KEYS_MAX)
		return;
	size_t at = d->n;
	if (keyring_is_rsa(k->algorithm))
		for (at = 0; at < d->n && d->v[at].algorithm == DKIM_RSA_SHA256;)
			at++;
	memmove(&d->v[at + 1], &d->v[at], (d->n - at) * sizeof *d->v);
	d->v[at] = signer_key_of(k);
	d->n++;
}

static void add_key(struct keys_ring *r, const struct keyring_key *k)
{
	const unsigned char *der = (const unsigned char *)k->private_der.p;
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &der, (long)k->private_der.n);
	if (!pkey) {
		ERR_clear_error();
		log_error(NULL, "keys.damaged", F("domain", k->domain), F("selector", k->selector));
		return;
	}
	struct keys_ring_key *key = &r->keys[r->n++];
	*key = (struct keys_ring_key){k->id, pkey, keyring_is_rsa(k->algorithm)};
	map_put(&r->by_id, id_key(&key->id), key);
	add_to_domain(r, k);
}

int keys_ring_load(struct sql *db, struct keys_ring **ret, struct err *e)
{
	struct keys_ring *r = NEW(struct keys_ring);
	struct keyring_key *v = NULL;
	size_t n = 0;
	r->refs = 1;
	if (keyring_active(db, &r->mem, &v, &n, e) < 0 ||
		keyring_secrets(db, &r->mem, &r->secrets, &r->nsecrets, e) < 0) {
		for (size_t i = 0; i < n; i++)
			wipe(v[i].private_der);
		keys_ring_unref(r);
		return -1;
	}
	r->keys = ARENA_ARRAY(&r->mem, struct keys_ring_key, n + 1);
	for (size_t i = 0; i < n; i++) {
		add_key(r, &v[i]);
		wipe(v[i].private_der);
	}
	*ret = r;
	return 0;
}

struct keys_ring *keys_ring_ref(struct keys_ring *r)
{
	r->refs++;
	return r;
}

void keys_ring_unref(struct keys_ring *r)
{
	if (!r)
		return;
	must(r->refs > 0);
	if (--r->refs)
		return;
	for (size_t i = 0; i < r->n; i++)
		EVP_PKEY_free(r->keys[i].pkey); /* which clears it */
	for (size_t i = 0; i < r->nsecrets; i++) {
		wipe(r->secrets[i].bytes);
		wipe(r->secrets[i].old);
	}
	map_done(&r->by_id);
	map_done(&r->by_domain);
	arena_done(&r->mem);
	free(r);
}

size_t keys_ring_count(const struct keys_ring *r)
{
	return r->n;
}

/* ---- finding ---- */

size_t keys_ring_list(const struct keys_ring *r, slice domain, const struct signer_key **ret)
{
	slice label;
	for (slice rest = domain; rest.n; slice_cut(&rest, '.', &label)) {
		const struct domain_keys *d = map_get(&r->by_domain, rest);
		if (d) {
			*ret = d->v;
			return d->n;
		}
	}
	return 0;
}

const struct keys_ring_key *keys_ring_find(const struct keys_ring *r, int64_t id)
{
	return map_get(&r->by_id, id_key(&id));
}

bool keys_ring_is_rsa(const struct keys_ring_key *k)
{
	return k->rsa;
}

/* ---- using ---- */

static int failed(struct err *e, const char *what)
{
	char text[160];
	ERR_error_string_n(ERR_get_error(), text, sizeof text);
	ERR_clear_error();
	return err_set(e, ERR_BUG, "%s: %s", what, text);
}

static bool sign_rsa(EVP_PKEY *pkey, slice digest, unsigned char *ret, size_t *ret_n)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(pkey, NULL);
	bool fine = c && EVP_PKEY_sign_init(c) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1 &&
		    EVP_PKEY_sign(c, ret, ret_n, (const unsigned char *)digest.p, digest.n) == 1;
	EVP_PKEY_CTX_free(c);
	return fine;
}

static bool sign_ed25519(EVP_PKEY *pkey, slice digest, unsigned char *ret, size_t *ret_n)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool fine = c && EVP_DigestSignInit(c, NULL, NULL, NULL, pkey) == 1 &&
		    EVP_DigestSign(c, ret, ret_n, (const unsigned char *)digest.p, digest.n) == 1;
	EVP_MD_CTX_free(c);
	return fine;
}

int keys_ring_sign(const struct keys_ring_key *k, slice digest,
	unsigned char ret[KEYS_SIGNATURE_MAX], size_t *ret_n, struct err *e)
{
	*ret_n = KEYS_SIGNATURE_MAX;
	bool fine = k->rsa ? sign_rsa(k->pkey, digest, ret, ret_n)
			   : sign_ed25519(k->pkey, digest, ret, ret_n);
	return fine ? 0 : failed(e, "signing");
}

int keys_ring_hmac(const struct keys_ring *r, slice secret, bool old, slice text,
	unsigned char ret[32], struct err *e)
{
	for (size_t i = 0; i < r->nsecrets; i++) {
		slice key = old ? r->secrets[i].old : r->secrets[i].bytes;
		if (!slice_eq(r->secrets[i].name, secret) || !key.n)
			continue;
		if (!HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)text.p, text.n,
			    ret, NULL))
			return failed(e, "hmac");
		return 0;
	}
	return err_set(e, ERR_NOTFOUND, "no secret %.*s", SFMT(slice_first(secret, 40)));
}
