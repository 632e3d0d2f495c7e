/*
 * notify: what a client wants to hear of (RFC 5465).
 *
 *	notify.c	the command			notify_tell.c	what happened, by comparing folders with how they were
 *	notify_name.c	names, subscriptions		notify_meta.c	metadata
 *
 * NOTIFY NONE is a set without groups: the selected folder stays as the client knows it (a snapshot) until it asks for more.
 */
#pragma once
#include "proto/imap/list.h"

enum notify_event {
	NOTIFY_MESSAGE_NEW = 1,
	NOTIFY_MESSAGE_EXPUNGE = 2,
	NOTIFY_FLAG_CHANGE = 4,
	NOTIFY_MAILBOX_NAME = 8,
	NOTIFY_SUBSCRIPTION_CHANGE = 16,
	NOTIFY_MAILBOX_METADATA = 32,
	NOTIFY_SERVER_METADATA = 64,
	NOTIFY_MESSAGES = NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE | NOTIFY_FLAG_CHANGE,
	NOTIFY_NAMES = NOTIFY_MAILBOX_NAME | NOTIFY_SUBSCRIPTION_CHANGE,
	NOTIFY_METADATA = NOTIFY_MAILBOX_METADATA | NOTIFY_SERVER_METADATA,
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
	NOTIFY_MINE_MAX = 200, /* own changes that are remembered until the next look */
};
struct notify_group {
	enum notify_filter filter;
	unsigned events; /* enum notify_event; 0: NONE */
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
struct notify_mine {
	struct notify_mine *next;
	enum imap_notify_mine what;
	slice folder, entry;
};
struct imap_notify {
	struct arena mem; /* of the groups */
	struct notify_group *groups;
	size_t ngroups;
	const struct notify_group *selected; /* one of them, or NULL */
	unsigned events; /* of all groups but that */
	struct arena known_mem;
	struct notify_folder *known; /* by account and id */
	size_t nknown;
	struct mailbox_metadata_mark *marks; /* by account, folder, entry */
	size_t nmarks;
	struct arena mine_mem;
	struct notify_mine *mine;
	size_t nmine;
};
/* One look at all folders, while it is told what happened. */
struct notify_look {
	struct imap *s;
	struct imap_notify *n;
	struct box_folder *v;
	size_t count;
	struct box_folder **by_name; /* made when it is needed first */
	slice parent; /* of which it was told last */
	slice from, to; /* the last folder that was renamed: those below it are with it */
	struct mailbox_metadata_mark *marks; /* as they are now */
	size_t nmarks;
};

/* Events of the folder: of all groups that it is in, up to one with NONE. */
unsigned imap_notify_events(const struct imap_notify *n, const struct box_folder *f);
/* How it was; NULL: it was not there. */
const struct notify_folder *imap_notify_known(
	const struct imap_notify *n, const struct box_folder *f);
bool imap_notify_is_mine(
	const struct imap_notify *n, enum imap_notify_mine what, slice folder, slice entry);
/* Looks at all folders for the first time; with STATUS of each when `status`. -1: told why. */
int imap_notify_begin(struct imap *s, struct imap_notify *n, bool status, struct err *e);

/* notify_name.c: a folder that is there, which was like `was`; and those that are gone. */
void imap_notify_name(
	struct notify_look *l, const struct box_folder *f, const struct notify_folder *was);
void imap_notify_gone(struct notify_look *l);
/* A folder that the client has named and may see, but not read: \NoAccess (RFC 5465 3.1). */
void imap_notify_no_access(struct imap *s, const struct box_folder *f);

/* notify_meta.c: reads l->marks of the accounts; tells what differs from n->marks. */
int imap_notify_marks(struct notify_look *l, struct err *e);
void imap_notify_metadata(struct notify_look *l);
