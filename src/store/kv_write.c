/*
 * The writing thread of a process: opens the database and keeps it open, makes the collected
 * changes in transactions, and between them sweeps (kv_sweep.c). Whatever stops it, a stopped
 * process that holds the lock, a full disk, a database that went away, stops it alone: readers go
 * on, callers collect a bounded number of changes.
 */
#include "store/kv_impl.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/log.h"
#include "run/metrics.h"

#include <errno.h>
#include <signal.h>

enum {
	GATHER_MS = KV_DELAY_MS / 2, /* the rest is for the transaction */
	LOOK_MS = 1000, /* is the file still there? */
	OPEN_WAIT_MS = 500, /* before opening is tried again; doubles */
	OPEN_WAIT_MAX_MS = 30000,
	TRIES = 3,
	CHUNK_SHARE = 32, /* a transaction copies pages: no more than this part of all */
	CHUNK_MIN = 16,
	CHUNK_MAX = 4096,
};

METRIC_COUNTER(written, "posthouse_kv_written_total", "", "Changes of the key-value store made.");
METRIC_COUNTER(dropped, "posthouse_kv_dropped_total", "",
	"Changes of the key-value store given up: too many waiting, no room, no database.");
METRIC_GAUGE(works, "posthouse_kv_open", "", "Whether the key-value store is open.");

void kv_count_dropped(uint64_t n)
{
	metric_add(&dropped, (int64_t)n);
}

void kv_count_written(uint64_t n)
{
	metric_add(&written, (int64_t)n);
}

void kv_tell(struct kv *kv, const char *what, const char *text)
{
	if (what && kv->failing != what)
		log_warn(NULL, "kv.failed", F("step", what), F("error", text));
	else if (!what && kv->failing)
		log_info(NULL, "kv.recovered", F("step", kv->failing));
	kv->failing = what;
}

/* ---- the database ---- */

static void set_db(struct kv *kv, struct kv_db *db)
{
	pthread_mutex_lock(&kv->lock);
	struct kv_db *old = kv->db;
	kv->db = db;
	kv->broken = KV_FINE;
	pthread_mutex_unlock(&kv->lock);
	kv_db_close(old);
	metric_set(&works, db != NULL);
}

static void close_db(struct kv *kv)
{
	kv_sweep_done(kv);
	set_db(kv, NULL);
	kv->open_at = 0;
}

static void open_db(struct kv *kv)
{
	struct kv_db *db = NULL;
	struct err e;
	if (instant_now() < kv->open_at)
		return;
	if (kv_db_open(kv->dir, kv->size, &db, &e) == 0) {
		kv->open_wait = 0;
		set_db(kv, db);
		kv_tell(kv, NULL, NULL);
	} else {
		kv_tell(kv, "open", e.text);
		kv->open_wait = kv->open_wait ? kv->open_wait * 2 : OPEN_WAIT_MS * MSEC;
		if (kv->open_wait > OPEN_WAIT_MAX_MS * MSEC)
			kv->open_wait = OPEN_WAIT_MAX_MS * MSEC;
		kv->open_at = instant_in(kv->open_wait);
	}
	pthread_mutex_lock(&kv->lock);
	kv->tried = true;
	pthread_cond_broadcast(&kv->done);
	pthread_mutex_unlock(&kv->lock);
}

static enum kv_fault broken(struct kv *kv)
{
	pthread_mutex_lock(&kv->lock);
	enum kv_fault f = kv->broken;
	pthread_mutex_unlock(&kv->lock);
	return f;
}

static bool stopping(struct kv *kv)
{
	pthread_mutex_lock(&kv->lock);
	bool stop = kv->stop;
	pthread_mutex_unlock(&kv->lock);
	return stop;
}

static void drop_damaged(struct kv *kv, const char *why)
{
	kv_db_move_aside(kv->dir, kv->db, why);
	close_db(kv);
}

/* Opens it when it is not; leaves it when it is damaged or no longer the file of its name. */
static void keep_open(struct kv *kv)
{
	enum kv_fault fault = kv->db ? broken(kv) : KV_FINE;
	if (fault == KV_DAMAGED)
		drop_damaged(kv, "a read failed");
	else if (fault == KV_REOPEN)
		close_db(kv);
	if (kv->db && instant_now() >= kv->sweep.look_at) {
		kv->sweep.look_at = instant_in(LOOK_MS * MSEC);
		if (!kv_db_is_current(kv->db, kv->dir)) {
			log_warn(NULL, "kv.replaced", F("dir", (const char *)kv->dir));
			close_db(kv);
		}
	}
	if (!kv->db)
		open_db(kv);
}

/* ---- writing ---- */

size_t kv_chunk(const struct kv_db *db)
{
	size_t n = (size_t)(db->size / (uint64_t)sysconf(_SC_PAGESIZE) / CHUNK_SHARE);
	return n < CHUNK_MIN ? CHUNK_MIN : n > CHUNK_MAX ? CHUNK_MAX : n;
}

struct writing {
	struct kv *kv;
	MDB_txn *txn;
	struct buf out, spare, value;
	int64_t now;
};

static int store_record(struct writing *w, slice key, const struct kv_record *rec)
{
	MDB_val k = {key.n, (void *)key.p}, v;
	if (!rec->value.p || rec->ends <= w->now) {
		int rc = mdb_del(w->txn, w->kv->db->dbi, &k, NULL);
		return rc == MDB_NOTFOUND ? 0 : rc;
	}
	buf_reset(&w->value);
	buf_u32(&w->value, (uint32_t)(rec->ends < UINT32_MAX ? rec->ends : UINT32_MAX));
	buf_put(&w->value, rec->value);
	v = (MDB_val){w->value.n, w->value.p};
	return mdb_put(w->txn, w->kv->db->dbi, &k, &v, 0);
}

static int write_one(struct writing *w, const struct kv_pending *p)
{
	struct kv_record rec = {0};
	int rc = p->replaces ? MDB_NOTFOUND : kv_db_read(w->kv->db, w->txn, p->key, w->now, &rec);
	if (rc == MDB_NOTFOUND)
		rec = (struct kv_record){0};
	else if (rc)
		return rc;
	kv_pending_apply(p, &rec, &w->out, &w->spare);
	return store_record(w, p->key, &rec);
}

/* Readers leave the pending change out of account as soon as they see this transaction. */
static void number(struct kv *kv, struct kv_pending *from, const struct kv_pending *to, uint64_t id)
{
	pthread_mutex_lock(&kv->lock);
	for (struct kv_pending *p = from; p != to; p = p->next)
		p->txn = id;
	pthread_mutex_unlock(&kv->lock);
}

/* Writes at most n changes in one transaction. LMDB's code; on 0 *at is behind them. */
static int write_chunk(struct writing *w, struct kv_pending **at, size_t n)
{
	struct kv_pending *from = *at, *p = from;
	int rc = mdb_txn_begin(w->kv->db->env, NULL, 0, &w->txn);
	if (rc)
		return rc;
	for (; p && n > 0 && rc == 0; p = p->next, n--)
		rc = write_one(w, p);
	if (rc) {
		mdb_txn_abort(w->txn);
		return rc;
	}
	number(w->kv, from, p, mdb_txn_id(w->txn));
	rc = mdb_txn_commit(w->txn);
	if (rc == 0)
		*at = p;
	else
		number(w->kv, from, p, 0);
	return rc;
}

/* True: try again. */
static bool mend(struct kv *kv, int rc)
{
	switch (kv_fault_of(rc)) {
	case KV_FULL:
		kv_make_room(kv, true);
		return kv->db != NULL;
	case KV_REOPEN:
		log_warn(NULL, "kv.reopen", F("error", kv_fault_text(rc)));
		close_db(kv);
		open_db(kv);
		return kv->db != NULL;
	case KV_DAMAGED:
		drop_damaged(kv, kv_fault_text(rc));
		open_db(kv);
		return kv->db != NULL;
	default:
		return false;
	}
}

static size_t count(const struct kv_pending *p)
{
	size_t n = 0;
	for (; p; p = p->next)
		n++;
	return n;
}

static void write_batch(struct kv *kv)
{
	struct writing w = {.kv = kv,
		.out = BUF(KV_VALUE_MAX),
		.spare = BUF(KV_VALUE_MAX),
		.value = BUF(KV_HEAD + KV_VALUE_MAX)};
	struct kv_pending *at = kv->writing.first;
	unsigned tries = 0;
	int rc = 0;
	size_t all = count(at);
	w.now = kv_now(kv);
	while (at && kv->db) {
		kv_guard_in();
		rc = write_chunk(&w, &at, kv_chunk(kv->db) >> tries);
		kv_guard_out();
		if (rc && (tries++ >= TRIES || !mend(kv, rc)))
			break;
	}
	size_t left = count(at);
	kv_count_written(all - left);
	kv_count_dropped(left);
	if (kv->db)
		kv_tell(kv, left ? "write" : NULL, kv_fault_text(rc));
	buf_done(&w.out);
	buf_done(&w.spare);
	buf_done(&w.value);
}

/* ---- the thread ---- */

static void wait_until(struct kv *kv, instant at)
{
	struct timespec t = {.tv_sec = at / SECOND, .tv_nsec = at % SECOND * 1000};
	pthread_cond_timedwait(&kv->wake, &kv->lock, &t);
}

/* Waits for the first change or for the time to look around, then a little for more to come. With
 * the lock. */
static void wait_for_work(struct kv *kv)
{
	instant deadline = instant_in(kv->db ? kv_sweep_wait(kv) : OPEN_WAIT_MS * MSEC);
	kv->idle = true;
	while (kv->gathering.n == 0 && !kv->stop && !kv->hurry && !kv->broken &&
		instant_now() < deadline)
		wait_until(kv, deadline);
	kv->idle = false;
	deadline = instant_in(GATHER_MS * MSEC);
	while (kv->gathering.n > 0 && !kv->stop && !kv->hurry && instant_now() < deadline)
		wait_until(kv, deadline);
}

/* False when the thread is to end. */
static bool take_batch(struct kv *kv)
{
	pthread_mutex_lock(&kv->lock);
	if (!kv->stop)
		wait_for_work(kv);
	kv->hurry = false;
	kv->writing = kv->gathering;
	kv->gathering = (struct kv_batch){0};
	kv->gathered++;
	bool more = !kv->stop || kv->writing.n > 0;
	pthread_mutex_unlock(&kv->lock);
	return more;
}

static void batch_is_done(struct kv *kv)
{
	pthread_mutex_lock(&kv->lock);
	struct kv_batch b = kv->writing;
	kv->writing = (struct kv_batch){0};
	kv->written = kv->gathered;
	pthread_cond_broadcast(&kv->done);
	pthread_mutex_unlock(&kv->lock);
	kv_batch_done(&b);
}

static void sweep(struct kv *kv)
{
	kv_guard_in();
	kv_make_room(kv, false);
	if (kv->db)
		kv_sweep_step(kv);
	kv_guard_out();
}

void *kv_writer(void *arg)
{
	struct kv *kv = arg;
	pthread_setname_np(pthread_self(), "kv");
	do {
		keep_open(kv);
		if (kv->writing.n > 0)
			write_batch(kv);
		batch_is_done(kv);
		if (kv->db && !stopping(kv))
			sweep(kv);
	} while (take_batch(kv));
	close_db(kv);
	pthread_mutex_lock(&kv->lock);
	kv->ended = true;
	pthread_cond_broadcast(&kv->done);
	pthread_mutex_unlock(&kv->lock);
	return NULL;
}
