/*
 * hosts: which hosts and addresses to try for a destination, in which order. MX rules of RFC
 * 5321 5.1 and RFC 7505, loops to ourselves (5.1: our own name or address in the list cuts off
 * everything that is not better), host lists of routes with their health.
 */
#pragma once
#include "mail/result.h"
#include "run/dns.h"

enum {
	HOSTS_MAX = 20, /* addresses tried in one attempt */
	HOSTS_LIST_MAX = 32, /* hosts of one route */
	HOSTS_DOWN_FIRST_S = 10, /* an address that failed is tried last for that long; doubles */
	HOSTS_DOWN_MOST_S = 300,
	HOSTS_HEALTH_MAX = 10000, /* addresses remembered */
};

/* Who we are: so that we never deliver to ourselves. */
struct hosts_self {
	const slice *names; /* lower case */
	size_t nnames;
	const struct net_addr *addrs; /* with ports on which we listen; port 0: any */
	size_t naddrs;
};
bool hosts_is_self_name(const struct hosts_self *self, slice host);
bool hosts_is_self_addr(const struct hosts_self *self, const struct net_addr *a);
/* The machine's own interface addresses, port 0. Needs netlink, so before a sandbox. */
int hosts_interfaces(struct arena *a, struct net_addr **ret, size_t *ret_n, struct err *e);
/* The addresses behind a listening one: itself, or for "any" every interface's with its port.
 * Appends to v at *n, at most ninterfaces + 1. */
void hosts_add_listening(const struct net_addr *listen, const struct net_addr *interfaces,
	size_t ninterfaces, struct net_addr *v, size_t *n);

struct host {
	slice name; /* for TLS and the trace; "[192.0.2.1]" of a literal */
	struct net_addr addr;
	/* What DNSSEC says of them, for DANE (tls_policy.h). */
	slice canon; /* the name after CNAMEs; empty: not looked up */
	bool secure; /* the addresses are validated */
	bool mx_secure; /* and so are the domain's MX records, or that it has none */
	slice domain_canon; /* of the domain, after CNAMEs; empty for a route's hosts */
};

/* Which hosts work. One table a process. */
struct hosts_health;
struct hosts_health *hosts_health_new(void);
void hosts_health_free(struct hosts_health *h);
void hosts_health_failed(struct hosts_health *h, const struct net_addr *a, instant now);
void hosts_health_ok(struct hosts_health *h, const struct net_addr *a);
bool hosts_health_is_down(const struct hosts_health *h, const struct net_addr *a, instant now);

struct hosts_want {
	struct dns *dns;
	const struct hosts_self *self;
	struct hosts_health *health; /* may be NULL */
	uint16_t port; /* default port */
	instant deadline, now;
};

/*
 * The addresses to try for mail to a domain or address literal, best first. 0 with at least one; or
 * -1 and *ret_why tells what to do with the recipients: RESULT_FAILED (no such domain 5.1.2, null
 * MX 5.1.10, no host has an address 5.4.4, mail loops to us 5.4.6) or RESULT_DEFERRED (4.4.3).
 */
int hosts_for_domain(const struct hosts_want *w, slice domain, struct arena *a, struct host **ret,
	size_t *ret_n, struct result *ret_why);
/* The same for a route's "host[:port] ..." list: in order, hosts that are down last. */
int hosts_for_route(const struct hosts_want *w, slice list, struct arena *a, struct host **ret,
	size_t *ret_n, struct result *ret_why);
/* The order alone, for tests: MX records to hosts worth trying; the number left. 0: loops to us
 * when *ret_loop. */
size_t hosts_prune_self(const struct hosts_self *self, struct dns_mx *v, size_t n, bool *ret_loop);
