/*
 * cli_domain_dns: what `posthouse domain dns` and `domain check` share: the plan of one domain with
 * its keys, and the findings of a check.
 */
#pragma once
#include "bin/cli_dkim.h"
#include "bin/dns_plan.h"

/* Reads the keyring and makes the plan by the options --address and --next-key. The domain must be
 * one of ours. Takes on the server's user. In l->mem. */
int domain_plan(
	struct cli_call *c, struct cli_env *env, slice domain, struct plan *ret, struct err *e);

enum finding_state {
	FOUND_RIGHT,
	FOUND_MISSING,
	FOUND_DIFFERENT,
	FOUND_UNKNOWN, /* the DNS did not answer */
};
struct finding {
	enum finding_state state;
	const char *type;
	slice name;
	bool optional; /* not right is advice, not a mistake */
	slice found, wanted;
	const char *why; /* it matters */
	slice mend; /* how; empty: publish `wanted` */
};

/* A check of one domain under way. */
struct checking {
	struct looking *l;
	const struct plan *plan;
	unsigned mistakes, advice, unknown;
	struct net_addr own[PLAN_ADDRESSES_MAX]; /* that mail comes from: of the plan, or the DNS */
	size_t nown;
};
/* Counts and prints it. */
void check_tell(struct checking *k, const struct finding *f);
/* f with what a lookup that failed means. */
void check_unknown(struct checking *k, struct finding *f, const struct err *e);

/* cli_domain_check_mail.c */
void check_addresses(struct checking *k);
void check_mx(struct checking *k);
void check_spf(struct checking *k);
void check_reverse(struct checking *k);
/* cli_domain_check_auth.c */
void check_dkim(struct checking *k);
void check_dmarc(struct checking *k);
void check_services(struct checking *k);
/* cli_domain_check_tls.c */
void check_sts(struct checking *k);
void check_tlsrpt(struct checking *k);
void check_tlsa(struct checking *k);

int domain_dns(struct cli_call *c);
int domain_check(struct looking *l);
