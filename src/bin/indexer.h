/*
 * indexer: the process that keeps the full-text index (store/index.h) up with the mailboxes. Off the path of mail: it reads what was
 * committed, has texts read by the process `texts`, and adds them in batches. What it knows is in the index itself (index_known): it may be
 * killed at any point. The index can be lost as a whole: what is missing or damaged is made again.
 *
 *	indexer.c	the role: who has new mail, whose turn it is, merges, troubles
 *	indexer_work.c	one batch of one account
 *	indexer_db.c	the databases: opening, damage, beginning anew
 */
#pragma once
#include "base/time.h"
#include "bin/scan.h"
#include "mail/search_conf.h"
#include "store/blob.h"
#include "store/changes.h"
#include "store/index.h"
#include "store/mailbox_email.h"

struct link;

enum {
	INDEXER_EMAILS = 800, /* of a batch */
	INDEXER_BYTES = 8 << 20, /* of their texts */
	INDEXER_AT_ONCE = 3, /* messages whose texts are being read */
};

struct indexer {
	slice dir;
	struct search_conf conf;
	struct scan_conf scan;
	struct blobs *blobs;
	struct changes *changes;
	struct sql *mail[MAILBOX_SHARDS],
		*index[MAILBOX_SHARDS]; /* index[i] NULL: could not be opened */
	struct link *texts;
};
static inline int indexer_shard(int64_t account_id)
{
	return mailbox_shard(account_id);
}

/* ---- indexer_db.c: all of this blocks: in the pool ---- */

int indexer_open(struct indexer *x, struct err *e);
void indexer_close(struct indexer *x);
/* After something failed there: is the database damaged? Then it begins anew: 1. 0: it is fine, or could not be told. */
int indexer_mend(struct indexer *x, int shard);
/* Did somebody who searched find it damaged? Takes the mark away. */
bool indexer_marked(struct indexer *x, int shard);

/* ---- indexer_work.c: in a coroutine ---- */

struct indexer_batch {
	int64_t account_id, known; /* up to here it is indexed; moves on */
	uint64_t emails, cut, bytes; /* what was added */
	bool more; /* there may be */
};
/* ERR_NOTFOUND: somebody else changed the account's index meanwhile: read index_known again. */
int indexer_batch(struct indexer *x, struct indexer_batch *b, struct err *e);
