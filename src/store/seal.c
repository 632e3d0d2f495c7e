/* Sealed secrets (seal.h), by OpenSSL. An ephemeral key is used once, so the nonce may be constant. */
#include "store/seal.h"

#include "base/must.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

enum { VERSION_1 = 1, TAG = 16, NONCE = 12, PLACE = 1 + SEAL_KEY };
static const char purpose[] = "posthouse sealed secret 1";

static EVP_PKEY *private_key_of(const unsigned char k[SEAL_KEY])
{
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, k, SEAL_KEY);
}

void seal_public_of(const unsigned char private_key[SEAL_KEY], unsigned char ret[SEAL_KEY])
{
	size_t n = SEAL_KEY;
	EVP_PKEY *k = private_key_of(private_key);
	must(k && EVP_PKEY_get_raw_public_key(k, ret, &n) == 1 && n == SEAL_KEY);
	EVP_PKEY_free(k);
}

void seal_make(unsigned char ret_private[SEAL_KEY], unsigned char ret_public[SEAL_KEY])
{
	size_t n = SEAL_KEY;
	EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	must(k && EVP_PKEY_get_raw_private_key(k, ret_private, &n) == 1 && n == SEAL_KEY);
	EVP_PKEY_free(k);
	seal_public_of(ret_private, ret_public);
}

/* What both sides have in common. False: no good key. */
static bool agree(const unsigned char private_key[SEAL_KEY], const unsigned char peer[SEAL_KEY],
	unsigned char shared[SEAL_KEY])
{
	size_t n = SEAL_KEY;
	EVP_PKEY *mine = private_key_of(private_key);
	EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, SEAL_KEY);
	EVP_PKEY_CTX *c = mine ? EVP_PKEY_CTX_new(mine, NULL) : NULL;
	bool ok = theirs && c && EVP_PKEY_derive_init(c) == 1 &&
		  EVP_PKEY_derive_set_peer(c, theirs) == 1 && EVP_PKEY_derive(c, shared, &n) == 1;
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(mine);
	EVP_PKEY_free(theirs);
	return ok && n == SEAL_KEY;
}

static void key_of(const unsigned char shared[SEAL_KEY], const unsigned char ephemeral[SEAL_KEY],
	const unsigned char public_key[SEAL_KEY], unsigned char ret[32])
{
	unsigned char info[sizeof purpose - 1 + 2 * SEAL_KEY];
	size_t n = 32;
	memcpy(info, purpose, sizeof purpose - 1);
	memcpy(info + sizeof purpose - 1, ephemeral, SEAL_KEY);
	memcpy(info + sizeof purpose - 1 + SEAL_KEY, public_key, SEAL_KEY);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	must(c && EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_CTX_set_hkdf_md(c, EVP_sha256()) == 1 &&
		EVP_PKEY_CTX_set1_hkdf_key(c, shared, SEAL_KEY) == 1 &&
		EVP_PKEY_CTX_add1_hkdf_info(c, info, (int)sizeof info) == 1 &&
		EVP_PKEY_derive(c, ret, &n) == 1);
	EVP_PKEY_CTX_free(c);
}

int seal_close(const unsigned char public_key[SEAL_KEY], slice about, slice text, struct buf *out,
	struct err *e)
{
	static const unsigned char nonce[NONCE];
	unsigned char secret[SEAL_KEY], ephemeral[SEAL_KEY], shared[SEAL_KEY], key[32], tag[TAG];
	int n = 0;
	if (text.n > SEAL_TEXT_MAX)
		return err_set(e, ERR_LIMIT, "a secret has at most %d bytes", SEAL_TEXT_MAX);
	seal_make(secret, ephemeral);
	if (!agree(secret, public_key, shared))
		return err_set(e, ERR_PERM, "no public key to seal for");
	key_of(shared, ephemeral, public_key, key);
	buf_byte(out, VERSION_1);
	buf_put(out, slice_of(ephemeral, SEAL_KEY));
	char *to = buf_room(out, text.n + TAG);
	if (!to)
		return err_set(e, ERR_LIMIT, "no room for a sealed secret");
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	must(c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
		EVP_EncryptUpdate(c, NULL, &n, (const unsigned char *)about.p, (int)about.n) == 1);
	must(EVP_EncryptUpdate(
		     c, (unsigned char *)to, &n, (const unsigned char *)text.p, (int)text.n) == 1);
	must(EVP_EncryptFinal_ex(c, tag, &n) == 1 &&
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1);
	EVP_CIPHER_CTX_free(c);
	memcpy(to + text.n, tag, TAG);
	buf_commit(out, text.n + TAG);
	OPENSSL_cleanse(secret, sizeof secret);
	OPENSSL_cleanse(shared, sizeof shared);
	OPENSSL_cleanse(key, sizeof key);
	return 0;
}

static bool decrypt(
	const unsigned char key[32], slice about, slice sealed, char *to, const unsigned char *tag)
{
	static const unsigned char nonce[NONCE];
	unsigned char rest[16];
	int n = 0;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	bool ok =
		c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
		EVP_DecryptUpdate(c, NULL, &n, (const unsigned char *)about.p, (int)about.n) == 1 &&
		EVP_DecryptUpdate(c, (unsigned char *)to, &n, (const unsigned char *)sealed.p,
			(int)sealed.n) == 1 &&
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, (void *)tag) == 1 &&
		EVP_DecryptFinal_ex(c, rest, &n) == 1;
	EVP_CIPHER_CTX_free(c);
	return ok;
}

int seal_open(const unsigned char private_key[SEAL_KEY], slice about, slice sealed, struct buf *out,
	struct err *e)
{
	static const char no[] = "the secret cannot be opened with this key";
	unsigned char public_key[SEAL_KEY], shared[SEAL_KEY], key[32];
	if (sealed.n < SEAL_OVERHEAD || sealed.n > SEAL_OVERHEAD + SEAL_TEXT_MAX ||
		sealed.p[0] != VERSION_1)
		return err_set(e, ERR_PERM, "%s", no);
	const unsigned char *ephemeral = (const unsigned char *)sealed.p + 1;
	const unsigned char *tag = (const unsigned char *)sealed.p + sealed.n - TAG;
	slice text = slice_of(sealed.p + PLACE, sealed.n - PLACE - TAG);
	seal_public_of(private_key, public_key);
	if (!agree(private_key, ephemeral, shared))
		return err_set(e, ERR_PERM, "%s", no);
	key_of(shared, ephemeral, public_key, key);
	char *to = buf_room(out, text.n + 1);
	bool ok = to && decrypt(key, about, text, to, tag);
	OPENSSL_cleanse(shared, sizeof shared);
	OPENSSL_cleanse(key, sizeof key);
	if (!ok)
		return err_set(e, ERR_PERM, "%s", no);
	buf_commit(out, text.n);
	return 0;
}
