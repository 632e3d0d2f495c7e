/*
 * What the files of this folder share: the session's state, and who does what with it.
 *
 *	session.c  life of a session, hub		input.c    lines and waiting
 *	command.c  the table of verbs, dispatch		reply.c    answers, errors counted, tarpit
 *	hello.c    EHLO, XCLIENT, STARTTLS, QUIT ...	auth.c     SASL
 *	envelope.c MAIL, RCPT, one transaction		body.c     DATA, BDAT
 *	head.c     the header as it passes		finish.c   checks and acceptance at the end
 *	peer.c     networks, PROXY			conf.c     the listener's configuration
 */
#pragma once
#include "codec/header.h"
#include "codec/smtp.h"
#include "codec/smtp_data.h"
#include "proto/smtpd/smtpd.h"

enum smtpd_state {
	ST_CONNECTED = 1, /* greeted; nothing said yet */
	ST_READY = 2, /* EHLO was said; no transaction */
	ST_MAIL = 4, /* MAIL accepted */
	ST_RCPT = 8, /* at least one recipient accepted */
	ST_BDAT = 16, /* chunks have come */
	ST_TRANSACTION = ST_MAIL | ST_RCPT | ST_BDAT,
	ST_ANY = ST_CONNECTED | ST_READY | ST_TRANSACTION,
};

enum smtpd_stage { STAGE_CONNECT, STAGE_MAIL, STAGE_RCPT, STAGE_DATA, STAGES };

enum {
	HELO_MAX = 255, /* RFC 5321 4.5.3.1.2 */
	READ_MAX = 64 * 1024, /* unconsumed input held */
	SKIP_MAX = 64 * 1024, /* rest of an overlong line that is skipped before we hang up */
	SUBJECT_MAX = 250, /* kept for the trace */
	MESSAGE_ID_MAX = 250,
	THROWN_MAX = 64 << 20, /* of a refused message that we still read, above max_size */
	TOP_MAX = 32 * 1024, /* of header fields by verdict() */
	RECEIVED_MAX = 16 * 1024, /* of our Received: */
	EVENTS_MAX = 8 * 1024, /* of its events in the timeline */
	FROM_CHECKED_MAX = 20, /* addresses of From: looked at; more are refused where it matters */
};

/* One mail transaction. All memory from mem, given back at its end. */
struct smtpd_tx {
	struct arena mem;
	struct queue_msg msg;
	size_t rcpts_cap;
	uint64_t *keys; /* hash of each recipient's address and dest: no duplicates */
	slice *given; /* addresses of the accepted RCPT commands: LMTP answers each */
	size_t ngiven, given_cap, nrefused;
	uint64_t declared; /* SIZE= */
	bool binary; /* BODY=BINARYMIME */
	/* The message itself. */
	struct smtp_data scan;
	struct buf head; /* header, while it comes in more than one piece */
	slice received; /* our field, once the message is whole */
	struct buf added; /* header fields that we add below Received: */
	struct buf top; /* and above it: by verdict() */
	struct buf events; /* of the timeline, likewise */
	struct smtpd_refusal *failed; /* set: the rest is thrown away and this is answered */
	struct header_summary summary; /* valid when head_done */
	uint64_t stored; /* bytes given to body_add */
	uint64_t thrown; /* bytes thrown away after `failed` */
	uint64_t commands;
	instant deadline, began;
	bool body_open, head_done, headless;
	const char *by; /* "DATA" or "BDAT" */
};

struct smtpd_session {
	struct list node; /* in the hub */
	struct smtpd_hub *hub;
	struct co *co;
	struct io *io;
	const struct smtpd_service *service;
	const struct smtpd_conf *conf;
	const struct smtpd_ops *ops;
	void *arg;

	enum smtpd_state state;
	bool over; /* nothing more is read */
	bool waiting; /* between transactions, for a command: may be cancelled by a drain */
	bool tls, xclient_allowed, suspicious; /* suspicious: harvested addresses; ends soon */
	bool unnamed; /* behind a proxy that did not say who it is */
	bool mail_lost; /* MAIL was refused; its RCPT and DATA may be under way */
	bool chunks_lost; /* a chunk was refused; more of its message may be under way */
	unsigned idle_commands;
	struct smtpd_client client;
	struct smtpd_summary sum;
	char end_why[160], helo[HELO_MAX];

	struct arena mem; /* of the session: names, login */
	struct arena cmd; /* of one command */
	struct buf log; /* timeline before the envelope */
	struct smtpd_tx tx;
};

/* ---- reply.c ---- */
/* One reply line; control and non-ASCII characters of the text become '?'. status NULL: none. */
void smtpd_say(struct smtpd_session *s, int code, const char *status, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* 503 where nothing fits: a mistake, unless it was sent before our refusal could be heard. */
void smtpd_out_of_place(struct smtpd_session *s, const char *text);
/* smtpd_say for a mistake or refusal of the client: counted, delayed, and at the limit 421. */
void smtpd_complain(struct smtpd_session *s, int code, const char *status, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Chooses code, status and text by err.kind where the callback did not. */
void smtpd_resolve(enum smtpd_stage stage, struct smtpd_refusal *no);
/* Answers a resolved refusal. counted: as a mistake of the client (only 5xx are). */
void smtpd_say_refusal(struct smtpd_session *s, const struct smtpd_refusal *no, bool counted);
/* Ends the session: what follows is not read. `end` is a literal for the summary. */
void smtpd_end(struct smtpd_session *s, const char *end, const char *why);
/* Says 421 and ends. */
void smtpd_hang_up(struct smtpd_session *s, const char *end, const char *status, const char *text);
/* Waits as long as a client with that many mistakes has to. */
void smtpd_tarpit(struct smtpd_session *s, unsigned mistakes);

/* ---- input.c ---- */
enum smtpd_got { GOT_LINE, GOT_TOO_LONG, GOT_NOTHING /* the session is over */ };
/* The next line without its line end; *ret_crlf tells whether that was a true CRLF. */
enum smtpd_got smtpd_read_line(
	struct smtpd_session *s, size_t max, int64_t timeout, slice *ret, bool *ret_crlf);
/* Waits for more of a message. False: the session is over. */
bool smtpd_read_more(struct smtpd_session *s);
/* Whether the client has sent on where it has to wait for us. */
bool smtpd_talks_early(struct smtpd_session *s);
/* Waits for the first byte. False: over; what begins like this is no mail client. */
bool smtpd_speaks_mail(struct smtpd_session *s);

/* ---- peer.c ---- */
bool smtpd_in_nets(const struct conf_nets *nets, const struct net_addr *a);
/* Reads the PROXY header where one is due. False: the session is over. */
bool smtpd_proxy(struct smtpd_session *s);
void smtpd_set_peer(struct smtpd_session *s, const struct net_addr *peer);
void smtpd_xclient(struct smtpd_session *s, const struct smtp_command *c);
/* Asks connect(), and with `first` waits for the time to greet; false: refused, said so, over. Adds
 * the event. */
bool smtpd_admit(struct smtpd_session *s, bool first);
/* Logged in or from a trusted network: spared what is meant for strangers. */
bool smtpd_is_known(const struct smtpd_session *s);
/* May it send to foreign domains? */
bool smtpd_may_relay(const struct smtpd_session *s);

/* ---- session.c ---- */
void smtpd_greet(struct smtpd_session *s);
/* Watches for clients that talk before they are greeted (RFC 5321 4.3.1). False: over. */
bool smtpd_watch_early(struct smtpd_session *s);
bool smtpd_start_tls(struct smtpd_session *s);

/* ---- command.c ---- */
void smtpd_dispatch(struct smtpd_session *s, slice line);

/* ---- hello.c, auth.c, envelope.c, body.c: handlers ---- */
typedef void smtpd_handler(struct smtpd_session *s, const struct smtp_command *c);
smtpd_handler smtpd_hello, smtpd_rset, smtpd_noop, smtpd_quit, smtpd_help, smtpd_vrfy,
	smtpd_starttls, smtpd_auth, smtpd_mail, smtpd_rcpt, smtpd_data, smtpd_bdat;
/* A host name or address literal (RFC 5321 4.1.1.1). */
bool smtpd_helo_proper(slice name);
bool smtpd_auth_offered(const struct smtpd_session *s);
bool smtpd_tls_offered(const struct smtpd_session *s);
/* Mechanisms to offer now, "PLAIN LOGIN"; empty: none. */
slice smtpd_auth_list(struct smtpd_session *s, struct arena *a);

/* ---- envelope.c ---- */
void smtpd_tx_reset(struct smtpd_session *s);
/* Tells refused(). rcpt empty: the whole message. */
void smtpd_report(
	struct smtpd_session *s, const char *stage, const struct smtpd_refusal *no, slice rcpt);

/* ---- body.c ---- */
/* The message cannot be taken: frees what it holds; the rest of it is read and thrown away. */
void smtpd_fail(struct smtpd_session *s, const struct smtpd_refusal *no);
void smtpd_fail_with(struct smtpd_session *s, int code, const char *status, const char *text);
/* behind: behind the header, as transmitted. */
void smtpd_store(struct smtpd_session *s, slice bytes, bool behind);

/* ---- head.c ---- */
/* A run of the message while the header is not complete. */
void smtpd_head_feed(struct smtpd_session *s, slice run);
/* At the end of the message, when no empty line has come. */
void smtpd_head_end(struct smtpd_session *s);

/* ---- finish.c ---- */
void smtpd_finish(struct smtpd_session *s);
