/*
 * DKIM (RFC 6376, 8301, 8463): verifying the signatures of a message while it passes, and signing.
 *
 *	v = dkim_verify_new(&arena, header, hashes, &policy, now);  ... the body goes to hashes ...
 *	dkim_verify_finish(v, &lookup, deadline, &results);
 *
 *	i = dkim_sign_want(hashes);  ...
 *	dkim_sign(&signer, &how, before, header, body_hashes_get(hashes, i), &arena, &out, &e);
 */
#pragma once
#include "codec/authres.h"
#include "codec/dkim_field.h"
#include "senderauth/bodyhash.h"
#include "senderauth/lookup.h"
#include "senderauth/signer.h"

enum {
	DKIM_SIGNATURES_MAX = 50, /* upper bound of dkim_policy.signatures */
	DKIM_KEY_RECORDS_MAX = 4, /* TXT records of one name that are tried (RFC 6376 6.1.2) */
};

struct dkim_policy {
	unsigned signatures; /* looked at; the others are only counted */
	int64_t clock_skew; /* seconds that x= and t= may be off */
	bool partial_body; /* accept l= that leaves a part of the body unsigned */
};
#define DKIM_POLICY_DEFAULT ((struct dkim_policy){.signatures = 10, .clock_skew = 600})

struct dkim_result {
	enum auth_result result;
	const char *reason; /* in words: "the body was changed", "good signature" */
	struct dkim_field
		field; /* domain, selector, identity, algorithm, b_text ... as far as read */
	unsigned bits; /* of the key; 0 unknown */
	bool testing; /* the key's t=y */
	bool tls_report; /* the message says that it is one: keys for these count, too */
	bool partial; /* l= leaves a part of the body unsigned */
};
struct dkim_results {
	struct dkim_result *v; /* best first: those of the From domain before others */
	size_t n;
	size_t skipped; /* signatures above the limit, not looked at */
	unsigned from_fields; /* From fields of the message: more than one is an attack or broken */
};

struct dkim_verifier;
/* header: the block as transmitted, with or without its empty line. now: seconds since 1970. Never
 * fails; registers what it needs with b. All memory from *a, header is borrowed. */
struct dkim_verifier *dkim_verify_new(struct arena *a, slice header, struct body_hashes *b,
	const struct dkim_policy *policy, int64_t now);
/* After body_hashes_end: asks for the keys (side by side in a coroutine) and verifies. */
void dkim_verify_finish(struct dkim_verifier *v, const struct lookup *lookup, instant deadline,
	struct dkim_results *ret);
/* The best result of all: pass before others; AUTH_NONE without a signature. */
enum auth_result dkim_results_best(const struct dkim_results *r);
/* For Authentication-Results: header.d, .i, .s, .a, .b (RFC 8601 2.7.1, RFC 6008). */
void dkim_result_method(
	const struct dkim_results *all, size_t i, struct arena *a, struct authres_method *ret);

/* What was found at SELECTOR._domainkey.DOMAIN. */
struct dkim_keys {
	enum lookup_status status;
	slice *txt; /* records */
	size_t n;
};
/* The keys of n fields (also of ARC), equal names asked once, a few side by side when in a
 * coroutine. A field without domain or selector gets LOOKUP_NODATA unasked. ret has n places. */
void dkim_keys_ask(const struct dkim_field *const *fields, size_t n, const struct lookup *lookup,
	instant deadline, struct arena *a, struct dkim_keys *ret);
/* The verification of one parsed field of any kind, also of ARC: `signed_data` is what b= signs.
 * Sets result, reason, bits, testing of *r by the keys; r->field and tls_report are
 * given. The body hash, the time
 * and h= are the caller's business. */
void dkim_check(
	struct dkim_result *r, slice signed_data, const struct dkim_keys *keys, struct arena *a);

struct dkim_sign_how {
	slice domain; /* of whom: asked from the signer; usually that of From */
	slice identity; /* i=: "user@sub.example", at or below the keys' domain; empty: none */
	int64_t now; /* t=, seconds since 1970 */
	int64_t lifetime; /* seconds until x=; 0: no x= */
	/* Fields to sign; with a + one more than there is ("oversigned"). None: the usual ones. */
	const slice *names;
	size_t nnames;
};
/* Registers the digest that signing needs. */
int dkim_sign_want(struct body_hashes *b);
/* Appends one DKIM-Signature line for each key that signs for the domain (none: nothing), to be put
 * on top of `before` (fields that we add ourselves) and the header. -1, nothing appended: no key
 * could be used, or one of them only later (ERR_TEMP, ERR_TIMEOUT, ERR_CLOSED). */
int dkim_sign(const struct signer *s, const struct dkim_sign_how *how, slice before, slice header,
	slice body_digest, struct arena *a, struct buf *out, struct err *e);
