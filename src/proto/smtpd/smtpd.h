/*
 * smtpd: one SMTP or LMTP server session over a `struct io` (RFC 5321, 6409, 2033 and extensions).
 * It knows the protocol and its abuse, not directories, files or processes: what it must ask or
 * store goes through struct smtpd_ops, whose functions run in the session's coroutine and may wait.
 *
 * bin/edge, for each connection it has accepted:
 *
 *	smtpd_serve(&hub, io, &service, &ops, session_arg, &peer, &local);
 *		returns when it is over
 *
 * What smtpd itself promises, whatever the callbacks say: mail for foreign domains only from who is
 * authenticated or in a trusted network; a sender that belongs to the login where the service binds
 * senders; no 250 for a message whose accept() did not return 0; a refusal for everything else.
 */
#pragma once
#include "base/arena.h"
#include "base/list.h"
#include "codec/header.h"
#include "run/conf.h"
#include "run/io.h"
#include "run/net.h"
#include "store/queue.h"

struct co;
struct tls_ctx;

enum smtpd_kind {
	SMTPD_MX, /* port 25: from everywhere, for our domains */
	SMTPD_SUBMISSION, /* port 587: from our users, STARTTLS */
	SMTPD_SUBMISSIONS, /* port 465: from our users, TLS at once */
	SMTPD_LMTP, /* from other systems of ours, for our mailboxes and backends (RFC 2033) */
	SMTPD_INTERNAL, /* from trusted networks only: backends, printers, other nodes */
};

enum smtpd_tls {
	SMTPD_TLS_AUTO,
	SMTPD_TLS_NO,
	SMTPD_TLS_OFFER,
	SMTPD_TLS_REQUIRE,
	SMTPD_TLS_IMPLICIT
};
enum smtpd_auto { SMTPD_AUTO, SMTPD_NO, SMTPD_YES }; /* auto: as the kind of service wants it */
/* CR and LF that do not stand together: refused, kept from trusted clients, kept from all. They
 * never end a line or a message. */
enum smtpd_bare { SMTPD_BARE_REFUSE, SMTPD_BARE_TRUSTED, SMTPD_BARE_KEEP };
enum smtpd_from { SMTPD_FROM_ANY, SMTPD_FROM_ADD_SENDER, SMTPD_FROM_MATCH };

/*
 * A section [smtp "NAME"] of the configuration, one a listener; keys are the field names, see
 * conf.c for what each means and its default.
 */
struct smtpd_conf {
	struct conf_addrs listen;
	int kind; /* enum smtpd_kind */
	int tls; /* enum smtpd_tls */
	bool auth_plaintext;
	int auth, sync, fix_headers, bind_sender, verify; /* enum smtpd_auto */
	int header_from; /* enum smtpd_from */
	struct conf_list auth_mechs;
	int bare_newline; /* enum smtpd_bare */
	bool refuse_nul, refuse_early, strict_helo;
	struct conf_nets trusted, proxy_from, xclient_from;
	slice banner, postmaster;
	int64_t max_size, max_header, max_line; /* bytes */
	int64_t max_rcpts, max_expanded, max_transactions, max_commands, max_idle_commands;
	int64_t max_errors, soft_errors, max_unknown, max_auth_failures;
	int64_t max_hops, null_sender_rcpts;
	int64_t timeout_command, timeout_data, timeout_message, timeout_tls,
		timeout_proxy; /* usec */
	int64_t greet_delay, tarpit, tarpit_max;
};
extern const struct conf_section smtpd_section;

/* A configured listener at work. Must outlive its sessions; never changes while it has any. */
struct smtpd_service {
	const struct smtpd_conf *conf;
	slice name; /* of the listener, for traces: "mx" */
	slice hostname; /* how we call ourselves */
	struct tls_ctx *tls; /* NULL: no TLS; needed for offer, require, implicit */
	/* What smtpd_service_init made of the configuration's "auto". */
	enum smtpd_tls tls_mode;
	bool auth, sync, fix_headers, bind_sender, verify, require_auth, require_trust;
	bool tokens; /* OAUTHBEARER and XOAUTH2 may be offered */
	slice postmaster; /* where mail to a bare <postmaster> goes */
};
/* ERR_PERM with a sentence for the administrator when the parts do not fit, e.g. TLS without
 * context. */
int smtpd_service_init(struct smtpd_service *s, const struct smtpd_conf *conf, slice name,
	slice hostname, struct tls_ctx *tls, struct arena *a, struct err *e);

/* All sessions of a process. */
struct smtpd_hub {
	struct list sessions;
	unsigned n;
	bool draining;
};
void smtpd_hub_init(struct smtpd_hub *h);
/* From now on: sessions between transactions end with 421 4.3.2 at once, the others after their
 * transaction; new ones are not greeted. For reload and shutdown; returns at once. */
void smtpd_drain(struct smtpd_hub *h);

/* What this session may do: at first as the listener is configured, then as the callbacks say,
 * which may change it at any time (for a stranger, a partner ...). See conf.c for their meaning. */
struct smtpd_limits {
	int64_t max_size, max_header; /* bytes */
	int64_t max_rcpts, max_transactions, max_commands, max_errors, max_unknown;
	int64_t timeout_hello; /* usec: wait for the first command */
	int64_t timeout_command, timeout_data, greet_delay; /* usec */
};

/* What is known about the other side; the pointer given to connect() stays valid until end(). */
struct smtpd_client {
	struct smtpd_limits limits;
	struct net_addr peer, local; /* as PROXY and XCLIENT told, where they may */
	char ip[NET_TEXT_MAX]; /* of peer, without port */
	slice name; /* host name verified by connect() or given by XCLIENT; may be empty */
	slice helo; /* empty before it */
	slice login; /* authenticated as; empty when not */
	const char *tls_version, *tls_cipher; /* NULL without TLS */
	const char *tls_cn; /* of a verified client certificate, or NULL */
	int64_t connected_at; /* wall */
	bool esmtp, helo_odd,
		early; /* EHLO or LHLO; its argument is no name; talked before our greeting */
	bool trusted; /* in one of the service's trusted networks */
	bool proxied, xclient;
};

/*
 * Why a callback says no. The kind of err chooses the reply (reply.c has the table) and err.text
 * goes to the trace; set code to answer something particular. Start is all zero.
 */
enum { SMTPD_REPLY_MAX = 400 };
struct smtpd_refusal {
	struct err err;
	int code; /* 4xx or 5xx, or 0: by err.kind */
	char status[12]; /* "4.7.1"; with code */
	char text[SMTPD_REPLY_MAX]; /* shown to the other side; with code */
	bool hang_up; /* and close the connection */
};
/* Fills code, status and text (and err, for the trace). Returns -1. */
int smtpd_refuse(struct smtpd_refusal *no, int code, const char *status, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

struct smtpd_ask_mail {
	slice sender; /* without <>; empty is the null sender */
	uint64_t size; /* as declared by SIZE=, 0 not */
	unsigned flags; /* enum msg_flags */
	slice envid, auth; /* DSN ENVID and AUTH=, decoded */
};
struct smtpd_ask_rcpt {
	slice address; /* as given, without <> and source route; a bare postmaster is
			  service.postmaster */
	slice sender;
	bool may_relay; /* this client may send to foreign domains */
	unsigned index; /* recipients accepted so far */
};
/* Where mail for a recipient goes: more than one for an alias. */
struct smtpd_target {
	slice address, dest; /* as in struct queue_rcpt */
	bool quiet; /* a copy of our own: nobody is told what came of it */
};
struct smtpd_rcpt {
	bool foreign; /* not one of our domains: refused by smtpd unless the client may relay */
	struct smtpd_target *targets;
	size_t n;
};

struct smtpd_refused {
	const char *stage; /* "connect", "mail", "rcpt", "data" */
	int code;
	slice reply; /* "5.1.1 No such user", as sent */
	slice why; /* more for us, or empty */
	slice rcpt; /* the recipient refused; empty: the whole message */
	int32_t idx; /* with rcpt: -1, -2 ... within the message, for a trace row of its own */
	const struct queue_msg
		*msg; /* id, sender, recipients accepted so far, log, size; not stored */
};

/* The header of a message, whole, as it was transmitted. */
struct smtpd_header {
	slice block; /* with its empty line, if one came; valid during the call */
	const struct header_summary *summary; /* valid until the message ends */
	bool headless; /* it is no header at all: what is stored is all body */
	/* Set by header(): whole fields (struct header_field.raw) of the block, in its order, that
	 * are not stored. */
	const slice *left_out;
	size_t nleft_out;
};

/* What there is to say about a message at its end. */
struct smtpd_verdict {
	const struct queue_msg *msg; /* as for accept() */
	slice received; /* our Received: */
	slice added; /* header fields that we put below it */
	struct buf *top; /* header fields to stand above our Received:, each ended by CRLF */
	struct buf *log; /* events for the trace */
};

/* One step of a SASL exchange, in raw bytes (smtpd does the base64). */
enum smtpd_auth {
	SMTPD_AUTH_MORE,
	SMTPD_AUTH_OK,
	SMTPD_AUTH_FAILED,
	SMTPD_AUTH_TEMP,
	SMTPD_AUTH_DENIED /* the right password, but: `say` */
};
struct smtpd_auth_start {
	slice mech; /* upper case, one of conf.auth_mechs that we offered */
	bool has_initial; /* an initial response was given, maybe an empty one */
	slice initial;
	const char *cb_type; /* channel binding: "tls-exporter", "tls-unique" or NULL */
	slice cb_data;
};
struct smtpd_auth_result {
	slice challenge; /* MORE: to be sent; OK: server's last word (SCRAM's v=), may be empty */
	slice login; /* OK: canonical address */
	slice why; /* FAILED, TEMP, DENIED: for the trace */
	slice say; /* DENIED: for the client, one line */
};

struct smtpd_summary {
	uint64_t bytes_in; /* of message bodies accepted */
	unsigned commands, errors, transactions, accepted, refused, rcpts, unknown_rcpts,
		auth_failures;
	const char *end; /* "quit", "closed", "timeout", "errors", "tls", "drain", "refused",
			    "early", "sync", "harvest", "nonsense" (no mail spoken) ... */
	slice why; /* more about the end, or empty */
};

/*
 * All functions must be set, except where "may be NULL" stands. They return 0, or -1 with *no (or
 * *e) filled. Slices given are valid during the call; slices returned live in the arena given.
 */
struct smtpd_ops {
	/* Before the greeting and its delay (and after XCLIENT): limits per address, block lists.
	 * This and all others may set c->name and c->limits. */
	int (*connect)(void *arg, struct smtpd_client *c, struct smtpd_refusal *no);
	/* The client has named itself: helo, helo_odd, esmtp, early of the client are set. May be
	 * NULL. */
	int (*helo)(void *arg, struct smtpd_refusal *no);

	/* A SASL exchange. cancel ends one that did not come to OK, FAILED or TEMP. NULL where no
	 * service offers AUTH. */
	enum smtpd_auth (*auth_start)(void *arg, const struct smtpd_auth_start *s, struct arena *a,
		struct smtpd_auth_result *ret);
	enum smtpd_auth (*auth_step)(
		void *arg, slice response, struct arena *a, struct smtpd_auth_result *ret);
	void (*auth_cancel)(void *arg);
	/* May this login use this address as its sender? */
	int (*may_send_as)(void *arg, slice login, slice address, bool *ret, struct err *e);

	int (*mail)(void *arg, const struct smtpd_ask_mail *m,
		struct smtpd_refusal *no); /* may be NULL */
	/* NOTFOUND no such user; DENIED; LIMIT mailbox full; TEMP; PERM disabled. */
	int (*rcpt)(void *arg, const struct smtpd_ask_rcpt *r, struct arena *a,
		struct smtpd_rcpt *ret, struct smtpd_refusal *no);

	/* The message: begin, header, add..., verdict, then accept or cancel, always. LIMIT: 452
	 * 4.3.1, storage is full. */
	int (*body_begin)(void *arg, const struct queue_msg *m, struct smtpd_refusal *no);
	/* Before any of the header is added; left_out from the arena given. May be NULL. */
	int (*header)(void *arg, struct smtpd_header *h, struct arena *a, struct smtpd_refusal *no);
	/* behind: bytes behind the header, as transmitted; else of the header, as stored. */
	int (*body_add)(void *arg, slice bytes, bool behind, struct err *e);
	void (*body_cancel)(void *arg);
	/* The message is whole and nothing is wrong with its form. May be NULL. */
	int (*verdict)(void *arg, struct smtpd_verdict *v, struct smtpd_refusal *no);
	/* Ends the body and makes message and recipients durable. m is whole except blob, size
	 * (given: bytes added), priority and expires_at, which this sets. 0 means: on stable
	 * storage. */
	int (*accept)(void *arg, struct queue_msg *m, struct smtpd_refusal *no);

	void (*refused)(void *arg, const struct smtpd_refused *r); /* may be NULL */
	/* The session is over; the last call. One line for the log can be made of it. */
	void (*end)(void *arg, const struct smtpd_client *c, const struct smtpd_summary *s);
};

/* Runs the whole session and closes io. In a coroutine. */
void smtpd_serve(struct smtpd_hub *hub, struct io *io, const struct smtpd_service *service,
	const struct smtpd_ops *ops, void *arg, const struct net_addr *peer,
	const struct net_addr *local);
