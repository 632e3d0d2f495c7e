/*
 * Judging the name that a caller gives itself (RFC 5321 section 4.1.1.1), and the look of host
 * names. Called by door.c. Section 4.1.4 forbids to refuse mail only because the name does not
 * belong to the address: so these are signals, which count together with others.
 */
#include "defence/helo.h"

#include "codec/address.h"
#include <netinet/in.h>

static bool is_peer(const struct net_addr *peer, uint8_t family, const uint8_t ip[16])
{
	struct net_cidr one = {
		.family = family == 4 ? AF_INET : AF_INET6, .bits = family == 4 ? 32 : 128};
	memcpy(one.ip, ip, 16);
	return net_cidr_match(&one, peer);
}

static bool bare_ip(slice name, struct net_addr *ret)
{
	struct err e;
	return name.n && name.n < NET_TEXT_MAX && net_from_ip(name, 0, ret, &e) == 0;
}

static bool is_same_ip(const struct net_addr *a, const struct net_addr *b)
{
	char x[NET_TEXT_MAX], y[NET_TEXT_MAX];
	size_t n = net_print_ip(a, x), m = net_print_ip(b, y);
	return slice_eq(slice_of(x, n), slice_of(y, m));
}

/* Only we may say our name; a domain of ours, too, is nobody else's host. */
static bool is_ours(const struct helo_facts *f, slice name)
{
	if (slice_ieq(name, f->hostname))
		return true;
	if (f->iprev && f->iprev->name.n && slice_ieq(f->iprev->name, name))
		return false;
	return f->ours && slice_index(name, '.') < name.n && f->ours(f->arg, name);
}

void helo_judge_form(const struct helo_facts *f, struct signals *s)
{
	uint8_t family, ip[16];
	struct net_addr bare;
	slice name = f->helo;
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	if (bare_ip(name, &bare)) {
		signals_add(s, SIGNAL_HELO_BARE_IP, 1, name);
		if (!is_same_ip(&bare, f->peer))
			signals_add(s, SIGNAL_HELO_FOREIGN_IP, 1, name);
	} else if (domain_literal_parse(name, &family, ip)) {
		if (!is_peer(f->peer, family, ip))
			signals_add(s, SIGNAL_HELO_FOREIGN_IP, 1, name);
	} else if (f->odd) {
		signals_add(s, SIGNAL_HELO_SYNTAX, 1, name);
	} else if (is_ours(f, name)) {
		signals_add(s, SIGNAL_HELO_OURS, 1, name);
	} else if (slice_index(name, '.') == name.n) {
		signals_add(s, SIGNAL_HELO_UNQUALIFIED, 1, name);
	} else if (host_looks_dynamic(name, f->peer)) {
		signals_add(s, SIGNAL_HELO_DYNAMIC, 1, name);
	}
}

void helo_judge_name(const struct helo_facts *f, const struct lookup *l, instant deadline,
	struct arena *a, struct signals *s)
{
	bool back;
	slice name = f->helo;
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	if (f->odd || !domain_valid(name, false) || slice_index(name, '.') == name.n)
		return; /* its form was judged */
	if (f->iprev && slice_ieq(f->iprev->name, name))
		return;
	enum lookup_status st = iprev_leads_to(l, name, f->peer, deadline, a, &back);
	if (back || st == LOOKUP_TEMP)
		return;
	/* A host of the other family, or one that only receives, is a host all the same. */
	int other = f->peer->ss.ss_family == AF_INET ? AF_INET6 : AF_INET;
	struct net_addr *v;
	slice *mx;
	size_t n;
	if (st != LOOKUP_OK && st != LOOKUP_NXDOMAIN)
		st = l->addr(l->arg, name, other, deadline, a, &v, &n);
	if (st != LOOKUP_OK && st != LOOKUP_NXDOMAIN)
		st = l->mx(l->arg, name, deadline, a, &mx, &n);
	if (st == LOOKUP_NXDOMAIN || st == LOOKUP_NODATA)
		signals_add(s, SIGNAL_HELO_UNKNOWN, 1, name);
	else if (st == LOOKUP_OK)
		signals_add(s, SIGNAL_HELO_MISMATCH, 1, name);
}
