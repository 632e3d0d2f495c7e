/*
 * bodyhash: the digests of a message's body that DKIM and ARC compare or sign (RFC 6376 sections
 * 3.4.3, 3.4.4, 3.7), all made while the body passes once. Verifiers and signers say beforehand
 * what they want; equal wishes share one digest.
 *
 *	b = body_hashes_new(&arena);
 *	i = body_hashes_want(b, CANON_RELAXED, BODY_SHA256, -1);  ...
 *	body_hashes_add(b, bytes); ...  body_hashes_end(b);   digest = body_hashes_get(b, i);
 *
 * Bytes are the body as transmitted, CRLF at line ends; how it is cut into pieces does not matter.
 */
#pragma once
#include "base/arena.h"
#include "base/slice.h"
#include "codec/dkim_canon.h"

enum body_digest { BODY_SHA1, BODY_SHA256 };
enum { BODY_HASHES_MAX = 16 }; /* distinct digests of one message */

struct body_hashes;
struct body_hashes *body_hashes_new(struct arena *a);
/* limit: the l= tag, bytes of the canonical body that count; -1 all. -1 above BODY_HASHES_MAX. */
int body_hashes_want(
	struct body_hashes *b, enum dkim_canon canon, enum body_digest digest, int64_t limit);
void body_hashes_add(struct body_hashes *b, slice bytes);
void body_hashes_end(struct body_hashes *b);
slice body_hashes_get(const struct body_hashes *b, int i); /* after end */
/* Canonical bytes of the body so far: to see that an l= tag covers less than all (or more). */
uint64_t body_hashes_length(const struct body_hashes *b, int i);
void body_hashes_free(struct body_hashes *b); /* frees the digests' contexts; NULL is fine */
