/*
 * The serving end of a link (link.h): reads frames, runs each request in a coroutine of its own, at
 * most LINK_SERVED_MAX at a time: then it reads no more and the callers wait.
 */
#include "run/link.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/co.h"
#include "run/link_wire.h"
#include "run/log.h"
#include "run/loop.h"
#include <errno.h>
#include <unistd.h>

struct link_server {
	const char *name;
	int fd;
	struct link_service service;
	struct co *reader; /* NULL: reads no more */
	unsigned served; /* requests under work */
	struct cond fewer;
};

struct link_request {
	struct link_server *server;
	uint32_t seq;
	bool answered;
	int fd;
	size_t n;
	char bytes[];
};

static void free_when_unused(struct link_server *s)
{
	if (s->reader || s->served > 0)
		return;
	loop_forget_fd(s->fd);
	close(s->fd);
	free(s);
}

static void request_run(void *arg)
{
	struct link_request *r = arg;
	struct link_server *s = r->server;
	s->service.request(s->service.arg, r, slice_of(r->bytes, r->n));
	must(r->answered);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
	s->served--;
	cond_wake_one(&s->fewer);
	free_when_unused(s);
}

static void request_go(struct link_server *s, const struct link_frame *f)
{
	struct link_request *r = mem_alloc(sizeof *r + f->payload.n);
	r->server = s;
	r->seq = f->seq;
	r->n = f->payload.n;
	r->fd = f->fd;
	memcpy(r->bytes, f->payload.p, f->payload.n);
	s->served++;
	co_go("link.request", request_run, r);
}

static void serve(void *arg)
{
	struct link_server *s = arg;
	struct link_frame f;
	struct err e;
	unsigned burst = 0;
	bool cancelled = false;
	while (!cancelled && link_frame_next(s->fd, &burst, &f) > 0) {
		if (f.type == LINK_CALL && s->service.request) {
			request_go(s, &f);
		} else {
			if (f.type == LINK_MESSAGE && s->service.message)
				s->service.message(s->service.arg, f.payload);
			if (f.fd >= 0)
				close(f.fd);
		}
		while (s->served >= LINK_SERVED_MAX && !cancelled)
			cancelled = cond_wait(&s->fewer, INSTANT_NEVER, &e) < 0;
	}
	if (s->service.closed)
		s->service.closed(s->service.arg);
	s->reader = NULL;
	free_when_unused(s);
}

struct link_server *link_serve(const char *name, int fd, const struct link_service *service)
{
	struct link_server *s = NEW(struct link_server);
	s->name = name;
	s->fd = fd;
	s->service = *service;
	cond_init(&s->fewer);
	s->reader = co_go("link.server", serve, s);
	return s;
}

void link_server_close(struct link_server *s)
{
	if (s->reader)
		co_cancel(s->reader);
}

int link_request_take_file(struct link_request *r)
{
	int fd = r->fd;
	r->fd = -1;
	return fd;
}

static void answer(struct link_request *r, const struct link_frame *f)
{
	must(!r->answered);
	r->answered = true;
	struct err e;
	instant give_up = instant_in(5 * SECOND);
	while (link_frame_send(r->server->fd, f, &e) < 0) {
		if (e.sys == EAGAIN && instant_now() < give_up &&
			co_sleep(instant_in(5 * MSEC), &e) == 0)
			continue;
		if (e.kind != ERR_CLOSED)
			log_warn(NULL, "link.answer", F("link", r->server->name), F("error", &e));
		return;
	}
}

void link_reply(struct link_request *r, slice reply)
{
	answer(r, &(struct link_frame){
			  .type = LINK_ANSWER, .seq = r->seq, .payload = reply, .fd = -1});
}

void link_refuse(struct link_request *r, const struct err *why)
{
	answer(r, &(struct link_frame){
			  .type = LINK_REFUSAL,
			  .kind = why->kind,
			  .seq = r->seq,
			  .payload = slice_z(why->text),
			  .fd = -1,
		  });
}
