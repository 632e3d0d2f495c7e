/*
 * scan_letter: a message on its way into memory that a scan process can see (scan_wire.h), filled
 * as it streams by. What is small stays here and travels inside the request.
 */
#pragma once
#include "base/err.h"
#include "bin/scan_wire.h"

struct scan_letter {
	struct buf bytes; /* that are not in the file yet */
	int fd; /* of a memory file, or -1 */
	uint64_t written; /* in the file, behind SCAN_LEAD_MAX */
	uint64_t limit, size; /* bytes taken at most; that came */
	struct err broken; /* kind: no memory for it */
};
void scan_letter_init(struct scan_letter *l, uint64_t limit);
void scan_letter_done(struct scan_letter *l);
/* Bytes beyond the limit are only counted. */
void scan_letter_add(struct scan_letter *l, slice bytes);
static inline bool scan_letter_cut(const struct scan_letter *l)
{
	return l->size > l->limit;
}

/* Small, and no file was made: it fits into a request. */
bool scan_letter_is_small(const struct scan_letter *l, slice lead);
/* Everything into the file, with `lead` (at most SCAN_LEAD_MAX - 1 bytes) before it; clears the
 * mark of a scan process that has begun. *ret_from: where it begins. */
int scan_letter_file(struct scan_letter *l, slice lead, uint32_t *ret_from, struct err *e);
/* Whether a scan process has begun to read the file. */
bool scan_letter_begun(const struct scan_letter *l);
