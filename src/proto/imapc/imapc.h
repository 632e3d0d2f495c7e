/*
 * imapc: one client connection by IMAP (RFC 3501, 9051), for moving mail in: logging in, folders, what is in one, bytes. Works on any
 * `struct io`, so a whole session runs from memory. Runs in the calling coroutine.
 *
 *	imapc_open();  imapc_list();  imapc_select(); imapc_scan(); imapc_fetch(); ...  imapc_logout();
 *
 * What servers send is taken as hostile: every word, line, list and time has a limit. What they do differently from the RFCs is taken as
 * it is meant where that is plain (sizes that are wrong, dates that are missing, capabilities that are not told).
 *
 * After an error of the connection (ERR_TEMP, ERR_TIMEOUT, ERR_CLOSED, ERR_PROTO) it is only fit for closing: imapc_usable(). ERR_PERM: the server
 * said no to this; ERR_DENIED: it does not let us in, or is not to be trusted.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/uidset.h"
#include "mail/remote.h"
#include "run/io.h"

enum {
	IMAPC_WORD_MAX = 64 * 1024, /* bytes of an atom, a quoted string, a literal that is no message */
	IMAPC_LINE_MAX = 16 * 1024, /* bytes of a text for people that are kept */
	IMAPC_FOLDERS_MAX = 20000,
	IMAPC_DEPTH_MAX = 100, /* parentheses in each other */
	IMAPC_RESPONSES_MAX = 10000000, /* to one command */
	IMAPC_FLAGS_MAX = 200, /* of a message; the rest is left out */
	IMAPC_FETCH_MAX = 100, /* messages of one command */
};

struct imapc;
/* Greeting, TLS, login. Takes io over, also on failure. */
int imapc_open(struct io *io, const struct remote *to, struct imapc **ret, struct err *e);
bool imapc_usable(const struct imapc *s);
void imapc_logout(struct imapc *s); /* politely; frees; NULL is fine */
void imapc_close(struct imapc *s); /* without a word; frees; NULL is fine */

enum imapc_use { /* RFC 6154, XLIST */
	IMAPC_USE_NONE,
	IMAPC_USE_ARCHIVE,
	IMAPC_USE_DRAFTS,
	IMAPC_USE_JUNK,
	IMAPC_USE_SENT,
	IMAPC_USE_TRASH,
	IMAPC_USE_FLAGGED,
	IMAPC_USE_ALL,
	IMAPC_USE_IMPORTANT,
};
struct imapc_folder {
	slice name; /* as the server spells it */
	slice path; /* UTF-8, "/" between levels, without the prefix of own folders; a "/" in a level is U+2215 */
	enum imapc_use use;
	bool selectable, subscribed;
};
/* The own folders, by name: not those of others and of everybody (NAMESPACE). */
int imapc_list(struct imapc *s, struct arena *a, struct imapc_folder **ret, size_t *ret_n, struct err *e);

struct imapc_selected {
	uint64_t exists;
	uint64_t uidvalidity, uidnext; /* 0: not told */
	uint64_t modseq; /* HIGHESTMODSEQ; 0: none */
	bool read_only;
};
/* examine: nothing is changed there. ERR_PERM: there is none, or not for us. */
int imapc_select(struct imapc *s, slice name, bool examine, struct imapc_selected *ret, struct err *e);

enum imapc_flag { IMAPC_SEEN = 1, IMAPC_ANSWERED = 2, IMAPC_FLAGGED = 4, IMAPC_DELETED = 8, IMAPC_DRAFT = 16 };
struct imapc_message {
	uint32_t uid;
	unsigned flags; /* enum imapc_flag */
	slice keywords; /* separated by blanks */
	int64_t received_at; /* INTERNALDATE, usec; 0: not told, or no date */
	uint64_t size, modseq; /* as told; 0: not */
};
/* All messages of the selected folder with UIDs from `from` on, in whatever order the server tells them. -1 of fn ends the session. */
int imapc_scan(struct imapc *s, uint32_t from, int (*fn)(void *arg, const struct imapc_message *m, struct err *e), void *arg, struct err *e);

/* Bytes of messages; each that comes is begun, given in pieces and ended. 0: go on; 1: the rest of this message is not wanted; -1: the session ends.
 * What the server does not give (gone, damaged) is not begun, or lost. */
struct imapc_sink {
	int (*begin)(void *arg, uint32_t uid, uint64_t size, struct err *e);
	int (*bytes)(void *arg, slice piece, struct err *e);
	int (*end)(void *arg, struct err *e);
	void (*lost)(void *arg, uint32_t uid, const char *why); /* it cannot be had */
	void *arg;
};
/* At most IMAPC_FETCH_MAX. */
int imapc_fetch(struct imapc *s, const uint32_t *uids, size_t n, const struct imapc_sink *sink, struct err *e);

/* Takes messages out of the selected folder (not examined). A server without UID EXPUNGE lets all go that are marked: as long as others are, ours are marked alone. */
int imapc_delete(struct imapc *s, const struct uidset *uids, struct err *e);
