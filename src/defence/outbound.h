/*
 * outbound: own accounts that send as nobody sends who writes by hand: more recipients than they may, a volume
 * far above the account's own habit, many recipients that do not exist, spam. Found before the blocklists of
 * others find it. Beside [caps], which only slows: this suspends.
 *
 *	outbound.c	counting and judging: numbers in the key-value store, sliding hours and days
 *	outbound_conf.c	[outbound]
 *	outbound_db.c	the table of suspended senders in the queue's database: durable, lifted by an administrator
 *
 * Who: a login; in trusted networks without login "ip:ADDRESS"; an administrator may also suspend "@domain".
 * Only recipients outside count for a sudden volume: one large letter to colleagues and pupils is none.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "run/conf.h"
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
const char *outbound_why_name(enum outbound_why w); /* "sudden" ... */
const char *outbound_why_text(enum outbound_why w, bool chinese);

struct outbound_conf {
	bool enabled, addresses;
	int64_t outside_hour, outside_day, inside_hour, inside_day; /* recipients; 0: any number */
	int64_t org_outside_hour, org_outside_day;
	int64_t new_outside_day, new_for /* usec */;
	int64_t sudden_minimum, sudden_factor;
	int64_t failing_minimum, failing_percent;
	int64_t spam_minimum, spam_percent, spam_from /* percent of probability */;
	int64_t suspend_for; /* usec; 0: until lifted */
	struct conf_list exceptions;
};
extern const struct conf_section outbound_section;

/* Logins, "@domain"s and "ip:ADDRESS"es that are left alone. */
bool outbound_is_excepted(const struct outbound_conf *c, slice who);

/* ---- counting and judging; never waits, and without a store nothing is known ---- */

struct outbound {
	const struct outbound_conf *conf;
	struct kv *kv;
};
struct outbound_count { /* of one message */
	unsigned inside, outside; /* recipients */
};
struct outbound_cap {
	bool reached;
	unsigned most;
	bool outside, day, org, fresh; /* which: fresh: that of a new account */
};
/* May `who` send to what *m counts, one more of them just asked for? */
void outbound_ask(const struct outbound *o, slice who, const struct outbound_count *m,
	struct outbound_cap *ret);
/* A message was accepted. */
void outbound_sent(const struct outbound *o, slice who, const struct outbound_count *m);
/* A message was judged. */
void outbound_judged(const struct outbound *o, slice who, bool spam);

/* Is this too much? `m`: the message at hand, which is not counted yet. True: *ret_why and *ret_detail (English,
 * numbers; from *a). */
bool outbound_is_sudden(const struct outbound *o, slice who, const struct outbound_count *m,
	struct arena *a, slice *ret_detail);
bool outbound_is_spam(const struct outbound *o, slice who, struct arena *a, slice *ret_detail);
/* What came of recipients outside within an hour. */
bool outbound_is_failing(const struct outbound_conf *c, uint64_t tried, uint64_t unknown,
	struct arena *a, slice *ret_detail);

/* What is known of one, for showing. */
struct outbound_facts {
	int64_t outside_hour, outside_day, inside_hour, inside_day, messages_hour, spam_hour;
	double usual; /* recipients outside in an hour in which it sends; 0: not known */
	int64_t first_at; /* seconds since 1970; 0: nothing is known of it */
	bool fresh;
};
void outbound_facts(const struct outbound *o, slice who, struct outbound_facts *ret);

/* ---- the suspended ---- */

struct outbound_suspension {
	slice who; /* login, "@domain", "ip:ADDRESS" */
	enum outbound_why why;
	slice detail; /* "812 recipients in an hour, usually 14" */
	int64_t since, until; /* until 0: until lifted */
	slice by; /* empty: the server */
};
/* One that is there already stays, but for an administrator's word. 1: new, 0: was there, -1. */
int outbound_suspend_tx(struct sql *db, const struct outbound_suspension *s, struct err *e);
/* 1 with *ret, 0 not suspended, -1. Asks for `who` itself, and for its domain. */
int outbound_suspended(struct sql *db, slice who, int64_t now, struct arena *a,
	struct outbound_suspension *ret, struct err *e);
/* ERR_NOTFOUND */
int outbound_lift_tx(struct sql *db, slice who, struct err *e);
int outbound_each(struct sql *db, bool (*fn)(void *arg, const struct outbound_suspension *s),
	void *arg, struct err *e);

/* Recipients of `who`'s messages that wait in the queue are held, or those that were held for this are let go; at
 * most `most`. Returns how many, or -1. */
int64_t outbound_hold_tx(struct sql *db, slice who, slice by, uint64_t most, struct err *e);
int64_t outbound_release_tx(struct sql *db, slice who, slice by, uint64_t most, struct err *e);
/* How many are held for it. */
int64_t outbound_held(struct sql *db, slice who, struct err *e);
