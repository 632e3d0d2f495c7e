/*
 * Keeping the database small (kv_write.c calls): entries whose time is up are looked for a step at
 * a time by one process of all, the one that holds the lock DIR/kv/sweep; so are slots of dead
 * readers and the periodic sync. When pages become few, entries that would end soonest go early.
 *
 * LMDB writes a page anew wherever it changes one, so deleting needs free pages, too: room is made
 * while a fifth of them is left. Deleting entries leaves holes in pages which later entries fill;
 * the number of pages does not fall. So more is deleted only when it has risen again.
 */
#include "store/kv_impl.h"

#include "base/mem.h"
#include "run/log.h"
#include "run/metrics.h"

#include <unistd.h>

enum {
	STEP_MS = 1000, /* between two steps of the sweeper */
	OTHERS_MS = 5000, /* the others look whether the turn is free */
	STEP_ENTRIES = 2000,
	CHECK_MS = 10000, /* readers */
	SYNC_MS = 30000,
	WALK_ENTRIES = 20000, /* in one transaction for reading */
	HIGH_PERCENT = 80, /* of the pages in use: room is made */
	AGAIN_PERCENT = 2, /* more pages than after the last time */
	EVICT_PERCENT = 20, /* of the bytes */
	ROOM_WAIT_MS = 100,
	FULL_MS = 5 * 60 * 1000, /* nothing could be written for so long: begin anew */
	BUCKETS = 33, /* remaining time by its highest bit */
};

METRIC_COUNTER(ended, "posthouse_kv_expired_total", "", "Entries removed whose time was up.");
METRIC_COUNTER(evicted, "posthouse_kv_evicted_total", "",
	"Entries removed before their time for want of room.");
METRIC_GAUGE(bytes_used, "posthouse_kv_bytes", "", "Pages of the key-value store in use.");
METRIC_GAUGE(entries, "posthouse_kv_entries", "", "Entries of the key-value store.");

/* ---- walking ---- */

/* One step over entries in the order of keys. */
struct walk {
	struct kv *kv;
	bool writing;
	slice from; /* the first key is behind it; empty: from the start */
	size_t most; /* entries looked at */
	/* Called for each: LMDB's code. */
	int (*entry)(struct walk *w, MDB_cursor *cursor, slice key, const struct kv_record *rec);
	void *arg;
	char last[KV_KEY_MAX]; /* where it ended */
	size_t last_n; /* 0: at the end of all */
};

static slice key_of(const MDB_val *k)
{
	return slice_of(k->mv_data, k->mv_size);
}

static int first_entry(const struct walk *w, MDB_cursor *c, MDB_val *k, MDB_val *v)
{
	*k = (MDB_val){w->from.n, (void *)w->from.p};
	int rc = mdb_cursor_get(c, k, v, w->from.n ? MDB_SET_RANGE : MDB_FIRST);
	if (rc == 0 && slice_eq(key_of(k), w->from))
		rc = mdb_cursor_get(c, k, v, MDB_NEXT);
	return rc;
}

static int walk_entries(struct walk *w, MDB_cursor *c)
{
	MDB_val k, v;
	struct kv_record rec;
	int rc = first_entry(w, c, &k, &v);
	w->last_n = 0;
	for (size_t n = 0; rc == 0; n++) {
		if (k.mv_size == 0 || k.mv_size > KV_KEY_MAX)
			return MDB_CORRUPTED;
		if (n == w->most)
			return 0;
		w->last_n = k.mv_size;
		memcpy(w->last, k.mv_data, k.mv_size);
		if (kv_record_of(&v, &rec))
			rc = w->entry(w, c, key_of(&k), &rec);
		else if (w->writing)
			rc = mdb_cursor_del(c, 0);
		if (rc == 0)
			rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
	}
	if (rc == MDB_NOTFOUND) {
		w->last_n = 0;
		rc = 0;
	}
	return rc;
}

static int walk(struct walk *w)
{
	struct kv_db *db = w->kv->db;
	MDB_txn *txn;
	MDB_cursor *c;
	int rc = mdb_txn_begin(db->env, NULL, w->writing ? 0 : MDB_RDONLY, &txn);
	if (rc)
		return rc;
	rc = mdb_cursor_open(txn, db->dbi, &c);
	if (rc == 0) {
		rc = walk_entries(w, c);
		mdb_cursor_close(c);
	}
	if (rc || !w->writing) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

/* ---- what has ended ---- */

struct sweeping {
	int64_t now;
	uint64_t found;
};

static int see_ended(struct walk *w, MDB_cursor *c, slice key, const struct kv_record *rec)
{
	struct sweeping *s = w->arg;
	(void)c, (void)key;
	s->found += rec->ends <= s->now;
	return 0;
}

static int delete_ended(struct walk *w, MDB_cursor *c, slice key, const struct kv_record *rec)
{
	struct sweeping *s = w->arg;
	(void)key;
	if (rec->ends > s->now)
		return 0;
	s->found++;
	return mdb_cursor_del(c, 0);
}

/* Looks first, so that nothing is locked or written where nothing is to do. */
static int sweep_some(struct kv *kv)
{
	struct kv_sweep *sw = &kv->sweep;
	struct sweeping s = {.now = kv_now(kv)};
	size_t most = kv_chunk(kv->db);
	struct walk w = {.kv = kv,
		.from = slice_of(sw->at, sw->at_n),
		.most = most < STEP_ENTRIES ? most : STEP_ENTRIES,
		.entry = see_ended,
		.arg = &s};
	int rc = walk(&w);
	if (rc == 0 && s.found > 0) {
		s.found = 0;
		w.entry = delete_ended;
		w.writing = true;
		rc = walk(&w);
		if (rc == 0)
			metric_add(&ended, (int64_t)s.found);
	}
	memcpy(sw->at, w.last, w.last_n);
	sw->at_n = w.last_n;
	return rc;
}

/* ---- making room ---- */

struct eviction {
	int64_t now;
	uint64_t bytes[BUCKETS], total;
	unsigned cut; /* entries of this bucket and those below go */
	uint64_t wanted, gone, count;
	size_t chunk; /* deleted in this transaction; at most */
};

static unsigned bucket(const struct eviction *ev, const struct kv_record *rec)
{
	int64_t left = rec->ends - ev->now;
	return left <= 0 ? 0
	       : 64 - (unsigned)__builtin_clzll((uint64_t)left) > BUCKETS - 1
		       ? BUCKETS - 1
		       : 64 - (unsigned)__builtin_clzll((uint64_t)left);
}

static uint64_t weight(slice key, const struct kv_record *rec)
{
	enum { NODE = 16 };
	return key.n + rec->value.n + NODE;
}

static int tally(struct walk *w, MDB_cursor *c, slice key, const struct kv_record *rec)
{
	struct eviction *ev = w->arg;
	(void)c;
	ev->bytes[bucket(ev, rec)] += weight(key, rec);
	ev->total += weight(key, rec);
	return 0;
}

static int evict(struct walk *w, MDB_cursor *c, slice key, const struct kv_record *rec)
{
	struct eviction *ev = w->arg;
	if (ev->gone >= ev->wanted || ev->chunk == 0 || bucket(ev, rec) > ev->cut)
		return 0;
	ev->gone += weight(key, rec);
	ev->count++;
	ev->chunk--;
	return mdb_cursor_del(c, 0);
}

/* All entries once, in steps, so that others can write between them. */
static int walk_all(struct walk *w, struct eviction *ev)
{
	AUTO(free) char *from = mem_alloc(KV_KEY_MAX);
	w->from = (slice){0};
	do {
		ev->chunk = kv_chunk(w->kv->db) / 2;
		int rc = walk(w);
		if (rc)
			return rc;
		memcpy(from, w->last, w->last_n);
		w->from = slice_of(from, w->last_n);
	} while (w->last_n > 0 && (!w->writing || ev->gone < ev->wanted));
	return 0;
}

static int evict_soonest(struct kv *kv)
{
	struct eviction ev = {.now = kv_now(kv)};
	struct walk w = {.kv = kv, .most = WALK_ENTRIES, .entry = tally, .arg = &ev};
	int rc = walk_all(&w, &ev);
	if (rc)
		return rc;
	ev.wanted = ev.total * EVICT_PERCENT / 100;
	for (uint64_t sum = 0; ev.cut < BUCKETS; ev.cut++)
		if ((sum += ev.bytes[ev.cut]) >= ev.wanted)
			break;
	w.writing = true;
	w.most = kv_chunk(kv->db) / 2;
	w.entry = evict;
	rc = walk_all(&w, &ev);
	metric_add(&evicted, (int64_t)ev.count);
	log_info(NULL, "kv.evicted", F("entries", ev.count), F("of_bytes", ev.total),
		F("bytes", ev.gone));
	return rc;
}

/* Nothing can be written: for a while that may be a reader that was stopped, then it is time to
 * begin anew. */
static void still_full(struct kv *kv, int rc)
{
	struct kv_sweep *sw = &kv->sweep;
	if (rc == 0)
		sw->full_since = 0;
	else if (sw->full_since == 0)
		sw->full_since = instant_now();
	else if (instant_now() - sw->full_since > FULL_MS * MSEC) {
		kv_db_move_aside(kv->dir, kv->db, "full, and nothing can be removed");
		sw->look_at = sw->full_since = 0; /* it is no longer the file of its name */
	}
}

void kv_make_room(struct kv *kv, bool now)
{
	struct kv_sweep *sw = &kv->sweep;
	uint64_t used, all;
	int dead;
	kv_db_pages(kv->db, &used, &all);
	uint64_t high = all * HIGH_PERCENT / 100;
	if (!now && (sw->turn < 0 || used < (high > sw->evict_again ? high : sw->evict_again)))
		return;
	AUTO(fd) int turn = kv_lock_file(kv->dir, "room", now ? ROOM_WAIT_MS * MSEC : 0);
	if (turn < 0)
		return; /* somebody else is at it */
	mdb_reader_check(kv->db->env, &dead);
	int rc = evict_soonest(kv);
	kv_db_pages(kv->db, &used, &all);
	sw->evict_again = used + all * AGAIN_PERCENT / 100;
	still_full(kv, now ? rc : 0);
}

/* ---- the sweeper's round ---- */

static bool have_turn(struct kv *kv)
{
	struct kv_sweep *sw = &kv->sweep;
	if (sw->turn < 0 && instant_now() >= sw->turn_at) {
		sw->turn_at = instant_in(OTHERS_MS * MSEC);
		sw->turn = kv_lock_file(kv->dir, "sweep", 0);
	}
	return sw->turn >= 0;
}

static void sync_now_and_then(struct kv *kv)
{
	struct kv_sweep *sw = &kv->sweep;
	MDB_envinfo info;
	if (instant_now() < sw->sync_at || mdb_env_info(kv->db->env, &info) != 0)
		return;
	sw->sync_at = instant_in(SYNC_MS * MSEC);
	if (info.me_last_txnid == sw->synced)
		return;
	int rc = mdb_env_sync(kv->db->env, 1);
	if (rc)
		kv_tell(kv, "sync", kv_fault_text(rc));
	else
		sw->synced = info.me_last_txnid;
}

static void measure(struct kv *kv)
{
	MDB_stat st;
	uint64_t used, all;
	kv_db_pages(kv->db, &used, &all);
	metric_set(&bytes_used, (int64_t)(used * (uint64_t)sysconf(_SC_PAGESIZE)));
	if (mdb_env_stat(kv->db->env, &st) == 0)
		metric_set(&entries, (int64_t)st.ms_entries);
}

static void met(struct kv *kv, int rc)
{
	enum kv_fault fault = kv_fault_of(rc);
	if (fault < KV_REOPEN)
		return;
	pthread_mutex_lock(&kv->lock);
	kv->broken = fault;
	pthread_mutex_unlock(&kv->lock);
}

void kv_sweep_step(struct kv *kv)
{
	struct kv_sweep *sw = &kv->sweep;
	int dead;
	if (!have_turn(kv) || instant_now() < sw->step_at)
		return;
	sw->step_at = instant_in(STEP_MS * MSEC);
	int rc = 0;
	for (size_t n = 0; n < STEP_ENTRIES && rc == 0; n += kv_chunk(kv->db)) {
		rc = sweep_some(kv);
		if (sw->at_n == 0)
			break;
	}
	met(kv, rc);
	if (instant_now() >= sw->check_at) {
		sw->check_at = instant_in(CHECK_MS * MSEC);
		mdb_reader_check(kv->db->env, &dead);
		measure(kv);
	}
	sync_now_and_then(kv);
}

int64_t kv_sweep_wait(const struct kv *kv)
{
	return (kv->sweep.turn < 0 ? OTHERS_MS : STEP_MS) * MSEC;
}

void kv_sweep_done(struct kv *kv)
{
	if (kv->sweep.turn >= 0)
		close(kv->sweep.turn);
	kv->sweep = (struct kv_sweep){.turn = -1};
}
