/*
 * The life of a ManageSieve session (managesieve.h): TLS from the first byte where configured, capabilities as greeting (RFC 5804 1.7), commands
 * until LOGOUT, an error or a drain. Called by bin/access in a coroutine of its own for every connection; whole sessions also run
 * from memory in tests and in the fuzzer.
 */
#include "proto/managesieve/session.h"

#include "base/mem.h"
#include <stdio.h>

/* ---- answers ---- */

void managesieve_put(struct managesieve *s, slice raw)
{
	session_put(&s->base, raw);
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

void managesieve_answer(struct managesieve *s, const char *word, const char *code, slice text)
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
	managesieve_answer(s, "OK", code, text);
}

void managesieve_no(struct managesieve *s, const char *code, slice text)
{
	managesieve_answer(s, "NO", code, text);
}

void managesieve_bye(struct managesieve *s, const char *end, const char *code, const char *why)
{
	managesieve_answer(s, "BYE", code, slice_z(why));
	session_end(&s->base, end, why);
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
		s->base.sum.commands++;
		managesieve_dispatch(s, verb, &args);
		arena_reset(&s->base.mem);
	}
}

static void run(struct managesieve *s)
{
	if (s->service->session.tls_mode == SESSION_TLS_IMPLICIT && !session_start_tls(&s->base))
		return;
	managesieve_capabilities(s);
	command_loop(s);
}

void managesieve_serve(struct session_hub *hub, struct io *io,
	const struct managesieve_service *service, const struct session_ops *ops, void *arg)
{
	struct managesieve *s = NEW(struct managesieve);
	s->base.kind = &managesieve_kind;
	s->base.io = io;
	s->base.service = &service->session;
	s->base.ops = ops;
	s->base.arg = arg;
	s->service = service;
	session_begin(&s->base, hub);
	run(s);
	session_finish(&s->base);
	free(s);
}
