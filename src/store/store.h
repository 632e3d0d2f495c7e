/*
 * The store of one installation: where its parts are, opening them together, and the work across
 * them: verify, repair, garbage collection, statistics.
 *
 *	DIR/db/{directory,queue,trace,mail-NN}.sqlite  DIR/blob/NNNNNNNN.pack  DIR/snapshot/
 */
#pragma once
#include "store/blob.h"
#include "store/sql.h"

/* Creates directories and schemas, migrates with snapshots. Run by `init` and by the master at start. */
int store_prepare(slice dir, struct err *e);

/* Problems are reported one by one; `repaired` says whether repair mended it. */
struct store_problem {
	const char *kind; /* "pack-damaged", "blob-missing", "queue-orphan", "sqlite", ... */
	slice text;
	bool repaired;
};
/* Returns the number of problems, or -1 when it could not look. With repair: mends what can be mended,
 * never destroys the only copy of anything (damaged packs are moved to DIR/lost/). */
int store_verify(slice dir, bool repair, void (*problem)(void *arg, const struct store_problem *p), void *arg,
	struct err *e);

struct store_gc_result {
	uint64_t packs_deleted, packs_rewritten, bytes_freed, messages_live;
};
/* Deletes packs without live references, rewrites (with zstd) those that are mostly dead. Safe while
 * the server runs. */
int store_gc(slice dir, struct store_gc_result *ret, struct err *e);

struct store_stat {
	uint64_t packs, pack_bytes, segments, shared_segments, queue_messages, queue_rcpts, trace_rows,
		mailbox_messages, accounts, domains, db_bytes, free_bytes;
};
int store_stat(slice dir, struct store_stat *ret, struct err *e);
