/*
 * box_index: what the full-text index (store/index.h) knows of a search's texts. Inside mail/box_*; box_search asks it first and looks at
 * messages only where it cannot tell: those that came since, those that were not taken in whole, what it does not know of.
 *
 *	box_index.c		connections, asking, which messages are candidates
 *	box_index_query.c	criteria as a query
 */
#pragma once
#include "mail/box_impl.h"
#include "mail/box_search.h"
#include "store/index.h"
#include "store/mailbox_email.h"

enum { BOX_UNITS_MAX = 16 /* queries of one search */ };

/* What the index says of a part of the tree. */
struct box_unit {
	struct index_hit *v; /* newest first */
	size_t n;
	int64_t known; /* emails above it were not looked at */
	bool look; /* it finds too many: all of them are looked at */
};
enum box_told { BOX_NO, BOX_OPEN, BOX_YES };
enum box_told box_unit_told(const struct box_unit *u, int64_t email_id);
float box_unit_score(const struct box_unit *u, int64_t email_id); /* 0: none is known */

/* False: the index cannot answer that. *ret_look: it answers too much. */
bool box_index_query(
	const struct box_criterion *c, struct arena *a, struct index_query **ret, bool *ret_look);
/* Asks. 0 also when there is no index, or it fails: *ret NULL then. -1: the session ends. */
int box_index_ask(struct box_view *v, const struct index_query *what, bool score, struct arena *a,
	struct box_unit **ret, struct err *e);
/* What was asked for one folder of an account is good for the others. */
struct box_asked {
	struct arena mem;
	int64_t account_id;
	bool known; /* the rest of this is */
	size_t ntop;
	struct box_unit *unit;
	struct mailbox_spot *spots; /* of all folders */
	size_t nspots;
	bool spotted, rows; /* rows: of spots, too */
};
/* Messages of the folder that a unit does not say no to, by UID. */
struct box_spotting {
	const struct box_unit *unit;
	struct box_asked *asked; /* may be NULL */
	bool rows; /* with their rows, but for keywords and threads */
	bool dated; /* likewise; those may be left out that were not received then */
	int64_t received_from, received_to;
};
int box_index_spots(struct box_view *v, const struct box_spotting *how, struct arena *a,
	struct mailbox_spot **ret, size_t *ret_n, struct err *e);
/* Which of `want` that are not met the texts of its attachments meet. */
int box_index_files(struct box_view *v, const struct mailbox_message *m, const struct summary *sum,
	const struct box_text_want *want, bool *met, struct err *e);
