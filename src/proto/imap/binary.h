/*
 * binary: content-transfer-encodings undone in pieces (RFC 2045 6.7, 6.8), for BINARY (RFC 3516), so that a large part is never
 * in memory whole. Forgives what mime_decode forgives and yields the same bytes.
 */
#pragma once
#include "base/buf.h"
#include "codec/mime.h"

struct imap_binary {
	enum mime_encoding encoding;
	uint32_t bits; /* base64: gathered */
	unsigned nbits;
	struct buf held; /* quoted-printable: a line that is not complete */
};
/* False: an encoding that is not undone here (RFC 3516 UNKNOWN-CTE). */
bool imap_binary_init(struct imap_binary *b, enum mime_encoding encoding);
void imap_binary_feed(struct imap_binary *b, slice in, struct buf *out);
void imap_binary_end(struct imap_binary *b, struct buf *out); /* what was held back; frees */
