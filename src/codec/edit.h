/*
 * edit: changes to the content of a message that leave it valid MIME: a tag before its subject, header
 * fields, a banner above and a disclaimer below its text, parts taken out with a notice in their place.
 * Pure and linear. What is not changed stays byte for byte. Texts are inserted in the part's own charset
 * and encoding when those can hold them; else that part is written anew as UTF-8. Signed and encrypted
 * parts (multipart/signed, multipart/encrypted, application/pkcs7-mime) are never changed inside: texts go around
 * them, in a multipart/mixed.
 */
#pragma once
#include "base/err.h"
#include "codec/mime.h"

enum { EDIT_PARTS_MAX = 1000, EDIT_TEXT_MAX = 16 * 1024 };

struct edit_text { /* UTF-8; html empty: made of text */
	slice text, html;
};
struct edit_strip {
	unsigned part; /* index in mime_parse(message) */
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
	EDIT_8BIT = 128, /* the result has 8-bit content that the message had not */
};
/* The message with everything in *e done, appended to *out (its limit must suffice: EDIT_GROWTH_MAX more than the message). `needs_8bit`: may 8-bit
 * content be made? False: quoted-printable. -1: ERR_LIMIT; ERR_PROTO: a part to be taken out does not exist. */
enum { EDIT_GROWTH_MAX = 256 * 1024 };
int edit_message(slice message, const struct edit *e, bool may_8bit, struct arena *a,
	struct buf *out, unsigned *ret_notes, struct err *err);
