/*
 * err: what went wrong, as a kind that decides and a text that explains.
 *
 *	int f(..., struct err *e)      0 or -1 with *e filled; return err_set(e, ERR_TEMP, "...");
 *
 * The caller owns the struct (on its stack). Only a protocol's edge turns kinds into its replies.
 */
#pragma once

enum err_kind {
	ERR_NONE = 0,
	ERR_TEMP,     /* may work later: disk full, database locked, peer slow */
	ERR_PERM,     /* will not work later */
	ERR_DENIED,   /* not allowed */
	ERR_NOTFOUND, /* no such thing */
	ERR_EXISTS,   /* there already */
	ERR_LIMIT,    /* a named limit was reached */
	ERR_QUOTA,    /* a mailbox has no room left */
	ERR_PROTO,    /* the peer or the input broke the rules */
	ERR_CLOSED,   /* the other side is gone, or this coroutine was cancelled */
	ERR_TIMEOUT,  /* a deadline passed */
	ERR_BUG,      /* ours; kept apart so that it is noticed */
};

struct err {
	enum err_kind kind;
	int sys; /* errno, where one was the cause; else 0 */
	char text[232];
};

/* Fills *e and returns -1. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* From errno: ENOENT is NOTFOUND, EEXIST is EXISTS, EACCES/EPERM DENIED, ETIMEDOUT TIMEOUT,
 * EPIPE/ECONNRESET CLOSED, else TEMP. The text is "what: strerror". Returns -1. */
int err_sys(struct err *e, int sys, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text, keeps the kind. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "temp", "perm", ... for logs. */
const char *err_kind_name(enum err_kind kind);
