/*
 * Asking the engine process (engines.h). Called by the edges and by the keeper. A process that dies over a
 * message, or is replaced by a reload, is asked once more; then it has failed, and what its engines
 * demand for that case comes from the configuration of whoever asks.
 */
#include "bin/engines.h"

#include "base/mem.h"
#include "bin/engine_wire.h"
#include "run/link.h"
#include "run/log.h"

enum { TRIES = 2 };
#define WITHOUT_PROCESS (10 * SECOND) /* so long a process that is not there is waited for */

struct engines {
	struct link *link;
	unsigned purposes, hold, defer; /* bits: engines that are for it, and what they demand */
	int64_t keep;
};

struct engines *engines_new(const struct conf *c)
{
	struct engines *e = NEW(struct engines);
	e->link = link_new("engine");
	engines_configure(e, c);
	return e;
}

void engines_free(struct engines *e)
{
	if (!e)
		return;
	link_free(e->link);
	free(e);
}

void engines_configure(struct engines *e, const struct conf *c)
{
	e->purposes = e->hold = e->defer = 0;
	e->keep = ((const struct engines_conf *)conf_get(c, &engines_section))->keep;
	unsigned n = 0;
	for (size_t i = 0; i < conf_count(c, &engine_section) && n < ENGINES_MAX; i++) {
		slice name;
		const struct engine_conf *v = conf_nth(c, &engine_section, i, &name);
		unsigned purposes = engine_purposes(v);
		n += v->enabled;
		e->purposes |= purposes;
		e->hold |= v->down == ENGINE_DOWN_HOLD ? purposes : 0;
		e->defer |= v->down == ENGINE_DOWN_DEFER ? purposes : 0;
	}
}

void engines_link(struct engines *e, int fd)
{
	link_attach(e->link, fd);
}

bool engines_any(const struct engines *e, enum engine_purpose purpose)
{
	return e && e->purposes & purpose;
}

int64_t engines_keep(const struct engines *e)
{
	return engines_any(e, ENGINE_AGAIN) ? e->keep : 0;
}

static void fail(const struct engines *e, const struct engines_asked *q, const struct err *why,
	struct arena *a, struct engines_answer *ret)
{
	*ret = (struct engines_answer){
		.failed = arena_printf(a, "engine process: %s", why->text),
		.hold = e->hold & q->purpose,
		.defer = e->defer & q->purpose,
	};
}

/* While it starts it is waited for; one that does not come up shall not use up all time. */
static instant patience(const struct engines *e, const struct engines_asked *q)
{
	instant soon = instant_in(WITHOUT_PROCESS);
	return link_up(e->link) || soon > q->deadline ? q->deadline : soon;
}

static int call(struct engines *e, const struct engines_asked *q, struct arena *a,
	struct engines_answer *ret, struct err *err)
{
	AUTO(buf) struct buf request = BUF(ENGINE_WIRE_MAX);
	instant until = patience(e, q);
	const struct engine_request r = {.ask = ENGINE_SCAN,
		.purpose = q->purpose,
		.from = q->from,
		.size = q->size,
		.within = until - instant_now(),
		.name = q->name};
	slice reply;
	engine_request_encode(&request, &r);
	/* The role answers in time by itself; what lies beyond is for a role that hangs. */
	if (link_call_file(e->link, buf_slice(&request), q->fd, until + SECOND, a, &reply, err) < 0)
		return -1;
	return engine_answer_decode(reply, ret) ? 0 : err_set(err, ERR_PROTO, "a damaged answer");
}

void engines_ask(struct engines *e, const struct engines_asked *q, struct arena *a,
	struct engines_answer *ret)
{
	struct err why;
	*ret = (struct engines_answer){.none = true};
	if (!engines_any(e, q->purpose))
		return;
	for (unsigned i = 0; i < TRIES; i++) {
		if (call(e, q, a, ret, &why) == 0)
			return;
		log_warn(NULL, "engine.failed", F("try", i + 1), F("error", &why));
		if (why.kind != ERR_TEMP)
			break;
	}
	fail(e, q, &why, a, ret);
}

static slice joined(slice one, slice two, struct arena *a)
{
	if (!one.n || !two.n || slice_find(one, two) < one.n)
		return one.n ? one : two;
	return arena_printf(a, "%.*s, %.*s", SFMT(one), SFMT(two));
}

void engines_answer_add(
	struct engines_answer *to, const struct engines_answer *more, struct arena *a)
{
	to->infected |= more->infected;
	to->hold |= more->hold;
	to->defer |= more->defer;
	to->none &= more->none;
	to->virus = joined(to->virus, more->virus, a);
	to->failed = joined(to->failed, more->failed, a);
}

uint64_t engines_version(struct engines *e, instant deadline)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf request = BUF(ENGINE_WIRE_MAX);
	const struct engine_request r = {.ask = ENGINE_VERSION};
	struct err why;
	slice reply;
	uint64_t version = 0;
	if (!engines_any(e, ENGINE_AGAIN))
		return 0;
	engine_request_encode(&request, &r);
	if (link_call(e->link, buf_slice(&request), deadline, &a, &reply, &why) == 0 &&
		reply.n == sizeof version)
		memcpy(&version, reply.p, sizeof version);
	return version;
}
