/*
 * box_find: finding mail as people do: some words, all folders that they may see, the newest first, with the places where the words
 * stand. For the web and the command line; IMAP searches folders one by one (box_search.h), through the same.
 *
 *	box_find.c		all folders, pages	box_find_query.c	what people type
 *	box_snippet.c		fragments with marks
 */
#pragma once
#include "mail/box_search.h"
#include "store/index.h"

enum {
	BOX_FIND_TEXT_MAX = 1000, /* bytes that people type */
	BOX_FIND_MOST = 500, /* of a page */
	BOX_SNIPPET_CHARS = 160, /* about */
	BOX_SNIPPETS_MAX = 3, /* of a message */
};

/*
 * What was typed, as criteria: words (all of them, anywhere: sender, recipients, subject, text, attachments), "several words" exactly,
 * -word not, from:ann to: cc: subject: body: text:, before:2026-01-31 after: on:, larger:1m smaller:, is:unread is:read is:flagged is:answered;
 * also in Chinese (发件人: 收件人: 抄送: 主题: 正文: 之前: 之后: 当天:). ERR_PROTO with a sentence.
 */
int box_find_parse(slice typed, struct arena *a, struct box_criterion **ret, struct err *e);

struct box_find {
	struct box_criterion *what; /* may be used again for another page */
	unsigned scope; /* enum box_scope */
	slice folder; /* only there; empty: everywhere */
	size_t most; /* at most BOX_FIND_MOST */
	/* Behind this message of the page before: its received_at and email; 0: from the newest. */
	int64_t before_at, before_email;
	bool (*progress)(void *arg, uint64_t done, uint64_t total); /* as of box_search */
	void *arg;
};
struct box_hit {
	struct box_folder folder;
	struct mailbox_message m; /* with its summary */
};
struct box_finding {
	struct box_hit *v; /* newest first */
	size_t n;
	bool more;
	uint64_t found, unread; /* in all folders: messages; those whose bytes could not be read */
};
/* In a coroutine, all memory from *a. What cannot be seen is not there. */
int box_find(struct box_user *u, const struct box_find *q, struct arena *a, struct box_finding *ret,
	struct err *e);

struct box_mark {
	size_t from, to; /* bytes of the text */
};
struct box_snippet {
	enum index_field
		field; /* where it stands: INDEX_SUBJECT, INDEX_BODY, INDEX_ATTACHMENT ... */
	slice text; /* on one line, UTF-8 without control characters: plain text, to be escaped by who shows it */
	struct box_mark *marks; /* what was looked for, ascending */
	size_t nmarks;
	bool cut_before, cut_after; /* the text goes on there */
};
/* Where the texts that `what` asks for stand in a message; none when they are in no text that can be shown. ERR_*: it cannot be read. */
int box_snippets(struct box_user *u, const struct box_hit *hit, const struct box_criterion *what,
	struct arena *a, struct box_snippet **ret, size_t *ret_n, struct err *e);
