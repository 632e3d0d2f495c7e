/* What blob.c, blob_write.c and blob_read.c share. Nobody else includes this. */
#pragma once
#include "base/map.h"
#include "run/co.h"
#include "store/blob.h"
#include "store/pack_hold.h"
#include "store/pack_in.h"
#include "store/pack_out.h"
#include "store/segment.h"

#include <pthread.h>

struct blobs {
	int dir; /* DIR/blob */
	struct pack_cache cache;
	struct segments *segments;

	pthread_mutex_t io; /* who writes to the disk */

	pthread_mutex_t lock; /* all below; taken after io */
	struct pack_out *active; /* NULL: none yet, or it was abandoned */
	struct buf spare;
	struct holds holds;
	struct map extra; /* blob_id of an unsettled message -> struct packs it refers to */
	struct map fresh; /* digest -> struct segment not yet in the index */
	struct segment *unsynced, *synced; /* the same, as lists */
	uint64_t epoch; /* counts failed syncs */

	/* The loop's thread alone. */
	bool disk_busy;
	struct cond room;
};

/* A set of pack numbers, each held once. */
struct packs {
	uint32_t *no;
	size_t n;
	struct packs *next; /* in `extra`: the same message held several times */
};
/* With the lock held: the holds that *p stands for go to the message until it is settled; *p is
 * empty. */
void blobs_hold_more(struct blobs *b, blob_id id, struct packs *p);

/* Writes what was appended; with sync, to stable storage. Any thread. */
int blobs_flush(struct blobs *b, bool sync, struct err *e);
/* The active pack is full, or there is none: makes a new one. `full` is its number or 0. */
int blobs_rotate(struct blobs *b, uint32_t full, struct err *e);
/* Reads a message's record and its list of pieces. ERR_PERM when it is damaged or no message. */
int blobs_read_list(struct blobs *b, blob_id id, struct pack_record *rec, struct piece_list *ret,
	struct err *e);
