/*
 * notice: what people are to be told by mail: an outbox in the queue's database. Whoever finds
 * something out adds a row in the transaction that makes it true; the queue process writes the letter
 * (mail/notice.h) in the reader's language and queues it in the transaction that removes the row. So a
 * notice is sent if and only if what it tells has happened, once.
 */
#pragma once
#include "store/queue.h"

enum notice_kind { /* numbers are stored */
	NOTICE_APPROVE = 1, /* to an approver: please decide; about a held message */
	NOTICE_HELD_SENDER = 2, /* to its sender: your message waits for approval, or is held */
	NOTICE_HELD_RCPT = 3, /* to its recipient */
	NOTICE_APPROVED = 4, /* to whoever was told that it waits */
	NOTICE_REFUSED = 5,
	NOTICE_RELEASE_ASKED = 6, /* to the administrator: a recipient asks for it */
	NOTICE_REPORT = 7, /* to a user: what became of his report */
	NOTICE_ALARM = 8, /* to the administrator; data: what, why, what was done, what to do */
	NOTICE_FORWARD = 9, /* to an account: its mail is passed on, or no more */
	NOTICE_AUTOREPLY = 10, /* to a sender: the automatic answer of a reader */
	NOTICE_LOGIN = 11, /* to an account: somebody logged in from a new place; data as of an alarm */
	NOTICE_SCRIPT = 12, /* to an account, or the administrator: rules of theirs went wrong; data: notice_script_data() */
	NOTICE_MAILLIST = 13, /* of a mailing list, to whoever wrote to it, members, moderators; data: maillist_notice() */
	NOTICE_COLLECT = 14, /* to an account: mail of an account elsewhere cannot be fetched; data as of an alarm */
	NOTICE_KINDS
};
struct notice {
	int64_t seq; /* row; 0 when added */
	enum notice_kind kind;
	slice to; /* address; empty: the administrator's ([alarm] to, else postmaster) */
	msg_id about; /* quarantined or queued message, or 0 */
	int32_t idx; /* its recipient, or -1 */
	slice key; /* of alarms that are told once an hour only; empty: always */
	slice data; /* JSON, by kind: mail/notice.h; may be empty */
	int64_t at; /* wall */
	int64_t more; /* read: how often the same was kept back since it was last told (key) */
};
enum {
	NOTICE_DATA_MAX = 64 * 1024,
	NOTICE_WAITING_MAX = 100000,
	NOTICE_KEY_MAX = 200,
	NOTICE_KEY_QUIET_S = 3600, /* the same key is told once in this time */
};
/* One whose key was told within the hour is not added (0). ERR_LIMIT: data or key are too long;
 * ERR_TEMP: too many wait. */
int notice_add_tx(struct sql *db, const struct notice *n, struct err *e);
/* 1, 0: too many wait, -1. */
int notice_has_room(struct sql *db, struct err *e);
/* Oldest first, those behind row `after` (0: all). fn must not change the outbox. */
int notice_each(struct sql *db, int64_t after, uint64_t most,
	bool (*fn)(void *arg, const struct notice *n), void *arg, struct err *e);
/* Its letter is queued, or it is not to be sent. ERR_NOTFOUND: it has left already. */
int notice_done_tx(struct sql *db, int64_t seq, struct err *e);
