/*
 * keys_client: the asking end of the keys process, for edge and queue: a struct signer, and HMACs
 * by named secrets. Lists of keys are remembered for some seconds; signatures are always asked for.
 * Calls wait for the process when it is being restarted, up to the time given. In a coroutine.
 */
#pragma once
#include "bin/keys_wire.h"
#include "mail/srs.h"
#include "run/link.h"

enum {
	KEYS_CLIENT_CACHE_S = 10,
	KEYS_CLIENT_DOMAINS_MAX = 10000, /* remembered */
};

struct keys_client;
/* The link is borrowed. wait: usec of one call at most. */
struct keys_client *keys_client_new(struct link *l, int64_t wait);
void keys_client_set_wait(struct keys_client *c, int64_t wait);
void keys_client_free(struct keys_client *c); /* no calls may be under way; NULL is fine */

/* The functions of this signer return ERR_TEMP or ERR_TIMEOUT when the process is away. */
struct signer keys_client_signer(struct keys_client *c);

/* HMAC-SHA-256 of the text by a named secret. old: by the one before the last renewal, ERR_NOTFOUND
 * when there is none. */
int keys_client_hmac(struct keys_client *c, slice secret, bool old, slice text,
	unsigned char ret[32], struct err *e);

/* Sender rewriting as configured, by the secret SRS_SECRET. Strings from *a. */
struct srs keys_client_srs(struct keys_client *c, const struct srs_conf *conf, struct arena *a);
