/*
 * moved: what of an account's mail came from elsewhere (mail/import.h): sources, their folders, and for each message by which key the source
 * knows it and which email it became. In the account's shard, so that a message and the note that it was taken are one transaction.
 *
 *	moved_source	"imap:ann@old.example:993" of an account
 *	moved_box	a folder of it: where it goes, epoch (UIDVALIDITY), and how far the last complete pass came
 *	moved_key	a message: key and epoch; email, folder and UID that it got; flags as the source had them last; SHA-256 of its bytes
 *	moved_refused	what could not be taken in the last pass
 *
 * Tables only; the rules are in mail/import*.c. Rows go with their account (mailbox_remove_some_tx).
 */
#pragma once
#include "base/arena.h"
#include "store/sql.h"

enum { MOVED_HASH = 32, MOVED_PIECE = 2000 /* keys of one read */ };

extern const char moved_up[], moved_down[]; /* migration of a shard */

struct moved_source {
	int64_t id, account_id;
	slice name;
	int64_t first_at, last_at; /* wall: begun first; last pass that ended */
	uint64_t keys;
};
/* Found or made. */
int moved_source_tx(struct sql *db, int64_t account_id, slice name, int64_t now, int64_t *ret_id,
	struct err *e);
int moved_source_find(struct sql *db, int64_t account_id, slice name, int64_t *ret_id,
	struct err *e); /* ERR_NOTFOUND */
int moved_source_done_tx(struct sql *db, int64_t source_id, int64_t now, struct err *e);
int moved_sources(struct sql *db, int64_t account_id, struct arena *a, struct moved_source **ret,
	size_t *ret_n, struct err *e);
/* Forgets where mail came from; the mail stays. At most `most` keys at a time: how many went, -1. The last call takes the source itself. */
int64_t moved_source_forget_tx(struct sql *db, int64_t source_id, int64_t most, struct err *e);
/* All of an account, some at a time: how many keys, -1. */
int64_t moved_forget_account_tx(struct sql *db, int64_t account_id, int64_t most, struct err *e);

struct moved_box {
	int64_t id, source_id, account_id;
	slice name, path;
	uint64_t epoch, modseq, told;
	bool whole; /* the last pass was complete and nothing was refused */
};
/* Found or made; an epoch that differs replaces that of before, and what was known of the last pass. */
int moved_box_tx(struct sql *db, const struct moved_box *b, int64_t *ret_id, struct err *e);
int moved_box_find(struct sql *db, int64_t source_id, slice name, struct arena *a,
	struct moved_box *ret, struct err *e); /* ERR_NOTFOUND */
int moved_box_done_tx(struct sql *db, const struct moved_box *b, struct err *e);
int moved_boxes(struct sql *db, int64_t source_id, struct arena *a, struct moved_box **ret,
	size_t *ret_n, struct err *e);

struct moved_key {
	int64_t box_id;
	uint64_t epoch;
	slice key;
	int64_t email_id, folder_id;
	uint32_t uid;
	unsigned flags; /* at the source, as it was last asked */
	slice keywords;
	uint64_t size;
	unsigned char hash[MOVED_HASH];
};
/* ERR_EXISTS: it was taken already. */
int moved_put_tx(struct sql *db, const struct moved_key *k, struct err *e);
int moved_flags_tx(struct sql *db, const struct moved_key *k, struct err *e);
/* The same message under a new epoch and key. */
int moved_rename_tx(
	struct sql *db, const struct moved_key *from, uint64_t epoch, slice key, struct err *e);
int moved_gone_tx(struct sql *db, const struct moved_key *k, struct err *e);
int moved_get(struct sql *db, int64_t box_id, uint64_t epoch, slice key, struct arena *a,
	struct moved_key *ret, struct err *e); /* ERR_NOTFOUND */
/* In the order of epoch and key, behind *after (NULL: from the start), at most MOVED_PIECE. */
int moved_keys(struct sql *db, int64_t box_id, const struct moved_key *after, struct arena *a,
	struct moved_key **ret, size_t *ret_n, struct err *e);
/* Where the email is now: the same folder and UID as it was given if it is still there, else any. 1, 0 (nowhere), -1. */
int moved_place(struct sql *db, int64_t account_id, const struct moved_key *k, int64_t *ret_folder,
	uint32_t *ret_uid, struct err *e);

struct moved_refused {
	slice box, key, why;
};
int moved_refuse_tx(
	struct sql *db, int64_t source_id, const struct moved_refused *r, struct err *e);
int moved_refused_clear_tx(struct sql *db, int64_t source_id, struct err *e);
/* In order, behind the number *after, which moves on; at most `most`. */
int moved_refused_list(struct sql *db, int64_t source_id, int64_t *after, size_t most,
	struct arena *a, struct moved_refused **ret, size_t *ret_n, struct err *e);
