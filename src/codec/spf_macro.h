/*
 * Macros in SPF records and explanations (RFC 7208 section 7): syntax and expansion.
 */
#pragma once
#include "base/buf.h"
#include "codec/spf_record.h"

/* Values of the macro letters. */
struct spf_macro_values {
	slice sender, local, sender_domain; /* s l o */
	slice domain, helo, validated; /* d h p */
	slice ip, ip_readable, family; /* i: dotted, c, v: "in-addr" or "ip6" */
	slice receiver; /* r */
	int64_t now; /* t: seconds */
};

/* A macro-string; the letters c, r, t only with `any`. SPF_FINE, SPF_MACRO_BAD,
 * SPF_MACRO_FORBIDDEN, SPF_CHARACTER. */
enum spf_fault spf_macro_check(slice s, bool any);
/* A domain-spec: a macro-string that ends with a macro or a top-level label. */
enum spf_fault spf_domain_check(slice s);
/* The text that an exp= leads to: macros, also c, r, t, and spaces (6.2). */
bool spf_explain_valid(slice s);

/* The letter (lower case) occurs in s. */
bool spf_macro_uses(slice s, char letter);
/* Appends s with its macros replaced. One of the functions above has accepted s. */
void spf_macro_expand(slice s, const struct spf_macro_values *v, struct buf *out);
