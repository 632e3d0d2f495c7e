/*
 * box_search: which messages of an open folder meet a tree of criteria: for IMAP's SEARCH, SORT and THREAD, for JMAP and the web.
 *
 * What a criterion needs decides when it is asked: sets and flags are found without reading rows where that is possible; then rows
 * (sizes, dates, keywords), then summaries (envelopes), and bytes of a message only for those that all else leaves open.
 * Texts are compared by search_fold (codec/tokens.h) as substrings; encoded words, transfer encodings and charsets are undone, of HTML
 * the text counts.
 *
 *	box_search.c		the plan; rows and summaries
 *	box_search_text.c	bytes: headers and bodies
 *	box_index.h		what the full-text index knows of texts: the answer is the same, but it is there at once
 */
#pragma once
#include "codec/summary.h"
#include "mail/box.h"

enum {
	BOX_CRITERIA_MAX = 1000, /* of a search; callers refuse more */
	BOX_CRITERIA_DEPTH = 50,
	BOX_CRITERIA_TEXT = 1000, /* bytes of one text */
};
enum box_criterion_kind {
	BOX_ALL_OF, /* of children; none: every message */
	BOX_ANY_OF,
	BOX_NONE_OF,
	BOX_UIDS, /* in uids */
	BOX_FLAGGED, /* has all of flags */
	BOX_KEYWORD, /* text */
	BOX_RECENT,
	BOX_SIZE, /* from <= size <= to */
	BOX_RECEIVED, /* usec: from <= time <= to; likewise below */
	BOX_SAVED,
	BOX_SENT, /* seconds of the day that Date: names, whatever its zone */
	BOX_MODSEQ,
	BOX_EMAIL, /* from: its id */
	BOX_THREAD,
	BOX_WHO, /* who: an address or name with text in it */
	BOX_SUBJECT,
	BOX_HEADER, /* field name with text in it; empty text: it is there */
	BOX_BODY,
	BOX_TEXT, /* header and body */
};
struct box_criterion {
	enum box_criterion_kind kind;
	struct box_criterion *first, *next; /* children; sibling */
	const struct uidset *uids;
	unsigned flags;
	enum summary_who who;
	int64_t from, to;
	slice name,
		text; /* text: folded by search_fold for the text kinds, as it is for BOX_KEYWORD */
	bool fuzzy; /* a text: words in any order, beginnings of words, if there is an index (RFC 6203) */
	/* box_search's own */
	size_t slot;
	struct box_unit *unit;
};
struct box_search {
	struct box_criterion *what;
	/* Called every few seconds, in the caller's coroutine; false: enough (ERR_CLOSED). May be NULL. */
	bool (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
	struct box_asked
		*asked; /* of several searches for the same, folder by folder: of box_find.c */
	struct arena *scores; /* memory for box_found.scores; NULL: not wanted */
};
struct box_score {
	uint32_t uid;
	float score; /* 0..1 */
};
/* modseq: the highest of those found, when rows were read for it (BOX_MODSEQ is in it), else 0. A message whose bytes
 * cannot be read now does not match texts; unread counts them. */
struct box_found {
	struct uidset uids;
	uint64_t modseq, unread;
	struct box_score *scores; /* by UID; of all, when they were wanted */
	size_t nscores;
};
int box_search(
	struct box_view *v, const struct box_search *s, struct box_found *ret, struct err *e);

/* ---- between the two files ---- */

/* Which of the text criteria a message's bytes meet. */
struct box_text_want {
	struct box_criterion **v; /* BOX_WHO, BOX_SUBJECT, BOX_HEADER, BOX_BODY, BOX_TEXT */
	size_t n;
};
int box_search_bytes(struct box_view *v, const struct mailbox_message *m, const struct summary *sum,
	const struct box_text_want *want, bool *met, struct err *e);
