/*
 * mime_cut: finds where attachments begin and end while a message streams by, for the blob store,
 * which keeps large ones apart and shares them. Not a MIME parser: it believes no header and knows
 * no boundary; a line that could be a delimiter (RFC 2046 5.1.1) opens a part header, the blank
 * line after it opens content. A wrong guess costs sharing, never bytes: the pieces together are
 * the input.
 */
#pragma once
#include "base/slice.h"

enum mime_event {
	MIME_MORE, /* *in is used up */
	MIME_BYTES, /* *ret_bytes: the next bytes of the message */
	MIME_CONTENT, /* content of a part begins here */
	MIME_PART, /* a delimiter line begins here: content ends */
};

struct mime_cut {
	enum { MIME_LINE_START, MIME_DASH, MIME_DASHES, MIME_CR, MIME_IN_LINE } state;
	bool in_header, content_next;
	uint8_t carried; /* dashes at a line's start that were consumed and not yet given out */
	uint8_t owed; /* dashes to be given out next */
};

/* Start with a zeroed struct. Call until MIME_MORE. Bytes given out are borrowed from *in or
 * static. */
enum mime_event mime_cut_next(struct mime_cut *m, slice *in, slice *ret_bytes);
/* At the end of the message: the last bytes, if any were held back. */
slice mime_cut_end(struct mime_cut *m);
