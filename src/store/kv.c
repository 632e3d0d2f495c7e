/*
 * kv: what callers see (kv.h). Reading looks at the changes that wait and then at the database, in
 * the caller's thread; writing only notes the change and wakes the writing thread (kv_write.c).
 * One mutex, held for some microseconds at most; what may take longer is done without it.
 */
#include "store/kv_impl.h"

#include "base/hex.h"
#include "base/mem.h"
#include "base/must.h"
#include "run/conf.h"
#include "run/log.h"
#include "run/pool.h"

#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>

#define T struct kv_conf
static const struct conf_key kv_keys[] = {
	CONF_KEY_SIZE(T, size, "256m", 16 << 20, 1LL << 40,
		"Room for counters, greylist, reputation and the like (DATA/kv). When it is full, "
		"what would be forgotten soonest goes first.",
		"计数、灰名单、信誉等数据（DATA/kv）可用的空间。满时最先删除最快到期的内容。"),
	CONF_END};
#undef T
const struct conf_section kv_section = {.name = "kv",
	.keys = kv_keys,
	.size = sizeof(struct kv_conf),
	.doc_en = "What the server remembers about senders. Losing it never stops mail.",
	.doc_zh = "服务器对发件方的记忆。丢失它不影响收发邮件。"};

/* ---- opening and closing ---- */

static void init_cond(pthread_cond_t *c)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

/* With the lock; false when the time is up. */
static bool wait_done(struct kv *kv, instant deadline)
{
	struct timespec t = {.tv_sec = deadline / SECOND, .tv_nsec = deadline % SECOND * 1000};
	if (instant_now() >= deadline)
		return false;
	pthread_cond_timedwait(&kv->done, &kv->lock, &t);
	return true;
}

static void start_writer(struct kv *kv)
{
	sigset_t all, before;
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGSYS);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&kv->thread, NULL, kv_writer, kv);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) { /* nothing is known then, and nothing kept */
		log_error(NULL, "kv.thread", F("errno", r));
		kv->ended = kv->tried = true;
	}
}

struct kv *kv_open(slice dir, uint64_t size)
{
	struct kv *kv = NEW(struct kv);
	if (dir.n + sizeof "/kv" > KV_PATH_MAX || asprintf(&kv->dir, "%.*s/kv", SFMT(dir)) < 0)
		kv->dir = mem_dup("/nonexistent/kv", 15);
	kv->size = size;
	kv->sweep.turn = -1;
	pthread_mutex_init(&kv->lock, NULL);
	init_cond(&kv->wake);
	init_cond(&kv->done);
	start_writer(kv);
	instant deadline = instant_in(KV_OPEN_MS * MSEC);
	pthread_mutex_lock(&kv->lock);
	while (!kv->tried && wait_done(kv, deadline))
		;
	pthread_mutex_unlock(&kv->lock);
	return kv;
}

void kv_close(struct kv *kv)
{
	if (!kv)
		return;
	instant deadline = instant_in(KV_OPEN_MS * MSEC);
	pthread_mutex_lock(&kv->lock);
	bool thread = !kv->ended;
	kv->stop = true;
	pthread_cond_signal(&kv->wake);
	while (!kv->ended && wait_done(kv, deadline))
		;
	bool ended = kv->ended;
	pthread_mutex_unlock(&kv->lock);
	if (!ended) { /* another process holds the lock and does not run: the thread stays */
		log_warn(NULL, "kv.close", F("lost", (uint64_t)kv->writing.n));
		pthread_detach(kv->thread);
		return;
	}
	if (thread)
		pthread_join(kv->thread, NULL);
	kv_batch_done(&kv->gathering);
	kv_batch_done(&kv->writing);
	pthread_cond_destroy(&kv->wake);
	pthread_cond_destroy(&kv->done);
	pthread_mutex_destroy(&kv->lock);
	free(kv->dir);
	free(kv);
}

bool kv_works(struct kv *kv)
{
	pthread_mutex_lock(&kv->lock);
	bool works = kv->db && !kv->broken;
	pthread_mutex_unlock(&kv->lock);
	return works;
}

int64_t kv_now(const struct kv *kv)
{
	int64_t (*clock)(void) = __atomic_load_n(&kv->clock, __ATOMIC_RELAXED);
	return clock ? clock() : wall_now() / SECOND;
}

void kv_set_clock(struct kv *kv, int64_t (*now)(void))
{
	__atomic_store_n(&kv->clock, now, __ATOMIC_RELAXED);
}

/* ---- keys ---- */

enum { DIGEST = 16 };

/* The key as it is stored: a long one cut, with a digest of all of it. */
static slice stored_key(slice key, char out[KV_KEY_MAX])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n;
	if (key.n <= KV_KEY_MAX)
		return key;
	must(EVP_Digest(key.p, key.n, digest, &n, EVP_sha256(), NULL) == 1);
	struct buf hex = BUF(2 * DIGEST);
	hex_encode(&hex, slice_of(digest, DIGEST));
	size_t keep = KV_KEY_MAX - 2 * DIGEST - 1;
	memcpy(out, key.p, keep);
	out[keep] = '#';
	memcpy(out + keep + 1, hex.p, 2 * DIGEST);
	buf_done(&hex);
	return slice_of(out, KV_KEY_MAX);
}

/* ---- reading ---- */

/* What the database has, the transaction that was seen, and what waits behind it. */
struct look {
	struct kv_record rec;
	const struct kv_pending *waiting[2]; /* oldest first; NULL: nothing */
	bool open; /* the transaction */
};

/* With the lock. rec's bytes are good until look_end. */
static enum kv_status look(struct kv *kv, slice key, struct look *l)
{
	uint64_t seen = 0;
	*l = (struct look){0};
	const struct kv_pending *old = map_get(&kv->writing.by_key, key);
	l->waiting[1] = map_get(&kv->gathering.by_key, key);
	if (!kv->db || kv->broken)
		return KV_UNKNOWN;
	kv_guard_in();
	int rc = mdb_txn_renew(kv->db->reader);
	if (rc == 0) {
		l->open = true;
		seen = mdb_txn_id(kv->db->reader);
		rc = kv_db_read(kv->db, kv->db->reader, key, kv_now(kv), &l->rec);
	}
	kv_guard_out();
	if (old && !(old->txn && seen >= old->txn))
		l->waiting[0] = old;
	if (rc == 0)
		return KV_FOUND;
	l->rec = (struct kv_record){0};
	if (rc == MDB_NOTFOUND)
		return KV_ABSENT;
	if (kv_fault_of(rc) >= KV_REOPEN) {
		kv->broken = kv_fault_of(rc);
		pthread_cond_signal(&kv->wake);
	}
	return KV_UNKNOWN;
}

static void look_end(struct kv *kv, const struct look *l)
{
	if (l->open)
		mdb_txn_reset(kv->db->reader);
}

enum kv_status kv_get(struct kv *kv, slice key, struct arena *a, slice *ret)
{
	char room[KV_KEY_MAX];
	struct look l;
	pthread_mutex_lock(&kv->lock);
	enum kv_status st = look(kv, stored_key(key, room), &l);
	for (int i = 0; i < 2 && st != KV_UNKNOWN; i++)
		if (l.waiting[i] && l.waiting[i]->replaces) {
			l.rec.value = l.waiting[i]->value;
			st = l.waiting[i]->has_value ? KV_FOUND : KV_ABSENT;
		}
	if (st == KV_FOUND)
		*ret = arena_dup(a, l.rec.value);
	look_end(kv, &l);
	pthread_mutex_unlock(&kv->lock);
	return st;
}

static int64_t add_up(int64_t a, int64_t b)
{
	int64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? (b > 0 ? INT64_MAX : INT64_MIN) : sum;
}

enum kv_status kv_count(struct kv *kv, slice key, int64_t *ret)
{
	char room[KV_KEY_MAX];
	struct look l;
	pthread_mutex_lock(&kv->lock);
	enum kv_status st = look(kv, stored_key(key, room), &l);
	int64_t n = st == KV_FOUND ? kv_number(l.rec.value) : 0;
	for (int i = 0; i < 2 && st != KV_UNKNOWN; i++) {
		const struct kv_pending *p = l.waiting[i];
		if (!p)
			continue;
		if (p->replaces) {
			n = p->has_value ? kv_number(p->value) : 0;
			st = p->has_value ? KV_FOUND : KV_ABSENT;
		}
		n = add_up(n, p->add);
		st = p->adds ? KV_FOUND : st;
	}
	look_end(kv, &l);
	pthread_mutex_unlock(&kv->lock);
	*ret = n;
	return st;
}

/* ---- writing ---- */

/* Takes the lock; false: there is no room for one more (then the lock is not held). */
static bool begin_change(struct kv *kv)
{
	pthread_mutex_lock(&kv->lock);
	if (!kv->ended && kv->gathering.n + kv->writing.n < KV_PENDING_MAX &&
		kv->gathering.mem.total + kv->writing.mem.total < KV_PENDING_BYTES)
		return true;
	pthread_mutex_unlock(&kv->lock);
	kv_count_dropped(1);
	return false;
}

static void end_change(struct kv *kv)
{
	bool wake = kv->idle;
	kv->idle = false;
	if (wake)
		pthread_cond_signal(&kv->wake);
	pthread_mutex_unlock(&kv->lock);
}

void kv_put(struct kv *kv, slice key, slice value, uint32_t ttl)
{
	char room[KV_KEY_MAX];
	if (value.n > KV_VALUE_MAX) {
		kv_count_dropped(1);
		return;
	}
	if (!begin_change(kv))
		return;
	kv_pending_put(&kv->gathering, stored_key(key, room), value, kv_now(kv) + ttl);
	end_change(kv);
}

void kv_delete(struct kv *kv, slice key)
{
	char room[KV_KEY_MAX];
	if (!begin_change(kv))
		return;
	kv_pending_delete(&kv->gathering, stored_key(key, room));
	end_change(kv);
}

void kv_add(struct kv *kv, slice key, int64_t n, uint32_t ttl)
{
	char room[KV_KEY_MAX];
	if (!begin_change(kv))
		return;
	kv_pending_add(&kv->gathering, stored_key(key, room), n, kv_now(kv) + ttl);
	end_change(kv);
}

void kv_update(struct kv *kv, slice key, kv_change change, slice arg, uint32_t ttl)
{
	char room[KV_KEY_MAX];
	if (!begin_change(kv))
		return;
	kv_pending_update(&kv->gathering, stored_key(key, room), change, arg, kv_now(kv) + ttl);
	end_change(kv);
}

/* ---- flushing ---- */

static void flush(void *arg)
{
	struct kv *kv = arg;
	instant deadline = instant_in(KV_FLUSH_MS * MSEC);
	pthread_mutex_lock(&kv->lock);
	uint64_t want = kv->gathered + (kv->gathering.n > 0);
	kv->hurry = true;
	pthread_cond_signal(&kv->wake);
	while (kv->written < want && !kv->ended && wait_done(kv, deadline))
		;
	pthread_mutex_unlock(&kv->lock);
}

void kv_flush(struct kv *kv)
{
	pool_call(flush, kv);
}
