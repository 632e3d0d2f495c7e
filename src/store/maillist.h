/*
 * Mailing lists: what they are, who is on them, and what is under way for them. Three databases, by who writes them and what must
 * be true together:
 *
 *	directory	lists with their settings, whom they consist of beside their own members (departments, groups, other
 *			lists), who looks after them. Addresses of lists are addresses of the directory (directory.h).
 *	maillist	members with what they wish and how their mail bounces; requests to join or leave
 *	queue		posts that wait for a moderator or a digest, how far a post was sent out: in the transactions of the
 *			messages that they are about, so that each member gets each post once whatever is killed
 *
 *	maillist.c		lists			maillist_setting.c	settings as texts
 *	maillist_role.c		owners, moderators ...	maillist_member.c	members
 *	maillist_reader.c	who gets a post		maillist_bounce.c	bounces
 *	maillist_request.c	requests		maillist_post.c		posts under way
 *
 * All calls block. A list's address is LOCAL@DOMAIN with a short LOCAL; these belong to it, too: LOCAL-request, -subscribe,
 * -unsubscribe, -leave+TOKEN, -confirm+TOKEN, -decide+TOKEN, -bounces(+TOKEN), -owner.
 */
#pragma once
#include "store/directory.h"
#include "store/queue.h"

#define MAILLIST_DB "maillist"
extern const struct sql_migration maillist_migrations[];
extern const size_t maillist_migrations_n;
extern const char maillist_directory_up[],
	maillist_directory_down[]; /* tables in the directory's database */
extern const char maillist_queue_up[], maillist_queue_down[]; /* and in the queue's */

enum {
	MAILLIST_LOCAL_MAX =
		30, /* bytes of the local part: -decide+TOKEN must fit into 64 behind it */
	MAILLIST_TEXT_MAX = 4000, /* footer, description */
	MAILLIST_TAG_MAX = 100, /* what stands before subjects */
	MAILLIST_MEMBERS_MAX = 200000, /* own ones of one list */
	MAILLIST_SOURCES_MAX = 200, /* departments, groups, lists of one list */
	MAILLIST_ROLES_MAX = 500, /* owners, moderators, senders of one list */
	MAILLIST_DEPTH = 8, /* lists in lists */
	MAILLIST_HELD_MAX = 1000, /* posts of one list that wait for a moderator */
	MAILLIST_REQUESTS_MAX = 2000, /* open requests of one list */
	MAILLIST_LETTERS_HOUR = 5, /* that ask one address about requests, of all lists */
	MAILLIST_DIGEST_POSTS_MAX = 200, /* of one digest; the rest goes into the next */
	MAILLIST_LISTS_MAX = 100000,
	MAILLIST_PAGE_MAX = 1000, /* rows of one call */
};

/* ---- lists ---- */

enum maillist_posting { /* stored; who may post */
	MAILLIST_OPEN, /* everybody */
	MAILLIST_MEMBERS, /* members; others by `strangers` */
	MAILLIST_MODERATED, /* every post waits for a moderator, except those of moderators and senders */
	MAILLIST_ANNOUNCE, /* owners and senders alone */
};
enum maillist_strangers { MAILLIST_REJECT, MAILLIST_HOLD, MAILLIST_DISCARD };
enum maillist_joining {
	MAILLIST_JOIN_CONFIRM, /* whoever shows that the address is his */
	MAILLIST_JOIN_OPEN, /* the same where mail proves who wrote it: without asking back */
	MAILLIST_JOIN_APPROVE, /* and an owner or moderator agrees */
	MAILLIST_JOIN_CLOSED,
};
enum maillist_auto { MAILLIST_AUTO, MAILLIST_ALWAYS, MAILLIST_NEVER };
enum maillist_reply { MAILLIST_REPLY_AUTHOR, MAILLIST_REPLY_LIST };
enum maillist_language { MAILLIST_EN, MAILLIST_ZH };

struct maillist_conf {
	int64_t posting, strangers, joining; /* the enums above */
	int64_t leaving; /* may members leave on their own */
	int64_t rewrite_from; /* enum maillist_auto: From becomes the list's where DMARC would break */
	int64_t personal; /* enum maillist_auto: a message of his own for each member; auto: those elsewhere */
	int64_t reply_to; /* enum maillist_reply */
	int64_t language;
	int64_t digests; /* members may have a daily one */
	int64_t digest_hour; /* of the day, in the server's zone */
	int64_t max_size; /* bytes of a post */
	int64_t sender_hour, list_hour; /* posts an hour by one author; of all */
	int64_t hold_days; /* a post waits for a moderator so long */
	int64_t bounce_score; /* bounces (soft ones count a quarter) until a member gets no more mail */
	int64_t bounce_days; /* in which one bounce is forgotten */
	int64_t enabled;
	slice subject_tag, footer, description;
	slice archive,
		archive_folder; /* the mailbox of an account (shared ones are such) in which posts are kept */
};
struct maillist {
	int64_t id, domain_id, created_at;
	slice address, name; /* canonical; for people */
	struct maillist_conf c;
};
int maillist_get(
	struct sql *directory, slice address, struct arena *a, struct maillist *ret, struct err *e);
int maillist_by_id(
	struct sql *directory, int64_t id, struct arena *a, struct maillist *ret, struct err *e);
/* ERR_EXISTS, ERR_PROTO (bad name), ERR_NOTFOUND (no such domain), ERR_LIMIT. Settings from l->c. */
int maillist_add(struct sql *directory, const struct maillist *l, int64_t *ret_id, struct err *e);
int maillist_save(
	struct sql *directory, const struct maillist *l, struct err *e); /* name and settings */
/* The list; its rows in the other databases: maillist_forget_tx, maillist_post_forget_tx. */
int maillist_remove(struct sql *directory, slice address, struct err *e);
/* By address, those behind `after`; of one domain, or all (0). */
int maillist_each(struct sql *directory, int64_t domain_id, slice after, size_t limit,
	struct arena *a, struct maillist **ret, size_t *ret_n, struct err *e);

/* What an address is to lists: 0 nothing, 1 found, -1. `address` is canonical. The exact address of a list, or one of those
 * that belong to it. */
enum maillist_part {
	MAILLIST_POST = 1,
	MAILLIST_REQUEST, /* commands */
	MAILLIST_SUBSCRIBE,
	MAILLIST_UNSUBSCRIBE,
	MAILLIST_LEAVE, /* one's own token */
	MAILLIST_CONFIRM,
	MAILLIST_DECIDE, /* a moderator's */
	MAILLIST_BOUNCES,
	MAILLIST_OWNER,
};
int maillist_find(struct sql *directory, slice address, int64_t *ret_id,
	enum maillist_part *ret_part, struct err *e);
/* "dev-bounces@here" of "dev@here"; token empty: without. */
slice maillist_part_address(slice list, enum maillist_part part, slice token, struct arena *a);
/* The token of such an address; empty: none. */
slice maillist_part_token(slice address);
/* Addresses of owners; of an -owner address what mail goes to. Postmaster of the domain when there is none. */
int maillist_owners(struct sql *directory, int64_t list_id, struct arena *a, slice **ret,
	size_t *ret_n, struct err *e);

/* ---- settings as texts (maillist_setting.c): command line, API, storage ---- */

enum maillist_type { MAILLIST_WORD, MAILLIST_INT, MAILLIST_SIZE, MAILLIST_TEXT };
struct maillist_setting {
	const char *key; /* "subject_tag"; options of the command line have - for _ */
	enum maillist_type type;
	size_t offset; /* in struct maillist_conf */
	int64_t least, most, usual; /* of numbers; of words: usual */
	const char *const *words; /* by value; NULL ends */
	const char *en, *zh;
};
extern const struct maillist_setting maillist_settings[];
extern const size_t maillist_settings_n;
void maillist_conf_usual(struct maillist_conf *c);
/* ERR_NOTFOUND: no such setting; ERR_PROTO: not a value of it. The text is borrowed. */
int maillist_conf_set(struct maillist_conf *c, slice key, slice value, struct err *e);
slice maillist_conf_get(
	const struct maillist_conf *c, const struct maillist_setting *s, struct arena *a);

/* ---- whom it consists of beside its members; who looks after it ---- */

enum { MAILLIST_SOURCE_LIST = 100 }; /* beside enum member_kind: GROUP, DEPARTMENT, ORG */
struct maillist_source {
	int kind;
	int64_t ref; /* id of the group, department, organisation or list */
	slice text; /* as people write it: "department:Sales/East", "org:NAME", "list:ADDRESS", "group:ADDRESS" */
};
int maillist_source_parse(struct sql *directory, const struct maillist *l, slice text,
	struct arena *a, struct maillist_source *ret, struct err *e);
/* ERR_PROTO: the list itself, or one that holds it already. */
int maillist_source_put(
	struct sql *directory, int64_t list_id, const struct maillist_source *s, struct err *e);
int maillist_source_take(
	struct sql *directory, int64_t list_id, const struct maillist_source *s, struct err *e);
int maillist_sources(struct sql *directory, int64_t list_id, struct arena *a,
	struct maillist_source **ret, size_t *ret_n, struct err *e);

enum maillist_role {
	MAILLIST_OWNER_ROLE = 1,
	MAILLIST_MODERATOR = 2,
	MAILLIST_SENDER = 4
}; /* bits, stored */
struct maillist_person {
	int64_t id; /* of the row: stands in links */
	slice address;
	unsigned roles;
};
const char *maillist_role_name(enum maillist_role r); /* "owner", "moderator", "sender" */
bool maillist_role_parse(slice s, enum maillist_role *ret);
/* Roles are added, or taken; without any the row goes. */
int maillist_role_put(
	struct sql *directory, int64_t list_id, slice address, unsigned roles, struct err *e);
int maillist_role_take(
	struct sql *directory, int64_t list_id, slice address, unsigned roles, struct err *e);
int maillist_people(struct sql *directory, int64_t list_id, struct arena *a,
	struct maillist_person **ret, size_t *ret_n, struct err *e);
/* Also by a link's row. ERR_NOTFOUND. */
int maillist_person_by_id(struct sql *directory, int64_t id, struct arena *a,
	struct maillist_person *ret, int64_t *ret_list, struct err *e);
int maillist_roles_of(struct sql *directory, int64_t list_id, slice address, unsigned *ret,
	struct err *e); /* 0 none */

/* ---- members ---- */

enum maillist_state { /* stored */
	MAILLIST_ACTIVE = 1,
	MAILLIST_NOMAIL = 2, /* may post, gets nothing: his wish */
	MAILLIST_BOUNCED = 3, /* gets nothing: his mail bounces */
	MAILLIST_LEFT = 4, /* in a department or list that is a source, but left this list */
};
struct maillist_member {
	int64_t id, list_id;
	slice address; /* canonical */
	slice name;
	enum maillist_state state;
	bool digest;
	bool own; /* joined or was added; else known by a source alone */
	int64_t joined_at;
	int64_t score; /* thousandths of a bounce, at bounced_at */
	int64_t bounced_at; /* the last one; 0 none */
	slice bounce; /* what it said */
	int64_t disabled_at; /* MAILLIST_BOUNCED since */
	int64_t probes, probed_at; /* sent since */
};
const char *maillist_state_name(enum maillist_state s);
int maillist_member_get(struct sql *lists, int64_t list_id, slice address, struct arena *a,
	struct maillist_member *ret, struct err *e);
int maillist_member_by_id(
	struct sql *lists, int64_t id, struct arena *a, struct maillist_member *ret, struct err *e);
/* By address, behind `after`. state 0: any. */
int maillist_members(struct sql *lists, int64_t list_id, slice after, int state, size_t limit,
	struct arena *a, struct maillist_member **ret, size_t *ret_n, struct err *e);
int maillist_count(
	struct sql *lists, int64_t list_id, uint64_t *ret_active, uint64_t *ret_all, struct err *e);
int maillist_has_digests(
	struct sql *lists, int64_t list_id, struct err *e); /* 1: somebody reads them, 0, -1 */
/* Joins, or (when there already) is active again: *ret_new. ERR_LIMIT: too many. */
int maillist_join_tx(struct sql *lists, int64_t list_id, slice address, slice name, int64_t now,
	bool *ret_new, struct err *e);
/* The same for many: *room is how many more the list may have (maillist_room), and counts down. */
int maillist_room(struct sql *lists, int64_t list_id, uint64_t *ret, struct err *e);
int maillist_join_within_tx(struct sql *lists, int64_t list_id, slice address, slice name,
	int64_t now, uint64_t *room, bool *ret_new, struct err *e);
/* An own member's row goes; where a source knows him (keep) it stays as MAILLIST_LEFT. ERR_NOTFOUND. */
int maillist_leave_tx(
	struct sql *lists, int64_t list_id, slice address, bool keep, int64_t now, struct err *e);
int maillist_wish_tx(
	struct sql *lists, int64_t id, enum maillist_state state, bool digest, struct err *e);
/* A row for somebody whom only a source knows, so that his mail can be told apart. Its id. */
int maillist_known_tx(struct sql *lists, int64_t list_id, slice address, int64_t now,
	int64_t *ret_id, struct err *e);
int maillist_forget_tx(
	struct sql *lists, int64_t list_id, struct err *e); /* all of a list that was removed */

/* ---- who gets a post ---- */

struct maillist_reader {
	slice address;
	int64_t member_id; /* 0: without a row */
	bool digest;
};
/* Everybody behind `after` in the order of addresses, once each, through all sources: at most `most`. *ret_next: where the next
 * call begins; *ret_more: whether there may be more. Both databases are only read. */
int maillist_readers(struct sql *lists, struct sql *directory, int64_t list_id, slice after,
	size_t most, struct arena *a, struct maillist_reader **ret, size_t *ret_n, slice *ret_next,
	bool *ret_more, struct err *e);
/* Is the address on the list, as a member or through a source (also NOMAIL and BOUNCED)? */
int maillist_has(struct sql *lists, struct sql *directory, int64_t list_id, slice address,
	bool *ret, struct err *e);

/* ---- bounces ---- */

enum {
	MAILLIST_BOUNCE_HARD = 1000,
	MAILLIST_BOUNCE_SOFT = 250,
	MAILLIST_PROBES_MAX = 3,
	MAILLIST_BOUNCE_TEXT_MAX = 300,
};
/* One bounce counts: at most one a day, older ones fade (conf). *ret_disabled: that was one too many. */
int maillist_bounce_tx(struct sql *lists, int64_t member_id, int64_t weight, slice text,
	const struct maillist_conf *c, int64_t now, bool *ret_disabled, struct err *e);
/* What is to be done about those whose mail bounced: next member to be probed, or whose probe came through, or who is given up. */
enum maillist_deed { MAILLIST_DO_PROBE = 1, MAILLIST_DO_ENABLE, MAILLIST_DO_REMOVE };
int maillist_bounced_next(struct sql *lists, int64_t now, struct arena *a,
	struct maillist_member *ret, enum maillist_deed *ret_deed, struct err *e); /* 1, 0, -1 */
int maillist_probed_tx(struct sql *lists, int64_t member_id, int64_t now, struct err *e);
int maillist_enable_tx(struct sql *lists, int64_t member_id, struct err *e);

/* ---- requests ---- */

enum maillist_want { MAILLIST_WANT_JOIN = 1, MAILLIST_WANT_LEAVE = 2 };
struct maillist_request {
	int64_t id, list_id;
	slice address, name;
	enum maillist_want want;
	bool confirmed; /* waits for a moderator; else for the confirmation */
	int64_t at, until, asked_at; /* asked_at: when the last letter went to him; 0 none */
};
/* One for each address and wish: *ret_ask says whether a letter is due (not within the hour, and
 * MAILLIST_LETTERS_HOUR of all lists). ERR_LIMIT. */
int maillist_request_tx(struct sql *lists, const struct maillist_request *r, int64_t *ret_id,
	bool *ret_ask, struct err *e);
int maillist_request_get(struct sql *lists, int64_t id, struct arena *a,
	struct maillist_request *ret, struct err *e);
int maillist_request_confirm_tx(struct sql *lists, int64_t id, int64_t until, struct err *e);
int maillist_request_done_tx(struct sql *lists, int64_t id, struct err *e);
int maillist_requests(struct sql *lists, int64_t list_id, bool confirmed, struct arena *a,
	struct maillist_request **ret, size_t *ret_n, struct err *e);
int maillist_requests_expire_tx(struct sql *lists, int64_t now, struct err *e);

/* ---- posts under way, in the queue's database ---- */

/* Was this recipient (a post to a list) handled to its end? 1, 0, -1. */
int maillist_done(struct sql *queue, msg_id id, int32_t idx, struct err *e);
int maillist_done_tx(struct sql *queue, msg_id id, int32_t idx, struct err *e);
/* How far a post was sent out: the last address; empty: not begun. *ret_done: to its end. */
int maillist_cursor(struct sql *queue, msg_id id, struct arena *a, slice *ret, uint64_t *ret_n,
	bool *ret_done, struct err *e);
/* In the transaction that queues the messages. ERR_EXISTS: `from` is not where it stands (somebody else was there). */
int maillist_cursor_tx(
	struct sql *queue, msg_id id, slice from, slice to, uint64_t n, bool done, struct err *e);
/* Marks and cursors whose message has left. */
int maillist_sweep_tx(struct sql *queue, struct err *e);

/* The same Message-ID on the same list by another message within a week? 1, 0, -1. Notes it, and whose post it was. */
int maillist_seen_tx(struct sql *queue, int64_t list_id, slice message_id, slice author, msg_id id,
	int64_t now, struct err *e);
/* Posts within the hour before now: by the author, of all. */
int maillist_posts(struct sql *queue, int64_t list_id, slice author, int64_t now,
	uint64_t *ret_author, uint64_t *ret_all, struct err *e);

enum maillist_verdict {
	MAILLIST_WAITS,
	MAILLIST_APPROVED,
	MAILLIST_REJECTED,
	MAILLIST_DISCARDED,
	MAILLIST_EXPIRED
};
struct maillist_held { /* a post that waits for a moderator; the message is held in the queue */
	msg_id id;
	int32_t idx;
	int64_t list_id;
	slice author, subject, reason;
	bool proven; /* the author: he may be told what becomes of it */
	int64_t at, until;
	enum maillist_verdict verdict;
	slice by; /* who decided */
};
/* Already there: nothing changes. ERR_LIMIT: MAILLIST_HELD_MAX wait. */
int maillist_hold_tx(struct sql *queue, const struct maillist_held *h, struct err *e);
int maillist_held_get(struct sql *queue, msg_id id, int32_t idx, struct arena *a,
	struct maillist_held *ret, struct err *e);
int maillist_held(struct sql *queue, int64_t list_id, struct arena *a, struct maillist_held **ret,
	size_t *ret_n, struct err *e); /* those that wait; 0: of all lists */
/* Decides, and lets the message go on in the queue. ERR_EXISTS: decided already; ERR_NOTFOUND. */
int maillist_decide_tx(struct sql *queue, msg_id id, int32_t idx, enum maillist_verdict v, slice by,
	struct err *e);
int maillist_held_end_tx(struct sql *queue, msg_id id, int32_t idx, struct err *e);
int maillist_held_expire_tx(struct sql *queue, int64_t now, uint64_t *ret_n, struct err *e);
/* Lists with posts that their moderators do not know of, if the last telling is older than `quiet` (usec). */
int maillist_untold(struct sql *queue, int64_t now, int64_t quiet, int64_t *ret, size_t most,
	size_t *ret_n, struct err *e);
int maillist_told_tx(struct sql *queue, int64_t list_id, int64_t now, struct err *e);

/* Posts that wait for a digest: messages that are held in the queue. */
struct maillist_item {
	msg_id id;
	int64_t at;
};
int maillist_digest_add_tx(
	struct sql *queue, int64_t list_id, msg_id id, int64_t now, struct err *e);
int maillist_digest_items(struct sql *queue, int64_t list_id, struct arena *a,
	struct maillist_item **ret, size_t *ret_n, struct err *e);
/* Takes items out, up to `last`, and counts the issue. */
int maillist_digest_sent_tx(struct sql *queue, int64_t list_id, const struct maillist_item *v,
	size_t n, int64_t now, struct err *e);
/* Lists with items; when the last digest was sent, and its number. */
struct maillist_digest_due {
	int64_t list_id, sent_at, first_at, issue;
};
int maillist_digests(struct sql *queue, struct arena *a, struct maillist_digest_due **ret,
	size_t *ret_n, struct err *e);
int maillist_digest_ask_tx(
	struct sql *queue, int64_t list_id, struct err *e); /* the next one is due now */
int maillist_post_forget_tx(struct sql *queue, int64_t list_id, struct err *e);
