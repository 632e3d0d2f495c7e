/*
 * list: what the files of LIST share (RFC 9051 6.3.9, RFC 5258, 5819, 6154, 8440, 9590).
 *
 *	list.c		the command, lines		list_args.c	reading it
 *	list_set.c	the names to choose from	list_match.c	patterns
 *	list_status.c	STATUS, alone and with LIST
 */
#pragma once
#include "proto/imap/session.h"

enum {
	LIST_PATTERNS_MAX = 100,
	LIST_WILDCARDS_MAX = 40, /* of a pattern */
	LIST_ENTRIES_MAX = 20, /* of metadata */
};
enum list_select {
	LIST_SELECT_SUBSCRIBED = 1,
	LIST_SELECT_SPECIAL_USE = 2,
	LIST_SELECT_RECURSIVE = 4,
};
enum list_return {
	LIST_RETURN_SUBSCRIBED = 1,
	LIST_RETURN_CHILDREN = 2,
	LIST_RETURN_SPECIAL_USE = 4,
	LIST_RETURN_MYRIGHTS = 8,
	LIST_RETURN_STATUS = 16,
	LIST_RETURN_METADATA = 32,
};
struct imap_list_args {
	bool extended; /* options or several patterns: attributes of RFC 5258 */
	unsigned select, returns, status;
	slice *patterns; /* with the reference before them */
	size_t npatterns;
	bool root; /* the pattern was empty: it is asked for the separator */
	slice *entries; /* METADATA */
	size_t nentries;
};
bool imap_list_read(struct imap *s, struct imap_list_args *ret);
/* "(a b)" or one: entries of METADATA in lower case. */
bool imap_entries_read(struct imap *s, slice *ret, size_t most, size_t *ret_n);

bool imap_list_match(slice pattern, slice name);
static inline bool imap_list_match_any(const struct imap_list_args *a, slice name)
{
	for (size_t i = 0; i < a->npatterns; i++)
		if (imap_list_match(a->patterns[i], name))
			return true;
	return false;
}

/* A name that can be listed. */
struct list_name {
	slice name;
	const struct box_folder *folder; /* NULL: none of that name */
	bool subscribed, children;
	bool selected_below; /* a name below it meets the selection */
	bool hidden_below; /* and one that does no pattern matches: only so it is heard of */
};
/* All names: folders, names subscribed to, and levels above them; a level stands before what is below it. */
int imap_list_names(
	struct imap *s, bool subscriptions, struct list_name **ret, size_t *ret_n, struct err *e);
/* Sets selected_below, hidden_below. */
void imap_list_mark(struct list_name *v, size_t n, const struct imap_list_args *a);
bool imap_list_meets(const struct list_name *n, unsigned select);
/* A LIST line. `old`: what it was called before a RENAME (RFC 5465 5.4), or empty. */
void imap_list_put(
	struct imap *s, const struct list_name *n, const struct imap_list_args *a, slice old);
