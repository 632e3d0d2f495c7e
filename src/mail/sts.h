/*
 * sts: the MTA-STS policies of other domains (RFC 8461): found, fetched, remembered. A policy that
 * was seen once is kept on disk and in memory until its max_age ends, so that whoever suppresses
 * the record or the web server later does not win a downgrade; it is refreshed long before.
 *
 * Used by the queue process through mail/tls_policy.h; sts_ask by the command line.
 */
#pragma once
#include "base/arena.h"
#include "codec/mta_sts.h"
#include "run/dns.h"
#include "run/tls.h"

enum {
	STS_DOMAINS_MAX = 50000, /* remembered, those without a policy included */
	STS_BYTES_MAX = 64 << 20, /* of all policies remembered */
	STS_FETCH_S = 60, /* RFC 8461 3.3: a minute for a policy */
	STS_RETRY_S = 300, /* a fetch that failed is not repeated earlier; doubles */
	STS_RETRY_MOST_S = 3600,
	STS_CHECK_LEAST_S = 60, /* the record is not asked for more often, whatever its TTL */
	STS_CHECK_MOST_S = 3600,
	STS_REFRESH_S =
		86400, /* a policy in use is fetched again that often, and at half its age */
	STS_UNUSED_DAYS = 30, /* a policy that nobody needed for so long is left to expire */
};

/* ---- once, without memory ---- */
struct sts_asked {
	enum mta_sts_found record;
	slice id; /* when FOUND */
	bool has_policy;
	slice text; /* the policy as fetched */
	struct mta_sts_policy policy; /* borrowed from text */
	enum tls_failure failure; /* STS_FETCH, STS_INVALID, STS_WEBPKI; NONE */
	slice why; /* in words */
};
/* Record and policy. -1: the record's lookup failed for now; a fetch that failed is in *ret.
 * `domain` in A-labels. */
int sts_ask(struct dns *d, slice ca_file, slice domain, instant deadline, struct arena *a,
	struct sts_asked *ret, struct err *e);

/* ---- with memory ---- */
struct sts;
struct sql;
/* `db`: the database tlspolicy, writable, used by nobody else; NULL: nothing is kept on disk. */
struct sts *sts_new(struct dns *d, slice ca_file, struct sql *db);
/* In a coroutine: reads what was kept. */
int sts_load(struct sts *s, struct err *e);
void sts_set_ca(struct sts *s, slice ca_file); /* after a reload */

struct sts_answer {
	bool found; /* a policy is in force, of any mode */
	struct mta_sts_policy policy; /* lives in the arena */
	slice id, text; /* of the policy in force */
	enum tls_failure failure; /* the last fetch failed (an older policy may be in force) */
	slice why;
};
/* What holds for mail to the domain now. May look up and fetch, which takes up to STS_FETCH_S the
 * first time; coroutines that ask about the same domain wait for one fetch. */
void sts_get(
	struct sts *s, slice domain, instant deadline, struct arena *a, struct sts_answer *ret);

void sts_refresher(void *sts); /* coroutine: refreshes until cancelled */
/* In a coroutine, when nobody asks any more: all is written. */
void sts_drain(struct sts *s);
void sts_free(struct sts *s); /* drained; NULL is fine */
