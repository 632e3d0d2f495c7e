/*
 * session: what the files of proto/imap share. A command is a function of the table in command.c; it reads its arguments,
 * does its work, writes untagged answers and ends with exactly one of imap_ok, imap_no, imap_bad, imap_fail, imap_complain:
 * the tagged answer.
 */
#pragma once
#include "proto/imap/imap.h"
#include "proto/imap/reader.h"
#include "run/co.h"

enum imap_state {
	IMAP_NOT_AUTHENTICATED = 1,
	IMAP_AUTHENTICATED = 2,
	IMAP_SELECTED = 4,
	IMAP_LOGGED_IN = 6,
	IMAP_ANY = 7,
};
enum imap_enabled {
	IMAP_CONDSTORE =
		1, /* FETCH answers tell MODSEQ; also by commands that say so (RFC 7162 3.1) */
	IMAP_QRESYNC = 2, /* VANISHED instead of EXPUNGE */
	IMAP_UTF8 = 4,
	IMAP_REV2 = 8, /* no RECENT; ESEARCH answers to SEARCH; names in UTF-8 */
	IMAP_UIDONLY = 16, /* sequence numbers are bad; UIDFETCH, VANISHED */
};
enum imap_command_flag {
	IMAP_NO_EXPUNGE =
		1, /* while it runs no EXPUNGE may be told (RFC 9051 7.5.1), unless it came as UID ... */
	IMAP_UID_FORM = 2, /* may come as UID ... */
	IMAP_ONLY_UID = 4, /* ... and only so */
	IMAP_NUMBERS = 8, /* its plain form speaks of sequence numbers: bad under UIDONLY */
	IMAP_QUIET = 16, /* nothing is told before its end: LOGOUT, STARTTLS, CLOSE ... */
	IMAP_CHANGES = 32, /* its answer are news of the selected folder, whatever NOTIFY says */
};

struct imap;
typedef void (*imap_fn)(struct imap *s);
struct imap_command {
	const char *name; /* upper case */
	unsigned allowed_in; /* enum imap_state */
	unsigned flags; /* enum imap_command_flag */
	imap_fn run;
};

struct imap_notify;
struct imap {
	struct io *io;
	const struct imap_service *service;
	const struct session_ops *ops;
	void *arg;
	struct imap_hub *hub;
	struct list all; /* in the hub */
	struct co *co;
	enum imap_state state;
	unsigned enabled; /* enum imap_enabled */
	const struct imap_command *command; /* being worked on, or NULL */
	slice tag; /* of it */
	bool uid; /* it came as UID FETCH ... */
	bool answered; /* its tagged answer was given */
	bool tls, compressed;
	bool ending; /* after this command the session is over */
	bool lost; /* writing failed: who writes much looks at it and stops */
	bool waiting; /* for a command, in IDLE: a drain may cancel */
	bool idling; /* in IDLE */
	struct arena mem; /* of the command; reset after it */
	struct imap_reader in;
	unsigned bad_commands, login_failures;
	struct box_user *user;
	struct box_view *view; /* selected */
	struct buf keywords; /* that FLAGS has told of the view, separated by blanks */
	struct uidset saved; /* SEARCHRES "$": UIDs */
	struct imap_told *
		told; /* in mem: what this command changed itself and need not be told again; NULL when it begins */
	struct imap_fresh *
		fresh; /* likewise; what FETCH told of messages that others have changed meanwhile */
	const struct uidset *made; /* messages that this command has put into the view, or NULL */
	struct imap_notify *notify; /* notify.c; NULL: NOTIFY was not said yet */
	struct box_watch *watch; /* idle.c: while somebody wants to hear of changes */
	bool news; /* and there may be some */
	struct session_summary summary;
};

/* Tagged ends. `code`: "TRYCREATE", "COPYUID 1 2 3", or NULL. What happened in the selected folder is told before. */
void imap_ok(struct imap *s, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void imap_no(struct imap *s, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void imap_bad(struct imap *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void imap_bad_code(struct imap *s, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* NO with the response code (RFC 5530) that fits the kind. */
void imap_fail(struct imap *s, const struct err *e);
/* The reader's complaint: BAD, or NO [LIMIT]. */
void imap_complain(struct imap *s);
/* An untagged "* BYE ..."; the session ends after this command. */
void imap_bye(struct imap *s, const char *end, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Writing. Errors need not be looked at: s->lost. */
void imap_put(struct imap *s, slice raw);
static inline void imap_putz(struct imap *s, const char *z)
{
	imap_put(s, slice_z(z));
}
void imap_printf(struct imap *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void imap_put_number(struct imap *s, uint64_t n);
/* Quoted, or a literal where it must be (8-bit without UTF8=ACCEPT or rev2, CR, LF, very long); p == NULL: NIL; NUL becomes "?". */
void imap_put_string(struct imap *s, slice v);
void imap_put_astring(struct imap *s, slice v); /* as an atom where it can be */
void imap_put_mailbox(struct imap *s, slice utf8); /* mUTF-7 unless s->in.utf8 */
/* "(\Seen $Junk)", with \Recent for those of the view that are (not for rev2). */
void imap_put_flags(struct imap *s, const struct mailbox_message *m);
void imap_put_set(struct imap *s, const struct uidset *u); /* "1:3,7"; nothing when empty */
slice imap_print_set(
	struct arena *a, const struct uidset *u); /* the same as text, for response codes */
void imap_put_date_time(struct imap *s, int64_t usec); /* quoted, UTC */

/* UIDs of the view that a set text means: numbers are UIDs when s->uid, else sequence numbers (one that is out of range is bad).
 * "$": s->saved. False: the tagged answer was given. */
bool imap_resolve(struct imap *s, slice text, struct uidset *ret_uids);
/* Likewise with the numbers being UIDs, whatever s->uid is; those not in the view, too, but none above `star` by "*":
 * for QRESYNC's known UIDs and SEARCH UID. */
bool imap_parse_set(slice text, uint32_t star, struct uidset *ret);
uint32_t imap_number_of(struct imap *s, uint32_t uid); /* sequence number in the view */
static inline bool imap_has(const struct imap *s, unsigned enabled)
{
	return (s->enabled & enabled) != 0;
}

/* tell.c: untagged EXPUNGE or VANISHED, EXISTS, RECENT, FETCH of what happened (box_sync). By imap_ok and its like, IDLE, NOTIFY. */
void imap_tell_news(struct imap *s, bool expunges);
/* store.c: these were changed to this modseq by the command itself, which has told so, or was asked not to tell (.SILENT). */
void imap_tell_not(struct imap *s, const struct uidset *uids, uint64_t modseq);
/* fetch.c: flags (and modseq) of this one are told as they are now. In the order of UIDs. */
void imap_tell_not_again(struct imap *s, const struct mailbox_message *m);
/* For tell.c: leave this one out. */
bool imap_was_told(const struct imap *s, const struct mailbox_message *m);
/* "* VANISHED (EARLIER) ..."; nothing when empty. */
void imap_tell_vanished(struct imap *s, const struct uidset *u, bool earlier);
/* One "* n FETCH (UID u MODSEQ (m) FLAGS (...))" (or UIDFETCH): UID when with_uid, QRESYNC, UIDONLY; MODSEQ as enabled. */
void imap_put_fetch_flags(struct imap *s, const struct mailbox_message *m, bool with_uid);
void imap_tell_exists(struct imap *s); /* "* n EXISTS", and RECENT */
/* If the message has a keyword that FLAGS has not told yet: FLAGS, PERMANENTFLAGS. */
void imap_tell_keywords(struct imap *s, const struct mailbox_message *m);
void imap_know_keywords(struct imap *s, slice keywords);
/* CONDSTORE is enabled by a command that uses it: tells HIGHESTMODSEQ if something is selected (RFC 7162 3.1.10). */
void imap_use_condstore(struct imap *s);

/* idle.c */
/* Waits for input until `deadline`, and meanwhile tells what happens to who wants to hear it (IDLE: s->idling; NOTIFY). False: the
 * stream is over, or it is time (s->in.why). */
bool imap_wait(struct imap *s, instant deadline);
/* Hears of changes of these accounts; n == 0: of none any more. */
void imap_watch(struct imap *s, const int64_t *accounts, size_t n);
/* The session's memory while it only waits: as little as there can be. */
void imap_rest(struct imap *s);

/* imap.c, command.c */
bool imap_start_tls(struct imap *s); /* false: the session ends */
void imap_dispatch(struct imap *s); /* the command whose first line was read */
bool imap_mech_offered(const struct imap *s, slice mech); /* login.c */

/* select.c */
void imap_close_view(struct imap *s); /* nothing selected any more; nothing is told */
void imap_tell_flags(struct imap *s, const slice *keywords, size_t n); /* FLAGS, PERMANENTFLAGS */
uint64_t imap_highest_modseq(const struct box_view *v);
slice imap_mailbox_id(struct arena *a, const struct box_folder *f); /* RFC 8474 */
/* capability.c: "IMAP4rev2 IMAP4rev1 ..." as it is now. */
void imap_put_capabilities(struct imap *s);
/* list_status.c: "* STATUS name (...)" for LIST-STATUS and NOTIFY. */
enum imap_status_item {
	IMAP_STATUS_MESSAGES = 1,
	IMAP_STATUS_RECENT = 2,
	IMAP_STATUS_UIDNEXT = 4,
	IMAP_STATUS_UIDVALIDITY = 8,
	IMAP_STATUS_UNSEEN = 16,
	IMAP_STATUS_DELETED = 32,
	IMAP_STATUS_SIZE = 64,
	IMAP_STATUS_MODSEQ = 128,
	IMAP_STATUS_MAILBOXID = 256,
	IMAP_STATUS_APPENDLIMIT = 512,
	IMAP_STATUS_DELETED_STORAGE = 1024,
};
bool imap_status_items(struct imap_reader *r, unsigned *ret); /* "(MESSAGES UIDNEXT)" */
void imap_put_status(struct imap *s, const struct box_folder *f, unsigned items);
const char *imap_use_name(enum mailbox_use use); /* "\Sent", or NULL */
void imap_put_myrights(struct imap *s, const struct box_folder *f); /* rights.c */
/* metadata.c: "* METADATA name (entry value ...)" of these entries, those that are there. */
void imap_put_metadata(struct imap *s, slice name, const slice *entries, size_t n);

/* ---- commands, by file ---- */

/* login.c, misc.c, capability.c */
void imap_cmd_capability(struct imap *s);
void imap_cmd_noop(struct imap *s);
void imap_cmd_logout(struct imap *s);
void imap_cmd_starttls(struct imap *s);
void imap_cmd_login(struct imap *s);
void imap_cmd_authenticate(struct imap *s);
void imap_cmd_enable(struct imap *s);
void imap_cmd_id(struct imap *s);
void imap_cmd_compress(struct imap *s);
/* folder.c, select.c */
void imap_cmd_create(struct imap *s);
void imap_cmd_delete(struct imap *s);
void imap_cmd_rename(struct imap *s);
void imap_cmd_subscribe(struct imap *s);
void imap_cmd_unsubscribe(struct imap *s);
void imap_cmd_select(struct imap *s);
void imap_cmd_examine(struct imap *s);
void imap_cmd_close(struct imap *s);
void imap_cmd_unselect(struct imap *s);
/* list*.c */
void imap_cmd_list(struct imap *s);
void imap_cmd_lsub(struct imap *s);
void imap_cmd_status(struct imap *s);
void imap_cmd_namespace(struct imap *s);
/* rights.c, metadata.c */
void imap_cmd_getacl(struct imap *s);
void imap_cmd_setacl(struct imap *s);
void imap_cmd_deleteacl(struct imap *s);
void imap_cmd_listrights(struct imap *s);
void imap_cmd_myrights(struct imap *s);
void imap_cmd_getquota(struct imap *s);
void imap_cmd_getquotaroot(struct imap *s);
void imap_cmd_setquota(struct imap *s);
void imap_cmd_getmetadata(struct imap *s);
void imap_cmd_setmetadata(struct imap *s);
/* idle.c, notify.c */
void imap_cmd_idle(struct imap *s);
void imap_cmd_notify(struct imap *s);
void imap_notify_free(struct imap_notify *n); /* NULL is fine */
void imap_notify_tell(struct imap *s); /* what was asked for and happened */
/* Does the client want to hear of messages of the selected folder that come and leave, of their flags? */
bool imap_hears_messages(const struct imap *s);
bool imap_hears_flags(const struct imap *s);
/* These came to the selected folder: what was asked for of new messages. */
void imap_notify_came(struct imap *s, const uint32_t *uids, size_t n);
/* This session did it itself and need not be told (RFC 5465 5). */
enum imap_notify_mine { IMAP_MINE_NAME, IMAP_MINE_SUBSCRIPTION, IMAP_MINE_METADATA };
void imap_notify_mine(struct imap *s, enum imap_notify_mine what, slice folder, slice entry);
/* fetch.c, store.c, copy.c */
void imap_cmd_fetch(struct imap *s);
void imap_cmd_store(struct imap *s);
void imap_cmd_expunge(struct imap *s);
void imap_cmd_copy(struct imap *s);
void imap_cmd_move(struct imap *s);
/* append.c */
void imap_cmd_append(struct imap *s);
void imap_cmd_replace(struct imap *s);
/* fetch.c, for NOTIFY: items as FETCH has them; can they be read? Of messages that came: UID and these. */
bool imap_fetch_check(struct imap *s, slice items);
void imap_fetch_new(struct imap *s, slice items, const struct uidset *uids);
/* search.c, sort.c, thread.c */
void imap_cmd_search(struct imap *s);
void imap_cmd_sort(struct imap *s);
void imap_cmd_thread(struct imap *s);
/* The limit on messages of one command (RFC 9738): keeps the highest of them. True: some were dropped. */
bool imap_limit_messages(struct imap *s, struct uidset *u);
