/* One configured list, shared by dnsbl.c (asking), dnsbl_trust.c (whether to believe it). */
#pragma once
#include "defence/dnsbl.h"
#include "defence/mirror.h"
#include "run/co.h"

struct dnsbl_conf {
	slice zone;
	int type; /* enum dnsbl_type */
	bool enabled;
	struct conf_list weights;
	slice mirror; /* name of a [mirror], or empty */
	struct conf_list test_points; /* listed, not listed; "none" */
	int64_t timeout, pause; /* usec */
};

enum dnsbl_trust {
	TRUST_NEW, /* its test points were not asked yet */
	TRUST_TESTING,
	TRUST_GOOD,
	TRUST_PAUSED, /* until `until` */
};
struct dnsbl_list {
	slice name;
	const struct dnsbl_conf *conf;
	struct dnsbl_weights weights;
	int mirror; /* index, -1: the DNS */
	enum dnsbl_trust trust;
	instant until; /* PAUSED: tested again then. GOOD: likewise */
	unsigned failures; /* in a row */
	struct cond tested;
};

struct dnsbls {
	struct lookup lookup;
	struct mirrors *mirrors;
	struct group tests;
	size_t n;
	struct dnsbl_list lists[DNSBL_LISTS_MAX];
};

/* dnsbl_trust.c. May the list be asked now? Tests it first when that is due; waits for the result
 * until the deadline. In a coroutine. */
bool dnsbl_trusted(struct dnsbls *d, struct dnsbl_list *l, instant deadline);
/* What it answered to an ordinary question. */
void dnsbl_noted(struct dnsbl_list *l, enum lookup_status s);
/* It said an error code: it is left alone for a while. */
void dnsbl_error(struct dnsbl_list *l, uint32_t code);

/* dnsbl.c: all answers to a name below the zone: LISTED with the heaviest code. ERROR puts the code
 * there. */
enum lookup_status dnsbl_query(struct dnsbls *d, struct dnsbl_list *l, slice name, instant deadline,
	enum dnsbl_code *ret, uint32_t *ret_code, float *ret_weight);
