/*
 * Waiting: between commands and in IDLE (RFC 2177, RFC 9051 6.3.13). One coroutine does both, input and news: a change wakes it
 * out of its wait (co_nudge), it tells and waits on. While it waits a session gives back what memory it can.
 */
#include "proto/imap/session.h"

#include "base/mem.h"
#include "run/deflate.h"
#include "run/loop.h"

enum {
	READ_MAX = 64 * 1024,
	REST_AFTER = 2 * SECOND, /* not between the commands of one who is busy */
};

void imap_rest(struct imap *s)
{
	arena_done(&s->mem);
	deflate_rest(s->io);
	uidset_trim(&s->saved);
	if (s->user)
		box_user_rest(s->user);
}

static void wake(void *arg)
{
	struct imap *s = arg;
	s->news = true;
	if (s->waiting)
		co_nudge(s->co);
}

void imap_watch(struct imap *s, const int64_t *accounts, size_t n)
{
	box_unwatch(take(&s->watch));
	if (n > 0)
		s->watch = box_watch(s->service->boxes, accounts, n, wake, s);
	s->news = n > 0;
}

static void tell(struct imap *s)
{
	s->news = false;
	if (s->notify)
		imap_notify_tell(s);
	else
		imap_tell_news(s, true);
	s->told = NULL;
	s->fresh = NULL;
	arena_reset(&s->mem); /* of no command: IDLE has what it needs beside */
}

/* Waits once; true: something came or news woke it. *rested: it was long already. */
static bool wait_once(struct imap *s, instant deadline, bool *rested)
{
	struct err *e = &s->in.why;
	instant soon = instant_in(REST_AFTER);
	bool short_wait = !*rested && soon < deadline;
	io_set_deadline(s->io, short_wait ? soon : deadline);
	s->waiting = true;
	int got = io_fill(s->io, READ_MAX, e);
	s->waiting = false;
	if (got > 0)
		return true;
	if (got == 0) {
		err_set(e, ERR_CLOSED, "closed");
		return false;
	}
	if (e->kind != ERR_TIMEOUT || instant_now() >= deadline)
		return false;
	if (!s->news && !*rested && instant_now() >= soon) {
		imap_rest(s);
		*rested = true;
	}
	return true;
}

bool imap_wait(struct imap *s, instant deadline)
{
	bool rested = false;
	while (!s->ending && !s->lost) {
		if (s->hub->draining)
			return false;
		if (s->news) {
			tell(s);
			rested = false;
		}
		if (io_peek(s->io).n > 0)
			return true;
		io_set_deadline(s->io, instant_in(s->service->limits.command_time));
		if (io_flush(s->io, &s->in.why) < 0)
			return false;
		if (!wait_once(s, deadline, &rested))
			return false;
	}
	return false;
}

/* ---- IDLE */

static void idle(struct imap *s)
{
	int64_t account = s->view ? s->view->folder.account_id : 0;
	bool watching = s->notify != NULL; /* NOTIFY has its own set (RFC 5465 5.1) */
	AUTO(free) char *tag = mem_dup(s->tag.p, s->tag.n); /* the command's memory goes */
	slice line;
	s->tag.p = tag;
	s->in.p = s->in.end = "";
	s->idling = true;
	if (!watching)
		imap_watch(s, &account, s->view ? 1 : 0);
	bool came = imap_wait(s, instant_in(s->service->limits.idle_time));
	s->idling = false;
	if (!watching)
		imap_watch(s, NULL, 0);
	if (!came) {
		s->in.lost = true;
		imap_wrong(&s->in, "lost");
	} else if (!imap_raw_line(&s->in, &line)) {
		imap_complain(s);
	} else {
		s->in.ended = true;
		if (imap_is(line, "DONE"))
			imap_ok(s, NULL, "Idle no more");
		else
			imap_bad(s, "DONE is expected");
	}
}

void imap_cmd_idle(struct imap *s)
{
	if (!imap_end(&s->in)) {
		imap_complain(s);
		return;
	}
	imap_put(s, S("+ idling\r\n"));
	idle(s);
}
