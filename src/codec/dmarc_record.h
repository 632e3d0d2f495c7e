/*
 * The record that a domain publishes at _dmarc (RFC 9989 section 4.8, RFC 7489 section 6.3): what
 * to do with mail that fails, and where reports about it go.
 */
#pragma once
#include "base/arena.h"
#include "base/slice.h"

enum {
	DMARC_URIS_MAX = 10, /* of rua and of ruf each; more are not read */
	DMARC_RECORD_MAX = 8192, /* longer records are none */
};

enum dmarc_policy { DMARC_NONE, DMARC_QUARANTINE, DMARC_REJECT };
const char *dmarc_policy_name(enum dmarc_policy p); /* "none" ... */
bool dmarc_policy_parse(slice s, enum dmarc_policy *ret);

enum dmarc_fo { /* when a failure report is wanted */
	DMARC_FO_ALL = 1, /* "0": nothing aligned passed */
	DMARC_FO_ANY = 2, /* "1": something did not pass aligned */
	DMARC_FO_DKIM = 4, /* "d": a signature failed */
	DMARC_FO_SPF = 8, /* "s": SPF failed */
};

struct dmarc_uri {
	slice address; /* of a mailto: without its query, percent-decoded; empty: another scheme */
	slice text; /* as written, without the size */
	uint64_t size; /* largest message wanted ("!10m"); 0: any */
};

struct dmarc_record {
	enum dmarc_policy p, sp, np; /* sp and np as they apply: from p and sp when not written */
	bool has_p, has_sp, has_np; /* written */
	bool strict_dkim, strict_spf;
	bool testing; /* t=y */
	bool has_t;
	unsigned pct; /* 100 when not written; of RFC 7489 */
	char psd; /* 'y', 'n', 'u' */
	unsigned fo; /* enum dmarc_fo */
	uint32_t ri; /* seconds */
	struct dmarc_uri rua[DMARC_URIS_MAX], ruf[DMARC_URIS_MAX];
	unsigned nrua, nruf;
};

/* Is this TXT record one of DMARC? Its v tag is the first and exact. */
bool dmarc_record_is(slice txt);
/*
 * Reads it: unknown tags and mistakes behind v are passed over (RFC 9989 section 4.7). False when
 * no DMARC applies: p missing or wrong, or sp or np wrong, and no rua to tell about it; with a rua
 * such a record is p=none. *ret_problem (may be NULL) says in words what was wrong, also with true;
 * empty otherwise. Strings are borrowed or in *a.
 */
bool dmarc_record_parse(slice txt, struct arena *a, struct dmarc_record *ret, slice *ret_problem);
