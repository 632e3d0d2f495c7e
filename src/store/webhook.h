/*
 * webhook: messages to programs of others by HTTPS, that people's scripts ask for (RFC 5435 with an https URI): a table of the
 * queue's database, written in the transaction that ends the delivery, so that each is sent if and only if the letter came. The
 * queue process posts them (bin/queue_webhook.c), again and again for a day, beside the mail.
 */
#pragma once
#include "base/arena.h"
#include "store/sql.h"

enum {
	WEBHOOK_URL_MAX = 2000,
	WEBHOOK_BODY_MAX = 16 * 1024,
	WEBHOOK_WAITING_MAX = 20000, /* more are left out: news, not mail */
	WEBHOOK_ACCOUNT_MAX = 200, /* of one account, likewise */
};
struct webhook {
	int64_t seq; /* row; 0 when added */
	int64_t account_id;
	slice url; /* https://... */
	slice body; /* JSON */
	int64_t made_at, next_at; /* wall */
	int64_t tries;
};
extern const char webhook_schema_up[], webhook_schema_down[];
struct webhook webhook_copy(const struct webhook *w, struct arena *a);
/* 0 also when it is left out. ERR_LIMIT: too long. */
int webhook_add_tx(struct sql *db, const struct webhook *w, struct err *e);
/* Those that are due, the longest waiting first; of one account's to one URL only the oldest: the others wait for it. *ret_next_at: when the
 * next one is; INT64_MAX: none. */
int webhook_due(struct sql *db, int64_t now, size_t most, struct arena *a, struct webhook **ret,
	size_t *ret_n, int64_t *ret_next_at, struct err *e);
int webhook_later_tx(struct sql *db, int64_t seq, int64_t next_at, struct err *e);
int webhook_done_tx(struct sql *db, int64_t seq, struct err *e);
