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
	TLS_VERIFY_DANE, /* one of the TLSA records must match (RFC 7672 3); tls_connect_as only */
};

/* Why a connection did not become as safe as it had to be, in the words of TLS reports (RFC 8460
 * 4.3). Here at the bottom, because those who look things up, connect, decide and count share it.
 */
enum tls_failure {
	TLS_FAIL_NONE,
	TLS_FAIL_STARTTLS, /* starttls-not-supported */
	TLS_FAIL_HOST, /* certificate-host-mismatch */
	TLS_FAIL_EXPIRED, /* certificate-expired: or not valid yet */
	TLS_FAIL_TRUST, /* certificate-not-trusted */
	TLS_FAIL_VALIDATION, /* validation-failure: anything else */
	TLS_FAIL_TLSA, /* tlsa-invalid */
	TLS_FAIL_DNSSEC, /* dnssec-invalid */
	TLS_FAIL_DANE_REQUIRED, /* dane-required */
	TLS_FAIL_STS_FETCH, /* sts-policy-fetch-error */
	TLS_FAIL_STS_INVALID, /* sts-policy-invalid */
	TLS_FAIL_STS_WEBPKI, /* sts-webpki-invalid */
};
enum { TLS_FAILURES = TLS_FAIL_STS_WEBPKI + 1 };
const char *tls_failure_name(enum tls_failure f); /* "" for NONE */

/* Turns the io into TLS in place, by a handshake (within the io's deadline). Unconsumed plain input
 * is an ERR_PROTO (STARTTLS injection). Without trust in the peer's certificate it is ERR_DENIED.
 * On -1 the io is only fit for closing. A client resumes earlier sessions with the same host and
 * verification; `host` may be empty when it is not to be verified. */
int tls_accept(struct io *io, struct tls_ctx *ctx, struct err *e);
int tls_connect(struct io *io, struct tls_ctx *ctx, slice host, enum tls_verify v, struct err *e);

struct dns_tlsa;
enum { TLS_NAMES_MAX = 4 };
struct tls_want {
	slice host; /* SNI; for DANE the TLSA base domain */
	enum tls_verify verify;
	/* For TLS_VERIFY_DANE: all records of the host, unusable ones too, of which at least one
	 * must be usable (tls_tlsa_usable); and the names beside `host` that a certificate may have
	 * which is vouched for by an authority's record (RFC 7672 3.2.2: the next-hop domain). */
	const struct dns_tlsa *tlsa;
	size_t ntlsa;
	slice names[TLS_NAMES_MAX];
	size_t nnames;
};
/* The same; on -1 *ret_why tells what it was about, VALIDATION where no other word fits. */
int tls_connect_as(struct io *io, struct tls_ctx *ctx, const struct tls_want *w,
	enum tls_failure *ret_why, struct err *e);
/* RFC 7672 3.1: usages 2 and 3 with known selector and matching, data of the right form. */
bool tls_tlsa_usable(const struct dns_tlsa *t);

bool tls_active(const struct io *io);
struct tls_info {
	const char *version, *cipher; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
	int bits;
	bool resumed;
	bool verified; /* the peer's chain, and for a server its name: also found out when not asked
			  for */
	bool dane; /* verified by a TLSA record */
	enum tls_failure failure; /* of a client that did not verify: why it would have failed */
	char peer_cn[128]; /* of a client certificate that verified; else empty */
};
void tls_get_info(const struct io *io, struct tls_info *ret);
/* Channel binding data: "tls-exporter" (RFC 9266) on 1.3, else tls-unique. false: none. */
bool tls_channel_binding(
	const struct io *io, const char **ret_type, char ret_data[64], size_t *ret_n);

/* A self-signed certificate (P-256, 10 years) for a fresh installation. ERR_EXISTS when one of the
 * files is there. */
int tls_make_self_signed(slice host, slice cert_file, slice key_file, struct err *e);
