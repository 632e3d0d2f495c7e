/*
 * html_strip: the words of HTML, quickly: tags go (those between words leave a blank), entities are undone, styles, scripts and comments
 * are left out. For searching in mail; what a reader sees is told by html.h. In pieces of any size.
 */
#pragma once
#include "base/buf.h"

struct html_strip {
	enum { HTML_STRIP_TEXT, HTML_STRIP_TAG, HTML_STRIP_QUOTE, HTML_STRIP_COMMENT } state;
	char quote; /* of an attribute */
	char name[12]; /* of the tag, lower case, as far as it fits */
	unsigned name_n;
	bool name_ended;
	char inside[8]; /* "style", "script": everything up to its end tag is left out */
	unsigned dashes; /* in a comment */
};
/* UTF-8 in, UTF-8 out. Entities that are cut by the end of a piece stay as they are. */
void html_strip(struct html_strip *h, slice in, struct buf *out);
