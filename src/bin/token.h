/*
 * token: links in digests and notices: (item, recipient, verb, until when), and an HMAC over them by the keys process
 * (secret "links"). Good for that one thing alone, for nobody and nothing else; whoever opens it by GET changes nothing.
 */
#pragma once
#include "bin/quarantine_act.h"

struct keys_client;
struct token {
	enum quarantine_verb verb;
	enum quarantine_role role;
	msg_id id;
	int32_t idx; /* -1: all recipients (approvers) */
	int64_t until; /* wall */
	slice who; /* address it was written to: acts in its name */
};
enum { TOKEN_TEXT_MAX = 700 };
/* Letters, digits, '-' and '_'. In a coroutine. */
int token_make(struct keys_client *k, const struct token *t, struct buf *out, struct err *e);
/* ERR_PROTO: no token, or altered; ERR_TIMEOUT: its time is over; ERR_TEMP. Strings from *a. */
int token_read(struct keys_client *k, slice text, int64_t now, struct arena *a, struct token *ret,
	struct err *e);
