/*
 * The shared table of rates (rate.h): sets of eight slots, one a key and kind. Each process adds to
 * the same slots with atomic additions; two that claim the same slot at once, or turn its window at
 * once, may lose a count. The window turns at multiples of its length.
 *
 * Counted by the door, by caps.c and by the trace's brake. Kinds of a day are in the key-value
 * store, one counter a day: "rate:KIND:DAY:KEY".
 */
#include "defence/rate.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/rand.h"
#include "store/kv.h"
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sys/mman.h>

enum { SETS = 1 << 15, WAYS = 8, DAY_SECONDS = 86400 };

struct slot {
	uint64_t key; /* 0: free */
	uint32_t window; /* number of the one that `now` counts */
	uint32_t now, before;
	uint32_t seconds; /* length of its windows */
};

struct table {
	uint64_t seed[2];
	struct slot sets[SETS][WAYS];
};

struct rates {
	struct table *table;
	struct kv *kv;
	int64_t (*clock)(void);
};

static const uint32_t lengths[RATE_KINDS] = {
	[RATE_CONNECTIONS] = 60,
	[RATE_NETWORK] = 60,
	[RATE_MESSAGES] = 60,
	[RATE_SENDER_MESSAGES] = 900,
	[RATE_SENDER_RCPTS] = 900,
	[RATE_SENDER_MESSAGES_DAY] = DAY_SECONDS,
	[RATE_SENDER_RCPTS_DAY] = DAY_SECONDS,
	[RATE_COMMANDS] = 3600,
	[RATE_ERRORS] = 3600,
	[RATE_AUTH_FAILURES] = 3600,
	[RATE_UNKNOWN_RCPTS] = 3600,
	[RATE_GOOD_RCPTS] = 3600,
	[RATE_OFFENCES] = 3600,
	[RATE_LOGINS] = 3600,
	[RATE_TRACES] = 3600,
	[RATE_LOGIN_MESSAGES] = 900,
	[RATE_LOGIN_RCPTS] = 900,
	[RATE_LOGIN_MESSAGES_DAY] = DAY_SECONDS,
	[RATE_LOGIN_RCPTS_DAY] = DAY_SECONDS,
	[RATE_ORG_MESSAGES] = 900,
	[RATE_ORG_RCPTS] = 900,
	[RATE_ORG_MESSAGES_DAY] = DAY_SECONDS,
	[RATE_ORG_RCPTS_DAY] = DAY_SECONDS,
	[RATE_WEB_REQUESTS] = 60,
	[RATE_WEB_BAD] = 3600,
	[RATE_WEB_REPORTS] = 3600,
	[RATE_WEB_DIGESTS] = 3600,
};

static int64_t clock_seconds(void)
{
	return instant_now() / SECOND; /* monotonic: the same for all processes of the machine */
}

/* ---- memory ---- */

static struct table *map(int fd, struct err *e)
{
	int how = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *p = mmap(NULL, sizeof(struct table), PROT_READ | PROT_WRITE, how, fd, 0);
	if (p != MAP_FAILED)
		return p;
	err_sys(e, errno, "rates");
	return NULL;
}

int rates_create(int *ret_fd, struct err *e)
{
	AUTO(fd) int fd = memfd_create("posthouse.rates", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, sizeof(struct table)) < 0)
		return err_sys(e, errno, "rates");
	struct table *t = map(fd, e);
	if (!t)
		return -1;
	rand_bytes(t->seed, sizeof t->seed);
	munmap(t, sizeof *t);
	*ret_fd = take_fd(&fd);
	return 0;
}

int rates_open(int fd, struct kv *kv, struct rates **ret, struct err *e)
{
	struct table *t = map(fd, e);
	if (!t)
		return -1;
	if (fd < 0)
		rand_bytes(t->seed, sizeof t->seed);
	struct rates *r = NEW(struct rates);
	*r = (struct rates){t, kv, clock_seconds};
	*ret = r;
	return 0;
}

void rates_close(struct rates *r)
{
	if (!r)
		return;
	munmap(r->table, sizeof *r->table);
	free(r);
}

void rates_set_clock(struct rates *r, int64_t (*now)(void))
{
	r->clock = now ? now : clock_seconds;
}

void rates_set_kv(struct rates *r, struct kv *kv)
{
	r->kv = kv;
}

/* ---- slots ---- */

static uint64_t key_of(const struct rates *r, enum rate_kind kind, slice key)
{
	uint64_t seed[2] = {r->table->seed[0] + kind, r->table->seed[1]};
	uint64_t h = hash_with(seed, key);
	return h ? h : 1;
}

static struct slot *find(struct rates *r, uint64_t key)
{
	struct slot *set = r->table->sets[key % SETS];
	for (int i = 0; i < WAYS; i++)
		if (__atomic_load_n(&set[i].key, __ATOMIC_RELAXED) == key)
			return &set[i];
	return NULL;
}

/* What a slot is worth keeping: nothing when both its windows are past, else how much it counts. */
static uint32_t worth(const struct slot *s, int64_t now)
{
	if (!s->key || !s->seconds || now / s->seconds > (int64_t)s->window + 1)
		return 0;
	return 1 + s->now + s->before;
}

static struct slot *claim(struct rates *r, uint64_t key, uint32_t seconds, int64_t now)
{
	struct slot *set = r->table->sets[key % SETS];
	struct slot *least = &set[0];
	for (int i = 1; i < WAYS; i++)
		if (worth(&set[i], now) < worth(least, now))
			least = &set[i];
	least->now = least->before = 0;
	least->seconds = seconds;
	least->window = (uint32_t)(now / seconds);
	__atomic_store_n(&least->key, key, __ATOMIC_RELEASE);
	return least;
}

/* Makes the slot's window the present one. */
static void turn(struct slot *s, uint32_t window)
{
	uint32_t was = __atomic_load_n(&s->window, __ATOMIC_RELAXED);
	if (was == window || !__atomic_compare_exchange_n(&s->window, &was, window, false,
				     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	uint32_t now = __atomic_exchange_n(&s->now, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&s->before, was + 1 == window ? now : 0, __ATOMIC_RELAXED);
}

static int64_t slide(int64_t before, int64_t now, int64_t left, int64_t length)
{
	return now + before * left / length;
}

static int64_t slot_value(const struct slot *s, int64_t now)
{
	int64_t length = s->seconds, window = now / length;
	if (window == s->window)
		return slide(s->before, s->now, length - now % length, length);
	return window == (int64_t)s->window + 1 ? slide(s->now, 0, length - now % length, length)
						: 0;
}

/* ---- days ---- */

static void day_key(struct buf *out, enum rate_kind kind, int64_t day, slice key)
{
	buf_reset(out);
	buf_printf(out, "rate:%d:%" PRId64 ":", (int)kind, day);
	buf_put(out, slice_first(key, KV_KEY_MAX - out->n));
}

static int64_t day_get(struct rates *r, enum rate_kind kind, slice key)
{
	AUTO(buf) struct buf text = BUF(KV_KEY_MAX);
	int64_t seconds = wall_now() / SECOND, day = seconds / DAY_SECONDS;
	int64_t now = 0, before = 0;
	if (!r->kv)
		return 0;
	day_key(&text, kind, day, key);
	kv_count(r->kv, buf_slice(&text), &now);
	day_key(&text, kind, day - 1, key);
	kv_count(r->kv, buf_slice(&text), &before);
	return slide(before, now, DAY_SECONDS - seconds % DAY_SECONDS, DAY_SECONDS);
}

static void day_add(struct rates *r, enum rate_kind kind, slice key, int64_t n)
{
	AUTO(buf) struct buf text = BUF(KV_KEY_MAX);
	if (!r->kv)
		return;
	day_key(&text, kind, wall_now() / SECOND / DAY_SECONDS, key);
	kv_add(r->kv, buf_slice(&text), n, 2 * DAY_SECONDS);
}

/* ---- all of them ---- */

void rates_add(struct rates *r, enum rate_kind kind, slice key, int64_t n)
{
	uint32_t length = lengths[kind];
	if (length == DAY_SECONDS) {
		day_add(r, kind, key, n);
		return;
	}
	int64_t now = r->clock();
	uint64_t k = key_of(r, kind, key);
	struct slot *s = find(r, k);
	if (!s)
		s = claim(r, k, length, now);
	turn(s, (uint32_t)(now / length));
	__atomic_fetch_add(&s->now, (uint32_t)n, __ATOMIC_RELAXED);
}

int64_t rates_get(struct rates *r, enum rate_kind kind, slice key)
{
	if (lengths[kind] == DAY_SECONDS)
		return day_get(r, kind, key);
	const struct slot *s = find(r, key_of(r, kind, key));
	return s && s->seconds ? slot_value(s, r->clock()) : 0;
}

int64_t rates_count(struct rates *r, enum rate_kind kind, slice key, int64_t n)
{
	rates_add(r, kind, key, n);
	return rates_get(r, kind, key);
}

/* ---- keys ---- */

static slice address_part(const struct net_addr *a, size_t v4, size_t v6, char out[RATE_KEY_MAX])
{
	struct net_addr plain = *a;
	net_unmap(&plain);
	if (plain.ss.ss_family == AF_INET) {
		out[0] = '4';
		memcpy(out + 1, &((const struct sockaddr_in *)&plain.ss)->sin_addr, v4);
		return slice_of(out, 1 + v4);
	}
	if (plain.ss.ss_family == AF_INET6) {
		out[0] = '6';
		memcpy(out + 1, &((const struct sockaddr_in6 *)&plain.ss)->sin6_addr, v6);
		return slice_of(out, 1 + v6);
	}
	out[0] = 'u';
	return slice_of(out, 1);
}

slice rate_key_address(const struct net_addr *a, char out[RATE_KEY_MAX])
{
	return address_part(a, 4, 8, out);
}

slice rate_key_network(const struct net_addr *a, char out[RATE_KEY_MAX])
{
	return address_part(a, 3, 6, out);
}
