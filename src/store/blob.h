/*
 * blob: stored messages. Append-only pack files under DIR/blob; each writing process has one open
 * pack of its own, so writers never lock. A message is a record that lists its pieces: bytes of its
 * own, and references to large segments (attachments and their pieces, cut by codec/mime_cut) that
 * are shared by every message with the same bytes (found by SHA-256). Read back byte for byte.
 *
 * On disk, and the life of a pack: doc/notes/packs.md. Every record carries its length and CRC-32C,
 * a segment its SHA-256. A blob_id stays valid when gc rewrites a pack.
 *
 * Tables that keep a blob_id have an index on that column: gc asks "any reference into this pack?".
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

typedef uint64_t blob_id; /* pack << 36 | offset | flags; 0 is none. Fits a signed BIGINT */

enum {
	BLOB_SEGMENT_MIN = 32 * 1024, /* smaller pieces stay in the message's own record */
	BLOB_SEGMENT_MAX = 256 * 1024, /* larger attachments are several segments */
	BLOB_PACK_MAX = 128 * 1024 * 1024, /* then the writer starts a new pack */
	BLOB_UNWRITTEN_MAX = 4 << 20, /* appended bytes kept in memory; then blob_add writes them */
};

struct blobs; /* one store directory, one per process */
int blobs_open(slice dir, struct blobs **ret, struct err *e);
/* No message may be in the works. What was not synced is lost. NULL is fine. */
void blobs_close(struct blobs *b);

/* Writing a message: bytes are given as they arrive; memory in use stays below 2 * SEGMENT_MAX.
 * Runs in a coroutine (or in a program without loop); waits when the disk is behind. Nothing is
 * durable before blobs_sync. ERR_TEMP: no room or the disk failed; ERR_LIMIT: too many pieces. */
struct blob_writer;
struct blob_writer *blob_begin(struct blobs *b);
int blob_add(struct blob_writer *w, slice bytes, struct err *e);
/* The whole message is handed over; *ret names it. Frees the writer, also on failure. gc leaves the
 * message alone until it is settled: commit_run_blob() does that, or blob_settle(). */
int blob_finish(struct blob_writer *w, blob_id *ret, uint64_t *ret_size, struct err *e);
void blob_cancel(struct blob_writer *w); /* NULL is fine */
/* The finished message got its row, or never will: from now on gc judges it by the references that
 * databases hold. Once for each blob_finish and each blob_hold. */
void blob_settle(struct blobs *b, blob_id id);
/* For whoever makes a new reference from an old one and then removes the old one in another
 * database: gc leaves the message alone until blob_settle. ERR_NOTFOUND when it is gone. */
int blob_hold(struct blobs *b, blob_id id, struct err *e);

/* Everything finished so far is on stable storage when this returns 0. Blocks: called in the pool
 * by commit.c before the transaction that refers to it. After -1 the open pack is abandoned and
 * what was finished since the last successful sync is not stored: blobs_lost() says so of each. */
int blobs_sync(struct blobs *b, struct err *e);
bool blobs_lost(struct blobs *b, blob_id id);
/* Work that can wait until callers are answered: new segments go into their index. Blocks. */
void blobs_idle(struct blobs *b);
bool blobs_wants_idle(struct blobs *b);

/* Reading: any process, any thread. A reader yields the message in pieces. */
struct blob_reader;
int blob_open(struct blobs *b, blob_id id, struct blob_reader **ret,
	struct err *e); /* ERR_NOTFOUND, ERR_PERM */
/* 1 with the next piece (borrowed until the next call), 0 at the end, -1 (ERR_PERM: damaged).
 * Blocks for at most one disk read of SEGMENT_MAX. */
int blob_next(struct blob_reader *r, slice *ret, struct err *e);
/* blob_next goes on at this byte, to either side; what lies between is not read. */
void blob_seek(struct blob_reader *r, uint64_t to);
uint64_t blob_size(const struct blob_reader *r);
/* All of it is in memory: blob_next does not block. */
bool blob_at_hand(const struct blob_reader *r);
void blob_close(struct blob_reader *r); /* NULL is fine */
/* The whole message into *out (whose limit must suffice). */
int blob_read(struct blobs *b, blob_id id, struct buf *out, struct err *e);
