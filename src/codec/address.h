/*
 * Mail addresses: the envelope's strict grammar (RFC 5321 section 4.1.2, RFC 6531), domains (RFC
 * 5890 through libidn2), and the tolerant reading of header fields (RFC 5322 section 3.4 and
 * obsolete forms).
 */
#pragma once
#include "base/arena.h"
#include "base/slice.h"

enum {
	/* RFC 5321 4.5.3.1.1 says 64, and to take more where it can be: rewritten senders (VERP,
	 * SRS) are longer. */
	ADDRESS_LOCAL_MAX = 200,
	ADDRESS_DOMAIN_MAX = 255, /* 4.5.3.1.2 */
	ADDRESS_LABEL_MAX = 63, /* RFC 1035 2.3.4 */
	ADDRESS_MAX = 254, /* mailbox: a path is 256 with its brackets (4.5.3.1.3) */
	HEADER_ADDRESSES_MAX = 20000, /* of one field; more are not looked at */
};

enum address_fault {
	ADDRESS_FINE = 0,
	ADDRESS_SYNTAX, /* no mailbox at all: a bad character, a missing part */
	ADDRESS_LOCAL_LONG, /* a limit above was passed */
	ADDRESS_DOMAIN_LONG,
	ADDRESS_LONG,
	ADDRESS_DOMAIN_BAD, /* label rules, a bad or unknown address literal */
	ADDRESS_NEEDS_UTF8, /* non-ASCII without SMTPUTF8 */
	ADDRESS_UTF8_BAD, /* not UTF-8, or a domain IDNA2008 does not allow */
};
/* "local part is longer than 200 octets" ... for replies and the command line. */
const char *address_fault_text(enum address_fault f);

/* A mailbox, all slices borrowed from the input. */
struct address {
	slice text; /* local@domain as written, without brackets and source route; empty: null path
		     */
	slice local; /* as written: may be a quoted string */
	slice domain; /* as written: may be an address literal with its []; empty for <postmaster>
		       */
	uint8_t family; /* 4 or 6: domain is an address literal; 0: a name */
	uint8_t ip[16]; /* the literal's address, network order */
	bool utf8; /* holds non-ASCII: needs SMTPUTF8 (RFC 6531) to travel */
};

/* The whole of s is one Mailbox ("a@b", no brackets). utf8 allows RFC 6531's forms. */
enum address_fault address_parse(slice s, bool utf8, struct address *ret);

/* Cuts a Path off the front of *in: <a@b>, <@x,@y:a@b> (route ignored), <> (text empty), and
 * <postmaster> (domain empty). On a fault *in stays. Callers decide about <> and <postmaster>. */
enum address_fault address_parse_path(slice *in, bool utf8, struct address *ret);

/* Splits "a@b" at the last @ without judging it. False without one. */
bool address_split(slice mailbox, slice *ret_local, slice *ret_domain);

/* The local part without quotes and backslashes: "\"a b\"" -> a b. */
slice address_local_value(slice local, struct arena *a);

/* One spelling per mailbox, for comparing and as a key: domain as lower-case A-labels, local part
 * quoted only where it must be, its case kept. With fold, its ASCII letters lower-cased too. */
slice address_canonical(const struct address *addr, bool fold, struct arena *a);

/* Writes local@domain with the local part's *value* quoted if it must be. */
slice address_join(slice local_value, slice domain, struct arena *a);

/* A host name by LDH rules; with utf8 also U-labels. The last label is not all digits. */
bool domain_valid(slice s, bool utf8);
/* Lower-case A-labels. False: not allowed. Plain ASCII names cost no libidn2. */
bool domain_to_ascii(slice s, struct arena *a, slice *ret);
/* U-labels where all are proper, else lower-case as it came: for showing. */
slice domain_to_utf8(slice s, struct arena *a);
/* Is it `top`, or below it? Not when either is empty. The case of ASCII letters does not count. */
bool domain_within(slice domain, slice top);
/* Names as configurations list them: "example.com" is that one alone, ".example.com" all below it.
 */
bool domain_listed(slice domain, const slice *names, size_t n);
/* "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321 4.1.3). Family 4 or 6 and the address. */
bool domain_literal_parse(slice s, uint8_t *ret_family, uint8_t ret_ip[16]);

/* One address out of From:, To: ... */
struct header_address {
	slice display; /* display name or a comment in its place; UTF-8, words decoded; may be empty
			*/
	slice address; /* local@domain, canonical quoting, as UTF-8; empty for an empty group */
	slice local; /* value */
	slice domain; /* lower case */
	slice group; /* name of the group it stands in, or empty */
	bool valid; /* address is one that SMTP could carry (address_parse, utf8 allowed) */
	bool odd; /* there are more @ than it explains: others may read another address there */
};
/* Everything that looks like an address in a (possibly folded) field body. Never fails: what cannot
 * be read is skipped or given with valid = false. Memory from *a. Returns the number. */
size_t header_addresses(slice value, struct arena *a, struct header_address **ret);
