/*
 * tokens: a text as the words that the full-text index knows (store/index.h), with positions. Texts are folded first (text_fold of
 * fold.h, then letters without their accents, traditional Chinese characters as simplified ones), so that what is
 * looked for and what is there meet whatever way they are written. Words are runs of letters and digits (UAX #29 in spirit); of
 * Chinese, Japanese, Korean text every character with the one behind it is a word, and the last one of a run alone, so that one
 * character is found as a beginning and any phrase as neighbours.
 */
#pragma once
#include "base/buf.h"

enum {
	TOKEN_MAX = 64, /* bytes of a word; longer ones are cut into pieces that are neighbours */
	TOKENS_TEXT_MAX = 4 << 20, /* bytes of a text that are looked at */
};
/* Appends the text as it is compared: what brute force and index agree on. Broken UTF-8 becomes U+FFFD. */
void search_fold(slice utf8, struct buf *out);

struct token {
	slice word; /* of the folded text, or of *scratch */
	uint32_t at; /* position: neighbours differ by 1; a gap of more than 1 where neighbours must not meet */
	uint32_t from, to; /* bytes in the folded text */
	bool cjk, glued; /* glued: no separator stands between the word before it and this one */
};
/* Calls fn for each word of a folded text, in order; false ends. Positions count from *at, which is left behind the last. */
void tokens(slice folded, uint32_t *at, bool (*fn)(void *arg, const struct token *t), void *arg);
