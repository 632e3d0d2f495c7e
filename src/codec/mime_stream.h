/*
 * mime_stream: content-transfer-encodings undone in pieces (RFC 2045 6.7, 6.8), so that a large part is never in memory whole: for
 * BINARY (RFC 3516) and for searching. Forgives what mime_decode forgives and yields the same bytes.
 */
#pragma once
#include "base/buf.h"
#include "codec/mime.h"

struct mime_stream {
	enum mime_encoding encoding;
	uint32_t bits; /* base64: gathered */
	unsigned nbits;
	struct buf held; /* quoted-printable: a line that is not complete */
};
/* False: an encoding that is not undone here: uuencode, unknown ones. Bytes go through as they are. */
bool mime_stream_init(struct mime_stream *b, enum mime_encoding encoding);
void mime_stream_feed(struct mime_stream *b, slice in, struct buf *out);
void mime_stream_end(struct mime_stream *b, struct buf *out); /* what was held back; frees */
