/*
 * auth_wire: what a server process and the auth process say to each other over their link. A login
 * is one call with the first response, further calls with the handle that came back, until the
 * answer is neither AUTH_MORE nor AUTH_CODE; a message cancels one that is left in the middle.
 *
 * A session that lasts asks again whether it may: AUTH_STILL with what its login rested on
 * (`grant`). The first word of the question is the version that the last answer named: when nothing
 * has changed since, the answer is that and nothing else, so asking every second costs nothing.
 *
 *	AUTH_OK         in. account_id is 0 for nobody
 *	AUTH_FAILED     unknown, wrong, disabled, locked out, banned: the client hears the same words for all
 *	AUTH_EXPIRED    right, but the password must be changed first; not in. `say` is for the client:
 *	                IMAP [EXPIRED], POP3 [AUTH], SMTP 535 5.7.13 ... with these words
 *	AUTH_NOT_HERE   right, but this account, or this password, may not use this service; not in. `say`
 *	                likewise: IMAP [CONTACTADMIN], POP3 [AUTH], SMTP 535 5.7.13
 *	AUTH_CODE       right so far; the second factor's code is asked for: AUTH_STEP with the digits.
 *	                Only who set `can_code` hears this; to others such an account is NOT_HERE
 *	AUTH_TEMP       cannot be told now: IMAP [UNAVAILABLE], POP3 [SYS/TEMP], SMTP 454 4.7.0
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum auth_op { AUTH_START = 1, AUTH_STEP, AUTH_CANCEL, AUTH_STILL };
enum auth_outcome {
	AUTH_MORE = 1,
	AUTH_OK,
	AUTH_FAILED,
	AUTH_TEMP,
	AUTH_EXPIRED,
	AUTH_NOT_HERE,
	AUTH_CODE,
};

enum {
	AUTH_WIRE_MAX = 32 * 1024,
	AUTH_STILL_MAX = 512, /* sessions in one AUTH_STILL */
	AUTH_STILL_LOGIN = 128, /* bytes of its address that a session tells */
};

struct auth_request {
	enum auth_op op;
	uint64_t handle; /* STEP, CANCEL */
	slice response; /* raw; START: the initial one */
	/* START only. */
	slice mech; /* "SCRAM-SHA-256" */
	bool has_initial;
	bool can_code; /* can ask the person for a code: pages */
	bool secure; /* over TLS: the login log says so */
	slice cb_type, cb_data; /* "tls-exporter", "tls-unique" or empty */
	slice ip; /* of the client */
	slice service; /* "smtp", "imap", "pop3", "sieve", "web", "dav", "eas" */
	slice client; /* what it calls itself: EHLO name, IMAP ID; may be empty */
};
void auth_request_encode(struct buf *out, const struct auth_request *r);
bool auth_request_decode(slice in, struct auth_request *ret); /* borrows from in */

struct auth_reply {
	enum auth_outcome outcome;
	uint64_t handle;
	slice challenge; /* MORE; OK: the server's last word */
	slice login; /* OK: canonical address */
	slice why; /* FAILED, TEMP, EXPIRED, NOT_HERE: for logs, never for the client */
	slice say; /* EXPIRED, NOT_HERE: for the client, English, one line */
	int64_t account_id; /* OK */
	slice how; /* OK: "password", "scram", "app:LABEL", "oauth", "ldap" */
	uint64_t grant; /* OK: what the login rests on, for AUTH_STILL */
	bool hang_up; /* FAILED: this network is locked out or banned: close the connection */
};
void auth_reply_encode(struct buf *out, const struct auth_reply *r);
bool auth_reply_decode(slice in, struct auth_reply *ret);

/* Whether logins still hold: the account is there, not disabled, suspended or removed, may use the
 * service, and the password, application password or token that it came in with is still good. */
struct auth_still {
	int64_t account_id;
	uint64_t grant;
	slice service;
	slice login; /* the address, or as much of it: another one since, and the login does not hold */
};
void auth_still_encode(struct buf *out, uint64_t version, const struct auth_still *v, size_t n);
/* The answer: nothing has changed (*ret_same), or which ones are over: bit i of ret_over[i / 8]. When
 * `version` was 0 or old, all were looked at. False: malformed (TEMP on the link is an err of the call). */
bool auth_still_read(slice answer, size_t n, bool *ret_same, uint64_t *ret_version,
	unsigned char ret_over[AUTH_STILL_MAX / 8]);

/* The auth process's side. */
bool auth_still_decode(
	slice in, struct arena *a, uint64_t *ret_version, struct auth_still **ret, size_t *ret_n);
void auth_still_answer(
	struct buf *out, bool same, uint64_t version, const unsigned char *over, size_t n);
