/*
 * Names in the directory: the canonical spelling of addresses and domains, details ("+x"), and the
 * keys under which a route may stand for an address.
 */
#include "codec/address.h"
#include "store/directory_impl.h"

bool directory_domain_name(slice name, struct arena *a, slice *ret)
{
	while (name.n && name.p[name.n - 1] == '.') /* fully qualified, as DNS people write */
		name.n--;
	return domain_valid(name, true) && domain_to_ascii(name, a, ret);
}

bool directory_name(slice address, struct arena *a, struct directory_name *ret)
{
	struct address parsed;
	if (address_parse(address, true, &parsed) != ADDRESS_FINE || parsed.domain.n == 0)
		return false;
	struct directory_name n = {.address = address_canonical(&parsed, true, a)};
	if (!address_split(n.address, &n.local, &n.domain))
		return false;
	*ret = n;
	return true;
}

bool directory_base_name(const struct directory_name *n, struct arena *a, slice *ret)
{
	slice value = address_local_value(n->local, a);
	size_t at = slice_index(value, '+');
	if (at == 0 || at == value.n)
		return false;
	*ret = address_join(slice_first(value, at), n->domain, a);
	return true;
}

bool directory_canonical(slice address, struct arena *a, slice *ret)
{
	struct directory_name n;
	if (!directory_name(address, a, &n))
		return false;
	*ret = n.address;
	return true;
}

bool directory_canonical_catchall(slice address, struct arena *a, slice *ret)
{
	slice domain;
	if (!slice_starts(address, S("@")))
		return directory_canonical(address, a, ret);
	if (!directory_domain_name(slice_skip(address, 1), a, &domain))
		return false;
	*ret = arena_printf(a, "@%.*s", SFMT(domain));
	return true;
}

bool directory_route_keys(
	slice address, struct arena *a, bool (*fn)(void *arg, slice key), void *arg)
{
	struct directory_name n;
	slice base;
	if (!directory_name(address, a, &n))
		return false;
	if (fn(arg, n.address) || (directory_base_name(&n, a, &base) && fn(arg, base)) ||
		fn(arg, n.domain))
		return true;
	for (slice below = n.domain, label; below.n; slice_cut(&below, '.', &label))
		if (fn(arg, arena_printf(a, ".%.*s", SFMT(below))))
			return true;
	return fn(arg, S("*"));
}
