/*
 * notify: what a client wants to hear of other folders than the selected one (RFC 5465). notify.c reads it, notify_tell.c finds out
 * what happened, by comparing folders with how they were.
 */
#pragma once
#include "base/map.h"
#include "proto/imap/session.h"

enum notify_event {
	NOTIFY_MESSAGE_NEW = 1,
	NOTIFY_MESSAGE_EXPUNGE = 2,
	NOTIFY_FLAG_CHANGE = 4,
	NOTIFY_MAILBOX_NAME = 8,
	NOTIFY_SUBSCRIPTION_CHANGE = 16,
	NOTIFY_MESSAGES = NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE | NOTIFY_FLAG_CHANGE,
	NOTIFY_NAMES = NOTIFY_MAILBOX_NAME | NOTIFY_SUBSCRIPTION_CHANGE,
};
enum notify_filter {
	NOTIFY_SELECTED,
	NOTIFY_SELECTED_DELAYED,
	NOTIFY_INBOXES,
	NOTIFY_PERSONAL,
	NOTIFY_SUBSCRIBED,
	NOTIFY_SUBTREE,
	NOTIFY_MAILBOXES,
};
enum {
	NOTIFY_GROUPS_MAX = 20,
	NOTIFY_NAMES_MAX = 200, /* written in one command */
	NOTIFY_ITEMS_MAX = 2000, /* bytes of what is to be fetched of a new message */
	NOTIFY_FOLDERS_MAX = 10000, /* watched; more are NOTIFICATIONOVERFLOW */
};
struct notify_group {
	enum notify_filter filter;
	unsigned events;
	slice *names;
	size_t nnames;
	slice items; /* of MessageNew: "(UID FLAGS)", or empty */
};
/* A folder as it was when it was last told of. */
struct notify_folder {
	int64_t account_id, id;
	slice name;
	uint64_t modseq, messages;
	uint32_t uidnext;
	bool subscribed;
};
struct imap_notify {
	struct arena mem; /* of the groups */
	struct notify_group *groups;
	size_t ngroups;
	const struct notify_group *selected; /* one of them, or NULL */
	struct arena known_mem;
	struct notify_folder *known; /* by account and id */
	size_t nknown;
};

/* The first group that a folder is in; NULL: none. */
const struct notify_group *imap_notify_group(
	const struct imap_notify *n, const struct box_folder *f);
/* Looks at all folders for the first time; with STATUS of each when `status`. -1: told why. */
int imap_notify_begin(struct imap *s, struct imap_notify *n, bool status, struct err *e);
