/*
 * import: mail that moves in from elsewhere: from files (mbox, Maildir, eml, zip), from other servers (IMAP, POP3). One place that puts
 * a letter with its flags, keywords and dates into a folder of an account once, however often the source is read again. So a pass
 * that was interrupted goes on, and a repeated one copies only what is new and changes only what changed.
 *
 * What was taken from where is kept beside the mail itself, in the account's shard (store/moved.h), and written in the transaction that makes
 * the message: a process that is killed at any instruction leaves both or neither, so nothing is ever taken twice.
 *
 * A `source` is a thing that is imported into one account: "imap:ann@old.example:993", "maildir:/srv/old/ann". A `box` is a folder of it.
 * Messages are known by `key` within box and epoch (UIDVALIDITY): an IMAP UID, a Maildir's unique name, a POP3 UIDL, else the SHA-256 of the
 * bytes (with "#2" behind it for the second one that is the same, if both are to come). When a box gets another epoch, messages are known again
 * by their bytes.
 *
 * Everything runs in a coroutine (a command runs a loop of its own); one coroutine at a time uses one `importing`.
 *
 *	import.c	opening, boxes		import_message.c	messages, flags, what went
 *	import_verify.c	comparing, the report	import_date.c		when a message without a date came
 *	import_file.c	eml, mbox, Maildir(++)	import_zip.c
 *	export.c	out: Maildir, mbox, eml, zip
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "store/mailbox.h"

struct boxes;
struct box_user;
struct importing;

enum {
	IMPORT_SOURCE_MAX = 500, /* bytes of a source's name */
	IMPORT_KEY_MAX = 512, /* bytes of a key */
	IMPORT_BOX_MAX = 2000000, /* messages of one box */
	IMPORT_REFUSED_MAX = 10000, /* lines of the report */
	IMPORT_WHY_MAX = 300,
	IMPORT_BATCH = 64, /* messages of one transaction */
	IMPORT_BATCH_BYTES = 8 << 20,
};

struct import_options {
	bool delete_gone; /* what left the source leaves here too, if it came from it and was neither moved nor changed here */
	bool flags; /* later changes of flags at the source are made here: what was set there is set, what was taken away is taken away */
	bool dry_run; /* tell what would be done; nothing is written */
	bool verify; /* compare with the source's bytes what is here already (import_known says 2) */
	slice into; /* folder below which all goes; empty: the same names */
	uint64_t
		max_message; /* bytes; larger ones are told in the report. 0: what the mailbox takes */
	int64_t bytes_per_second; /* throttle; 0: none */
};
/* A source of an account. ERR_EXISTS: another process imports it now; ERR_PROTO: a name too long. `u` and `b` outlive it. */
int import_open(struct boxes *b, struct box_user *u, slice source, const struct import_options *o,
	struct importing **ret, struct err *e);
void import_close(
	struct importing *i); /* NULL is fine; what was not flushed comes with the next pass */
/* What was told so far becomes durable. import_box_end does it, too. */
int import_flush(struct importing *i, struct err *e);

/* ---- a folder of the source: begin, then messages, then end ---- */

struct import_box {
	slice path; /* UTF-8, "/" between levels: where it goes here. A name that cannot be one here is mended */
	slice name; /* at the source, as it spells it: the key */
	uint64_t epoch; /* UIDVALIDITY; 0: none */
	enum mailbox_use
		use; /* goes to the folder that has this use here, if there is one (not with `into`) */
	bool subscribed;
};
/* What is known of it from the last complete pass. */
struct import_known_box {
	uint64_t epoch, modseq; /* as import_box_end was told; 0: no complete pass in this epoch */
	uint64_t
		messages; /* told then, and all of them were taken; UINT64_MAX: some were refused */
	uint64_t keys; /* that are here now */
};
int import_box_begin(struct importing *i, const struct import_box *b, struct import_known_box *ret,
	struct err *e);
/* Is this one here? 1: yes, with *ret_flags as the source had them last (import_flags looks by itself); 2: yes, and its bytes are to
 * come for comparison (begin, bytes, end); 0: it is to be brought; -1. */
int import_known(struct importing *i, slice key, unsigned *ret_flags, struct err *e);
/* Since when a known one is here (wall); 0: not here any more, or not durable yet. */
int import_since(struct importing *i, slice key, int64_t *ret, struct err *e);
struct import_message {
	slice key;
	unsigned flags; /* enum mailbox_flag */
	slice keywords; /* separated by blanks; those that cannot be kept here are left out (report: `mended`) */
	int64_t received_at; /* INTERNALDATE, usec; 0: from its newest Received:, else Date:, else now */
	uint64_t size; /* when known, else 0 */
};
/* 0: bytes follow in pieces, then end. 1: do not bring it (dry run; counted). -1: ERR_LIMIT, ERR_QUOTA: too large, no room: noted in the report, go on
 * with the next; others: give up. A message with bare LF gets CRLF (the report counts them); NUL bytes stay. After -1 of begin, bytes or end the message is
 * dropped already. */
int import_message_begin(struct importing *i, const struct import_message *m, struct err *e);
int import_message_bytes(struct importing *i, slice bytes, struct err *e);
int import_message_end(struct importing *i, struct err *e);
/* The message of this key went another way (through the filter), or is not to be asked for again: it counts as known from now on. Durable. */
int import_taken(struct importing *i, slice key, uint64_t size, bool copied, struct err *e);
void import_message_drop(struct importing *i); /* the source broke off */
/* This one cannot be had from the source: a line of the report. */
int import_message_refused(struct importing *i, slice key, slice why, struct err *e);
/* A folder that cannot be read there: a line of the report, without import_box_begin. */
int import_folder_refused(struct importing *i, slice box, slice why, struct err *e);
/* Of a known one: cheap when they are as last time. */
int import_flags(struct importing *i, slice key, unsigned flags, slice keywords, struct err *e);
/* complete: all keys of the source's folder were told (import_known): what was not among them has gone there. modseq: RFC 7162's, for the next
 * pass; 0: none. After import_box_unchanged nothing but this. */
int import_box_end(struct importing *i, bool complete, uint64_t modseq, struct err *e);
/* The source says that nothing changed since (modseq, number of messages): all keys count as told. */
void import_box_unchanged(struct importing *i);
/* Ends it after an error: what is under way is dropped, the box may be begun again. */
void import_box_abandon(struct importing *i);

/* When a message came, as its header says (usec); 0: it does not. */
int64_t import_date(slice head);

/* ---- the report ---- */

struct import_report {
	uint64_t boxes, messages, bytes; /* at the source; bytes of messages that were brought */
	uint64_t copied, present, flagged, gone, refused;
	uint64_t mended; /* came with bare LF, or keywords that cannot be kept */
	uint64_t missing,
		different; /* verify: not here (also: deleted here since), or not the same bytes */
	uint64_t verified; /* the same, byte for byte */
};
void import_report(const struct importing *i, struct import_report *ret);
/* What could not be taken in the last pass: one line each (box, key, why), in order, at most IMPORT_REFUSED_MAX. False of fn ends it. */
int import_refused(struct importing *i, bool (*fn)(void *arg, slice box, slice key, slice why),
	void *arg, struct err *e);
/* Is all that was taken from the source here, with the bytes that came (SHA-256)? Fills verified, missing and different, with a line each in the report. */
int import_verify(struct importing *i, struct err *e);
