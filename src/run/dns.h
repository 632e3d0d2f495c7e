/*
 * DNS lookups on libunbound for coroutines: cached, DNSSEC-validating, with deadline and cancel.
 *
 * Every lookup returns 0 when the DNS gave a definite answer (status OK, NODATA, NXDOMAIN), and -1
 * otherwise: ERR_TEMP (server failure, no server, bogus signatures, too many lookups in flight;
 * ret->status then tells TEMP or BOGUS), ERR_TIMEOUT, ERR_CLOSED (cancelled), ERR_PROTO (not a
 * domain name). Names are given in A-label form (IDN converted by the caller), with or without a
 * final dot; names in answers are lower case, without final dot. Answers live in the caller's
 * arena.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/time.h"
#include "run/conf.h"
#include "run/net.h"

enum {
	DNS_MX_MAX = 64, /* of one domain; the rest, worst preference first, is ignored */
	DNS_ADDR_MAX = 16, /* addresses of one host */
	DNS_RECORDS_MAX = 256, /* records of a generic answer */
	DNS_FLIGHT_MAX = 1000, /* lookups at a time; then ERR_TEMP */
	DNS_NAME_MAX = 253,
};

enum dns_status { DNS_OK, DNS_NODATA, DNS_NXDOMAIN, DNS_TEMP, DNS_BOGUS };
const char *dns_status_name(enum dns_status s); /* "ok", "nodata", ... for logs */

/* ---- configuration: section [dns] ---- */
enum dns_mode { DNS_SYSTEM, DNS_FORWARD, DNS_RECURSE };
enum dns_order { DNS_V6_FIRST, DNS_V4_FIRST, DNS_V6_ONLY, DNS_V4_ONLY };
struct dns_config {
	int mode; /* enum dns_mode */
	struct conf_list servers; /* forward: "192.0.2.1", "127.0.0.1@5353" */
	slice root_hints; /* recurse; empty: built in */
	slice trust_anchor; /* file; empty: no validation, `secure` is never set */
	int order; /* enum dns_order */
	int64_t cache_size;
	int64_t timeout; /* of one lookup, beside the caller's deadline */
};
extern const struct conf_section dns_section;

struct dns;
/* In the process that uses it, after loop_init (in a coroutine: and pool_init); starts a thread at
 * the first lookup. ERR_PERM with a reason. */
int dns_open(const struct dns_config *cfg, struct dns **ret, struct err *e);
/* A trust anchor is configured: `secure` can be believed. */
bool dns_validates(const struct dns *d);
void dns_close(struct dns *d); /* no lookup may be under way */

/* ---- lookups ---- */
struct dns_answer {
	enum dns_status status;
	bool secure; /* validated by DNSSEC, also a negative answer */
	uint32_t ttl;
	slice canon; /* the name the records belong to, after CNAMEs */
};

struct dns_mx {
	uint16_t pref;
	slice host;
};
struct dns_mx_answer {
	struct dns_answer dns;
	bool null_mx; /* RFC 7505: the domain takes no mail; then n is 0 */
	struct dns_mx *v; /* by preference, random among equals */
	size_t n;
};
int dns_mx(struct dns *d, slice domain, instant deadline, struct arena *a,
	struct dns_mx_answer *ret, struct err *e);

struct dns_addr_answer {
	struct dns_answer dns; /* secure: of all lookups made; ttl: the smaller */
	struct net_addr *v; /* port 0, in the configured order; random within a family */
	size_t n;
};
/* A and AAAA together. "localhost" and names below it give loopback without the DNS. A failure of
 * one family is ignored when the other has addresses. */
int dns_addr(struct dns *d, slice host, instant deadline, struct arena *a,
	struct dns_addr_answer *ret, struct err *e);

/* Where mail for the domain goes: its MX hosts, or the domain itself when it has none (RFC
 * 5321 5.1). */
struct dns_hosts_answer {
	struct dns_answer dns; /* NXDOMAIN: no such domain. NODATA never. */
	bool null_mx, implicit;
	struct dns_mx *v;
	size_t n;
};
int dns_mail_hosts(struct dns *d, slice domain, instant deadline, struct arena *a,
	struct dns_hosts_answer *ret, struct err *e);

struct dns_names_answer {
	struct dns_answer dns;
	slice *v;
	size_t n;
};
/* An address's bytes or nibbles backwards, before a zone: "4.3.2.1.ZONE" (RFC 1035 3.5, RFC 3596
 * 2.5, RFC 5782 2.1); without one "4.3.2.1". v4-mapped addresses count as IPv4. Empty when it is no
 * IP address. */
slice dns_reverse(const struct net_addr *addr, slice zone, struct arena *a);
/* Below in-addr.arpa or ip6.arpa. */
slice dns_reverse_name(const struct net_addr *addr, struct arena *a);
/* Names of an address, unverified. */
int dns_ptr(struct dns *d, const struct net_addr *addr, instant deadline, struct arena *a,
	struct dns_names_answer *ret, struct err *e);
/* TXT records, the strings of each joined. */
int dns_txt(struct dns *d, slice name, instant deadline, struct arena *a,
	struct dns_names_answer *ret, struct err *e);

struct dns_tlsa {
	uint8_t usage, selector, matching;
	slice data;
};
struct dns_tlsa_answer {
	struct dns_answer dns; /* only a secure answer may be used (RFC 7672 2.2) */
	struct dns_tlsa *v;
	size_t n;
};
/* _port._tcp.host */
int dns_tlsa(struct dns *d, slice host, uint16_t port, instant deadline, struct arena *a,
	struct dns_tlsa_answer *ret, struct err *e);

/* Any type: raw RDATA of each record. */
enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_NS = 2,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_TLSA = 52,
};
int dns_query(struct dns *d, slice name, int type, instant deadline, struct arena *a,
	struct dns_names_answer *ret, struct err *e);
