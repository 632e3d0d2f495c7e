/*
 * Sessions that a client may resume, by host and way of verification; the oldest makes room.
 */
#include "run/tls_ctx.h"

#include "base/mem.h"

enum { SESSIONS_MAX = 500 };

struct cached {
	struct list by_age;
	SSL_SESSION *session;
	size_t n;
	char key[];
};

void tls_cache_init(struct tls_ctx *ctx)
{
	list_init(&ctx->sessions_by_age);
	SSL_CTX_set_session_cache_mode(
		ctx->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx->ssl, tls_on_new_session);
}

static void drop(struct tls_ctx *ctx, struct cached *c)
{
	map_remove(&ctx->sessions, slice_of(c->key, c->n));
	list_remove(&c->by_age);
	SSL_SESSION_free(c->session);
	free(c);
}

void tls_cache_done(struct tls_ctx *ctx)
{
	list_each(l, &ctx->sessions_by_age)
		drop(ctx, list_entry(l, struct cached, by_age));
	map_done(&ctx->sessions);
}

SSL_SESSION *tls_cache_get(struct tls_ctx *ctx, slice key)
{
	struct cached *c = map_get(&ctx->sessions, key);
	if (!c)
		return NULL;
	SSL_SESSION *s = SSL_SESSION_is_resumable(c->session) ? c->session : NULL;
	if (s)
		SSL_SESSION_up_ref(s);
	/* TLS 1.3 tickets are for one use (RFC 8446 C.4); the next connection brings a new one. */
	if (!s || SSL_SESSION_get_protocol_version(s) >= TLS1_3_VERSION)
		drop(ctx, c);
	return s;
}

void tls_cache_put(struct tls_ctx *ctx, slice key, SSL_SESSION *session)
{
	struct cached *old = map_get(&ctx->sessions, key);
	if (old)
		drop(ctx, old);
	if (ctx->sessions.n >= SESSIONS_MAX)
		drop(ctx, list_entry(ctx->sessions_by_age.next, struct cached, by_age));
	struct cached *c = mem_alloc(sizeof *c + key.n);
	c->session = session;
	c->n = key.n;
	memcpy(c->key, key.p, key.n);
	list_append(&ctx->sessions_by_age, &c->by_age);
	map_put(&ctx->sessions, key, c);
}

size_t tls_cache_size(const struct tls_ctx *ctx)
{
	return ctx->sessions.n;
}
