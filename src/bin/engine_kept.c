/*
 * Answers of engines by the digest of what they looked at (engine.h), bounded, oldest out first. One is good
 * for [engines] kept_for, and as long as the engine's signatures are those that gave it.
 */
#include "bin/engine.h"

#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

struct answer {
	struct list node;
	char key[1 + ENGINE_DIGEST];
	uint64_t version;
	instant until;
	bool infected;
	char virus[ENGINE_VIRUS_MAX];
	uint8_t virus_n;
};

struct engine_kept {
	size_t most;
	int64_t good_for;
	struct map by_key;
	struct list oldest_first;
};

_Static_assert(ENGINE_VIRUS_MAX <= UINT8_MAX, "virus_n");
_Static_assert(ENGINES_MAX <= UINT8_MAX, "key");

struct engine_kept *engine_kept_new(const struct engines_conf *c)
{
	struct engine_kept *k = NEW(struct engine_kept);
	k->most = (size_t)c->kept;
	k->good_for = c->kept_for;
	list_init(&k->oldest_first);
	return k;
}

static void drop(struct engine_kept *k, struct answer *w)
{
	map_remove(&k->by_key, slice_of(w->key, sizeof w->key));
	list_remove(&w->node);
	free(w);
}

static struct answer *oldest(struct engine_kept *k)
{
	return list_empty(&k->oldest_first) ? NULL
					    : list_entry(k->oldest_first.next, struct answer, node);
}

void engine_kept_free(struct engine_kept *k)
{
	if (!k)
		return;
	for (struct answer *w; (w = oldest(k));)
		drop(k, w);
	map_done(&k->by_key);
	free(k);
}

static void make_key(char key[1 + ENGINE_DIGEST], const struct engine *g, const uint8_t *digest)
{
	key[0] = (char)g->index;
	memcpy(key + 1, digest, ENGINE_DIGEST);
}

bool engine_kept_get(struct engine_kept *k, const struct engine *g, const uint8_t *digest,
	struct arena *a, struct engine_found *ret)
{
	char key[1 + ENGINE_DIGEST];
	make_key(key, g, digest);
	struct answer *w = map_get(&k->by_key, slice_of(key, sizeof key));
	if (!w)
		return false;
	if (w->until <= instant_now() || w->version != hash_keyed(slice_z(g->version))) {
		drop(k, w);
		return false;
	}
	*ret = (struct engine_found){w->infected, arena_dup(a, slice_of(w->virus, w->virus_n))};
	return true;
}

void engine_kept_put(struct engine_kept *k, const struct engine *g, const uint8_t *digest,
	const struct engine_found *f)
{
	struct answer *w = NEW(struct answer);
	slice virus = slice_first(f->virus, sizeof w->virus);
	make_key(w->key, g, digest);
	struct answer *was = map_get(&k->by_key, slice_of(w->key, sizeof w->key));
	if (was)
		drop(k, was);
	w->version = hash_keyed(slice_z(g->version));
	w->until = instant_in(k->good_for);
	w->infected = f->infected;
	w->virus_n = (uint8_t)virus.n;
	memcpy(w->virus, virus.p ? virus.p : "", virus.n);
	map_put(&k->by_key, slice_of(w->key, sizeof w->key), w);
	list_append(&k->oldest_first, &w->node);
	while (k->by_key.n > k->most)
		drop(k, oldest(k));
}
