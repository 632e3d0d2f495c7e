/*
 * outbound: own accounts that send as nobody sends who writes by hand: caps a period, a volume far above
 * the account's own habit, many recipients that do not exist. Found before the blocklists of others find it.
 * The table of suspended senders is in the queue's database: durable, lifted by an administrator.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "store/kv.h"
#include "store/sql.h"

enum outbound_why { /* numbers are stored */
	OUTBOUND_CAP =
		1, /* recipients an hour or a day: only what is too much is refused, no suspension */
	OUTBOUND_SUDDEN = 2, /* many times what is usual for the account */
	OUTBOUND_FAILING = 3, /* most recipients do not exist */
	OUTBOUND_SPAM = 4, /* what it sends is judged to be spam, again and again */
	OUTBOUND_ADMIN = 5, /* an administrator said so */
};
struct outbound_suspension {
	slice who; /* login, or "@domain" */
	enum outbound_why why;
	slice detail; /* "812 recipients in 10 minutes, usually 14 an hour" */
	int64_t since, until; /* until 0: until lifted */
	slice by;
};
int outbound_suspend_tx(struct sql *db, const struct outbound_suspension *s, struct err *e);
/* 1 with *ret, 0 not suspended, -1. */
int outbound_suspended(struct sql *db, slice who, int64_t now, struct arena *a,
	struct outbound_suspension *ret, struct err *e);
int outbound_lift_tx(struct sql *db, slice who, struct err *e);
int outbound_each(struct sql *db, bool (*fn)(void *arg, const struct outbound_suspension *s),
	void *arg, struct err *e);
