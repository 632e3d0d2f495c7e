/*
 * UTF-8 (RFC 3629): validity, stepping, cutting, columns on a terminal.
 */
#pragma once
#include "base/buf.h"

enum { UTF8_REPLACEMENT = 0xfffd, UTF8_MAX = 4 };

/* No overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_valid(slice s);
bool utf8_is_ascii(slice s); /* no byte above 127 */

/* Cuts one code point off the front of *s. A broken sequence yields UTF8_REPLACEMENT and is skipped
 * as Unicode 3.9 "substitution of maximal subparts" says. False at the end. */
bool utf8_next(slice *s, uint32_t *ret_cp);

/* Writes 1 to 4 bytes, returns how many. What is no code point becomes UTF8_REPLACEMENT. */
size_t utf8_write(char out[UTF8_MAX], uint32_t cp);
void utf8_put(struct buf *out, uint32_t cp);

/* A copy with U+FFFD for every broken sequence. */
void utf8_scrub(struct buf *out, slice s);

/* The longest start of s of at most n bytes that does not break a character. */
slice utf8_first(slice s, size_t n);

/* Columns in a table: 2 for East Asian wide and emoji, 0 for combining marks and controls. */
unsigned utf8_cp_width(uint32_t cp);
size_t utf8_width(slice s);
/* The longest start of s that takes at most `columns`, with the marks that belong to it. */
slice utf8_first_columns(slice s, size_t columns);
