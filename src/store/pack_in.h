/*
 * pack_in: reading packs. A pack_in is one open file, shared by threads (all reads are positioned).
 * The cache keeps a bounded number of them open. A record is read whole and checked.
 */
#pragma once
#include "store/pack_crypt.h"
#include <pthread.h>

struct pack_in {
	uint32_t no;
	int fd;
	struct pack_head head;
	struct pack_key key;
	bool head_damaged; /* it was read from its copy */
	uint32_t *map; /* of a rewritten pack: map_n pairs name, place; both / 8 */
	unsigned refs; /* of the cache */
	uint64_t used;
};
/* ERR_NOTFOUND, ERR_PERM (not a pack or damaged), ERR_TEMP. */
int pack_in_open(int dir, uint32_t no, struct pack_in **ret, struct err *e);
int pack_in_open_name(int dir, const char *name, uint32_t no, struct pack_in **ret, struct err *e);
void pack_in_close(struct pack_in *p);
/* The head's block with the links. */
int pack_in_links(struct pack_in *p, uint32_t ret[PACK_LINKS_MAX], unsigned *ret_n, struct err *e);
int64_t pack_in_size(struct pack_in *p, struct err *e);

/* Where in the file the record that is named by this offset lies; false: none of that name. */
bool pack_in_place(const struct pack_in *p, uint64_t offset, uint64_t *ret);

/* One record in memory. Zero it before the first use; it is reused by the next read. */
struct pack_record {
	struct record head;
	slice digest, content; /* borrowed from the buffers */
	struct buf stored, plain;
};
void pack_record_done(struct pack_record *r);
static inline void auto_pack_record(struct pack_record *r)
{
	pack_record_done(r);
}
/* `hint` is the expected content size, 0 unknown. ERR_NOTFOUND: no such record (or the pack was
 * deleted meanwhile); ERR_PERM: damaged; ERR_TEMP, too: it is encrypted and the key is missing. */
int pack_in_read(
	struct pack_in *p, uint64_t offset, uint32_t hint, struct pack_record *ret, struct err *e);
/* Only the head: nothing that is encrypted. */
int pack_in_peek(struct pack_in *p, uint64_t offset, struct record *ret, struct err *e);
/* The head, and the digest of a segment: of an encrypted one all of it is read. */
int pack_in_digest(struct pack_in *p, uint64_t offset, struct record *ret,
	char ret_digest[DIGEST_SIZE], struct err *e);

struct pack_cache {
	int dir; /* DIR/blob */
	pthread_mutex_t lock;
	struct pack_in **slots;
	uint64_t clock;
	int64_t swept_at;
};
enum { PACK_CACHE_MAX = 64 };
void pack_cache_init(struct pack_cache *c, int dir);
void pack_cache_done(struct pack_cache *c);
int pack_cache_get(struct pack_cache *c, uint32_t no, struct pack_in **ret, struct err *e);
/* The next get opens the file anew. */
void pack_cache_forget(struct pack_cache *c, uint32_t no);
void pack_cache_put(struct pack_cache *c, struct pack_in *p);
