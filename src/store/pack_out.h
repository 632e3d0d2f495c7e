/*
 * pack_out: the pack that a process is writing. Records are appended in memory under the caller's
 * lock; writing and syncing happen outside it, by one thread at a time.
 */
#pragma once
#include "store/pack_crypt.h"

struct pack_out {
	uint32_t no;
	int fd; /* locked (shared): gc keeps away */
	struct pack_key key;
	uint64_t salt, end; /* end: where the next record goes */
	struct buf pending; /* the bytes before end that are not written */
	uint32_t links[PACK_LINKS_MAX];
	unsigned nlinks;
	bool full; /* another one is being made: append no more */

	/* The writing thread's alone. */
	uint64_t allocated, synced; /* everything before `synced` is on stable storage */
	uint64_t written; /* blocks before it were written once: a sync of them changes no metadata */
	unsigned links_written;
	bool dirty;
};

/* Claims the next number in dir (the counter never goes back), makes the file, syncs the directory.
 */
int pack_out_create(int dir, struct pack_out **ret, struct err *e);

/* False: full, begin another one. digest is for segments only. */
bool pack_out_append(struct pack_out *p, enum record_type type, slice digest, slice content,
	uint64_t *ret_offset);
/* Notes that records of this pack use segments of another; false: no room, begin another pack. */
bool pack_out_link(struct pack_out *p, uint32_t other);

/* What one flush writes: taken under the lock, written outside it. */
struct pack_job {
	struct buf bytes;
	uint64_t at;
	unsigned nlinks;
};
void pack_out_take(struct pack_out *p, struct buf *spare, struct pack_job *ret);
int pack_out_write(struct pack_out *p, const struct pack_job *j, struct err *e);
int pack_out_sync(struct pack_out *p, struct err *e);
/* The file ends with its last good record. Frees; the file descriptor stays open: the caller's. */
int pack_out_close(struct pack_out *p);
