/*
 * addr: addresses as scripts see them (RFC 5228 section 2.7.4): as written, only comments, white space and needless quotes gone;
 * what is no address stays visible to :all. codec/address.h reads for other ends: it folds domains and skips what it cannot read.
 */
#pragma once
#include "base/arena.h"

enum { ADDR_LIST_MAX = 20000, ADDR_COMMENTS_MAX = 20 };
struct addr {
	slice raw; /* as it stood */
	slice phrase; /* display name, still encoded */
	slice local, domain; /* values; valid only */
	bool valid;
};
/* All of a list (RFC 5322 section 3.4, groups taken apart); an empty field is one invalid address. */
size_t sieve_addr_list(slice value, struct arena *a, struct addr **ret);
/* An envelope's path, with or without <>, routes left out; "" and "<>" are valid and empty. Names without domain are in brackets. */
bool sieve_addr_path(slice path, struct arena *a, struct addr *ret);
/* local@domain, quoted only if it must be. */
slice sieve_addr_join(const struct addr *x, struct arena *a);
