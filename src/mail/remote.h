/*
 * remote: a mail server elsewhere that we log in to, whatever it speaks (proto/imapc, proto/pop3c): where, by what TLS, as whom. Connecting,
 * the handshake with the trust that was asked for, what a SASL mechanism answers.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "run/io.h"
#include "run/log.h"
#include "run/net.h"
#include "run/tls.h"

enum { REMOTE_FINGERPRINT = 32 /* SHA-256 of a certificate */ };
enum remote_tls { REMOTE_TLS_IMPLICIT, REMOTE_TLS_START, REMOTE_TLS_NEVER };
enum remote_trust {
	REMOTE_TRUST_HOST, /* the chain and the name verify */
	REMOTE_TRUST_FINGERPRINT, /* this certificate */
	REMOTE_TRUST_ANY, /* the administrator said so */
};
enum remote_mech {
	REMOTE_AUTH_AUTO, /* PLAIN where it is offered, else LOGIN */
	REMOTE_AUTH_PLAIN,
	REMOTE_AUTH_LOGIN, /* the protocol's own: LOGIN, USER and PASS */
	REMOTE_AUTH_XOAUTH2, /* the password is an access token */
	REMOTE_AUTH_OAUTHBEARER,
};
struct remote {
	slice host; /* SNI, verification */
	uint16_t port;
	enum remote_tls tls;
	enum remote_trust trust;
	unsigned char fingerprint[REMOTE_FINGERPRINT];
	struct tls_ctx *ctx; /* outlives the session */
	slice user;
	slice as; /* whose mail, when an administrator logs in (SASL's authorization identity); else empty */
	struct secret password;
	enum remote_mech mech;
	int64_t idle_time; /* usec without a byte; 0: 2m */
	int64_t command_time; /* usec for an answer that is no message; 0: 10m */
	instant deadline; /* nothing waits beyond it; 0: none */
};

/* A copy that lives in the arena, with the times that were left out. */
struct remote remote_keep(const struct remote *r, struct arena *a);
int remote_connect(
	const struct net_addr *to, const struct remote *r, struct io **ret, struct err *e);
int remote_handshake(struct io *io, const struct remote *r, struct err *e);
/* What a mechanism (PLAIN, XOAUTH2, OAUTHBEARER) says, base64, into `out`; its name. */
const char *remote_sasl(const struct remote *r, enum remote_mech mech, struct buf *out);
enum { REMOTE_SASL_MAX = 64 * 1024 }; /* bytes of such an answer */
