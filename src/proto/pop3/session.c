/*
 * The life of a POP3 session (pop3.h): TLS from the first byte where configured, greeting, commands until QUIT, an error or a drain.
 * Called by bin/access in a coroutine of its own for every connection; whole sessions also run from memory in tests and in the fuzzer.
 *
 * RFC 1939 3: who is silent for too long is hung up on without a word, and nothing is deleted.
 */
#include "proto/pop3/session.h"

#include "base/mem.h"
#include "run/co.h"
#include "run/tls.h"
#include <stdarg.h>
#include <stdio.h>

void pop3_hub_init(struct pop3_hub *h)
{
	*h = (struct pop3_hub){0};
	list_init(&h->sessions);
}

void pop3_drain(struct pop3_hub *h)
{
	h->draining = true;
	list_each(node, &h->sessions) {
		struct pop3 *s = list_entry(node, struct pop3, all);
		if (s->waiting && s->co)
			co_cancel(s->co);
	}
}

/* ---- writing ---- */

void pop3_end(struct pop3 *s, const char *end, const char *why)
{
	if (s->over)
		return;
	s->over = true;
	s->sum.end = end;
	snprintf(s->why, sizeof s->why, "%s", why ? why : "");
}

void pop3_put(struct pop3 *s, slice raw)
{
	struct err e;
	if (s->over)
		return;
	s->sum.bytes_out += raw.n;
	if (io_write(s->io, raw, &e) < 0)
		pop3_end(s, "closed", e.text);
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

/* ---- reading ---- */

static instant patience(const struct pop3 *s)
{
	const struct pop3_limits *l = &s->service->limits;
	return s->state == POP3_AUTHORIZATION ? s->began + l->login_time : instant_in(l->idle_time);
}

/* Cancelled: a drain, or somebody ends the session; there is a word for it when it stands between commands. */
static void was_cancelled(struct pop3 *s)
{
	const char *why = s->ops->why_end ? s->ops->why_end(s->arg) : NULL;
	if (!why)
		why = "The server is going down, come again";
	pop3_err(s, "SYS/TEMP", "%s", why);
	pop3_end(s, s->hub->draining ? "drain" : "ended", why);
}

bool pop3_read_line(struct pop3 *s, slice *ret)
{
	struct err e = {0};
	if (s->over)
		return false;
	if (s->hub->draining) {
		was_cancelled(s);
		return false;
	}
	io_set_deadline(s->io, patience(s));
	s->waiting = true;
	int r = io_line(s->io, POP3_LINE_MAX, ret, &e);
	s->waiting = false;
	if (r > 0) {
		s->sum.bytes_in += ret->n;
		ret->n--;
		if (ret->n && ret->p[ret->n - 1] == '\r')
			ret->n--;
		return true;
	}
	if (co_cancelled())
		was_cancelled(s);
	else if (r < 0 && e.kind == ERR_LIMIT)
		pop3_err(s, NULL, "Line too long");
	pop3_end(s,
		r == 0                  ? "closed"
		: e.kind == ERR_TIMEOUT ? "timeout"
		: e.kind == ERR_LIMIT   ? "line"
					: "closed",
		r < 0 ? e.text : "");
	return false;
}

/* ---- the session ---- */

static void command_loop(struct pop3 *s)
{
	slice line;
	while (pop3_read_line(s, &line)) {
		s->sum.commands++;
		pop3_dispatch(s, line);
		arena_reset(&s->mem);
		if (s->bad >= s->service->limits.bad_commands && !s->over) {
			pop3_err(s, NULL, "Too many bad commands");
			pop3_end(s, "commands", NULL);
		}
	}
}

static void run(struct pop3 *s)
{
	if (s->service->tls_mode == SESSION_TLS_IMPLICIT && !pop3_start_tls(s))
		return;
	if (s->hub->draining) {
		was_cancelled(s);
		return;
	}
	pop3_ok(s, "%.*s POP3 Posthouse", SFMT(s->service->hostname));
	command_loop(s);
}

static void print_card(void *arg, void *file)
{
	const struct pop3 *s = arg;
	fprintf(file, "pop3 session: state %d messages %zu commands %llu\n", s->state, s->n,
		(unsigned long long)s->sum.commands);
}

static void finish(struct pop3 *s)
{
	pop3_drop_close(s);
	list_remove(&s->all);
	s->hub->n--;
	s->sum.why = slice_z(s->why);
	s->ops->end(s->arg, &s->sum);
	io_close(s->io);
	co_set_card((struct co_card){0});
	free(s->user);
	arena_done(&s->mem);
	arena_done(&s->life);
	free(s);
}

void pop3_serve(struct pop3_hub *hub, struct io *io, const struct pop3_service *service,
	const struct session_ops *ops, void *arg, const struct net_addr *peer)
{
	struct pop3 *s = NEW(struct pop3);
	(void)peer;
	s->hub = hub;
	s->co = co_self();
	s->io = io;
	s->service = service;
	s->ops = ops;
	s->arg = arg;
	s->state = POP3_AUTHORIZATION;
	s->began = instant_now();
	s->sum.end = "";
	list_append(&hub->sessions, &s->all);
	hub->n++;
	co_set_card((struct co_card){print_card, s});
	run(s);
	finish(s);
}
