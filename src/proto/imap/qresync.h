/* qresync: what who selects a folder again has missed (RFC 7162 3.2.5). Between select.c and qresync.c. */
#pragma once
#include "proto/imap/session.h"

struct imap_qresync {
	bool given;
	uint32_t uidvalidity;
	uint64_t modseq;
	slice known; /* UIDs as written; p == NULL: not given */
	slice match_numbers, match_uids; /* likewise */
};
/* " (67890007 90060115194045000 41,43:211,214:541 (1,2 41,43))" behind the word. */
bool imap_qresync_read(struct imap_reader *r, struct imap_qresync *ret);
/* VANISHED (EARLIER) and FETCH of the folder just selected. */
void imap_qresync_tell(struct imap *s, const struct imap_qresync *q);
