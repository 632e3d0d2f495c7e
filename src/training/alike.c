/* Letters alike (alike.h). Called by the learn process for each lesson. */
#include "training/alike.h"

#include "training/pack.h"
#include <openssl/sha.h>

enum {
	LEAST = 8, /* features; letters with fewer are alike only when they are the same */
	SEEN = 1 << LEARN_PAIRS | 1 << LEARN_SUBJECT | 1 << LEARN_CJK | 1 << LEARN_URL,
};

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9;
	return x ^ x >> 32;
}

void training_digest(slice packed, uint8_t ret[TRAINING_DIGEST])
{
	uint8_t whole[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)packed.p, packed.n, whole);
	memcpy(ret, whole, TRAINING_DIGEST);
}

bool training_kin(const struct learn_features *f, const uint8_t digest[TRAINING_DIGEST],
	uint64_t ret[TRAINING_KIN])
{
	size_t n = 0;
	for (unsigned k = 0; k < TRAINING_KIN; k++)
		ret[k] = UINT64_MAX;
	for (size_t i = 0; i < f->n; i++) {
		if (!(SEEN >> f->v[i].group & 1))
			continue;
		n++;
		for (unsigned k = 0; k < TRAINING_KIN; k++) {
			uint64_t h = mix(training_hash(f->v[i].hash) + k);
			ret[k] = h < ret[k] ? h : ret[k];
		}
	}
	if (n >= LEAST)
		return true;
	for (unsigned k = 0; k < TRAINING_KIN; k++) {
		uint64_t own;
		memcpy(&own, digest, sizeof own);
		ret[k] = mix(own + k);
	}
	return false;
}
