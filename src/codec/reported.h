/*
 * reported: the letters that somebody reports by mail: forwarded as attachments (message/rfc822, encoded or not, files
 * *.eml), feedback in ARF (RFC 5965, RFC 6430). As JSON:
 *
 *	{"how": "attached" | "feedback" | "inline" | "nothing", "type": of the feedback ("abuse", "not-spam"),
 *	 "letters": [{"bytes": base64 of its beginning, "size": of the whole}], "more": letters that are left out,
 *	 "message_id": of the message itself, "automatic": it answers, or was written by a machine}
 *
 * "inline": the letter is quoted, without the header and the hidden parts by which it could be learned. For hostile
 * input: called in the scan process. Outlook's own formats (.msg, winmail.dat) are not taken apart into letters:
 * they do not hold the bytes that were received.
 */
#pragma once
#include "base/slice.h"
#include <jansson.h>

enum {
	REPORTED_LETTERS_MAX = 20,
	REPORTED_LETTER_MAX = 512 * 1024, /* bytes of one that are given */
};
/* A new reference; never NULL. */
json_t *reported_read(slice message);
