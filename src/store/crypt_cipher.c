/*
 * The ciphers of encryption at rest, by OpenSSL (crypt_file.h): HKDF-SHA-256 and AES-256-GCM. Algorithms are looked up once a process; a context lives as
 * long as one call, so every function may be called by any thread. Lengths are far below what one call of OpenSSL takes (an int).
 */
#include "store/crypt_file.h"

#include "base/must.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdio.h>

static EVP_KDF *hkdf;
static EVP_CIPHER *gcm;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
	hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	must(hkdf && gcm);
}

void crypt_hkdf(const unsigned char key[CRYPT_KEY], slice salt, const char *purpose,
	unsigned char ret[CRYPT_KEY])
{
	char info[64];
	int n = snprintf(info, sizeof info, "posthouse %s 1", purpose);
	must(n > 0 && n < (int)sizeof info);
	pthread_once(&once, fetch);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, CRYPT_KEY),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt.p, salt.n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, (size_t)n),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(hkdf);
	must(c && EVP_KDF_derive(c, ret, CRYPT_KEY, params) == 1);
	EVP_KDF_CTX_free(c);
}

void crypt_gcm_seal(const unsigned char key[CRYPT_KEY], const unsigned char nonce[CRYPT_NONCE],
	slice about, slice text, char *to)
{
	int n = 0, end = 0;
	pthread_once(&once, fetch);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	must(c && EVP_EncryptInit_ex2(c, gcm, key, nonce, NULL) == 1);
	must(!about.n ||
		EVP_EncryptUpdate(c, NULL, &n, (const unsigned char *)about.p, (int)about.n) == 1);
	n = 0;
	must(!text.n || EVP_EncryptUpdate(c, (unsigned char *)to, &n, (const unsigned char *)text.p,
				(int)text.n) == 1);
	must(EVP_EncryptFinal_ex(c, (unsigned char *)to + n, &end) == 1 &&
		(size_t)(n + end) == text.n);
	must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, CRYPT_TAG, to + text.n) == 1);
	EVP_CIPHER_CTX_free(c);
}

bool crypt_gcm_open(const unsigned char key[CRYPT_KEY], const unsigned char nonce[CRYPT_NONCE],
	slice about, slice sealed, char *to)
{
	if (sealed.n < CRYPT_TAG)
		return false;
	slice text = slice_first(sealed, sealed.n - CRYPT_TAG);
	unsigned char rest[16];
	int n = 0;
	pthread_once(&once, fetch);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	must(c && EVP_DecryptInit_ex2(c, gcm, key, nonce, NULL) == 1);
	must(!about.n ||
		EVP_DecryptUpdate(c, NULL, &n, (const unsigned char *)about.p, (int)about.n) == 1);
	must(!text.n || EVP_DecryptUpdate(c, (unsigned char *)to, &n, (const unsigned char *)text.p,
				(int)text.n) == 1);
	must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, CRYPT_TAG, (void *)(text.p + text.n)) ==
		1);
	bool ok = EVP_DecryptFinal_ex(c, rest, &n) == 1;
	EVP_CIPHER_CTX_free(c);
	return ok;
}
