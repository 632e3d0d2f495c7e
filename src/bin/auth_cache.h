/*
 * auth_cache: passwords that were found right lately, so that a mail program that logs in every minute does not cost an
 * argon2 each time. Only a digest is kept, HMAC-SHA256 under a key that this process made and nobody else knows, over
 * account, verifier and password: when any of them changes there is no entry. It lives in memory alone, is bounded,
 * and says "right" or "not known", never "wrong". Why this is safe: doc/notes/auth.md.
 */
#pragma once
#include "base/map.h"
#include "base/slice.h"
#include "base/time.h"

enum { AUTH_CACHE_MAX = 100000, AUTH_CACHE_KEY = 32 };

struct auth_cache {
	struct map now, before; /* digest -> anything: two generations */
	instant turned_at;
	int64_t window; /* entries live between half of this and all of it; 0: none are kept */
	unsigned char key[AUTH_CACHE_KEY];
};

void auth_cache_init(struct auth_cache *c, int64_t window, instant now);
void auth_cache_done(struct auth_cache *c);
bool auth_cache_knows(
	struct auth_cache *c, int64_t account_id, slice verifier, slice password, instant now);
void auth_cache_add(
	struct auth_cache *c, int64_t account_id, slice verifier, slice password, instant now);
