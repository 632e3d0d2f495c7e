/*
 * sts_impl: the parts of a look at a domain's MTA-STS, shared by sts_ask.c and sts.c.
 */
#pragma once
#include "mail/sts.h"

/* The record alone. *ret is reset. -1: the lookup failed for now. */
int sts_ask_record(struct dns *d, slice domain, instant deadline, struct arena *a,
	struct sts_asked *ret, uint32_t *ret_ttl, struct err *e);
/* The policy into *ret, or why there is none. */
void sts_fetch(struct dns *d, slice ca_file, slice domain, instant deadline, struct arena *a,
	struct sts_asked *ret);
