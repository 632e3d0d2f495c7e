/*
 * cond and group: waiting for what other coroutines of the same loop do. No locks: only one
 * coroutine runs at a time and it gives up the processor nowhere but in a wait.
 */
#include "run/sched.h"

#include "base/must.h"

void cond_init(struct cond *c)
{
	list_init(&c->waiting);
}

int cond_wait(struct cond *c, instant deadline, struct err *e)
{
	struct co *co = co_self();
	must(co != NULL);
	list_append(&c->waiting, &co->link);
	return co_wake_err(co_park(deadline), e);
}

void cond_wait_firm(struct cond *c)
{
	struct co *co = co_self();
	must(co != NULL);
	list_append(&c->waiting, &co->link);
	co_park_firm();
}

void cond_wake_one(struct cond *c)
{
	if (!list_empty(&c->waiting))
		co_wake(list_entry(c->waiting.next, struct co, link), WAKE_EVENT);
}

void cond_wake_all(struct cond *c)
{
	while (!list_empty(&c->waiting))
		cond_wake_one(c);
}

void group_init(struct group *g)
{
	list_init(&g->members);
	g->n = 0;
	cond_init(&g->empty);
}

struct co *group_go(struct group *g, const char *name, void (*fn)(void *), void *arg)
{
	struct co *co = co_go(name, fn, arg);
	co->group = g;
	list_append(&g->members, &co->member);
	g->n++;
	return co;
}

void group_cancel(struct group *g)
{
	list_each(l, &g->members)
		co_cancel(list_entry(l, struct co, member));
}

void group_join(struct group *g)
{
	struct err e;
	while (g->n > 0)
		if (cond_wait(&g->empty, INSTANT_NEVER, &e) < 0)
			break; /* the caller was cancelled: so are its children */
	if (g->n > 0)
		group_cancel(g);
	while (g->n > 0)
		cond_wait_firm(&g->empty);
}
