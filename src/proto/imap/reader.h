/*
 * reader: tokens of an IMAP command, read straight off the stream (RFC 9051 9): whoever parses a command asks for what
 * comes next, and a literal is answered with its continuation request when it is reached. Errors stick: after one
 * everything yields nothing, and the session asks once, at the end of the command (imap_end). What was not read
 * of a bad command is skipped up to its end, its literals too.
 *
 *	slice name;
 *	if (!imap_space(r) || !imap_mailbox(r, &name) || !imap_end(r))
 *		return imap_complain(s);
 *
 * A line is copied to the command's memory once; tokens are slices of it, good until the command is over. Waiting is
 * done by whoever reads: a call that comes upon a literal may wait.
 */
#pragma once
#include "base/arena.h"
#include "run/io.h"

struct imap_reader {
	struct io *io;
	struct arena *mem; /* of the command */
	const char *p, *end; /* of the line, without its line end */
	uint64_t literal_at; /* bytes of a message literal that are still on the stream */
	size_t line_max, literal_max, command_max; /* of the service's limits */
	size_t line_left, command_left; /* of this command */
	int64_t time; /* usec without progress */
	instant until; /* and never longer than this: nobody has logged in; 0: no such end */
	uint64_t *bytes_in;
	const char *what; /* "a mailbox name is expected": for BAD; NULL: nothing is wrong */
	const char *code; /* response code with it, or NULL */
	struct err why; /* when lost */
	bool utf8; /* UTF8=ACCEPT or rev2 is enabled: names are not mUTF-7 */
	bool wipe; /* what was read is wiped from the stream's buffer: before a login */
	bool bad; /* not what the grammar has here, or a limit */
	bool too_big; /* with bad: a limit, told as NO [LIMIT] */
	bool lost; /* with bad: the stream is over or hopeless: the session ends */
	bool pending; /* the client has announced a literal and waits for us: nothing of it was read */
	bool announced; /* a message literal whose "+" is to be sent by the first imap_literal_bytes */
	bool in_literal; /* of a message: the line behind it was not read yet */
	bool ended; /* imap_end has found the end */
};

/* ---- by the session ---- */
/* Reads the first line of the next command. False: lost (why: ERR_CLOSED at the end of the stream, too), or bad with too_big
 * (a line that is too long; it was skipped). */
bool imap_begin(struct imap_reader *r);
/* A line as it is, in the midst of a command: of AUTHENTICATE, IDLE. Without its line end. */
bool imap_raw_line(struct imap_reader *r, slice *ret);
/* What was not read of the command, literals too. False: lost. */
bool imap_skip_rest(struct imap_reader *r);
/* Sets `what`, `bad`; returns false. The first complaint stays. */
bool imap_wrong(struct imap_reader *r, const char *what);
bool imap_wrong_size(struct imap_reader *r, const char *what); /* a limit: too_big, too */
bool imap_wrong_number(struct imap_reader *r); /* UIDREQUIRED (RFC 9586) */
/* The literal that begins here, for imap_string and its like (token.c). */
bool imap_read_literal(struct imap_reader *r, slice *ret);

/* ---- tokens: false when it is not what stands there, then bad is set (but by imap_accept) ---- */
/* One character ahead; 0 when the line is at its end or something was bad. */
static inline char imap_peek(const struct imap_reader *r)
{
	return r->p < r->end && !r->bad ? *r->p : 0;
}
/* True and consumed if it is that one. */
static inline bool imap_accept(struct imap_reader *r, char c)
{
	return imap_peek(r) == c && c ? (r->p++, true) : false;
}
bool imap_char(struct imap_reader *r, char c); /* must be this one */
bool imap_space(struct imap_reader *r);
bool imap_end(struct imap_reader *r); /* nothing more stands in the command */
/* Atom characters, at least one (no blank ( ) { % * " \ ] controls or 8-bit): of flags without backslash, keywords, numbers. */
bool imap_atom(struct imap_reader *r, slice *ret);
/* Anything printable up to a blank, a parenthesis, the line's end or one of `stops`; at least one: "BODY.PEEK". */
bool imap_word(struct imap_reader *r, const char *stops, slice *ret);
bool imap_is(slice word, const char *name); /* ASCII case folded */
bool imap_astring(struct imap_reader *r, slice *ret); /* bytes; a literal, too */
bool imap_string(struct imap_reader *r, slice *ret); /* quoted or literal; without NUL */
bool imap_nstring(struct imap_reader *r, slice *ret); /* NIL: p == NULL */
/* As imap_nstring, but a literal8 is taken, too (METADATA values). */
bool imap_nstring8(struct imap_reader *r, slice *ret);
bool imap_list_mailbox(struct imap_reader *r, slice *ret); /* a pattern, as UTF-8: % and *, too */
/* UTF-8, undone from mUTF-7 where that is spoken; INBOX in one spelling. Raw 8-bit where it may not be is bad; no modified UTF-7: "\xff", which no
 * folder is called. */
bool imap_mailbox(struct imap_reader *r, slice *ret);
/* The same from bytes that were read as astring. False: no such name can be; nothing is set. */
bool imap_mailbox_decode(const struct imap_reader *r, slice raw, slice *ret);
bool imap_number(struct imap_reader *r, uint64_t max, uint64_t *ret);
/* Flags: bits of enum mailbox_flag; keywords separated by blanks. `parens`: in parentheses (must be, or for STORE may
 * be left out when false). An unknown system flag is bad; \Recent is left out. */
bool imap_flag_list(struct imap_reader *r, bool parens, unsigned *ret_flags, slice *ret_keywords);
bool imap_date_time(struct imap_reader *r, int64_t *ret_usec); /* quoted */
/* "1-Feb-1994", quoted or not: midnight of that day, UTC, in seconds since 1970. */
bool imap_date(struct imap_reader *r, int64_t *ret_seconds);
/* A sequence set as written: "1,3:*" or "$"; for imap_resolve (session.h). Checked. */
bool imap_set(struct imap_reader *r, slice *ret_text);
/*
 * A message literal (APPEND): its announced size. Then its bytes by imap_literal_bytes until it returns 0; the line behind it is read
 * with that. ~{n}: *ret_binary. The continuation request is sent by the first imap_literal_bytes, so that whoever refuses the
 * size can do so before (imap_skip_rest skips what the client sends without being asked).
 */
bool imap_literal(struct imap_reader *r, uint64_t *ret_size, bool *ret_binary);
/* 1 with some bytes (borrowed until the next call), 0 at its end, -1 the stream is lost. */
int imap_literal_bytes(struct imap_reader *r, slice *ret, struct err *e);
