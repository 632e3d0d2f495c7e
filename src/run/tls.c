/*
 * A TLS session as an io over another io's implementation. OpenSSL reads and writes through a BIO
 * that calls the io_ops below; when those would have to wait, the coroutine waits down there. So
 * it runs over sockets and over memory alike.
 */
#include "run/tls.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/tls_ctx.h"
#include <openssl/err.h>

struct tls {
	SSL *ssl;
	struct tls_ctx *ctx;
	const struct io_ops *below;
	void *below_self;
	struct err *e; /* of the call under way */
	bool below_failed; /* *e was filled by the ops below */
	bool below_ended;
	bool broken; /* no close_notify any more */
	enum io_dir waits[2]; /* what reading and writing really wait for */
	uint16_t n_key;
	char key[]; /* client: of the session cache; empty: not cached */
};

/* ---- the way down */

static int bio_read(BIO *bio, char *to, int n)
{
	struct tls *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	ssize_t got = t->below->read(t->below_self, to, (size_t)n, t->e);
	if (got == IO_AGAIN)
		BIO_set_retry_read(bio);
	t->below_failed = got == -1;
	t->below_ended = got == 0;
	return got >= 0 ? (int)got : -1;
}

static int bio_write(BIO *bio, const char *from, int n)
{
	struct tls *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	ssize_t put = t->below->write(t->below_self, slice_of(from, (size_t)n), t->e);
	if (put == IO_AGAIN)
		BIO_set_retry_write(bio);
	t->below_failed = put == -1;
	return put >= 0 ? (int)put : -1;
}

static long bio_ctrl(BIO *bio, int command, long n, void *p)
{
	(void)n, (void)p;
	struct tls *t = BIO_get_data(bio);
	if (command == BIO_CTRL_EOF)
		return t->below_ended;
	return command == BIO_CTRL_FLUSH;
}

static BIO *new_bio(struct tls *t)
{
	static BIO_METHOD *method;
	if (!method) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "io");
		must(method != NULL);
		BIO_meth_set_read(method, bio_read);
		BIO_meth_set_write(method, bio_write);
		BIO_meth_set_ctrl(method, bio_ctrl);
	}
	BIO *bio = BIO_new(method);
	must(bio != NULL);
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	return bio;
}

/* ---- results of SSL_ calls */

static void begin(struct tls *t, struct err *e)
{
	t->e = e;
	t->below_failed = false;
	ERR_clear_error();
}

static int fail(struct tls *t, struct err *e)
{
	t->broken = true;
	if (t->below_failed)
		return -1;
	long verdict = SSL_get_verify_result(t->ssl);
	bool refused = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
	tls_err(e, refused ? ERR_DENIED : ERR_PROTO, "TLS");
	return refused ? err_set(e, ERR_DENIED, "TLS: certificate not trusted: %s",
				 X509_verify_cert_error_string(verdict))
		       : -1;
}

/* What a call for `dir` that returned r <= 0 means: 0 end, -1, IO_AGAIN. */
static int outcome(struct tls *t, int r, enum io_dir dir, struct err *e)
{
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		t->waits[dir] = IO_IN;
		return IO_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		t->waits[dir] = IO_OUT;
		return IO_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		if (!t->below_failed)
			err_set(e, ERR_CLOSED, "TLS: connection closed");
		t->broken = true;
		return -1;
	default:
		return fail(t, e);
	}
}

/* ---- io_ops */

static ssize_t tls_read(void *self, char *to, size_t n, struct err *e)
{
	struct tls *t = self;
	size_t got;
	begin(t, e);
	int r = SSL_read_ex(t->ssl, to, n, &got);
	return r == 1 ? (ssize_t)got : outcome(t, r, IO_IN, e);
}

static ssize_t tls_write(void *self, slice s, struct err *e)
{
	struct tls *t = self;
	size_t put;
	begin(t, e);
	int r = SSL_write_ex(t->ssl, s.p, s.n, &put);
	if (r == 1)
		return (ssize_t)put;
	r = outcome(t, r, IO_OUT, e);
	return r == 0 ? err_set(e, ERR_CLOSED, "TLS: connection closed") : r;
}

static int tls_wait(void *self, enum io_dir dir, instant deadline, struct err *e)
{
	struct tls *t = self;
	return t->below->wait(t->below_self, t->waits[dir], deadline, e);
}

static bool tls_ready(void *self)
{
	struct tls *t = self;
	return SSL_has_pending(t->ssl) || t->below->ready(t->below_self);
}

static void tls_close(void *self, bool clean)
{
	struct tls *t = self;
	struct err ignored;
	begin(t, &ignored);
	if (clean && !t->broken)
		SSL_shutdown(t->ssl);
	t->below->close(t->below_self, clean);
	SSL_free(t->ssl);
	tls_ctx_unref(t->ctx);
	free(t);
}

static int tls_fd(const void *self)
{
	const struct tls *t = self;
	return t->below->fd(t->below_self);
}

static const struct io_ops tls_ops = {
	.read = tls_read,
	.write = tls_write,
	.wait = tls_wait,
	.ready = tls_ready,
	.close = tls_close,
	.fd = tls_fd,
};

bool tls_active(const struct io *io)
{
	return io_ops_of(io) == &tls_ops;
}

/* ---- handshakes */

/* Puts TLS between the io and what is below it; nothing has been sent yet. */
static struct tls *wrap(struct io *io, struct tls_ctx *ctx, slice key, struct err *e)
{
	must(!tls_active(io));
	if (io_flush(io, e) < 0)
		return NULL;
	if (io_peek(io).n > 0) {
		err_set(e, ERR_PROTO, "%zu bytes of plain text before the TLS handshake",
			io_peek(io).n);
		return NULL;
	}
	struct tls *t = mem_alloc(sizeof *t + key.n);
	t->below = io_ops_of(io);
	t->below_self = io_self(io, t->below);
	t->broken = true; /* until the handshake is over */
	t->waits[IO_IN] = IO_IN;
	t->waits[IO_OUT] = IO_OUT;
	t->n_key = (uint16_t)key.n;
	if (key.n > 0)
		memcpy(t->key, key.p, key.n);
	t->ctx = ctx;
	ctx->refs++;
	t->ssl = SSL_new(ctx->ssl);
	must(t->ssl != NULL);
	SSL_set_app_data(t->ssl, t);
	BIO *bio = new_bio(t);
	SSL_set_bio(t->ssl, bio, bio);
	io_replace(io, &tls_ops, t);
	return t;
}

static int shake_hands(struct tls *t, instant deadline, struct err *e)
{
	for (;;) {
		begin(t, e);
		int r = SSL_do_handshake(t->ssl);
		if (r == 1) {
			t->broken = false;
			return 0;
		}
		r = outcome(t, r, IO_IN, e);
		if (r == 0)
			return err_set(e, ERR_CLOSED, "TLS: connection closed in the handshake");
		if (r < 0 && r != IO_AGAIN)
			return -1;
		if (t->below->wait(t->below_self, t->waits[IO_IN], deadline, e) < 0)
			return -1;
	}
}

int tls_accept(struct io *io, struct tls_ctx *ctx, struct err *e)
{
	struct tls *t = wrap(io, ctx, (slice){0}, e);
	if (!t)
		return -1;
	SSL_set_accept_state(t->ssl);
	return shake_hands(t, io_deadline(io), e);
}

static void offer_session(struct tls *t)
{
	if (t->n_key == 0)
		return;
	SSL_SESSION *s = tls_cache_get(t->ctx, slice_of(t->key, t->n_key));
	if (s)
		SSL_set_session(t->ssl, s);
	SSL_SESSION_free(s);
}

int tls_on_new_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *t = SSL_get_app_data(ssl);
	if (t->n_key == 0)
		return 0;
	tls_cache_put(t->ctx, slice_of(t->key, t->n_key), session);
	return 1; /* the reference is taken */
}

/* The verification is part of the key: resuming checks nothing again. By TLSA records nothing is
 * resumed: they may have changed meanwhile. */
static size_t cache_key(const struct tls_want *w, char key[TLS_CACHE_KEY_MAX])
{
	if (w->host.n == 0 || w->host.n >= TLS_CACHE_KEY_MAX || w->verify == TLS_VERIFY_DANE)
		return 0;
	key[0] = (char)('0' + w->verify);
	for (size_t i = 0; i < w->host.n; i++)
		key[i + 1] = ascii_lower(w->host.p[i]);
	return w->host.n + 1;
}

static int connect_as(struct io *io, struct tls_ctx *ctx, const struct tls_want *w,
	struct tls **ret, struct err *e)
{
	char key[TLS_CACHE_KEY_MAX];
	struct tls *t = wrap(io, ctx, slice_of(key, cache_key(w, key)), e);
	if (!t || tls_expect(t->ssl, w, e) < 0)
		return -1;
	*ret = t;
	SSL_set_verify(
		t->ssl, w->verify == TLS_OPPORTUNISTIC ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (w->verify == TLS_OPPORTUNISTIC)
		SSL_set_security_level(t->ssl, 0); /* weak is better than plain text */
	SSL_set_connect_state(t->ssl);
	offer_session(t);
	return shake_hands(t, io_deadline(io), e);
}

int tls_connect_as(struct io *io, struct tls_ctx *ctx, const struct tls_want *w,
	enum tls_failure *ret_why, struct err *e)
{
	struct tls *t = NULL;
	if (connect_as(io, ctx, w, &t, e) == 0)
		return 0;
	*ret_why = t && e->kind == ERR_DENIED ? tls_verdict(t->ssl) : TLS_FAIL_VALIDATION;
	return -1;
}

int tls_connect(struct io *io, struct tls_ctx *ctx, slice host, enum tls_verify v, struct err *e)
{
	const struct tls_want w = {.host = host, .verify = v};
	struct tls *t;
	must(v != TLS_VERIFY_DANE);
	return connect_as(io, ctx, &w, &t, e);
}

/* ---- what came of it */

static void copy_peer_cn(const X509 *cert, char to[128])
{
	if (X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, to, 128) < 0)
		to[0] = 0;
}

void tls_get_info(const struct io *io, struct tls_info *ret)
{
	const struct tls *t = io_self(io, &tls_ops);
	*ret = (struct tls_info){.version = "", .cipher = ""};
	if (!t)
		return;
	const X509 *peer = SSL_get0_peer_certificate(t->ssl);
	ret->version = SSL_get_version(t->ssl);
	ret->cipher = SSL_get_cipher_name(t->ssl);
	ret->bits = SSL_get_cipher_bits(t->ssl, NULL);
	ret->resumed = SSL_session_reused(t->ssl);
	ret->verified = peer && SSL_get_verify_result(t->ssl) == X509_V_OK;
	ret->dane = ret->verified && SSL_get0_dane_authority(t->ssl, NULL, NULL) >= 0;
	ret->failure = ret->verified ? TLS_FAIL_NONE : tls_verdict(t->ssl);
	if (ret->verified && SSL_is_server(t->ssl))
		copy_peer_cn(peer, ret->peer_cn);
}

/* RFC 9266: an exporter value of 32 bytes with an empty context. */
static bool exporter_binding(SSL *ssl, char ret_data[64], size_t *ret_n)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	*ret_n = 32;
	return SSL_export_keying_material(ssl, (unsigned char *)ret_data, *ret_n, label,
		       sizeof label - 1, (const unsigned char *)"", 0, 1) == 1;
}

/* RFC 5929 3: the first Finished message of the handshake: the client's, in a resumed one the
 * server's. */
static bool unique_binding(SSL *ssl, char ret_data[64], size_t *ret_n)
{
	bool server = SSL_is_server(ssl), resumed = SSL_session_reused(ssl);
	*ret_n = server != resumed ? SSL_get_peer_finished(ssl, ret_data, 64)
				   : SSL_get_finished(ssl, ret_data, 64);
	return *ret_n > 0 && *ret_n <= 64;
}

bool tls_channel_binding(
	const struct io *io, const char **ret_type, char ret_data[64], size_t *ret_n)
{
	const struct tls *t = io_self(io, &tls_ops);
	if (!t || t->broken)
		return false;
	if (SSL_version(t->ssl) >= TLS1_3_VERSION) {
		*ret_type = "tls-exporter";
		return exporter_binding(t->ssl, ret_data, ret_n);
	}
	/* Without the extended master secret it is not unique (RFC 7627). */
	if (SSL_get_extms_support(t->ssl) != 1)
		return false;
	*ret_type = "tls-unique";
	return unique_binding(t->ssl, ret_data, ret_n);
}
