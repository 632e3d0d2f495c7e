/*
 * edit: changes to the content of a message that leave it valid MIME: a tag before its subject, header
 * fields, a banner above and a disclaimer below its text, parts taken out with a notice in their place.
 * Pure and linear. What is not changed stays byte for byte. Texts are inserted in the part's own charset
 * and encoding when those can hold them; else that part is written anew as UTF-8. Nothing becomes 8-bit
 * that was not. Signed and encrypted parts (multipart/signed, multipart/encrypted, application/pkcs7-mime)
 * are never changed inside: texts go around them, in a multipart/mixed.
 *
 *	edit.c		the order of things, and putting the pieces together
 *	edit_header.c	subject, fields
 *	edit_place.c	where the texts go; new parts
 *	edit_text.c	texts into a text part: charset, encoding
 *	edit_html.c	where in HTML
 *	edit_strip.c	parts that are taken out
 */
#pragma once
#include "base/err.h"
#include "codec/mime.h"

enum {
	EDIT_TEXT_MAX = 16 * 1024, /* banner, disclaimer: each of its forms */
	EDIT_TAG_MAX = 200,
	EDIT_STRIP_MAX = 2000, /* parts and files taken out of one message */
	EDIT_BLOCKS_MAX = 62, /* uuencoded files taken out of one text */
	EDIT_PLACES_MAX = 16, /* text parts that get a banner; others stay as they are */
};

struct edit_text { /* UTF-8; html empty: made of text. text empty: there is none */
	slice text, html;
};
enum { EDIT_WHOLE_PART = -1 };
struct edit_strip {
	unsigned part; /* index in mime_parse(message) with mime_limits_default */
	int block; /* EDIT_WHOLE_PART, or the n-th uuencoded file (0 ..) in the part's text */
	slice notice; /* UTF-8 text that stands there instead */
};
struct edit {
	slice subject_tag; /* "[SPAM] "; not put twice */
	const slice *fields; /* "Name: value" without line end, UTF-8; added on top of the header */
	size_t nfields;
	struct edit_text banner, disclaimer;
	const struct edit_strip *strip;
	size_t nstrip;
};
enum edit_note { /* bits */
	EDIT_CHANGED = 1,
	EDIT_BODY = 2, /* not only the header: DKIM signatures over the body do not hold any more */
	EDIT_SIGNED = 4, /* it had an S/MIME or OpenPGP signature, which still holds */
	EDIT_SIGNATURE_LOST = 8, /* ... which is gone: a part of it was taken out */
	EDIT_ENCRYPTED = 16, /* nothing could be changed inside */
	EDIT_RECODED = 32, /* a text is UTF-8 now that was not */
	EDIT_NO_TEXT = 64, /* there was no text to put it into: it got a part of its own */
	EDIT_SUBJECT = 128, /* the subject got its tag */
};
/* What *out's limit must be for a message of n bytes. */
static inline size_t edit_limit(size_t n)
{
	return 4 * n + (1 << 20);
}
/* The message with everything in *e done, appended to *out. -1: ERR_LIMIT; ERR_PROTO: a part to be taken
 * out does not exist, or a field is none. Of fixed input always the same bytes. */
int edit_message(slice message, const struct edit *e, struct arena *a, struct buf *out,
	unsigned *ret_notes, struct err *err);
