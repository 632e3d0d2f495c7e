/*
 * hold: packs that gc must leave alone, because this process has messages in them, or references to
 * them, that no database knows yet. A hold is a shared lock (OFD) on the pack file; gc takes the
 * exclusive one. The kernel drops the locks of a process that ends.
 *
 * The caller serialises all calls (blobs.lock).
 */
#pragma once
#include "base/map.h"
#include "store/pack_format.h"

struct hold {
	uint32_t no;
	int fd;
	unsigned users;
	uint64_t lost_from; /* records from here on never reached the disk; UINT64_MAX: none */
};
struct holds {
	int dir; /* DIR/blob */
	struct map by_no;
};

/* A pack just made by this process; fd is locked already and taken over. One user. */
void hold_adopt(struct holds *h, uint32_t no, int fd);
struct hold *hold_find(const struct holds *h, uint32_t no); /* NULL: not held */
/* One more user. ERR_NOTFOUND: the pack is gone; ERR_TEMP: gc is at it. */
int hold_take(struct holds *h, uint32_t no, struct err *e);
void hold_drop(struct holds *h, uint32_t no);
void holds_done(struct holds *h);
