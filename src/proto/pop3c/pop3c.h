/*
 * pop3c: one client connection by POP3 (RFC 1939, 2449, 2595, 5034), for moving mail in: logging in, which messages there are and by what names, bytes,
 * deleting. Works on any `struct io`. Runs in the calling coroutine. What servers send is taken as hostile: lines, lists and times have limits.
 *
 * Messages have names (UIDL) that stay from session to session; a server without UIDL gives none, then the caller must know them by their bytes.
 *
 * After an error of the connection it is only fit for closing: pop3c_usable(). ERR_PERM: the server said no to this; ERR_DENIED: it does not let us in,
 * or is not to be trusted; ERR_TEMP also: the mailbox is in use by another session.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "mail/remote.h"
#include "run/io.h"

enum {
	POP3C_LINE_MAX = 4096, /* of an answer, of a line of a list */
	POP3C_MESSAGES_MAX = 1000000,
	POP3C_NAME_MAX = 200, /* bytes of a UIDL; RFC 1939 says 70 */
};

struct pop3c;
/* Greeting, TLS, login. Takes io over, also on failure. */
int pop3c_open(struct io *io, const struct remote *to, struct pop3c **ret, struct err *e);
bool pop3c_usable(const struct pop3c *s);
/* QUIT: what was marked is deleted there; 0: the server said so. Frees. */
int pop3c_quit(struct pop3c *s, struct err *e);
void pop3c_close(struct pop3c *s); /* nothing is deleted; frees; NULL is fine */

struct pop3c_message {
	uint32_t n;
	uint64_t size; /* as told; 0: not */
	slice name; /* UIDL; empty: none */
};
int pop3c_list(struct pop3c *s, struct arena *a, struct pop3c_message **ret, size_t *ret_n, struct err *e);
/* Bytes of a message, in pieces, dots undone. 1 of fn: the rest is not wanted. ERR_PERM: it cannot be had. */
int pop3c_fetch(struct pop3c *s, uint32_t n, int (*fn)(void *arg, slice piece, struct err *e), void *arg, struct err *e);
int pop3c_delete(struct pop3c *s, uint32_t n, struct err *e);
