/*
 * pop3: one POP3 server session over a `struct io` (RFC 1939, 2449 CAPA, 2595 STLS, 5034 AUTH, 6856 UTF8/LANG, 1734). Works on INBOX through mail/box.h; the
 * process is asked by struct session_ops. UIDL is UIDVALIDITY.UID: stable. DELE takes effect at QUIT alone, all in one go (RFC 1939 6). Several sessions may be
 * open at once: each sees the INBOX as it was at its login.
 */
#pragma once
#include "mail/box.h"
#include "mail/session.h"

struct pop3_service {
	struct session_service session;
	struct boxes *boxes;
};
/* A whole session; closes io. In a coroutine. RFC 1939 3: idle_time is not below 10 minutes. */
void pop3_serve(struct session_hub *hub, struct io *io, const struct pop3_service *service,
	const struct session_ops *ops, void *arg);
