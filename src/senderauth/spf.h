/*
 * spf: may this address send for this domain? (RFC 7208) Asked by the edges for every message and
 * by `posthouse lookup spf`.
 */
#pragma once
#include "codec/authres.h"
#include "codec/spf_record.h"
#include "senderauth/lookup.h"

enum {
	SPF_LOOKUPS_MAX = 10, /* terms that ask the DNS (4.6.4) */
	SPF_VOID_MAX = 2, /* of these, such without an answer (4.6.4) */
	SPF_NAMES_MAX = 10, /* hosts of one mx, names of the address (4.6.4) */
	SPF_DOMAIN_MAX = 253, /* of a domain-spec after its macros (7.3) */
	SPF_EXPANSION_MAX = 8192, /* of a domain-spec before its left part is dropped */
	SPF_EXPLANATION_MAX = 1000, /* of the text of exp= */
	SPF_STEPS_MAX = 20000, /* terms looked at, in all records together */
};
#define SPF_TIME_MAX (20 * SECOND) /* all lookups together (4.6.4) */

enum spf_scope {
	SPF_MFROM, /* the domain of MAIL FROM; of a null sender postmaster@HELO (2.4) */
	SPF_HELO, /* the name given by HELO (2.3) */
};

/* What happened to a term, told while it happens: for explaining. */
enum spf_event {
	SPF_RECORD, /* a record was found: text is it */
	SPF_MATCH,
	SPF_NO_MATCH,
	SPF_DESCEND, /* include or redirect: the next events are of the other domain */
	SPF_RETURN, /* back from it: result is its result */
	SPF_PROBLEM, /* text says what */
};
struct spf_step {
	enum spf_event event;
	unsigned depth; /* 0: the first record */
	unsigned lookups; /* used so far */
	slice domain; /* whose record it is */
	slice term; /* as written */
	slice target; /* the domain it asked about, macros expanded; may be empty */
	slice text;
	enum auth_result result; /* of the term when it matches, of the record that ended */
};

struct spf_query {
	struct net_addr ip;
	slice helo; /* as the client said it: may be an address literal, or empty */
	slice mail_from; /* without brackets; empty: null sender */
	enum spf_scope scope;
	slice receiver; /* our name, for %{r}; may be empty */
	instant deadline; /* beside SPF_TIME_MAX */
	void (*step)(void *arg, const struct spf_step *s); /* may be NULL */
	void *arg;
};

/* Why there is no better answer. */
enum spf_reason {
	SPF_REASON_NONE,
	SPF_NO_DOMAIN, /* the identity has no domain that could have a record (4.3) */
	SPF_NO_RECORD,
	SPF_LOOKUP_FAILED,
	SPF_TOO_LATE, /* the deadline, or SPF_TIME_MAX */
	SPF_RECORDS_MANY, /* more than one record (4.5) */
	SPF_RECORD_BROKEN, /* see fault and term */
	SPF_TARGET_NONE, /* include or redirect to a domain without a record */
	SPF_LOOKUPS_MANY, /* a limit above was passed */
	SPF_VOIDS_MANY,
	SPF_NAMES_MANY,
	SPF_EXPANSION_LONG,
	SPF_STEPS_MANY,
};
enum { SPF_REASONS = SPF_STEPS_MANY + 1 };
const char *spf_reason_text(enum spf_reason r);

struct spf_problem {
	enum spf_reason reason;
	enum spf_fault fault; /* with SPF_RECORD_BROKEN */
	slice domain; /* whose record */
	slice term; /* of it, as written; may be empty */
};

struct spf_result {
	enum auth_result result;
	enum spf_scope scope; /* the identity that was checked: SPF_HELO for a null sender, too */
	slice domain; /* of that identity: lower case, A-labels; empty when there is none */
	slice identity; /* "user@example.com", "postmaster@host" */
	slice mechanism; /* that matched, as written; empty: none did */
	slice record_domain; /* whose record that stands in */
	struct spf_problem problem; /* of none, temperror, permerror */
	slice explanation; /* of the domain's owner, for a fail; printable ASCII; may be empty */
	unsigned lookups, voids;
};

/* Waits for the DNS. Everything in *ret lives in *a. */
void spf_check(
	const struct lookup *l, const struct spf_query *q, struct arena *a, struct spf_result *ret);

/* "example.com: ip4:1.2.3: not an IP address": English, for logs and comments; may be empty. */
slice spf_problem_text(const struct spf_problem *p, struct arena *a);
/* "spf=pass smtp.mailfrom=..." (RFC 8601 section 2.7.2). */
void spf_authres(const struct spf_result *r, struct arena *a, struct authres_method *ret);
