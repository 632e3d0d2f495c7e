/*
 * Hexadecimal digits (RFC 4648 section 8).
 */
#pragma once
#include "base/buf.h"

/* 0 .. 15, or -1. */
static inline int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void hex_encode(struct buf *out, slice in); /* lower case */
/* Both cases, an even number of digits, nothing else. False leaves *out as it was. */
bool hex_decode(struct buf *out, slice in);
/* A number of 1 to 16 digits, the whole slice. */
bool hex_u64(slice s, uint64_t *ret);
