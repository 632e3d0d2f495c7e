/*
 * Keys in memory (keyring.h): making them, taking over those of other systems, giving them back as
 * PEM. By OpenSSL; no storage. Called by the command line.
 */
#include "store/keyring.h"

#include "base/mem.h"
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

enum { RSA_BITS_LEAST = 1024, RSA_BITS_MOST = 4096, ED25519_RAW = 32 };

static const struct {
	enum keyring_algorithm algorithm;
	const char *name;
	unsigned bits; /* of an RSA key to be made */
} algorithms[] = {
	{KEYRING_RSA2048, "rsa2048", 2048},
	{KEYRING_RSA3072, "rsa3072", 3072},
	{KEYRING_RSA4096, "rsa4096", 4096},
	{KEYRING_ED25519, "ed25519", 0},
	{KEYRING_RSA_OTHER, "rsa", 0},
};
enum { ALGORITHMS = sizeof algorithms / sizeof *algorithms };

const char *keyring_algorithm_name(enum keyring_algorithm g)
{
	for (int i = 0; i < ALGORITHMS; i++)
		if (algorithms[i].algorithm == g)
			return algorithms[i].name;
	return "?";
}

bool keyring_algorithm_parse(slice s, enum keyring_algorithm *ret)
{
	for (int i = 0; i < ALGORITHMS; i++)
		if (slice_ieq(s, slice_z(algorithms[i].name)) &&
			algorithms[i].algorithm != KEYRING_RSA_OTHER) {
			*ret = algorithms[i].algorithm;
			return true;
		}
	return false;
}

static void auto_pkey(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static void auto_bio(BIO **b)
{
	BIO_free(*b);
}

static int openssl_failed(struct err *e, const char *what)
{
	char text[160];
	ERR_error_string_n(ERR_get_error(), text, sizeof text);
	ERR_clear_error();
	return err_set(e, ERR_TEMP, "%s: %s", what, text);
}

/* ---- out of OpenSSL's hands ---- */

static int take_private(EVP_PKEY *p, struct arena *a, slice *ret, struct err *e)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(p);
	unsigned char *der = NULL;
	int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
	PKCS8_PRIV_KEY_INFO_free(info);
	if (n <= 0)
		return openssl_failed(e, "private key");
	*ret = arena_dup(a, slice_of(der, (size_t)n));
	OPENSSL_clear_free(der, (size_t)n);
	return 0;
}

static int take_public(EVP_PKEY *p, bool rsa, struct arena *a, slice *ret, struct err *e)
{
	unsigned char raw[ED25519_RAW], *der = NULL;
	size_t len = sizeof raw;
	if (!rsa) {
		if (EVP_PKEY_get_raw_public_key(p, raw, &len) != 1 || len != sizeof raw)
			return openssl_failed(e, "public key");
		*ret = arena_dup(a, slice_of(raw, len));
		return 0;
	}
	int n = i2d_PUBKEY(p, &der);
	if (n <= 0)
		return openssl_failed(e, "public key");
	*ret = arena_dup(a, slice_of(der, (size_t)n));
	OPENSSL_free(der);
	return 0;
}

static int take_key(EVP_PKEY *p, enum keyring_algorithm g, struct arena *a, struct keyring_key *ret,
	struct err *e)
{
	struct keyring_key k = {.algorithm = g, .bits = (unsigned)EVP_PKEY_get_bits(p)};
	if (g == KEYRING_ED25519)
		k.bits = 256;
	if (take_private(p, a, &k.private_der, e) < 0 ||
		take_public(p, keyring_is_rsa(g), a, &k.public_key, e) < 0)
		return -1;
	*ret = k;
	return 0;
}

/* ---- making and importing ---- */

int keyring_generate(
	enum keyring_algorithm g, struct arena *a, struct keyring_key *ret, struct err *e)
{
	unsigned bits = 0;
	for (int i = 0; i < ALGORITHMS; i++)
		if (algorithms[i].algorithm == g)
			bits = algorithms[i].bits;
	if (!bits && g != KEYRING_ED25519)
		return err_set(e, ERR_PROTO, "no key of this kind can be made");
	AUTO(pkey)
	EVP_PKEY *p = bits ? EVP_RSA_gen(bits) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return p ? take_key(p, g, a, ret, e) : openssl_failed(e, "making a key");
}

static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf, (void)size, (void)rwflag, (void)arg;
	return -1;
}

static int judge(EVP_PKEY *p, enum keyring_algorithm *ret, struct err *e)
{
	int bits = EVP_PKEY_get_bits(p);
	if (EVP_PKEY_is_a(p, "ED25519")) {
		*ret = KEYRING_ED25519;
		return 0;
	}
	if (!EVP_PKEY_is_a(p, "RSA"))
		return err_set(e, ERR_DENIED, "only RSA and Ed25519 keys sign mail (RFC 8463)");
	if (bits < RSA_BITS_LEAST || bits > RSA_BITS_MOST)
		return err_set(e, ERR_DENIED, "an RSA key of %d bits: %d to %d are allowed", bits,
			RSA_BITS_LEAST, RSA_BITS_MOST);
	*ret = bits == 2048   ? KEYRING_RSA2048
	       : bits == 3072 ? KEYRING_RSA3072
	       : bits == 4096 ? KEYRING_RSA4096
			      : KEYRING_RSA_OTHER;
	return 0;
}

int keyring_import(slice pem, struct arena *a, struct keyring_key *ret, struct err *e)
{
	enum keyring_algorithm g = KEYRING_RSA_OTHER;
	if (pem.n > KEYRING_PEM_MAX)
		return err_set(e, ERR_LIMIT, "a key file of more than %d bytes", KEYRING_PEM_MAX);
	AUTO(bio) BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	AUTO(pkey) EVP_PKEY *p = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL) : NULL;
	if (!p) {
		ERR_clear_error();
		return err_set(e, ERR_PROTO, "no private key in PEM form without passphrase");
	}
	if (judge(p, &g, e) < 0)
		return -1;
	return take_key(p, g, a, ret, e);
}

int keyring_export(const struct keyring_key *k, struct buf *ret_pem, struct err *e)
{
	const unsigned char *der = (const unsigned char *)k->private_der.p;
	AUTO(pkey) EVP_PKEY *p = d2i_AutoPrivateKey(NULL, &der, (long)k->private_der.n);
	if (!p)
		return openssl_failed(e, "stored key");
	AUTO(bio) BIO *out = BIO_new(BIO_s_mem());
	char *text;
	if (!out || PEM_write_bio_PKCS8PrivateKey(out, p, NULL, NULL, 0, NULL, NULL) != 1)
		return openssl_failed(e, "writing the key");
	long n = BIO_get_mem_data(out, &text);
	buf_put(ret_pem, slice_of(text, (size_t)n));
	OPENSSL_cleanse(text, (size_t)n);
	return 0;
}
