/*
 * session: the frame of a session of a mail program (POP3, ManageSieve): its life in the process, reading and writing, TLS, logging in. A
 * protocol puts `struct session` first in its own struct and says in one table how it speaks (struct session_kind); bin/access drains all
 * sessions of a hub at once. Errors of writing need not be looked at: s->over.
 */
#pragma once
#include "base/list.h"
#include "mail/login.h"
#include "run/io.h"

struct tls_ctx;
struct co;
struct session;

struct session_limits {
	int64_t login_time, idle_time;
	unsigned bad_commands, login_failures; /* then the connection ends */
};
/* What a listener offers; a protocol's own service begins with it. */
struct session_service {
	enum session_tls tls_mode;
	struct tls_ctx *tls;
	bool auth_plaintext; /* logins without TLS: for loopback and tests */
	slice hostname, version;
	struct session_limits limits;
	const slice *mechs; /* SASL, those that auth knows; -PLUS only over TLS */
	size_t nmechs;
};

/* The sessions of one protocol in this process. */
struct session_hub {
	struct list sessions;
	unsigned n;
	bool draining;
};
void session_hub_init(struct session_hub *h);
void session_drain(struct session_hub *h); /* they end between two commands */

/* Why the server ends a session. */
enum session_end {
	SESSION_CANCELLED, /* a drain, or somebody ends it */
	SESSION_SILENT, /* nothing was said for too long */
	SESSION_LINE, /* a line was too long */
	SESSION_COMMANDS, /* too many bad ones */
	SESSION_LOGINS, /* too many failed ones */
};
/* Why a login comes to nothing. */
enum session_no {
	SESSION_NO_TLS, /* TLS first */
	SESSION_NO_MECH,
	SESSION_NO_WORD, /* no base64, or cancelled */
	SESSION_NO_PASSWORD, /* wrong, or it must be changed first, or not by this protocol */
	SESSION_NO_JUDGE, /* nobody can say now */
};
struct session_kind {
	void (*card)(void *session, void *file); /* a line for a panic */
	/* The last word, if the protocol has one for it. */
	void (*bye)(struct session *s, enum session_end end, const char *why);
	void (*no)(struct session *s, enum session_no no, slice why);
	/* Says the challenge (base64) and waits for what the client answers. False: answered, or over. */
	bool (*ask)(struct session *s, slice challenge, slice *ret_answer);
	/* The person is who they say; `last` is what the mechanism says at its end, if it does not go out as a challenge. */
	void (*enter)(struct session *s, slice login, slice last);
	/* The mechanism's end goes out as a challenge that is answered by nothing (RFC 5034 4), else with the good answer. */
	bool last_is_asked;
};

enum { SESSION_AUTH_MAX = 16 * 1024 }; /* an answer in an exchange; a token's is long */

struct session {
	const struct session_kind *kind;
	struct io *io;
	const struct session_service *service;
	const struct session_ops *ops;
	void *arg; /* of the ops */
	struct session_hub *hub;
	struct list all;
	struct co *co;
	bool tls, over;
	bool inside; /* somebody has logged in */
	bool waiting; /* for a command */
	instant began;
	unsigned bad, failures;
	struct arena mem; /* of the command */
	struct arena life; /* of the session, or of a login */
	struct session_summary sum;
	char why[200];
};

/* ---- session.c ---- */

/* In a coroutine, with kind, io, service, ops and arg set. */
void session_begin(struct session *s, struct session_hub *hub);
void session_finish(struct session *s); /* closes io; the struct is freed by its protocol */

void session_put(struct session *s, slice raw);
/* Over after this command: `end` is a word for logs. The first one counts. */
void session_end(struct session *s, const char *end, const char *why);
void session_bye(struct session *s, enum session_end end);
/* A bad command was answered: too many end it. */
void session_bad(struct session *s);

/* The line that something begins with, or an answer, without its end, borrowed. False: the session is over. */
bool session_wait(struct session *s, size_t max, slice *ret);
/* A line that belongs to what has begun. */
bool session_line(struct session *s, size_t max, slice *ret);
/* Reading has come to `r` <= 0: says what there is to say, ends the session. Always false. */
bool session_lost(struct session *s, int r, const struct err *e);

/* ---- session_login.c ---- */

/* Why TLS cannot begin by a command, or NULL. */
const char *session_no_tls(const struct session *s);
bool session_start_tls(struct session *s); /* false: the session is over */
bool session_may_log_in(const struct session *s); /* as the stream is now */
/* The mechanisms offered now: for (i = 0; session_next_mech(s, &i, &m);) */
bool session_next_mech(const struct session *s, size_t *it, slice *ret);
/* A whole exchange. `initial`: base64 that came with the command, or NULL. */
void session_authenticate(struct session *s, slice mech, const slice *initial);
/* The same with name and password, which are the mechanism PLAIN. */
void session_password(struct session *s, slice name, slice password);
