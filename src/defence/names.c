/* Spelling of keys for reputation, greylist and automatic whitelist. Pure. */
#include "defence/names.h"

#include "codec/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

slice name_address(slice address, struct arena *a)
{
	struct address parsed;
	if (address_parse(address, true, &parsed) != ADDRESS_FINE || parsed.domain.n == 0)
		return (slice){0};
	return address_canonical(&parsed, true, a);
}

slice name_domain_of(slice address, struct arena *a)
{
	slice out, domain = slice_skip(address, slice_rindex(address, '@') + 1);
	if (slice_rindex(address, '@') == address.n)
		domain = address;
	while (domain.n && domain.p[domain.n - 1] == '.')
		domain.n--;
	return domain_to_ascii(domain, a, &out) ? out : (slice){0};
}

slice name_network(const struct net_addr *ip, unsigned v4_bits, unsigned v6_bits, struct arena *a)
{
	struct net_addr plain = *ip;
	char text[INET6_ADDRSTRLEN];
	uint8_t raw[16];
	net_unmap(&plain);
	int family = plain.ss.ss_family;
	if (family != AF_INET && family != AF_INET6)
		return (slice){0};
	unsigned all = family == AF_INET ? 32 : 128, bits = family == AF_INET ? v4_bits : v6_bits;
	if (family == AF_INET)
		memcpy(raw, &((struct sockaddr_in *)&plain.ss)->sin_addr, 4);
	else
		memcpy(raw, &((struct sockaddr_in6 *)&plain.ss)->sin6_addr, 16);
	for (unsigned bit = bits; bit < all; bit++)
		raw[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	inet_ntop(family, raw, text, sizeof text);
	return bits == all ? arena_dup(a, slice_z(text)) : arena_printf(a, "%s/%u", text, bits);
}

bool name_is_proven(slice domain, const slice *proven, size_t n)
{
	enum { LOOKED_AT = 32 };
	for (size_t i = 0; i < n && i < LOOKED_AT; i++)
		if (domain_within(domain, proven[i]))
			return true;
	return false;
}
