/*
 * Mailboxes: what an account has, in tables. Accounts are spread over a few shard databases (mail-00 ... by
 * account id), so that commits run in parallel and a shard can be moved alone. The bytes are in the blob store.
 * No rights here (mail/box.h), no protocol.
 *
 *	mailbox		an account: its modification sequence (RFC 7162; one number a change, across all folders), totals, next ids
 *	folder		name as a path ("Work/2026", UTF-8 NFC, "/" between levels), UIDVALIDITY, UIDNEXT, highest modseq,
 *			counts (messages, bytes, unseen, deleted), special use, recent_uid, when it was created and changed
 *	email		one stored message of the account (EMAILID, RFC 8474): blob, size, prefix, delivery, thread, and what
 *			codec/summary.h made of it
 *	message		an email in a folder: UID, flags, keywords, modseq, size, INTERNALDATE, SAVEDATE. COPY makes another
 *			row of the same email
 *	removed		what left a folder, by modseq: VANISHED (QRESYNC), the log of deletions (who, when, by which program) and
 *			what can be brought back, in one
 *	thread_ref	message ids seen -> thread (THREADID)
 *	keyword, acl, metadata, subscription
 *
 *	mailbox.c	counts, delivery, usage	mailbox_schema.c	tables
 *	mailbox_folder.c  folders		mailbox_keyword.c	keywords
 *	mailbox_row.c	reading messages	mailbox_change.c	flags, copy, move, expunge
 *	mailbox_removed.c  what left, recovery, ends  mailbox_acl.c	rights, metadata
 *	mailbox_thread.c  threads		mailbox_recent.c	mail that came lately	mailbox_seen.c  what rules remember
 *	mailbox_verify.c  verify, repair	mailbox_reindex.c	what can be made again is
 */
#pragma once
#include "base/uidset.h"
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
	MAILBOX_FOLDER_MAX = 1000, /* bytes of a name */
	MAILBOX_LEVEL_MAX = 250, /* bytes of one level of it */
	MAILBOX_DEPTH_MAX = 20, /* levels */
	MAILBOX_FOLDERS_MAX = 10000, /* an account */
	MAILBOX_KEYWORD_MAX = 100, /* bytes of a keyword */
	MAILBOX_KEYWORDS_MAX = 100, /* keywords of a message */
	MAILBOX_FOLDER_KEYWORDS_MAX = 1000, /* different ones in a folder */
	MAILBOX_ACL_MAX = 500, /* entries of a folder */
	MAILBOX_METADATA_MAX = 64 * 1024, /* bytes of a value */
	MAILBOX_METADATA_ENTRIES_MAX = 200, /* of a folder: shared ones and those of one reader */
	MAILBOX_METADATA_OTHERS_MAX = 20, /* of one reader who is not the owner */
	MAILBOX_METADATA_ACCOUNT_MAX = 5000, /* of all folders of an account; as many again of other readers */
	MAILBOX_METADATA_BYTES_MAX = 16 << 20, /* likewise: of their values */
	MAILBOX_BATCH = 500, /* messages that one transaction changes */
};

enum mailbox_flag { /* stored */
	MAILBOX_SEEN = 1,
	MAILBOX_ANSWERED = 2,
	MAILBOX_FLAGGED = 4,
	MAILBOX_DELETED = 8,
	MAILBOX_DRAFT = 16,
};
enum mailbox_use { /* special use, RFC 6154, 8457; stored */
	MAILBOX_USE_NONE,
	MAILBOX_USE_ARCHIVE,
	MAILBOX_USE_DRAFTS,
	MAILBOX_USE_JUNK,
	MAILBOX_USE_SENT,
	MAILBOX_USE_TRASH,
	MAILBOX_USE_FLAGGED,
	MAILBOX_USE_ALL,
	MAILBOX_USE_IMPORTANT,
};

enum mailbox_how { /* how a message left its folder; stored */
	MAILBOX_EXPUNGED = 1,
	MAILBOX_MOVED,
	MAILBOX_FOLDER_REMOVED,
	MAILBOX_AGED,
	MAILBOX_VIRUS,
	MAILBOX_RECOVERED, /* a line of the log: it came back, as this UID */
	MAILBOX_LOST /* its bytes could not be read any more (store repair) */
};

/* Who changes a mailbox, by what: for the log. */
struct mailbox_actor {
	slice who; /* login; or "keeper", "administrator NAME" */
	slice protocol; /* "imap", "pop3", "web", "command" ... */
	slice client; /* what the program calls itself (ID), or empty */
	slice ip;
	enum mailbox_how how; /* of what mailbox_expunge_tx takes out; 0: MAILBOX_EXPUNGED */
};

/* After the machine was started: modification sequences that its end may have undone are not given again. Once a boot. After a
 * restore (the file is in DATA/db; it goes): UIDs and ids neither. */
#define MAILBOX_RESTORED "restored"
int mailbox_boot(slice dir, struct err *e);

/* ---- folders ---- */

struct mailbox_folder {
	int64_t id; /* never used twice in an account */
	slice name;
	uint32_t uidvalidity, uidnext;
	uint32_t recent_uid; /* UIDs from here on no session has called \Recent yet */
	uint64_t messages, unseen, deleted, bytes;
	uint64_t modseq; /* highest of its messages and removals */
	uint64_t removed_floor; /* removals up to this modseq are no longer known */
	uint64_t changed; /* modseq of its own creation, renaming, rights (JMAP) */
	enum mailbox_use use;
	int64_t created_at;
};
/* Is it a good name? ERR_PROTO with a sentence; *ret is its spelling here (INBOX, NFC). */
int mailbox_folder_name(slice name, struct arena *a, slice *ret, struct err *e);
/* By name. None: nothing was ever delivered (INBOX is made by mailbox_folder_make_tx or a delivery). */
int mailbox_folders(struct sql *db, int64_t account_id, struct arena *a,
	struct mailbox_folder **ret, size_t *ret_n, struct err *e);
int mailbox_folder_find(struct sql *db, int64_t account_id, slice name, struct arena *a,
	struct mailbox_folder *ret, struct err *e);
int mailbox_folder_by_id(struct sql *db, int64_t account_id, int64_t id, struct arena *a,
	struct mailbox_folder *ret, struct err *e);
/* ERR_EXISTS, ERR_PROTO, ERR_LIMIT. Parents are not made. */
int mailbox_folder_make_tx(struct sql *db, int64_t account_id, slice name, enum mailbox_use use,
	int64_t *ret_id, struct err *e);
/* With all below it. INBOX: its messages move to the new folder, it stays (RFC 9051 6.3.6). */
int mailbox_folder_rename_tx(struct sql *db, int64_t account_id, slice from, slice to,
	const struct mailbox_actor *by, struct err *e);
/* Its messages become `removed`; folders below it stay. ERR_PERM: INBOX. */
int mailbox_folder_remove_tx(struct sql *db, int64_t account_id, slice name,
	const struct mailbox_actor *by, struct err *e);
int mailbox_folder_use_tx(
	struct sql *db, int64_t account_id, int64_t id, enum mailbox_use use, struct err *e);
/* INBOX, Drafts, Sent, Junk, Trash, Archive with their uses and subscriptions: at an account's first login. Idempotent. */
int mailbox_folders_default_tx(struct sql *db, int64_t account_id, struct err *e);
/* Were they made? 1, 0, -1. */
int mailbox_prepared(struct sql *db, int64_t account_id, struct err *e);
/* From now on nothing below `uidnext` is \Recent to others. To the caller those from *ret_from (at most uidnext) on are. */
int mailbox_recent_tx(struct sql *db, int64_t account_id, int64_t folder_id, uint32_t uidnext,
	uint32_t *ret_from, struct err *e);

int mailbox_subscribe_tx(struct sql *db, int64_t account_id, slice name, bool on,
	struct err *e); /* any name, also of others' folders */
int mailbox_subscriptions(struct sql *db, int64_t account_id, struct arena *a, slice **ret,
	size_t *ret_n, struct err *e);

/* ---- messages come ---- */

struct mailbox_delivery {
	int64_t account_id;
	slice folder; /* "INBOX"; made when missing. ERR_PROTO: no UTF-8, too long; ERR_LIMIT */
	msg_id queue_id; /* with rcpt_idx: the same delivery is never made twice (after a crash); 0: not from the queue */
	int32_t rcpt_idx;
	blob_id blob;
	uint64_t size; /* of the blob */
	slice prefix; /* Return-Path:, Delivered-To:, Received: ... before the stored bytes */
	int64_t received_at; /* INTERNALDATE */
	unsigned flags;
	slice keywords; /* separated by blanks */
	slice summary; /* codec/summary.h; empty: made later */
};
struct mailbox_place {
	int64_t folder_id, email_id;
	uint32_t uid, uidvalidity;
	uint64_t modseq;
};
/* 0, also when this delivery is there already (then *ret is the earlier one). */
int mailbox_deliver_tx(
	struct sql *db, const struct mailbox_delivery *d, struct mailbox_place *ret, struct err *e);
/* In the same transaction, of the email that it made: into one more folder, with the flags and keywords there. Reads account_id, folder,
 * size, prefix, received_at, flags, keywords. */
int mailbox_deliver_also_tx(struct sql *db, const struct mailbox_delivery *d, int64_t email_id,
	struct mailbox_place *ret, struct err *e);
/* Other versions of the same delivery (rules may change the header) are emails of their own: *d becomes the n-th, from 1 on. The first,
 * as always, says that all of it is there. */
static inline void mailbox_delivery_version(struct mailbox_delivery *d, int n)
{
	d->rcpt_idx |= (int32_t)n << 24;
}
/* Is this delivery there already? 1, 0, -1. */
int mailbox_delivered(struct sql *db, const struct mailbox_delivery *d, struct err *e);
/* A summary that was made later. */
int mailbox_summary_tx(
	struct sql *db, int64_t account_id, int64_t email_id, slice summary, struct err *e);

/* ---- messages are read ---- */

enum mailbox_want { /* bits: what reading fills in beside ids, flags, keywords, modseq, size, dates */
	MAILBOX_WANT_SUMMARY = 1,
	MAILBOX_WANT_EMAIL = 2, /* blob, prefix, thread */
};
struct mailbox_message {
	int64_t account_id, folder_id, email_id, thread_id;
	slice folder; /* its name, where a call was given one */
	uint32_t uid;
	unsigned flags;
	slice keywords;
	uint64_t modseq;
	uint64_t size; /* prefix and blob */
	int64_t received_at, saved_at; /* usec */
	slice summary; /* or empty */
	blob_id blob;
	slice prefix;
};
/* Those in `uids` with UID above `after` and modseq above `since`, by UID, at most `most`: in one short read.
 * Start again behind the last one until fewer come. Memory from *a. */
struct mailbox_query {
	int64_t account_id, folder_id;
	const struct uidset *uids; /* NULL: all */
	uint32_t after;
	uint64_t since;
	unsigned want;
	size_t most;
};
int mailbox_rows(struct sql *db, const struct mailbox_query *q, struct arena *a,
	struct mailbox_message **ret, size_t *ret_n, struct err *e);
/* All UIDs of a folder; cheap when there are no gaps. */
int mailbox_uids(
	struct sql *db, int64_t account_id, int64_t folder_id, struct uidset *ret, struct err *e);
/* UIDs whose flags have (or lack) these bits; unseen ones are looked for from the newest on, until the folder's
 * count of them is reached. */
int mailbox_uids_flagged(struct sql *db, int64_t account_id, int64_t folder_id, unsigned flags,
	bool set, struct uidset *ret, struct err *e);
/* What left the folder after `since`. ERR_NOTFOUND: that is longer ago than the log goes (removed_floor). */
int mailbox_vanished(struct sql *db, int64_t account_id, int64_t folder_id, uint64_t since,
	struct uidset *ret, struct err *e);
int mailbox_keywords(struct sql *db, int64_t account_id, int64_t folder_id, struct arena *a,
	slice **ret, size_t *ret_n, struct err *e);
/* One message: by place; or one that came as that message of the queue. ERR_NOTFOUND. */
int mailbox_get(struct sql *db, int64_t account_id, slice folder, uint32_t uid, struct arena *a,
	struct mailbox_message *ret, struct err *e);
int mailbox_find(struct sql *db, int64_t account_id, msg_id queue_id, struct arena *a,
	struct mailbox_message *ret, struct err *e);

/* By UID, those above after_uid; ERR_NOTFOUND when the folder does not exist. Reads in short
 * pieces. For the command line and tests. */
int mailbox_list(struct sql *db, int64_t account_id, slice folder, uint32_t after_uid,
	uint64_t most, bool (*row)(void *arg, const struct mailbox_message *m), void *arg,
	struct err *e);

/* Bytes and messages of an account. */
int mailbox_usage(struct sql *db, int64_t account_id, uint64_t *ret_bytes, uint64_t *ret_messages,
	struct err *e);
int mailbox_modseq(
	struct sql *db, int64_t account_id, uint64_t *ret, struct err *e); /* 0: nothing yet */

/* ---- messages change: callers give at most MAILBOX_BATCH UIDs (uidset.count) a call, so that no transaction is long ---- */

enum mailbox_flags_how { MAILBOX_FLAGS_SET, MAILBOX_FLAGS_ADD, MAILBOX_FLAGS_REMOVE };
struct mailbox_store {
	int64_t account_id, folder_id;
	const struct uidset *uids;
	enum mailbox_flags_how how;
	unsigned flags;
	slice keywords; /* separated by blanks */
	unsigned keep; /* bits that SET leaves as they are (rights) */
	bool keep_keywords;
	uint64_t unchanged_since; /* UINT64_MAX: whatever happened meanwhile (RFC 7162 3.1.3) */
	struct mailbox_stored *told; /* or NULL */
};
/* What a change of flags found and made, for who has to tell: no need to read it again. Memory from *a. */
struct mailbox_stored {
	struct arena *a;
	struct mailbox_folder folder; /* as it is now */
	uint64_t modseq_before; /* of the folder */
	struct mailbox_message *rows; /* that were changed, as they are now, by UID; without summary */
	size_t n;
};
/* *changed: UIDs that were changed (rows that were like that already keep their modseq); *failed: those that had changed since.
 * ERR_LIMIT: too many keywords. */
int mailbox_store_tx(struct sql *db, const struct mailbox_store *s, struct uidset *changed,
	struct uidset *failed, uint64_t *ret_modseq, struct err *e);

struct mailbox_copy {
	int64_t account_id, folder_id; /* from */
	const struct uidset *uids;
	int64_t to_account,
		to_folder; /* of the same shard (mailbox_shard); to another one: read, deliver there, then expunge (mail/box.h) */
	unsigned keep_flags; /* flags that are taken along (rights) */
	bool keep_keywords, move;
	const struct mailbox_actor *by; /* of a move */
};
/* Appends pairs in order: *from[i] became *to[i]. Moving within an account keeps the email. */
int mailbox_copy_tx(struct sql *db, const struct mailbox_copy *c, struct uidset *from,
	struct uidset *to, uint32_t *ret_uidvalidity, struct err *e);
/* Takes messages out into `removed`, at most MAILBOX_BATCH: those of `uids` (NULL: all, again and again until none is gone);
 * only_deleted: those with \Deleted. *gone: the UIDs; *ret_modseq 0: none. */
int mailbox_expunge_tx(struct sql *db, int64_t account_id, int64_t folder_id,
	const struct uidset *uids, bool only_deleted, const struct mailbox_actor *by,
	struct uidset *gone, uint64_t *ret_modseq, struct err *e);

/* ---- what left (S4, J8) ---- */

struct mailbox_removed {
	uint64_t modseq;
	int64_t folder_id, email_id;
	uint32_t uid;
	slice folder; /* its name then */
	unsigned flags;
	slice keywords;
	uint64_t size;
	int64_t received_at, removed_at;
	enum mailbox_how how;
	bool can_return; /* the bytes are kept still */
	struct mailbox_actor by;
	slice from, subject, message_id; /* of its summary then, for people; shortened */
};
struct mailbox_removed_query {
	int64_t account_id;
	int64_t since, until; /* removed_at; 0: open */
	slice folder; /* empty: all */
	slice text; /* in subject or sender; empty: all */
	uint64_t before; /* modseq, for pages; 0: from the newest */
	uint32_t before_uid;
	bool only_returnable;
	size_t most;
};
int mailbox_removed_list(struct sql *db, const struct mailbox_removed_query *q, struct arena *a,
	struct mailbox_removed **ret, size_t *ret_n, struct err *e);
/* Back into its folder (made again when it has gone), or into another one. ERR_NOTFOUND, ERR_PERM (the bytes are gone). */
int mailbox_recover_tx(struct sql *db, int64_t account_id, uint64_t modseq, uint32_t uid,
	slice folder, const struct mailbox_actor *by, struct mailbox_place *ret, struct err *e);
/* The keeper: bytes of what left before `bytes` are given up, lines of the log from before `log` go; some at a time. Of accounts on hold
 * (retention.h) nothing does. `from`: what left before was looked at and is on hold; 0 at first and whenever holds have changed. */
struct mailbox_ends {
	int64_t bytes, log;
	int64_t bytes_from, log_from;
};
int64_t mailbox_removed_end_tx(struct sql *db, const struct mailbox_ends *t, struct err *e); /* rows done, -1 */
/* Is there anything for it? 1, 0, -1; reads only. */
int mailbox_removed_ends(struct sql *db, const struct mailbox_ends *t, struct err *e);
/* Messages of a folder that were saved before `before` leave (retention); some at a time. */
int64_t mailbox_aged(struct sql *db, int64_t account_id, int64_t folder_id, int64_t before,
	struct err *e); /* how many those are */
int64_t mailbox_age_tx(struct sql *db, int64_t account_id, int64_t folder_id, int64_t before,
	const struct mailbox_actor *by, struct err *e);

/* Removes at most MAILBOX_REMOVE_BATCH messages of an account for good, and with the last one everything else it had. Returns how many
 * messages (less than that: none is left), or -1. */
enum { MAILBOX_REMOVE_BATCH = 500 };
int64_t mailbox_remove_some_tx(struct sql *db, int64_t account_id, struct err *e);

/* ---- verify, repair, reindex ---- */

struct mailbox_finding {
	const char *kind,
		*text; /* "mailbox-count", "folders count their messages or bytes wrong" */
	int64_t n;
	bool mended;
};
/* Do the tables agree? An account's, or (0) all of the shard. With repair, in a transaction, which is the caller's: each finding
 * is mended. How many kinds of findings. */
int64_t mailbox_verify(struct sql *db, int64_t account_id, bool repair,
	void (*found)(void *arg, const struct mailbox_finding *f), void *arg, struct err *e);
/* Summaries, threads and lists of keywords of an account are made anew from its messages. In short transactions of its own; those who
 * read meanwhile make what they miss. How many emails; *ret_unread: those whose bytes could not be read. */
int64_t mailbox_reindex(struct sql *db, struct blobs *blobs, int64_t account_id,
	uint64_t *ret_unread, struct err *e);
/* Messages whose bytes cannot be read leave, for repair. */
int mailbox_forget_blob(struct sql *db, blob_id blob, struct err *e);

/* ---- rights (RFC 4314), metadata (RFC 5464) ---- */

enum mailbox_right { /* bits, in the order "lrswipkxtea" */
	RIGHT_LOOKUP = 1,
	RIGHT_READ = 2,
	RIGHT_SEEN = 4,
	RIGHT_WRITE = 8,
	RIGHT_INSERT = 16,
	RIGHT_POST = 32,
	RIGHT_CREATE = 64,
	RIGHT_DELETE_FOLDER = 128,
	RIGHT_DELETE = 256,
	RIGHT_EXPUNGE = 512,
	RIGHT_ADMIN = 1024,
	RIGHT_ALL = 2047
};
struct mailbox_grant {
	int64_t account_id,
		folder_id; /* folder 0: all folders of the account that have no entry for `who` */
	slice who; /* "user@domain", "group:address", "anyone" (who has an account here); "-who" takes away */
	unsigned rights; /* 0: the entry goes */
};
int mailbox_grant_tx(struct sql *db, const struct mailbox_grant *g, struct err *e);
int mailbox_grants(struct sql *db, int64_t account_id, int64_t folder_id, struct arena *a,
	struct mailbox_grant **ret, size_t *ret_n, struct err *e);
/* What anyone of these was granted in this shard, by account and folder: where shared folders are found. */
int mailbox_grants_to(struct sql *db, const slice *who, size_t n, struct arena *a,
	struct mailbox_grant **ret, size_t *ret_n, struct err *e);

struct mailbox_metadata {
	slice entry, value; /* "/shared/comment", "/private/comment"; value p == NULL: is removed, not there */
};
/* folder_id 0: of the account. As `reader` sees it: private entries are everybody's own. All of them or none; ERR_LIMIT: more than
 * MAILBOX_METADATA_... One modification sequence; the folder's stays what it was. */
int mailbox_metadata_set_tx(struct sql *db, int64_t account_id, int64_t folder_id, int64_t reader,
	const struct mailbox_metadata *v, size_t n, struct err *e);
int mailbox_metadata(struct sql *db, int64_t account_id, int64_t folder_id, int64_t reader,
	struct arena *a, struct mailbox_metadata **ret, size_t *ret_n, struct err *e);
/* When entries were written, of all folders: by folder and entry. Values are not read. */
struct mailbox_metadata_mark {
	int64_t account_id, folder_id;
	slice entry;
	uint64_t modseq;
};
int mailbox_metadata_marks(struct sql *db, int64_t account_id, int64_t reader, struct arena *a,
	struct mailbox_metadata_mark **ret, size_t *ret_n, struct err *e);

/* ---- what rules remember of mail that came (mailbox_seen.c; RFC 7352) ---- */

struct mailbox_seen {
	int64_t account_id;
	slice key;
	int64_t now, until; /* wall: forgotten then */
	msg_id queue_id; /* who says so: that delivery is no duplicate of itself */
	int32_t rcpt_idx;
};
/* Was the key noted by another delivery, less than `since` ago (wall time; 0: whenever)? 1, 0, -1. */
int mailbox_seen(struct sql *db, const struct mailbox_seen *s, int64_t since, struct err *e);
/* Notes it, also once more. 0, -1. */
int mailbox_seen_tx(struct sql *db, const struct mailbox_seen *s, struct err *e);

/* ---- mail that came lately (mailbox_recent.c), in all folders, by arrival ---- */

struct mailbox_mark {
	int64_t account_id;
	msg_id queue_id;
	int32_t rcpt_idx;
};
struct mailbox_recent {
	struct mailbox_mark mark;
	int64_t email_id, folder_id;
	uint32_t uid;
	blob_id blob;
	uint64_t size; /* prefix and blob */
	slice prefix;
	int64_t received_at;
};
/* The next one behind *mark (zeros at first), which moves on, among those that came as messages of the queue not
 * older than `oldest` (msg_id_floor): 1, 0 no more, -1. */
int mailbox_next_recent(struct sql *db, msg_id oldest, struct mailbox_mark *mark, struct arena *a,
	struct mailbox_recent *ret, struct err *e);
/* Takes it out of all folders, not to return. ERR_NOTFOUND: its owner did. */
int mailbox_take_tx(struct sql *db, const struct mailbox_recent *m, const struct mailbox_actor *by,
	struct err *e);
