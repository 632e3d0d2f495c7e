/*
 * SMTP replies and EHLO capabilities as a client reads them (RFC 5321 4.2, 4.1.1.1).
 */
#pragma once
#include "base/buf.h"
#include "codec/status.h"

enum {
	SMTP_REPLY_LINE_MAX = 4096, /* RFC 5321 says 512; peers do send more */
	SMTP_REPLY_LINES_MAX = 200, /* of one reply; more is an attack */
	SMTP_REPLY_TEXT_MAX = 8192, /* kept text; the rest is dropped */
};

enum smtp_reply_step { SMTP_REPLY_MORE, SMTP_REPLY_DONE, SMTP_REPLY_BAD };

struct smtp_reply {
	unsigned code; /* 200 .. 599 */
	struct status_code
		status; /* from the first line; cls 0 if there was none that fits the code */
	unsigned lines;
	struct buf text; /* the lines without code and status, joined by \n; control characters made
			    '?' */
};

void smtp_reply_init(struct smtp_reply *r); /* before the first use */
void smtp_reply_start(struct smtp_reply *r); /* before each reply; keeps the memory */
void smtp_reply_done(struct smtp_reply *r);

/* Takes one line without its CRLF. BAD: not a reply, or its code changes on the way; the connection
 * is of no more use. */
enum smtp_reply_step smtp_reply_line(struct smtp_reply *r, slice line);

/* "550 5.1.1 no such user here" on one line, newlines as spaces: for logs, traces, Diagnostic-Code.
 */
void smtp_reply_print(struct buf *out, const struct smtp_reply *r);

enum smtp_cap {
	SMTP_CAP_ESMTP = 1, /* EHLO worked at all */
	SMTP_CAP_PIPELINING = 1 << 1,
	SMTP_CAP_SIZE = 1 << 2,
	SMTP_CAP_8BITMIME = 1 << 3,
	SMTP_CAP_BINARYMIME = 1 << 4,
	SMTP_CAP_CHUNKING = 1 << 5,
	SMTP_CAP_SMTPUTF8 = 1 << 6,
	SMTP_CAP_DSN = 1 << 7,
	SMTP_CAP_ENHANCED = 1 << 8, /* ENHANCEDSTATUSCODES */
	SMTP_CAP_STARTTLS = 1 << 9,
	SMTP_CAP_AUTH = 1 << 10,
	SMTP_CAP_REQUIRETLS = 1 << 11,
	SMTP_CAP_LIMITS = 1 << 12, /* RFC 9422 */
	SMTP_CAP_MT_PRIORITY = 1 << 13, /* RFC 6710 */
	SMTP_CAP_XCLIENT = 1 << 14,
	SMTP_CAP_DELIVERBY = 1 << 15,
	SMTP_CAP_ETRN = 1 << 16,
	SMTP_CAP_VRFY = 1 << 17,
	SMTP_CAP_HELP = 1 << 18,
};

enum smtp_mech { /* of AUTH */
	SMTP_MECH_PLAIN = 1,
	SMTP_MECH_LOGIN = 2,
	SMTP_MECH_CRAM_MD5 = 4,
	SMTP_MECH_SCRAM_SHA_1 = 8,
	SMTP_MECH_SCRAM_SHA_256 = 16,
	SMTP_MECH_SCRAM_SHA_256_PLUS = 32,
	SMTP_MECH_XOAUTH2 = 64,
	SMTP_MECH_OAUTHBEARER = 128,
	SMTP_MECH_EXTERNAL = 256,
	SMTP_MECH_NTLM = 512,
	SMTP_MECH_GSSAPI = 1024,
};

enum smtp_xclient_attr { /* which attributes XCLIENT offers */
	SMTP_XCLIENT_NAME = 1,
	SMTP_XCLIENT_ADDR = 2,
	SMTP_XCLIENT_PORT = 4,
	SMTP_XCLIENT_PROTO = 8,
	SMTP_XCLIENT_HELO = 16,
	SMTP_XCLIENT_LOGIN = 32,
	SMTP_XCLIENT_DESTADDR = 64,
	SMTP_XCLIENT_DESTPORT = 128,
};

struct smtp_caps {
	unsigned caps; /* bits of smtp_cap */
	unsigned mechs; /* bits of smtp_mech */
	unsigned xclient; /* bits of smtp_xclient_attr */
	uint64_t size; /* SIZE's limit; 0: none told */
	unsigned mail_max; /* LIMITS MAILMAX, RCPTMAX, RCPTDOMAINMAX; 0: none told */
	unsigned rcpt_max;
	unsigned rcpt_domain_max;
};

/* From a complete 250 reply to EHLO or LHLO. Unknown keywords are ignored, malformed arguments as
 * if not given (RFC 9422 4.1 for LIMITS). */
void smtp_caps_parse(const struct smtp_reply *r, struct smtp_caps *ret);
