/*
 * mbox: files that hold letters one after another, each behind a line "From sender date" (RFC 4155 and the older kinds: mboxo, mboxrd, mboxcl, mboxcl2).
 * Bytes are given as they are read, letters come out; of memory it takes one letter's.
 *
 * A letter ends where an empty line and then a "From " line with a time stand. A Content-Length: field is believed when at its end such a line (or
 * the end of the file) stands; then lines inside that begin with "From " are the letter's own. Fields in which mail programs keep their notes
 * (Status, X-Status, X-Keywords, X-UID, X-IMAP, X-IMAPbase, X-Mozilla-*, Content-Length) are read and left out.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum mbox_flag {
	MBOX_SEEN = 1,
	MBOX_ANSWERED = 2,
	MBOX_FLAGGED = 4,
	MBOX_DELETED = 8,
	MBOX_DRAFT = 16
};

enum mbox_quoting {
	MBOX_RD, /* ">From " and ">>From " lose one ">" */
	MBOX_O, /* only ">From " does */
	MBOX_AS_IS, /* nothing is quoted */
};

struct mbox_letter { /* valid during the call */
	slice head, rest; /* its bytes: one behind the other; lines end as in the file */
	uint64_t at; /* where its "From " line stands in the file */
	int64_t received_at; /* usec; 0: the line does not tell */
	unsigned flags;
	slice keywords; /* separated by blanks */
	bool noted; /* flags and keywords are told */
	bool expunged; /* its program only waits with taking it out */
	bool too_large; /* larger than the limit: head and rest are empty */
};
/* false: no more, please. */
typedef bool (*mbox_fn)(void *arg, const struct mbox_letter *l);

struct mbox {
	enum mbox_quoting quoting;
	mbox_fn fn;
	void *arg;
	/* Of the implementation. */
	struct buf line; /* begun, its end is to come */
	struct buf raw; /* the letter, from behind its "From " line */
	struct arena mem; /* of the letter */
	char from[200]; /* its line */
	size_t from_n;
	uint64_t read, at; /* bytes of whole lines; where the letter begins */
	size_t head_n,
		candidate; /* of raw: its header; the first "From " line inside that might be one (0: none) */
	uint64_t hint_end; /* of raw: by Content-Length; 0: none */
	unsigned hints_wrong;
	bool begun, in_head, blank, in_line, skipping, at_hint, no_hint, stopped;
};
void mbox_init(struct mbox *m, size_t letter_max, enum mbox_quoting q, mbox_fn fn, void *arg);
void mbox_done(struct mbox *m);
static inline void auto_mbox(struct mbox *m)
{
	mbox_done(m);
}
/* False: fn said so. */
bool mbox_bytes(struct mbox *m, slice bytes);
/* The end of the file. False: fn said no, or there was nothing in it that is a letter (m->begun). */
bool mbox_end(struct mbox *m);

/* Does a file begin like one? From its first bytes. */
bool mbox_looks_so(slice start);

/* ---- writing ---- */

struct mbox_note { /* what goes with a letter */
	int64_t received_at;
	unsigned flags;
	slice keywords, sender; /* sender: for the "From " line; empty: MAILER-DAEMON */
};
/* The "From " line and the fields of notes, mboxrd. cut: the letter's last line has no end, and gets one. */
void mbox_put_begin(struct buf *out, const struct mbox_note *n, bool cut);
/* Lines, whole ones (or the last): quoted; with CRLF made LF unless `as_is`. */
void mbox_put_lines(struct buf *out, slice lines, bool as_is);
