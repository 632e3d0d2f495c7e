/*
 * dns_hot: answers that were had a moment ago, in the loop's own thread: asking libunbound for what
 * it has in its cache costs two switches between threads each time, and mail asks the same few
 * names again and again. Small and short-lived; libunbound's cache stands behind it. Used by dns.c
 * alone.
 */
#pragma once
#include "base/list.h"
#include "base/slice.h"
#include "base/time.h"
#include <unbound.h>

enum {
	DNS_HOT_MAX = 2000, /* answers kept; the least recently used go */
	DNS_HOT_BYTES = 4096, /* larger ones are not */
	DNS_HOT_SECONDS = 60, /* or the answer's own time, if that is shorter */
};

struct dns_hot;
struct dns_hot *dns_hot_new(void);
void dns_hot_free(struct dns_hot *h); /* nothing may be held */

/* An answer that somebody holds, kept or not. */
struct dns_held {
	struct ub_result *result;
	instant since;
};
/* NULL: not there. Else held. */
struct dns_held *dns_hot_find(struct dns_hot *h, slice name, int type);
/* Takes the result over (not NULL), keeps it if it is definite, and holds it. */
struct dns_held *dns_hot_put(struct dns_hot *h, slice name, int type, struct ub_result *r);
void dns_hot_release(struct dns_held *a); /* NULL is fine */
