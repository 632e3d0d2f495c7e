/*
 * fetch: what the files of FETCH share (RFC 9051 6.4.5 and its extensions).
 *
 *	fetch.c			the command: which messages, in pieces; \Seen; its end
 *	fetch_args.c		items and modifiers
 *	fetch_body.c		bytes of messages: BODY[...], RFC822, BINARY[...]
 *	fetch_structure.c	ENVELOPE, BODY, BODYSTRUCTURE from a summary
 *	fetch_whole.c		what a summary had no room for
 *	section.c		places of sections
 */
#pragma once
#include "proto/imap/section.h"
#include "proto/imap/session.h"

enum {
	FETCH_BODIES_MAX = 200, /* BODY[...], BINARY[...] of one command */
	FETCH_PIECE = 64 * 1024, /* bytes of a message in memory at a time */
	FETCH_LINE_MAX = 16 << 20, /* bytes of what is told of one message beside bodies */
};
enum fetch_item {
	FETCH_FLAGS = 1,
	FETCH_UID = 2,
	FETCH_DATE = 4,
	FETCH_SIZE = 8,
	FETCH_ENVELOPE = 16,
	FETCH_BODY = 32,
	FETCH_STRUCTURE = 64,
	FETCH_MODSEQ = 128,
	FETCH_SAVED = 256,
	FETCH_PREVIEW = 512,
	FETCH_PREVIEW_LAZY = 1024,
	FETCH_EMAIL = 2048,
	FETCH_THREAD = 4096,
};
enum fetch_how { FETCH_RAW, FETCH_BINARY, FETCH_BINARY_SIZE };
struct fetch_body {
	struct imap_section section;
	enum fetch_how how;
	bool partial;
	uint64_t from, count;
	slice label; /* how the answer calls it: "BODY[1.HEADER.FIELDS (a b)]<0>" */
};
struct fetch {
	unsigned items; /* enum fetch_item */
	struct fetch_body *bodies;
	size_t nbodies;
	bool seen; /* some BODY[...] that is no .PEEK */
	uint64_t changed_since; /* 0: whatever */
	bool vanished;
	bool partial;
	struct imap_partial {
		bool from_end;
		uint32_t first, last; /* 1 .. */
		bool turned; /* was written 500:400 */
	} range;
	/* while it runs */
	slice set;
	struct uidset uids, seen_now;
	struct buf line, piece,
		whole; /* of the message being told; bytes being handed on; a summary that was made for it */
	size_t missing, denied, failed;
	bool unknown_encoding;
	struct err why; /* of the first denied, failed */
};

/* Items and modifiers of a FETCH, up to its end. False: what is wrong is in the reader. */
bool fetch_args(struct imap *s, struct fetch *f);
/* "-1:-100" or "1:100" (RFC 9394); SEARCH RETURN has it, too. */
bool imap_partial_parse(struct imap_reader *r, struct imap_partial *ret);
/* Keeps those of *u that the range means. */
void imap_partial_keep(const struct imap_partial *p, struct uidset *u);

/* Appends; texts as quoted strings or literals. utf8: quoted strings may hold it. */
void fetch_string(struct buf *out, slice v, bool utf8);
void fetch_envelope(struct buf *out, const struct summary *sum, int envelope, bool utf8);
void fetch_structure(struct buf *out, const struct summary *sum, bool extended, bool utf8);

/* Bodies of a message behind what is in f->line, which is written first. 0; -1: nothing was written: *e. */
int fetch_bodies(struct imap *s, struct fetch *f, const struct mailbox_message *m,
	const struct summary *sum, struct err *e);
/* Appends a summary of all there is, for one that was cut; nothing if the message is too large for that. */
int fetch_whole(struct imap *s, const struct mailbox_message *m, struct buf *out, struct err *e);
/* A preview that no summary has. */
int fetch_preview(struct imap *s, const struct mailbox_message *m, struct buf *out, struct err *e);
