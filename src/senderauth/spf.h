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

struct spf_result {
	enum auth_result result;
	enum spf_scope scope; /* the identity that was checked: SPF_HELO for a null sender, too */
	slice domain; /* of that identity: lower case, A-labels; empty when there is none */
	slice identity; /* "user@example.com", "postmaster@host" */
	slice mechanism; /* that matched, as written; empty: none did */
	slice record_domain; /* whose record that stands in */
	slice problem; /* why it is an error, or none; empty otherwise */
	slice explanation; /* of the domain's owner, for a fail; printable ASCII; may be empty */
	unsigned lookups, voids;
};

/* Waits for the DNS. Everything in *ret lives in *a. */
void spf_check(
	const struct lookup *l, const struct spf_query *q, struct arena *a, struct spf_result *ret);

/* "spf=pass smtp.mailfrom=..." (RFC 8601 section 2.7.2). */
void spf_authres(const struct spf_result *r, struct arena *a, struct authres_method *ret);
