/*
 * The signature fields DKIM-Signature (RFC 6376 section 3.5), ARC-Message-Signature and ARC-Seal
 * (RFC 8617 section 4.1): read and built. What they claim is judged in senderauth/.
 */
#pragma once
#include "codec/dkim_canon.h"
#include "codec/dkim_record.h"
#include "codec/tags.h"

enum {
	DKIM_NAMES_MAX = 1000, /* in h= */
	DKIM_INSTANCE_MAX = 1000, /* i= of ARC: what is read at all; RFC 8617 allows 50 */
};

enum dkim_field_kind { DKIM_SIGNATURE, ARC_MESSAGE_SIGNATURE, ARC_SEAL };
const char *dkim_field_name(enum dkim_field_kind kind);

enum dkim_fault {
	DKIM_FIELD_FINE = 0,
	DKIM_FIELD_SYNTAX, /* no tag list, or a tag twice */
	DKIM_FIELD_MISSING, /* a required tag is not there */
	DKIM_FIELD_VERSION, /* v= is not 1 */
	DKIM_FIELD_ALGORITHM, /* a= unknown */
	DKIM_FIELD_CANON, /* c= unknown */
	DKIM_FIELD_QUERY, /* q= without dns/txt */
	DKIM_FIELD_DOMAIN, /* d= is no domain */
	DKIM_FIELD_SELECTOR, /* s= is no name */
	DKIM_FIELD_IDENTITY, /* i= is no address below d=, or no instance number */
	DKIM_FIELD_BASE64, /* b= or bh= */
	DKIM_FIELD_NAMES, /* h= is empty, malformed or too long */
	DKIM_FIELD_NUMBER, /* l=, t= or x= */
	DKIM_FIELD_CV, /* cv= of a seal */
};
const char *dkim_fault_text(enum dkim_fault f); /* "the signature has no valid tag list" ... */

enum arc_cv { ARC_CV_NONE, ARC_CV_PASS, ARC_CV_FAIL };

struct dkim_field {
	enum dkim_field_kind kind;
	enum dkim_algorithm algorithm; /* a= */
	enum dkim_canon header_canon, body_canon; /* c= */
	slice domain; /* d=, lower-case A-labels */
	slice selector; /* s=, lower-case A-labels */
	slice identity; /* i= decoded, with its @; empty when there is none */
	unsigned instance; /* i= of ARC */
	slice *names; /* h=, as written */
	size_t nnames;
	slice signature; /* b= decoded */
	slice body_hash; /* bh= decoded */
	slice b_text; /* b= without white space: its first characters tell signatures apart */
	slice b_span; /* b= with all around it, a part of the value: dkim_canon_signature */
	int64_t length; /* l=, -1 none; clamped to INT64_MAX */
	int64_t signed_at, expires_at; /* t=, x=: seconds since 1970, -1 none */
	enum arc_cv cv; /* of a seal */
};

/* value: behind the colon, still folded. What could be read of *ret (zeros else) is there also with
 * a fault, for telling about it: domain, selector, b_text. */
enum dkim_fault dkim_field_parse(
	slice value, enum dkim_field_kind kind, struct arena *a, struct dkim_field *ret);
bool dkim_field_names(const struct dkim_field *f, slice name); /* whether h= has it */

/*
 * Building: "NAME: v=1; a=...;\r\n\tb=" with lines of at most 78 where that is possible. Hash
 * dkim_header_select() and dkim_canon_signature(out, ..., {0}), then finish adds the signature.
 */
void dkim_field_begin(struct buf *out, const struct dkim_field *f);
void dkim_field_finish(struct buf *out, slice signature); /* base64, folded, CRLF */
