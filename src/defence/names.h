/* names: one spelling for what senders are remembered by. Memory from *a; empty: nothing usable. */
#pragma once
#include "base/arena.h"
#include "run/net.h"

slice name_address(slice address, struct arena *a); /* canonical, folded */
slice name_domain_of(slice address, struct arena *a); /* A-labels; of an address, or itself */
/* "192.0.2.0/24", "2001:db8::/48"; whole addresses without the prefix length. */
slice name_network(const struct net_addr *ip, unsigned v4_bits, unsigned v6_bits, struct arena *a);
/* Is the domain one of the proven ones, or below one of them? (struct lists_facts) */
bool name_is_proven(slice domain, const slice *proven, size_t n);
