/*
 * Recent answers of the resolver (dns_hot.h): a table with an order of use. An answer is shared by
 * all who read it at the moment and goes with the last of them.
 *
 * Only definite answers are kept: found, no such name, no such record; never failures.
 */
#include "run/dns_hot.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/must.h"
#include "run/dns.h"
#include "run/loop.h"
#include <stdio.h>

enum { RCODE_NXDOMAIN = 3, KEY_MAX = DNS_NAME_MAX + 16 };

struct entry {
	struct dns_held held; /* first: what callers have */
	struct list used; /* in the order of use */
	instant until;
	unsigned holders;
	bool kept;
	size_t key_n;
	char key[KEY_MAX];
};

struct dns_hot {
	struct map entries;
	struct list order; /* least recently used first */
};

struct dns_hot *dns_hot_new(void)
{
	struct dns_hot *h = NEW(struct dns_hot);
	list_init(&h->order);
	return h;
}

static void entry_free(struct entry *x)
{
	ub_resolve_free(x->held.result);
	free(x);
}

static void forget(struct dns_hot *h, struct entry *x)
{
	map_remove(&h->entries, slice_of(x->key, x->key_n));
	list_remove(&x->used);
	x->kept = false;
	if (!x->holders)
		entry_free(x);
}

void dns_hot_free(struct dns_hot *h)
{
	if (!h)
		return;
	list_each(n, &h->order) {
		struct entry *x = list_entry(n, struct entry, used);
		must(!x->holders);
		forget(h, x);
	}
	map_done(&h->entries);
	free(h);
}

/* "type:name", the name in lower case without final dot. */
static slice key_of(slice name, int type, char out[KEY_MAX])
{
	int n = snprintf(out, 16, "%d:", type);
	if (slice_ends(name, S(".")))
		name.n--;
	must(name.n <= DNS_NAME_MAX);
	for (size_t i = 0; i < name.n; i++)
		out[(size_t)n + i] = ascii_lower(name.p[i]);
	return slice_of(out, (size_t)n + name.n);
}

struct dns_held *dns_hot_find(struct dns_hot *h, slice name, int type)
{
	char key[KEY_MAX];
	struct entry *x = map_get(&h->entries, key_of(name, type, key));
	if (!x)
		return NULL;
	if (x->until <= loop_now()) {
		forget(h, x);
		return NULL;
	}
	list_remove(&x->used);
	list_append(&h->order, &x->used);
	x->holders++;
	return &x->held;
}

static size_t data_bytes(const struct ub_result *r)
{
	size_t n = 0;
	for (size_t i = 0; r->havedata && r->data[i]; i++)
		n += (size_t)r->len[i];
	return n;
}

static bool worth_keeping(const struct ub_result *r)
{
	return !r->bogus && (r->rcode == 0 || r->rcode == RCODE_NXDOMAIN) && r->ttl > 0 &&
	       r->answer_len <= DNS_HOT_BYTES && data_bytes(r) <= DNS_HOT_BYTES;
}

struct dns_held *dns_hot_put(struct dns_hot *h, slice name, int type, struct ub_result *r)
{
	struct entry *x = NEW(struct entry);
	slice key = key_of(name, type, x->key);
	x->key_n = key.n;
	x->held = (struct dns_held){r, loop_now()};
	x->holders = 1;
	list_init(&x->used);
	if (!worth_keeping(r))
		return &x->held;
	struct entry *old = map_get(&h->entries, key);
	if (old)
		forget(h, old);
	while (h->entries.n >= DNS_HOT_MAX)
		forget(h, list_entry(h->order.next, struct entry, used));
	x->kept = true;
	x->until = x->held.since + (r->ttl < DNS_HOT_SECONDS ? r->ttl : DNS_HOT_SECONDS) * SECOND;
	map_put(&h->entries, key, x);
	list_append(&h->order, &x->used);
	return &x->held;
}

void dns_hot_release(struct dns_held *a)
{
	struct entry *x = (struct entry *)a;
	if (!x)
		return;
	must(x->holders > 0);
	if (--x->holders == 0 && !x->kept)
		entry_free(x);
}
