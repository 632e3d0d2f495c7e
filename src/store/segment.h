/*
 * segment: the index by which equal segments are found: SHA-256 -> blob_id, a small database of its
 * own. It decides nothing: what it says is checked against the pack, and losing it costs only
 * sharing. Thread-safe; blocks.
 */
#pragma once
#include "store/pack_format.h"

struct segments;
/* `dir` is the store's. Opens the database on first use. */
struct segments *segments_new(const char *dir);
void segments_free(struct segments *s);

struct segment {
	struct segment *next;
	char digest[DIGEST_SIZE];
	blob_id id;
	uint32_t size;
};
/* 1 found, 0 not, -1. */
int segments_find(struct segments *s, slice digest, uint32_t size, blob_id *ret, struct err *e);
/* Adds a list in one transaction; a digest that is known gets the new place. */
int segments_add(struct segments *s, const struct segment *list, struct err *e);
/* Forgets everything in a pack: before gc removes it. */
int segments_forget_pack(struct segments *s, uint32_t pack, struct err *e);
/* Forgets what is not at one of these offsets (ascending): after gc rewrote the pack. */
int segments_keep(
	struct segments *s, uint32_t pack, const uint64_t *offsets, size_t n, struct err *e);
int segments_count(struct segments *s, uint64_t *ret, struct err *e);
void segment_digest(slice bytes, char ret[DIGEST_SIZE]);
