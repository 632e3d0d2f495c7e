/*
 * auth_wire: what a server process and the auth process say to each other over their link. A login
 * is one call with the first response, further calls with the handle that came back, until the
 * answer is not AUTH_MORE; a message cancels one that is left in the middle.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum auth_op { AUTH_START = 1, AUTH_STEP, AUTH_CANCEL };
enum auth_outcome { AUTH_MORE = 1, AUTH_OK, AUTH_FAILED, AUTH_TEMP };

enum { AUTH_WIRE_MAX = 32 * 1024 };

struct auth_request {
	enum auth_op op;
	uint64_t handle; /* STEP, CANCEL */
	slice response; /* raw; START: the initial one */
	/* START only. */
	slice mech; /* "SCRAM-SHA-256" */
	bool has_initial;
	slice cb_type, cb_data; /* "tls-exporter", "tls-unique" or empty */
	slice ip; /* of the client */
	slice service; /* "smtp" */
};
void auth_request_encode(struct buf *out, const struct auth_request *r);
bool auth_request_decode(slice in, struct auth_request *ret); /* borrows from in */

struct auth_reply {
	enum auth_outcome outcome;
	uint64_t handle;
	slice challenge; /* MORE; OK: the server's last word */
	slice login; /* OK: canonical */
	slice why; /* FAILED, TEMP: for logs, never for the client */
};
void auth_reply_encode(struct buf *out, const struct auth_reply *r);
bool auth_reply_decode(slice in, struct auth_reply *ret);
