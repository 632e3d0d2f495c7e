/*
 * Inside kv: kv.c (what callers see), kv_pending.c (changes that wait), kv_db.c (the LMDB
 * environment), kv_write.c (the writing thread), kv_sweep.c (what has ended, and making room),
 * kv_check.c (before the server starts), kv_each.c (walking).
 */
#pragma once
#include "base/map.h"
#include "base/time.h"
#include "store/kv.h"

#include <lmdb.h>
#include <pthread.h>
#include <sys/stat.h>

enum {
	KV_HEAD = 4, /* before each value: when it ends */
	KV_READERS_MAX = 256,
	KV_PATH_MAX = 1000,
	KV_PENDING_BYTES = 64 << 20,
};

/* ---- kv_pending.c: changes, by key ---- */

struct kv_task { /* of kv_update */
	struct kv_task *next;
	kv_change change;
	slice arg;
};
/* All that is to happen to one key: at most one put or delete, then additions, then updates. */
struct kv_pending {
	struct kv_pending *next;
	slice key;
	bool replaces; /* what the database has does not count: it was put or deleted */
	bool has_value; /* put */
	slice value;
	bool adds;
	int64_t add;
	struct kv_task *first, *last;
	int64_t ends; /* of a put or update; of an addition if it makes the entry */
	uint64_t txn; /* that writes it; 0: none yet */
};
struct kv_batch {
	struct arena mem;
	struct map by_key;
	struct kv_pending *first, *last;
	size_t n; /* changes */
};
/* The key's entry, made if there is none. */
struct kv_pending *kv_pending_of(struct kv_batch *b, slice key);
void kv_pending_put(struct kv_batch *b, slice key, slice value, int64_t ends);
void kv_pending_delete(struct kv_batch *b, slice key);
void kv_pending_add(struct kv_batch *b, slice key, int64_t n, int64_t ends);
void kv_pending_update(struct kv_batch *b, slice key, kv_change change, slice arg, int64_t ends);
void kv_batch_done(struct kv_batch *b);
/* What an entry is after the change: *rec is what was (value.p NULL: absent). out's bytes are
 * borrowed by *rec. */
struct kv_record {
	slice value; /* p NULL: absent */
	int64_t ends;
};
void kv_pending_apply(
	const struct kv_pending *p, struct kv_record *rec, struct buf *out, struct buf *spare);

slice kv_number_text(int64_t v, char out[8]);
int64_t kv_number(slice value); /* 0 when it is none */

/* ---- kv_db.c: one opened environment ---- */

/* What went wrong, as far as it matters. */
enum kv_fault {
	KV_FINE,
	KV_FULL, /* no free page */
	KV_DISK, /* full, failing, no rights: later */
	KV_REOPEN, /* this environment is of no more use, the file may be good */
	KV_DAMAGED,
};
enum kv_fault kv_fault_of(int rc);
const char *kv_fault_text(int rc);

struct kv_db {
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *reader; /* reset while nobody reads; with kv->lock */
	dev_t dev;
	ino_t ino;
	uint64_t size; /* of the map */
};
/* dir: DIR/kv. Moves what is damaged aside and begins anew. -1: later. */
int kv_db_open(const char *dir, uint64_t size, struct kv_db **ret, struct err *e);
void kv_db_close(struct kv_db *db);
/* Is it still the file of that name? */
bool kv_db_is_current(const struct kv_db *db, const char *dir);
/* Renames the file if it still is the given one (NULL: whatever it is). */
void kv_db_move_aside(const char *dir, const struct kv_db *which, const char *why);
/* Reads one entry within a transaction: 0, MDB_NOTFOUND (also when it has ended), another code. */
int kv_db_read(struct kv_db *db, MDB_txn *txn, slice key, int64_t now, struct kv_record *ret);
bool kv_record_of(const MDB_val *v, struct kv_record *ret); /* false: not one of ours */
/* Pages that are in use, and pages there are. */
void kv_db_pages(const struct kv_db *db, uint64_t *ret_used, uint64_t *ret_all);
/* Around LMDB's code: a fault in there (a damaged file, a read error) marks the database, so that
 * the next process that opens it begins anew. They may nest. */
void kv_guard_in(void);
void kv_guard_out(void);
void kv_guard_dir(const char *dir);

/* An advisory lock on DIR/kv/NAME, waited for at most that long. -1: not got. Closing gives it
 * back. */
int kv_lock_file(const char *dir, const char *name, int64_t max_wait);

/* ---- the whole ---- */

struct kv_sweep {
	int turn; /* lock: this process sweeps; -1 */
	instant look_at, turn_at, step_at, check_at, sync_at;
	uint64_t synced; /* transaction */
	char at[KV_KEY_MAX]; /* where the last step ended */
	size_t at_n;
	uint64_t evict_again; /* pages in use before more is thrown out */
	instant full_since; /* nothing can be written: 0 */
};

struct kv {
	char *dir;
	uint64_t size;
	int64_t (*clock)(void);

	pthread_mutex_t lock; /* all below */
	pthread_cond_t wake, done;
	struct kv_db *db; /* changed by the writing thread alone */
	enum kv_fault broken; /* what a reader met: KV_REOPEN, KV_DAMAGED */
	struct kv_batch gathering, writing;
	uint64_t gathered, written; /* numbers of batches: gathering now, last one done */
	bool idle, hurry, stop, ended;
	bool tried; /* opening, once */

	/* The writing thread's own. */
	pthread_t thread;
	instant open_at;
	int64_t open_wait;
	const char *failing; /* what went wrong last: told once */
	struct kv_sweep sweep;
};

void *kv_writer(void *kv);
/* Writing thread: tells trouble when it begins and when it is over (what NULL). */
void kv_tell(struct kv *kv, const char *what, const char *text);
/* kv_sweep.c: in the writing thread, with an open database. */
void kv_sweep_step(struct kv *kv);
int64_t kv_sweep_wait(const struct kv *kv); /* usec until it wants to be called again */
/* Makes room when there is little, or at once (`now`). */
void kv_make_room(struct kv *kv, bool now);
void kv_sweep_done(struct kv *kv);
size_t kv_chunk(const struct kv_db *db); /* changes in one transaction */

void kv_count_dropped(uint64_t n);
void kv_count_written(uint64_t n);
