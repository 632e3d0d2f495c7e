/* Linear probing, tombstones, growth at three quarters. */
#include "base/map.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"

struct map_slot {
	char *key; /* NULL: free; DEAD: removed */
	uint32_t n, hash;
	void *value;
};

static char dead_mark;
#define DEAD (&dead_mark)

static struct map_slot *probe(const struct map *m, slice key, uint32_t h)
{
	struct map_slot *grave = NULL;
	for (size_t i = h & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct map_slot *s = &m->slots[i];
		if (!s->key)
			return grave ? grave : s;
		if (s->key == DEAD) {
			if (!grave)
				grave = s;
		} else if (s->hash == h && s->n == key.n && memcmp(s->key, key.p, key.n) == 0) {
			return s;
		}
	}
}

static bool lives(const struct map_slot *s)
{
	return s->key && s->key != DEAD;
}

static void grow(struct map *m)
{
	struct map old = *m;
	m->cap = old.n * 2 < 16 ? 16 : old.cap * (old.n * 2 > old.cap ? 2 : 1);
	m->slots = mem_alloc(m->cap * sizeof *m->slots);
	m->dead = 0;
	for (size_t i = 0; i < old.cap; i++)
		if (lives(&old.slots[i]))
			*probe(m, (slice){old.slots[i].key, old.slots[i].n}, old.slots[i].hash) = old.slots[i];
	free(old.slots);
}

void *map_get(const struct map *m, slice key)
{
	if (!m->n)
		return NULL;
	struct map_slot *s = probe(m, key, (uint32_t)hash_keyed(key));
	return lives(s) ? s->value : NULL;
}

void *map_put(struct map *m, slice key, void *value)
{
	must(value != NULL && key.n < UINT32_MAX);
	if ((m->n + m->dead + 1) * 4 > m->cap * 3)
		grow(m);
	uint32_t h = (uint32_t)hash_keyed(key);
	struct map_slot *s = probe(m, key, h);
	if (lives(s)) {
		void *old = s->value;
		s->value = value;
		return old;
	}
	if (s->key == DEAD)
		m->dead--;
	*s = (struct map_slot){mem_dup(key.p, key.n), (uint32_t)key.n, h, value};
	m->n++;
	return NULL;
}

void *map_remove(struct map *m, slice key)
{
	if (!m->n)
		return NULL;
	struct map_slot *s = probe(m, key, (uint32_t)hash_keyed(key));
	if (!lives(s))
		return NULL;
	free(s->key);
	s->key = DEAD;
	m->n--;
	m->dead++;
	return s->value;
}

void map_done(struct map *m)
{
	for (size_t i = 0; i < m->cap; i++)
		if (lives(&m->slots[i]))
			free(m->slots[i].key);
	free(m->slots);
	*m = (struct map){0};
}

bool map_next(const struct map *m, size_t *i, slice *ret_key, void **ret_value)
{
	for (; *i < m->cap; ++*i) {
		struct map_slot *s = &m->slots[*i];
		if (lives(s)) {
			*ret_key = (slice){s->key, s->n};
			*ret_value = s->value;
			++*i;
			return true;
		}
	}
	return false;
}
