/*
 * The table of counts (counts.h): written by build.c, read by whoever scores with a published file.
 */
#include "training/counts.h"

#include "base/mem.h"
#include "base/must.h"
#include "training/pack.h"
#include <stdlib.h>

enum { FULL_PERCENT = 40 }; /* then it grows, as long as it may */

_Static_assert(sizeof(struct training_bucket) == TRAINING_BUCKET, "a bucket is a cache line");

static size_t bucket_of(uint64_t hash, unsigned bits)
{
	return hash >> (64 - bits);
}

static uint32_t check_of(uint64_t hash)
{
	return (uint32_t)(hash >> (64 - TRAINING_HASH_BITS));
}

static bool is_free(const struct training_bucket *b, unsigned i)
{
	return !b->seen[i][0] && !b->seen[i][1];
}

/* The slot of that check, else a free one, else -1. */
static int find(const struct training_bucket *b, uint32_t check)
{
	int room = -1;
	for (int i = TRAINING_BUCKET_SLOTS - 1; i >= 0; i--) {
		if (is_free(b, (unsigned)i))
			room = i;
		else if (b->check[i] == check)
			return i;
	}
	return room;
}

static unsigned least_seen(const struct training_bucket *b)
{
	unsigned least = 0;
	for (unsigned i = 1; i < TRAINING_BUCKET_SLOTS; i++)
		if (b->seen[i][0] + b->seen[i][1] < b->seen[least][0] + b->seen[least][1])
			least = i;
	return least;
}

static struct training_bucket *buckets(unsigned bits)
{
	size_t bytes = sizeof(struct training_bucket) << bits;
	struct training_bucket *v = aligned_alloc(TRAINING_BUCKET, bytes);
	must(v);
	memset(v, 0, bytes);
	return v;
}

void training_counts_init(struct training_counts *c, unsigned max_bits)
{
	must(max_bits >= TRAINING_BUCKETS_MIN_BITS && max_bits <= TRAINING_BUCKETS_MAX_BITS);
	*c = (struct training_counts){.bits = TRAINING_BUCKETS_MIN_BITS, .max_bits = max_bits};
	c->v = buckets(c->bits);
}

void training_counts_done(struct training_counts *c)
{
	free(c->v);
	*c = (struct training_counts){0};
}

/* Twice as many buckets: each is divided by the next bit of the hashes. That bit is in the check as
 * long as bucket and check overlap, which TRAINING_BUCKETS_MIN_BITS sees to. */
static void grow(struct training_counts *c)
{
	struct training_bucket *wide = buckets(c->bits + 1);
	unsigned shift = TRAINING_HASH_BITS - 1 - c->bits;
	for (size_t i = 0; i < (size_t)1 << c->bits; i++) {
		for (unsigned s = 0; s < TRAINING_BUCKET_SLOTS; s++) {
			const struct training_bucket *from = &c->v[i];
			struct training_bucket *to = &wide[2 * i + (from->check[s] >> shift & 1)];
			if (is_free(from, s))
				continue;
			int at = find(to, from->check[s]);
			to->check[at] = from->check[s];
			memcpy(to->seen[at], from->seen[s], sizeof to->seen[at]);
		}
	}
	free(c->v);
	c->v = wide;
	c->bits++;
}

void training_counts_add(struct training_counts *c, uint64_t hash, bool spam)
{
	size_t slots = (size_t)TRAINING_BUCKET_SLOTS << c->bits;
	if (c->bits < c->max_bits && c->used * 100 > slots * FULL_PERCENT)
		grow(c);
	struct training_bucket *b = &c->v[bucket_of(hash, c->bits)];
	int at = find(b, check_of(hash));
	if (at < 0) {
		at = (int)least_seen(b);
		memset(b->seen[at], 0, sizeof b->seen[at]);
		c->crowded++;
	} else if (is_free(b, (unsigned)at)) {
		c->used++;
	}
	b->check[at] = check_of(hash);
	if (b->seen[at][spam] < UINT16_MAX)
		b->seen[at][spam]++;
}

struct learn_count training_look_one(const struct training_look *l, uint64_t hash)
{
	const struct training_bucket *b = &l->v[bucket_of(hash, l->bits)];
	uint32_t check = check_of(hash);
	for (unsigned i = 0; i < TRAINING_BUCKET_SLOTS; i++)
		if (b->check[i] == check)
			return (struct learn_count){.ham = b->seen[i][0], .spam = b->seen[i][1]};
	return (struct learn_count){0};
}

static void look(void *ctx, const uint64_t *hashes, size_t n, struct learn_count *ret)
{
	const struct training_look *l = ctx;
	for (size_t i = 0; i < n; i++)
		__builtin_prefetch(&l->v[bucket_of(hashes[i], l->bits)]);
	for (size_t i = 0; i < n; i++)
		ret[i] = training_look_one(l, hashes[i]);
}

void training_look_counts(
	const struct training_look *l, const uint32_t messages[2], struct learn_counts *ret)
{
	*ret = (struct learn_counts){
		.ctx = (void *)(uintptr_t)l, .look = look, .ham = messages[0], .spam = messages[1]};
}
