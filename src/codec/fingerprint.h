/*
 * fingerprint: the vocabulary of what two messages of the same kind have in common. Each is a
 * 64-bit hash that is the same on all machines; content/fingerprint.c makes them, defence/
 * fingerprint.c remembers what came of them.
 */
#pragma once
#include <stdint.h>

enum fingerprint_kind { /* what it is of */
	FINGERPRINT_TEXT, /* near-duplicate of the visible text: several of one text */
	FINGERPRINT_LAYOUT, /* HTML skeleton */
	FINGERPRINT_LINKS, /* the set of hosts and path shapes */
	FINGERPRINT_LINK, /* one link's organisation and path shape */
	FINGERPRINT_PICTURE,
	FINGERPRINT_FILE, /* digest of an attachment */
	FINGERPRINT_SENDER, /* traits of who and what made the message */
	FINGERPRINT_CLUSTER, /* the set of signals */
	FINGERPRINTS
};
enum { FINGERPRINTS_MAX = 64 }; /* of one message */

struct fingerprint {
	enum fingerprint_kind kind;
	uint64_t hash;
};
