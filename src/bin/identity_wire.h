/*
 * identity_wire: what the auth process, and the command line through it, ask the identity process: whether a directory server takes a password,
 * whose a token is. The answer to a token is an address; which account that is, and what it may, auth decides.
 */
#pragma once
#include "base/buf.h"
#include "base/slice.h"

enum identity_op { IDENTITY_BIND = 1, IDENTITY_TOKEN };
enum identity_outcome { IDENTITY_YES = 1, IDENTITY_NO, IDENTITY_TEMP };
enum { IDENTITY_WIRE_MAX = 32 * 1024 };

struct identity_request {
	enum identity_op op;
	slice login; /* BIND: the account's address */
	slice id; /* BIND: whom the directory knows it by (store/external.h) */
	slice secret; /* password or token */
};
void identity_request_encode(struct buf *out, const struct identity_request *r);
bool identity_request_decode(slice in, struct identity_request *ret);

struct identity_reply {
	enum identity_outcome outcome;
	slice login; /* TOKEN: the address in it */
	slice why; /* NO, TEMP: for logs */
};
void identity_reply_encode(struct buf *out, const struct identity_reply *r);
bool identity_reply_decode(slice in, struct identity_reply *ret);
