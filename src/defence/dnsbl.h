/*
 * dnsbl: lists of addresses and domains that are asked by DNS (RFC 5782), or held here as a local
 * copy (mirror.h). Sections [dnsbl "NAME"]:
 *
 *	[dnsbl "zen"]
 *	zone = zen.example.org
 *	type = ip				ip, domain, uri, dnswl
 *	weights = 127.0.0.2 4 127.0.0.4-7 5 127.0.0.10-11 2
 *
 * Answers in 127.255.255.0/24 are errors of the list, never listings: it is left alone for a while
 * and the log says why. A list is believed only after its test points have answered as they must.
 * No answer in time means unknown.
 */
#pragma once
#include "base/arena.h"
#include "codec/signal.h"
#include "run/conf.h"
#include "senderauth/lookup.h"

enum dnsbl_type { DNSBL_IP, DNSBL_DOMAIN, DNSBL_URI, DNSBL_WHITE };
enum {
	DNSBL_LISTS_MAX = 32,
	DNSBL_WEIGHTS_MAX = 32, /* of one list */
	DNSBL_ANSWERS_MAX = 16, /* addresses in one answer */
};

/* ---- codes: "127.0.0.2", "127.0.0.4-7", "127.0.0.0/24", "&0.0.0.4" (that bit is set) ---- */
struct dnsbl_weight {
	uint32_t low, high; /* host order; both ends belong to it */
	uint32_t mask; /* not 0: (answer & mask) != 0, for lists that combine bits */
	float weight; /* multiplies the score of the signal */
};
struct dnsbl_weights {
	struct dnsbl_weight v[DNSBL_WEIGHTS_MAX];
	size_t n;
};
/* "CODE [WEIGHT] CODE [WEIGHT] ..."; a code without weight has 1. */
bool dnsbl_weights_parse(const struct conf_list *words, struct dnsbl_weights *ret);
enum dnsbl_code { DNSBL_NOT, DNSBL_LISTED, DNSBL_ERROR };
/* What an answer means: its weight when LISTED; with an empty table every 127.0.0.0/8 has 1. */
enum dnsbl_code dnsbl_code_judge(const struct dnsbl_weights *w, uint32_t answer, float *ret_weight);

extern const struct conf_section dnsbl_section;

/* ---- asking ---- */
struct dnsbls;
struct mirrors;
/* l and m must outlive it; m may be NULL. ERR_PERM with a sentence. */
int dnsbls_open(const struct conf *conf, const struct lookup *l, struct mirrors *m,
	struct dnsbls **ret, struct err *e);
/* Does each list that is looked up in a mirror have one? For checking a configuration. */
int dnsbls_check(const struct conf *conf, struct err *e);
/* Nothing may be under way (the loop has ended). NULL is fine. */
void dnsbls_close(struct dnsbls *d);
/* Whether any list of that type is configured. */
bool dnsbls_any(const struct dnsbls *d, enum dnsbl_type type);

/* One list's word. */
struct dnsbl_hit {
	slice list; /* section */
	uint32_t code; /* the answer that weighed most, host order */
	float weight;
	bool white;
	unsigned order; /* of the sections */
};
struct dnsbl_result {
	struct dnsbl_hit hits[DNSBL_LISTS_MAX];
	unsigned n;
	unsigned unknown; /* lists that did not answer */
};
/* Asks all lists for addresses (DNSBL_IP and DNSBL_WHITE), all at once. In a coroutine. */
void dnsbls_ask_ip(
	struct dnsbls *d, const struct net_addr *ip, instant deadline, struct dnsbl_result *ret);
/* Lists of that type (DOMAIN, URI) about a domain name in A-label form. For URI lists also
 * dnsbls_ask_uri_ip with the host of a link that is an address. */
void dnsbls_ask_domain(struct dnsbls *d, enum dnsbl_type type, slice domain, instant deadline,
	struct dnsbl_result *ret);
void dnsbls_ask_uri_ip(
	struct dnsbls *d, const struct net_addr *ip, instant deadline, struct dnsbl_result *ret);
/* "zen 127.0.0.4, other 127.0.0.2" of the black or the white ones; returns their weights added
 * up. */
float dnsbl_result_print(const struct dnsbl_result *r, bool white, struct buf *out);
