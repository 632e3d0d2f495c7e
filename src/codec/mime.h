/*
 * mime: the structure of a message (RFC 2045, 2046): a list of parts in the order in which they
 * stand, found in one pass, without copies. It reads what is malformed as mail clients read it, and
 * says what was wrong (defects).
 *
 * Parts borrow from the message. Bodies are as transmitted; mime_decode undoes the encoding. What
 * is inside an encoded message/rfc822 is not looked into: decode it and call mime_parse_inside.
 */
#pragma once
#include "base/buf.h"
#include "codec/header.h"
#include "codec/mime_value.h"

struct mime_limits {
	unsigned depth; /* multiparts and messages inside each other */
	unsigned parts;
	unsigned fields; /* header fields of a part that are looked at for its type */
};
extern const struct mime_limits mime_limits_default; /* 30, 1000, 1000000 */

enum mime_encoding {
	MIME_7BIT,
	MIME_8BIT,
	MIME_BINARY,
	MIME_QP,
	MIME_BASE64,
	MIME_UUENCODE,
	MIME_UNKNOWN
};

enum mime_defect {
	MIME_NO_BOUNDARY = 1, /* multipart without boundary parameter: read as text */
	MIME_BOUNDARY_UNSEEN = 2, /* no delimiter line in the body: read as text */
	MIME_UNCLOSED = 4, /* the closing delimiter is missing */
	MIME_TOO_DEEP = 8, /* a limit: what lies deeper is one leaf */
	MIME_TOO_MANY = 16, /* a limit: the last part goes on to the end */
	MIME_BAD_TYPE = 32, /* Content-Type is not type/subtype: read as text/plain */
	MIME_BAD_ENCODING =
		64, /* unknown Content-Transfer-Encoding, or one that a multipart may not have */
	MIME_BAD_HEADER = 128, /* a line in the header that is no field */
	MIME_TWICE = 256, /* Content-Type or Content-Transfer-Encoding twice: the first counts */
	MIME_NO_HEADER = 512, /* a part without the empty line that ends its header */
	MIME_VALUES = 1024, /* a parameter was guessed, see mime_value.h */
};

struct mime_part {
	int parent; /* index; -1 for the message itself */
	unsigned depth; /* 0 for the message itself */
	slice header; /* with the empty line */
	slice body; /* of a multipart: preamble to epilogue; without the line end before a delimiter
		     */
	struct mime_value
		type; /* .main "text/plain"; the default of the context when it is missing */
	struct mime_value disposition; /* .main "attachment", "inline" or empty */
	bool type_given;
	bool multipart; /* has children by boundary */
	bool message; /* message/rfc822: its child is the message inside */
	enum mime_encoding encoding;
	unsigned defects; /* enum mime_defect */
};
struct mime {
	struct mime_part *v;
	size_t n; /* at least 1 */
	unsigned defects; /* of all parts together */
};

void mime_parse(slice message, const struct mime_limits *l, struct arena *a, struct mime *ret);

/*
 * What is inside a leaf that is encoded although it may not be: a message, or a multipart whose
 * delimiters nobody sees before it is decoded (RFC 2045 6.4 forbids it; some readers look inside).
 * `decoded` is from mime_decode.
 */
void mime_parse_inside(const struct mime_part *outer, slice decoded, const struct mime_limits *l,
	struct arena *a, struct mime *ret);

/* "text", "plain" of a part's type. */
bool mime_is(const struct mime_part *p, slice type, slice subtype); /* empty subtype: any */
/* The file name, from disposition or type, as UTF-8; empty when there is none. */
slice mime_filename(const struct mime_part *p, struct arena *a);
/* The body decoded, appended to *out up to its limit. False: something had to be forgiven or did
 * not fit. */
bool mime_decode(const struct mime_part *p, struct buf *out);
