/*
 * Keys of those who make packs, signatures over manifests (feature.h): Ed25519 (RFC 8032) by
 * OpenSSL. What is signed begins with a sentence of its own, so that no signature made for something
 * else is good here. Called by the readers and by the maker's commands.
 */
#include "feature/feature.h"

#include "base/b64.h"
#include "base/hex.h"
#include "base/mem.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#define PREFIX S("ed25519:")
#define CONTEXT S("posthouse feature pack manifest 1\n")
enum { SIGNATURE = 64, LINES_MAX = 32, PEM_MAX = 4096 };

static void auto_pkey(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static void auto_md(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}

static void auto_bio(BIO **b)
{
	BIO_free(*b);
}

void feature_sha256(slice bytes, unsigned char out[32])
{
	SHA256((const unsigned char *)bytes.p, bytes.n, out);
}

/* ---- public keys ---- */

bool feature_key_parse(slice text, struct feature_key *ret)
{
	AUTO(buf) struct buf raw = BUF(sizeof ret->bytes);
	if (!slice_starts(text, PREFIX) || !b64_decode(&raw, slice_skip(text, PREFIX.n)) ||
		raw.n != sizeof ret->bytes)
		return false;
	memcpy(ret->bytes, raw.p, sizeof ret->bytes);
	return true;
}

void feature_key_print(const struct feature_key *k, char out[FEATURE_KEY_TEXT])
{
	AUTO(buf) struct buf text = BUF(FEATURE_KEY_TEXT - 1);
	buf_put(&text, PREFIX);
	b64_encode(&text, slice_of(k->bytes, sizeof k->bytes));
	memcpy(out, text.p, text.n);
	out[text.n] = 0;
}

void feature_key_id(const struct feature_key *k, char out[FEATURE_KEY_ID])
{
	unsigned char digest[32];
	AUTO(buf) struct buf text = BUF(FEATURE_KEY_ID - 1);
	feature_sha256(slice_of(k->bytes, sizeof k->bytes), digest);
	hex_encode(&text, slice_of(digest, 8));
	memcpy(out, text.p, text.n);
	out[text.n] = 0;
}

bool feature_keys_have(const struct feature_keys *set, const struct feature_key *k)
{
	for (size_t i = 0; i < set->n; i++)
		if (memcmp(set->v[i].bytes, k->bytes, sizeof k->bytes) == 0)
			return true;
	return false;
}

bool feature_keys_add(struct feature_keys *set, const struct feature_key *k)
{
	if (feature_keys_have(set, k))
		return true;
	if (set->n == FEATURE_KEYS_MAX)
		return false;
	set->v[set->n++] = *k;
	return true;
}

/* ---- pairs ---- */

static int no_key(struct err *e, const char *what)
{
	return err_set(e, ERR_PROTO, "%s", what);
}

static int public_of(EVP_PKEY *pair, struct feature_key *ret, struct err *e)
{
	size_t n = sizeof ret->bytes;
	if (EVP_PKEY_get_base_id(pair) != EVP_PKEY_ED25519 ||
		EVP_PKEY_get_raw_public_key(pair, ret->bytes, &n) != 1 || n != sizeof ret->bytes)
		return no_key(e, "not an Ed25519 key");
	return 0;
}

int feature_key_make(struct buf *ret_pem, struct feature_key *ret, struct err *e)
{
	__attribute__((cleanup(auto_pkey))) EVP_PKEY *pair =
		EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	__attribute__((cleanup(auto_bio))) BIO *out = BIO_new(BIO_s_mem());
	char *text;
	if (!pair || !out ||
		PEM_write_bio_PKCS8PrivateKey(out, pair, NULL, NULL, 0, NULL, NULL) != 1)
		return err_set(e, ERR_TEMP, "no key could be made");
	long n = BIO_get_mem_data(out, &text);
	buf_put(ret_pem, slice_of(text, (size_t)n));
	return public_of(pair, ret, e);
}

/* A key with a passphrase is refused, not asked for. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out, (void)size, (void)writing, (void)arg;
	return -1;
}

static EVP_PKEY *read_pair(slice pem)
{
	__attribute__((cleanup(auto_bio))) BIO *in =
		pem.n <= PEM_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	return in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL) : NULL;
}

/* ---- signatures ---- */

static void put_signed(struct buf *text, slice manifest)
{
	buf_put(text, CONTEXT);
	buf_put(text, manifest);
}

static bool sign(EVP_PKEY *pair, slice text, unsigned char out[SIGNATURE])
{
	__attribute__((cleanup(auto_md))) EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t n = SIGNATURE;
	return c && EVP_DigestSignInit(c, NULL, NULL, NULL, pair) == 1 &&
	       EVP_DigestSign(c, out, &n, (const unsigned char *)text.p, text.n) == 1 &&
	       n == SIGNATURE;
}

int feature_sign(slice pem, slice manifest, struct buf *out, struct err *e)
{
	__attribute__((cleanup(auto_pkey))) EVP_PKEY *pair = read_pair(pem);
	AUTO(buf) struct buf text = BUF(FEATURE_MANIFEST_MAX + 256);
	struct feature_key key;
	unsigned char signature[SIGNATURE];
	char id[FEATURE_KEY_ID];
	if (!pair)
		return no_key(e, "not a private key in PEM without a passphrase");
	if (public_of(pair, &key, e) < 0)
		return -1;
	put_signed(&text, manifest);
	if (!buf_ok(&text) || !sign(pair, buf_slice(&text), signature))
		return err_set(e, ERR_LIMIT, "the manifest cannot be signed");
	feature_key_id(&key, id);
	buf_printf(out, "ed25519 %s ", id);
	b64_encode(out, slice_of(signature, sizeof signature));
	buf_byte(out, '\n');
	return 0;
}

static bool verify(const struct feature_key *k, slice text, slice signature)
{
	__attribute__((cleanup(auto_pkey))) EVP_PKEY *key =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, k->bytes, sizeof k->bytes);
	__attribute__((cleanup(auto_md))) EVP_MD_CTX *c = EVP_MD_CTX_new();
	return key && c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestVerify(c, (const unsigned char *)signature.p, signature.n,
		       (const unsigned char *)text.p, text.n) == 1;
}

/* One line; true: it is a good one by *ret. */
static bool good_line(
	slice line, slice text, const struct feature_keys *trusted, struct feature_key *ret)
{
	AUTO(buf) struct buf signature = BUF(SIGNATURE);
	slice method, id;
	if (!slice_cut(&line, ' ', &method) || !slice_eq(method, S("ed25519")) ||
		!slice_cut(&line, ' ', &id) || !line.p || !b64_decode(&signature, line) ||
		signature.n != SIGNATURE)
		return false;
	for (size_t i = 0; i < trusted->n; i++) {
		char mine[FEATURE_KEY_ID];
		feature_key_id(&trusted->v[i], mine);
		if (!slice_eq(id, slice_z(mine)) ||
			!verify(&trusted->v[i], text, buf_slice(&signature)))
			continue;
		*ret = trusted->v[i];
		return true;
	}
	return false;
}

int feature_verify(slice manifest, slice signatures, const struct feature_keys *trusted,
	struct feature_key *ret_by, struct err *e)
{
	AUTO(buf) struct buf text = BUF(FEATURE_MANIFEST_MAX + 256);
	slice line;
	put_signed(&text, manifest);
	if (!buf_ok(&text))
		return err_set(e, ERR_LIMIT, "the manifest is too long");
	for (int i = 0; i < LINES_MAX && slice_cut(&signatures, '\n', &line); i++)
		if (good_line(line, buf_slice(&text), trusted, ret_by))
			return 0;
	return err_set(e, ERR_DENIED, "no trusted key has signed this pack");
}
