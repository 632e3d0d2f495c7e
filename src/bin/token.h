/*
 * token: links in digests and notices: (item, recipient, verb, until when, for whom), and an HMAC over them by the
 * keys process (TOKEN_SECRET). Good for that one thing alone, for nobody and nothing else; whoever opens it by GET
 * changes nothing. Links that were sent before the secret was renewed work until it is renewed again.
 */
#pragma once
#include "bin/quarantine_act.h"

#define TOKEN_SECRET "links"

struct keys_client;
struct token {
	enum quarantine_verb verb;
	enum quarantine_role role;
	msg_id id; /* 0, with the verb PREVIEW: the list of all that is held for `who` */
	int32_t idx; /* -1: all recipients (approvers) */
	int64_t until; /* wall; kept in whole seconds */
	slice who; /* address it was written to: acts in its name */
};
enum { TOKEN_TEXT_MAX = 700, TOKEN_WHO_MAX = 400 };
/* Letters, digits, '-' and '_'. ERR_LIMIT (who is too long), ERR_TEMP. In a coroutine. */
int token_make(struct keys_client *k, const struct token *t, struct buf *out, struct err *e);
/* ERR_PROTO: no token, or altered; ERR_TIMEOUT: its time is over (then *ret is filled all the same, to tell
 * what it was for); ERR_TEMP. Strings from *a. */
int token_read(struct keys_client *k, slice text, int64_t now, struct arena *a, struct token *ret,
	struct err *e);
/* What proves that a form comes from a page of ours which was made for this token: a second HMAC over its text,
 * never part of a link. TOKEN_PROOF characters. */
enum { TOKEN_PROOF = 27 };
int token_proof(struct keys_client *k, slice text, struct buf *out, struct err *e);
/* ERR_DENIED: it is not; ERR_TEMP. */
int token_proof_check(struct keys_client *k, slice text, slice proof, struct err *e);
