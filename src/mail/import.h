/*
 * import: mail that moves in from elsewhere: from files (mbox, Maildir, eml, zip, PST), from other servers (IMAP, POP3). One place that puts
 * a letter with its flags, keywords and dates into a folder of an account once, however often the source is read again. What was
 * taken from where is kept in DATA/db/import.sqlite: so a pass that was interrupted goes on, and a repeated one copies only what is new and
 * changes only what changed (flags; messages that moved or went at the source, when asked for).
 *
 * A `source` is a thing that is imported into one account: "imap:ann@old.example:993", "maildir:/srv/old/ann". A `box` is a folder of it.
 * Messages are known by `key` within box and epoch (UIDVALIDITY): an IMAP UID, a Maildir's unique name, a POP3 UIDL, else the SHA-256 of the bytes.
 *
 *	import.c	what is below		import_state.c	import.sqlite
 *	import_file.c	eml, mbox, Maildir(++)	import_zip.c, import_pst.c
 *	export.c	out: Maildir, mbox, eml, zip
 *	import_report.c	counts, hashes, differences; the report
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "store/mailbox.h"

struct boxes;
struct box_user;
struct importing;

struct import_options {
	bool delete_gone; /* what left the source leaves here too, if it came from it and was not changed here */
	bool flags; /* later changes of flags at the source are made here (unless they were changed here since) */
	bool dry_run; /* tell what would be done */
	slice into; /* folder below which all goes; empty: the same names */
	uint64_t max_message; /* bytes; larger ones are told in the report */
	int64_t bytes_per_second; /* throttle; 0: none */
};
/* A source of an account. Blocks: in the pool, or in a command. ERR_EXISTS: another process imports it now. */
int import_open(struct boxes *b, struct box_user *u, slice data, slice source, const struct import_options *o, struct importing **ret, struct err *e);
void import_close(struct importing *i); /* NULL is fine; what was done stays done */

/* ---- a folder of the source: begin, then messages, then end ---- */

struct import_box {
	slice path; /* UTF-8, "/" between levels: where it goes here */
	slice name; /* at the source, as it spells it: the key */
	uint64_t epoch; /* UIDVALIDITY; 0: none */
	enum mailbox_use use;
	bool subscribed;
};
int import_box_begin(struct importing *i, const struct import_box *b, struct err *e);
/* Is this one here? 1: yes, with *ret_flags as the source had them last; 0: it is to be brought; -1. */
int import_known(struct importing *i, slice key, unsigned *ret_flags, struct err *e);
struct import_message {
	slice key;
	unsigned flags;
	slice keywords; /* separated by blanks */
	int64_t received_at; /* INTERNALDATE, usec; 0: from its newest Received:, else Date:, else now */
	uint64_t size; /* when known, else 0 */
};
/* Bytes follow in pieces; then done. A message with bare LF gets CRLF (the report counts them); NUL bytes stay. ERR_LIMIT, ERR_QUOTA: told in the report, go on with the next. */
int import_message_begin(struct importing *i, const struct import_message *m, struct err *e);
int import_message_bytes(struct importing *i, slice bytes, struct err *e);
int import_message_end(struct importing *i, struct err *e);
void import_message_drop(struct importing *i); /* the source broke off */
/* Known, and its flags differ from last time. */
int import_flags(struct importing *i, slice key, unsigned flags, slice keywords, struct err *e);
/* All keys of the source's folder were told: what was not among them has gone there. */
int import_box_end(struct importing *i, bool complete, struct err *e);

/* ---- the report ---- */

struct import_report {
	uint64_t boxes, messages, bytes; /* at the source */
	uint64_t copied, present, flagged, gone, refused, mended;
	uint64_t missing, different; /* verify: not here, or not the same bytes */
};
void import_report(const struct importing *i, struct import_report *ret);
/* What could not be taken: one line each (box, key, why), in order, at most 10,000. */
int import_refused(struct importing *i, bool (*fn)(void *arg, slice box, slice key, slice why), void *arg, struct err *e);
/* Is all that was told by the source here, byte for byte (hash) and with its flags? Fills missing and different. */
int import_verify(struct importing *i, struct err *e);
