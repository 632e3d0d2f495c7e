/*
 * kv: what is hot, small and may be approximate: rates, greylist, reputation, caches. LMDB in
 * DIR/kv now; the interface also fits Redis (no range queries, batches, every value with an end).
 *
 * Its loss never stops mail: nothing here fails in a way that a caller must handle. A lookup that
 * cannot be answered says KV_UNKNOWN, a write that cannot be made is counted and dropped. What must
 * not be forgotten belongs into SQL.
 *
 * Reads answer at once (a read transaction on mapped memory, no lock). Writes are collected and
 * made by one thread of the process, many in one transaction; they are visible to all processes
 * within KV_DELAY_MS. Nothing here blocks the loop. Keys are "table:key", at most KV_KEY_MAX bytes;
 * values at most KV_VALUE_MAX. A value is gone when its time is up.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum { KV_KEY_MAX = 400, KV_VALUE_MAX = 4096, KV_DELAY_MS = 20, KV_PENDING_MAX = 100000 };
enum kv_status { KV_FOUND, KV_ABSENT, KV_UNKNOWN };

struct kv;
/* In the process that uses it, after loop_init. Never fails for lack of a database: then everything
 * is unknown, and opening is tried again now and then. size: bytes it may take. */
struct kv *kv_open(slice dir, uint64_t size);
void kv_close(struct kv *kv); /* writes what is pending */
bool kv_works(const struct kv *kv);

enum kv_status kv_get(struct kv *kv, slice key, struct arena *a, slice *ret);
/* A number, 0 when absent. */
enum kv_status kv_count(struct kv *kv, slice key, int64_t *ret);

/* Writes: return at once. ttl in seconds from now (greater than 0). */
void kv_put(struct kv *kv, slice key, slice value, uint32_t ttl);
void kv_delete(struct kv *kv, slice key);
/* Adds to a number. An absent one starts at 0 and lives for ttl; adding does not make it live
 * longer. Reads of this process see the addition at once. */
void kv_add(struct kv *kv, slice key, int64_t n, uint32_t ttl);
/* Changes a value by a function that runs in the writing thread, inside the transaction: for
 * decaying averages and the like. `old` is empty when absent. The function writes the new value
 * into *out (empty: delete) and must be pure; arg (n bytes) is copied. */
typedef void (*kv_change)(slice old, slice arg, struct buf *out);
void kv_update(struct kv *kv, slice key, kv_change change, slice arg, uint32_t ttl);

/* Waits until everything asked so far by this process is visible. In a coroutine. */
void kv_flush(struct kv *kv);

/* For the command line and tests: each live entry whose key begins with prefix, in order. */
int kv_each(struct kv *kv, slice prefix,
	bool (*entry)(void *arg, slice key, slice value, int64_t ends_at /* wall seconds */),
	void *arg, struct err *e);
struct kv_stat {
	uint64_t entries, bytes, size;
};
int kv_stat(struct kv *kv, struct kv_stat *ret, struct err *e);
