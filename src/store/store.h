/*
 * The store of one installation: where its parts are, opening them together, and the work across
 * them: verify, repair, garbage collection, statistics.
 *
 *	DIR/db/{directory,queue,trace,mail-NN}.sqlite  DIR/blob/NNNNNNNNN.pack  DIR/snapshot/
 *	DIR/auth/db/credential.sqlite (for the eyes of the auth process alone)
 *	DIR/keys/db/keyring.sqlite (for those of the keys process alone)  DIR/kv (kv.h)
 */
#pragma once
#include "store/blob.h"
#include "store/sql.h"

/* Creates directories and schemas, migrates with snapshots. Run by `init` and by the master at
 * start. */
int store_prepare(slice dir, struct err *e);
/* Would it change the schema of a database that is there? 1, 0, -1. Changes nothing. */
int store_behind(slice dir, struct err *e);

/* Problems are reported one by one; `repaired` says whether repair mended it. */
struct store_problem {
	const char *kind; /* "pack-damaged", "blob-missing", "queue-orphan", "sqlite", ... */
	slice text;
	bool repaired;
};
/* Returns the number of problems, or -1 when it could not look. With repair: mends what can be
 * mended, never destroys the only copy of anything (damaged packs are moved to DIR/lost/). */
int store_verify(slice dir, bool repair, void (*problem)(void *arg, const struct store_problem *p),
	void *arg, struct err *e);

/*
 * Garbage collection, safe while the server runs, one at a time in an installation.
 * store_gc: the whole work, for a timer (once a day) or the command line: deletes packs without
 * live references, rewrites (with zstd) those that are mostly dead. May take long; blocks.
 * store_gc_quick: only deletes whole packs that were written within the last hour: cheap enough for
 * every few seconds, which is how a busy relay gets its disk space back.
 * store_gc_dead: deletes whole packs of any age, up to 256 a call, for every few minutes: mail that
 * waited for long and left.
 * All do nothing and return 0 when another process is collecting.
 */
struct store_gc_result {
	uint64_t packs_deleted, packs_rewritten, bytes_freed, references;
};
int store_gc(slice dir, struct store_gc_result *ret, struct err *e);
/* Rewrites the packs whose state is another one than what is written now (crypt.h): plain, or of an older data key. May run beside the server, which begins
 * another pack when it is started again: packs in use are left. Can be broken off anywhere; the next call goes on. */
struct store_convert_result {
	uint64_t done, left, bytes;
};
int store_convert_packs(slice dir, bool (*go_on)(void *arg, uint64_t done, uint64_t all), void *arg,
	struct store_convert_result *ret, struct err *e);
struct store_gc;
int store_gc_open(slice dir, struct store_gc **ret, struct err *e);
int store_gc_quick(struct store_gc *g, struct store_gc_result *ret, struct err *e);
int store_gc_dead(struct store_gc *g, struct store_gc_result *ret, struct err *e);
void store_gc_close(struct store_gc *g);

struct store_stat {
	uint64_t packs, pack_bytes, segments, segment_bytes, queue_messages, queue_rcpts,
		quarantine_messages, quarantine_rcpts, trace_rows, mailbox_messages, accounts, domains, db_bytes, free_bytes;
};
int store_stat(slice dir, struct store_stat *ret, struct err *e);
