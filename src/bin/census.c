/*
 * The shared table of connections (census.h). IPv6 peers count by /64 network, for that is what one
 * customer gets. Counts may be a little too high when addresses share buckets in both rows: with
 * 10,000 connections about one address in fifty by one; never too low.
 */
#include "bin/census.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/rand.h"
#include <errno.h>
#include <netinet/in.h>
#include <sys/mman.h>

enum { BUCKETS = 1 << CENSUS_BITS };

struct region {
	uint32_t used; /* else all zero, and nobody needs to look */
	uint32_t total;
	uint16_t rows[CENSUS_ROWS][BUCKETS];
};

struct table {
	uint64_t seeds[CENSUS_ROWS]; /* odd */
	struct region regions[CENSUS_REGIONS];
};

struct census {
	struct table *table;
	struct region *mine;
};

static struct table *map(int fd, struct err *e)
{
	void *p = mmap(NULL, sizeof(struct table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		return p;
	err_sys(e, errno, "census");
	return NULL;
}

int census_create(int *ret_fd, struct err *e)
{
	AUTO(fd) int fd = memfd_create("posthouse.census", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, sizeof(struct table)) < 0)
		return err_sys(e, errno, "census");
	struct table *t = map(fd, e);
	if (!t)
		return -1;
	for (int i = 0; i < CENSUS_ROWS; i++)
		t->seeds[i] = rand_u64() | 1;
	munmap(t, sizeof *t);
	*ret_fd = take_fd(&fd);
	return 0;
}

int census_open(int fd, unsigned region, struct census **ret, struct err *e)
{
	must(region <= CENSUS_REGIONS);
	struct table *t = map(fd, e);
	if (!t)
		return -1;
	struct census *c = NEW(struct census);
	c->table = t;
	if (region < CENSUS_REGIONS) {
		census_wipe(c, region);
		c->mine = &t->regions[region];
		__atomic_store_n(&c->mine->used, 1, __ATOMIC_RELAXED);
	}
	*ret = c;
	return 0;
}

void census_close(struct census *c)
{
	if (!c)
		return;
	munmap(c->table, sizeof *c->table);
	free(c);
}

void census_wipe(struct census *c, unsigned region)
{
	struct region *r = &c->table->regions[region];
	if (__atomic_exchange_n(&r->used, 0, __ATOMIC_RELAXED))
		memset(r, 0, sizeof *r);
}

static uint64_t place(const struct net_addr *a)
{
	uint64_t v = 0;
	if (a->ss.ss_family == AF_INET) {
		memcpy(&v, &((const struct sockaddr_in *)&a->ss)->sin_addr, 4);
	} else if (a->ss.ss_family == AF_INET6) {
		const struct in6_addr *ip = &((const struct sockaddr_in6 *)&a->ss)->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(ip))
			memcpy(&v, ip->s6_addr + 12, 4);
		else
			memcpy(&v, ip->s6_addr, 8);
	}
	return v + 1; /* 0 would share a bucket with nobody's choice of seed changing it */
}

/* Multiply-shift hashing: nobody outside can choose addresses that meet in one bucket. */
static unsigned bucket(const struct census *c, int row, uint64_t key)
{
	return (unsigned)((c->table->seeds[row] * key) >> (64 - CENSUS_BITS));
}

static int64_t sum(const struct census *c, uint64_t key, int64_t *ret_total)
{
	int64_t rows[CENSUS_ROWS] = {0};
	*ret_total = 0;
	for (int i = 0; i < CENSUS_REGIONS; i++) {
		const struct region *r = &c->table->regions[i];
		if (!__atomic_load_n(&r->used, __ATOMIC_RELAXED))
			continue;
		*ret_total += __atomic_load_n(&r->total, __ATOMIC_RELAXED);
		for (int j = 0; j < CENSUS_ROWS; j++)
			rows[j] +=
				__atomic_load_n(&r->rows[j][bucket(c, j, key)], __ATOMIC_RELAXED);
	}
	return rows[0] < rows[1] ? rows[0] : rows[1];
}

static void count(struct census *c, uint64_t key, int by)
{
	__atomic_fetch_add(&c->mine->total, (uint32_t)by, __ATOMIC_RELAXED);
	for (int i = 0; i < CENSUS_ROWS; i++)
		__atomic_fetch_add(
			&c->mine->rows[i][bucket(c, i, key)], (uint16_t)by, __ATOMIC_RELAXED);
}

static enum census_answer enter(struct census *c, uint64_t key, int64_t max, int64_t max_each)
{
	int64_t total;
	int64_t from_there = sum(c, key, &total);
	if (max && total >= max)
		return CENSUS_FULL;
	if (from_there >= UINT16_MAX - 1 || (max_each && from_there >= max_each))
		return CENSUS_FULL_FROM_THERE;
	count(c, key, 1);
	return CENSUS_FINE;
}

static void leave(struct census *c, uint64_t key)
{
	must(c->mine->total > 0);
	count(c, key, -1);
}

enum census_answer census_enter(
	struct census *c, const struct net_addr *from, int64_t max, int64_t max_per_ip)
{
	return enter(c, place(from), max, max_per_ip);
}

void census_leave(struct census *c, const struct net_addr *from)
{
	leave(c, place(from));
}

enum census_answer census_enter_number(struct census *c, uint64_t number, int64_t max_each)
{
	return enter(c, number + 1, 0, max_each);
}

void census_leave_number(struct census *c, uint64_t number)
{
	leave(c, number + 1);
}

unsigned census_from(const struct census *c, const struct net_addr *from)
{
	int64_t total;
	return (unsigned)sum(c, place(from), &total);
}

int64_t census_total(const struct census *c)
{
	int64_t total = 0;
	for (int i = 0; i < CENSUS_REGIONS; i++)
		total += __atomic_load_n(&c->table->regions[i].total, __ATOMIC_RELAXED);
	return total;
}

unsigned census_mine(const struct census *c)
{
	return c->mine->total;
}
