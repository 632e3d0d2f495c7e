/*
 * blob: stored messages. Append-only pack files under DIR; each writing process has one open pack of
 * its own, so writers never lock. A message is a record that lists its segments: bytes of its own, and
 * references to large segments (attachments and their pieces, cut by codec/mime_cut) that are shared
 * by every message with the same bytes (found by SHA-256). Read back byte for byte.
 *
 * On disk and the life of a pack: doc/notes/packs.md. Every record carries its length and CRC-32C,
 * a segment its SHA-256.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

typedef uint64_t blob_id; /* pack << 36 | offset; 0 is none. Fits a signed BIGINT */

enum {
	BLOB_SEGMENT_MIN = 32 * 1024,  /* smaller pieces stay in the message's own record */
	BLOB_SEGMENT_MAX = 256 * 1024, /* larger attachments are several segments */
	BLOB_PACK_MAX = 128 * 1024 * 1024, /* then the writer starts a new pack */
};

struct blobs; /* one store directory, one per process */
int blobs_open(slice dir, struct blobs **ret, struct err *e);
void blobs_close(struct blobs *b);

/* Writing a message: bytes are given as they arrive; memory in use stays below 2 * SEGMENT_MAX. Runs
 * in a coroutine; waits when the disk is behind. Nothing is durable before blobs_sync. */
struct blob_writer;
struct blob_writer *blob_begin(struct blobs *b);
int blob_add(struct blob_writer *w, slice bytes, struct err *e);
/* The whole message is handed over; *ret names it. Frees the writer, also on failure. */
int blob_finish(struct blob_writer *w, blob_id *ret, uint64_t *ret_size, struct err *e);
void blob_cancel(struct blob_writer *w); /* NULL is fine */

/* Everything finished so far is on stable storage when this returns 0. Blocks: called in the pool by
 * commit.c before the transaction that refers to it. After -1 the open pack is abandoned and every
 * message finished since the last successful sync must be treated as not stored. */
int blobs_sync(struct blobs *b, struct err *e);

/* Reading: any process, any thread. A reader yields the message in pieces. */
struct blob_reader;
int blob_open(struct blobs *b, blob_id id, struct blob_reader **ret, struct err *e);
uint64_t blob_size(const struct blob_reader *r);
/* 1 with the next piece (borrowed until the next call), 0 at the end, -1 (ERR_PERM: damaged).
 * Blocks for at most one disk read of SEGMENT_MAX. */
int blob_next(struct blob_reader *r, slice *ret, struct err *e);
void blob_close(struct blob_reader *r);
/* The whole message into *out (whose limit must suffice). */
int blob_read(struct blobs *b, blob_id id, struct buf *out, struct err *e);
