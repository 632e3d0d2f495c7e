/*
 * iprev: the name of an address, confirmed by its own addresses (RFC 8601 section 3; "forward
 * confirmed reverse DNS"). Asked once a connection by defence/door, and used by whoever needs it.
 */
#pragma once
#include "codec/authres.h"
#include "senderauth/lookup.h"

enum { IPREV_NAMES_MAX = 10 }; /* names of one address that are tried (RFC 7208 4.6.4) */

struct iprev {
	enum auth_result result; /* PASS; FAIL: names, none confirmed; PERMERROR: no name;
				    TEMPERROR; NONE: not asked */
	slice name; /* PASS: the confirmed one, lower case */
	slice unconfirmed; /* else the first one that was found, or empty */
};
/* In a coroutine. Strings from *a. */
struct iprev iprev_check(
	const struct lookup *l, const struct net_addr *ip, instant deadline, struct arena *a);

/* Does the name have this address? In *ret; the status tells how the lookup went. */
enum lookup_status iprev_leads_to(const struct lookup *l, slice name, const struct net_addr *ip,
	instant deadline, struct arena *a, bool *ret);
