/*
 * Base32 with the "extended hex" alphabet (RFC 4648 section 7), upper case, unpadded: the text
 * sorts like the bytes. Reading accepts both cases.
 */
#pragma once
#include "base/buf.h"

void base32hex_encode(struct buf *out, slice in);
/* False (and *out as it was) for foreign characters, impossible lengths, unused bits that are not
 * 0. */
bool base32hex_decode(struct buf *out, slice in);

/* A number as 13 characters, most significant first. No NUL is written. */
enum { BASE32HEX_U64 = 13 };
void base32hex_put_u64(uint64_t v, char out[BASE32HEX_U64]);
bool base32hex_u64(slice s, uint64_t *ret);
