/*
 * tls_policy: how safe the connection to a host has to be before mail for a domain goes over it.
 *
 *	the administrator's word	[delivery] tls, route --tls: at least this. "none" ends it
 *					here, and so does an entry in [delivery] tls_exceptions
 *	DANE (RFC 7672)			the MX records and the host's address are DNSSEC-secure and
 *					the host has secure TLSA records
 *	MTA-STS (RFC 8461)		the domain has a policy in mode "enforce"; "testing" is only
 *					reported
 *	REQUIRETLS (RFC 8689)		the message demands a verified host whose name is authentic
 *
 * DANE and MTA-STS raise the administrator's word, never lower it. Pure decisions over answers of
 * the resolver and of sts.h; connecting is smtpc's matter, counting the report store's.
 */
#pragma once
#include "mail/hosts.h"
#include "mail/result.h"
#include "mail/sts.h"

/* In this order, as `enum smtpc_tls` (proto/smtpc). */
enum tls_level {
	TLS_LEVEL_NEVER,
	TLS_LEVEL_MAYBE,
	TLS_LEVEL_ALWAYS, /* encrypted, any certificate */
	TLS_LEVEL_CA,
	TLS_LEVEL_HOST,
	TLS_LEVEL_DANE,
};

struct tls_rules {
	struct dns *dns;
	struct sts *sts; /* NULL: no MTA-STS */
	bool dane; /* use TLSA records; needs a validating resolver */
	enum tls_level least; /* DANE: only to hosts with usable TLSA records */
	bool require; /* RFC 8689 */
	bool mx; /* hosts come from the domain's MX records, not from a route's list */
	const slice *exceptions; /* domains, and ".domain" for all below it: no DANE, no MTA-STS */
	size_t nexceptions;
};

/* What holds for all hosts of a domain. */
struct tls_domain {
	const struct tls_rules *rules;
	slice domain; /* the next-hop domain, or the route's name */
	bool excepted;
	struct sts_answer sts;
};
void tls_policy_domain(const struct tls_rules *r, slice domain, instant deadline, struct arena *a,
	struct tls_domain *ret);

enum tls_policy_source { TLS_POLICY_OWN, TLS_POLICY_DANE, TLS_POLICY_STS };

struct tls_policy {
	enum tls_policy_source source;
	enum tls_level level; /* what to demand of the connection */
	struct tls_want want; /* host, names and records for it; `verify` is left to the level */
	bool unusable; /* DANE: no record is usable, encryption is demanded without authentication
			*/
	bool testing; /* STS in testing mode, or that failed to be fetched: see doubt */
	enum tls_failure doubt; /* would have failed: reported, not acted upon */
	bool authentic; /* the host's name comes from DNSSEC or an MTA-STS policy or the
			   administrator */
};
/* 0; or -1 when this host must not be used now (then ret->source is set): *ret_why for the
 * recipients (deferred, 4.7.5 and the like), *ret_failure for reports. */
int tls_policy_host(const struct tls_domain *d, const struct host *h, instant deadline,
	struct arena *a, struct tls_policy *ret, struct result *ret_why,
	enum tls_failure *ret_failure);

/* "dane", "mta-sts", "mta-sts testing", "": for the attempt's line in the trace. */
const char *tls_policy_name(const struct tls_policy *p);
