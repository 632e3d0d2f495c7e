/*
 * tokens: a text as what the full-text index knows (store/index.h), with positions. Texts are folded first, so that what is looked
 * for and what is there meet whatever way they are written: text_fold of fold.h, letters without their accents, traditional Chinese
 * characters as simplified ones, curly quotes and long dashes as plain ones, no blank between two Chinese or Japanese characters (a
 * line that was broken), a sign that is repeated more than three times three times.
 *
 * A folded text is cut into tokens without remainder, but for its blanks:
 *	words	runs of letters, digits and marks
 *	signs	runs of anything else that is no blank ("@", "://", ").")
 *	single	each Chinese, Japanese or Korean character; of scripts without blanks between words (Thai ...) each letter with its marks
 * Whether a blank stands between two tokens is usually known from what stands at its two sides; where it is not as usual ("a ,b"), a
 * token of its own says so, the joint. So tokens and positions are the text: whether a piece of text occurs is answered exactly.
 */
#pragma once
#include "base/buf.h"

enum {
	TOKEN_MAX = 250, /* bytes of a token; a longer run becomes pieces that are neighbours */
	TOKEN_OVERLAP =
		64, /* bytes (at least) that a piece has in common with the next: whatever is this short is within one of them */
};

/* Appends the text as it is compared. Broken UTF-8 becomes U+FFFD. As text_fold: pieces may be folded one by one into one buf
 * if they are cut at ASCII characters. */
void search_fold(slice utf8, struct buf *out);

enum token_kind {
	TOKEN_WORD,
	TOKEN_SIGN,
	TOKEN_SINGLE,
	TOKEN_CLUSTER /* a letter of Thai ... */,
	TOKEN_JOINT
};
struct token {
	slice text; /* of the folded text */
	uint32_t at; /* position: 1 above the one before it, more behind a U+0001 */
	enum token_kind kind;
	bool more; /* a piece; the next token is one of the same run */
};
struct tokens { /* {.rest = folded} or with .at: where the first token stands */
	slice rest;
	uint32_t at;
	/* its own */
	unsigned before;
};
/* The next one; false at the end. */
bool token_next(struct tokens *t, struct token *ret);
