/* Encrypted packs (pack_crypt.h): used by whoever writes records (pack_out, gc) or reads them (pack_in, pack_scan). */
#include "store/pack_crypt.h"

#include "base/hash.h"
#include "base/must.h"
#include "base/rand.h"
#include "store/crypt_file.h"

#include <openssl/crypto.h>

enum { ABOUT = 24 }; /* of a record's head: all before its CRCs */
_Static_assert(SEALED_MORE == CRYPT_NONCE + CRYPT_TAG, "SEALED_MORE");

static void derive(const struct pack_head *h, struct pack_key *k)
{
	char salt[PACK_CRYPT_SALT + 4];
	struct err e;
	memcpy(salt, h->crypt_salt, PACK_CRYPT_SALT);
	for (int i = 0; i < 4; i++)
		salt[PACK_CRYPT_SALT + i] = (char)(h->no >> (24 - 8 * i));
	k->there = crypt_derive(k->no, "pack", slice_of(salt, sizeof salt), k->key, &e) == 0;
}

void pack_key_new(struct pack_head *h, struct pack_key *ret)
{
	h->crypt_no = crypt_now();
	memset(h->crypt_salt, 0, sizeof h->crypt_salt);
	if (h->crypt_no)
		rand_bytes(h->crypt_salt, sizeof h->crypt_salt);
	pack_key_of(h, ret);
	must(!pack_key_missing(ret));
}

void pack_key_of(const struct pack_head *h, struct pack_key *ret)
{
	*ret = (struct pack_key){.no = h->crypt_no};
	if (ret->no)
		derive(h, ret);
}

void pack_key_done(struct pack_key *k)
{
	OPENSSL_cleanse(k, sizeof *k);
}

int pack_key_fail(uint32_t pack, const struct pack_key *k, struct err *e)
{
	return err_set(
		e, ERR_TEMP, "pack %u is encrypted: the key is missing (data key %u)", pack, k->no);
}

uint64_t record_fit(const struct pack_key *k, struct record *r, slice digest, slice content)
{
	r->flags = (r->flags & RECORD_ZSTD) | (k->no ? RECORD_SEALED : 0);
	r->stored = (uint32_t)(digest.n + content.n + (k->no ? SEALED_MORE : 0));
	must(r->stored <= RECORD_STORED_MAX);
	return record_size(r);
}

/* What of the head a tag covers. */
static slice about(const struct record *r, uint64_t salt, char head[RECORD_HEAD_SIZE])
{
	record_put(r, salt, head);
	return slice_of(head, ABOUT);
}

void record_build(const struct pack_key *k, uint64_t salt, struct record *r, slice digest,
	slice content, char *to)
{
	char *payload = to + RECORD_HEAD_SIZE, *text = payload + (k->no ? CRYPT_NONCE : 0);
	size_t n = digest.n + content.n;
	if (digest.n)
		memcpy(text, digest.p, digest.n);
	memcpy(text + digest.n, content.p, content.n);
	if (k->no) {
		must(k->there);
		rand_bytes(payload, CRYPT_NONCE);
		crypt_gcm_seal(k->key, (unsigned char *)payload, about(r, salt, to),
			slice_of(text, n), text);
	}
	r->crc = record_crc(salt, slice_of(payload, r->stored));
	record_put(r, salt, to);
	memset(payload + r->stored, 0, record_size(r) - RECORD_HEAD_SIZE - r->stored);
}

bool record_open(
	const struct pack_key *k, uint64_t salt, const struct record *r, char *payload, slice *ret)
{
	char head[RECORD_HEAD_SIZE];
	if (!k->no != !(r->flags & RECORD_SEALED))
		return false;
	if (!k->no) {
		*ret = slice_of(payload, r->stored);
		return true;
	}
	must(k->there);
	char *text = payload + CRYPT_NONCE;
	slice sealed = slice_of(text, r->stored - CRYPT_NONCE);
	if (!crypt_gcm_open(k->key, (unsigned char *)payload, about(r, salt, head), sealed, text))
		return false;
	*ret = slice_first(sealed, sealed.n - CRYPT_TAG);
	return true;
}
