/*
 * A made zone that answers a struct lookup: for unit tests and fuzzers here, and under the judges'
 * zone from JSON (test/judge/lib_zone.h).
 *
 *	struct zone z = {0};
 *	zone_add(&z, S("example.com"), ZONE_TXT, S("v=spf1 -all"));
 *	zone_add_mx(&z, S("example.com"), 10, S("mx.example.com"));
 *	struct lookup l = zone_lookup(&z);  ...  zone_done(&z);
 *
 * Addresses are text; PTR records stand at their in-addr.arpa or ip6.arpa name. ZONE_TIMEOUT: types
 * that have no record at this name before it get no answer. Names compare without case.
 */
#pragma once
#include "base/mem.h"
#include "run/dns.h"
#include "senderauth/lookup.h"

enum zone_type { ZONE_TXT, ZONE_A, ZONE_AAAA, ZONE_MX, ZONE_PTR, ZONE_CNAME, ZONE_TIMEOUT };
enum { ZONE_ALIASES_MAX = 8 };

struct zone_record {
	slice name, data;
	enum zone_type type;
	uint16_t preference; /* of MX */
};
struct zone {
	struct arena mem;
	struct zone_record *v;
	size_t n, cap;
	unsigned asked; /* lookups answered so far */
};

static inline slice zone_name(slice name)
{
	return slice_ends(name, S(".")) ? slice_first(name, name.n - 1) : name;
}

static inline void zone_put(struct zone *z, struct zone_record r)
{
	if (z->n == z->cap) {
		z->cap = z->cap ? 2 * z->cap : 16;
		z->v = mem_grow(z->v, z->cap * sizeof *z->v);
	}
	r.name = arena_dup(&z->mem, zone_name(r.name));
	r.data = arena_dup(&z->mem, r.data);
	z->v[z->n++] = r;
}

static inline void zone_add(struct zone *z, slice name, enum zone_type type, slice data)
{
	zone_put(z, (struct zone_record){.name = name, .data = data, .type = type});
}

static inline void zone_add_mx(struct zone *z, slice name, uint16_t preference, slice host)
{
	zone_put(z, (struct zone_record){.name = name,
			    .data = zone_name(host),
			    .type = ZONE_MX,
			    .preference = preference});
}

static inline void zone_done(struct zone *z)
{
	arena_done(&z->mem);
	free(z->v);
	*z = (struct zone){0};
}

/* A record's name is `name`, or (below) stands somewhere below it. */
static inline bool zone_is(const struct zone_record *r, slice name, bool below)
{
	if (slice_ieq(r->name, name))
		return true;
	return below && r->name.n > name.n && r->name.p[r->name.n - name.n - 1] == '.' &&
	       slice_iends(r->name, name);
}

static inline const struct zone_record *zone_alias(const struct zone *z, slice name)
{
	for (size_t i = 0; i < z->n; i++)
		if (z->v[i].type == ZONE_CNAME && slice_ieq(z->v[i].name, name))
			return &z->v[i];
	return NULL;
}

/* The records of a type in the order in which they were added. */
static inline enum lookup_status zone_find(struct zone *z, slice name, enum zone_type type,
	struct arena *a, const struct zone_record ***ret, size_t *ret_n)
{
	size_t n = 0;
	enum lookup_status status = LOOKUP_NXDOMAIN;
	const struct zone_record *alias, **found = ARENA_ARRAY(a, const struct zone_record *, z->n);
	z->asked++;
	name = zone_name(name);
	for (int i = 0; i < ZONE_ALIASES_MAX && (alias = zone_alias(z, name)); i++)
		name = zone_name(alias->data);
	for (size_t i = 0; i < z->n; i++) {
		bool here = zone_is(&z->v[i], name, false);
		if (zone_is(&z->v[i], name, true) && status == LOOKUP_NXDOMAIN)
			status = LOOKUP_NODATA;
		if (here && z->v[i].type == type)
			found[n++] = &z->v[i];
		else if (here && z->v[i].type == ZONE_TIMEOUT && n == 0)
			return LOOKUP_TEMP;
	}
	*ret = found;
	*ret_n = n;
	return n ? LOOKUP_OK : status;
}

static inline enum lookup_status zone_slices(struct zone *z, slice name, enum zone_type type,
	struct arena *a, slice **ret, size_t *ret_n)
{
	const struct zone_record **found;
	size_t n;
	enum lookup_status status = zone_find(z, name, type, a, &found, &n);
	if (status != LOOKUP_OK)
		return status;
	*ret = ARENA_ARRAY(a, slice, n);
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = arena_dup(a, found[i]->data);
	*ret_n = n;
	return LOOKUP_OK;
}

static inline enum lookup_status zone_txt(
	void *arg, slice name, instant deadline, struct arena *a, slice **ret, size_t *ret_n)
{
	(void)deadline;
	return zone_slices(arg, name, ZONE_TXT, a, ret, ret_n);
}

static inline enum lookup_status zone_addr(void *arg, slice name, int family, instant deadline,
	struct arena *a, struct net_addr **ret, size_t *ret_n)
{
	const struct zone_record **found;
	struct err e;
	size_t n;
	(void)deadline;
	enum lookup_status status =
		zone_find(arg, name, family == AF_INET ? ZONE_A : ZONE_AAAA, a, &found, &n);
	if (status != LOOKUP_OK)
		return status;
	*ret = ARENA_ARRAY(a, struct net_addr, n);
	*ret_n = 0;
	for (size_t i = 0; i < n; i++)
		if (net_from_ip(found[i]->data, 0, &(*ret)[*ret_n], &e) == 0)
			++*ret_n;
	return *ret_n ? LOOKUP_OK : LOOKUP_NODATA;
}

static inline enum lookup_status zone_mx(
	void *arg, slice name, instant deadline, struct arena *a, slice **ret, size_t *ret_n)
{
	const struct zone_record **found, *t;
	size_t n;
	(void)deadline;
	enum lookup_status status = zone_find(arg, name, ZONE_MX, a, &found, &n);
	if (status != LOOKUP_OK)
		return status;
	for (size_t i = 1; i < n; i++) /* few, and those of equal preference keep their order */
		for (size_t k = i; k && found[k - 1]->preference > found[k]->preference; k--)
			t = found[k], found[k] = found[k - 1], found[k - 1] = t;
	*ret = ARENA_ARRAY(a, slice, n);
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = arena_dup(a, found[i]->data);
	*ret_n = n;
	return LOOKUP_OK;
}

static inline enum lookup_status zone_ptr(void *arg, const struct net_addr *ip, instant deadline,
	struct arena *a, slice **ret, size_t *ret_n)
{
	(void)deadline;
	slice name =
		dns_reverse(ip, ip->ss.ss_family == AF_INET ? S("in-addr.arpa") : S("ip6.arpa"), a);
	return zone_slices(arg, name, ZONE_PTR, a, ret, ret_n);
}

static inline struct lookup zone_lookup(struct zone *z)
{
	return (struct lookup){zone_txt, zone_addr, zone_mx, zone_ptr, z};
}
