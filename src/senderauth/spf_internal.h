/* Shared by spf.c (records and their terms), spf_match.c (mechanisms) and spf_target.c (names). */
#pragma once
#include "codec/spf_macro.h"
#include "senderauth/spf.h"

/* A check under way. */
struct spf_run {
	const struct lookup *dns;
	const struct spf_query *q;
	struct arena *a;
	instant deadline;
	struct net_addr ip; /* never v4-mapped */
	slice sender, local, sender_domain;
	unsigned lookups, voids, steps;
	bool in_include; /* an explanation of this record would not count (5.2) */
	bool names_known;
	slice names[SPF_NAMES_MAX]; /* validated (5.5) */
	unsigned nnames;
	struct spf_result *ret;
};

/* A record whose terms are looked at. */
struct spf_place {
	slice domain;
	unsigned depth;
};

/* What became of a term; errors end the check. */
enum spf_verdict { SPF_NO, SPF_YES, SPF_TEMP, SPF_PERM };

/* ---- spf.c ---- */
void spf_tell(struct spf_run *r, const struct spf_place *p, struct spf_step step);
/* Notes the problem. */
enum spf_verdict spf_give_up(struct spf_run *r, const struct spf_place *p, slice term,
	enum spf_verdict verdict, enum spf_reason why);
/* Another term that asks the DNS (4.6.4); false above the limit. */
bool spf_count_lookup(struct spf_run *r);

/* ---- spf_match.c ---- */
/* All mechanisms but include. */
enum spf_verdict spf_match(
	struct spf_run *r, const struct spf_place *p, const struct spf_term *t, slice *ret_target);

/* ---- spf_target.c ---- */
/* A domain-spec as a name to ask for; empty: the place's own domain. SPF_YES; SPF_NO: no name that
 * the DNS could hold; SPF_TEMP, SPF_PERM: the problem is noted. */
enum spf_verdict spf_target(
	struct spf_run *r, const struct spf_place *p, slice term, slice spec, slice *ret);
/* RFC 8616 4: a local part beyond ASCII cannot be part of a name; a term that needs it matches
 * nothing, and is no error. */
bool spf_needs_utf8(const struct spf_run *r, slice spec);
/* Labels of 1 to 63 bytes, SPF_DOMAIN_MAX together. */
bool spf_name_valid(slice name);
/* The text of exp= with its macros replaced; empty when there is none. */
slice spf_explain(struct spf_run *r, const struct spf_place *p, slice spec);
/* Finds the validated names of the address, once. */
void spf_learn_names(struct spf_run *r);
/* The lookups, not after the deadline. */
enum lookup_status spf_ask_txt(
	struct spf_run *r, slice name, struct arena *a, slice **ret, size_t *ret_n);
enum lookup_status spf_ask_addr(struct spf_run *r, slice name, int family, struct arena *a,
	struct net_addr **ret, size_t *ret_n);
bool spf_same_ip(const struct net_addr *x, const struct net_addr *y);
