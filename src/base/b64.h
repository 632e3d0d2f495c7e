/*
 * Base64 (RFC 4648 section 4, RFC 2045 section 6.8): strict for protocols, tolerant for mail.
 */
#pragma once
#include "base/buf.h"

enum { B64_LINE = 76 }; /* RFC 2045: longest line of encoded text */

static inline size_t b64_size(size_t n)
{
	return (n + 2) / 3 * 4;
}

void b64_encode(struct buf *out, slice in); /* one run, with padding */
void b64_encode_lines(struct buf *out, slice in); /* lines of B64_LINE, each ended by CRLF */

/* The canonical form only: padding there, nothing foreign, unused bits zero. False leaves *out as
 * it was (also when its limit is reached: then buf_ok is false too). */
bool b64_decode(struct buf *out, slice in);

/* As mail needs it: skips what is not of the alphabet, goes on behind padding (concatenated
 * pieces), keeps the whole bytes of a cut end. False when it had to forgive anything but white
 * space. */
bool b64_decode_tolerant(struct buf *out, slice in);
