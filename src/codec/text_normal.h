/*
 * One spelling for what looks or means the same, for rules and for learning: full width and other
 * compatibility forms, case, traditional Chinese, letters of other scripts inside Latin words,
 * characters without width, blanks and dots pushed between letters.
 */
#pragma once
#include "base/buf.h"

/* How much had to be undone, in characters. Each is rare in honest text, but not impossible. */
struct text_undone {
	size_t characters; /* all of the input that are no white space */
	size_t zero_width; /* removed: no width, or fillers */
	size_t zero_width_inside; /* of them, between two letters */
	size_t wide; /* full-width ASCII forms */
	size_t styled; /* mathematical, circled ... letters that stand for plain ones */
	size_t marks; /* piled up combining marks ("zalgo"), removed above two */
	size_t homoglyphs; /* letters of other scripts in Latin words */
	size_t digits; /* digits and signs for letters inside words: v1agra */
	size_t separators; /* removed between single letters: f-r-e-e */
	size_t separators_cjk; /* removed between Chinese characters: 发*票 */
	size_t traditional; /* Chinese characters that have a simplified form */
	size_t bidi; /* controls of direction */
};

/* Loads ICU's tables: once, before threads, before the sandbox. Later calls cost nothing. */
void text_warm_up(void);

/* Appends the text in its one spelling; lines stay lines, other white space becomes one blank. */
void text_normalise(slice utf8, struct buf *out, struct text_undone *ret);
