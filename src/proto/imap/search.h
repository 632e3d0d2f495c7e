/*
 * search: what SEARCH, SORT and THREAD share (RFC 9051 6.4.4, RFC 5256).
 *
 *	search_args.c	RETURN options, charset, keys		search.c	the search; SEARCH's answers
 *	sort.c		SORT					thread.c	THREAD=ORDEREDSUBJECT
 *	thread_refs.c	THREAD=REFERENCES
 */
#pragma once
#include "mail/box_search.h"
#include "proto/imap/fetch.h"
#include "proto/imap/session.h"

enum imap_return {
	IMAP_RETURN_MIN = 1,
	IMAP_RETURN_MAX = 2,
	IMAP_RETURN_ALL = 4,
	IMAP_RETURN_COUNT = 8,
	IMAP_RETURN_SAVE = 16,
	IMAP_RETURN_PARTIAL = 32,
	IMAP_RETURN_RELEVANCY = 64, /* RFC 6203 4 */
};
struct search {
	unsigned returns; /* enum imap_return */
	bool extended; /* RETURN was said: ESEARCH answers */
	struct imap_partial partial;
	bool modseq; /* a key asks for it: answers tell it */
	bool bad_charset;
	struct box_criterion *what;
	size_t count, depth; /* while parsing */
	unsigned fuzzy; /* likewise: the key is inside so many FUZZY */
	bool any_fuzzy, scores; /* FUZZY was said; scores are wanted */
	bool limited; /* MESSAGELIMIT: only the last ones were looked at */
	uint32_t limit_uid;
	struct box_found found;
};
/* " RETURN (...)" if it stands here. */
bool search_returns(struct imap *s, struct search *q);
/* A charset's name; one that is not spoken here sets bad_charset. */
bool search_charset(struct imap *s, struct search *q);
/* Keys up to the end of the command. */
bool search_keys(struct imap *s, struct search *q);
/* Runs it: q->found. False: the tagged answer was given. */
bool search_run(struct imap *s, struct search *q);
/* The reader's complaint (imap_complain). */
void search_complain(struct imap *s, const struct search *q);
/* False: BADCHARSET was said. */
bool search_charset_is_good(struct imap *s, const struct search *q);
/* "* ESEARCH (TAG "a") UID": without line end. */
void search_put_esearch(struct imap *s);
/* As the client counts: UIDs, or numbers in the view. */
void search_put_set(struct imap *s, const struct uidset *uids);
/* "1:10" or "-1:-10" */
void search_put_range(struct imap *s, const struct imap_partial *p);
/* 1..100 (RFC 6203 4) */
unsigned search_relevancy(const struct search *q, uint32_t uid);
/* The tagged OK; what MESSAGELIMIT has to say is said. */
void search_end(struct imap *s, const struct search *q);
void search_done(struct search *q);

/* Messages of a result with what they are ordered by, for SORT and THREAD. */
enum { SEARCH_KEY_MAX = 255 /* bytes of a text that order depends on */ };
/* A text for ordering: folded, ASCII in upper case (RFC 5051 compares so: "_" behind letters). */
slice search_order_text(slice utf8, struct buf *scratch, struct arena *a);

/* thread_refs.c: RFC 5256's REFERENCES, message by message. */
struct threads *threads_new(void);
void threads_free(struct threads *t); /* NULL is fine */
/* The references of the message that threads_add is called for next, oldest first. */
void threads_refer(struct threads *t, slice id);
/* subject: for comparing; reply: it had a "Re:" or its like. */
void threads_add(
	struct threads *t, uint32_t uid, int64_t sent, slice id, slice subject, bool reply);
/* All of them are there: "(1 2)(3 (4)(5))", numbers by `number`, given out in pieces. */
void threads_print(struct threads *t, uint32_t (*number)(void *arg, uint32_t uid),
	void (*put)(void *arg, slice text), void *arg);
