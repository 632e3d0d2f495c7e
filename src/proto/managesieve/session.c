/*
 * The life of a ManageSieve session (managesieve.h): TLS from the first byte where configured, capabilities as greeting (RFC 5804 1.7), commands
 * until LOGOUT, an error or a drain. Called by bin/access in a coroutine of its own for every connection; whole sessions also run
 * from memory in tests and in the fuzzer.
 */
#include "proto/managesieve/session.h"

#include "base/mem.h"
#include "run/co.h"
#include "run/tls.h"
#include <stdio.h>

void managesieve_hub_init(struct managesieve_hub *h)
{
	*h = (struct managesieve_hub){0};
	list_init(&h->sessions);
}

void managesieve_drain(struct managesieve_hub *h)
{
	h->draining = true;
	list_each(node, &h->sessions) {
		struct managesieve *s = list_entry(node, struct managesieve, all);
		if (s->waiting && s->co)
			co_cancel(s->co);
	}
}

/* ---- answers ---- */

void managesieve_end(struct managesieve *s, const char *end, const char *why)
{
	if (s->over)
		return;
	s->over = true;
	s->sum.end = end;
	snprintf(s->why, sizeof s->why, "%s", why ? why : "");
}

void managesieve_put(struct managesieve *s, slice raw)
{
	struct err e;
	if (s->over)
		return;
	s->sum.bytes_out += raw.n;
	if (io_write(s->io, raw, &e) < 0)
		managesieve_end(s, "closed", e.text);
}

static bool can_be_quoted(slice text)
{
	enum { QUOTED_MAX = 1024 }; /* RFC 5804 4 */
	if (text.n > QUOTED_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '\r' || text.p[i] == '\n' || !text.p[i])
			return false;
	return true;
}

void managesieve_string(struct managesieve *s, slice text)
{
	char head[32];
	if (!can_be_quoted(text)) {
		snprintf(head, sizeof head, "{%zu}\r\n", text.n);
		managesieve_put(s, slice_z(head));
		managesieve_put(s, text);
		return;
	}
	managesieve_put(s, S("\""));
	for (size_t i = 0, from = 0; i <= text.n; i++)
		if (i == text.n || text.p[i] == '"' || text.p[i] == '\\') {
			managesieve_put(s, slice_of(text.p + from, i - from));
			if (i < text.n)
				managesieve_put(s, S("\\"));
			from = i;
		}
	managesieve_put(s, S("\""));
}

static void answer(struct managesieve *s, const char *word, const char *code, slice text)
{
	managesieve_put(s, slice_z(word));
	if (code) {
		managesieve_put(s, S(" ("));
		managesieve_put(s, slice_z(code));
		managesieve_put(s, S(")"));
	}
	if (text.n) {
		managesieve_put(s, S(" "));
		managesieve_string(s, text);
	}
	managesieve_put(s, S("\r\n"));
}

void managesieve_ok(struct managesieve *s, const char *code, slice text)
{
	answer(s, "OK", code, text);
}

void managesieve_no(struct managesieve *s, const char *code, slice text)
{
	answer(s, "NO", code, text);
}

void managesieve_bye(struct managesieve *s, const char *end, const char *code, const char *why)
{
	answer(s, "BYE", code, slice_z(why));
	managesieve_end(s, end, why);
}

void managesieve_fail(struct managesieve *s, const struct err *e)
{
	switch (e->kind) {
	case ERR_NOTFOUND:
		managesieve_no(s, "NONEXISTENT", S("There is no script of this name"));
		break;
	case ERR_EXISTS:
		managesieve_no(s, "ALREADYEXISTS", S("There is a script of this name"));
		break;
	case ERR_PERM:
		managesieve_no(s, "ACTIVE", S("This script is active"));
		break;
	case ERR_LIMIT:
		managesieve_no(s, "QUOTA", slice_z(e->text));
		break;
	case ERR_PROTO:
		managesieve_no(s, NULL, slice_z(e->text));
		break;
	default:
		managesieve_no(s, "TRYLATER", S("Scripts cannot be reached now, try later"));
	}
}

/* ---- the session ---- */

static void command_loop(struct managesieve *s)
{
	slice verb;
	struct managesieve_args args;
	while (managesieve_read(s, &verb, &args)) {
		s->sum.commands++;
		managesieve_dispatch(s, verb, &args);
		arena_reset(&s->mem);
	}
}

static void run(struct managesieve *s)
{
	if (s->service->tls_mode == SESSION_TLS_IMPLICIT && !managesieve_start_tls(s))
		return;
	managesieve_capabilities(s);
	command_loop(s);
}

static void print_card(void *arg, void *file)
{
	const struct managesieve *s = arg;
	fprintf(file, "managesieve session: account %lld commands %llu\n", (long long)s->account_id,
		(unsigned long long)s->sum.commands);
}

static void finish(struct managesieve *s)
{
	list_remove(&s->all);
	s->hub->n--;
	s->sum.why = slice_z(s->why);
	s->ops->end(s->arg, &s->sum);
	io_close(s->io);
	co_set_card((struct co_card){0});
	arena_done(&s->mem);
	arena_done(&s->life);
	free(s);
}

void managesieve_serve(struct managesieve_hub *hub, struct io *io,
	const struct managesieve_service *service, const struct session_ops *ops, void *arg)
{
	struct managesieve *s = NEW(struct managesieve);
	s->hub = hub;
	s->co = co_self();
	s->io = io;
	s->service = service;
	s->ops = ops;
	s->arg = arg;
	s->began = instant_now();
	s->sum.end = "";
	list_append(&hub->sessions, &s->all);
	hub->n++;
	co_set_card((struct co_card){print_card, s});
	run(s);
	finish(s);
}
