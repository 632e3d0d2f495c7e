/*
 * uidset: a set of 32-bit numbers as sorted ranges: UIDs of messages. A mailbox without gaps is one range, so that a session
 * that has 100,000 messages selected holds a few bytes.
 *
 * Numbers are 1 .. UINT32_MAX; a range has first <= last.
 */
#pragma once
#include "base/slice.h"

struct uidrange {
	uint32_t first, last; /* both in it */
};
struct uidset {
	struct uidrange *v; /* sorted, neither overlapping nor touching */
	size_t n, cap;
	uint64_t count; /* numbers in it */
	uint64_t *below; /* index for uidset_at: made when needed, dropped by changes */
};
void uidset_done(struct uidset *s); /* frees; empty and usable again */
static inline void auto_uidset(struct uidset *s)
{
	uidset_done(s);
}
void uidset_add(struct uidset *s, uint32_t first, uint32_t last); /* cheap behind the last one */
void uidset_remove(struct uidset *s, uint32_t first, uint32_t last);
bool uidset_has(const struct uidset *s, uint32_t uid);
/* The number at position 0 ..; 0 when there is none: message sequence numbers. */
uint32_t uidset_at(const struct uidset *s, uint64_t position);
/* How many are below it: its position if it is in the set. */
uint64_t uidset_position(const struct uidset *s, uint32_t uid);
void uidset_copy(struct uidset *to, const struct uidset *from); /* replaces what is in *to */
bool uidset_eq(const struct uidset *a, const struct uidset *b);
/* Linear in the number of ranges of both; `others` may be s itself. */
void uidset_keep(struct uidset *s, const struct uidset *others); /* intersection */
void uidset_drop(struct uidset *s, const struct uidset *others); /* difference */
void uidset_join(struct uidset *s, const struct uidset *others); /* union */
/* The smallest that is at least `from`, or 0: for (u = 0; (u = uidset_next(s, u + 1));) ... */
uint32_t uidset_next(const struct uidset *s, uint32_t from);
/* Gives back what it has beyond what it needs: before it is kept for long. */
void uidset_trim(struct uidset *s);
static inline uint32_t uidset_last(const struct uidset *s)
{
	return s->n ? s->v[s->n - 1].last : 0;
}
