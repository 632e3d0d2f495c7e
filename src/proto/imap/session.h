/*
 * session: what the files of proto/imap share. A command is a function of the table in command.c; it reads its arguments, does its work, writes
 * untagged answers and ends with one imap_ok/imap_no/imap_bad, which is the tagged one.
 */
#pragma once
#include "proto/imap/imap.h"
#include "proto/imap/reader.h"

enum imap_state { IMAP_NOT_AUTHENTICATED = 1, IMAP_AUTHENTICATED = 2, IMAP_SELECTED = 4, IMAP_ANY = 7, IMAP_LOGGED_IN = 6 };
enum imap_enabled { IMAP_CONDSTORE = 1, IMAP_QRESYNC = 2, IMAP_UTF8 = 4, IMAP_REV2 = 8, IMAP_UIDONLY = 16 };

struct imap {
	struct io *io;
	const struct imap_service *service;
	const struct imap_ops *ops;
	void *arg;
	struct imap_hub *hub;
	struct list all;
	struct co *co;
	enum imap_state state;
	unsigned enabled; /* enum imap_enabled */
	slice tag; /* of the command being worked on */
	struct arena mem; /* of the command; reset after it */
	struct imap_reader in;
	struct box_user *user;
	struct box_view *view; /* selected */
	struct uidset saved; /* SEARCHRES "$", UIDs */
	struct imap_notify *notify; /* notify.c; NULL: none */
	bool ending, compressed;
	struct imap_summary summary;
	/* bytes of the current command's UID form */
	bool uid; /* the command came as UID FETCH ... */
};

typedef void (*imap_fn)(struct imap *s);
struct imap_command {
	const char *name;
	unsigned allowed_in; /* enum imap_state */
	unsigned flags; /* IMAP_NO_EXPUNGE ... */
	imap_fn run;
};
/* During these no EXPUNGE may be told (RFC 9051 7.5.1): not the UID forms. */
enum { IMAP_NO_EXPUNGE = 1 };

/* Tagged ends. `code`: "TRYCREATE", "COPYUID 1 2 3", or NULL. What happened in the selected folder is told before. */
void imap_ok(struct imap *s, const char *code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void imap_no(struct imap *s, const char *code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void imap_bad(struct imap *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void imap_fail(struct imap *s, const struct err *e); /* NO with the response code (RFC 5530) that fits the kind */
/* The reader's complaint as tagged BAD; always false: `if (!imap_end(&s->in)) { imap_complain(s); return; }` */
void imap_complain(struct imap *s);

/* Writing values. */
void imap_put(struct imap *s, slice raw);
void imap_printf(struct imap *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void imap_put_string(struct imap *s, slice v); /* quoted or literal; p == NULL: NIL */
void imap_put_astring(struct imap *s, slice v);
void imap_put_mailbox(struct imap *s, slice utf8); /* mUTF-7 unless UTF8=ACCEPT or rev2 is enabled */
void imap_put_flags(struct imap *s, const struct mailbox_message *m); /* "(\Seen $Junk)", with \Recent for rev1 */
void imap_put_set(struct imap *s, const struct uidset *u);

/* UIDs of the view that a set text means: numbers are UIDs when s->uid, else sequence numbers (out of range: bad). "$": s->saved. False: BAD was said. */
bool imap_resolve(struct imap *s, slice text, struct uidset *ret_uids);
uint32_t imap_number_of(struct imap *s, uint32_t uid); /* sequence number in the view */

/* Untagged EXPUNGE/VANISHED, EXISTS, RECENT, FETCH of what happened (box_sync). Called before the tagged end, by IDLE and NOTIFY. */
void imap_tell_news(struct imap *s, bool expunges);

/* fetch.c: one untagged FETCH with flags (and UID, MODSEQ as enabled): for STORE and news. */
void imap_put_fetch_flags(struct imap *s, const struct mailbox_message *m, bool with_uid);

/* Commands, by file. */
void imap_cmd_login(struct imap *s); /* ... each file's are declared below by its owner */
