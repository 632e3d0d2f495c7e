/*
 * Engines behind sockets (engine.h): a connection for each message, because engines end a connection over a
 * message that they choke on. Called by engine.c.
 */
#include "bin/engine_command.h"

#include "base/mem.h"
#include "proto/clamd/clamd.h"
#include "proto/icap/icap.h"
#include "run/memfile.h"

#define CONNECT_TIME (5 * SECOND)

/* Unix sockets are opened by the hand: the sandbox allows none. The command line has no sandbox. */
static int dial_local(const struct engine *g, instant until, struct io **ret, struct err *e)
{
	char text[NET_TEXT_MAX];
	int fd;
	net_print(&g->addr, text);
	if (engine_hand_connect(g->hand, g->index, until, &fd, e) < 0)
		return err_wrap(e, "%s", text);
	*ret = io_plain(fd);
	return 0;
}

static int dial(const struct engine *g, instant deadline, struct io **ret, struct err *e)
{
	instant soon = instant_in(CONNECT_TIME), until = soon < deadline ? soon : deadline;
	bool local = g->addr.ss.ss_family == AF_UNIX && g->hand;
	if ((local ? dial_local(g, until, ret, e) : net_connect(&g->addr, NULL, until, ret, e)) < 0)
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

/* ---- ICAP ---- */

static struct icap_target target(const struct engine *g, char host[NET_TEXT_MAX])
{
	net_print(&g->addr, host);
	return (struct icap_target){slice_z(host), g->service};
}

static int look_icap(struct engine *g, struct io *io, const struct engine_look *q, struct arena *a,
	struct engine_found *ret, struct err *e)
{
	char host[NET_TEXT_MAX];
	const struct icap_target t = target(g, host);
	const struct icap_question k = {.bytes = q->bytes,
		.name = q->name,
		.reqmod = g->conf->method == ENGINE_REQMOD,
		.preview = g->conf->preview ? g->preview : -1};
	struct icap_answer w;
	if (icap_ask(io, &t, &k, a, &w, e) < 0)
		return -1;
	*ret = (struct engine_found){w.infected, w.virus};
	return 0;
}

static int ask_options(struct engine *g, struct io *io, struct arena *a, slice *ret, struct err *e)
{
	char host[NET_TEXT_MAX];
	const struct icap_target t = target(g, host);
	struct icap_options o;
	bool reqmod = g->conf->method == ENGINE_REQMOD;
	if (icap_options(io, &t, a, &o, e) < 0)
		return -1;
	if ((o.respmod || o.reqmod) && !(reqmod ? o.reqmod : o.respmod))
		return err_set(e, ERR_PERM, "the ICAP service does not offer %s",
			reqmod ? "REQMOD" : "RESPMOD");
	g->preview = o.preview;
	*ret = arena_printf(a, "%.*s %.*s", SFMT(o.version), SFMT(o.server));
	return 0;
}

/* ---- all ---- */

int engine_net_look(struct engine *g, const struct engine_look *q, struct arena *a,
	struct engine_found *ret, bool *ret_began, struct err *e)
{
	AUTO(io) struct io *io = NULL;
	if (dial(g, q->deadline, &io, e) < 0)
		return -1;
	*ret_began = true;
	return g->conf->type == ENGINE_ICAP ? look_icap(g, io, q, a, ret, e)
					    : look_clamd(g, io, q, a, ret, e);
}

int engine_net_version(
	struct engine *g, instant deadline, struct arena *a, slice *ret, struct err *e)
{
	AUTO(io) struct io *io = NULL;
	if (dial(g, deadline, &io, e) < 0)
		return -1;
	return g->conf->type == ENGINE_ICAP ? ask_options(g, io, a, ret, e)
					    : clamd_version(io, a, ret, e);
}
