/*
 * DMARC (RFC 9989, formerly RFC 7489): does the domain that the reader sees in From: stand behind
 * the message, and what does it want done when not? Evaluated by the edges after SPF and DKIM.
 *
 *	dmarc_from(header, &arena, &from);
 *	dmarc_check(&lookup, &query, &arena, &result);	may wait
 *
 * Organisational domains are found by walking the DNS tree (RFC 9989 section 4.10), or, where
 * configured, by the list of public suffixes (RFC 7489 section 3.2).
 */
#pragma once
#include "codec/authres.h"
#include "codec/dmarc_record.h"
#include "senderauth/lookup.h"

enum {
	DMARC_FROMS_MAX = 8, /* domains in From that are evaluated; more: the message fails */
	DMARC_WALK_MAX = 8, /* questions of one walk (RFC 9989 4.10) */
	DMARC_LOOKUPS_MAX = 48, /* questions for one message, all together */
};

enum dmarc_from_state {
	DMARC_FROM_FINE,
	DMARC_FROM_SEVERAL, /* several From fields, or several domains: each is evaluated */
	DMARC_FROM_NONE, /* no From field */
	DMARC_FROM_INVALID, /* an address without a usable domain; `domains` may still have others
			     */
};
struct dmarc_from {
	enum dmarc_from_state state;
	unsigned fields; /* From fields */
	bool differ; /* they do not all say the same: a signature covers only one of them */
	slice domains[DMARC_FROMS_MAX]; /* A-labels, lower case, each once */
	unsigned n;
	bool more; /* than fit */
};
/* From a header block (up to the empty line, or all of it). */
void dmarc_from(slice header, struct arena *a, struct dmarc_from *ret);

enum dmarc_method { DMARC_TREE_WALK, DMARC_PUBLIC_SUFFIX };

struct dmarc_dkim { /* one signature */
	slice domain, selector;
	enum auth_result result;
};
struct dmarc_query {
	const struct dmarc_from *from;
	slice spf_domain; /* that SPF checked: of MAIL FROM, of HELO for a null sender */
	enum auth_result spf;
	const struct dmarc_dkim *dkim;
	size_t ndkim;
	enum dmarc_method method;
	unsigned sample; /* 0..99 at random, for pct */
	instant deadline;
};

struct dmarc_result {
	/* NONE: no policy; PASS, FAIL; TEMPERROR: the DNS did not answer; PERMERROR: From cannot be
	 * evaluated, or the record can not be read. */
	enum auth_result result;
	enum dmarc_policy policy; /* that the owner asks for (p, sp or np); NONE without a record */
	enum dmarc_policy disposition; /* what follows for this message: NONE unless it failed; t=y
					  and pct are taken into account */
	bool testing; /* the policy was lowered by t=y */
	bool sampled_out; /* it was lowered by pct */
	bool subdomain, nonexistent; /* policy comes from sp, from np */
	bool spf_aligned, dkim_aligned; /* passed and aligned */
	slice dkim_domain; /* of the signature that is */
	enum dmarc_from_state from;
	slice from_domain; /* that decided; empty when there is none */
	slice org_domain; /* its organisational domain */
	slice record_domain; /* where the record stands, without _dmarc; empty: none found */
	slice record_text;
	const struct dmarc_record *record; /* NULL: none */
	enum dmarc_method method; /* by which it was found */
	slice reason; /* a sentence */
};

/* In a coroutine or not, as the lookup wants. Everything in *ret lives in *a. */
void dmarc_check(const struct lookup *l, const struct dmarc_query *q, struct arena *a,
	struct dmarc_result *ret);

/* "dmarc=fail (p=reject ...) header.from=example.com policy.dmarc=reject" (RFC 8601 2.7.6). */
void dmarc_authres(const struct dmarc_result *r, struct arena *a, struct authres_method *ret);

/* ---- for the command line and the reports ---- */

/* What a walk saw at one name. */
struct dmarc_step {
	slice name; /* without _dmarc */
	enum lookup_status status;
	slice text; /* of the record; empty: none */
	unsigned records; /* DMARC records there; more than one: none counts */
	bool valid; /* it could be read */
	struct dmarc_record record;
};
struct dmarc_found {
	slice org_domain; /* by the walk, or by the list of suffixes */
	slice record_domain; /* empty: no record */
	struct dmarc_step *policy; /* the record that applies; NULL: none */
	struct dmarc_step *steps; /* in the order asked */
	unsigned n;
	bool temporary; /* a question was not answered: the rest is what is known without it */
};
/* The record that applies to a domain, and its organisational domain. */
void dmarc_find(const struct lookup *l, slice domain, enum dmarc_method method, instant deadline,
	struct arena *a, struct dmarc_found *ret);

/* May reports about `domain` be sent to an address at `to`? Inside the same organisation always;
 * else to's owner agrees by a record at DOMAIN._report._dmarc.TO (RFC 9990 section 4, RFC
 * 7489 7.1). 1 yes, 0 no, -1 not known now. *ret_rua: another address that it names instead, or
 * empty. */
int dmarc_report_allowed(const struct lookup *l, slice domain, slice to, enum dmarc_method method,
	instant deadline, struct arena *a, slice *ret_rua);
