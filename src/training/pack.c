/*
 * Features as bytes (pack.h). Called by the learn process for each lesson, by training for all.
 *
 *	u8 LEARN_FEATURES_VERSION, for each group: number of its features, then the first 40 bits of
 *	their hashes, rising, each as the distance from the one before; all numbers of variable
 *	length (7 bits a byte, lowest first).
 */
#include "training/pack.h"

#include "base/cur.h"
#include "base/mem.h"

enum { NUMBER_BYTES = 6 }; /* 42 bits */

static void put_number(struct buf *out, uint64_t v)
{
	for (; v >= 128; v >>= 7)
		buf_u8(out, (uint8_t)(v | 128));
	buf_u8(out, (uint8_t)v);
}

static uint64_t get_number(struct cur *c)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < NUMBER_BYTES; i++) {
		uint8_t b = cur_u8(c);
		v |= (uint64_t)(b & 127) << (7 * i);
		if (!(b & 128))
			return v;
	}
	c->bad = true;
	return 0;
}

static int by_number(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
	return (a > b) - (a < b);
}

/* Group and hash in one number, sorted, each once. */
static size_t sorted(const struct learn_feature *v, size_t n, uint64_t *ret)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		ret[i] = (uint64_t)v[i].group << TRAINING_HASH_BITS |
			 v[i].hash >> (64 - TRAINING_HASH_BITS);
	qsort(ret, n, sizeof *ret, by_number);
	for (size_t i = 0; i < n; i++)
		if (!i || ret[i] != ret[i - 1])
			ret[kept++] = ret[i];
	return kept;
}

void training_pack(const struct learn_feature *v, size_t n, struct buf *out)
{
	n = n < LEARN_FEATURES_MAX ? n : LEARN_FEATURES_MAX;
	AUTO(free) uint64_t *all = mem_alloc((n + 1) * sizeof *all);
	n = sorted(v, n, all);
	buf_u8(out, LEARN_FEATURES_VERSION);
	size_t at = 0;
	for (uint64_t g = 0; g < LEARN_GROUPS; g++) {
		size_t end = at;
		while (end < n && all[end] >> TRAINING_HASH_BITS == g)
			end++;
		put_number(out, end - at);
		for (uint64_t last = g << TRAINING_HASH_BITS; at < end; last = all[at++])
			put_number(out, all[at] - last);
	}
}

static struct learn_feature *room(struct learn_features *f, size_t n)
{
	if (!f->v)
		f->v = mem_alloc(LEARN_FEATURES_MAX * sizeof *f->v);
	return n <= LEARN_FEATURES_MAX - f->n ? f->v + f->n : NULL;
}

static bool get_group(struct cur *c, unsigned g, struct learn_features *f)
{
	uint64_t n = get_number(c), last = 0;
	struct learn_feature *v = n <= cur_rest(c).n ? room(f, n) : NULL;
	if (!v)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint64_t step = get_number(c);
		last += step;
		if (c->bad || (i && !step) || last >> TRAINING_HASH_BITS)
			return false;
		v[i] = (struct learn_feature){
			.hash = last << (64 - TRAINING_HASH_BITS), .group = (uint8_t)g};
	}
	f->n += n;
	f->per_group[g] = (unsigned)n;
	return true;
}

static void clear(struct learn_features *f)
{
	f->n = 0;
	f->cut = false;
	memset(f->per_group, 0, sizeof f->per_group);
}

bool training_unpack(slice bytes, struct learn_features *f)
{
	struct cur c = cur_of(bytes);
	clear(f);
	bool good = cur_u8(&c) == LEARN_FEATURES_VERSION && cur_ok(&c);
	for (unsigned g = 0; g < LEARN_GROUPS && good; g++)
		good = get_group(&c, g, f);
	if (good && cur_ok(&c) && cur_at_end(&c))
		return true;
	clear(f);
	return false;
}
