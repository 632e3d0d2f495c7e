/*
 * kv: what is hot, small and may be approximate: rates, greylist, reputation, caches. LMDB in
 * DIR/kv now; the interface also fits Redis (no range queries, batches, every value with an end).
 * Why it is as it is: doc/notes/kv.md.
 *
 * Its loss never stops mail: nothing here fails in a way that a caller must handle. A lookup that
 * cannot be answered says KV_UNKNOWN, a write that cannot be made is counted and dropped. What must
 * not be forgotten belongs into SQL.
 *
 * Reads answer at once (a read transaction on mapped memory). Writes are collected and made by one
 * thread of the process, many in one transaction; they are visible to all processes within
 * KV_DELAY_MS, unless another process holds things up: then they wait, at most KV_PENDING_MAX.
 * Nothing here blocks the loop. Any thread may call.
 *
 * Keys are "table:key"; one longer than KV_KEY_MAX is cut and gets a digest instead of its end.
 * Values have at most KV_VALUE_MAX bytes (a longer one is dropped and counted). A value is gone
 * when its time is up; when there is no room for all, those whose time is up soonest go first. A
 * key is used with kv_put, with kv_add or with kv_update, not with several of them.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct conf_section;

enum {
	KV_KEY_MAX = 400,
	KV_VALUE_MAX = 4096,
	KV_DELAY_MS = 20,
	KV_PENDING_MAX = 100000, /* changes that wait for their transaction; more are dropped */
	KV_OPEN_MS = 2000, /* kv_open and kv_close wait no longer than this for other processes */
	KV_FLUSH_MS = 10000, /* nor does kv_flush */
};
enum kv_status { KV_FOUND, KV_ABSENT, KV_UNKNOWN };

/* [kv] of the configuration. */
struct kv_conf {
	int64_t size; /* bytes it may take */
};
extern const struct conf_section kv_section;

/* Before the server's processes start: makes DIR/kv, and once a boot reads all of it in a child
 * process: what a power failure left in disorder is moved aside. Blocks. -1 only when the directory
 * cannot be made. */
int kv_prepare(slice dir, struct err *e);

struct kv;
/* In the process that uses it, once a process and directory. Never fails for lack of a database:
 * then everything is unknown, and opening is tried again now and then. */
struct kv *kv_open(slice dir, uint64_t size);
void kv_close(struct kv *kv); /* writes what is pending; NULL is fine */
bool kv_works(struct kv *kv);

enum kv_status kv_get(struct kv *kv, slice key, struct arena *a, slice *ret);
/* A number, 0 when absent. */
enum kv_status kv_count(struct kv *kv, slice key, int64_t *ret);

/* Writes: return at once. ttl in seconds from now (greater than 0). */
void kv_put(struct kv *kv, slice key, slice value, uint32_t ttl);
void kv_delete(struct kv *kv, slice key);
/* Adds to a number. An absent one starts at 0 and lives for ttl; adding does not make it live
 * longer. Reads of this process see the addition at once (and what was put or deleted). */
void kv_add(struct kv *kv, slice key, int64_t n, uint32_t ttl);
/* Changes a value by a function that runs in the writing thread, inside the transaction: for
 * decaying averages and the like. `old` is empty when absent. The function writes the new value
 * into *out (empty: delete) and must be pure (it may be run again); arg (n bytes) is copied. With
 * each change the value lives for ttl from then on. */
typedef void (*kv_change)(slice old, slice arg, struct buf *out);
void kv_update(struct kv *kv, slice key, kv_change change, slice arg, uint32_t ttl);

/* Waits until everything asked so far by this process is visible. In a coroutine, or in a program
 * without loop. */
void kv_flush(struct kv *kv);

/* The clock that ends values, seconds since 1970: callers that keep times in their values use the
 * same. Tests set their own. */
int64_t kv_now(const struct kv *kv);
void kv_set_clock(struct kv *kv, int64_t (*now)(void));

/* For the command line and tests: each live entry whose key begins with prefix, in order, until the
 * function says false. Blocks. ERR_TEMP when there is no database. */
int kv_each(struct kv *kv, slice prefix,
	bool (*entry)(void *arg, slice key, slice value, int64_t ends_at /* wall seconds */),
	void *arg, struct err *e);
struct kv_stat {
	uint64_t entries; /* also those whose time is up and that were not yet swept out */
	uint64_t bytes, size; /* in use, and allowed */
};
int kv_stat(struct kv *kv, struct kv_stat *ret, struct err *e);
