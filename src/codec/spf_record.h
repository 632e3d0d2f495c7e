/*
 * SPF records as text (RFC 7208 sections 4.5, 4.6, 5, 6, 12). Their macros are spf_macro.h; what
 * the terms mean, and the DNS, is senderauth/spf.
 */
#pragma once
#include "base/arena.h"

enum {
	SPF_RECORD_MAX = 65535, /* a TXT record's bytes */
	SPF_TERMS_MAX = 4000, /* of one record */
};

enum spf_mechanism {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
};
enum { SPF_MECHANISMS = SPF_EXISTS + 1 };

/* "-ip4:192.0.2.0/24" */
struct spf_term {
	slice text; /* as written */
	slice domain; /* domain-spec, its macros not expanded; empty: the domain of the record */
	enum spf_mechanism mechanism;
	char qualifier; /* + - ~ ? */
	uint8_t bits4, bits6; /* prefix lengths of a, mx; of ip4, ip6 the one that applies */
	uint8_t ip[16]; /* ip4: the first four */
};

/* All slices are borrowed from the text. */
struct spf_record {
	struct spf_term *terms; /* mechanisms in their order */
	size_t n;
	slice redirect, exp; /* domain-specs; empty: none */
	unsigned others; /* modifiers that nobody knows, to be ignored (6) */
};

enum spf_fault {
	SPF_FINE,
	SPF_CHARACTER, /* not printable ASCII */
	SPF_TERMS_MANY, /* more than SPF_TERMS_MAX */
	SPF_UNKNOWN, /* no such mechanism */
	SPF_ARGUMENT_MISSING,
	SPF_ARGUMENT_EXTRA, /* all: takes none */
	SPF_DOMAIN_BAD, /* no domain-spec: end is no name, or a character */
	SPF_MACRO_BAD, /* % followed by what is no macro */
	SPF_MACRO_FORBIDDEN, /* c, r, t outside of an explanation */
	SPF_ADDRESS_BAD,
	SPF_PREFIX_BAD, /* /33, /01 */
	SPF_MODIFIER_BAD, /* its name or its value */
	SPF_MODIFIER_TWICE, /* redirect or exp (6) */
};
const char *spf_fault_text(enum spf_fault f);

/* A TXT record that is one of SPF, well-formed or not: "v=spf1", then a space or the end (4.5). */
bool spf_record_is(slice txt);

/* The terms of such a record. A fault makes the whole record a permerror (4.6); *ret_where is then
 * the term it is in. *ret is complete only when SPF_FINE. */
enum spf_fault spf_record_parse(
	slice txt, struct arena *a, struct spf_record *ret, slice *ret_where);
