/*
 * dns_plan: every record that a domain of ours should publish: what `posthouse domain dns` prints
 * and `posthouse domain check` compares with the DNS. Made from the configuration, the certificate
 * in use and the keyring; asks nobody.
 */
#pragma once
#include "bin/config.h"
#include "store/keyring.h"

enum plan_kind {
	PLAN_ADDRESS, /* of our host name */
	PLAN_MX,
	PLAN_SPF,
	PLAN_SPF_SRS, /* of the domain of rewritten senders */
	PLAN_DKIM,
	PLAN_DMARC,
	PLAN_DMARC_REPORTS, /* another domain takes the reports: it agrees */
	PLAN_TLSRPT,
	PLAN_MTA_STS,
	PLAN_TLSA,
	PLAN_SRV,
	PLAN_CAA,
	PLAN_PTR,
};

enum {
	PLAN_RECORDS_MAX = 200,
	PLAN_ADDRESSES_MAX = 16,
	PLAN_DIGEST = 32, /* SHA-256 of a public key */
	PLAN_FILE_MAX = 256 * 1024, /* of a certificate */
};

struct plan_record {
	enum plan_kind kind;
	slice name, value; /* value as in a zone file; of TXT the bare text */
	const char *type; /* "TXT" */
	bool optional; /* mail works without */
	const struct keyring_key *key; /* PLAN_DKIM */
	const char *why; /* a sentence, in the chosen language */
};

struct plan {
	slice domain, hostname;
	struct net_addr own[PLAN_ADDRESSES_MAX]; /* public addresses that our mail comes from */
	size_t nown; /* 0: none is known */
	bool own_told; /* by the administrator, in the configuration or on the command line */
	slice rua; /* address for reports */
	slice sts_policy; /* text of the MTA-STS policy */
	unsigned char digest[PLAN_DIGEST], next_digest[PLAN_DIGEST]; /* TLSA 3 1 1 */
	bool has_digest, has_next;
	struct plan_record v[PLAN_RECORDS_MAX];
	size_t n;
};

struct plan_input {
	const struct config *config;
	slice domain; /* A-labels */
	slice addresses; /* "192.0.2.1 2001:db8::1", or empty: find out */
	slice next_key; /* PEM file of the key that will follow, or empty */
	bool enforce; /* the MTA-STS policy says enforce, not testing */
	const struct keyring_key *keys; /* of the domain */
	size_t nkeys;
};
/* Everything in *a. ERR_PROTO: an address or a file that is none. A certificate that cannot be read
 * leaves TLSA out. */
int plan_make(const struct plan_input *in, struct arena *a, struct plan *ret, struct err *e);

/* Is it an address that the world can reach? */
bool plan_is_public(const struct net_addr *a);
