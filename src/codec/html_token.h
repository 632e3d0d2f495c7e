/*
 * HTML cut into tags, text and comments, as browsers cut it (WHATWG HTML 13.2.5), without copies
 * and without looking back: time is linear in the input.
 */
#pragma once
#include "codec/html_tag.h"

enum { HTML_ATTRIBUTES_MAX = 64 /* of one tag; others are dropped */ };

enum html_token_kind {
	HTML_TOKEN_TEXT,
	HTML_TOKEN_START,
	HTML_TOKEN_END,
	HTML_TOKEN_COMMENT,
	HTML_TOKEN_DOCTYPE,
	HTML_TOKEN_BOGUS, /* <! ...>, <? ...>, </ ...>: a comment to browsers */
	HTML_TOKEN_CUT, /* a tag that never ends: dropped by browsers */
};

struct html_attribute {
	slice name, value; /* as written, quotes removed; entities not undone */
};

struct html_token {
	enum html_token_kind kind;
	slice text; /* of text and comments */
	bool entities; /* text: & means something */
	enum html_tag tag;
	slice name;
	bool self_closing, dropped; /* dropped: too many attributes */
	unsigned nattributes;
	struct html_attribute attributes[HTML_ATTRIBUTES_MAX];
};

struct html_tokens {
	slice rest;
	enum html_tag raw; /* the element whose content is text, or HTML_TAG_OTHER */
};

bool html_token_next(struct html_tokens *t, struct html_token *ret);
/* As written; p == NULL when there is no such attribute. */
slice html_attribute(const struct html_token *t, slice name);
