/*
 * reader: tokens of an IMAP command, read straight off the stream (RFC 9051 9): whoever parses a command asks for what comes next, and a
 * literal is answered with its continuation request when it is reached. Errors stick: after one everything yields nothing, and
 * the session asks once, at the end of the command (imap_end). What was not read of a bad command is skipped up to its end, its literals too.
 *
 *	slice name;
 *	if (imap_space(r) && imap_mailbox(r, &name) && imap_end(r)) ...
 */
#pragma once
#include "base/arena.h"
#include "base/uidset.h"
#include "run/io.h"

struct imap;
struct imap_reader {
	struct io *io;
	struct arena *mem; /* of the command */
	size_t line_left, literals_left; /* of the limits */
	size_t literal_max;
	bool utf8; /* UTF8=ACCEPT: quoted strings may hold it, names are not mUTF-7 */
	bool bad; /* not what the grammar has here */
	bool lost; /* the stream is over or hopeless: the session ends */
	bool too_big; /* a limit: NO [LIMIT] or BAD */
	const char *what; /* "expected a mailbox name", for BAD */
	bool literal_plus_bad; /* a non-synchronizing literal larger than 4096 bytes (RFC 7888 LITERAL-) */
};
/* One character ahead; 0 when the line is at its end. */
char imap_peek(struct imap_reader *r);
bool imap_char(struct imap_reader *r, char c); /* must be this one */
bool imap_accept(struct imap_reader *r, char c); /* true and consumed if it is */
bool imap_space(struct imap_reader *r);
bool imap_end(struct imap_reader *r); /* CRLF, consumed */
bool imap_atom(struct imap_reader *r, slice *ret); /* atom characters; also of flags without backslash, keywords, numbers */
bool imap_word(struct imap_reader *r, const char *stops, slice *ret); /* anything up to a blank, the line's end or one of `stops` */
bool imap_astring(struct imap_reader *r, slice *ret); /* bytes; a literal too */
bool imap_string(struct imap_reader *r, slice *ret);
bool imap_nstring(struct imap_reader *r, slice *ret); /* NIL: p == NULL */
bool imap_list_mailbox(struct imap_reader *r, slice *ret); /* a pattern: % and * too */
bool imap_mailbox(struct imap_reader *r, slice *ret); /* UTF-8, undone from mUTF-7 where that is spoken; INBOX in one spelling. A name that is no good UTF-8 is a `bad` */
bool imap_number(struct imap_reader *r, uint64_t max, uint64_t *ret);
bool imap_flag_list(struct imap_reader *r, bool parens, unsigned *ret_flags, slice *ret_keywords); /* ERR: unknown system flag is bad; \Recent is left out */
bool imap_date_time(struct imap_reader *r, int64_t *ret_usec); /* quoted */
bool imap_date(struct imap_reader *r, int64_t *ret_seconds); /* "1-Feb-1994", quoted or not: midnight of that day, UTC */
/* A sequence set as written: "1,3:*,$"; for the session to resolve (imap_resolve). */
struct imap_set { struct uidset numbers; bool star_first; bool saved /* "$" */; struct { uint32_t from; bool used; } open[16]; /* n:* */ };
bool imap_set(struct imap_reader *r, slice *ret_text); /* checked text, in *mem */
/* A message literal (APPEND): its announced size; then read its bytes by imap_literal_bytes until 0. ~{n}: *ret_binary. The continuation
 * request is sent by the first imap_literal_bytes, so that whoever refuses the size can do so before (non-synchronizing ones are skipped). */
bool imap_literal(struct imap_reader *r, uint64_t *ret_size, bool *ret_binary);
int imap_literal_bytes(struct imap_reader *r, slice *ret, struct err *e); /* 1, 0 at its end, -1 */
