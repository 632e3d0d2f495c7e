/*
 * Engines behind sockets (engine.h): a connection for each message, because engines end a connection over a
 * message that they choke on. Called by engine.c.
 */
#include "bin/engine.h"

#include "base/mem.h"
#include "proto/clamd/clamd.h"
#include "run/memfile.h"

#define CONNECT_TIME (5 * SECOND)

static int dial(const struct engine *g, instant deadline, struct io **ret, struct err *e)
{
	instant soon = instant_in(CONNECT_TIME);
	if (net_connect(&g->addr, NULL, soon < deadline ? soon : deadline, ret, e) < 0)
		return -1;
	io_set_deadline(*ret, deadline);
	return 0;
}

/* ---- clamd ---- */

/* clamd reads a descriptor from its beginning: the file that came has more in it. */
static int scan_descriptor(
	struct io *io, slice bytes, struct arena *a, struct clamd_answer *ret, struct err *e)
{
	AUTO(fd) int fd = memfile_of("message", bytes, e);
	return fd < 0 ? -1 : clamd_scan_file(io, fd, a, ret, e);
}

static int look_clamd(struct engine *g, struct io *io, const struct engine_look *q, struct arena *a,
	struct engine_found *ret, struct err *e)
{
	struct clamd_answer w;
	int r = g->conf->by == ENGINE_BY_DESCRIPTOR ? scan_descriptor(io, q->bytes, a, &w, e)
						    : clamd_scan_stream(io, q->bytes, a, &w, e);
	if (r == 0)
		*ret = (struct engine_found){w.infected, w.virus};
	return r;
}

/* ---- all ---- */

int engine_net_look(struct engine *g, const struct engine_look *q, struct arena *a,
	struct engine_found *ret, bool *ret_began, struct err *e)
{
	AUTO(io) struct io *io = NULL;
	if (dial(g, q->deadline, &io, e) < 0)
		return -1;
	*ret_began = true;
	return look_clamd(g, io, q, a, ret, e);
}

int engine_net_version(
	struct engine *g, instant deadline, struct arena *a, slice *ret, struct err *e)
{
	AUTO(io) struct io *io = NULL;
	if (dial(g, deadline, &io, e) < 0)
		return -1;
	return clamd_version(io, a, ret, e);
}
