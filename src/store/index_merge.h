/* What index_merge.c and index_merge_lists.c share: several segments becoming one. */
#pragma once
#include "store/index_impl.h"

enum { INDEX_GONE = UINT32_MAX };
struct index_input { /* a segment that goes into another one */
	struct index_segment seg;
	struct index_reader r;
	uint64_t *gone; /* bits of its emails, or NULL: none is */
	uint32_t *ordinals; /* of its emails in the new segment, or INDEX_GONE */
	bool end;
	struct index_entry x; /* of the word at hand */
};
struct index_item { /* one email of a list */
	uint32_t ordinal, times;
	size_t from, to; /* in old_places, its places */
};
struct index_merge {
	struct sql *db;
	int64_t account_id;
	struct arena *a;
	struct index_input *in; /* oldest first */
	size_t n;
	struct index_email_row *emails; /* those that remain, in their order */
	size_t nemails;
	struct index_writer w;
	unsigned char done[INDEX_WORD_MAX]; /* words up to this one are written */
	size_t done_n;
	struct buf docs, places, old_docs, old_places, inlined;
	struct index_item *items; /* of the word at hand */
	uint64_t *order; /* ordinal << 32 | number of the item */
	size_t nitems, items_cap;
};
/* Which emails remain, and in which order: needs in[] with seg and gone. */
int index_merge_emails(struct index_merge *m, struct err *e);
/* Inputs stand behind the last word that is done. */
int index_merge_open(struct index_merge *m, struct err *e);
/* The smallest word of all inputs: 1, 0 at the end, -1. */
int index_merge_word(struct index_merge *m, struct err *e);
void index_merge_done(struct index_merge *m);
