/*
 * imap: one IMAP server session over a `struct io` (RFC 9051, RFC 3501 and the extensions in capability.c). What is in
 * mailboxes and who may do what there is mail/box.h; who logs in, and what only the process knows, goes through struct session_ops, whose
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
#include "mail/login.h"
#include "run/conf.h"
#include "run/io.h"
#include "run/net.h"

struct tls_ctx;


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
	enum session_tls tls_mode;
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

struct imap_hub {
	struct list sessions;
	unsigned n;
	bool draining;
};
void imap_hub_init(struct imap_hub *h);
void imap_drain(struct imap_hub *h); /* sessions end with BYE where they stand between commands */

/* Runs the whole session and closes io. In a coroutine; who wants it to end cancels that (ops->why_end is told by BYE). */
void imap_serve(struct imap_hub *hub, struct io *io, const struct imap_service *service,
	const struct session_ops *ops, void *arg, const struct net_addr *peer);
