/*
 * box: mailboxes as a person sees them: own folders, folders that others share, shared mailboxes; with the rights that were granted
 * (RFC 4314). IMAP and POP3 work through this, later JMAP, ActiveSync and the web: who may do what is decided here and nowhere else.
 * Databases are read in the pool, changes go through the shards' group commits; everything in coroutines.
 *
 *	box.c		opening a process's boxes, a person's entry	box_name.c	names in namespaces
 *	box_folder.c	folders, rights, metadata			box_view.c	a selected folder and what changes in it
 *	box_row.c	reading rows, summaries that are missing	box_content.c	bytes of a message, a part of them
 *	box_change.c	flags, copy, move, expunge			box_append.c	new messages
 *	box_search.c	criteria on rows, headers, texts (box_search.h)	box_teach.c	moves to and from Junk are lessons
 *	box_watch.c	waiting for changes
 *
 * Names: own folders "INBOX", "Work/2026"; others' "Other Users/bob@example.com/Work"; shared mailboxes "Shared/sales@example.com/INBOX".
 * A folder on which a person has not RIGHT_LOOKUP does not exist for them: ERR_NOTFOUND, never ERR_DENIED, and no name of it is shown; with RIGHT_LOOKUP
 * but not the right needed: ERR_DENIED. Errors else: ERR_TEMP, ERR_LIMIT, ERR_EXISTS, ERR_PROTO (bad name), ERR_QUOTA where it is about room.
 */
#pragma once
#include "base/uidset.h"
#include "codec/summary.h"
#include "run/conf.h"
#include "store/blob.h"
#include "store/changes.h"
#include "store/directory.h"
#include "store/mailbox.h"

#define BOX_OTHERS "Other Users/"
#define BOX_SHARED "Shared/"

struct mailbox_conf { /* section [mailbox], box_conf.c */
	int64_t keep_removed; /* usec: deleted mail can be brought back so long; 0: not at all */
	int64_t keep_log; /* usec: the log of deletions */
	int64_t max_message; /* bytes of an APPEND */
	bool teach; /* moves to and from Junk teach the filter (box_teach.h) */
};
extern const struct conf_section mailbox_section;

struct boxes_config {
	slice data;
	struct directory *directory;
	struct blobs *blobs; /* for reading, and for APPEND writing */
	unsigned readers; /* connections a shard */
	const struct mailbox_conf *conf;
};
struct boxes;
int boxes_open(const struct boxes_config *c, struct boxes **ret, struct err *e); /* blocks */
void boxes_drain(struct boxes *b); /* waits for commits under way */
void boxes_close(struct boxes *b); /* drained, no user open */
void boxes_configure(struct boxes *b, const struct mailbox_conf *conf); /* after a reload */
int64_t boxes_max_message(const struct boxes *b); /* APPENDLIMIT */

/* ---- a person ---- */

struct box_user; /* one for each session; used by one coroutine at a time */
/* `login`: canonical, as auth said. Makes default folders at the first time. ERR_NOTFOUND, ERR_DENIED (disabled). */
int box_user_open(struct boxes *b, slice login, const struct mailbox_actor *actor, struct box_user **ret, struct err *e);
void box_user_close(struct box_user *u); /* NULL is fine */
slice box_user_login(const struct box_user *u);
int64_t box_user_account(const struct box_user *u);
void box_user_client(struct box_user *u, slice client); /* what ID said */
/* Its program knows nothing of \Recent (IMAP4rev2, POP3): nobody loses it to it, and nothing is written for it. */
void box_user_no_recent(struct box_user *u);
/* Memory that is only needed while something is done goes back: before waiting long. */
void box_user_rest(struct box_user *u);

/* ---- folders ---- */

struct box_folder {
	slice name; /* as this person sees it */
	int64_t account_id;
	struct mailbox_folder f; /* id 0: no folder, only a level above some (\NonExistent) */
	unsigned rights;
	bool own, subscribed, children;
};
enum box_scope { BOX_OWN = 1, BOX_OTHERS_TOO = 2, BOX_SHARED_TOO = 4, BOX_ALL = 7 };
/* Visible folders by name, and levels above them that are none themselves. */
int box_folders(struct box_user *u, unsigned scope, struct arena *a, struct box_folder **ret, size_t *ret_n, struct err *e);
int box_folder(struct box_user *u, slice name, struct arena *a, struct box_folder *ret, struct err *e);
int box_folder_make(struct box_user *u, slice name, enum mailbox_use use, struct err *e); /* parents too */
int box_folder_remove(struct box_user *u, slice name, struct err *e);
int box_folder_rename(struct box_user *u, slice from, slice to, struct err *e); /* within one mailbox */
int box_folder_use(struct box_user *u, slice name, enum mailbox_use use, struct err *e);
int box_subscribe(struct box_user *u, slice name, bool on, struct err *e);
int box_subscriptions(struct box_user *u, struct arena *a, slice **ret, size_t *ret_n, struct err *e);

struct box_usage { uint64_t bytes, messages, quota /* bytes; 0: none */, quota_messages; };
/* Of the mailbox that the folder is in (quota root); empty name: the own. */
int box_usage(struct box_user *u, slice name, struct box_usage *ret, struct err *e);

int box_grant(struct box_user *u, slice name, slice who, unsigned rights, struct err *e); /* 0: the entry goes. needs RIGHT_ADMIN */
int box_grants(struct box_user *u, slice name, struct arena *a, struct mailbox_grant **ret, size_t *ret_n, struct err *e);
slice box_rights_print(unsigned rights, struct arena *a); /* "lrswipkxtea" */
bool box_rights_parse(slice s, unsigned *ret); /* also RFC 2086's c and d */

/* Empty name: the server's own entries ("/private/..." of the account). "/private/" entries belong to the reader. */
int box_metadata(struct box_user *u, slice name, struct arena *a, struct mailbox_metadata **ret, size_t *ret_n, struct err *e);
int box_metadata_set(struct box_user *u, slice name, const struct mailbox_metadata *v, size_t n, struct err *e);
/* Names of the entries of all folders of a mailbox and when they were written, whoever may read the folders: who asks shows those of folders
 * that the person reads. For finding changes. */
int box_metadata_marks(struct box_user *u, int64_t account_id, struct arena *a, struct mailbox_metadata_mark **ret, size_t *ret_n,
	struct err *e);

/* ---- a folder that is open ---- */

/* What a session knows of a folder: which UIDs, in what state (modseq). */
struct box_view {
	struct box_user *user;
	struct box_folder folder;
	bool read_only;
	struct uidset uids;
	uint64_t modseq; /* up to here the session knows */
	struct uidset recent; /* \Recent in this session; some of them may have left */
	/* Of the implementation. */
	char *name_z;
	uint64_t left_modseq; /* what left up to here was told */
	struct box_ahead *ahead; /* what the next box_sync will tell, known already; or NULL */
	uint64_t seen; /* changes_seen() at the last look */
	instant reviewed_at;
	uint64_t rights_seen, rights_version; /* and when rights were worked out; with directory_seen() */
	instant looked_at;
	uint32_t recent_taken;
};
uint64_t box_recent_count(const struct box_view *v);
/* ERR_NOTFOUND, ERR_DENIED. */
int box_open(struct box_user *u, slice name, bool read_only, struct box_view **ret, struct err *e);
/* As box_open, and what SELECT tells beside it, in the same read. */
struct box_selected {
	slice *keywords; /* of the folder's messages */
	size_t nkeywords;
	uint32_t first_unseen; /* its UID; 0: none. Only when asked for */
};
int box_select(struct box_user *u, slice name, bool read_only, bool first_unseen, struct arena *a, struct box_selected *ret_more,
	struct box_view **ret, struct err *e);
/* Keywords that messages of the folder have now: for FLAGS when one is new. */
int box_keywords(struct box_view *v, struct arena *a, slice **ret, size_t *ret_n, struct err *e);
/* UIDs that left after `since` (QRESYNC). ERR_NOTFOUND: that is longer ago than is remembered. */
int box_vanished(struct box_view *v, uint64_t since, struct uidset *ret, struct err *e);
void box_close(struct box_view *v); /* NULL is fine */

struct box_news { /* what happened since v->modseq; the view is brought up to it. The sets are the caller's to free (uidset_done) */
	bool any;
	struct uidset gone; /* left; before they were taken out of v->uids (positions: *before) */
	struct uidset before; /* v->uids as it was, when any are gone */
	uint32_t *came; size_t ncame; /* new UIDs, ascending */
	struct mailbox_message *changed; size_t nchanged; /* flags, also of new ones; without summary */
	bool folder_gone;
};
/* expunges: false: those that left stay in the view for now (no EXPUNGE during FETCH, STORE, SEARCH: RFC 9051 7.5.1) and are told later.
 * Cheap when nothing happened (one look at the counter of changes). */
int box_sync(struct box_view *v, bool expunges, struct arena *a, struct box_news *ret, struct err *e);

/* Rows of the view, by UID, in pieces: q.uids NULL: all. Only UIDs in v->uids come. With MAILBOX_WANT_SUMMARY missing summaries are made
 * (the message is read) and kept. */
struct box_query {
	const struct uidset *uids;
	uint32_t after;
	uint64_t since;
	unsigned want;
};
enum { BOX_PIECE = 250 };
int box_rows(struct box_view *v, const struct box_query *q, struct arena *a, struct mailbox_message **ret, size_t *ret_n, struct err *e);

/* Bytes of a message: prefix and blob, from any place. Reads only what is asked for. */
struct box_content;
/* ERR_NOTFOUND: it left meanwhile and its bytes with it. Asks the virus engines that look at reading (boxes_guard) first: ERR_DENIED. */
int box_content_open(struct box_view *v, const struct mailbox_message *m, struct box_content **ret, struct err *e);
/* Whether they would let it be read: for who notes that it was read beforehand. In a coroutine. */
bool box_content_given(struct box_view *v, const struct mailbox_message *m);
uint64_t box_content_size(const struct box_content *c);
uint64_t box_content_prefix(const struct box_content *c); /* summary's places count from behind it */
/* Appends up to n bytes from `at` (less at the end) to *out. */
int box_content_read(struct box_content *c, uint64_t at, uint64_t n, struct buf *out, struct err *e);
void box_content_close(struct box_content *c);
/* Called before the bytes of a message are given out, in a coroutine; -1 with ERR_DENIED: there is a virus in it; ERR_TEMP. Set by the process. */
void boxes_guard(struct boxes *b, int (*ask)(void *arg, int64_t account_id, const struct mailbox_message *m, struct err *e), void *arg);

/*
 * Searches use the full-text index (store/index.h) from now on; NULL: no longer. texts: has the texts of a message by field read, where they may be
 * (bin/scan_text.h), in a coroutine; all: else INDEX_ATTACHMENT is enough. ERR_PERM: they cannot be read, ever.
 */
struct box_index {
	bool files; /* what is inside attachments is found, too */
	int (*texts)(void *arg, const struct mailbox_message *m, bool all, struct arena *a, slice *ret /* [INDEX_FIELDS] */, struct err *e);
	void *arg;
};
void boxes_index(struct boxes *b, const struct box_index *index);

/* Changes. All of a large set, in several transactions; what was done before an error stays done. */
struct box_store {
	const struct uidset *uids;
	enum mailbox_flags_how how;
	unsigned flags;
	slice keywords;
	uint64_t unchanged_since; /* UINT64_MAX: whatever */
};
/* Flags that the person may not change are left alone silently (RFC 4314 4); ERR_DENIED when none of them may be. */
int box_store(struct box_view *v, const struct box_store *s, struct uidset *changed, struct uidset *failed, uint64_t *ret_modseq, struct err *e);
struct box_copied { uint32_t uidvalidity; struct uidset from, to; };
/* To a folder of any mailbox. All or nothing within a shard; ERR_NOTFOUND (no such folder: TRYCREATE), ERR_QUOTA. */
int box_copy(struct box_view *v, const struct uidset *uids, slice to, bool move, struct box_copied *ret, struct err *e);
/* uids NULL: all with \Deleted, else those of them that have it. force: without \Deleted, too (MOVE, POP3). */
int box_expunge(struct box_view *v, const struct uidset *uids, bool force, struct uidset *gone, uint64_t *ret_modseq, struct err *e);

/* New messages, any number, all of them or none (RFC 3502, 4469, 8508). */
struct box_append;
int box_append_begin(struct box_user *u, slice folder, struct box_append **ret, struct err *e);
struct box_append_options { unsigned flags; slice keywords; int64_t received_at /* 0: now */; };
/* One after another: start, bytes, end. ERR_LIMIT: larger than [mailbox] max_message; ERR_QUOTA. */
int box_append_start(struct box_append *p, const struct box_append_options *o, struct err *e);
int box_append_bytes(struct box_append *p, slice bytes, struct err *e);
int box_append_end(struct box_append *p, struct err *e);
/* When the one that comes in was received, where only its bytes told. */
void box_append_date(struct box_append *p, int64_t received_at);
/* The one that comes in is not wanted after all, also after an error; those before it stay. */
void box_append_drop(struct box_append *p);
/* More to do in the transaction that makes the messages, which are at these places, in their order. May be run more than once. */
typedef int (*box_append_fn)(struct sql *db, void *arg, const struct mailbox_place *v, size_t n, struct err *e);
void box_append_also(struct box_append *p, box_append_fn fn, void *arg);
/* REPLACE: `view` and `uid` leave in the same transaction. NULL and 0: nothing. */
int box_append_commit(struct box_append *p, struct box_view *view, uint32_t uid, uint32_t *ret_uidvalidity, struct uidset *ret_uids, struct err *e);
void box_append_cancel(struct box_append *p); /* also after commit; NULL is fine */

/* What was deleted and can be brought back, of the own mailbox. */
int box_removed(struct box_user *u, const struct mailbox_removed_query *q, struct arena *a, struct mailbox_removed **ret, size_t *ret_n, struct err *e);
int box_recover(struct box_user *u, uint64_t modseq, uint32_t uid, slice folder, struct err *e);

/* ---- waiting for changes ---- */

/* `wake` is called in the loop's thread, soon after a change of one of these accounts (and now and then without one); it must not
 * wait: it starts a coroutine, or wakes one. The set may be replaced. */
struct box_watch;
struct box_watch *box_watch(struct boxes *b, const int64_t *accounts, size_t n, void (*wake)(void *arg), void *arg);
void box_unwatch(struct box_watch *w); /* NULL is fine */
