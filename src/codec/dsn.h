/*
 * Delivery status notifications (RFC 3461, RFC 3464, RFC 6522, RFC 6533): bounces, delay warnings
 * and success reports, readable in Chinese and English. Whether one may be sent is decided in
 * mail/bounce.
 */
#pragma once
#include "base/buf.h"
#include "codec/status.h"

enum {
	DSN_ORIGINAL_MAX = 1024 * 1024, /* a longer original is returned as its header */
	DSN_HEADERS_MAX = 64 * 1024, /* of a returned header */
	DSN_DIAGNOSTIC_MAX = 1000, /* of one recipient's remote reply */
	DSN_RCPTS_MAX = 500, /* listed; the text counts the others */
	DSN_MESSAGE_MAX = 8 * 1024 * 1024, /* limit for the buf given to dsn_build */
};

enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };

struct dsn_rcpt {
	enum dsn_action action;
	slice address; /* final recipient, without <> */
	slice orcpt; /* "rfc822;a@b" decoded, or empty */
	struct status_code status;
	struct status_code cause; /* what kept it when its time ran out; class 0: none */
	slice remote_mta; /* host that answered, or empty: the fault was found here */
	slice diagnostic; /* its reply "550 5.1.1 ...", or our own reason when remote_mta is empty
			   */
	int64_t last_attempt; /* wall; 0: none */
	int64_t retry_until; /* wall; 0: none; for DSN_DELAYED */
};

struct dsn_facts {
	slice reporting_mta; /* our host name */
	slice from; /* "mailer-daemon@example.com" */
	slice to; /* original sender, never empty */
	slice id; /* our id of the message; seeds Message-ID and the boundary */
	slice dsn_id; /* unique id of this notification */
	slice envid; /* decoded, or empty */
	slice subject; /* of the original, decoded, or empty */
	slice original_message_id; /* with <>, or empty: for References */
	int64_t arrived_at, now; /* wall */
	const struct dsn_rcpt *rcpts;
	size_t nrcpts;
	/* The original as stored: whole (with `full`), or its beginning. */
	slice original;
	bool full; /* return all of it: RET=FULL and not too large */
};

struct dsn_needs { /* what the finished message asks of its next hop */
	bool eightbit, smtputf8;
};

/* Its subject, decoded; stands in the header and in lists. */
void dsn_subject(struct buf *out, const struct dsn_facts *f);

/* The whole message, header first, CRLF lines. False when *out's limit was reached. */
bool dsn_build(struct buf *out, const struct dsn_facts *f, struct dsn_needs *ret);
