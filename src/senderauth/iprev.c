/*
 * The confirmed name of an address (RFC 8601 section 3): its PTR names, each looked up again until
 * one leads back. Called by defence/door for a connection; whoever else needs the name takes it
 * from there.
 */
#include "senderauth/iprev.h"

#include "codec/address.h"
#include <netinet/in.h>

static bool same_ip(const struct net_addr *a, const struct net_addr *b)
{
	if (a->ss.ss_family != b->ss.ss_family)
		return false;
	if (a->ss.ss_family == AF_INET)
		return memcmp(&((const struct sockaddr_in *)&a->ss)->sin_addr,
			       &((const struct sockaddr_in *)&b->ss)->sin_addr, 4) == 0;
	return memcmp(&((const struct sockaddr_in6 *)&a->ss)->sin6_addr,
		       &((const struct sockaddr_in6 *)&b->ss)->sin6_addr, 16) == 0;
}

enum lookup_status iprev_leads_to(const struct lookup *l, slice name, const struct net_addr *ip,
	instant deadline, struct arena *a, bool *ret)
{
	struct net_addr *v;
	size_t n;
	*ret = false;
	enum lookup_status s = l->addr(l->arg, name, ip->ss.ss_family, deadline, a, &v, &n);
	for (size_t i = 0; s == LOOKUP_OK && i < n; i++)
		if (same_ip(&v[i], ip))
			*ret = true;
	return s;
}

/* A PTR record may hold any text; only what can be a host is worth a question. */
static bool is_host(slice name)
{
	return domain_valid(name, true) && slice_index(name, '.') < name.n;
}

struct iprev iprev_check(
	const struct lookup *l, const struct net_addr *peer, instant deadline, struct arena *a)
{
	struct iprev r = {.result = AUTH_PERMERROR};
	struct net_addr ip = *peer;
	slice *names;
	size_t n;
	bool temp = false, back;
	net_unmap(&ip);
	if (ip.ss.ss_family != AF_INET && ip.ss.ss_family != AF_INET6)
		return (struct iprev){.result = AUTH_NONE};
	enum lookup_status s = l->ptr(l->arg, &ip, deadline, a, &names, &n);
	if (s == LOOKUP_TEMP)
		return (struct iprev){.result = AUTH_TEMPERROR};
	for (size_t i = 0; s == LOOKUP_OK && i < n && i < IPREV_NAMES_MAX; i++) {
		if (!is_host(names[i]))
			continue;
		if (!r.unconfirmed.n)
			r.unconfirmed = names[i];
		r.result = AUTH_FAIL;
		temp |= iprev_leads_to(l, names[i], &ip, deadline, a, &back) == LOOKUP_TEMP;
		if (back)
			return (struct iprev){.result = AUTH_PASS, .name = names[i]};
	}
	if (temp)
		r.result = AUTH_TEMPERROR;
	return r;
}
