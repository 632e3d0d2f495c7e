/*
 * cli_anchor: does a resolver hand on what DNSSEC needs? Asked before [dns] trust_anchor is set:
 * with an anchor and a resolver that drops signatures every answer would be taken for forged, and
 * no mail could leave. Why it is probed: doc/notes/trust-anchor.md.
 */
#pragma once
#include "run/dns.h"

#define ANCHOR_FILE "/usr/share/dns/root.key" /* of Debian's dns-root-data */

enum anchor_state {
	ANCHOR_WORKS, /* a signed name is proven, an unsigned one answered */
	ANCHOR_NO_FILE,
	ANCHOR_SILENT, /* the resolver answers not at all */
	ANCHOR_DROPPED, /* it answers without what proves it, or with false proof */
};

/* Asks through what `cfg` says, with its trust anchor (empty: ANCHOR_FILE). At most some seconds;
 * *why is filled but for ANCHOR_WORKS. In a coroutine. */
enum anchor_state anchor_probe(const struct dns_config *cfg, struct err *why);
/* The same in a loop of its own, for programs without one. */
enum anchor_state anchor_try(const struct dns_config *cfg, struct err *why);

/* What that means, for people; in their language. */
const char *anchor_sentence(enum anchor_state s);
