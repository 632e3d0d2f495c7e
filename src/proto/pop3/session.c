/*
 * The life of a POP3 session (pop3.h): TLS from the first byte where configured, greeting, commands until QUIT, an error or a drain.
 * Called by bin/access in a coroutine of its own for every connection; whole sessions also run from memory in tests and in the fuzzer.
 */
#include "proto/pop3/session.h"

#include "base/mem.h"
#include <stdarg.h>
#include <stdio.h>

/* ---- writing ---- */

void pop3_put(struct pop3 *s, slice raw)
{
	session_put(&s->base, raw);
}

static void put_line(struct pop3 *s, const char *before, const char *fmt, va_list ap)
{
	AUTO(buf) struct buf line = BUF(POP3_LINE_MAX);
	buf_put(&line, slice_z(before));
	buf_vprintf(&line, fmt, ap);
	buf_put(&line, S("\r\n"));
	pop3_put(s, buf_slice(&line));
}

void pop3_printf(struct pop3 *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_line(s, "", fmt, ap);
	va_end(ap);
}

void pop3_ok(struct pop3 *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_line(s, "+OK ", fmt, ap);
	va_end(ap);
}

void pop3_err(struct pop3 *s, const char *code, const char *fmt, ...)
{
	char before[64];
	va_list ap;
	snprintf(before, sizeof before, code ? "-ERR [%s] " : "-ERR ", code);
	va_start(ap, fmt);
	put_line(s, before, fmt, ap);
	va_end(ap);
}

void pop3_fail(struct pop3 *s, const struct err *e)
{
	switch (e->kind) {
	case ERR_DENIED:
	case ERR_LIMIT:
		pop3_err(s, "SYS/PERM", "%s", e->text);
		break;
	case ERR_NOTFOUND:
		pop3_err(s, NULL, "This message is not there any more");
		break;
	default:
		pop3_err(s, "SYS/TEMP", "The mailbox cannot be read now, try later");
	}
}

/* ---- the session ---- */

static void command_loop(struct pop3 *s)
{
	slice line;
	while (session_wait(&s->base, POP3_LINE_MAX, &line)) {
		s->base.sum.commands++;
		pop3_dispatch(s, line);
		arena_reset(&s->base.mem);
	}
}

static void run(struct pop3 *s)
{
	if (s->service->session.tls_mode == SESSION_TLS_IMPLICIT && !session_start_tls(&s->base))
		return;
	if (s->base.hub->draining) {
		session_bye(&s->base, SESSION_CANCELLED);
		return;
	}
	pop3_ok(s, "%.*s POP3 Posthouse", SFMT(s->service->session.hostname));
	command_loop(s);
}

void pop3_serve(struct session_hub *hub, struct io *io, const struct pop3_service *service,
	const struct session_ops *ops, void *arg)
{
	struct pop3 *s = NEW(struct pop3);
	s->base.kind = &pop3_kind;
	s->base.io = io;
	s->base.service = &service->session;
	s->base.ops = ops;
	s->base.arg = arg;
	s->service = service;
	s->state = POP3_AUTHORIZATION;
	session_begin(&s->base, hub);
	run(s);
	pop3_drop_close(s);
	session_finish(&s->base);
	free(s->user);
	free(s);
}
