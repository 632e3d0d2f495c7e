/*
 * The life of a session (session.h): it enters the hub of its process, lines are read within their time, whatever ends it is told in the
 * words of its protocol, and the process hears of it last. Called by proto/pop3 and proto/managesieve.
 */
#include "mail/session.h"

#include "run/co.h"
#include <stdio.h>

void session_hub_init(struct session_hub *h)
{
	*h = (struct session_hub){0};
	list_init(&h->sessions);
}

void session_drain(struct session_hub *h)
{
	h->draining = true;
	list_each(node, &h->sessions) {
		struct session *s = list_entry(node, struct session, all);
		if (s->waiting && s->co)
			co_cancel(s->co);
	}
}

void session_begin(struct session *s, struct session_hub *hub)
{
	s->hub = hub;
	s->co = co_self();
	s->began = instant_now();
	s->sum.end = "";
	list_append(&hub->sessions, &s->all);
	hub->n++;
	co_set_card((struct co_card){s->kind->card, s});
}

void session_finish(struct session *s)
{
	list_remove(&s->all);
	s->hub->n--;
	s->sum.why = slice_z(s->why);
	s->ops->end(s->arg, &s->sum);
	io_close(s->io);
	co_set_card((struct co_card){0});
	arena_done(&s->mem);
	arena_done(&s->life);
}

/* ---- the end ---- */

void session_end(struct session *s, const char *end, const char *why)
{
	if (s->over)
		return;
	s->over = true;
	s->sum.end = end;
	snprintf(s->why, sizeof s->why, "%s", why ? why : "");
}

/* A drain, or somebody ends the session: who asked for it may have a word. */
static void was_cancelled(struct session *s)
{
	const char *why = s->ops->why_end ? s->ops->why_end(s->arg) : NULL;
	if (!why)
		why = "The server is going down, come again";
	s->kind->bye(s, SESSION_CANCELLED, why);
	session_end(s, s->hub->draining ? "drain" : "ended", why);
}

void session_bye(struct session *s, enum session_end end)
{
	static const struct {
		const char *end, *why;
	} words[] = {
		[SESSION_SILENT] = {"timeout", "Nothing was said for too long"},
		[SESSION_LINE] = {"line", "Line too long"},
		[SESSION_COMMANDS] = {"commands", "Too many bad commands"},
		[SESSION_LOGINS] = {"auth", "Too many failed logins"},
	};
	if (s->over)
		return;
	if (end == SESSION_CANCELLED) {
		was_cancelled(s);
		return;
	}
	s->kind->bye(s, end, words[end].why);
	session_end(s, words[end].end, words[end].why);
}

void session_bad(struct session *s)
{
	if (++s->bad >= s->service->limits.bad_commands)
		session_bye(s, SESSION_COMMANDS);
}

/* ---- writing and reading ---- */

void session_put(struct session *s, slice raw)
{
	struct err e;
	if (s->over)
		return;
	s->sum.bytes_out += raw.n;
	if (io_write(s->io, raw, &e) < 0)
		session_end(s, "closed", e.text);
}

bool session_lost(struct session *s, int r, const struct err *e)
{
	if (co_cancelled())
		session_bye(s, SESSION_CANCELLED);
	else if (r < 0 && e->kind == ERR_TIMEOUT)
		session_bye(s, SESSION_SILENT);
	else if (r < 0 && e->kind == ERR_LIMIT)
		session_bye(s, SESSION_LINE);
	session_end(s, "closed", r < 0 ? e->text : "");
	return false;
}

bool session_line(struct session *s, size_t max, slice *ret)
{
	struct err e = {0};
	int r = io_line(s->io, max, ret, &e);
	if (r <= 0)
		return session_lost(s, r, &e);
	s->sum.bytes_in += ret->n;
	ret->n--;
	if (ret->n && ret->p[ret->n - 1] == '\r')
		ret->n--;
	return true;
}

/* Before somebody has logged in the clock runs from the first byte on, whatever is said. */
bool session_wait(struct session *s, size_t max, slice *ret)
{
	const struct session_limits *l = &s->service->limits;
	if (s->over)
		return false;
	if (s->hub->draining) {
		session_bye(s, SESSION_CANCELLED);
		return false;
	}
	io_set_deadline(s->io, s->inside ? instant_in(l->idle_time) : s->began + l->login_time);
	s->waiting = true;
	bool fine = session_line(s, max, ret);
	s->waiting = false;
	return fine;
}
