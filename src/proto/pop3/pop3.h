/*
 * pop3: one POP3 server session over a `struct io` (RFC 1939, 2449 CAPA, 2595 STLS, 5034 AUTH, 6856 UTF8/LANG, 1734). Works on INBOX through mail/box.h; the
 * process is asked by struct session_ops. UIDL is UIDVALIDITY.UID: stable. DELE takes effect at QUIT alone, all in one go (RFC 1939 6). Several sessions may be
 * open at once: each sees the INBOX as it was at its login.
 */
#pragma once
#include "base/list.h"
#include "mail/box.h"
#include "mail/login.h"
#include "run/io.h"
#include "run/net.h"

struct tls_ctx;
struct pop3_limits {
	int64_t login_time, idle_time /* RFC 1939 3: not below 10 minutes */;
	unsigned bad_commands, login_failures;
};
struct pop3_service {
	enum session_tls tls_mode;
	struct tls_ctx *tls;
	bool auth_plaintext;
	slice hostname, version;
	struct pop3_limits limits;
	const slice *mechs;
	size_t nmechs;
	struct boxes *boxes;
};
struct pop3_hub {
	struct list sessions;
	unsigned n;
	bool draining;
};
void pop3_hub_init(struct pop3_hub *h);
void pop3_drain(struct pop3_hub *h);
void pop3_serve(struct pop3_hub *hub, struct io *io, const struct pop3_service *service,
	const struct session_ops *ops, void *arg, const struct net_addr *peer);
