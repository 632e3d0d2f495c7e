/*
 * TLS by OpenSSL 3: contexts from configuration, sessions over an existing io. Buffers are released
 * while idle; session tickets are rotated; TLS 1.2 and later.
 */
#pragma once
#include "run/io.h"

struct tls_ctx;

struct tls_server_config {
	slice cert_file, key_file; /* PEM; the chain may follow the certificate */
	slice ciphers;		   /* empty: OpenSSL's default list */
	bool require_client_cert;  /* ask and verify against ca_file */
	slice ca_file;
};
struct tls_client_config {
	slice ca_file; /* empty: the system's store */
	slice cert_file, key_file;
};

/* ERR_NOTFOUND, ERR_PERM with the file's name in the text. */
int tls_server_ctx(const struct tls_server_config *cfg, struct tls_ctx **ret, struct err *e);
int tls_client_ctx(const struct tls_client_config *cfg, struct tls_ctx **ret, struct err *e);
void tls_ctx_unref(struct tls_ctx *ctx); /* sessions hold a reference */

enum tls_verify {
	TLS_OPPORTUNISTIC, /* any certificate */
	TLS_VERIFY_CA,	   /* chain must verify */
	TLS_VERIFY_HOST,   /* chain and name must verify */
};

/* Turns the io into TLS in place, after the handshake (within the io's deadline). Unconsumed plain
 * input is an ERR_PROTO (STARTTLS injection). On -1 the io is only fit for closing. */
int tls_accept(struct io *io, struct tls_ctx *ctx, struct err *e);
int tls_connect(struct io *io, struct tls_ctx *ctx, slice host, enum tls_verify v, struct err *e);

bool tls_active(const struct io *io);
struct tls_info {
	const char *version, *cipher; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
	int bits;
	bool resumed, verified;
	char peer_cn[128]; /* of a client certificate that verified; else empty */
};
void tls_get_info(const struct io *io, struct tls_info *ret);
/* Channel binding data: "tls-exporter" (RFC 9266) on 1.3, else tls-unique. false: none. */
bool tls_channel_binding(const struct io *io, const char **ret_type, char ret_data[64], size_t *ret_n);

/* A self-signed certificate (P-256, 10 years) for a fresh installation. */
int tls_make_self_signed(slice host, slice cert_file, slice key_file, struct err *e);
