/*
 * tls_ctx: the inside of a context, between tls_ctx.c, tls_ticket.c, tls_cache.c and tls.c.
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "run/tls.h"
#include <openssl/ssl.h>

/* Keys of session tickets, derived from the secret for a period of time. */
struct tls_ticket_keys {
	int64_t period;
	unsigned char name[16], aes[32], mac[32];
};

struct tls_ctx {
	unsigned refs;
	SSL_CTX *ssl;
	/* server */
	SSL_CTX *more[TLS_CERTS_MAX];
	unsigned n_more;
	struct map names; /* host name or "*.parent" -> `ssl` or one of `more` */
	unsigned char ticket_secret[32];
	struct tls_ticket_keys keys[3]; /* of the last, this and the next period */
	/* client */
	struct map sessions; /* tls_cache.c */
	struct list sessions_by_age;
};

/* Fills *e from OpenSSL's error queue. Returns -1. */
int tls_err(struct err *e, enum err_kind kind, const char *what);

void tls_ticket_init(struct tls_ctx *ctx, slice secret);

enum { TLS_CACHE_KEY_MAX = 272 };
void tls_cache_init(struct tls_ctx *ctx);
void tls_cache_done(struct tls_ctx *ctx);
/* Gives the session of an earlier connection (with a reference), or NULL. */
SSL_SESSION *tls_cache_get(struct tls_ctx *ctx, slice key);
void tls_cache_put(struct tls_ctx *ctx, slice key, SSL_SESSION *session); /* takes the reference */
size_t tls_cache_size(const struct tls_ctx *ctx);
/* tls.c: where a client's new session goes. */
int tls_on_new_session(SSL *ssl, SSL_SESSION *session);

/* tls_verify.c: whom a client expects: SNI, names and TLSA records for the check of the
 * certificate. */
int tls_expect(SSL *ssl, const struct tls_want *w, struct err *e);
/* What the check of the peer's certificate found. */
enum tls_failure tls_verdict(const SSL *ssl);
