/*
 * Inside garbage collection: gc.c (which packs are dead), gc_refs.c (what the databases refer to),
 * gc_rewrite.c (packs that are mostly dead). verify uses gc_refs too. Callers see store.h.
 */
#pragma once
#include "base/map.h"
#include "store/mailbox.h"
#include "store/pack_in.h"
#include "store/segment.h"
#include "store/sql.h"
#include "store/store.h"

/* The databases that refer to messages. A reference moves forward only: from the queue to a
 * mailbox, where it is written before it leaves the queue. So the queue is always asked first. */
enum { REFS_DBS = 1 + MAILBOX_SHARDS };
struct refs {
	struct sql *db[REFS_DBS]; /* NULL: not made yet */
};
int refs_open(slice dir, struct refs *ret, struct err *e);
void refs_close(struct refs *r);
const char *refs_table(int i); /* for messages: "queue", "mail-00" ... */
/* Rows of writers that were killed: after this they are there or will never be. Between locking
 * packs, which a dead writer no longer prevents, and asking for rows. */
int refs_fence(struct refs *r, struct err *e);
/* The lowest id from `from` on that anything refers to: 1, 0 none, -1. */
int refs_next(struct refs *r, blob_id from, blob_id *ret, struct err *e);
/* Every reference with from <= id < until, database by database, ascending in each. */
int refs_each(struct refs *r, blob_id from, blob_id until,
	int (*fn)(void *arg, int db, blob_id id, uint64_t size, struct err *), void *arg,
	struct err *e);
int refs_count(struct refs *r, uint64_t *ret, struct err *e);

struct gc_pack {
	uint32_t no;
	int fd; /* exclusively locked, or -1 */
	uint64_t size;
	int64_t changed_at;
	bool live;
	const uint32_t *links; /* store_gc.links has the memory */
	unsigned nlinks;
	bool links_known; /* and final: nobody has it open for writing */
};

struct gc_links {
	bool final;
	unsigned n;
	uint32_t v[];
};

struct store_gc {
	char *dir;
	int packs_dir;
	struct refs refs;
	struct segments *segments;
	struct pack_cache cache;
	bool sharing; /* the index exists */
	struct map links; /* number -> struct gc_links, kept between runs */
	struct gc_pack *packs; /* of this run, ascending */
	size_t npacks;
	struct gc_convert *convert; /* NULL: packs are rewritten to save room */
};
/* All packs of another state than what is written now are rewritten (store_convert_packs). */
struct gc_convert {
	struct store_convert_result result;
	uint64_t all;
	bool (*go_on)(void *arg, uint64_t done, uint64_t all);
	void *arg;
};
struct gc_pack *gc_find(struct store_gc *g, uint32_t no);
/* Adds packs that are new in the directory. */
int gc_list_packs(struct store_gc *g, struct err *e);
bool gc_lock(struct store_gc *g, struct gc_pack *p); /* exclusively; false: in use, or gone */
void gc_unlock(struct gc_pack *p);
/* Remembered once nobody has the pack open for writing. */
int gc_read_links(struct store_gc *g, struct gc_pack *p, struct err *e);
void gc_forget_links(struct store_gc *g, struct gc_pack *p); /* they changed, or it is gone */

/* Moves the good records of a (locked) damaged pack to a new file of its name. */
int gc_salvage(
	struct store_gc *g, struct gc_pack *p, const uint64_t *offsets, size_t n, struct err *e);
/* Packs changed more recently are not rewritten: most of them die by themselves. Tests shorten it.
 */
extern int64_t gc_rest_age;
/* Rewrites the packs for which that is worth it. */
int gc_rewrite_all(struct store_gc *g, struct store_gc_result *result, struct err *e);
