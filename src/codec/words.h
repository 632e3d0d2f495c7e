/*
 * Text in header fields: encoded words (RFC 2047, RFC 2231 language suffix) to UTF-8 and back.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum { WORDS_LINE = 76 }; /* RFC 2047 2: longest line and word of encoded text (a word: 75) */

/*
 * Appends the text of an unstructured field body (folded or not) as valid UTF-8 on one line. Words
 * that cannot be decoded stay as written; raw 8-bit text that is no UTF-8 is read as GB18030, else
 * as windows-1252. Control characters become spaces. White space between adjacent words goes, and a
 * character that was split over two words of one charset is joined.
 */
void words_decode(struct buf *out, slice value);

/*
 * Appends UTF-8 text for an unstructured field, encoded only if it must be, folded at WORDS_LINE;
 * `column` is where the line stands ("Subject: " -> 9). Broken UTF-8 is scrubbed, CR and LF
 * dropped.
 */
void words_encode(struct buf *out, slice text, size_t column);

/* The same for a display name: atoms, a quoted string, or encoded words. */
void words_encode_phrase(struct buf *out, slice text, size_t column);
