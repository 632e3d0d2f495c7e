/* Digests of passwords that were right (auth_cache.h). Used by the auth role, in the loop's thread. */
#include "bin/auth_cache.h"

#include "base/mem.h"
#include "base/rand.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

enum { DIGEST = 32, BLOCK = 64 };

void auth_cache_init(struct auth_cache *c, int64_t window, instant now)
{
	*c = (struct auth_cache){.window = window, .turned_at = now};
	rand_bytes(c->key, sizeof c->key);
}

void auth_cache_done(struct auth_cache *c)
{
	map_done(&c->now);
	map_done(&c->before);
	OPENSSL_cleanse(c->key, sizeof c->key);
}

static void turn(struct auth_cache *c, instant now)
{
	int64_t age = now - c->turned_at;
	if (age < c->window / 2 && c->now.n < AUTH_CACHE_MAX / 2)
		return;
	map_done(&c->before);
	c->before = c->now;
	c->now = (struct map){0};
	c->turned_at = now;
	if (age >= c->window) {
		map_done(&c->before);
		c->before = (struct map){0};
	}
}

/* HMAC (RFC 2104) by hand: OpenSSL's one-shot wants all in one place. Lengths go first, so that nothing can slide from one
 * part into the next. */
static void digest(const struct auth_cache *c, int64_t account_id, slice verifier, slice password,
	unsigned char out[DIGEST])
{
	unsigned char pad[BLOCK];
	uint64_t head[3] = {(uint64_t)account_id, verifier.n, password.n};
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	for (int i = 0; i < BLOCK; i++)
		pad[i] = (i < AUTH_CACHE_KEY ? c->key[i] : 0) ^ 0x36;
	EVP_DigestInit_ex(m, EVP_sha256(), NULL);
	EVP_DigestUpdate(m, pad, BLOCK);
	EVP_DigestUpdate(m, head, sizeof head);
	EVP_DigestUpdate(m, verifier.p, verifier.n);
	EVP_DigestUpdate(m, password.p, password.n);
	EVP_DigestFinal_ex(m, out, NULL);
	for (int i = 0; i < BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	EVP_DigestInit_ex(m, EVP_sha256(), NULL);
	EVP_DigestUpdate(m, pad, BLOCK);
	EVP_DigestUpdate(m, out, DIGEST);
	EVP_DigestFinal_ex(m, out, NULL);
	EVP_MD_CTX_free(m);
	OPENSSL_cleanse(pad, sizeof pad);
}

bool auth_cache_knows(
	struct auth_cache *c, int64_t account_id, slice verifier, slice password, instant now)
{
	unsigned char sum[DIGEST];
	if (c->window == 0 || verifier.n == 0)
		return false;
	turn(c, now);
	digest(c, account_id, verifier, password, sum);
	slice key = slice_of(sum, DIGEST);
	return map_get(&c->now, key) || map_get(&c->before, key);
}

void auth_cache_add(
	struct auth_cache *c, int64_t account_id, slice verifier, slice password, instant now)
{
	unsigned char sum[DIGEST];
	if (c->window == 0 || verifier.n == 0)
		return;
	turn(c, now);
	digest(c, account_id, verifier, password, sum);
	map_put(&c->now, slice_of(sum, DIGEST), c);
}
