/*
 * Which addresses could not be reached lately: they are tried last, so a message does not wait for
 * the dead half of a pair. Whole destinations that are down are flow's matter.
 */
#include "base/map.h"
#include "base/mem.h"
#include "mail/hosts.h"

struct record {
	unsigned failures;
	instant until;
};

struct hosts_health {
	struct map by_addr;
};

struct hosts_health *hosts_health_new(void)
{
	return NEW(struct hosts_health);
}

static void forget(struct hosts_health *h, instant now, bool all)
{
	slice key;
	void *value;
	AUTO(arena) struct arena a = {0};
	slice *gone = ARENA_ARRAY(&a, slice, h->by_addr.n + 1);
	size_t n = 0;
	for (size_t i = 0; map_next(&h->by_addr, &i, &key, &value);)
		if (all || ((struct record *)value)->until <= now)
			gone[n++] = arena_dup(&a, key);
	while (n)
		free(map_remove(&h->by_addr, gone[--n]));
}

void hosts_health_free(struct hosts_health *h)
{
	forget(h, 0, true);
	map_done(&h->by_addr);
	free(h);
}

static slice key_of(const struct net_addr *a, char text[NET_TEXT_MAX])
{
	return slice_of(text, net_print(a, text));
}

void hosts_health_failed(struct hosts_health *h, const struct net_addr *a, instant now)
{
	char text[NET_TEXT_MAX];
	slice key = key_of(a, text);
	struct record *r = map_get(&h->by_addr, key);
	if (!r) {
		if (h->by_addr.n >= HOSTS_HEALTH_MAX)
			forget(h, now, false);
		if (h->by_addr.n >= HOSTS_HEALTH_MAX)
			return;
		r = NEW(struct record);
		map_put(&h->by_addr, key, r);
	}
	int64_t wait = HOSTS_DOWN_FIRST_S * SECOND;
	for (unsigned i = 0; i < r->failures && wait < HOSTS_DOWN_MOST_S * SECOND; i++)
		wait *= 2;
	r->failures++;
	r->until = now + (wait < HOSTS_DOWN_MOST_S * SECOND ? wait : HOSTS_DOWN_MOST_S * SECOND);
}

void hosts_health_ok(struct hosts_health *h, const struct net_addr *a)
{
	char text[NET_TEXT_MAX];
	if (h->by_addr.n)
		free(map_remove(&h->by_addr, key_of(a, text)));
}

bool hosts_health_is_down(const struct hosts_health *h, const struct net_addr *a, instant now)
{
	char text[NET_TEXT_MAX];
	const struct record *r = h->by_addr.n ? map_get(&h->by_addr, key_of(a, text)) : NULL;
	return r && now < r->until;
}
