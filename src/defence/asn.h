/* asn: which autonomous system announces an address, from a file in MaxMind's DB format. */
#pragma once
#include "base/err.h"
#include "run/net.h"

struct asn;
int asn_open(slice path, struct asn **ret, struct err *e);
void asn_close(struct asn *a); /* NULL is fine */
uint32_t asn_of(struct asn *a, const struct net_addr *ip); /* 0: not known */
