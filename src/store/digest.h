/*
 * digest: who gets the list of his held mail, when, and what was sent already. Settings are in the directory's database
 * (an administrator's, or the user's own); what is due and what was sent in the queue's, so that a digest is queued and
 * remembered in one transaction: each is sent once.
 *
 * Names: "user@domain" a recipient; "@domain" all of a domain; "group NAME": a digest about many recipients
 * (covers), for administrators or for those who look after a shared mailbox.
 */
#pragma once
#include "base/arena.h"
#include "base/time.h"
#include "store/queue.h"

enum {
	DIGEST_NAME_MAX = 320,
	DIGEST_LIST_MAX = 4000, /* bytes of `to` and `covers` */
	DIGEST_GROUPS_MAX = 1000,
};
#define DIGEST_GROUP "group "

/* What is not set is as the domain has it, or the configuration. */
struct digest_setting {
	slice name;
	int on; /* -1 not set, 0 no, 1 yes */
	int64_t every; /* usec; 0 not set */
	int hour; /* of the day; -1 not set */
	int weekday; /* 0 Sunday; -1 not set */
	int only_new; /* as `on` */
	slice zone, language; /* empty: not set */
	slice to; /* addresses with blanks between: also sent to; of a group: its readers */
	slice covers; /* of a group: "*", "@domain", addresses ('*' is a wildcard) */
	int64_t changed_at;
	slice changed_by;
};
#define DIGEST_UNSET ((struct digest_setting){.on = -1, .hour = -1, .weekday = -1, .only_new = -1})

/* ERR_LIMIT: too many groups, lists too long. Replaces. In a transaction of its own. */
int digest_setting_put(struct sql *directory, const struct digest_setting *s, struct err *e);
int digest_setting_remove(struct sql *directory, slice name, struct err *e); /* ERR_NOTFOUND */
/* ERR_NOTFOUND. */
int digest_setting_get(struct sql *directory, slice name, struct arena *a,
	struct digest_setting *ret, struct err *e);
/* By name, groups last; `groups`: only these. */
int digest_settings_each(struct sql *directory, bool groups,
	bool (*fn)(void *arg, const struct digest_setting *s), void *arg, struct err *e);
/* Changes whenever a setting does. */
int digest_settings_version(struct sql *directory, struct arena *a, slice *ret, struct err *e);

/* ---- what is due (queue database) ---- */

struct digest_due {
	slice name;
	int64_t since; /* when something new was first seen; DIGEST_ASKED: somebody wants it now, whole */
	int64_t due_at;
};
#define DIGEST_ASKED 0
/* What is there already stays, but for somebody's wish. */
int digest_due_add_tx(struct sql *queue, const struct digest_due *d, struct err *e);
int digest_due_move_tx(struct sql *queue, slice name, int64_t due_at, struct err *e);
int digest_due_drop_tx(struct sql *queue, slice name, struct err *e);
/* Due at `now`, in order; ERR_NOTFOUND: none. */
int digest_due_next(
	struct sql *queue, int64_t now, struct arena *a, struct digest_due *ret, struct err *e);
/* Of one name; all zero when nothing is due for it. */
int digest_due_of(struct sql *queue, slice name, struct digest_due *ret, struct err *e);
/* By name, those behind `after`. */
int digest_due_each(struct sql *queue, slice after, uint64_t most,
	bool (*fn)(void *arg, const struct digest_due *d), void *arg, struct err *e);

/* ---- what was sent ---- */

struct digest_last {
	int64_t sent_at;
	int64_t seen_at; /* mail that was held before was listed */
	msg_id msg;
	int64_t listed; /* rows */
};
/* All zero when none was. */
int digest_last_get(struct sql *queue, slice name, struct digest_last *ret, struct err *e);
int digest_last_put_tx(struct sql *queue, slice name, const struct digest_last *l, struct err *e);
/* Names whose last one is older leave, `most` of them. */
int64_t digest_last_expire_tx(struct sql *queue, int64_t before, uint64_t most, struct err *e);

/* How far held mail was read for new names, and by which settings their times were made. */
struct digest_mark {
	int64_t read_at;
	slice settings;
};
int digest_mark_get(struct sql *queue, struct arena *a, struct digest_mark *ret, struct err *e);
int digest_mark_put_tx(struct sql *queue, const struct digest_mark *m, struct err *e);
