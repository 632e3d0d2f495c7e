/*
 * Open packs of a process (pack_in.h). At most PACK_CACHE_MAX stay open; more only while in use.
 * Once a second files that were removed or replaced by gc are closed, so that their space becomes
 * free.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "store/pack_in.h"

#include <sys/stat.h>

enum { SLOTS = PACK_CACHE_MAX + 64 }; /* the rest only while readers hold more than that */

void pack_cache_init(struct pack_cache *c, int dir)
{
	*c = (struct pack_cache){.dir = dir};
	c->slots = mem_alloc(SLOTS * sizeof *c->slots);
	pthread_mutex_init(&c->lock, NULL);
}

void pack_cache_done(struct pack_cache *c)
{
	for (int i = 0; i < SLOTS; i++) {
		must(!c->slots[i] || !c->slots[i]->refs);
		pack_in_close(c->slots[i]);
	}
	free(c->slots);
	pthread_mutex_destroy(&c->lock);
}

static void drop(struct pack_cache *c, int slot)
{
	pack_in_close(take(&c->slots[slot]));
}

static void close_removed(struct pack_cache *c)
{
	instant now = instant_now();
	if (now < c->swept_at + SECOND)
		return;
	c->swept_at = now;
	struct stat st;
	for (int i = 0; i < SLOTS; i++)
		if (c->slots[i] && !c->slots[i]->refs && fstat(c->slots[i]->fd, &st) == 0 &&
			!st.st_nlink)
			drop(c, i);
}

/* A free slot, made by closing the pack unused for longest when enough are open; -1 none. */
static int free_slot(struct pack_cache *c)
{
	int oldest = -1, empty = -1, n = 0;
	for (int i = 0; i < SLOTS; i++) {
		struct pack_in *p = c->slots[i];
		if (!p)
			empty = i;
		else if (!p->refs && (oldest < 0 || p->used < c->slots[oldest]->used))
			oldest = i;
		n += p != NULL;
	}
	if (oldest >= 0 && n >= PACK_CACHE_MAX) {
		drop(c, oldest);
		return oldest;
	}
	return empty;
}

static struct pack_in *find(struct pack_cache *c, uint32_t no)
{
	for (int i = 0; i < SLOTS; i++)
		if (c->slots[i] && c->slots[i]->no == no)
			return c->slots[i];
	return NULL;
}

int pack_cache_get(struct pack_cache *c, uint32_t no, struct pack_in **ret, struct err *e)
{
	pthread_mutex_lock(&c->lock);
	close_removed(c);
	struct pack_in *p = find(c, no);
	int r = 0;
	if (!p && (r = pack_in_open(c->dir, no, &p, e)) == 0) {
		int slot = free_slot(c);
		if (slot >= 0)
			c->slots[slot] = p;
		else
			p->used = UINT64_MAX; /* not in the cache: closed by put */
	}
	if (r == 0) {
		p->refs++;
		if (p->used != UINT64_MAX)
			p->used = ++c->clock;
		*ret = p;
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

void pack_cache_put(struct pack_cache *c, struct pack_in *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&c->lock);
	p->refs--;
	if (p->used == UINT64_MAX)
		pack_in_close(p);
	pthread_mutex_unlock(&c->lock);
}

void pack_cache_forget(struct pack_cache *c, uint32_t no)
{
	pthread_mutex_lock(&c->lock);
	for (int i = 0; i < SLOTS; i++)
		if (c->slots[i] && c->slots[i]->no == no && !c->slots[i]->refs)
			drop(c, i);
	pthread_mutex_unlock(&c->lock);
}
