/* Coroutines, conds, groups, timers, cancelling, stacks. */
#include "run/co.h"

#include "base/rand.h"
#include "base/test.h"
#include "run/loop.h"
#include "run/pool.h"
#include "run/sched.h"
#include "run/stack.h"
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

static void run(void (*fn)(void *), void *arg)
{
	loop_init();
	loop_main(fn, arg);
	loop_done();
}

/* ---- switching */

static int switches;

static void yielder(void *arg)
{
	volatile int *mine = arg;
	double kept = *mine * 1.5; /* lives across switches */
	for (int i = 0; i < 2000; i++) {
		switches++;
		co_yield();
		CHECK(kept == *mine * 1.5);
	}
}

static void start_yielders(void *arg)
{
	static int ids[50];
	struct group g;
	(void)arg;
	group_init(&g);
	for (int i = 0; i < 50; i++) {
		ids[i] = i;
		group_go(&g, "yielder", yielder, &ids[i]);
	}
	group_join(&g);
	CHECK_INT(switches, 50 * 2000);
}

TEST(many_coroutines_switch)
{
	run(start_yielders, NULL);
}

static int depth_reached;

static int dig(int depth)
{
	volatile char room[256];
	room[0] = (char)depth;
	if (depth == 0)
		co_yield();
	else
		depth_reached += dig(depth - 1);
	return room[0] == (char)depth;
}

static void digger(void *arg)
{
	(void)arg;
	dig(100);
}

static void churn(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		struct group g;
		group_init(&g);
		for (int k = 0; k < 20; k++)
			group_go(&g, "digger", digger, NULL);
		group_join(&g);
	}
	CHECK_INT(depth_reached, 200 * 20 * 100);
	CHECK_INT(stack_spare(), 20);
	stack_sweep(); /* the first only takes the watermark */
	stack_sweep();
	CHECK(stack_spare() < 20 && stack_spare() > 0);
}

TEST(stacks_are_recycled)
{
	run(churn, NULL);
}

/* ---- sleeping and timers */

static int order[4], n_order;

static void sleeper(void *arg)
{
	int ms = *(int *)arg;
	struct err e;
	CHECK_INT(co_sleep(instant_in(ms * MSEC), &e), 0);
	order[n_order++] = ms;
}

static void start_sleepers(void *arg)
{
	static int ms[] = {30, 10, 40, 20};
	struct group g;
	(void)arg;
	group_init(&g);
	instant before = instant_now();
	for (int i = 0; i < 4; i++)
		group_go(&g, "sleeper", sleeper, &ms[i]);
	group_join(&g);
	instant took = instant_now() - before;
	CHECK(took >= 40 * MSEC && took < 2 * SECOND);
	for (int i = 0; i < 4; i++)
		CHECK_INT(order[i], 10 * (i + 1));
}

TEST(sleepers_wake_in_order)
{
	run(start_sleepers, NULL);
}

TEST(timer_heap_is_ordered)
{
	static struct timer t[500];
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 500; i++)
			timer_set(&t[i], (instant)rand_below(1000));
		for (int i = 0; i < 500; i += 3)
			timer_set(&t[i], (instant)rand_below(1000));
		for (int i = 0; i < 500; i += 7)
			timer_clear(&t[i]);
		instant last = 0;
		int n = 0;
		for (struct timer *f; (f = timer_first()); n++) {
			CHECK(f->at >= last);
			last = f->at;
			timer_clear(f);
		}
		CHECK_INT(n, 500 - 72);
	}
	timer_forget_all();
}

/* A deadline that is pushed back again and again, then reached: the lazy timer must follow. */
static void push_deadlines(void *arg)
{
	struct cond *never = arg;
	struct err e;
	cond_init(never);
	for (int i = 0; i < 50; i++)
		CHECK(co_sleep(instant_in(1 * MSEC), &e) == 0);
	instant long_one = instant_in(40 * MSEC), before = instant_now();
	CHECK(cond_wait(never, instant_in(20 * MSEC), &e) < 0 && e.kind == ERR_TIMEOUT);
	CHECK(instant_now() - before >= 20 * MSEC);
	CHECK(cond_wait(never, long_one, &e) < 0 && e.kind == ERR_TIMEOUT);
	CHECK(instant_now() >= long_one);
	CHECK(cond_wait(never, loop_now() - 1, &e) < 0 && e.kind == ERR_TIMEOUT);
	CHECK(list_empty(&never->waiting));
}

TEST(deadlines_follow_lazily)
{
	struct cond c;
	run(push_deadlines, &c);
}

/* ---- cancel in every kind of wait */

static struct {
	struct cond cond;
	int fds[2];
	int ended;
	enum err_kind kinds[4];
} cancelled;

static void wait_cond(void *arg)
{
	struct err e;
	(void)arg;
	CHECK(cond_wait(&cancelled.cond, INSTANT_NEVER, &e) < 0);
	cancelled.kinds[0] = e.kind;
	CHECK(cond_wait(&cancelled.cond, INSTANT_NEVER, &e) < 0 && e.kind == ERR_CLOSED);
	cancelled.ended++;
}

static void wait_sleep(void *arg)
{
	struct err e;
	(void)arg;
	CHECK(co_sleep(instant_in(HOUR), &e) < 0);
	cancelled.kinds[1] = e.kind;
	cancelled.ended++;
}

static void wait_fd(void *arg)
{
	struct err e;
	(void)arg;
	CHECK(loop_wait_fd(cancelled.fds[0], EPOLLIN, INSTANT_NEVER, &e) < 0);
	cancelled.kinds[2] = e.kind;
	cancelled.ended++;
}

static void wait_group(void *arg)
{
	struct group g;
	(void)arg;
	group_init(&g);
	group_go(&g, "cond", wait_cond, NULL);
	group_go(&g, "sleep", wait_sleep, NULL);
	group_go(&g, "fd", wait_fd, NULL);
	group_join(&g);
	CHECK_INT(cancelled.ended, 3);
	cancelled.kinds[3] = co_cancelled() ? ERR_CLOSED : ERR_NONE;
}

static void slow_job(void *arg)
{
	usleep(30000);
	*(int *)arg = 1;
}

static void wait_pool(void *arg)
{
	pool_call(slow_job, arg);
	CHECK_INT(*(int *)arg, 1);
	cancelled.ended++;
}

static void cancel_all_kinds(void *arg)
{
	struct err e;
	static int job_ran;
	struct group g;
	(void)arg;
	cond_init(&cancelled.cond);
	CHECK(pipe2(cancelled.fds, O_NONBLOCK) == 0);
	group_init(&g);
	struct co *tree = group_go(&g, "group", wait_group, NULL);
	struct co *pooled = group_go(&g, "pool", wait_pool, &job_ran);
	CHECK(co_sleep(instant_in(5 * MSEC), &e) == 0);
	co_cancel(tree);
	co_cancel(tree);
	co_cancel(pooled); /* has no effect on work under way */
	group_join(&g);
	CHECK_INT(cancelled.ended, 4);
	for (int i = 0; i < 4; i++)
		CHECK_INT(cancelled.kinds[i], ERR_CLOSED);
	loop_forget_fd(cancelled.fds[0]);
	close(cancelled.fds[0]);
	close(cancelled.fds[1]);
}

TEST(cancel_ends_every_wait)
{
	loop_init();
	pool_init(2);
	loop_main(cancel_all_kinds, NULL);
	pool_done();
	loop_done();
}

static void born_cancelled(void *arg)
{
	struct err e;
	CHECK(co_sleep(instant_in(HOUR), &e) < 0 && e.kind == ERR_CLOSED);
	++*(int *)arg;
}

static void stopper(void *arg)
{
	struct err e;
	co_go("sleeper", born_cancelled, arg);
	co_yield();
	loop_stop();
	co_go("late", born_cancelled, arg);
	CHECK(co_sleep(instant_in(HOUR), &e) < 0 && e.kind == ERR_CLOSED);
}

TEST(stop_ends_everything)
{
	int ended = 0;
	loop_init();
	co_go("stopper", stopper, &ended);
	loop_run();
	loop_done();
	CHECK_INT(ended, 2);
}

/* ---- conds and groups */

static struct cond turnstile;
static int passed;

static void pass(void *arg)
{
	struct err e;
	(void)arg;
	CHECK_INT(cond_wait(&turnstile, INSTANT_NEVER, &e), 0);
	passed++;
}

static void wake_some(void *arg)
{
	struct group g;
	(void)arg;
	cond_init(&turnstile);
	cond_wake_one(&turnstile); /* nobody there: nothing happens */
	group_init(&g);
	group_join(&g); /* of none */
	for (int i = 0; i < 5; i++)
		group_go(&g, "pass", pass, NULL);
	co_yield();
	cond_wake_one(&turnstile);
	cond_wake_one(&turnstile);
	co_yield();
	CHECK_INT(passed, 2);
	cond_wake_all(&turnstile);
	group_join(&g);
	CHECK_INT(passed, 5);
}

TEST(cond_wakes_one_or_all)
{
	run(wake_some, NULL);
}

/* A wake is never lost on someone who is cancelled in the same round. */
static void wake_and_cancel(void *arg)
{
	struct group g;
	(void)arg;
	passed = 0;
	cond_init(&turnstile);
	group_init(&g);
	struct co *first = group_go(&g, "first", pass, NULL);
	co_yield();
	cond_wake_one(&turnstile);
	co_cancel(first);
	group_join(&g);
	CHECK_INT(passed, 1);
}

TEST(woken_before_cancelled_counts_as_woken)
{
	run(wake_and_cancel, NULL);
}

/* ---- nudge: one wait ends as by its deadline, the next ones are as ever */

static void wait_nudged(void *arg)
{
	struct err e;
	CHECK(cond_wait(arg, INSTANT_NEVER, &e) < 0 && e.kind == ERR_TIMEOUT);
	passed++;
	CHECK(cond_wait(arg, INSTANT_NEVER, &e) == 0);
	passed++;
}

static void nudge_one(void *arg)
{
	struct group g;
	struct cond c;
	(void)arg;
	passed = 0;
	cond_init(&c);
	group_init(&g);
	struct co *co = group_go(&g, "nudged", wait_nudged, &c);
	co_nudge(co); /* it does not wait yet: nothing */
	co_yield();
	CHECK_INT(passed, 0);
	co_nudge(co);
	co_yield();
	CHECK_INT(passed, 1);
	cond_wake_all(&c);
	group_join(&g);
	CHECK_INT(passed, 2);
}

TEST(nudge_ends_one_wait)
{
	run(nudge_one, NULL);
}

/* ---- trimming */

static size_t resident(void *low, size_t n)
{
	static unsigned char vec[1024];
	size_t pages = n / 4096, in = 0;
	CHECK(pages <= sizeof vec && mincore(low, n, vec) == 0);
	for (size_t i = 0; i < pages; i++)
		in += vec[i] & 1;
	return in;
}

static void dig_and_park(void *arg)
{
	struct err e;
	volatile int marker = 4711;
	dig(200);
	CHECK(cond_wait(arg, INSTANT_NEVER, &e) == 0);
	CHECK_INT(marker, 4711);
}

static void trim_parked(void *arg)
{
	struct cond c;
	struct group g;
	(void)arg;
	cond_init(&c);
	group_init(&g);
	struct co *co = group_go(&g, "parked", dig_and_park, &c);
	for (int i = 0; i < 4; i++)
		co_yield();
	size_t before = resident(co->stack_low, stack_size());
	CHECK(before >= 12);
	CHECK(sched_sweep(loop_now() + SECOND)); /* too early */
	CHECK_INT(resident(co->stack_low, stack_size()), before);
	sched_sweep(loop_now() + 6 * SECOND);
	CHECK(resident(co->stack_low, stack_size()) <= 3);
	cond_wake_all(&c);
	group_join(&g);
}

TEST(idle_stacks_are_trimmed)
{
	run(trim_parked, NULL);
}
