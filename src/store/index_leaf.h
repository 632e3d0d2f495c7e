/* What index_leaf.c and index_phrase.c share: one text being looked for in one segment. */
#pragma once
#include "store/index_impl.h"

struct index_group { /* what a token stands for */
	struct index_entry *v;
	size_t n, cap;
	uint64_t emails; /* of all of them */
	bool any; /* too many: not looked at */
	bool loaded, done;
};
enum { INDEX_SAME_MAX = 8 };
struct index_finding {
	struct index_reader *r;
	const struct index_leaf *l;
	enum index_field field;
	struct index_group *groups; /* of each token */
	size_t nbits;
	uint64_t *found, *candidates, *one; /* sets of emails */
	uint8_t *times;
	struct buf docs, places;
	uint64_t *at, *next; /* places: email << 32 | position, in order */
	size_t nat, nnext, cap_at, cap_next;
	uint8_t *marks; /* of each in at[]: was it confirmed? */
	size_t cap_marks, i;
	struct { /* of a word that is in a phrase more than once, too */
		int64_t at; /* distance from the place in at[] */
		size_t i;
	} distance[INDEX_SAME_MAX];
	unsigned distances;
	const struct index_leaf_token *t;
	bool first, sure;
};
int index_group_load(struct index_finding *f, size_t i, struct err *e);
/* The emails of a word. */
int index_each_email(struct index_finding *f, const struct index_entry *x,
	void (*fn)(struct index_finding *f, uint32_t ordinal, uint32_t times), struct err *e);
void index_hit(struct index_finding *f, uint32_t ordinal, uint32_t times);
/* Two tokens or more. */
int index_phrase_find(struct index_finding *f, struct err *e);
