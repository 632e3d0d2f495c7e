/*
 * ARC (RFC 8617): what hosts that passed a message on have vouched for. Each adds a set of three
 * fields: its results (ARC-Authentication-Results), a signature of the message as it left
 * (ARC-Message-Signature), and a seal over all sets so far (ARC-Seal).
 *
 * Verifying, in the order in which a message passes:
 *
 *	x = arc_begin(header, limit, hashes, &arena);	header as transmitted, at its end
 *	... body_hashes_add, body_hashes_end ...
 *	arc_verify(x, hashes, &lookup, deadline, wall, &arena, &result);	may wait
 *
 * Whom to believe is another question: arc_vouches().
 */
#pragma once
#include "codec/authres.h"
#include "senderauth/bodyhash.h"
#include "senderauth/lookup.h"
#include "senderauth/signer.h"

enum {
	ARC_SETS_MAX = 50, /* RFC 8617 section 4.2.1 */
	ARC_CLOCK_SKEW = 600,
	/* seconds that t= and x= may be off */
};

struct arc_hop {
	slice domain, selector; /* of the seal: who vouches */
	slice ams_domain; /* of the message signature */
	slice results; /* the value of ARC-Authentication-Results, with its i= */
	struct authres authres; /* the same, parsed; n 0 when it could not be */
	bool covers_from; /* the message signature covers From: and the whole body */
	bool intact; /* its message signature still fits: nothing was changed since */
};
struct arc_result {
	enum auth_result result; /* AUTH_NONE, AUTH_PASS, AUTH_FAIL */
	bool temporary; /* it failed for want of an answer from the DNS: may pass later */
	slice reason; /* in words; empty when there is no chain */
	struct arc_hop *hops; /* [0] is i=1; may be incomplete when it failed */
	unsigned n;
	unsigned oldest_pass; /* with PASS: the oldest i= whose message signature fits; 0 all */
};

struct arc;
/* Never NULL. sets: a longer chain fails; 0: ARC_SETS_MAX. Adds the digests it needs to *b. header
 * is kept by reference. */
struct arc *arc_begin(slice header, unsigned sets, struct body_hashes *b, struct arena *a);
bool arc_is_there(const struct arc *x); /* any ARC field: otherwise the result is AUTH_NONE */
/* In a coroutine. At most one lookup for each key's name, all at the same time. */
void arc_verify(struct arc *x, const struct body_hashes *b, const struct lookup *l,
	instant deadline, int64_t wall, struct arena *a, struct arc_result *ret);
/* "arc=pass (i=2 ...) header.oldest-pass=0 smtp.remote-ip=192.0.2.1" (RFC 8617 section 10.2) */
void arc_authres(
	const struct arc_result *r, slice client_ip, struct arena *a, struct authres_method *ret);

/*
 * Does a chain speak for a message that fails DMARC here (RFC 8617 section 7.2.1)? Sealers are
 * followed from the newest back as long as each is in the list of trusted domains (a leading dot
 * stands for all below it). The oldest of that run is the first host that we believe; the message
 * is vouched for when that host says dmarc=pass for the domain of From:, or, without any word on
 * dmarc, dkim=pass or spf=pass for exactly that domain.
 */
struct arc_word {
	slice sealer;
	unsigned instance;
	const char *method; /* "dmarc", "dkim", "spf" */
};
bool arc_vouches(const struct arc_result *r, const slice *trusted, size_t ntrusted,
	slice from_domain, struct arc_word *ret);

/* ---- sealing ---- */

struct arc_seal {
	slice header; /* of the message with all that we have added, as it will be sent */
	slice authserv_id; /* ours: our Authentication-Results fields in the header become the AAR,
			      and their arc= the cv= */
	slice domain; /* whose keys seal */
	const slice *sign; /* names of fields to sign, lower case; NULL: arc_seal_fields */
	size_t nsign;
	int64_t wall;
};
extern const slice arc_seal_fields[];
extern const size_t arc_seal_fields_n;

/* Which digest sealing needs: before the body passes. */
int arc_seal_want(struct body_hashes *b);
/* Appends the three fields, seal first, each ended by CRLF: to stand on top of the message. 0 also
 * when nothing is to be sealed: *out stays and *ret_why says why (no key, no results of ours, a
 * chain that had failed before us, 50 sets). -1: as signer.h. May wait. */
int arc_seal(const struct arc_seal *q, const struct body_hashes *b, int digest,
	const struct signer *s, struct arena *a, struct buf *out, slice *ret_why, struct err *e);
