/*
 * revive: an account that is gone comes back out of a backup, with what belonged to it: `posthouse restore account`
 * (bin/cli_restore_gone.c), which restores its mail in between. Everything is found by name: organisation, class, department, groups, lists and
 * other accounts may have other numbers now; but rights on folders are
 * for the same accounts alone, by number, since addresses are given again. What it names that is there no more does not come back, and is noted.
 *
 *	revive.c		its rows in the directory, in one transaction
 *	revive_credential.c	password, passwords of programs, second factor
 *	revive_mail.c		folders, subscriptions, rights on folders, mailing lists
 *
 * Its number is the former one if that is free, as after a purge. Until revive_finish it counts as deleted, at a moment far in the future
 * (REVIVING): nobody logs in, no mail comes, nobody purges it; and whoever was killed goes on from there, since every step may be carried out again.
 *
 * Not brought: jobs that collect mail elsewhere, how often lists' mail to it bounced, what the filter learned for it.
 */
#pragma once
#include "base/arena.h"
#include "store/sql.h"

struct credential_keys;

/* Wall clock, the end of the year 9999: account.deleted_at of one that is being brought back. */
#define REVIVING INT64_C(253402300799000000)

enum revive_kind {
	REVIVE_CLASS, /* else: the first class */
	REVIVE_DEPARTMENT, /* else: none */
	REVIVE_ALIAS,
	REVIVE_GROUP, /* that it is a member of */
	REVIVE_SHARED_USER, /* shared mailboxes that it uses */
	REVIVE_SHARED_MEMBER, /* who uses it */
	REVIVE_FORWARD,
	REVIVE_REPLY,
	REVIVE_SCRIPT,
	REVIVE_RETENTION,
	REVIVE_HOLD,
	REVIVE_SENDER, /* entries of its lists of senders */
	REVIVE_DIGEST,
	REVIVE_LIST_ROLE,
	REVIVE_LIST,
	REVIVE_PASSWORD,
	REVIVE_APP_PASSWORD,
	REVIVE_FACTOR,
	REVIVE_RECOVERY_CODE,
	REVIVE_SUSPENSION,
	REVIVE_FOLDER,
	REVIVE_GRANT, /* rights that it gave */
	REVIVE_GRANTED, /* rights that others gave it: the folder */
	REVIVE_KINDS
};
struct revive_item {
	enum revive_kind kind;
	bool back;
	slice name;
};
struct revive {
	struct sql *then, *now; /* directories */
	slice address;
	struct arena *a;
	int64_t then_id, id;
	bool went_on; /* one that was broken off: what came back with the directory is not among the items */
	struct revive_item *items;
	size_t nitems, room;
};

/* The account with everything of the directory; or one that was begun. Reads then, now, address, a. ERR_EXISTS (it is there, or was deleted and can
 * be recovered, or something else has its address), ERR_NOTFOUND (not in the backup; no such domain now). */
int revive_begin(struct revive *v, struct err *e);
/* `then` may be NULL: the backup has none. `same`: the server's secret is the one of then; else `old_keys` (may be NULL) are the keys of then: second factors
 * are sealed anew, passwords of programs and recovery codes do not come back. */
int revive_credentials(struct revive *v, struct sql *then, slice data, bool same,
	const struct credential_keys *old_keys, struct err *e);
/* Members of mailing lists; databases MAILLIST_DB. */
int revive_lists(struct revive *v, struct sql *then, struct sql *now, struct err *e);
/* Before its mail: folders with their uses, subscriptions. */
int revive_folders(struct revive *v, struct sql *then_shard, struct sql *now_shard, struct err *e);
/* After it: what it granted; what in another shard, or in its own, was granted to it. */
int revive_grants(struct revive *v, struct sql *then_shard, struct sql *now_shard, struct err *e);
int revive_granted(struct revive *v, struct sql *then_shard,
	int (*open_now)(void *arg, int64_t account_id, struct sql **ret, struct err *e), void *arg,
	struct err *e);
/* From now on it is there. */
int revive_finish(struct revive *v, struct err *e);
