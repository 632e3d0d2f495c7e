/*
 * The mechanisms of SPF (RFC 7208 section 5) except include: does this term speak of the client's
 * address? Called by spf.c for each term. Addresses of hosts are looked at in memory that is given
 * back at once, so that a record full of hosts costs no more than one of them.
 */
#include "senderauth/spf_internal.h"

#include "base/mem.h"
#include "codec/address.h"
#include <netinet/in.h>

/* ---- addresses ---- */

static const uint8_t *bytes_of(const struct net_addr *a)
{
	if (a->ss.ss_family == AF_INET)
		return (const uint8_t *)&((const struct sockaddr_in *)&a->ss)->sin_addr;
	return (const uint8_t *)&((const struct sockaddr_in6 *)&a->ss)->sin6_addr;
}

static bool same_bits(const uint8_t *x, const uint8_t *y, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	if (memcmp(x, y, whole) != 0)
		return false;
	return rest == 0 || (x[whole] ^ y[whole]) >> (8 - rest) == 0;
}

bool spf_same_ip(const struct net_addr *x, const struct net_addr *y)
{
	return x->ss.ss_family == y->ss.ss_family &&
	       same_bits(bytes_of(x), bytes_of(y), x->ss.ss_family == AF_INET ? 32 : 128);
}

static bool in_network(const struct spf_run *r, const struct spf_term *t, const uint8_t *network)
{
	bool v4 = r->ip.ss.ss_family == AF_INET;
	return same_bits(bytes_of(&r->ip), network, v4 ? t->bits4 : t->bits6);
}

static enum spf_verdict verdict(bool match)
{
	return match ? SPF_YES : SPF_NO;
}

/* ---- lookups ---- */

/* A lookup that found nothing; more than SPF_VOID_MAX are an error (4.6.4). */
static enum spf_verdict count_void(struct spf_run *r, const struct spf_place *p, slice term)
{
	return ++r->voids > SPF_VOID_MAX ? spf_give_up(r, p, term, SPF_PERM, SPF_VOIDS_MANY)
					 : SPF_NO;
}

/* One of the host's addresses is in the client's network. */
static enum spf_verdict match_host(struct spf_run *r, const struct spf_place *p,
	const struct spf_term *t, slice host, enum lookup_status *ret_status)
{
	AUTO(arena) struct arena scratch = {0};
	struct net_addr *v;
	size_t n;
	bool match = false;
	*ret_status = spf_ask_addr(r, host, r->ip.ss.ss_family, &scratch, &v, &n);
	if (*ret_status == LOOKUP_TEMP)
		return spf_give_up(r, p, t->text, SPF_TEMP, SPF_LOOKUP_FAILED);
	for (size_t i = 0; *ret_status == LOOKUP_OK && i < n && !match; i++)
		match = v[i].ss.ss_family == r->ip.ss.ss_family &&
			in_network(r, t, bytes_of(&v[i]));
	return verdict(match);
}

/* Section 5.3. */
static enum spf_verdict match_a(
	struct spf_run *r, const struct spf_place *p, const struct spf_term *t, slice target)
{
	enum lookup_status status;
	enum spf_verdict v = match_host(r, p, t, target, &status);
	bool empty = status == LOOKUP_NODATA || status == LOOKUP_NXDOMAIN;
	return empty ? count_void(r, p, t->text) : v;
}

/* Section 5.4. The hosts' own lookups count neither as terms nor as void: SPF_NAMES_MAX bounds
 * them, and a host without addresses of the client's family is nobody's mistake. */
static enum spf_verdict match_mx(
	struct spf_run *r, const struct spf_place *p, const struct spf_term *t, slice target)
{
	AUTO(arena) struct arena scratch = {0};
	slice *hosts;
	size_t n;
	enum lookup_status status =
		instant_now() < r->deadline
			? r->dns->mx(r->dns->arg, target, r->deadline, &scratch, &hosts, &n)
			: LOOKUP_TEMP;
	if (status == LOOKUP_TEMP)
		return spf_give_up(r, p, t->text, SPF_TEMP, SPF_LOOKUP_FAILED);
	if (status != LOOKUP_OK)
		return count_void(r, p, t->text);
	if (n > SPF_NAMES_MAX)
		return spf_give_up(r, p, t->text, SPF_PERM, SPF_NAMES_MANY);
	enum spf_verdict v = SPF_NO;
	for (size_t i = 0; i < n && v == SPF_NO; i++)
		if (hosts[i].n)
			v = match_host(r, p, t, hosts[i], &status);
	return v;
}

/* Section 5.5. */
static enum spf_verdict match_ptr(
	struct spf_run *r, const struct spf_place *p, const struct spf_term *t, slice target)
{
	unsigned voids = r->voids;
	bool match = false;
	spf_learn_names(r);
	if (r->voids > voids && r->voids > SPF_VOID_MAX)
		return spf_give_up(r, p, t->text, SPF_PERM, SPF_VOIDS_MANY);
	for (unsigned i = 0; i < r->nnames && !match; i++)
		match = domain_within(r->names[i], target);
	return verdict(match);
}

/* Section 5.7: an A record, whatever family the client has. */
static enum spf_verdict match_exists(
	struct spf_run *r, const struct spf_place *p, const struct spf_term *t, slice target)
{
	AUTO(arena) struct arena scratch = {0};
	struct net_addr *v;
	size_t n;
	switch (spf_ask_addr(r, target, AF_INET, &scratch, &v, &n)) {
	case LOOKUP_OK:
		return SPF_YES;
	case LOOKUP_TEMP:
		return spf_give_up(r, p, t->text, SPF_TEMP, SPF_LOOKUP_FAILED);
	default:
		return count_void(r, p, t->text);
	}
}

static enum spf_verdict match_by_lookup(
	struct spf_run *r, const struct spf_place *p, const struct spf_term *t, slice *ret_target)
{
	if (!spf_count_lookup(r))
		return spf_give_up(r, p, t->text, SPF_PERM, SPF_LOOKUPS_MANY);
	enum spf_verdict v = spf_target(r, p, t->text, t->domain, ret_target);
	if (v != SPF_YES)
		return v;
	switch (t->mechanism) {
	case SPF_A:
		return match_a(r, p, t, *ret_target);
	case SPF_MX:
		return match_mx(r, p, t, *ret_target);
	case SPF_PTR:
		return match_ptr(r, p, t, *ret_target);
	default:
		return match_exists(r, p, t, *ret_target);
	}
}

enum spf_verdict spf_match(
	struct spf_run *r, const struct spf_place *p, const struct spf_term *t, slice *ret_target)
{
	switch (t->mechanism) {
	case SPF_ALL:
		return SPF_YES;
	case SPF_IP4:
		return verdict(r->ip.ss.ss_family == AF_INET && in_network(r, t, t->ip));
	case SPF_IP6:
		return verdict(r->ip.ss.ss_family == AF_INET6 && in_network(r, t, t->ip));
	default:
		return match_by_lookup(r, p, t, ret_target);
	}
}
