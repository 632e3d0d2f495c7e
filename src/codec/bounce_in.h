/*
 * bounce_in: what a letter says that came to the envelope sender of mail of ours: a delivery status notification (RFC 3464), a bounce
 * in words (qmail and many others), an automatic answer, or a person's letter. As JSON:
 *
 *	{"kind": "bounce" | "delay" | "reply" | "none", "hard": it will not work later, "status": "5.1.1", "text": what the other
 *	 side said, "rcpts": [{"address", "original", "status", "action", "text"}], "subject", "words": beginning of the text}
 *
 * Tolerant; for hostile input: called in the scan process.
 */
#pragma once
#include "base/slice.h"
#include <jansson.h>

enum {
	BOUNCE_IN_RCPTS_MAX = 1000,
	BOUNCE_IN_TEXT_MAX = 300,
	BOUNCE_IN_WORDS_MAX = 1000,
	BOUNCE_IN_LOOK_MAX = 64 * 1024, /* bytes of a bounce in words that are looked at */
};
/* A new reference; never NULL. */
json_t *bounce_in_read(slice message);
