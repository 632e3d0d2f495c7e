/*
 * pop3: one POP3 server session over a `struct io` (RFC 1939, 2449 CAPA, 2595 STLS, 5034 AUTH, 6856 UTF8/LANG, 1734). Works on INBOX through mail/box.h; the
 * process is asked by struct pop3_ops. UIDL is UIDVALIDITY.UID: stable. DELE takes effect at QUIT alone, all in one go (RFC 1939 6). Several sessions may be
 * open at once: each sees the INBOX as it was at its login.
 */
#pragma once
#include "base/list.h"
#include "mail/box.h"
#include "run/io.h"
#include "run/net.h"

struct tls_ctx;
enum pop3_tls { POP3_TLS_NO, POP3_TLS_OFFER, POP3_TLS_IMPLICIT };
struct pop3_limits {
	int64_t login_time, idle_time /* RFC 1939 3: not below 10 minutes */;
	unsigned bad_commands, login_failures;
};
struct pop3_service {
	enum pop3_tls tls_mode;
	struct tls_ctx *tls;
	bool auth_plaintext;
	slice hostname, version;
	struct pop3_limits limits;
	const slice *mechs;
	size_t nmechs;
	struct boxes *boxes;
};
enum pop3_auth {
	POP3_AUTH_MORE,
	POP3_AUTH_OK,
	POP3_AUTH_FAILED,
	POP3_AUTH_TEMP,
	POP3_AUTH_EXPIRED,
	POP3_AUTH_NOT_HERE
};
struct pop3_auth_start {
	slice mech;
	bool has_initial;
	slice initial;
	const char *cb_type;
	slice cb_data;
};
struct pop3_auth_result {
	slice challenge, login, why /* EXPIRED, NOT_HERE: for the client */;
};
struct pop3_summary {
	const char *end;
	uint64_t commands, bytes_in, bytes_out, retrieved, deleted;
	slice why;
};
struct pop3_ops {
	enum pop3_auth (*auth_start)(void *arg, const struct pop3_auth_start *s, struct arena *a,
		struct pop3_auth_result *ret);
	enum pop3_auth (*auth_step)(
		void *arg, slice response, struct arena *a, struct pop3_auth_result *ret);
	void (*auth_cancel)(void *arg);
	/* As in imap_ops. */
	int (*enter)(void *arg, slice login, struct mailbox_actor *ret_actor, struct err *e);
	void (*state)(void *arg, const char *doing, slice folder); /* may be NULL */
	void (*tls)(void *arg, struct io *io); /* may be NULL */
	const char *(*why_end)(void *arg); /* may be NULL */
	void (*end)(void *arg, const struct pop3_summary *s);
};
struct pop3_hub {
	struct list sessions;
	unsigned n;
	bool draining;
};
void pop3_hub_init(struct pop3_hub *h);
void pop3_drain(struct pop3_hub *h);
void pop3_serve(struct pop3_hub *hub, struct io *io, const struct pop3_service *service,
	const struct pop3_ops *ops, void *arg, const struct net_addr *peer);
