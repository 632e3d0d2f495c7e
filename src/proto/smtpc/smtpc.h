/*
 * smtpc: one client connection by SMTP (RFC 5321) or LMTP (RFC 2033), from greeting to QUIT, with
 * any number of mails one after another. Works on any `struct io`, so a whole session runs from
 * memory.
 *
 *	smtpc_connect() or smtpc_open();  while (smtpc_usable(s)) smtpc_send(s, ...); smtpc_quit(s);
 *
 * Every recipient of a mail gets a result of its own; nothing here retries, logs or decides about
 * bounces. All waits have deadlines (RFC 5321 4.5.3.2). Runs in the calling coroutine.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "codec/smtp_reply.h"
#include "run/io.h"
#include "run/log.h"
#include "run/net.h"
#include "run/tls.h"

enum {
	SMTPC_TEXT_MAX = 1000, /* of a reply kept in a result */
	SMTPC_RCPT_MAX = 1000, /* of one transaction, whatever the peer allows */
	SMTPC_WINDOW = 100, /* commands under way (RFC 2920 3.1: never fill both directions) */
	SMTPC_BDAT_SMALL = 64 << 10, /* a body that goes out with the envelope, by CHUNKING */
};

/* What must be protected how. From SMTPC_TLS_ALWAYS on, a peer without STARTTLS is a failure. */
enum smtpc_tls {
	SMTPC_TLS_NEVER,
	SMTPC_TLS_MAYBE, /* when offered, any certificate; after a failed handshake the caller may
			    connect again with NEVER (smtpc_info.tls_failed) */
	SMTPC_TLS_ALWAYS, /* any certificate */
	SMTPC_TLS_CA, /* the chain must verify */
	SMTPC_TLS_HOST, /* the chain and cfg.host must verify */
	SMTPC_TLS_DANE, /* one of cfg.tlsa must match */
};

/* Microseconds; zero takes the default of RFC 5321 4.5.3.2. */
struct smtpc_timeouts {
	int64_t connect; /* 30s */
	int64_t greeting; /* 5m */
	int64_t command; /* 5m: EHLO, MAIL, RCPT, STARTTLS, AUTH */
	int64_t data; /* 2m: the 354 */
	int64_t block; /* 3m: a block of the body gets out */
	int64_t end; /* 10m: the reply to the final dot */
	int64_t quit; /* 5s: QUIT, RSET before reuse takes `command` */
};

/* Everything is copied but ctx, which must outlive the session, and tlsa, which must outlive its
 * opening. */
struct smtpc_config {
	slice helo; /* our name, or an address literal */
	bool lmtp;
	enum smtpc_tls tls;
	bool tls_implicit; /* TLS from the first byte (port 465) */
	slice host; /* the peer's name: SNI, verification, reports */
	const struct dns_tlsa *tlsa; /* SMTPC_TLS_DANE: as in struct tls_want (run/tls.h) */
	size_t ntlsa;
	slice names[TLS_NAMES_MAX];
	size_t nnames;
	/* RFC 8689: a verified host may be sent mail that requires TLS, because its name is
	 * authentic (DNSSEC, MTA-STS, or set by the administrator). */
	bool authentic;
	struct tls_ctx *ctx; /* NULL: TLS is impossible */
	slice auth_user; /* empty: no AUTH. Else AUTH is required: no mechanism is a failure */
	struct secret auth_password;
	bool auth_plaintext; /* PLAIN and LOGIN also without TLS */
	bool no_chunking; /* BDAT only where nothing else will do (BINARYMIME) */
	struct smtpc_timeouts timeouts;
	instant deadline; /* nothing waits beyond it; 0: none */
};

/* Where in the session something happened; smtpc_stage_name() for logs and traces. */
enum smtpc_stage {
	SMTPC_AT_CONNECT,
	SMTPC_AT_GREETING,
	SMTPC_AT_HELO,
	SMTPC_AT_TLS,
	SMTPC_AT_AUTH,
	SMTPC_AT_MAIL,
	SMTPC_AT_RCPT,
	SMTPC_AT_DATA, /* DATA answered, or the body on its way */
	SMTPC_AT_END, /* the reply to the final dot or the last BDAT */
	SMTPC_AT_QUIT,
};
const char *smtpc_stage_name(enum smtpc_stage s);

enum smtpc_kind {
	SMTPC_OK, /* the peer has taken responsibility */
	SMTPC_TEMP, /* try later: 4xx, connection lost, timeout, garbage */
	SMTPC_PERM, /* 5xx, or it cannot be sent to this peer as it is */
	SMTPC_NEXT, /* not tried: goes into another transaction at once (recipient limits of the
		       peer) */
};
struct smtpc_result {
	enum smtpc_kind kind;
	enum smtpc_stage stage;
	int code; /* of the peer's reply; 0: there was none, text is our own */
	struct status_code status; /* the peer's, or the best guess; never 0 */
	slice text; /* "550 5.1.1 no such user": the reply on one line; or what went wrong.
		       Printable UTF-8 */
};

struct smtpc;

/* Greeting, EHLO (HELO), STARTTLS, AUTH. Takes io over. *ret is set in every case, so that
 * smtpc_info() and smtpc_failure() can tell how far it came; smtpc_close() it. -1: TEMP, PERM,
 * TIMEOUT, CLOSED, PROTO. */
int smtpc_open(struct io *io, const struct smtpc_config *cfg, struct smtpc **ret, struct err *e);
/* The same after connecting to `to` from `source` (NULL: the system chooses). */
int smtpc_connect(const struct net_addr *to, const struct net_addr *source,
	const struct smtpc_config *cfg, struct smtpc **ret, struct err *e);
/* Why smtpc_open failed, or what made the session unusable later. Valid while the session lives. */
const struct smtpc_result *smtpc_failure(const struct smtpc *s);

struct smtpc_info {
	slice host; /* as configured */
	slice banner; /* the greeting's text */
	slice ehlo; /* the name the peer gave itself, or empty */
	char ip[NET_TEXT_MAX], local_ip[NET_TEXT_MAX]; /* "" in memory */
	unsigned caps; /* enum smtp_cap */
	uint64_t size_max; /* SIZE, 0: none stated */
	unsigned rcpt_max, mail_max; /* LIMITS, 0: none stated */
	unsigned mails; /* transactions so far */
	bool tls, tls_failed; /* failed: STARTTLS or the handshake went wrong */
	enum tls_failure tls_failure; /* when failed: what a report would call it */
	bool auth;
	struct tls_info tls_info; /* when tls */
};
void smtpc_info(const struct smtpc *s, struct smtpc_info *ret);

/* ---- one mail ---- */
enum smtpc_mail_flags {
	SMTPC_8BIT = 1, /* bytes above 127 in the body: needs 8BITMIME, else PERM 5.6.3 */
	SMTPC_BINARY = 2, /* any bytes, any line length: needs BINARYMIME, else PERM 5.6.3 */
	SMTPC_UTF8 = 4, /* needs SMTPUTF8, else PERM 5.6.7 */
	SMTPC_REQUIRETLS = 8, /* needs smtpc_can_require_tls, else PERM 5.7.30 (RFC 8689) */
	SMTPC_RET_HDRS = 16,
	SMTPC_RET_FULL = 32,
};
struct smtpc_rcpt {
	slice address; /* mailbox without <>, quoted where it must be */
	slice orcpt; /* "rfc822;a@b", not xtext-encoded, or empty */
	unsigned notify; /* bits of smtp_notify (codec/smtp.h), the same as the queue's */
};
struct smtpc_mail {
	slice sender; /* without <>, empty is the null sender */
	unsigned flags;
	slice envid; /* not xtext-encoded, or empty */
	uint64_t size; /* of all the body's pieces together; 0: not known */
	const struct smtpc_rcpt *rcpts;
	size_t nrcpts;
};

/* The message: 1 with the next piece (borrowed until the next call; any cut), 0 at the end, -1.
 * Lines end with CRLF. Called at most once through. */
struct smtpc_body {
	int (*next)(void *arg, slice *ret, struct err *e);
	void *arg;
};

struct smtpc_sent {
	bool dsn; /* NOTIFY and the like were handed on: the next hop reports (RFC 3461) */
	bool chunking; /* BDAT was used */
	uint64_t bytes; /* of the body handed over */
	int64_t took; /* microseconds */
};
/*
 * One transaction. Fills ret_results[0..nrcpts); their texts live in *a. Whatever goes wrong, every
 * recipient has a result; smtpc_usable() tells whether the connection can go on. When the
 * connection breaks after the whole body went out and before the reply, the result is TEMP at
 * SMTPC_AT_END (the peer may have the mail: RFC 1047). A failure of the body source is TEMP, PERM
 * for ERR_PERM.
 */
void smtpc_send(struct smtpc *s, const struct smtpc_mail *m, struct smtpc_body body,
	struct arena *a, struct smtpc_result *ret_results, struct smtpc_sent *ret);

/* Asks about a recipient without sending (MAIL, RCPT, RSET): for callouts. */
void smtpc_probe(
	struct smtpc *s, slice sender, slice rcpt, struct arena *a, struct smtpc_result *ret);

/* Another smtpc_send may be tried: open, not told to go (421, MAILMAX), and silent while it was
 * idle. */
bool smtpc_usable(struct smtpc *s);

/* Whether mail with SMTPC_REQUIRETLS may go over it: the host is verified, its name authentic, and
 * it offers REQUIRETLS. */
bool smtpc_can_require_tls(const struct smtpc *s);

/* Polite end: QUIT, waits shortly for the answer; frees. NULL is fine. */
void smtpc_quit(struct smtpc *s);
/* Ends without a word; frees. NULL is fine. */
void smtpc_close(struct smtpc *s);
static inline void auto_smtpc(struct smtpc **s)
{
	smtpc_close(*s);
}
