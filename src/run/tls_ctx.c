/*
 * TLS contexts: certificates, keys, trust and what both sides agree on. A server's further
 * certificates are contexts of their own, entered at once when the client names its host (SNI).
 */
#include "run/tls_ctx.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/must.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <strings.h>

enum { PATH_BYTES = 1024, NAME_BYTES = 256, CIPHERS_MAX = 4096 };

int tls_err(struct err *e, enum err_kind kind, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	err_set(e, kind, "%s: %s", what, reason ? reason : "failed");
	ERR_clear_error();
	return -1;
}

/* Copies the name, and sees that the file can be read, for an error that says why not. */
static int readable(slice file, char path[PATH_BYTES], struct err *e)
{
	if (file.n == 0 || file.n >= PATH_BYTES)
		return err_set(e, ERR_PERM, "bad file name \"%.*s\"", SFMT(slice_first(file, 100)));
	memcpy(path, file.p, file.n);
	path[file.n] = 0;
	if (access(path, R_OK) < 0)
		return err_sys(e, errno, "%s", path);
	return 0;
}

static int no_passphrase(char *to, int n, int writing, void *arg)
{
	(void)to, (void)n, (void)writing, (void)arg;
	return -1; /* never ask on the terminal */
}

static int use_cert(SSL_CTX *ssl, slice cert_file, slice key_file, struct err *e)
{
	char path[PATH_BYTES];
	ERR_clear_error();
	SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
	if (readable(cert_file, path, e) < 0)
		return -1;
	if (SSL_CTX_use_certificate_chain_file(ssl, path) != 1)
		return tls_err(e, ERR_PERM, path);
	if (readable(key_file, path, e) < 0)
		return -1;
	if (SSL_CTX_use_PrivateKey_file(ssl, path, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_check_private_key(ssl) != 1)
		return tls_err(e, ERR_PERM, path);
	return 0;
}

static int use_trust(SSL_CTX *ssl, slice ca_file, struct err *e)
{
	char path[PATH_BYTES];
	if (readable(ca_file, path, e) < 0)
		return -1;
	return SSL_CTX_load_verify_locations(ssl, path, NULL) == 1 ? 0 : tls_err(e, ERR_PERM, path);
}

static int use_client_certs(SSL_CTX *ssl, slice ca_file, struct err *e)
{
	char path[PATH_BYTES];
	if (use_trust(ssl, ca_file, e) < 0 || readable(ca_file, path, e) < 0)
		return -1;
	SSL_CTX_set_client_CA_list(ssl, SSL_load_client_CA_file(path));
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

/* One list for the administrator, two in OpenSSL. */
static int use_ciphers(SSL_CTX *ssl, slice list, struct err *e)
{
	AUTO(buf) struct buf tls12 = BUF(CIPHERS_MAX);
	AUTO(buf) struct buf tls13 = BUF(CIPHERS_MAX);
	for (slice rest = list, one; slice_cut(&rest, ':', &one);) {
		struct buf *to = slice_starts(one, S("TLS_")) ? &tls13 : &tls12;
		if (to->n > 0)
			buf_byte(to, ':');
		buf_put(to, one);
	}
	buf_byte(&tls12, 0);
	buf_byte(&tls13, 0);
	if (!buf_ok(&tls12) || !buf_ok(&tls13))
		return err_set(e, ERR_LIMIT, "cipher list longer than %d bytes", CIPHERS_MAX);
	if ((tls12.n > 1 && SSL_CTX_set_cipher_list(ssl, tls12.p) != 1) ||
		(tls13.n > 1 && SSL_CTX_set_ciphersuites(ssl, tls13.p) != 1))
		return tls_err(e, ERR_PERM, "ciphers");
	return 0;
}

static void use_defaults(SSL_CTX *ssl)
{
	SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
	SSL_CTX_set_options(ssl,
		SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF |
			SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ssl, 1); /* one read a flight, not two a record */
}

static struct tls_ctx *new_ctx(const SSL_METHOD *method)
{
	struct tls_ctx *ctx = NEW(struct tls_ctx);
	ctx->refs = 1;
	ctx->ssl = SSL_CTX_new(method);
	must(ctx->ssl != NULL);
	SSL_CTX_set_app_data(ctx->ssl, ctx);
	use_defaults(ctx->ssl);
	list_init(&ctx->sessions_by_age);
	return ctx;
}

static void set_session_context(SSL_CTX *ssl)
{
	static const unsigned char id[] = "posthouse";
	SSL_CTX_set_session_id_context(ssl, id, sizeof id - 1);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
}

/* The context for a host name, by name or by the wildcard above it. */
static SSL_CTX *by_name(const struct tls_ctx *ctx, const char *host)
{
	char name[NAME_BYTES];
	size_t n = strlen(host);
	if (n + 1 >= sizeof name)
		return NULL;
	for (size_t i = 0; i < n; i++)
		name[i] = ascii_lower(host[i]);
	slice all = slice_of(name, n);
	size_t dot = slice_index(all, '.');
	SSL_CTX *found = map_get(&ctx->names, all);
	if (found || dot == 0 || dot == n)
		return found;
	name[dot - 1] = '*';
	return map_get(&ctx->names, slice_skip(all, dot - 1));
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	(void)alert;
	const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *found = host ? by_name(arg, host) : NULL;
	if (found)
		SSL_set_SSL_CTX(ssl, found);
	return SSL_TLSEXT_ERR_OK; /* an unknown name gets the default certificate */
}

static void add_name(struct tls_ctx *ctx, const unsigned char *text, int n, SSL_CTX *to)
{
	char name[NAME_BYTES];
	if (n <= 0 || (size_t)n >= sizeof name)
		return;
	for (int i = 0; i < n; i++)
		name[i] = ascii_lower((char)text[i]);
	if (!map_get(&ctx->names, slice_of(name, (size_t)n))) /* of several the first */
		map_put(&ctx->names, slice_of(name, (size_t)n), to);
}

/* The certificate's host names: subjectAltName, or without one the common name (RFC 6125). */
static void add_names(struct tls_ctx *ctx, X509 *cert, SSL_CTX *to)
{
	GENERAL_NAMES *alt = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(alt); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(alt, i);
		if (g->type == GEN_DNS)
			add_name(ctx, ASN1_STRING_get0_data(g->d.dNSName),
				ASN1_STRING_length(g->d.dNSName), to);
	}
	char cn[NAME_BYTES];
	if (!alt) {
		int n = X509_NAME_get_text_by_NID(
			X509_get_subject_name(cert), NID_commonName, cn, sizeof cn);
		add_name(ctx, (const unsigned char *)cn, n, to);
	}
	GENERAL_NAMES_free(alt);
}

static int fill_server(struct tls_ctx *ctx, const struct tls_server_config *cfg, struct err *e)
{
	if (use_cert(ctx->ssl, cfg->cert_file, cfg->key_file, e) < 0)
		return -1;
	if (cfg->ciphers.n > 0 && use_ciphers(ctx->ssl, cfg->ciphers, e) < 0)
		return -1;
	if (cfg->require_client_cert && use_client_certs(ctx->ssl, cfg->ca_file, e) < 0)
		return -1;
	if (cfg->ticket_secret.n > 0 && cfg->ticket_secret.n < sizeof ctx->ticket_secret)
		return err_set(e, ERR_PERM, "a ticket secret has at least %zu bytes",
			sizeof ctx->ticket_secret);
	tls_ticket_init(ctx, cfg->ticket_secret);
	add_names(ctx, SSL_CTX_get0_certificate(ctx->ssl), ctx->ssl);
	return 0;
}

int tls_server_ctx(const struct tls_server_config *cfg, struct tls_ctx **ret, struct err *e)
{
	struct tls_ctx *ctx = new_ctx(TLS_server_method());
	set_session_context(ctx->ssl);
	SSL_CTX_set_tlsext_servername_callback(ctx->ssl, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ctx->ssl, ctx);
	if (fill_server(ctx, cfg, e) < 0) {
		tls_ctx_unref(ctx);
		return -1;
	}
	*ret = ctx;
	return 0;
}

int tls_server_ctx_add_cert(struct tls_ctx *ctx, slice cert_file, slice key_file, struct err *e)
{
	if (ctx->n_more == TLS_CERTS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d certificates", TLS_CERTS_MAX);
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
	must(ssl != NULL);
	SSL_CTX_set_app_data(ssl, ctx);
	use_defaults(ssl);
	set_session_context(ssl);
	SSL_CTX_set1_cert_store(ssl, SSL_CTX_get_cert_store(ctx->ssl)); /* to verify clients */
	if (use_cert(ssl, cert_file, key_file, e) < 0) {
		SSL_CTX_free(ssl);
		return -1;
	}
	ctx->more[ctx->n_more++] = ssl;
	add_names(ctx, SSL_CTX_get0_certificate(ssl), ssl);
	return 0;
}

static int fill_client(struct tls_ctx *ctx, const struct tls_client_config *cfg, struct err *e)
{
	if (cfg->ca_file.n > 0 ? use_trust(ctx->ssl, cfg->ca_file, e) < 0
			       : SSL_CTX_set_default_verify_paths(ctx->ssl) != 1)
		return cfg->ca_file.n > 0 ? -1 : tls_err(e, ERR_PERM, "system certificates");
	if (cfg->cert_file.n > 0)
		return use_cert(ctx->ssl, cfg->cert_file, cfg->key_file, e);
	return 0;
}

int tls_client_ctx(const struct tls_client_config *cfg, struct tls_ctx **ret, struct err *e)
{
	struct tls_ctx *ctx = new_ctx(TLS_client_method());
	tls_cache_init(ctx);
	must(SSL_CTX_dane_enable(ctx->ssl) == 1);
	if (fill_client(ctx, cfg, e) < 0) {
		tls_ctx_unref(ctx);
		return -1;
	}
	*ret = ctx;
	return 0;
}

void tls_ctx_unref(struct tls_ctx *ctx)
{
	if (!ctx || --ctx->refs > 0)
		return;
	tls_cache_done(ctx);
	map_done(&ctx->names);
	for (unsigned i = 0; i < ctx->n_more; i++)
		SSL_CTX_free(ctx->more[i]);
	SSL_CTX_free(ctx->ssl);
	OPENSSL_cleanse(ctx->ticket_secret, sizeof ctx->ticket_secret);
	OPENSSL_cleanse(ctx->keys, sizeof ctx->keys);
	free(ctx);
}
