/*
 * lesson: one letter whose truth somebody told: what is known of it, who may teach what to whom.
 */
#pragma once
#include "base/slice.h"
#include "learn/fuse.h"

enum training_source { /* numbers are stored */
	TRAINING_ADMIN = 1, /* an administrator's word */
	TRAINING_IMPORT = 2, /* an archive that an administrator brought */
	TRAINING_HONEYPOT = 3, /* sent to an address that nobody has */
	TRAINING_RELEASE = 4, /* a user let it out of quarantine */
	TRAINING_REPORT = 5, /* a user reported it */
	TRAINING_MOVE = 6, /* a user moved it to or from Junk */
	TRAINING_SOURCES,
};
/* "admin" ... in English or Chinese. */
const char *training_source_name(enum training_source s, bool chinese);
/* Told by a user: teaches only his own layer until others agree. */
static inline bool training_source_personal(enum training_source s)
{
	return s == TRAINING_RELEASE || s == TRAINING_REPORT || s == TRAINING_MOVE;
}

enum training_state { /* numbers are stored */
	TRAINING_PENDING = 1, /* told, not read yet */
	TRAINING_LEARNED = 2,
	TRAINING_UNLEARNED = 3, /* taken back */
	TRAINING_REJECTED = 4, /* `reason` says why */
};
const char *training_state_name(enum training_state s, bool chinese);

enum {
	TRAINING_WHO_MAX = 320, /* bytes of an address */
	TRAINING_ABOUT_MAX = 200, /* of a subject or a sender */
	TRAINING_DIGEST = 16, /* bytes: of the packed features */
	TRAINING_KIN = 8, /* numbers that letters alike mostly share */
};

/* As told, before it was read. */
struct training_told {
	enum training_source source;
	slice who; /* address of the user; empty: the site itself (administrators, traps) */
	bool spam;
	bool vouched; /* an allow list, or a proven sender whom many receive and nobody reports,
			 speaks for it: a user's word that it is spam stays with him */
	slice message; /* raw; only its beginning counts */
};
