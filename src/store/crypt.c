/*
 * The ring of data keys that a process holds (crypt.h). It is filled once, before there are threads, and only read after that. Its memory is locked and left out of
 * core dumps (crypt_file_new); processes that have it are not dumped at all (bin/role.c).
 */
#include "store/crypt.h"

#include "base/buf.h"
#include "base/cur.h"
#include "store/crypt_file.h"

#include <openssl/crypto.h>

enum { RING_VERSION = 1 };
_Static_assert(16 + CRYPT_KEYS_MAX * (4 + CRYPT_KEY) == CRYPT_RING_MAX, "CRYPT_RING_MAX");

static struct crypt_file *ring; /* NULL: no keys */

void crypt_forget(void)
{
	crypt_file_free(ring);
	ring = NULL;
}

static void use(struct crypt_file *f)
{
	crypt_forget();
	ring = f;
}

int crypt_load(slice dir, slice key_file, struct err *e)
{
	unsigned char key[CRYPT_KEY];
	int there = crypt_file_there(dir, e);
	if (there <= 0)
		return there < 0 ? -1 : err_set(e, ERR_NOTFOUND, "the store is not encrypted");
	if (crypt_key_read(key_file, dir, key, e) < 0)
		return -1;
	struct crypt_file *f = crypt_file_new();
	int r = crypt_file_read(dir, key, f, e);
	OPENSSL_cleanse(key, sizeof key);
	if (r < 0)
		crypt_file_free(f);
	else
		use(f);
	return r;
}

/* version, how many, the number that writes, nothing; number and key of each. */
size_t crypt_export(char ret[CRYPT_RING_MAX])
{
	if (!ring)
		return 0;
	struct buf out = {.p = ret, .cap = CRYPT_RING_MAX, .limit = CRYPT_RING_MAX};
	buf_u32(&out, RING_VERSION);
	buf_u32(&out, (uint32_t)ring->n);
	buf_u32(&out, ring->now);
	buf_u32(&out, 0);
	for (size_t i = 0; i < ring->n; i++) {
		buf_u32(&out, ring->keys[i].no);
		buf_put(&out, slice_of(ring->keys[i].key, CRYPT_KEY));
	}
	return out.n;
}

static int parse(slice bytes, struct crypt_file *f, struct err *e)
{
	struct cur c = cur_of(bytes);
	uint32_t version = cur_u32(&c), n = cur_u32(&c), now = cur_u32(&c);
	cur_u32(&c);
	if (!cur_ok(&c) || version != RING_VERSION || n < 1 || n > CRYPT_KEYS_MAX)
		return err_set(e, ERR_PERM, "no ring of data keys");
	f->n = n;
	f->now = now;
	for (size_t i = 0; i < n; i++) {
		f->keys[i].no = cur_u32(&c);
		slice key = cur_bytes(&c, CRYPT_KEY);
		if (!cur_ok(&c) || (i ? f->keys[i].no <= f->keys[i - 1].no : !f->keys[i].no))
			return err_set(e, ERR_PERM, "no ring of data keys");
		memcpy(f->keys[i].key, key.p, CRYPT_KEY);
	}
	if (!cur_at_end(&c) || (now && !crypt_file_find(f, now)))
		return err_set(e, ERR_PERM, "no ring of data keys");
	return 0;
}

int crypt_adopt(slice bytes, struct err *e)
{
	struct crypt_file *f = crypt_file_new();
	if (parse(bytes, f, e) < 0) {
		crypt_file_free(f);
		return -1;
	}
	use(f);
	return 0;
}

/* Into its place by number. */
static int add_key(struct crypt_file *to, const struct crypt_key *k, struct err *e)
{
	const struct crypt_key *known = crypt_file_find(to, k->no);
	if (known && CRYPTO_memcmp(known->key, k->key, CRYPT_KEY) != 0)
		return err_set(e, ERR_PERM, "data key %u is another one here", k->no);
	if (known)
		return 0;
	if (to->n == CRYPT_KEYS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d data keys", CRYPT_KEYS_MAX);
	size_t at = to->n++;
	for (; at && to->keys[at - 1].no > k->no; at--)
		to->keys[at] = to->keys[at - 1];
	to->keys[at] = *k;
	return 0;
}

int crypt_add(slice bytes, struct err *e)
{
	struct crypt_file *f = crypt_file_new(), *both = crypt_file_new();
	int r = parse(bytes, f, e);
	if (r == 0)
		crypt_ring(both);
	for (size_t i = 0; r == 0 && i < f->n; i++)
		r = add_key(both, &f->keys[i], e);
	if (r == 0)
		use(both);
	else
		crypt_file_free(both);
	crypt_file_free(f);
	return r;
}

bool crypt_ring(struct crypt_file *ret)
{
	if (ring)
		*ret = *ring;
	return ring != NULL;
}

uint32_t crypt_now(void)
{
	return ring ? ring->now : 0;
}

bool crypt_held(void)
{
	return ring != NULL;
}

bool crypt_has(uint32_t no)
{
	return crypt_file_find(ring, no) != NULL;
}

int crypt_derive(
	uint32_t no, const char *purpose, slice salt, unsigned char ret[CRYPT_KEY], struct err *e)
{
	const struct crypt_key *k = crypt_file_find(ring, no);
	if (!k)
		return err_set(e, ERR_PERM, "encrypted: the key is missing (data key %u)", no);
	crypt_hkdf(k->key, salt, purpose, ret);
	return 0;
}
