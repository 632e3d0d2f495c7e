/* asn: which autonomous system announces an address, or which country it is in, from a file in MaxMind's DB format. */
#pragma once
#include "base/err.h"
#include "run/net.h"

struct asn;
int asn_open(slice path, struct asn **ret, struct err *e);
void asn_close(struct asn *a); /* NULL is fine */
/* "CN", of files that know countries; empty: not known. */
void asn_country(struct asn *a, const struct net_addr *ip, char ret[4]);
uint32_t asn_of(struct asn *a, const struct net_addr *ip); /* 0: not known */
