/*
 * rate: how often something has happened lately, over all edge processes: counters in shared memory
 * beside bin/census, without locks. A window slides: the last whole one counts in proportion to
 * what of it still lies inside. Bounded: when the table is full, what is old or rare gives way.
 *
 * Windows of an hour at most are here and live as long as the master does (a reload keeps them);
 * days are in the key-value store and survive a restart. Approximate on purpose.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"
#include "base/time.h"
#include "run/net.h"

struct kv;

enum rate_kind {
	RATE_CONNECTIONS, /* a minute */
	RATE_NETWORK, /* connections of a network, a minute */
	RATE_MESSAGES, /* a minute */
	RATE_SENDER_MESSAGES, /* 15 minutes */
	RATE_SENDER_RCPTS,
	RATE_SENDER_MESSAGES_DAY, /* a day, in the store */
	RATE_SENDER_RCPTS_DAY,
	RATE_COMMANDS, /* an hour */
	RATE_ERRORS,
	RATE_AUTH_FAILURES,
	RATE_UNKNOWN_RCPTS,
	RATE_GOOD_RCPTS,
	RATE_OFFENCES,
	RATE_LOGINS, /* successful ones of an address, an hour */
	RATE_TRACES, /* refusals of a network written to the trace, an hour */
	RATE_LOGIN_MESSAGES, /* 15 minutes, of a login */
	RATE_LOGIN_RCPTS,
	RATE_LOGIN_MESSAGES_DAY,
	RATE_LOGIN_RCPTS_DAY,
	RATE_ORG_MESSAGES, /* 15 minutes, of all logins of a domain */
	RATE_ORG_RCPTS,
	RATE_ORG_MESSAGES_DAY,
	RATE_ORG_RCPTS_DAY,
	RATE_WEB_REQUESTS, /* a minute, of an address */
	RATE_WEB_BAD, /* an hour: links that are none, logins that failed */
	RATE_WEB_REPORTS, /* an hour, of a login */
	RATE_WEB_DIGESTS, /* an hour: asked for by a page, of a name */
	RATE_KINDS
};

/* The table's memory. In the master. */
int rates_create(int *ret_fd, struct err *e);

struct rates;
/* Maps it; fd -1: a table of this process alone. kv may be NULL: days count nothing. */
int rates_open(int fd, struct kv *kv, struct rates **ret, struct err *e);
void rates_close(struct rates *r);
void rates_set_kv(struct rates *r, struct kv *kv); /* when it is opened later */
/* For tests: seconds, in place of the clock. NULL: the clock again. */
void rates_set_clock(struct rates *r, int64_t (*now)(void));

void rates_add(struct rates *r, enum rate_kind kind, slice key, int64_t n);
int64_t rates_get(struct rates *r, enum rate_kind kind, slice key);
/* Both: adds, and tells what it is now. */
int64_t rates_count(struct rates *r, enum rate_kind kind, slice key, int64_t n);

/* What is counted together: an IPv4 address or an IPv6 /64; a /24 or a /48. */
enum { RATE_KEY_MAX = 24 };
slice rate_key_address(const struct net_addr *a, char out[RATE_KEY_MAX]);
slice rate_key_network(const struct net_addr *a, char out[RATE_KEY_MAX]);
