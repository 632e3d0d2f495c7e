/*
 * Values of Content-Type, Content-Disposition and their like (RFC 2045 section 5.1, RFC 2183), with
 * parameters continued and encoded as RFC 2231 says, or as senders do instead (encoded words inside
 * quotes, raw 8-bit text, blanks without quotes).
 */
#pragma once
#include "base/arena.h"

enum {
	MIME_PARAMS_MAX = 64, /* of one field; what follows is left out */
	MIME_PIECES_MAX = 256, /* of all continued parameters of one field */
	MIME_PARAM_TEXT_MAX = 16 * 1024, /* one decoded value */
};

enum mime_value_defect {
	MIME_VALUE_DUPLICATE = 1, /* a parameter twice: the first counts */
	MIME_VALUE_GAP = 2, /* continuations with a piece missing: up to the gap */
	MIME_VALUE_SYNTAX = 4, /* had to be guessed */
	MIME_VALUE_MANY = 8, /* above a limit */
};

struct mime_param {
	slice name; /* lower case, without RFC 2231's marks */
	slice value; /* quotes and continuations undone; with charset: percent-decoded bytes */
	slice charset; /* RFC 2231; empty: none was given */
};
struct mime_value {
	slice main; /* "text/plain", "attachment": lower case, without blanks and comments */
	struct mime_param *v;
	size_t n;
	unsigned defects; /* enum mime_value_defect */
};
/* Always gives something; an empty field gives an empty main. */
void mime_value_parse(slice field, struct arena *a, struct mime_value *ret);
/* The parameter's value as bytes; empty when it is not there. */
slice mime_param(const struct mime_value *v, slice name);
/* The same as readable UTF-8 on one line: file names, titles. */
slice mime_param_text(const struct mime_value *v, slice name, struct arena *a);
