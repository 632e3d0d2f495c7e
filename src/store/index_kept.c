/*
 * Blocks of the index that were unpacked for a query, kept for the next ones of this process (index_impl.h): people look for one thing after
 * another, and unpacking is most of the time of a search. A block is known by what it was unpacked from, not by where that stood: whatever
 * becomes of files, segments and accounts, it is the same. Merges keep nothing.
 */
#include "store/index_impl.h"

#include "base/hash.h"
#include <pthread.h>

enum { SETS = 1024, WAYS = 4 };

struct kept {
	uint64_t hash; /* of the packed bytes; keyed, so that nobody can write two that are alike */
	uint32_t crc, packed_n;
	enum index_stream stream;
	uint32_t n;
	char *raw; /* NULL: free */
};
static struct {
	pthread_mutex_t lock;
	struct kept v[SETS][WAYS];
	size_t bytes;
	uint32_t random;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .random = 1};

/* Whatever is in turn would be what a query that reads more than fits needs next; chance leaves it a part. */
static uint32_t roll(uint32_t n)
{
	all.random = all.random * 1664525u + 1013904223u;
	return (all.random >> 8) % n;
}

static void drop(struct kept *k)
{
	all.bytes -= k->raw ? k->n : 0;
	free(k->raw);
	*k = (struct kept){0};
}

static struct kept *find(const struct kept *like)
{
	struct kept *set = all.v[like->hash % SETS];
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].raw && set[i].hash == like->hash && set[i].crc == like->crc &&
			set[i].packed_n == like->packed_n && set[i].stream == like->stream)
			return &set[i];
	return NULL;
}

static bool take_kept(const struct kept *like, struct buf *out)
{
	pthread_mutex_lock(&all.lock);
	const struct kept *k = find(like);
	if (k)
		buf_put(out, slice_of(k->raw, k->n));
	pthread_mutex_unlock(&all.lock);
	return k != NULL;
}

static void keep(const struct kept *like, slice raw)
{
	char *copy = mem_dup(raw.p, raw.n);
	pthread_mutex_lock(&all.lock);
	struct kept *set = all.v[like->hash % SETS], *k = find(like);
	for (size_t i = 0; i < WAYS && !k; i++)
		k = set[i].raw ? NULL : &set[i];
	if (!k)
		k = &set[roll(WAYS)];
	drop(k);
	while (all.bytes + raw.n > INDEX_KEPT_MAX)
		drop(&all.v[roll(SETS)][roll(WAYS)]);
	*k = *like;
	k->raw = copy;
	k->n = (uint32_t)raw.n;
	all.bytes += raw.n;
	pthread_mutex_unlock(&all.lock);
}

int index_unpack_kept(enum index_stream s, slice block, struct buf *out, struct err *e)
{
	struct kept like = {.hash = hash_keyed(block),
		.crc = crc32c(0, block),
		.packed_n = (uint32_t)block.n,
		.stream = s};
	size_t before = out->n;
	if (take_kept(&like, out))
		return 0;
	if (index_unpack(s, block, out, e))
		return -1;
	if (buf_ok(out) && out->n > before)
		keep(&like, slice_skip(buf_slice(out), before));
	return 0;
}

size_t index_kept_bytes(void)
{
	pthread_mutex_lock(&all.lock);
	size_t bytes = all.bytes;
	pthread_mutex_unlock(&all.lock);
	return bytes;
}
