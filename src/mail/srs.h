/*
 * srs: the Sender Rewriting Scheme (by Meng Weng Wong and Shevek): forwarded mail gets an envelope
 * sender of ours, so that SPF passes at the next hop, and what bounces finds its way back to the
 * true sender. Only who has the secret can make such an address, and it is good for some weeks.
 *
 *	alice@example.net       forwarded here: SRS0=HHHH=TT=example.net=alice@ours.example
 *	SRS0=..@first.example   forwarded by us as second: SRS1=HHHH=first.example==..@ours.example
 *
 * Pure: time and the secret come from the caller.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "run/conf.h"

enum {
	SRS_HASH_WRITE = 6, /* characters of the hash: 30 bits */
	SRS_DAYS = 1024, /* the timestamp's period: base32, two characters */
	SRS_LOCAL_MAX = 500, /* bytes of a local part that is read */
};

struct srs_conf {
	bool rewrite;
	slice domain;
	int64_t valid; /* usec */
	int64_t bounces; /* accepted for one address within a day */
};
extern const struct conf_section srs_section;

#define SRS_SECRET "srs" /* its name in the keyring */

struct srs {
	/* HMAC-SHA-256 by the secret; old: by the one before (ERR_NOTFOUND: none). May wait. */
	int (*hmac)(void *arg, bool old, slice text, unsigned char ret[32], struct err *e);
	void *arg;
	slice domain; /* of rewritten addresses; empty: the forwarding address's own */
	unsigned valid_days; /* 1 .. 365 */
};

/* Does it look like a rewritten address (of anyone)? Cheap, before anything is asked. */
bool srs_is(slice address);

/* The sender to use when `sender` is forwarded through an address of `domain`. Untouched: the null
 * sender. ERR_LIMIT: it would be too long for RFC 5321's path (256); else what hmac says. */
int srs_forward(const struct srs *s, slice sender, slice domain, int64_t now, struct arena *a,
	slice *ret, struct err *e);

/* Back: the address that `address` stands for. ERR_NOTFOUND: not of this form; ERR_DENIED: forged
 * or expired, with the reason; else what hmac says. */
int srs_reverse(const struct srs *s, slice address, int64_t now, struct arena *a, slice *ret,
	struct err *e);
