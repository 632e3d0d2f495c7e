/*
 * summary: what mail programs ask of a message again and again, worked out once: its envelope, the structure of
 * its parts with their places and sizes, a few words of its text, what binds it to other messages. Kept beside
 * the message (store/mailbox.h), so that lists, searches and fetches of a part need neither parse nor read it.
 *
 * Made by the scan process when a message arrives, by the process that stores it otherwise (APPEND). Places are
 * offsets in the stored bytes (the blob); header lines put before them by delivery are not in it. A binary
 * record with a version: one of another version reads as "none" and is made anew.
 *
 *	summary_build.c		from a parsed message (mime.h): its header, what it holds
 *	summary_part.c		a part's fields as they are written, sizes and lines
 *	summary_address.c	addresses as ENVELOPE wants them
 *	summary_write.c		the bytes of a record
 *	summary_read.c		the record read in place, borrowed
 *	summary_words.c		base subjects (RFC 5256 2.1), message ids
 *	summary_preview.c	the preview (RFC 8970)
 */
#pragma once
#include "codec/mime.h"

enum {
	SUMMARY_MAX =
		48 *
		1024, /* bytes of a record; a message with more has a shortened one (SUMMARY_CUT) */
	SUMMARY_ADDRESSES_MAX = 200, /* of one field that are kept */
	SUMMARY_FIELD_MAX = 2000, /* bytes of one field that are kept */
	SUMMARY_PARTS_MAX = 1000,
	SUMMARY_PREVIEW_MAX = 200, /* characters (RFC 8970 3.2: 200 or 256) */
	SUMMARY_REFERENCES_MAX = 40, /* the first and the last ones */
};
enum summary_flag {
	SUMMARY_CUT = 1, /* something did not fit: who needs all of it reads the message */
	SUMMARY_ATTACHMENT = 2, /* has a part that readers show as a file */
	SUMMARY_8BIT = 4, /* header with raw 8-bit (RFC 6532) */
	SUMMARY_INVITE = 8, /* has a text/calendar part */
	SUMMARY_ENCRYPTED = 16, /* multipart/encrypted or S/MIME enveloped */
	SUMMARY_SIGNED = 32,
	SUMMARY_NO_PREVIEW = 64, /* made where texts are not converted: the preview is not known */
	SUMMARY_LINES = 128, /* has line ends that are no CRLF, or none at its end: line_octets */
};

enum summary_text { /* raw field values, unfolded, as RFC 9051 7.5.2 ENVELOPE wants them (encoded words kept); without
		      * control characters, with raw 8-bit as it came */
	SUMMARY_DATE,
	SUMMARY_SUBJECT,
	SUMMARY_IN_REPLY_TO,
	SUMMARY_MESSAGE_ID,
	/* UTF-8, decoded; of the message itself (envelope 0), not of those inside it. LIST_ID: without <> */
	SUMMARY_SUBJECT_TEXT,
	SUMMARY_BASE_SUBJECT,
	SUMMARY_PREVIEW,
	SUMMARY_LIST_ID,
	SUMMARY_TEXTS
};
enum summary_who {
	SUMMARY_FROM,
	SUMMARY_SENDER,
	SUMMARY_REPLY_TO,
	SUMMARY_TO,
	SUMMARY_CC,
	SUMMARY_BCC,
	SUMMARY_WHOS
};
/* As in ENVELOPE: p == NULL where it says NIL. A group begins with its name as mailbox, host NULL; it ends with both NULL.
 * An address without a domain has an empty host. */
struct summary_address {
	slice name /* raw, with encoded words */, route, mailbox, host;
};
struct summary_part { /* in the order of mime_parse; [0] is the message */
	int parent;
	unsigned depth;
	bool multipart; /* has parts inside, at least one */
	bool message; /* message/rfc822, message/global ... that was looked into: its child is the message inside. One that was
		       * not (encoded, too deep) has type message/rfc822 without it: ENVELOPE is to be empty there */
	uint64_t header_at, header_n; /* with its empty line */
	uint64_t body_at, body_n;
	uint64_t lines; /* line ends in a body of type text or message */
	uint64_t decoded_n; /* octets after decoding (BINARY.SIZE); UINT64_MAX: not known */
	enum mime_encoding encoding;
	slice type,
		subtype; /* as written; what people read as text for want of a boundary is text/plain */
	slice params; /* name, value pairs by summary_next_pair(), as written (RFC 2231 not undone) */
	slice id, description, encoding_text; /* Content-ID ...; p == NULL: not there */
	slice md5, disposition, disposition_params, language,
		location; /* likewise; language: list by summary_next_text() */
	int envelope; /* of a message/rfc822: its child's envelope is summary_envelope(s, this) ; -1 */
};

struct summary { /* a record being read; all borrowed from it */
	slice record;
	unsigned flags; /* enum summary_flag */
	uint64_t size; /* of the message it was made from */
	uint64_t line_octets; /* more of them when it is sent in lines that all end in CRLF (POP3) */
	int64_t sent_at; /* seconds since 1970 of Date:, or INT64_MIN */
	size_t nparts, nenvelopes;
	uint64_t header_n; /* of the message */
};
/* False: no record, another version, damaged. Checks everything once, so that the calls below cannot fail. */
bool summary_open(slice record, struct summary *ret);
slice summary_text(
	const struct summary *s, int envelope, enum summary_text t); /* p == NULL: no such field */
/* Addresses of a field: start with *it = 0; false at the end. Without Sender or Reply-To those of From come (RFC 9051 7.5.2). */
bool summary_next_address(const struct summary *s, int envelope, enum summary_who w, unsigned *it,
	struct summary_address *ret);
/* What it answers: the message ids of References, oldest first; those of In-Reply-To when there are none (RFC 5256 takes
 * the first of them). Spelled as summary_message_id does. */
bool summary_next_reference(const struct summary *s, unsigned *it, slice *ret);
void summary_part(const struct summary *s, size_t i, struct summary_part *ret);
bool summary_next_pair(slice *params, slice *ret_name, slice *ret_value);
bool summary_next_text(slice *list, slice *ret);

/* The part that "1.2.3" names (RFC 9051 6.4.5.1): its index, or -1. An empty path is the message. [1] of a message that is
 * no multipart is part 0, too: its body. HEADER and TEXT of a part are of the message inside it: its child. */
int summary_find_part(const struct summary *s, const unsigned *path, size_t n);

/* Appends the record of a message; `m` is mime_parse(message). Its first `lead` bytes are header lines that stand before the
 * stored bytes (a delivery's prefix, fields that submission added): they count for the envelope, size and places are those
 * of what is behind them. `preview`: whether texts may be converted here.
 * Always gives one. Linear in the message. */
void summary_build(slice message, size_t lead, const struct mime *m, bool preview, struct buf *out);
/* The same with all addresses, fields and parts, whatever it takes: for an answer about one that is SUMMARY_CUT, not to keep. */
void summary_build_whole(slice message, size_t lead, const struct mime *m, struct buf *out);
/* Does a field of that name count for a summary? */
bool summary_shows(slice name);
/* The first message id in *in, which moves behind it: without <> and blanks, quotes undone (RFC 5256 3). */
bool summary_message_id(slice *in, struct arena *a, slice *ret);
/* RFC 5256 2.1 of a decoded subject (SUMMARY_SUBJECT_TEXT): without "Re:", "Fwd:", "[blob]", "(fwd)" ...; ret_reply: there was any
 * of them but a blob. For comparing by i;unicode-casemap; its case is kept. */
slice summary_base_subject(slice subject, struct arena *a, bool *ret_reply);
/* The text that a message begins with, for people: UTF-8 on one line; quoted text, signatures and links left out as
 * well as they can be told. */
void summary_preview(slice message, const struct mime *m, struct buf *out);
