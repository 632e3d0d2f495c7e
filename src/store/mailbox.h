/*
 * Mailboxes: message objects in folders with UID. Accounts are spread over a few shard databases
 * (mail-00 ... by account id), so that commits run in parallel and a shard can be moved alone. The
 * bytes are in the blob store; a row is a reference with the header lines of its own delivery.
 */
#pragma once
#include "store/blob.h"
#include "store/queue.h"
#include "store/sql.h"

enum { MAILBOX_SHARDS = 4 };
static inline int mailbox_shard(int64_t account_id)
{
	return (int)(account_id % MAILBOX_SHARDS);
}
/* "mail-00" ... */
const char *mailbox_db_name(int shard);

extern const struct sql_migration mailbox_migrations[];
extern const size_t mailbox_migrations_n;

enum {
	MAILBOX_FOLDER_MAX = 1000,
	MAILBOX_FOLDERS_MAX = 10000
}; /* bytes of a name; folders an account */

struct mailbox_delivery {
	int64_t account_id;
	slice folder; /* "INBOX"; made when missing. ERR_PROTO: no UTF-8, too long; ERR_LIMIT */
	msg_id queue_id; /* with rcpt_idx: the same delivery is never made twice (after a crash) */
	int32_t rcpt_idx;
	blob_id blob;
	uint64_t size; /* of the blob */
	slice prefix; /* Return-Path:, Delivered-To:, Received: ... before the stored bytes */
	int64_t received_at;
};
/* 0, also when this delivery is there already (then *ret_uid is the earlier one). */
int mailbox_deliver_tx(
	struct sql *db, const struct mailbox_delivery *d, uint32_t *ret_uid, struct err *e);

/* Is this delivery there already? 1, 0, -1. */
int mailbox_delivered(struct sql *db, const struct mailbox_delivery *d, struct err *e);

struct mailbox_message {
	int64_t account_id;
	uint32_t uid;
	slice folder;
	uint64_t size; /* prefix and blob */
	blob_id blob;
	slice prefix;
	int64_t received_at;
	unsigned flags;
};
/* By UID, those above after_uid; ERR_NOTFOUND when the folder does not exist. Reads in short
 * pieces. */
int mailbox_list(struct sql *db, int64_t account_id, slice folder, uint32_t after_uid,
	uint64_t most, bool (*row)(void *arg, const struct mailbox_message *m), void *arg,
	struct err *e);
int mailbox_get(struct sql *db, int64_t account_id, slice folder, uint32_t uid, struct arena *a,
	struct mailbox_message *ret, struct err *e);
/* One that came as that message of the queue; ERR_NOTFOUND. Its folder is not told. */
int mailbox_find(struct sql *db, int64_t account_id, msg_id queue_id, struct arena *a,
	struct mailbox_message *ret, struct err *e);
/* Mail that came lately (mailbox_recent.c), in all folders, by account and arrival. */
struct mailbox_mark {
	int64_t account_id;
	msg_id queue_id;
	int32_t rcpt_idx;
};
struct mailbox_recent {
	struct mailbox_mark mark;
	uint32_t uid;
	int64_t folder_id;
	blob_id blob;
	uint64_t size; /* prefix and blob */
	slice prefix;
	int64_t received_at;
};
/* The next one behind *mark (zeros at first), which moves on, among those that came as messages of the queue not
 * older than `oldest` (msg_id_floor): 1, 0 no more, -1. */
int mailbox_next_recent(struct sql *db, msg_id oldest, struct mailbox_mark *mark, struct arena *a,
	struct mailbox_recent *ret, struct err *e);
/* Takes it out. ERR_NOTFOUND: its owner did. */
int mailbox_take_tx(struct sql *db, const struct mailbox_recent *m, struct err *e);

/* Bytes and messages of an account. */
int mailbox_usage(struct sql *db, int64_t account_id, uint64_t *ret_bytes, uint64_t *ret_messages,
	struct err *e);

/* Removes at most MAILBOX_REMOVE_BATCH messages of an account, and with the last one its folders.
 * Returns how many messages (less than that: none is left), or -1. */
enum { MAILBOX_REMOVE_BATCH = 500 };
int64_t mailbox_remove_some_tx(struct sql *db, int64_t account_id, struct err *e);

struct mailbox_folder {
	slice name;
	uint64_t messages, bytes;
	uint32_t uidvalidity, uidnext;
};
/* By name. None: nothing was ever delivered. */
int mailbox_folders(struct sql *db, int64_t account_id, struct arena *a,
	struct mailbox_folder **ret, size_t *ret_n, struct err *e);
