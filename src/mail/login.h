/*
 * login: what a server of mail programs (IMAP, POP3, ManageSieve) asks its process while somebody logs in (RFC 4422), and what a process
 * is asked by all of them. Slices given are valid during the call, those returned live in the arena given.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "store/mailbox.h"

struct io;

enum session_tls {
	SESSION_TLS_OFFER, /* STARTTLS, no login before it */
	SESSION_TLS_IMPLICIT, /* from the first byte */
	SESSION_TLS_NO,
};
enum login_step {
	LOGIN_MORE, /* a challenge is to be answered */
	LOGIN_OK,
	LOGIN_FAILED,
	LOGIN_TEMP, /* nobody can say now */
	LOGIN_EXPIRED, /* the password must be changed first */
	LOGIN_NOT_HERE, /* this account may not use this protocol */
};
struct login_start {
	slice mech;
	bool has_initial;
	slice initial;
	const char *cb_type; /* channel binding, or NULL */
	slice cb_data;
};
struct login_result {
	slice challenge, login;
	slice why; /* EXPIRED, NOT_HERE: for the client */
};
struct session_summary {
	const char *end; /* how, a word */
	uint64_t commands, bytes_in, bytes_out;
	uint64_t messages; /* letters (scripts) that went one way or the other */
	uint64_t deleted; /* letters, by POP3 */
	slice why;
};
struct session_ops {
	enum login_step (*auth_start)(
		void *arg, const struct login_start *s, struct arena *a, struct login_result *ret);
	enum login_step (*auth_step)(
		void *arg, slice response, struct arena *a, struct login_result *ret);
	void (*auth_cancel)(void *arg);
	/* Logged in; -1: a limit of this person's sessions, told to the client. The actor is for box_user_open; its
	 * strings live as long as the session. */
	int (*enter)(void *arg, slice login, struct mailbox_actor *ret_actor, struct err *e);
	/* What a program calls itself. May be NULL. */
	void (*client)(void *arg, slice name_and_version);
	/* For `posthouse session list`: a command's name when it begins, "" when it is over; the folder selected or empty. May be NULL. */
	void (*state)(void *arg, const char *doing, slice folder);
	/* TLS has begun (STARTTLS; with implicit TLS before the greeting). May be NULL. */
	void (*tls)(void *arg, struct io *io);
	/* Asked when the session's coroutine was cancelled and the hub does not drain: why, in words for the
	 * client ("Your session was ended by the administrator"), or NULL. May be NULL. */
	const char *(*why_end)(void *arg);
	/* The last call. */
	void (*end)(void *arg, const struct session_summary *s);
};
