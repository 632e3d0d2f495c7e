/*
 * index: full text of mailboxes: which emails of an account have which text in which field. In databases of their own
 * (DATA/db/index-NN.sqlite, same shards as mailboxes), which can be thrown away and made again: they are not in backups, and nothing is
 * lost with them. Rows of plain tables led by account_id, so that PostgreSQL can hold them.
 *
 * Emails never change (flags and folders are elsewhere): an index only grows by new ones, in immutable segments that are merged by size;
 * what left an account stays until a merge asks who is gone. Tokens by codec/tokens.h. See doc/notes/search.md.
 *
 *	index.c		accounts, adding, sizes		index_schema.c	tables
 *	index_build.c	emails into a segment		index_format.c	blocks, numbers, words
 *	index_write.c	rows of a segment		index_read.c	and back
 *	index_merge.c	merges, of lists: index_merge_lists.c	index_find.c	queries, index_leaf.c one text of them
 *	index_emails.c	emails of a segment, their order	index_kept.c	blocks that were unpacked
 */
#pragma once
#include "base/uidset.h"
#include "store/sql.h"

enum index_field { /* stored; a set of bits in queries */
	INDEX_FROM,
	INDEX_TO,
	INDEX_CC,
	INDEX_BCC,
	INDEX_SUBJECT,
	INDEX_HEADER, /* all other fields, as "name: value" */
	INDEX_BODY,
	INDEX_ATTACHMENT, /* names and texts of attachments */
	INDEX_FIELDS
};
enum {
	INDEX_SHARDS = 4, /* as MAILBOX_SHARDS */
	INDEX_TEXT_MAX =
		4
		<< 20, /* bytes of one email that are taken in (folded); more is left out and the email counts as cut */
	INDEX_BATCH_BYTES = 16 << 20, /* folded text that becomes one segment at once */
	INDEX_QUERY_LEAVES_MAX = 100,
	INDEX_QUERY_DEPTH_MAX = 60,
	INDEX_QUERY_TEXT_MAX = 4000, /* bytes of one leaf */
	INDEX_EXPAND_MAX =
		2000, /* words that one piece of a word stands for within a phrase; more: not sure */
};

const char *index_db_name(int shard); /* "index-00" */
extern const struct sql_migration index_migrations[];
extern const size_t index_migrations_n;

/* ---- filling: one process; the caller's transaction (sql_begin) ---- */

/* One text between two others that a phrase must not cross: put it between the texts of one field (addresses of
 * different fields, parts of a body ...). It is in no query. */
#define INDEX_GAP "\x01"

struct index_email {
	int64_t email_id; /* ascending within an account; one that is not above index_known: ignored */
	slice text[INDEX_FIELDS]; /* UTF-8, not yet folded */
	bool cut; /* not all of it is here (or it could not be read): searches look at the email itself */
};
int index_add_tx(
	struct sql *db, int64_t account_id, const struct index_email *v, size_t n, struct err *e);
/* The highest email that is in; 0: none. All below it are in, or were gone when they should have been added. */
int index_known(struct sql *db, int64_t account_id, int64_t *ret_email_id, struct err *e);
/* One step of the merges that are due: 4 MB, about a second. gone(email_id): left for good, drop it (asked when
 * a merge begins). 1: there is more to do, 0: nothing now, -1. */
int index_merge_tx(struct sql *db, int64_t account_id, bool (*gone)(void *arg, int64_t email_id),
	void *arg, struct err *e);
/* The next account above `after` for which index_merge_tx has something to do; 0: none. */
int index_due(struct sql *db, int64_t after, int64_t *ret_account_id, struct err *e);
/* The next account above `after` of which there is anything; 0: none. */
int index_next_account(struct sql *db, int64_t after, int64_t *ret_account_id, struct err *e);
/* Removes the account's index, some at a time: 1 there is more, 0 done, -1. Queries find nothing from the first step on. */
int index_remove_tx(struct sql *db, int64_t account_id, struct err *e);
struct index_size {
	uint64_t emails, cut, words, bytes, text_bytes,
		segments; /* words: entries; text_bytes: folded */
};
int index_size(struct sql *db, int64_t account_id, struct index_size *ret, struct err *e);

/* A file of an index is damaged: the process that fills it begins anew with it when it sees this mark (DATA/db/index-NN.damaged). */
int index_tell_damaged(slice data, int shard, struct err *e);

/* ---- asking: many processes ---- */

enum index_how {
	INDEX_PHRASE, /* a piece of the text, as strstr(search_fold(text), search_fold(query)) finds it */
	INDEX_WORDS, /* whole words, in this order, near each other (signs and blanks between them may differ) */
	INDEX_BEGINNING, /* likewise; the last word may go on */
};
struct index_query { /* leaf, or a tree; INDEX_NOT: none of its children */
	enum { INDEX_LEAF, INDEX_AND, INDEX_OR, INDEX_NOT } op;
	const struct index_query *first, *next; /* children; sibling */
	unsigned fields; /* bits 1 << enum index_field */
	slice text; /* UTF-8, as typed */
	enum index_how how;
};
struct index_hit {
	int64_t email_id;
	bool sure; /* matches; else it may: look at the email (it was cut, or the query asks more than the index knows) */
	float score; /* relevance (RFC 6203): 0..1; only when asked for */
};
struct index_found {
	struct index_hit
		*v; /* by email_id, descending: newest first. Whoever is not here does not match */
	size_t n, unsure;
	int64_t known; /* emails above this id were not looked at */
};
/* Emails of an account that match; within [from, to] by id (0: open). A consistent view in one read transaction of its own: the
 * connection is in none. ERR_LIMIT: too large a query; ERR_TEMP: also a damaged index. */
struct index_ask {
	int64_t account_id, from, to;
	const struct index_query *what;
	bool score;
	size_t most; /* the newest so many are enough; 0: all */
};
int index_find(struct sql *db, const struct index_ask *q, struct arena *a, struct index_found *ret,
	struct err *e);
