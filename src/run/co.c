/*
 * Coroutines: starting, switching, parking and waking. The loop's stack resumes a coroutine, the
 * coroutine switches back when it parks; there is no other path. Waits on something are in
 * co_wait.c (cond, group) and loop_fd.c (descriptors); all of them end in co_park() here.
 */
#include "run/sched.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/arch.h"
#include "run/arch_san.h"
#include "run/loop.h"
#include "run/stack.h"

enum {
	TURNS_MAX = 32, /* operations without wait before others get a turn */
	TRIM_AFTER = 5 * SECOND, /* parked so long: its unused stack pages go back */
	TRIMS_A_SWEEP = 1000,
};

struct sched sched;
/* Thread-local, so that code in a pool thread is never mistaken for the coroutine it works for. */
static __thread struct co *current;

struct co *co_self(void)
{
	return current;
}

void sched_init(void)
{
	sched = (struct sched){0};
	list_init(&sched.ready);
	list_init(&sched.all);
	current = NULL;
}

static void switch_to_loop(struct co *co, bool for_ever)
{
	san_leave(for_ever ? NULL : &co->san_fake, sched.loop_low, sched.loop_size);
	arch_switch(&co->sp, sched.loop_sp);
	san_arrive(co->san_fake, &sched.loop_low, &sched.loop_size);
}

static void co_main(void)
{
	struct co *co = current;
	san_arrive(NULL, &sched.loop_low, &sched.loop_size);
	co->fn(co->arg);
	co->fn = NULL;
	switch_to_loop(co, true);
	__builtin_unreachable();
}

struct co *co_go(const char *name, void (*fn)(void *), void *arg)
{
	char *low = stack_get();
	struct co *co =
		(struct co *)((uintptr_t)(low + stack_size() - sizeof(struct co)) & ~(uintptr_t)15);
	*co = (struct co){.name = name,
		.fn = fn,
		.arg = arg,
		.stack_low = low,
		.deadline = INSTANT_NEVER,
		.cancelled = sched.stopping};
	co->sp = arch_prepare(co, co_main);
	list_init(&co->member);
	list_append(&sched.ready, &co->link);
	list_append(&sched.all, &co->all);
	sched.n++;
	return co;
}

static void leave_group(struct co *co)
{
	struct group *g = co->group;
	if (!g)
		return;
	list_remove(&co->member);
	if (--g->n == 0)
		cond_wake_all(&g->empty);
}

static void co_end(struct co *co)
{
	leave_group(co);
	timer_clear(&co->timer);
	list_remove(&co->all);
	sched.n--;
	stack_put(co->stack_low);
}

static void switch_to(struct co *co)
{
	current = co;
	san_leave(&sched.loop_fake, co->stack_low, (size_t)((char *)co - (char *)co->stack_low));
	arch_switch(&sched.loop_sp, co->sp);
	san_arrive(sched.loop_fake, NULL, NULL);
	current = NULL;
}

static void resume(struct co *co)
{
	co->state = CO_RUNNING;
	co->turns = 0;
	switch_to(co);
	while (co->call) {
		void (*fn)(void *) = take(&co->call);
		fn(co->call_arg);
		switch_to(co);
	}
	if (!co->fn)
		co_end(co);
}

void sched_call(void (*fn)(void *), void *arg)
{
	struct co *co = current;
	must(co != NULL);
	co->call = fn;
	co->call_arg = arg;
	switch_to_loop(co, false);
}

void sched_run(unsigned most)
{
	struct list *l;
	while (most-- > 0 && (l = list_shift(&sched.ready)))
		resume(list_entry(l, struct co, link));
}

/* One timer a coroutine, moved only when it would be too late: see timer.c. */
static void arm(struct co *co, instant deadline)
{
	co->deadline = deadline;
	if (deadline != INSTANT_NEVER && (co->timer.pos == 0 || co->timer.at > deadline))
		timer_set(&co->timer, deadline);
}

enum wake co_park(instant deadline)
{
	struct co *co = current;
	must(co != NULL);
	if (co->cancelled || deadline <= loop_now()) {
		list_remove(&co->link);
		return co->cancelled ? WAKE_CANCEL : WAKE_TIMEOUT;
	}
	co->state = CO_PARKED;
	co->parked_at = loop_now();
	co->trimmed = false;
	arm(co, deadline);
	switch_to_loop(co, false);
	co->deadline = INSTANT_NEVER;
	return co->wake;
}

void co_park_firm(void)
{
	struct co *co = current;
	must(co != NULL);
	co->state = CO_PARKED;
	co->parked_at = loop_now();
	co->trimmed = false;
	co->firm = true;
	switch_to_loop(co, false);
	co->firm = false;
}

void co_wake(struct co *co, enum wake why)
{
	must(co->state == CO_PARKED);
	co->state = CO_READY;
	co->wake = why;
	list_remove(&co->link);
	list_append(&sched.ready, &co->link);
}

int co_wake_err(enum wake why, struct err *e)
{
	if (why == WAKE_EVENT)
		return 0;
	if (why == WAKE_TIMEOUT)
		return err_set(e, ERR_TIMEOUT, "timed out");
	return err_set(e, ERR_CLOSED, "cancelled");
}

void co_cancel(struct co *co)
{
	co->cancelled = true;
	if (co->state == CO_PARKED && !co->firm)
		co_wake(co, WAKE_CANCEL);
}

bool co_cancelled(void)
{
	return current && current->cancelled;
}

void co_nudge(struct co *co)
{
	if (co->state == CO_PARKED && !co->firm)
		co_wake(co, WAKE_TIMEOUT);
}

void sched_cancel_all(void)
{
	list_each(l, &sched.all)
		co_cancel(list_entry(l, struct co, all));
}

int co_sleep(instant until, struct err *e)
{
	enum wake why = co_park(until);
	return why == WAKE_TIMEOUT ? 0 : co_wake_err(why, e);
}

void co_yield(void)
{
	struct co *co = current;
	must(co != NULL);
	co->state = CO_READY;
	list_append(&sched.ready, &co->link);
	switch_to_loop(co, false);
}

int co_breathe(instant deadline, struct err *e)
{
	struct co *co = current;
	if (!co || ++co->turns < TURNS_MAX)
		return 0;
	co_yield();
	if (co->cancelled)
		return co_wake_err(WAKE_CANCEL, e);
	return deadline <= loop_now() ? co_wake_err(WAKE_TIMEOUT, e) : 0;
}

void co_set_card(struct co_card card)
{
	must(current != NULL);
	current->card = card;
}

static struct co *first_timer(void)
{
	struct timer *t = timer_first();
	return t ? (struct co *)((char *)t - offsetof(struct co, timer)) : NULL;
}

instant sched_next_timer(void)
{
	struct timer *t = timer_first();
	return t ? t->at : INSTANT_NEVER;
}

void sched_fire_timers(instant now)
{
	struct co *co;
	while ((co = first_timer()) && co->timer.at <= now) {
		if (co->state != CO_PARKED || co->deadline == INSTANT_NEVER) {
			timer_clear(&co->timer);
		} else if (co->deadline > now) {
			timer_set(&co->timer, co->deadline);
		} else {
			timer_clear(&co->timer);
			co_wake(co, WAKE_TIMEOUT);
		}
	}
}

bool sched_sweep(instant now)
{
	unsigned trims = 0;
	bool more = false;
	list_each(l, &sched.all) {
		struct co *co = list_entry(l, struct co, all);
		if (co->state != CO_PARKED || co->trimmed)
			continue;
		if (now - co->parked_at < TRIM_AFTER || trims == TRIMS_A_SWEEP) {
			more = true;
			continue;
		}
		stack_trim(co->stack_low, co->sp);
		co->trimmed = true;
		trims++;
	}
	stack_sweep();
	return more || stack_spare() > 0;
}
