/*
 * cli_lookup: what the verbs of `posthouse lookup` share. Each verb is a function that runs in a
 * coroutine with the resolver open; it prints what it found and says in sentences what that means.
 */
#pragma once
#include "bin/cli_env.h"
#include "run/dns.h"

enum { LOOKUP_SECONDS = 60 }; /* for a whole command */

struct looking {
	struct cli_call *call;
	struct cli_env *env;
	struct dns *dns;
	struct arena *mem;
	struct json *j; /* NULL: text */
	instant deadline;
	struct buf said; /* with JSON: the sentences, one a line */
};

/* Opens configuration and resolver, runs fn in a coroutine; returns its exit code. */
int looking_run(struct cli_call *c, int (*fn)(struct looking *l));

/* One sentence: a line on the terminal, an element of "explanation" in JSON. */
void say(struct looking *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "name: value" on the terminal, a member in JSON. `label` is what people read. */
void show(struct looking *l, const char *key, const char *label, slice value);
void show_number(struct looking *l, const char *key, const char *label, int64_t value);
void show_bool(struct looking *l, const char *key, const char *label, bool value);
/* The status and whether DNSSEC has proven it. */
void show_answer(struct looking *l, const struct dns_answer *a);

/* Argument i as a domain name: A-labels, lower case; names with "_" are fine. False after a
 * complaint. */
bool looking_domain(struct looking *l, int i, slice *ret);
/* Argument i as an IP address. */
bool looking_ip(struct looking *l, int i, struct net_addr *ret);
/* Addresses as text, joined by spaces. */
slice looking_addresses(struct looking *l, const struct net_addr *v, size_t n);
/* A name as people write it: U-labels. */
slice looking_name(struct looking *l, slice name);
/* After a lookup that failed: says so, returns the exit code. */
int looking_failed(struct looking *l, const struct err *e);

/* The verbs. */
int lookup_rbl(struct looking *l);
int lookup_ptr(struct looking *l);
int lookup_mx(struct looking *l);
int lookup_txt(struct looking *l);
int lookup_dnssec(struct looking *l);
int lookup_tlsa(struct looking *l);
int lookup_mta_sts(struct looking *l);
int lookup_tlsrpt(struct looking *l);
int lookup_spf(struct looking *l);
int lookup_dkim(struct looking *l);
int lookup_dmarc(struct looking *l);
