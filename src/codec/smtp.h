/*
 * SMTP and LMTP commands as a server reads them (RFC 5321 section 4.1 and the extensions we offer).
 * Replies and capabilities as a client reads them: smtp_reply.h. The message itself: smtp_data.h.
 */
#pragma once
#include "base/arena.h"
#include "codec/address.h"
#include "codec/status.h"

enum {
	/* Longest command line with CRLF: 512 (RFC 5321 4.5.3.1.4) plus what the extensions add to
	 * RCPT (DSN 541, SMTPUTF8 paths) and MAIL (AUTH 500, SIZE 26, ENVID 107 ...), rounded up.
	 */
	SMTP_LINE_MAX = 2048,
	SMTP_AUTH_LINE_MAX = 12288, /* RFC 4954 section 4 */
	SMTP_ENVID_MAX = 100, /* RFC 3461 4.4, encoded */
	SMTP_ORCPT_MAX = 500, /* RFC 3461 4.2, encoded */
	SMTP_PARAMS_MAX = 20, /* parameters of one MAIL or RCPT */
};

enum smtp_verb {
	SMTP_UNKNOWN = 0,
	SMTP_EHLO,
	SMTP_HELO,
	SMTP_LHLO,
	SMTP_MAIL,
	SMTP_RCPT,
	SMTP_DATA,
	SMTP_BDAT,
	SMTP_RSET,
	SMTP_NOOP,
	SMTP_QUIT,
	SMTP_VRFY,
	SMTP_EXPN,
	SMTP_HELP,
	SMTP_STARTTLS,
	SMTP_AUTH,
	SMTP_XCLIENT,
	SMTP_ETRN,
	SMTP_TURN,
	SMTP_SEND, /* SEND, SOML, SAML: known, never offered (502) */
	SMTP_HTTP, /* a line of HTTP (GET, POST, ... HTTP/1.x): a web browser was sent here; hang up
		    */
	SMTP_VERBS,
};
const char *smtp_verb_name(enum smtp_verb v); /* "MAIL"; "?" for unknown */

enum smtp_fault {
	SMTP_FINE = 0,
	SMTP_FAULT_UNKNOWN, /* 500 5.5.1 no such command */
	SMTP_FAULT_CONTROL, /* 500 5.5.2 NUL, bare CR or another control character in the line */
	SMTP_FAULT_NO_ARG, /* 501 5.5.4 an argument is missing */
	SMTP_FAULT_EXTRA_ARG, /* 501 5.5.4 takes no argument */
	SMTP_FAULT_SYNTAX, /* 501 5.5.4 argument malformed: not FROM:, no brackets ... */
	SMTP_FAULT_HELO, /* 501 5.5.4 no host name or address literal */
	SMTP_FAULT_SENDER, /* 501 5.1.7 bad reverse-path; command.address_fault says how */
	SMTP_FAULT_RCPT, /* 501 5.1.3 bad forward-path */
	SMTP_FAULT_NEEDS_UTF8, /* 553 5.6.7 non-ASCII address without SMTPUTF8 (RFC 6531 3.5) */
	SMTP_FAULT_PARAM_SYNTAX, /* 501 5.5.4 not keyword[=value] */
	SMTP_FAULT_PARAM_UNKNOWN, /* 555 5.5.4 keyword not known or not offered (RFC 5321 4.1.1.11)
				   */
	SMTP_FAULT_PARAM_VALUE, /* 501 5.5.4 value malformed or out of range */
	SMTP_FAULT_PARAM_TWICE, /* 501 5.5.4 given twice */
	SMTP_FAULT_PARAM_COMBINED, /* 501 5.5.4 values exclude each other: NOTIFY=NEVER,... */
	SMTP_FAULT_PARAMS_MANY, /* 501 5.5.4 more than SMTP_PARAMS_MAX */
	SMTP_FAULTS,
};
/* The reply as written above: code, status, a text without details. */
struct smtp_answer {
	uint16_t code;
	struct status_code status;
	const char *text;
};
struct smtp_answer smtp_fault_answer(enum smtp_fault f);

/* Which extension keywords MAIL and RCPT accept: what EHLO offered to this client now. */
enum smtp_ext {
	SMTP_EXT_SIZE = 1,
	SMTP_EXT_8BITMIME = 2,
	SMTP_EXT_BINARYMIME = 4,
	SMTP_EXT_SMTPUTF8 = 8,
	SMTP_EXT_DSN = 16,
	SMTP_EXT_AUTH = 32, /* MAIL ... AUTH=; syntax is checked always, trust is the caller's */
	SMTP_EXT_REQUIRETLS = 64,
	SMTP_EXT_MT_PRIORITY = 128, /* RFC 6710 */
};

enum smtp_body { SMTP_BODY_NONE = 0, SMTP_BODY_7BIT, SMTP_BODY_8BITMIME, SMTP_BODY_BINARYMIME };
enum smtp_ret { SMTP_RET_NONE = 0, SMTP_RET_FULL, SMTP_RET_HDRS };
/* RFC 3461 4.1; the same bits as the queue's. 0: no NOTIFY was given. */
enum smtp_notify {
	SMTP_NOTIFY_NEVER = 1,
	SMTP_NOTIFY_SUCCESS = 2,
	SMTP_NOTIFY_FAILURE = 4,
	SMTP_NOTIFY_DELAY = 8
};

struct smtp_mail {
	struct address from; /* text empty: the null reverse-path */
	bool has_size;
	uint64_t size;
	enum smtp_body body;
	bool smtputf8, requiretls;
	enum smtp_ret ret;
	slice envid; /* xtext decoded */
	bool has_auth;
	slice auth; /* xtext decoded mailbox; empty for AUTH=<> */
	bool has_priority;
	int8_t priority; /* -9 .. 9 */
};

struct smtp_rcpt {
	struct address to; /* domain empty: <postmaster> */
	unsigned notify; /* bits of smtp_notify */
	slice orcpt; /* "rfc822;a@b" or "utf-8;..." decoded (RFC 3461 4.2, RFC 6533 3); or empty */
};

struct smtp_bdat { /* RFC 3030 */
	uint64_t size;
	bool last;
};

struct smtp_auth { /* RFC 4954 */
	slice mechanism; /* upper-case */
	bool has_initial; /* an initial response was given */
	slice initial; /* base64 as it came; empty when "=" was sent */
};

struct smtp_command {
	enum smtp_verb verb;
	enum smtp_fault fault;
	slice word; /* the verb as sent */
	slice arg; /* what follows it, trimmed: EHLO's name, VRFY's string, XCLIENT's attributes ...
		    */
	slice detail; /* with a fault: the keyword or the piece that is wrong */
	enum address_fault address_fault;
	bool sloppy; /* blanks behind FROM: or TO: (RFC 5321 3.3 forbids it, many do it) */
	union { /* by verb, filled when fault is SMTP_FINE */
		struct smtp_mail mail;
		struct smtp_rcpt rcpt;
		struct smtp_bdat bdat;
		struct smtp_auth auth;
	};
};

/*
 * Reads one line (without its CRLF). `ext` is what was offered; whether an address may hold UTF-8
 * is for MAIL told by its own SMTPUTF8 parameter, for RCPT (and VRFY, EXPN) by `utf8`: the
 * transaction has it. Slices point into the line or *a, and are valid as long as both.
 */
void smtp_command_parse(
	slice line, unsigned ext, bool utf8, struct arena *a, struct smtp_command *ret);

/* xtext (RFC 3461 section 4): printable ASCII but + and =, others as +HH. */
bool xtext_decode(slice in, struct arena *a, slice *ret);
void xtext_encode(struct buf *out, slice in);
/* utf-8-addr-xtext / -unitext of RFC 6533 section 3, to UTF-8. */
bool utf8_addr_decode(slice in, struct arena *a, slice *ret);
void utf8_addr_encode_xtext(struct buf *out, slice in);
