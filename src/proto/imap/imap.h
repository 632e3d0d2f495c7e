/*
 * imap: one IMAP server session over a `struct io` (RFC 9051, RFC 3501 and the extensions in capability.c). What is in
 * mailboxes and who may do what there is mail/box.h; who logs in, and what only the process knows, goes through struct imap_ops, whose
 * functions run in the session's coroutine and may wait.
 *
 * bin/access, for each connection it has accepted:
 *
 *	imap_serve(&hub, io, &service, &ops, session_arg, &peer);	returns when it is over
 *
 *	imap.c		greeting, the loop of commands, end		reader.c	tokens off the stream (reader.h)
 *	command.c	the table of commands				capability.c	what is offered when
 *	login.c		LOGIN, AUTHENTICATE, STARTTLS, ID, ENABLE, COMPRESS
 *	list*.c		LIST, LSUB, STATUS, NAMESPACE			folder.c	CREATE, DELETE, RENAME, subscriptions
 *	select.c	SELECT, CLOSE, UNSELECT				tell.c		telling what happened
 *	rights.c	ACL, QUOTA					metadata.c	METADATA
 *	idle.c		IDLE, waiting between commands			notify*.c	NOTIFY
 *	fetch*.c	FETCH, BINARY, PREVIEW ...			store.c		STORE, EXPUNGE, COPY, MOVE
 *	search*.c	SEARCH, SORT, THREAD, ESEARCH, PARTIAL		append.c	APPEND, CATENATE, REPLACE
 */
#pragma once
#include "base/list.h"
#include "mail/box.h"
#include "run/conf.h"
#include "run/io.h"
#include "run/net.h"

struct tls_ctx;

enum imap_tls { IMAP_TLS_NO, IMAP_TLS_OFFER /* STARTTLS, no login before it */, IMAP_TLS_IMPLICIT };

struct imap_limits {
	int64_t login_time, idle_time /* usec; RFC 9051 5.4: not below 30 minutes */,
		command_time /* without progress */;
	unsigned bad_commands, login_failures; /* then the connection ends */
	size_t line, /* bytes of a command without its literals */
		literal, /* bytes of one that is not a message */
		command; /* bytes of all those of a command */
	uint64_t
		messages; /* a FETCH, STORE ... handles at most so many (RFC 9738 MESSAGELIMIT); 0: any number */
};
struct imap_service {
	enum imap_tls tls_mode;
	struct tls_ctx *tls;
	bool auth_plaintext; /* logins without TLS: for loopback and tests */
	slice hostname;
	slice version;
	struct imap_limits limits;
	const slice *mechs;
	size_t nmechs; /* SASL, those that auth knows: "PLAIN", "SCRAM-SHA-256" ... -PLUS only over TLS */
	struct boxes *boxes;
	struct imap_stats *stats; /* counters of the process, may be NULL */
};

enum imap_auth {
	IMAP_AUTH_MORE,
	IMAP_AUTH_OK,
	IMAP_AUTH_FAILED,
	IMAP_AUTH_TEMP,
	IMAP_AUTH_EXPIRED /* password must be changed first */,
	IMAP_AUTH_NOT_HERE /* this account may not use this protocol */
};
struct imap_auth_start {
	slice mech;
	bool has_initial;
	slice initial;
	const char *cb_type; /* or NULL */
	slice cb_data;
};
struct imap_auth_result {
	slice challenge, login, why;
};

struct imap_summary {
	const char *end;
	uint64_t commands, bytes_in, bytes_out, fetched, appended;
	slice why;
};
struct imap_ops {
	/* As in smtpd_ops: slices given are valid during the call, those returned live in the arena given. */
	enum imap_auth (*auth_start)(void *arg, const struct imap_auth_start *s, struct arena *a,
		struct imap_auth_result *ret);
	enum imap_auth (*auth_step)(
		void *arg, slice response, struct arena *a, struct imap_auth_result *ret);
	void (*auth_cancel)(void *arg);
	/* Logged in; -1: a limit of this person's sessions, told to the client. The actor is for box_user_open; its
	 * strings live as long as the session. */
	int (*enter)(void *arg, slice login, struct mailbox_actor *ret_actor, struct err *e);
	/* ID: name and version. May be NULL. */
	void (*client)(void *arg, slice name_and_version);
	/* For `posthouse session list`: a command's name when it begins, "" when it is over; the folder selected or empty. May be NULL. */
	void (*state)(void *arg, const char *doing, slice folder);
	/* TLS has begun (STARTTLS; with implicit TLS before the greeting). May be NULL. */
	void (*tls)(void *arg, struct io *io);
	/* Asked when the session's coroutine was cancelled and the hub does not drain: why, for BYE ("Your session was
	 * ended by the administrator"), or NULL. May be NULL. */
	const char *(*why_end)(void *arg);
	/* The last call. */
	void (*end)(void *arg, const struct imap_summary *s);
};

struct imap_hub {
	struct list sessions;
	unsigned n;
	bool draining;
};
void imap_hub_init(struct imap_hub *h);
void imap_drain(struct imap_hub *h); /* sessions end with BYE where they stand between commands */

/* Runs the whole session and closes io. In a coroutine; who wants it to end cancels that (ops->why_end is told by BYE). */
void imap_serve(struct imap_hub *hub, struct io *io, const struct imap_service *service,
	const struct imap_ops *ops, void *arg, const struct net_addr *peer);
