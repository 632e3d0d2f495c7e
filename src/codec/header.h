/*
 * Header blocks (RFC 5322 sections 2.2 and 3.6): walking, finding, unfolding, and the summary that
 * the SMTP server makes of every message.
 */
#pragma once
#include "base/arena.h"
#include "base/slice.h"

enum {
	HEADER_SUMMARY_MAX = 64 * 1024, /* how far header_summarize looks */
	HEADER_TEXT_MAX = 16 * 1024, /* longest decoded text of one field */
};

struct header_field {
	slice raw; /* the whole field, all its lines and their line ends */
	slice name; /* empty: a malformed line (no colon, "From " of mbox ...) */
	slice value; /* behind the colon, still folded, without the last line end */
};

/*
 * Cuts one field off the front of *in. Lines end in CRLF or LF. False at the empty line, which is
 * consumed (then *in is the body), or when *in is spent. A field cut short by the end of *in is
 * still given.
 */
bool header_next(slice *in, struct header_field *ret);

/* The length of the header with its empty line; message.n if there is none. */
size_t header_length(slice message);

/* The n-th (0 ..) field of that name. */
bool header_find(slice block, slice name, size_t n, struct header_field *ret);
size_t header_count(slice block, slice name);

/* Without line ends and outer white space (RFC 5322 2.2.3). Borrowed when there is nothing to undo.
 */
slice header_unfold(slice value, struct arena *a);
/* Unfolded, encoded words decoded, UTF-8 without control characters (words.h). */
slice header_text(slice value, struct arena *a);

struct header_summary {
	bool complete; /* the empty line was seen */
	size_t length; /* of the header with its empty line, as far as seen */
	unsigned fields, malformed;
	unsigned date, from, sender, reply_to, to, cc, bcc, message_id_n, received,
		subject_n; /* how often */
	unsigned resent, dkim, auto_submitted, list, mime_version, delivered_to;
	slice message_id; /* with its <>, or empty */
	slice subject; /* decoded */
	slice from_value, sender_value; /* first of each, folded, as they came */
	slice date_value;
	bool bulk; /* Precedence: bulk/junk/list or a List-Id */
	bool auto_reply; /* Auto-Submitted other than "no" (RFC 3834) */
};

/* From the start of a message: all of its header, or the first HEADER_SUMMARY_MAX bytes. */
void header_summarize(slice start, struct arena *a, struct header_summary *ret);
