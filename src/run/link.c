/*
 * The asking end of a link (link.h): messages and calls to another process, which may be replaced
 * at any time. A reader coroutine per descriptor hands answers to the calls that wait for them.
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

struct call {
	uint32_t seq;
	bool done;
	struct cond woken;
	struct arena *mem;
	slice reply;
	struct err error; /* kind ERR_NONE: reply is good */
};

/* A call's sequence number: its slot, and above a count that makes it unique. */
enum { SLOT_BITS = 13, SLOT_MASK = (1 << SLOT_BITS) - 1 };
_Static_assert(1 << SLOT_BITS == LINK_CALLS_MAX, "a slot number fits its bits");

struct reader; /* of one descriptor */

struct link {
	const char *name;
	int fd; /* -1: down */
	struct reader *reader;
	struct cond came_up;
	struct call **slots;
	uint16_t *unused; /* stack of free slots */
	size_t nslots, nunused;
	uint32_t count;
};

struct reader {
	struct link *link; /* NULL: abandoned */
	int fd;
	struct co *co;
};

struct link *link_new(const char *name)
{
	struct link *l = NEW(struct link);
	l->name = name;
	l->fd = -1;
	cond_init(&l->came_up);
	return l;
}

bool link_up(const struct link *l)
{
	return l->fd >= 0;
}

static void grow_slots(struct link *l)
{
	size_t n = l->nslots ? l->nslots * 2 : 64;
	l->slots = mem_grow(l->slots, n * sizeof *l->slots);
	l->unused = mem_grow(l->unused, n * sizeof *l->unused);
	for (size_t i = n; i-- > l->nslots;) {
		l->slots[i] = NULL;
		l->unused[l->nunused++] = (uint16_t)i;
	}
	l->nslots = n;
}

static bool slot_take(struct link *l, struct call *c)
{
	if (l->nunused == 0 && l->nslots == LINK_CALLS_MAX)
		return false;
	if (l->nunused == 0)
		grow_slots(l);
	uint16_t slot = l->unused[--l->nunused];
	c->seq = ++l->count << SLOT_BITS | slot;
	l->slots[slot] = c;
	return true;
}

static void slot_give_back(struct link *l, const struct call *c)
{
	uint16_t slot = c->seq & SLOT_MASK;
	must(l->slots[slot] == c);
	l->slots[slot] = NULL;
	l->unused[l->nunused++] = slot;
}

static void call_end(struct call *c)
{
	c->done = true;
	cond_wake_all(&c->woken);
}

static void answered(struct link *l, const struct link_frame *f)
{
	size_t slot = f->seq & SLOT_MASK;
	struct call *c = slot < l->nslots ? l->slots[slot] : NULL;
	if (!c || c->seq != f->seq || c->done)
		return; /* its caller gave up */
	if (f->type == LINK_ANSWER)
		c->reply = arena_dup(c->mem, f->payload);
	else
		err_set(&c->error, f->kind, "%.*s", SFMT(f->payload));
	call_end(c);
}

/* The peer is gone: whoever waits for an answer will not get it. */
static void hang_up(struct link *l)
{
	l->fd = -1;
	l->reader = NULL;
	for (size_t i = 0; i < l->nslots; i++) {
		struct call *c = l->slots[i];
		if (!c || c->done)
			continue;
		err_set(&c->error, ERR_TEMP, "%s: the process was replaced", l->name);
		call_end(c);
	}
}

static void read_answers(void *arg)
{
	struct reader *r = arg;
	struct link_frame f;
	unsigned burst = 0;
	while (link_frame_next(r->fd, &burst, &f) > 0) {
		if (f.fd >= 0)
			close(f.fd); /* answers have none */
		if (!r->link)
			break;
		answered(r->link, &f);
	}
	loop_forget_fd(r->fd);
	close(r->fd);
	if (r->link)
		hang_up(r->link);
	free(r);
}

static void abandon(struct link *l)
{
	if (!l->reader)
		return;
	l->reader->link = NULL;
	co_cancel(l->reader->co);
	hang_up(l);
}

void link_attach(struct link *l, int fd)
{
	abandon(l);
	struct reader *r = NEW(struct reader);
	*r = (struct reader){.link = l, .fd = fd};
	l->fd = fd;
	l->reader = r;
	r->co = co_go("link.reader", read_answers, r);
	cond_wake_all(&l->came_up);
}

void link_free(struct link *l)
{
	if (!l)
		return;
	abandon(l);
	must(l->nunused == l->nslots);
	free(l->slots);
	free(l->unused);
	free(l);
}

bool link_send(struct link *l, slice message)
{
	struct err e;
	const struct link_frame f = {.type = LINK_MESSAGE, .payload = message, .fd = -1};
	return l->fd >= 0 && link_frame_send(l->fd, &f, &e) == 0;
}

/* Puts the request on its way, however long the link is down or full. */
static int call_send(struct link *l, const struct link_frame *f, instant deadline, struct err *e)
{
	for (;;) {
		while (l->fd < 0)
			if (cond_wait(&l->came_up, deadline, e) < 0)
				return err_wrap(e, "%s", l->name);
		if (link_frame_send(l->fd, f, e) == 0)
			return 0;
		if (e->kind == ERR_LIMIT)
			return -1;
		if (instant_now() >= deadline)
			return err_set(e, ERR_TIMEOUT, "%s: overloaded", l->name);
		if (co_sleep(instant_in(5 * MSEC), e) < 0)
			return -1;
	}
}

static int call_wait(struct link *l, struct call *c, instant deadline, struct err *e)
{
	while (!c->done)
		if (cond_wait(&c->woken, deadline, e) < 0)
			return err_wrap(e, "%s", l->name);
	if (c->error.kind == ERR_NONE)
		return 0;
	*e = c->error;
	return -1;
}

int link_call(struct link *l, slice request, instant deadline, struct arena *a, slice *ret_reply,
	struct err *e)
{
	return link_call_file(l, request, -1, deadline, a, ret_reply, e);
}

int link_call_file(struct link *l, slice request, int fd, instant deadline, struct arena *a,
	slice *ret_reply, struct err *e)
{
	struct call c = {.mem = a};
	cond_init(&c.woken);
	if (!slot_take(l, &c))
		return err_set(e, ERR_TEMP, "%s: too many calls", l->name);
	const struct link_frame f = {.type = LINK_CALL, .seq = c.seq, .payload = request, .fd = fd};
	int r = call_send(l, &f, deadline, e);
	if (r == 0)
		r = call_wait(l, &c, deadline, e);
	slot_give_back(l, &c);
	if (r == 0)
		*ret_reply = c.reply;
	return r;
}
