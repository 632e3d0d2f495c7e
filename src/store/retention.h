/*
 * retention: how long mail stays in folders before it leaves by itself, and whom a legal hold keeps from losing any. Tables of the
 * directory's database; carried out by the keeper (bin/keeper_retention.h).
 *
 * A rule is for all accounts, an organisation, a class or one account, and for a folder with all below it, a special use ("\Trash"), or
 * every folder ("*"). The narrowest holds: first by whom it is for, then by its folder. Age counts from when a message came into
 * its folder. What leaves goes the way of deleted mail: it can be brought back for [mailbox] keep_removed.
 *
 * While an account is on hold no rule touches its mail, what people delete in it keeps its bytes and its line in the log, and it cannot
 * be purged. Its people notice nothing. Each shard knows its accounts on hold (mailbox_hold_tx), so that whoever ends
 * deleted mail sees it in the same transaction.
 *
 *	retention.c	rules		retention_hold.c	holds
 */
#pragma once
#include "store/mailbox.h"

enum {
	RETENTION_RULES_MAX = 10000,
	RETENTION_DAYS_MAX = 36500,
	HOLD_NAME_MAX = 100, /* bytes */
	HOLD_REASON_MAX = 1000,
};
enum retention_scope { /* stored */
	RETENTION_ALL = 1,
	RETENTION_ORG,
	RETENTION_CLASS,
	RETENTION_ACCOUNT,
};
extern const char retention_schema_up[], retention_schema_down[];

/* ---- rules ---- */

struct retention_rule {
	int64_t id;
	enum retention_scope scope;
	int64_t scope_id; /* 0: all */
	slice scope_name; /* read */
	slice folder; /* "*", "\Trash", "Work/Old" */
	int64_t days; /* 0: for ever, an exception from a wider rule */
	slice set_by;
	int64_t set_at;
};
/* Replaces the one of the same scope and folder. ERR_PROTO: no such folder name; ERR_LIMIT. */
int retention_put(struct sql *db, const struct retention_rule *r, struct err *e);
int retention_remove(struct sql *db, int64_t id, struct err *e); /* ERR_NOTFOUND */
int retention_list(struct sql *db, struct arena *a, struct retention_rule **ret, size_t *ret_n,
	struct err *e); /* by scope, its name, folder */

struct retention_whom {
	int64_t account_id, class_id, org_id;
};
/* Days that hold for a folder of somebody; 0: for ever. */
int64_t retention_days(const struct retention_rule *v, size_t n, const struct retention_whom *w,
	const struct mailbox_folder *f);

/* ---- legal holds ---- */

struct hold {
	int64_t id;
	slice name; /* of the case */
	enum retention_scope scope;
	int64_t scope_id;
	slice scope_name; /* read */
	slice reason;
	slice set_by, released_by;
	int64_t set_at, released_at; /* released_at 0: in force */
};
/* In force from now on: also call hold_mark. ERR_EXISTS: the name is in use. */
int hold_set(struct sql *db, const struct hold *h, struct err *e);
/* Stays in the list. ERR_NOTFOUND: none of this name is in force. Then hold_mark. */
int hold_release(struct sql *db, slice name, slice by, struct err *e);
int hold_list(struct sql *db, struct arena *a, struct hold **ret, size_t *ret_n, struct err *e);
/* Is this account on hold? 1, 0, -1. */
int hold_on(struct sql *db, int64_t account_id, struct err *e);
/* Accounts on hold, ascending, deleted ones too. */
int hold_accounts(struct sql *db, struct arena *a, int64_t **ret, size_t *ret_n, struct err *e);
/* Another number whenever holds have changed. */
int hold_version(struct sql *db, int64_t *ret, struct err *e);

/* Tells a shard which of its accounts are on hold (`ids` ascending; also those of other shards). With `release`, others are no more; without, none
 * is let go: for who read the list a moment ago and may know too little. */
int mailbox_hold_tx(struct sql *shard, const int64_t *ids, size_t n, bool release, struct err *e);
/* 1, 0, -1. */
int mailbox_on_hold(struct sql *shard, int64_t account_id, struct err *e);
