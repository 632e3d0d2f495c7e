/*
 * TLS by OpenSSL 3: contexts from configuration, sessions over an existing io (socket or memory).
 * Buffers are released while idle; session tickets are rotated; TLS 1.2 and later. To reload
 * certificates build a new context and drop the old one; running sessions keep theirs.
 */
#pragma once
#include "run/io.h"

struct tls_ctx;

struct tls_server_config {
	slice cert_file, key_file; /* PEM; the chain may follow the certificate */
	slice ciphers; /* empty: OpenSSL's default list; TLS_... names are those of 1.3 */
	bool require_client_cert; /* ask and verify against ca_file */
	slice ca_file;
	/* Processes given the same secret (32 bytes or more) accept each other's session tickets;
	 * the keys derived from it change every 12 hours. Empty: a random one for this context. */
	slice ticket_secret;
};
struct tls_client_config {
	slice ca_file; /* empty: the system's store */
	slice cert_file, key_file;
};

/* ERR_NOTFOUND, ERR_PERM with the file's name in the text. */
int tls_server_ctx(const struct tls_server_config *cfg, struct tls_ctx **ret, struct err *e);
/* One more certificate: chosen when the client asks for a name that it covers (SNI, wildcards too);
 * the first one stays the default. ERR_LIMIT above TLS_CERTS_MAX. */
enum { TLS_CERTS_MAX = 1000 };
int tls_server_ctx_add_cert(struct tls_ctx *ctx, slice cert_file, slice key_file, struct err *e);
int tls_client_ctx(const struct tls_client_config *cfg, struct tls_ctx **ret, struct err *e);
void tls_ctx_unref(struct tls_ctx *ctx); /* sessions hold a reference */

enum tls_verify {
	TLS_OPPORTUNISTIC, /* any certificate */
	TLS_VERIFY_CA, /* chain must verify */
	TLS_VERIFY_HOST, /* chain and name must verify */
};

/* Turns the io into TLS in place, by a handshake (within the io's deadline). Unconsumed plain input
 * is an ERR_PROTO (STARTTLS injection). Without trust in the peer's certificate it is ERR_DENIED.
 * On -1 the io is only fit for closing. A client resumes earlier sessions with the same host and
 * verification; `host` may be empty when it is not to be verified. */
int tls_accept(struct io *io, struct tls_ctx *ctx, struct err *e);
int tls_connect(struct io *io, struct tls_ctx *ctx, slice host, enum tls_verify v, struct err *e);

bool tls_active(const struct io *io);
struct tls_info {
	const char *version, *cipher; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
	int bits;
	bool resumed;
	bool verified; /* the peer's chain, and for a server its name: also found out when not asked
			  for */
	char peer_cn[128]; /* of a client certificate that verified; else empty */
};
void tls_get_info(const struct io *io, struct tls_info *ret);
/* Channel binding data: "tls-exporter" (RFC 9266) on 1.3, else tls-unique. false: none. */
bool tls_channel_binding(
	const struct io *io, const char **ret_type, char ret_data[64], size_t *ret_n);

/* A self-signed certificate (P-256, 10 years) for a fresh installation. ERR_EXISTS when one of the
 * files is there. */
int tls_make_self_signed(slice host, slice cert_file, slice key_file, struct err *e);
