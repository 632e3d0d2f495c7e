/*
 * lookup: what the checks of this folder ask the DNS, through a table of functions: in the product
 * run/dns (lookup_dns), in tests a made zone. All functions may wait; names are A-labels without
 * final dot; answers live in *a.
 *
 * They return a status, never an error with a text: the checks only distinguish what RFC 7208
 * section 2.5 and RFC 6376 section 6.1.2 distinguish.
 */
#pragma once
#include "base/arena.h"
#include "base/time.h"
#include "run/net.h"

enum lookup_status {
	LOOKUP_OK, /* at least one record */
	LOOKUP_NODATA, /* the name exists, not with this type */
	LOOKUP_NXDOMAIN,
	LOOKUP_TEMP, /* no answer, server failure, bogus signature, deadline */
};

struct lookup {
	/* TXT records, the strings of each joined. */
	enum lookup_status (*txt)(void *arg, slice name, instant deadline, struct arena *a,
		slice **ret, size_t *ret_n);
	/* Addresses of one family (AF_INET, AF_INET6). */
	enum lookup_status (*addr)(void *arg, slice name, int family, instant deadline,
		struct arena *a, struct net_addr **ret, size_t *ret_n);
	/* Hosts of MX records, best first; a null MX is one empty host. No fallback to the name. */
	enum lookup_status (*mx)(void *arg, slice name, instant deadline, struct arena *a,
		slice **ret, size_t *ret_n);
	/* Unverified names of an address. */
	enum lookup_status (*ptr)(void *arg, const struct net_addr *ip, instant deadline,
		struct arena *a, slice **ret, size_t *ret_n);
	void *arg;
};

struct dns;
/* All lookups through the process's resolver. d must outlive it. */
struct lookup lookup_dns(struct dns *d);
