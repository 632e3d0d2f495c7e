/* Keys, sealing and opening (backup_seal.h). Called by backup_write.c, backup_open.c and backup_key.c. */
#include "store/backup_seal.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/rand.h"

#include <argon2.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

enum { NONCE = 12, IKM = 2 * BACKUP_KEY };

struct backup_kdf backup_kdf_default = {.kib = 128 * 1024, .passes = 3};

static int broken(const char *what, struct err *e)
{
	return err_set(e, ERR_TEMP, "OpenSSL: %s", what);
}

/* ---- X25519, HKDF */

int backup_pair_public(
	const unsigned char private_key[BACKUP_KEY], unsigned char ret[BACKUP_KEY], struct err *e)
{
	size_t n = BACKUP_KEY;
	EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, BACKUP_KEY);
	bool ok = k && EVP_PKEY_get_raw_public_key(k, ret, &n) == 1 && n == BACKUP_KEY;
	EVP_PKEY_free(k);
	return ok ? 0 : broken("X25519 key", e);
}

int backup_pair_make(
	unsigned char ret_private[BACKUP_KEY], unsigned char ret_public[BACKUP_KEY], struct err *e)
{
	unsigned char key[BACKUP_KEY];
	rand_bytes(key, sizeof key);
	int r = backup_pair_public(key, ret_public, e);
	if (r == 0)
		memcpy(ret_private, key, sizeof key);
	OPENSSL_cleanse(key, sizeof key);
	return r;
}

static int agree(const unsigned char private_key[BACKUP_KEY],
	const unsigned char public_key[BACKUP_KEY], unsigned char ret[BACKUP_KEY], struct err *e)
{
	size_t n = BACKUP_KEY;
	EVP_PKEY *mine =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, BACKUP_KEY);
	EVP_PKEY *theirs =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, BACKUP_KEY);
	EVP_PKEY_CTX *c = mine ? EVP_PKEY_CTX_new(mine, NULL) : NULL;
	bool ok = c && theirs && EVP_PKEY_derive_init(c) == 1 &&
		  EVP_PKEY_derive_set_peer(c, theirs) == 1 && EVP_PKEY_derive(c, ret, &n) == 1 &&
		  n == BACKUP_KEY;
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(mine);
	return ok ? 0 : err_set(e, ERR_PERM, "bad public key");
}

static int expand(slice ikm, slice salt, slice info, unsigned char ret[BACKUP_KEY], struct err *e)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *c = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	char digest[] = "SHA256";
	OSSL_PARAM p[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)ikm.p, ikm.n),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.p, salt.n),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.p, info.n),
		OSSL_PARAM_construct_end()};
	bool ok = c && EVP_KDF_derive(c, ret, BACKUP_KEY, p) == 1;
	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
	return ok ? 0 : broken("HKDF", e);
}

/* ---- AES-256-GCM */

static bool gcm_seal(
	EVP_CIPHER_CTX *c, const unsigned char nonce[NONCE], slice aad, slice in, char *out)
{
	int n, m;
	return EVP_EncryptInit_ex(c, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_EncryptUpdate(c, NULL, &n, (const unsigned char *)aad.p, (int)aad.n) == 1 &&
	       EVP_EncryptUpdate(
		       c, (unsigned char *)out, &n, (const unsigned char *)in.p, (int)in.n) == 1 &&
	       EVP_EncryptFinal_ex(c, (unsigned char *)out + n, &m) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, BACKUP_TAG, out + in.n) == 1;
}

/* `in` with its tag behind it. */
static bool gcm_open(
	EVP_CIPHER_CTX *c, const unsigned char nonce[NONCE], slice aad, slice in, char *out)
{
	int n, m;
	size_t body = in.n - BACKUP_TAG;
	unsigned char tag[BACKUP_TAG];
	memcpy(tag, in.p + body, sizeof tag);
	return EVP_DecryptInit_ex(c, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_DecryptUpdate(c, NULL, &n, (const unsigned char *)aad.p, (int)aad.n) == 1 &&
	       EVP_DecryptUpdate(
		       c, (unsigned char *)out, &n, (const unsigned char *)in.p, (int)body) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, BACKUP_TAG, tag) == 1 &&
	       EVP_DecryptFinal_ex(c, (unsigned char *)out + n, &m) == 1;
}

static bool set_key(EVP_CIPHER_CTX *c, bool sealing, const unsigned char key[BACKUP_KEY])
{
	return sealing ? EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, NULL) == 1
		       : EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, NULL) == 1;
}

/* ---- objects */

struct backup_seal {
	EVP_CIPHER_CTX *c;
};

struct backup_seal *backup_seal_new(void)
{
	struct backup_seal *s = NEW(struct backup_seal);
	s->c = EVP_CIPHER_CTX_new();
	must(s->c);
	return s;
}

void backup_seal_free(struct backup_seal *s)
{
	if (!s)
		return;
	EVP_CIPHER_CTX_free(s->c);
	free(s);
}

/* The object's key, of what both sides know; bound to the object's head. */
static int object_key(struct backup_seal *s, bool sealing, const unsigned char shared[BACKUP_KEY],
	const unsigned char secret[BACKUP_KEY], const struct backup_head *h, struct err *e)
{
	unsigned char ikm[IKM], key[BACKUP_KEY];
	AUTO(buf) struct buf head = BUF(BACKUP_HEAD);
	backup_head_put(h, &head);
	memcpy(ikm, shared, BACKUP_KEY);
	memcpy(ikm + BACKUP_KEY, secret, BACKUP_KEY);
	int r = expand(
		slice_of(ikm, sizeof ikm), buf_slice(&head), S("posthouse backup object"), key, e);
	if (r == 0 && !set_key(s->c, sealing, key))
		r = broken("AES-256-GCM", e);
	OPENSSL_cleanse(ikm, sizeof ikm);
	OPENSSL_cleanse(key, sizeof key);
	return r;
}

int backup_seal_begin(struct backup_seal *s, const struct backup_writer_key *k,
	struct backup_head *h, struct err *e)
{
	unsigned char mine[BACKUP_KEY], shared[BACKUP_KEY];
	int r = backup_pair_make(mine, h->ephemeral, e);
	if (r == 0)
		r = agree(mine, k->public_key, shared, e);
	if (r == 0)
		r = object_key(s, true, shared, k->secret, h, e);
	OPENSSL_cleanse(mine, sizeof mine);
	OPENSSL_cleanse(shared, sizeof shared);
	return r;
}

int backup_seal_open(struct backup_seal *s, const unsigned char private_key[BACKUP_KEY],
	const unsigned char secret[BACKUP_KEY], const struct backup_head *h, struct err *e)
{
	unsigned char shared[BACKUP_KEY];
	int r = agree(private_key, h->ephemeral, shared, e);
	if (r == 0)
		r = object_key(s, false, shared, secret, h, e);
	OPENSSL_cleanse(shared, sizeof shared);
	return r;
}

static void nonce_of(uint64_t at, unsigned char ret[NONCE])
{
	memset(ret, 0, NONCE);
	for (int i = 0; i < 8; i++)
		ret[NONCE - 1 - i] = (unsigned char)(at >> (8 * i));
}

int backup_seal_frame(struct backup_seal *s, uint64_t at, const struct backup_frame *f, slice chunk,
	struct buf *out, struct err *e)
{
	unsigned char nonce[NONCE];
	size_t from = out->n;
	must(f->stored == chunk.n + BACKUP_TAG);
	nonce_of(at, nonce);
	backup_frame_put(f, out);
	char *room = buf_room(out, f->stored);
	must(room);
	if (!gcm_seal(s->c, nonce, slice_of(out->p + from, BACKUP_FRAME_HEAD), chunk, room)) {
		out->n = from;
		return broken("sealing", e);
	}
	buf_commit(out, f->stored);
	return 0;
}

int backup_seal_read(struct backup_seal *s, uint64_t at, const struct backup_frame *f, slice sealed,
	struct buf *out, struct err *e)
{
	unsigned char nonce[NONCE];
	AUTO(buf) struct buf head = BUF(BACKUP_FRAME_HEAD);
	if (sealed.n != f->stored || f->stored <= BACKUP_TAG)
		return err_set(e, ERR_PERM, "damaged");
	nonce_of(at, nonce);
	backup_frame_put(f, &head);
	char *room = buf_room(out, f->stored);
	must(room);
	if (!gcm_open(s->c, nonce, buf_slice(&head), sealed, room))
		return err_set(e, ERR_PERM, "damaged, or not made by this repository's server");
	buf_commit(out, f->stored - BACKUP_TAG);
	return 0;
}

/* ---- small secrets */

int backup_box(const unsigned char key[BACKUP_KEY], slice bytes, struct buf *out, struct err *e)
{
	unsigned char nonce[NONCE];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	rand_bytes(nonce, sizeof nonce);
	buf_put(out, slice_of(nonce, sizeof nonce));
	char *room = buf_room(out, bytes.n + BACKUP_TAG);
	bool ok = c && room && set_key(c, true, key) && gcm_seal(c, nonce, S(""), bytes, room);
	if (ok)
		buf_commit(out, bytes.n + BACKUP_TAG);
	EVP_CIPHER_CTX_free(c);
	return ok ? 0 : broken("sealing", e);
}

bool backup_unbox(const unsigned char key[BACKUP_KEY], slice box, struct buf *out)
{
	if (box.n < BACKUP_BOX)
		return false;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	slice sealed = slice_skip(box, NONCE);
	char *room = buf_room(out, sealed.n);
	bool ok = c && room && set_key(c, false, key) &&
		  gcm_open(c, (const unsigned char *)box.p, S(""), sealed, room);
	if (ok)
		buf_commit(out, sealed.n - BACKUP_TAG);
	EVP_CIPHER_CTX_free(c);
	return ok;
}

static int box_key(const unsigned char mine[BACKUP_KEY], const unsigned char theirs[BACKUP_KEY],
	const void *ephemeral, unsigned char ret[BACKUP_KEY], struct err *e)
{
	unsigned char shared[BACKUP_KEY];
	int r = agree(mine, theirs, shared, e);
	if (r == 0)
		r = expand(slice_of(shared, sizeof shared), slice_of(ephemeral, BACKUP_KEY),
			S("posthouse backup box"), ret, e);
	OPENSSL_cleanse(shared, sizeof shared);
	return r;
}

int backup_box_for(
	const unsigned char public_key[BACKUP_KEY], slice bytes, struct buf *out, struct err *e)
{
	unsigned char mine[BACKUP_KEY], ephemeral[BACKUP_KEY], key[BACKUP_KEY];
	int r = backup_pair_make(mine, ephemeral, e);
	if (r == 0)
		r = box_key(mine, public_key, ephemeral, key, e);
	buf_put(out, slice_of(ephemeral, sizeof ephemeral));
	if (r == 0)
		r = backup_box(key, bytes, out, e);
	OPENSSL_cleanse(mine, sizeof mine);
	OPENSSL_cleanse(key, sizeof key);
	return r;
}

bool backup_unbox_mine(const unsigned char private_key[BACKUP_KEY], slice box, struct buf *out)
{
	unsigned char key[BACKUP_KEY];
	struct err e;
	if (box.n < BACKUP_KEY ||
		box_key(private_key, (const unsigned char *)box.p, box.p, key, &e) < 0)
		return false;
	bool ok = backup_unbox(key, slice_skip(box, BACKUP_KEY), out);
	OPENSSL_cleanse(key, sizeof key);
	return ok;
}

int backup_kdf(
	const struct backup_kdf *k, slice passphrase, unsigned char ret[BACKUP_KEY], struct err *e)
{
	int r = argon2id_hash_raw(k->passes, k->kib, 1, passphrase.p, passphrase.n, k->salt,
		sizeof k->salt, ret, BACKUP_KEY);
	return r == ARGON2_OK ? 0 : err_set(e, ERR_TEMP, "argon2: %s", argon2_error_message(r));
}
