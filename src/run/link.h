/*
 * link: messages between two of our processes over a SOCK_SEQPACKET pair that the master handed
 * out. The asking end (struct link) survives its peer: when a process is replaced the master sends
 * the others a new descriptor. The serving end answers requests, each in a coroutine of its own.
 *
 *	edge:  link_attach(auth, fd);   link_call(auth, request, deadline, &arena, &reply, &e)
 *	auth:  link_serve(fd, &service)
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/time.h"

enum {
	LINK_MESSAGE_MAX = 128 * 1024, /* bytes of one message */
	LINK_CALLS_MAX = 8192, /* requests of one link that wait for their answers */
	LINK_SERVED_MAX = 4096, /* requests under work in a serving end; then it reads no more */
};

/* Two connected ends, close-on-exec, with large buffers. */
int link_pair(int ret_fds[2], struct err *e);

/* ---- the asking end ---- */

struct link;
struct link *link_new(const char *name);
/* Takes fd over; calls that wait on an earlier descriptor fail with ERR_TEMP. */
void link_attach(struct link *l, int fd);
void link_free(struct link *l); /* no calls may be under way */
bool link_up(const struct link *l);

/* A message that needs no answer. Never waits: false when the link is down or full. */
bool link_send(struct link *l, slice message);
/* Sends and waits for the answer, in any order among calls. While the link is down waits for a new
 * one. ERR_TEMP (peer went away, overload), ERR_TIMEOUT, ERR_CLOSED (cancelled), ERR_LIMIT (too
 * large), or what the peer answered with link_refuse. */
int link_call(struct link *l, slice request, instant deadline, struct arena *a, slice *ret_reply,
	struct err *e);
/* The same, with a file (borrowed) that the peer gets a descriptor of. */
int link_call_file(struct link *l, slice request, int fd, instant deadline, struct arena *a,
	slice *ret_reply, struct err *e);

/* ---- the serving end ---- */

struct link_request; /* valid until the handler returns */
struct link_service {
	/* Called inline, must not wait. NULL: such messages are dropped. */
	void (*message)(void *arg, slice message);
	/* Called in a coroutine of its own, may wait. Must call link_reply or link_refuse once. */
	void (*request)(void *arg, struct link_request *r, slice request);
	/* The other end went away. NULL is fine. */
	void (*closed)(void *arg);
	void *arg;
};
/* Serves until the other end closes or link_server_close. Takes fd over; service is copied. */
struct link_server;
struct link_server *link_serve(const char *name, int fd, const struct link_service *service);
/* Reads no more; requests under work still answer. The server frees itself after the last. */
void link_server_close(struct link_server *s);
/* The file that came with a request, or -1; what is not taken is closed with the request. */
int link_request_take_file(struct link_request *r);
void link_reply(struct link_request *r, slice reply);
void link_refuse(struct link_request *r, const struct err *why);
