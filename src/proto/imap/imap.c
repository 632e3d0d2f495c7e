/*
 * The life of a session (imap.h): greeting, commands one after another, the end. Called by bin/access in a coroutine of its own for
 * every connection; whole sessions also run from memory in tests and in the fuzzer. RFC 9051 sections 3, 5.4, 7.1.
 *
 * Answers gather in the io's buffer until input must be waited for, so those to pipelined commands travel together.
 */
#include "proto/imap/session.h"

#include "base/mem.h"
#include "run/metrics.h"
#include "run/tls.h"

#include <stdio.h>

METRIC_COUNTER(sessions, "posthouse_imap_sessions_total", "", "IMAP sessions served.");
METRIC_GAUGE(sessions_open, "posthouse_imap_sessions", "", "IMAP sessions open now.");
METRIC_COUNTER(commands, "posthouse_imap_commands_total", "", "IMAP commands.");

void imap_hub_init(struct imap_hub *h)
{
	*h = (struct imap_hub){0};
	list_init(&h->sessions);
}

void imap_drain(struct imap_hub *h)
{
	h->draining = true;
	list_each(node, &h->sessions) {
		struct imap *s = list_entry(node, struct imap, all);
		if (s->waiting)
			co_cancel(s->co);
	}
}

static const char *why_ended(struct imap *s)
{
	const char *why = NULL;
	if (s->hub->draining)
		why = "The server is restarting, please connect again";
	else if (s->ops->why_end)
		why = s->ops->why_end(s->arg);
	return why ? why : "The session ends";
}

/* Waiting or reading has failed: what there is to say. */
static void end_of_input(struct imap *s)
{
	if (co_cancelled() || s->hub->draining)
		imap_bye(s, s->hub->draining ? "drain" : "ended", "%s", why_ended(s));
	else if (s->in.why.kind == ERR_TIMEOUT)
		imap_bye(s, "timeout", "Nothing was said for too long");
	else if (s->in.why.kind == ERR_LIMIT)
		imap_bye(s, "limit", "That was too much");
	else if (!s->ending)
		s->summary.end = "closed", s->ending = true;
}

static void run_command(struct imap *s)
{
	s->tag = S("*");
	s->command = NULL;
	s->answered = s->uid = false;
	s->told = NULL;
	s->fresh = NULL;
	s->made = NULL;
	s->in.wipe = !s->user;
	s->in.utf8 = imap_has(s, IMAP_UTF8 | IMAP_REV2);
	s->summary.commands++;
	metric_add(&commands, 1);
	if (imap_begin(&s->in))
		imap_dispatch(s);
	else if (!s->in.lost)
		imap_complain(s);
	if (s->in.lost || !imap_skip_rest(&s->in))
		end_of_input(s);
	if (s->ops->state && s->command)
		s->ops->state(s->arg, "", s->view ? s->view->folder.name : S(""));
	s->command = NULL;
	s->told = NULL;
	s->fresh = NULL;
	arena_reset(&s->mem);
}

/* Before somebody has logged in the clock runs from the first byte on, whatever is said. */
static instant next_deadline(struct imap *s)
{
	if (s->user)
		s->in.until = 0;
	return s->user ? instant_in(s->service->limits.idle_time) : s->in.until;
}

static void command_loop(struct imap *s)
{
	while (!s->ending && !s->lost) {
		if (imap_wait(s, next_deadline(s)))
			run_command(s);
		else
			end_of_input(s);
	}
}

bool imap_start_tls(struct imap *s)
{
	struct err e;
	io_set_deadline(s->io, s->in.until);
	if (io_flush(s->io, &e) < 0 || tls_accept(s->io, s->service->tls, &e) < 0) {
		s->summary.end = "tls";
		s->summary.why = arena_dup(&s->mem, slice_z(e.text));
		s->ending = true;
		return false;
	}
	s->tls = true;
	if (s->ops->tls)
		s->ops->tls(s->arg, s->io);
	return true;
}

static void greet(struct imap *s)
{
	imap_put(s, S("* OK [CAPABILITY "));
	imap_put_capabilities(s);
	imap_printf(s, "] %.*s ready\r\n", SFMT(s->service->hostname));
}

static void run(struct imap *s)
{
	if (s->service->tls_mode == SESSION_TLS_IMPLICIT && !imap_start_tls(s))
		return;
	if (s->hub->draining) {
		imap_bye(s, "drain", "%s", why_ended(s));
		return;
	}
	greet(s);
	command_loop(s);
}

static void print_card(void *arg, void *file)
{
	const struct imap *s = arg;
	fprintf(file, "imap session: state %d command %s commands %lu\n", s->state,
		s->command ? s->command->name : "-", (unsigned long)s->summary.commands);
}

static void set_reader(struct imap *s)
{
	const struct imap_limits *l = &s->service->limits;
	s->in = (struct imap_reader){
		.io = s->io,
		.mem = &s->mem,
		.line_max = l->line,
		.literal_max = l->literal,
		.command_max = l->command,
		.time = l->command_time,
		.until = instant_in(l->login_time),
		.bytes_in = &s->summary.bytes_in,
	};
}

static void finish(struct imap *s)
{
	if (!s->summary.end)
		s->summary.end = "closed";
	imap_close_view(s);
	imap_notify_free(take(&s->notify));
	box_unwatch(take(&s->watch));
	box_user_close(take(&s->user));
	list_remove(&s->all);
	s->hub->n--;
	metric_add(&sessions_open, -1);
	s->ops->end(s->arg, &s->summary);
	io_close(s->io);
	co_set_card((struct co_card){0});
	arena_done(&s->mem);
	free(s);
}

void imap_serve(struct imap_hub *hub, struct io *io, const struct imap_service *service,
	const struct session_ops *ops, void *arg, const struct net_addr *peer)
{
	struct imap *s = NEW(struct imap);
	(void)peer;
	s->hub = hub;
	s->co = co_self();
	s->io = io;
	s->service = service;
	s->ops = ops;
	s->arg = arg;
	s->state = IMAP_NOT_AUTHENTICATED;
	set_reader(s);
	list_append(&hub->sessions, &s->all);
	hub->n++;
	metric_add(&sessions, 1);
	metric_add(&sessions_open, 1);
	co_set_card((struct co_card){print_card, s});
	run(s);
	finish(s);
}
