/*
 * index: full text of mailboxes: which emails of an account have which words in which field, where. In databases of their own
 * (DATA/db/index-NN.sqlite, same shards as mailboxes), which can be thrown away and made again: they are not in backups, and nothing is
 * lost with them. Rows of plain tables led by account_id, so that PostgreSQL can hold them.
 *
 * Emails never change (flags and folders are elsewhere): an index only grows by new ones, in immutable segments that are merged by size;
 * what left an account stays until a merge asks who is gone. Words by codec/tokens.h.
 *
 *	index.c		adding, segments, merges	index_format.c	blocks: words, postings, positions
 *	index_find.c	queries				index_schema.c	tables
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
	INDEX_HEADER, /* all other fields, as "name: value" neighbours */
	INDEX_BODY,
	INDEX_ATTACHMENT, /* names and texts of attachments */
	INDEX_FIELDS
};
enum {
	INDEX_TEXT_MAX = 4 << 20, /* bytes of one email that are taken in; more is left out and the email is marked as cut */
	INDEX_QUERY_WORDS_MAX = 100,
	INDEX_EXPAND_MAX = 2000, /* words that a beginning or a piece stands for; more: the answer is not exact */
};

const char *index_db_name(int shard); /* "index-00" */
extern const struct sql_migration index_migrations[];
extern const size_t index_migrations_n;

/* ---- filling: one process, one transaction for a batch ---- */

struct index_email {
	int64_t email_id; /* ascending within an account; one again: ignored */
	slice text[INDEX_FIELDS]; /* UTF-8 */
	bool cut; /* not all of it is here (or it could not be read): searches look at the email itself */
};
int index_add_tx(struct sql *db, int64_t account_id, const struct index_email *v, size_t n, struct err *e);
/* Emails up to which id are in (all up to it, but for those marked); 0: none. */
int index_known(struct sql *db, int64_t account_id, int64_t *ret_email_id, struct err *e);
/* Merges what is due, some at a time; gone(email_id): left for good, drop it. 1: there is more to do, 0, -1. */
int index_merge_tx(struct sql *db, int64_t account_id, bool (*gone)(void *arg, int64_t email_id), void *arg, struct err *e);
int index_remove_tx(struct sql *db, int64_t account_id, struct err *e); /* the account, or before reindexing */
struct index_size {
	uint64_t emails, cut, words, bytes, text_bytes, segments;
};
int index_size(struct sql *db, int64_t account_id, struct index_size *ret, struct err *e);

/* ---- asking: many processes ---- */

enum index_how {
	INDEX_PHRASE, /* the words as neighbours: as a piece of the text (the first may begin, the last may end within a word): what a substring is */
	INDEX_WORDS, /* whole words as neighbours */
	INDEX_BEGINNING, /* the last word may go on */
};
struct index_query { /* leaf, or a tree as box_criterion has it */
	enum { INDEX_LEAF, INDEX_AND, INDEX_OR, INDEX_NOT } op;
	const struct index_query *first, *next;
	unsigned fields; /* bits 1 << enum index_field */
	slice text; /* UTF-8, folded by search_fold */
	enum index_how how;
};
struct index_hit {
	int64_t email_id;
	float score; /* relevance (RFC 6203): 0..1; only when asked for */
};
struct index_found {
	struct index_hit *v; /* by email_id, descending: newest first */
	size_t n;
	bool exact; /* else: emails that do not match may be among them (never too few): look at each */
	int64_t known; /* emails above this id were not looked at */
	int64_t *cut; /* emails not wholly indexed, which may match nevertheless */
	size_t ncut;
};
/* Emails of an account that match; within [from, to] by id (0: open). Reads only. ERR_LIMIT: too many words. */
struct index_ask {
	int64_t account_id, from, to;
	const struct index_query *what;
	bool score;
};
int index_find(struct sql *db, const struct index_ask *q, struct arena *a, struct index_found *ret, struct err *e);
