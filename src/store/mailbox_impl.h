/*
 * Inside the mailboxes' tables (mailbox.h): what the files share. An email's id is its account's
 * number and its own in one (doc/notes/mailbox.md), so that an account's emails lie together in
 * tables that are read by a plain integer.
 */
#pragma once
#include "store/mailbox.h"

enum { EMAIL_BITS = 32 };
#define EMAILS_MAX ((int64_t)UINT32_MAX)
#define ACCOUNTS_MAX ((int64_t)INT32_MAX)

static inline int64_t email_first(int64_t account_id)
{
	return account_id << EMAIL_BITS;
}
static inline int64_t email_last(int64_t account_id)
{
	return email_first(account_id) | EMAILS_MAX;
}

/* ---- small things ---- */

/* One number of a row: 1, 0 when there is none, -1. */
int mailbox_returned(struct sql_stmt *s, int64_t *ret, struct err *e);
static inline bool is_inbox(slice name)
{
	return slice_ieq(name, S("INBOX"));
}
static inline slice known_name(slice name)
{
	return is_inbox(name) ? S("INBOX") : name;
}

/* ---- one change of an account ---- */

/* What a change adds up to; negative where things go. */
struct mailbox_sum {
	int64_t messages, unseen, deleted, bytes;
};
void mailbox_sum_add(struct mailbox_sum *s, unsigned flags, uint64_t size);
void mailbox_sum_sub(struct mailbox_sum *s, unsigned flags, uint64_t size);

/* The account's next modification sequence, and as many email ids (from *ret_email on); its totals move by *s. */
int mailbox_next(struct sql *db, int64_t account_id, const struct mailbox_sum *s, int64_t emails,
	uint64_t *ret_modseq, int64_t *ret_email, struct err *e);
/* Totals alone. */
int mailbox_total(struct sql *db, int64_t account_id, const struct mailbox_sum *s, struct err *e);
/* A folder's counts move by *s, its modseq becomes this one. */
int mailbox_folder_count(struct sql *db, int64_t account_id, int64_t folder_id,
	const struct mailbox_sum *s, uint64_t modseq, struct err *e);
/* The same, and n UIDs from *ret_uid on. ERR_NOTFOUND, ERR_LIMIT. */
int mailbox_folder_enter(struct sql *db, int64_t account_id, int64_t folder_id,
	const struct mailbox_sum *s, int64_t n, uint64_t modseq, uint32_t *ret_uid,
	uint32_t *ret_uidvalidity, struct err *e);

/* ---- rows ---- */

int mailbox_message_insert(struct sql *db, const struct mailbox_message *m, struct err *e);
int mailbox_message_delete(
	struct sql *db, int64_t account_id, int64_t folder_id, uint32_t uid, struct err *e);
/* What holds an email: messages, and removals that can return. With the last one it goes. */
int mailbox_email_hold(struct sql *db, int64_t email_id, struct err *e);
int mailbox_email_drop(struct sql *db, int64_t email_id, struct err *e);
/* 1, 0 no such email, -1. */
int mailbox_summary(struct sql *db, int64_t email_id, struct arena *a, slice *ret, struct err *e);
/* The keywords (separated by blanks) as the folder spells them; new ones are noted there. ERR_LIMIT, ERR_PROTO. */
int mailbox_keywords_note(struct sql *db, int64_t account_id, int64_t folder_id, slice keywords,
	struct arena *a, slice *ret, struct err *e);

/* The words of a text of keywords, one after another. */
bool mailbox_keyword_next(slice *words, slice *ret);
bool mailbox_keyword_in(slice words, slice keyword);
/* First columns of a statement's rows. */
int mailbox_slices(struct sql_stmt *s, size_t most, struct arena *a, slice **ret, size_t *ret_n,
	struct err *e);

/* A folder that messages are put into by name: made when missing. Not INBOX's rights or limits. */
int mailbox_folder_need(
	struct sql *db, int64_t account_id, slice name, int64_t *ret_id, struct err *e);
/* Its `changed` becomes a new modseq. */
int mailbox_folder_changed(struct sql *db, int64_t account_id, int64_t folder_id, struct err *e);
/* As mailbox_folders reads them, one. 1, 0, -1. */
int mailbox_folder_load(struct sql *db, int64_t account_id, int64_t id, struct arena *a,
	struct mailbox_folder *ret, struct err *e);

/* ---- what leaves ---- */

struct mailbox_leaving {
	int64_t account_id, folder_id;
	slice folder;
	uint64_t modseq;
	int64_t at;
	enum mailbox_how how;
	bool can_return;
	const struct mailbox_actor *by;
};
int mailbox_removed_insert(struct sql *db, const struct mailbox_leaving *l,
	const struct mailbox_message *m, struct err *e);

/* Messages of a folder leave, with its counts; *l gets the modseq. Who held an email as a message holds it as a
 * removal that can return: where that cannot be, the caller drops it. */
int mailbox_leave(struct sql *db, struct mailbox_leaving *l, const struct mailbox_message *v,
	size_t n, struct err *e);

/* Out of all folders, not to return, with what could return. How many messages it was. */
int64_t mailbox_email_take(struct sql *db, int64_t email_id, enum mailbox_how how,
	const struct mailbox_actor *by, struct err *e);

/* ---- threads ---- */

/* The thread of a new email: that of the oldest message it refers to that was seen, else its own id. Notes its ids. */
int mailbox_thread_enter(struct sql *db, int64_t account_id, int64_t email_id, slice summary,
	int64_t *ret, struct err *e);
/* An email has gone; with the last one of a thread the ids go that it was known by. */
int mailbox_thread_leave(
	struct sql *db, int64_t email_id, int64_t thread_id, slice summary, struct err *e);
